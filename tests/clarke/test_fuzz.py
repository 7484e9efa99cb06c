"""Random piecewise-linear programs against exact rational arithmetic: not one false statement."""

import os

import numpy as np
import pytest

from steepest.clarke import ClarkeDifferential, clarke
from steepest.convex import Empty

from .exact_oracle import feasible, gradients, random_expression, run_jax

LONG = os.environ.get("STEEPEST_PROFILE") == "long"
SHAPES, DRAWS = (500, 20) if LONG else (30, 10)
MOST_PIECES = 200  # of the oracle, which lists them all


def agree(D: ClarkeDifferential, truth: np.ndarray, rng: np.random.Generator) -> None:
    """inner ⊆ conv(truth) ⊆ outer, by supports; equal where exact."""
    d = truth.shape[1]
    directions = np.concatenate([rng.standard_normal((40, d)), np.eye(d), -np.eye(d)])
    wanted = (directions @ truth.T).max(axis=1)
    outer = np.array([D.outer.support(v) for v in directions])
    assert np.all(wanted <= outer + 1e-6)
    if not isinstance(D.inner, Empty):
        inner = np.array([D.inner.support(v) for v in directions])
        assert np.all(inner <= wanted + 1e-6)
    if D.exact:
        np.testing.assert_allclose(outer, wanted, atol=1e-6)


@pytest.mark.parametrize("shape", range(SHAPES))
def test_piecewise_linear_programs(shape):
    rng = np.random.default_rng(shape)
    d = int(rng.integers(1, 5 if LONG else 4))
    expression, count = random_expression(rng, d, int(rng.integers(1, 7 if LONG else 6)))
    dtype = np.float64 if shape % 3 == 0 else np.float32
    for _ in range(DRAWS):
        constants = rng.choice([-2, -1, -0.5, 0.5, 1, 2], size=max(count, 1))
        x = rng.choice([0, 0, 0, 1, -1, 0.5], size=d)
        truth = gradients(expression, x, constants)
        if len(truth) > MOST_PIECES:
            continue
        D = clarke(lambda x, c=constants: run_jax(expression, x, c))(np.asarray(x, dtype))
        agree(D, truth, rng)
        assert D.exact, (expression, constants, x, D)


def test_the_oracle_on_closed_forms():
    x = np.zeros(2)
    absolute = lambda i: ("abs", ("x", i))
    found = gradients(("sub", absolute(0), absolute(1)), x, np.ones(1))
    assert sorted(map(tuple, found)) == [(-1, -1), (-1, 1), (1, -1), (1, 1)]
    relu_twice = ("sub", ("relu", ("x", 0)), ("relu", ("scale", 0, ("x", 0))))
    found = gradients(relu_twice, x, -np.ones(1))
    assert sorted(map(tuple, found)) == [(1, 0)]


def test_the_oracle_decides_cells():
    from fractions import Fraction

    form = lambda *a: tuple(Fraction(v) for v in a)
    assert feasible([form(1, 0), form(0, 1), form(1, 1)])
    assert not feasible([form(1, 0), form(-1, 0)])
    assert not feasible([form(1, 0), form(0, 1), form(-1, -1)])
