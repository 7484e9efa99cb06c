"""Subgradients and one-sided derivatives at the price of a gradient."""

from steepest.subgradient._directional import directional_derivative as directional_derivative
from steepest.subgradient._subgradient import subgradient as subgradient
