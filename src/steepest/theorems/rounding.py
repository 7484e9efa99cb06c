"""How much a computed inequality may be off: the rounding of the numbers in it.

f itself is computed with an error that depends on how its terms cancel, which no bound in terms of
|f| can know. So the noise is measured where it matters: at four points a few units in the last
place apart, the third difference of a smooth function vanishes and what is left is rounding (Moré
and Wild 2011, "Estimating computational noise", SIAM J. Sci. Comput. 33).

Terms that are large beside the spacing of the four points may all round alike there, or not at all.
So the program is run with its own roundings drawn at random, too, which knows of every term.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from steepest.homogeneity import with_rounding
from steepest.theorems.vectors import norm

EPS = float(np.finfo(np.float64).eps)
SMALLEST = float(np.finfo(np.float64).tiny)  # below it numbers are flushed to zero
SIX_DIGITS = 1e-6  # a given constant stands for one that it is to these: as printed, or a float32
_SPREAD = 4  # the half-width of the window over which the noise of neighbouring steps is pooled
_SAFETY = 8.0
# A drawing moves each number by two to six times the most that rounding does. Both of two may all
# but cancel, though: to a quarter of what rounding does in less than one case of a thousand.
_FEW_DRAWINGS = 4.0


def drawn_rounding(function: Callable[..., Any], *args: Any) -> Any:
    """How far an array that `function` computes may be off, in length, by drawn roundings.

    For `Program.in_double`: it knows of terms that cancel, also where each of them is exact.
    """
    return _FEW_DRAWINGS * norm([with_rounding(function, *args, lost=SMALLEST)[1]])


def underflow(values: Float[np.ndarray, " n"]) -> bool:
    """Whether values of f are all so small that their digits are lost below float64's range."""
    return bool(np.max(np.abs(values), initial=0.0) < SMALLEST / EPS)


def third_difference(f: Callable[[Any], Any], leaves: list[Any], width: float = 1.0) -> Any:
    """f's third difference over a few units in the last place at x: one sample of its noise."""
    largest = jnp.stack([jnp.abs(leaf).max(initial=0) for leaf in leaves]).max()

    def ulps(leaf: Any) -> Any:
        size = jnp.maximum(jnp.abs(leaf), largest / 1024)
        exponent = jnp.where(size > 0, jnp.ceil(jnp.log2(jnp.where(size > 0, size, 1.0))), -1000.0)
        return 4 * width * EPS * jnp.exp2(exponent)

    steps = [ulps(leaf) for leaf in leaves]
    at = lambda k: f([leaf + k * step for leaf, step in zip(leaves, steps, strict=True)])
    v = jax.vmap(at)(jnp.arange(4.0))
    return v[3] - 3 * v[2] + 3 * v[1] - v[0]


def noise(
    differences: Float[np.ndarray, " n"], drawn: Float[np.ndarray, " n"] | float = 0.0
) -> Float[np.ndarray, " n"]:
    """The noise of f at each step, from third differences there and at the neighbouring steps.

    And not below `drawn`, what `drawn_rounding` gives there.
    """
    if not len(differences):
        return np.zeros(0)
    # Extended precision for its range: the square of a number of float64 may be none.
    finite = np.where(np.isfinite(differences), differences, 0.0).astype(np.longdouble)
    squares = finite**2 / 20  # 1 + 9 + 9 + 1
    width = min(2 * _SPREAD + 1, len(squares))
    pooled = np.convolve(squares, np.ones(width, np.longdouble) / width, mode="same")
    seen = (_SAFETY * np.sqrt(np.maximum(pooled, squares))).astype(np.float64)
    return np.maximum(seen, np.where(np.isfinite(drawn), drawn, 0.0))
