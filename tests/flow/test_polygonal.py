"""Polygonal flows against closed forms, and against the inclusion itself, side by side.

A continuous path with −dx/dt ∈ ∂f(x) almost everywhere is *the* solution for convex f, so that a
membership test at a few points of each side of the polygon is a proof of it. The tests of
membership are least squares on the functions' data and know nothing of the solver.
"""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as some
from scipy.optimize import linprog, lsq_linear, nnls

import steepest as st
from polygons import flow, kinds, total_variation

relu = jax.nn.relu


def grid_variation(x):
    return jnp.sum(jnp.abs(jnp.diff(x, axis=0))) + jnp.sum(jnp.abs(jnp.diff(x, axis=1)))


# ---- membership in −∂f(x)


def miss_of_maxima(c, groups, x, velocity):
    """The distance of −velocity from ∂f(x), f(x) = c·x + Σ max(A x + b) (a scaled one)."""
    columns = []
    for i, (A, b) in enumerate(groups):
        keys = A @ x + b
        one = 100 * np.eye(len(groups))[i]
        columns += [np.append(a, one) for a in A[keys >= keys.max() - 1e-9]]
    right = np.append(-velocity - c, np.full(len(groups), 100.0))
    return nnls(np.array(columns).T, right, maxiter=10_000)[1]


def miss_of_absolutes(c, B, b, w, x, velocity):
    """The same for f(x) = c·x + Σ w |B x + b|."""
    u = B @ x + b
    tied = np.abs(u) <= 1e-9
    rest = -velocity - c - B[~tied].T @ (w[~tied] * np.sign(u[~tied]))
    if not tied.any():
        return np.linalg.norm(rest)
    if tied.sum() <= 60:
        bounds = (-w[tied], w[tied])
        return np.linalg.norm(lsq_linear(B[tied].T, rest, bounds, "bvls", 1e-14).fun)
    ones = np.ones((len(rest), 1))
    A = np.block([[B[tied].T, -ones], [-B[tied].T, -ones]])
    bounds = [*zip(-w[tied], w[tied], strict=True), (0, None)]
    cost = np.append(np.zeros(tied.sum()), 1.0)
    return linprog(cost, A, np.append(rest, -rest), bounds=bounds).fun


