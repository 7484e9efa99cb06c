"""Subgradients and one-sided derivatives at the price of a gradient."""

from steepest.subgradient import _frames as _frames
from steepest.subgradient._directional import directional_derivative as directional_derivative
from steepest.subgradient._subgradient import (
    UnprovedError as UnprovedError,
    subgradient as subgradient,
)
