"""Norms at zero: the spellings that are known, and norms that meet other choices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.clarke import clarke
from steepest.errors import TooManyPiecesError

relu = jax.nn.relu
norm = jnp.linalg.norm

SPELLINGS = {
    "of two products": lambda x: jnp.sqrt(x[0] * x[0] + x[1] * x[1]),
    "of an inner product": lambda x: jnp.sqrt(jnp.vdot(x, x)),
    "of an inner product of copies": lambda x: jnp.sqrt(x[:, None].ravel() @ x[:, None].ravel()),
    "to the power of a half": lambda x: jnp.sum(x**2) ** 0.5,
    "of the sizes": lambda x: jnp.sqrt(jnp.sum(jnp.abs(x) ** 2)),
    "of |x|": lambda x: norm(jnp.abs(x)),
    "of parts of norms": lambda x: norm(jnp.stack([norm(x[:1]), norm(x[1:])])),
    "whose size is taken": lambda x: jnp.abs(norm(x)),
    "with itself taken off": lambda x: 2 * norm(x) - 0.5 * norm(-2 * x),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_the_unit_disc(name):
    D = clarke(SPELLINGS[name])(jnp.zeros(2))
    assert D.exact
    for angle in np.linspace(0, 6, 7):
        d = np.array([np.cos(angle), np.sin(angle)])
        assert D.support(d) == pytest.approx(1.0)
        assert D.contains(0.999 * d)
        assert not D.contains(1.001 * d)


A = np.array([[1.0, 2.0], [0.0, 1.0], [-1.0, 0.5]])
# f with its support function f°(0; d), by hand.
MIXED = {
    "max(‖x‖, 2 x₀)": (
        lambda x: jnp.maximum(norm(x), 2 * x[0]),
        lambda d: max(np.linalg.norm(d), 2 * d[0]),
    ),
    "‖relu(A x)‖": (
        lambda x: norm(relu(A.astype(np.float32) @ x)),
        lambda d: np.linalg.norm(np.maximum(A @ d, 0)),
    ),
    "−‖relu(x)‖": (
        lambda x: -norm(relu(x)),
        lambda d: np.linalg.norm(np.maximum(-d, 0)),
    ),
    "relu(‖x‖ − ‖x‖/2) + |x₀|": (
        lambda x: relu(norm(x) - 0.5 * norm(x)) + jnp.abs(x[0]),
        lambda d: 0.5 * np.linalg.norm(d) + abs(d[0]),
    ),
}


@pytest.mark.parametrize("name", MIXED)
def test_norms_that_meet_other_choices(name):
    f, support = MIXED[name]
    D = clarke(f)(jnp.zeros(2))
    assert D.exact
    for angle in np.linspace(0, 6, 13):
        d = np.array([np.cos(angle), np.sin(angle)])
        assert D.support(d) == pytest.approx(support(d), abs=1e-12)
    assert D.is_stationary() is True


def test_a_component_that_may_be_negative_is_not_taken_for_monotone():
    # ‖max(u, −v²)‖ has the gradient −1 where −v² < u < 0.
    D = clarke(lambda x: norm(jnp.maximum(x[:1], -(x[1:] ** 2))))(jnp.zeros(2))
    assert D.outer.contains(np.array([-1.0, 0.0]))
    assert D.outer.contains(np.array([1.0, 0.0]))


def test_what_no_rule_covers_is_bracketed():
    D = clarke(lambda x: norm(x) - jnp.abs(x[0]))(jnp.zeros(2))
    assert not D.exact


def test_the_pieces_of_a_norm_cannot_be_listed():
    with pytest.raises(TooManyPiecesError, match="directions"):
        _ = clarke(norm)(jnp.zeros(2)).pieces


def test_a_square_times_many_numbers():
    """|x| √(1 + |d|²), where what is squared is made wider by data."""
    d = np.array([0.5, -1.0, 2.0, 0.25])
    f = lambda x: jnp.sqrt(x**2 + jnp.sum((x * d) ** 2))
    found = clarke(f)(0.0)
    assert found.exact
    ends = [float(found.support(direction)) for direction in (1.0, -1.0)]
    np.testing.assert_allclose(ends, np.sqrt(1 + d @ d))
