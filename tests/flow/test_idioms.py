"""What users write for a kink, against the same function written with max and abs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import steepest as st
from idioms import IDIOMS

relu = jax.nn.relu
INTRICATE = ["select", "piecewise", "switch", "max by equality", "argmax"]


def test_idioms_against_the_same_with_maxima():
    starts = np.random.default_rng(0).uniform(-2, 2, (len(INTRICATE), 3))
    runs = []
    for k in (0, 1):
        parts = [IDIOMS[name][k] for name in INTRICATE]
        f = lambda x, parts=parts: (
            sum(jnp.sum(part(row)) for part, row in zip(parts, x, strict=True))
            + 0.05 * jnp.sum((x - 0.3) ** 2)
        )
        runs.append(st.gradient_inclusion(f, starts, 0.4, 1e-9, 1e-9))
    for i, name in enumerate(INTRICATE):
        np.testing.assert_allclose(runs[0].final[i], runs[1].final[i], atol=1e-7, err_msg=name)
    told = [[(e.kind, pytest.approx(e.time, abs=1e-7)) for e in run.events] for run in runs]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: jnp.where(x > 0, 1.0, 4.0) * jnp.abs(x),
        lambda x: jnp.where(x > 0, x, 0) + jnp.where(x > 0, 0, -4 * x),
        lambda x: jnp.where(x > 0, jnp.where(x > 0, x, -9.0), jnp.where(-x > 0, -4 * x, 7 * x)),
    ],
    ids=["a product", "a sum", "nested"],
)
def test_one_kink_written_twice_is_told_as_one(f):
    run = st.gradient_inclusion(f, -0.8, 1.0)
    assert [(e.kind, pytest.approx(e.time)) for e in run.events] == [("slide", 0.2), ("stop", 0.2)]
    assert run.final == pytest.approx(0.0, abs=1e-12)


def test_a_slide_ends_when_the_product_of_two_choices_lets_go():
    """∂f(0) = [−4 − z1, 1 − z1] along e = z0 = 0, left where z1 = 1."""
    f = lambda z: jnp.where(z[0] > 0, 1.0, 4.0) * jnp.abs(z[0]) - z[0] * z[1] - z[1]
    run = st.gradient_inclusion(f, np.zeros(2), 1.5)
    (release,) = [e.time for e in run.events if e.kind == "release"]
    assert release == pytest.approx(1.0, abs=1e-7)
    # then z0'' = z1' = 1 + z0, from (0, 1) with z0' = 0
    np.testing.assert_allclose(run.final, [np.cosh(0.5) - 1, 1 + np.sinh(0.5)], atol=1e-7)


def test_a_whole_number_that_makes_f_jump_is_told():
    f = lambda x: lax.select_n((x > 0).astype(jnp.int32) + (x > 1), 0 * x, x, 2 * x)
    with pytest.raises(st.NotLocallyLipschitzError, match="test_idioms"):
        st.gradient_inclusion(f, 1.5, 1.0)


def test_what_has_too_many_cases_is_named():
    f = lambda x: jnp.where(jnp.sum(x > 0) > 3, jnp.sum(x), 0.0)
    with pytest.raises(st.UnsupportedPrimitiveError, match="whole numbers that come of"):
        st.gradient_inclusion(f, np.ones(9), 1.0)


def test_hypot_stops_in_finite_time():
    """r' = −1 − r: from r = √5 zero is reached at log(1 + √5)."""
    f = lambda x: jnp.hypot(x[0], x[1]) + 0.5 * jnp.sum(x**2)
    run = st.gradient_inclusion(f, np.array([2.0, -1.0]), 2.0)
    times = [(e.kind, pytest.approx(e.time, abs=1e-6)) for e in run.events]
    assert times == [(kind, np.log(1 + np.sqrt(5))) for kind in ("slide", "stop")]


def test_interpolation_is_a_sum_of_kinks():
    knots, heights = jnp.array([-1.0, 0.0, 1.0, 2.0]), jnp.array([1.0, -0.2, 0.7, 0.2])
    written = lambda x: (
        0.9 * relu(x) - 1.2 * jnp.clip(x, -1, 0) - 1.4 * relu(x - 1) + 0.5 * relu(x - 2)
    )
    x0 = np.array([2.7, 0.6, -3.0])
    ends = [
        st.gradient_inclusion(lambda x, g=g: jnp.sum(g(x)) + x @ x, x0, 0.4, 1e-9, 1e-9).final
        for g in (lambda x: jnp.interp(x, knots, heights), written)
    ]
    np.testing.assert_allclose(*ends, atol=1e-8)


def test_the_first_power_of_a_size_is_the_size():
    run = st.gradient_inclusion(lambda x: jnp.abs(x) ** 1.0, 0.5, 1.0)
    assert [(e.kind, pytest.approx(e.time)) for e in run.events] == [("slide", 0.5), ("stop", 0.5)]


@pytest.mark.parametrize("rtol", [1e-6, 1e-8, 1e-10])
def test_a_power_whose_slope_turns_without_bound_is_followed_up_to_its_kink(rtol):
    """x' = −1.5 √x: √x falls by 0.75 t, and reaches 0 at 4/3."""
    f = lambda x: jnp.abs(x) ** 1.5
    run = st.gradient_inclusion(f, 1.0, 1.0, rtol, rtol, saveat=[0.5, 1.0])
    np.testing.assert_allclose(run.xs, [0.625**2, 0.25**2], atol=10 * rtol)
    with pytest.raises(st.SolverError, match=r"turns without bound, as that of abs\(x\)\*\*1.5"):
        st.gradient_inclusion(f, 1.0, 2.0, rtol, rtol)
