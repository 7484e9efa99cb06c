"""Exponents in floating point, read as the fractions they stand for."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import jax.numpy as jnp
import numpy as np

from steepest.homogeneity._form import Coefficient


def read_exponent(p: float, dtype: Any, ulps: int = 1) -> Coefficient | None:
    """p as the rational number it stands for: within one ulp of its type, denominator ≤ 64.

    None where p is no number. The jaxpr of x^{1/3} holds 0.33333334.
    """
    if not np.isfinite(p):
        return None
    exact = Fraction(p)
    near = exact.limit_denominator(64)
    narrow = dtype if jnp.issubdtype(dtype, np.floating) else np.float32
    ulp = float(jnp.finfo(narrow).eps) * 2.0 ** np.floor(np.log2(abs(p))) if p else 0.0
    if abs(near - exact) <= ulps * Fraction(ulp):
        exact = near
    return exact.numerator if exact.denominator == 1 else exact