def assert_solution(miss, path, t1, tol=1e-9, sides=None):
    """Continuous, and on each side (or some of them) moving along −∂f."""
    ends = np.append(path.breakpoints, t1)
    pairs = [(a, b) for a, b in pairwise(ends) if b - a > 1e-9]
    for a, b in pairs if sides is None else pairs[:: max(1, len(pairs) // sides)]:
        for share in (0.01, 0.5, 0.99):
            assert miss(path(a + share * (b - a)), path.velocity(a)) <= tol
        np.testing.assert_allclose(path(np.nextafter(b, 0)), path(b), rtol=0, atol=1e-11)


# ---- total variation


def taut_string(y, radius):
    """The proximal map of radius · total variation, by the shortest string in a tube."""
    n = len(y)
    middle = np.append(0.0, np.cumsum(y))
    lower, upper = middle - radius, middle + radius
    lower[[0, n]] = upper[[0, n]] = middle[[0, n]]
    out, i, height = np.empty(n), 0, 0.0
    while i < n:
        low, high, at_low, at_high = -np.inf, np.inf, i, i
        for j in range(i + 1, n + 1):
            down, up = (lower[j] - height) / (j - i), (upper[j] - height) / (j - i)
            if down > high:
                stop, slope, end = at_high, high, upper[at_high]
                break
            if up < low:
                stop, slope, end = at_low, low, lower[at_low]
                break
            if up <= high:
                high, at_high = up, j
            if down >= low:
                low, at_low = down, j
        else:
            stop, slope, end = n, (middle[n] - height) / (n - i), middle[n]
        out[i:stop] = slope
        i, height = stop, end
    return out


@pytest.mark.parametrize("data", ["walk", "noise", "monotone"])
def test_total_variation_is_its_proximal_map(data):
    """Steidl, Weickert, Brox, Mrázek, Welk 2004, Theorem 4.1: the flow is the proximal map."""
    rng = np.random.default_rng(0)
    n = 1000 if data == "walk" else 300
    noise = rng.standard_normal(n)
    y = {"walk": np.cumsum(noise), "noise": noise, "monotone": np.sort(noise)}[data]
    times = [0.0, 0.1, 1.0, 10.0, 100.0, 1e6]
    run, path = flow(total_variation, y, 1e6, times)
    for t, x in zip(times, run.xs, strict=True):
        np.testing.assert_allclose(x, taut_string(y, t), rtol=0, atol=1e-12 * np.max(np.abs(y)))
        np.testing.assert_allclose(path(t), x, rtol=0, atol=1e-13 * np.max(np.abs(y)))
    assert run.events[-1].kind == "stop"
    assert len(run.events[-1].kinks) == n - 1
    merged = [kink.element for event in run.events[:-1] for kink in event.kinks]
    assert {event.kind for event in run.events[:-1]} == {"slide"}
    assert sorted(merged) == list(range(n - 1))
    np.testing.assert_allclose(run.values, [np.sum(np.abs(np.diff(x))) for x in run.xs], atol=1e-11)


def test_weighted_total_variation_from_equal_neighbours():
    weights = np.array([1.0, 0.25, 2.0, 0.5, 1.0])
    D = np.diff(np.eye(6), axis=0)
    x0 = np.array([0.0, 0.0, 1.0, 1.0, 1.0, -0.5])
    run, path = flow(lambda x: jnp.sum(weights * jnp.abs(jnp.diff(x))), x0, 5.0, [5.0])
    miss = lambda x, v: miss_of_absolutes(np.zeros(6), D, np.zeros(5), weights, x, v)
    assert_solution(miss, path, 5.0)
    np.testing.assert_allclose(run.final, np.full(6, x0.mean()), atol=1e-14)


# ---- separable


def test_l1_shrinks():
    rng = np.random.default_rng(1)
    x0, weights = rng.standard_normal(200), rng.uniform(0.5, 2.0, 200)
    times = [0.0, 0.3, 1.0]
    run, _ = flow(lambda x: weights @ jnp.abs(x), x0, 20.0, times)
    for t, x in zip(times, run.xs, strict=True):
        exact = np.sign(x0) * np.maximum(np.abs(x0) - t * weights, 0)
        np.testing.assert_allclose(x, exact, rtol=0, atol=1e-15)
    assert np.all(run.final == 0)
    hits = np.sort(np.abs(x0) / weights)
    np.testing.assert_allclose([e.time for e in run.events], np.append(hits, hits[-1]), rtol=1e-14)
    assert run.stats["gradients"] == 200  # each of one kink
    assert run.stats["steps"] == 201


def test_l1_from_its_kinks():
    """At 0 an entry stays where its linear term is no longer than 1."""
    c = np.array([0.5, -1.5, 1.0, 2.0])
    run, _ = flow(lambda x: jnp.sum(jnp.abs(x)) + c @ x, np.zeros(4), 2.0, [2.0])
    np.testing.assert_allclose(run.xs[0], [0.0, 1.0, 0.0, -2.0], atol=1e-15)
    assert kinds(run) == [("slide", 0.0, 2), ("cross", 0.0, 1)]


def test_the_largest_entry_sinks():
    """To a level that all larger ones share; many candidates of one place are held."""
    x0 = np.random.default_rng(2).standard_normal(150)
    times = [0.5, 10.0, 200.0]
    run, _ = flow(jnp.max, x0, 200.0, times)
    falling = np.sort(x0)[::-1]
    for t, x in zip(times, run.xs, strict=True):
        levels = (np.cumsum(falling) - t) / np.arange(1, 151)
        level = levels[np.flatnonzero(levels < falling)[-1]]
        np.testing.assert_allclose(x, np.minimum(x0, level), atol=1e-12)


def test_trees_come_apart_where_they_must():
    """All edges tie at the start, in any order of the variables; the linear term parts some."""
    rng = np.random.default_rng(9)
    one = np.eye(6)
    for _ in range(30):
        order = rng.permutation(6)
        B = np.array([one[order[i]] - one[order[rng.integers(i)]] for i in range(1, 6)])
        c = 1.2 * rng.standard_normal(6)
        run, path = flow(
            lambda x, B=B, c=c: c @ x + jnp.sum(jnp.abs(B @ x)), np.zeros(6), 1.0, [1.0]
        )
        v = path.velocity(0.5)
        assert miss_of_absolutes(c, B, np.zeros(5), np.ones(5), path(0.5), v) <= 1e-9
        np.testing.assert_allclose(run.final, v, atol=1e-12)


# ---- random ones


@settings(deadline=None, max_examples=25)
@given(some.integers(0, 2**32 - 1), some.integers(2, 5), some.booleans())
def test_maxima_of_affine_functions(seed, d, whole):
    rng = np.random.default_rng(seed)
    draw = lambda *s: rng.integers(-2, 3, s) * 1.0 if whole else rng.standard_normal(s)
    groups = [(draw(k, d), draw(k)) for k in rng.integers(2, 5, rng.integers(1, 7))]
    c, x0 = 0.3 * draw(d), draw(d)
    f = lambda x: c @ x + sum(jnp.max(A @ x + b) for A, b in groups)
    _, path = flow(f, x0, 3.0, [3.0])
    assert_solution(lambda x, v: miss_of_maxima(c, groups, x, v), path, 3.0)


@settings(deadline=None, max_examples=25)
@given(some.integers(0, 2**32 - 1), some.sampled_from(["graph", "tree", "fused", "trend", "any"]))
def test_absolute_values_of_sums(seed, family):
    """Ties with cycles, dependent rows, releases."""
    rng = np.random.default_rng(seed)
    n, whole = int(rng.integers(3, 9)), rng.random() < 0.5
    one = np.eye(n)
    B = {
        "graph": np.array([one[i] - one[j] for i in range(n) for j in range(i)]),
        "tree": np.array([one[i] - one[rng.integers(i)] for i in range(1, n)]),
        "fused": np.vstack([np.diff(one, axis=0), one]),
        "trend": np.diff(one, n=2, axis=0),
        "any": rng.integers(-1, 2, (n, n)).astype(float),
    }[family]
    w = rng.integers(1, 3, len(B)) * 1.0 if whole else rng.uniform(0.2, 1.5, len(B))
    b = rng.integers(-1, 2, len(B)) * float(rng.random() < 0.3)
    x0 = rng.integers(-2, 3, n) * 1.0 if whole else 2 * rng.standard_normal(n)
    c = rng.integers(-1, 2, n) * float(rng.random() < 0.3)
    _, path = flow(lambda x: c @ x + w @ jnp.abs(B @ x + b), x0, 9.0, [9.0])
    assert_solution(lambda x, v: miss_of_absolutes(c, B, b, w, x, v), path, 9.0)


def test_blocks_of_an_image_split_again():
    rng = np.random.default_rng(3)
    n = 9
    at = np.arange(n * n).reshape(n, n)
    one = np.eye(n * n)
    B = np.vstack(
        [
            one[at[1:].ravel()] - one[at[:-1].ravel()],
            one[at[:, 1:].ravel()] - one[at[:, :-1].ravel()],
        ]
    )
    x0 = rng.standard_normal((n, n))
    run, path = flow(grid_variation, x0, 50.0, [50.0])
    assert {"slide", "release", "stop"} <= {event.kind for event in run.events}
    np.testing.assert_allclose(run.final, np.full((n, n), x0.mean()), atol=1e-13)
    assert np.ptp(run.final) == 0.0  # what is held equal is equal to the last bit
    zero, w = np.zeros(len(B)), np.ones(len(B))
    miss = lambda x, v: miss_of_absolutes(np.zeros(n * n), B, zero, w, x, v)
    assert_solution(miss, path, 50.0, tol=1e-7, sides=15)


def test_ties_do_not_drift():
    """Second differences: in the end a line, the least-squares one, since moments are kept."""
    n = 150
    y = np.cumsum(np.random.default_rng(8).standard_normal(n))
    run, _ = flow(lambda x: jnp.sum(jnp.abs(jnp.diff(x, n=2))), y, 1e7, [1e7])
    assert run.events[-1].kind == "stop"
    line = np.polynomial.Polynomial.fit(np.arange(n), y, 1)(np.arange(n))
    np.testing.assert_allclose(run.final, line, rtol=0, atol=1e-12 * np.max(np.abs(y)))


def test_hinges():
    rng = np.random.default_rng(4)
    X, labels = rng.standard_normal((40, 3)), np.sign(rng.standard_normal(40))
    f = lambda p: (
        jnp.mean(relu(1 - labels * (X @ p["w"] + p["b"]))) + 0.01 * jnp.sum(jnp.abs(p["w"]))
    )
    run, path = flow(f, {"b": np.array(0.0), "w": np.zeros(3)}, 40.0, [1.0, 40.0])
    assert run.xs["w"].shape == (2, 3)
    assert run.final["b"].shape == ()
    rows = -labels[:, None] * np.column_stack([np.ones(40), X]) / 40
    groups = [(np.array([row, 0 * row]), np.array([1 / 40, 0.0])) for row in rows]
    groups += [(0.01 * np.array([e, -e]), np.zeros(2)) for e in np.eye(4)[1:]]
    assert_solution(lambda x, v: miss_of_maxima(np.zeros(4), groups, x, v), path, 40.0)
    assert {event.kind for event in run.events} >= {"cross", "slide", "release"}


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_scales_do_not_matter(scale):
    rng = np.random.default_rng(5)
    A, x0 = rng.standard_normal((6, 3)), rng.standard_normal(3)
    plain, _ = flow(lambda x: jnp.sum(jnp.abs(A @ x)), x0, 2.0, [2.0])
    f = lambda x: scale * jnp.sum(jnp.abs(A @ x))
    run, _ = flow(f, scale * x0, 2.0, [2.0])
    np.testing.assert_allclose(run.final, scale * plain.final, rtol=1e-10, atol=1e-12 * scale)
    assert [e.kind for e in run.events] == [e.kind for e in plain.events]


def test_two_solutions_never_part():
    rng = np.random.default_rng(6)
    f = lambda x: total_variation(x) + 0.3 * jnp.sum(jnp.abs(x)) + jnp.max(x)
    x, y = rng.standard_normal((2, 30))
    times = np.linspace(0, 4, 50)
    gap = np.linalg.norm(flow(f, x, 4.0, times)[0].xs - flow(f, y, 4.0, times)[0].xs, axis=1)
    assert np.all(np.diff(gap) <= 1e-13)


def test_the_general_solver_agrees():
    f = lambda x: total_variation(x) + 0.3 * jnp.sum(jnp.abs(x))
    x0 = np.cumsum(np.random.default_rng(7).standard_normal(5))
    run, _ = flow(f, x0, 3.0, [0.5, 3.0])
    other = st.gradient_inclusion(f, x0, 3.0, 1e-10, 1e-10, saveat=[0.5, 3.0])
    np.testing.assert_allclose(run.xs, other.xs, atol=1e-11)
    np.testing.assert_allclose(run.values, other.values, atol=1e-11)
