"""What was compiled for one solve serves the next of the same program, and no other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from compilations import compilations
from steepest.flow import _functions

A = np.arange(6.0).reshape(3, 2)
X0 = np.array([0.3, -0.7])


def loss(x, a=A):
    return jnp.sum(jnp.abs(a @ x - 1.0)) + jnp.sum(jax.nn.relu(x) ** 2)


def solved(f, x0, T, tolerance=1e-8):
    return st.gradient_inclusion(f, x0, T, tolerance, tolerance, saveat=[T])


def alike(run, other):
    assert [(e.kind, e.kinks) for e in run.events] == [(e.kind, e.kinks) for e in other.events]
    np.testing.assert_allclose(run.xs, other.xs, rtol=0, atol=1e-10)


def test_a_second_solve_compiles_nothing():
    first = solved(loss, X0, 0.5)
    with compilations() as count:
        again = solved(lambda x: loss(x, A.copy()), X0, 0.5)
        other = solved(loss, 30 * X0, 0.1, 1e-6)
    assert count() == 0
    np.testing.assert_array_equal(first.xs, again.xs)
    assert again.stats["compile_seconds"] < 0.1 * first.stats["compile_seconds"]
    # The tolerances and the size of the start are the second solve's own.
    _functions.kept.cache_clear()
    alone = solved(loss, 30 * X0, 0.1, 1e-6)
    np.testing.assert_array_equal(other.xs, alone.xs)
    assert {**other.stats, "compile_seconds": 0} == {**alone.stats, "compile_seconds": 0}


@pytest.mark.parametrize("of", [lambda small: (small, 1e-14), lambda small: (1e-14, small)])
def test_tolerances_are_each_solve_s_own(of):
    f = lambda x: jnp.sum(jnp.cosh(x))
    run = lambda small: st.gradient_flow(f, np.array([3.0, -2.0]), 1.0, *of(small), saveat=[1.0])
    tight, loose, again = run(1e-11), run(1e-3), run(1e-11)
    assert loose.stats["steps"] < tight.stats["steps"] == again.stats["steps"]


def test_data_written_to_between_two_solves():
    a = A.copy()
    f = lambda x: loss(x, a)
    first = solved(f, X0, 0.5)
    a += 0.5
    second = solved(f, X0, 0.5)
    third = solved(lambda x: loss(x, A.copy()), X0, 0.5)
    alike(third, first)
    _functions.kept.cache_clear()
    alike(second, solved(f, X0, 0.5))
    assert np.max(np.abs(second.xs - first.xs)) > 1e-3


def test_an_edited_function_tells_its_own_lines():
    f, g = (
        lambda x: jnp.sum(jnp.abs(x) + 0.5 * x**2),
        lambda x: jnp.sum(jnp.abs(x) + 0.5 * x**2),
    )
    runs = [solved(each, X0, 1.0) for each in (f, g)]
    lines = [int(run.events[0].kinks[0].line.split(":")[1]) for run in runs]
    assert lines[1] == lines[0] + 1


@pytest.mark.parametrize("most", [0, 2**26])
def test_large_data_is_not_kept(monkeypatch, most):
    monkeypatch.setattr(_functions, "_MOST_BYTES", most)
    before = _functions.kept.cache_info().misses
    st.gradient_flow(lambda x: jnp.mean(A * x**2), 1.0, 0.1)
    assert (_functions.kept.cache_info().misses > before) == (most > 0)
