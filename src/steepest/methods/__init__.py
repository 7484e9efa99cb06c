"""The lecture's methods, in its parametrisation, as Optax gradient transformations."""

from steepest.methods._gradient_descent import gradient_descent as gradient_descent
