"""The eight methods on a map."""

import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest.lecture.methods import TUNED, best_path, on_landscape
from unchecked import unchecked

BOWL = lambda x: x[0] ** 2 + 4 * (x[1] - 1) ** 2


def test_all_eight_run_from_the_start_and_the_minimiser_is_marked():
    x0 = np.array([2.0, -1.0])
    land = on_landscape(BOWL, x0, steps=20, minimizer=np.array([0.0, 1.0]))
    *paths, last, minimum = land.paths
    assert len({path.label for path in paths}) == 8
    for path, x, y in zip(paths, last.x, last.y, strict=True):
        assert (path.x[0], path.y[0]) == (2.0, -1.0)
        assert (path.x[-1], path.y[-1]) == (x, y)
        assert BOWL((x, y)) < BOWL(x0)
    assert (minimum.x[0], minimum.y[0]) == (0.0, 1.0)
    newton = next(path for path in paths if path.label == "Newton")
    np.testing.assert_allclose([newton.x[1], newton.y[1]], [0.0, 1.0], atol=1e-12)
    assert land.x[0] < 0 < land.x[-1]
    assert land.y[0] < -1 < 1 < land.y[-1]


def test_the_step_size_is_the_best_of_the_powers_of_two():
    p = st.Problem(BOWL, np.array([2.0, -1.0]))
    tuned = best_path(p, TUNED["gradient descent"], 10)
    assert tuned is not None

    def average(k):
        x, total = np.array([2.0, -1.0]), 0.0
        for _ in range(11):
            total += BOWL(x)
            x = x - 2.0**k * np.array([2 * x[0], 8 * (x[1] - 1)])
        return total

    assert tuned[0] == min(range(-14, 4), key=average)


def test_newton_is_left_out_where_it_cannot_go_on():
    saddle = lambda x: x[0] ** 2 + 0.1 * x[1] ** 4 - x[1] ** 2
    land = on_landscape(saddle, np.array([1.0, 0.1]), steps=10)
    assert "Newton" not in [path.label for path in land.paths]
    assert len(land.paths) == 8


def test_a_start_of_two_whole_numbers_and_others():
    assert len(on_landscape(BOWL, np.array([2, 1]), steps=3).paths) == 9
    for bad in (np.ones(3), np.float64(1.0)):
        with pytest.raises(st.ArgumentError, match="x0"):
            unchecked(on_landscape)(lambda x: jnp.sum(x**2), bad)
