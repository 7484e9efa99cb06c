"""The Clarke differential of a JAX program."""

from steepest.clarke._clarke import clarke as clarke
from steepest.clarke._differential import (
    ClarkeDifferential as ClarkeDifferential,
    Piece as Piece,
)
