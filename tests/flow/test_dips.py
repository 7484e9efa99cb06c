"""What turns negative within a step and comes back before its end."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as some

import steepest as st
from steepest.errors import SolverError
from steepest.flow._dips import first_negative

BEND = jax.jit(
    lambda a, b, c, begin, end: first_negative(lambda t: a * (t - b) ** 2 + c, begin, end, 3)
)
BESIDE = jax.jit(
    lambda a, b, c, crossing: first_negative(
        lambda t: jnp.append(a * (t - b) ** 2 + c, crossing - t), 0.0, 1.0, 4
    )
)
NORM = jax.jit(
    lambda y, v, least, begin, end: first_negative(
        lambda t: jnp.linalg.norm(y + t * v)[None] - least, begin, end, 0
    )
)


@given(
    some.lists(
        some.tuples(some.floats(0.1, 10), some.floats(-2, 2), some.floats(-1e-3, 1e-3)),
        min_size=3,
        max_size=3,
    ),
    some.floats(-1, 1),
    some.floats(0.1, 2),
)
def test_parabolas_are_seen_however_little_they_dip(parabolas, begin, width):
    a, b, c = np.array(parabolas).T
    end, roots = begin + width, np.sqrt(np.maximum(-c, 0) / a)
    if np.any(a * (begin - b) ** 2 + c < 1e-9) or np.any(np.abs(c) < 1e-6):
        return
    first = BEND(a, b, c, begin, end)
    enters = np.where((c < 0) & (b - roots > begin), b - roots, np.inf)
    # One that is met late may hide one that dips before it by next to nothing.
    if np.min(np.abs(enters - end)) > 1e-6:
        assert bool(first.met) == (np.min(enters) < end)
    if first.met:
        least = lambda t: np.min(a * (t - b) ** 2 + c)
        assert least(float(first.low)) >= 0 > least(float(first.high))
        assert float(first.above) == pytest.approx(least(float(first.low)), abs=1e-12)
        assert begin <= first.low < first.high <= end


@given(
    some.lists(
        some.tuples(some.floats(0.1, 10), some.floats(0, 1), some.floats(-1e-2, 1e-3)),
        min_size=3,
        max_size=3,
    ),
    some.floats(0.05, 2),
)
def test_dips_are_seen_one_after_another_and_before_what_is_met_later(parabolas, crossing):
    """A line that is crossed beside them must not hide them, nor one of them another."""
    a, b, c = np.array(parabolas).T
    roots = np.sqrt(np.maximum(-c, 0) / a)
    enters = np.where((c < 0) & (b - roots > 0), b - roots, np.inf)
    near = np.abs(np.array([crossing - 1, *(enters - crossing), *(enters - 1)])) < 1e-6
    if np.any(a * b**2 + c < 1e-9) or np.any(np.abs(c) < 1e-6) or np.any(near):
        return
    first = BESIDE(a, b, c, crossing)
    exact = min(crossing, float(np.min(enters)))
    assert bool(first.met) == (exact < 1)
    if first.met:
        assert first.low <= exact <= first.high


@pytest.mark.parametrize("crossing", [0.9, 2.0])
def test_a_dip_is_seen_beyond_others_that_stay_above_zero(crossing):
    found = BESIDE(np.ones(3), np.array([0.1, 0.3, 0.7]), np.array([1e-7, 1e-9, -1e-6]), crossing)
    assert found.met
    assert found.low <= 0.699 <= found.high <= 0.701


@given(some.floats(0, 2 * np.pi), some.floats(0.05, 0.95), some.floats(-8, -3), some.floats(-2, 2))
def test_a_norm_is_seen_at_its_zero_however_shortly(angle, share, log_least, log_speed):
    """The way is straight, and comes to zero or as near as half of what counts as that."""
    speed, least = 10**log_speed, 10**log_least
    v = speed * np.array([np.cos(angle), np.sin(angle)])
    for off in (0.0, 0.5):
        y = -share * v + off * least * speed * np.array([-v[1], v[0]]) / speed
        assert bool(NORM(y, v, least * speed, 0.0, 1.0).met)
    y = -share * v + 3 * least * np.array([-v[1], v[0]])
    assert not bool(NORM(y, v, least * speed, 0.0, 1.0).met)


# From y = z = 1 the number c (y − z) rises to c/4 as y halves, and falls again; the steps of these
# tolerances are longer than that.


def times(c):
    u = (1 + np.array([1, -1]) * np.sqrt(1 - 4 / c)) / 2
    return -np.log(u)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("c", [4.0004, 4.01])
def test_a_slide_that_ends_for_a_moment(c, tolerance):
    """x is held at 0 while c (y − z) < 1, and the step is longer than the time that it is not."""

    def f(v):
        x, y, z = v
        return jnp.abs(x) + x * c * (y - z) + y**2 / 2 + z**2

    run = st.gradient_inclusion(f, np.array([0.0, 1.0, 1.0]), 3.0, tolerance, tolerance)
    kinds = [event.kind for event in run.events]
    if kinds == ["slide"]:
        assert tolerance == 1e-3  # lost in the error of the steps
        return
    assert kinds == ["slide", "release", "slide"]
    assert run.events[1].time == pytest.approx(times(c)[0], abs=1e3 * tolerance)
    assert run.events[2].time > times(c)[1] - 1e3 * tolerance
    assert run.final[0] == pytest.approx(0, abs=1e-12)


def test_no_slide_ends_that_only_nearly_does():
    f = lambda v: jnp.abs(v[0]) + 3.9996 * v[0] * (v[1] - v[2]) + v[1] ** 2 / 2 + v[2] ** 2
    run = st.gradient_inclusion(f, np.array([0.0, 1.0, 1.0]), 3.0, 1e-6, 1e-6)
    assert [event.kind for event in run.events] == ["slide"]


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-9])
def test_a_kink_that_is_crossed_for_a_moment(tolerance):
    c = 4.001
    f = lambda v: v[0] ** 2 / 2 + v[1] ** 2 + 1e-6 * jax.nn.relu(c * (v[0] - v[1]) - 1)
    start = np.array([1.0, 1.0])
    with pytest.raises(SolverError, match="meets a kink"):
        st.gradient_flow(f, start, 3.0, tolerance, tolerance)
    run = st.gradient_inclusion(f, start, 3.0, tolerance, tolerance)
    if run.stats["passed"] == 0:
        assert [event.kind for event in run.events] == ["cross", "cross"]
        found = np.array([event.time for event in run.events])
        np.testing.assert_allclose(found, times(c), atol=1e3 * tolerance + 1e-4)


def test_many_small_kinks_are_stepped_over_at_low_accuracy():
    """Together, in few steps; f is continuous as they are crossed one by one."""
    b = np.random.default_rng(0).uniform(-1, 1, 400)
    f = lambda x: 1e-4 * jnp.mean(jnp.abs(x - b)) + 0.5 * x**2
    runs = [st.gradient_inclusion(f, 1.0, 3.0, tol, tol, saveat=[3.0]) for tol in (1e-3, 1e-9)]
    assert runs[0].stats["passed"] > 100
    assert runs[0].stats["steps"] < 0.4 * runs[1].stats["steps"]
    assert runs[0].final == pytest.approx(runs[1].final, abs=1e-3)


def hill(slope, width, *kinks):
    """−2x + x²/2, kinks that are gone past, and between them a hill that nothing goes past."""
    return lambda x: (
        -2 * x
        + x**2 / 2
        + sum(size * jnp.abs(x - at) for at, size in kinks)
        + slope * jax.nn.relu(width**2 - (x - 0.1) ** 2)
    )


@pytest.mark.parametrize("tolerance", [1e-2, 1e-5, 1e-8])
@pytest.mark.parametrize("start", [-1.2, -0.3, -0.1])
@pytest.mark.parametrize(
    "kinks",
    [((0.15, 0.01),), ((0.05, 0.0), (0.15, 0.0)), ((0.05, 0.01), (0.15, 0.01))],
    ids=["behind", "none", "both"],
)
def test_a_hill_between_crossings_is_met(kinks, start, tolerance):
    """It is dipped into within steps in which other choices turn, which may be passed."""
    run = st.gradient_inclusion(
        hill(100, 0.01, *kinks), start, 1.5, tolerance, tolerance, saveat=[1.5]
    )
    assert "slide" in [event.kind for event in run.events]
    assert run.final == pytest.approx(0.09, abs=10 * tolerance)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-8])
@pytest.mark.parametrize("start", [-1.2, -0.3, 0.05])
def test_a_hill_among_crossings_that_are_passed_is_met(start, tolerance):
    rng = np.random.default_rng(3)
    kinks = zip(np.sort(rng.uniform(-1, 1, 200)), 1e-3 * rng.standard_normal(200), strict=True)
    at, size = np.array(list(kinks)).T
    f = lambda x: hill(1e4, 1e-4)(x) + jnp.sum(size * jnp.abs(x - at))
    run = st.gradient_inclusion(f, start, 1.5, tolerance, tolerance, saveat=[1.5])
    assert run.final == pytest.approx(0.0999, abs=10 * tolerance)
