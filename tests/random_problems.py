"""Random problems with known constants, for the theorems."""

import numpy as np
from hypothesis import settings, strategies as st_

import steepest as st

SEEDS = st_.integers(0, 2**16)


def few(count: int) -> settings:
    """So many examples of the short profile's four, where each compiles a problem of its own; the
    same share of the long profile's."""
    whole = settings().max_examples
    return settings(max_examples=max(1, whole * count // 4))


def quadratic(seed, d=4, condition=30.0, scale=1.0, shift=1.0):
    """(problem, A, minimiser): ½(x − c)ᵀA(x − c) written as ½xᵀAx − bᵀx."""
    rng = np.random.default_rng(seed)
    Q, _ = np.linalg.qr(rng.standard_normal((d, d)))
    A = scale * (Q * np.geomspace(1, condition, d)) @ Q.T
    A = (A + A.T) / 2
    c = shift * rng.standard_normal(d)
    b = A @ c
    f = lambda x: 0.5 * x @ A @ x - b @ x
    return st.Problem(f, c + rng.standard_normal(d)), A, c
