"""What first-order rows do not see: second-order margins, jumps in thin sets, edges of domains."""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.clarke import clarke
from steepest.convex import Empty
from steepest.errors import NotLocallyLipschitzError

LONG = os.environ.get("STEEPEST_PROFILE") == "long"
FUZZ = 400 if LONG else 12

relu = lambda x: jnp.maximum(x, 0.0)


def brackets(D, truth):
    """inner ⊆ conv(truth) ⊆ outer, and equal where exact."""
    truth = np.asarray(truth, dtype=float)
    rng = np.random.default_rng(0)
    directions = np.concatenate([np.eye(truth.shape[1]), -np.eye(truth.shape[1])])
    directions = np.concatenate([directions, rng.standard_normal((20, truth.shape[1]))])
    for v in directions:
        wanted = (truth @ v).max()
        assert D.outer.support(v) >= wanted - 1e-9
        if not isinstance(D.inner, Empty):
            assert D.inner.support(v) <= wanted + 1e-9
        if D.exact:
            assert D.support(v) == pytest.approx(wanted, abs=1e-9)


up, down = [[0, 0, 0], [1, 0, 0]], [[0, 0, 0], [-1, 0, 0]]
# relu(u) − relu(u + w) with w of second order: what is in the set hangs on the sign of w.
SECOND_ORDER = {
    "the other outcome makes it zero": (lambda v, w: jnp.maximum(0.0, v * w), down),
    "one outcome in four": (lambda v, w: relu(v) * relu(w), down),
    "|v||w|": (lambda v, w: jnp.abs(v) * jnp.abs(w), down),
    "−|v||w|": (lambda v, w: -jnp.abs(v) * jnp.abs(w), up),
    "min(vw, 0)": (lambda v, w: jnp.minimum(v * w, 0.0), up),
    "vw": (lambda v, w: v * w, [[1, 0, 0], [-1, 0, 0]]),
    "v⁴": (lambda v, w: v**4, down),
    "|v|³": (lambda v, w: jnp.abs(v) ** 3, down),
    "cos v − 1": (lambda v, w: jnp.cos(v) - 1, up),
}


@pytest.mark.parametrize("name", SECOND_ORDER)
def test_second_order_margins(name):
    bend, truth = SECOND_ORDER[name]
    D = clarke(lambda x: relu(x[0]) - relu(x[0] + bend(x[1], x[2])))(jnp.zeros(3))
    brackets(D, [*truth, [0, 0, 0]])


@pytest.mark.parametrize("tilt", [1e-6, 1e-10, 3e-11])
def test_margins_that_are_nearly_equal_are_not_one(tilt):
    D = clarke(lambda x: relu(x[0]) - relu(x[0] + tilt * x[1]))(np.zeros(2))
    brackets(D, [[0, -tilt], [0, 0], [1, 0], [-1, -tilt]])


THIN_JUMPS = {
    "a cone": lambda x: jnp.where(x[0] > 0, jnp.where(x[0] < 1e-3 * x[1], x[1], 0.0), 0.0),
    "a thinner cone": lambda x: jnp.where((x[0] > 0) & (x[0] < 1e-5 * x[1]), x[1], 0.0),
    "between parabolas": lambda x: jnp.where((x[0] > 0) & (x[0] < x[1] ** 2), x[1], 0.0),
    "a flat jump": lambda x: jnp.where(x[0] > 0, x[0] + x[1] ** 8, 0.0),
    "a line, by two comparisons": lambda x: jnp.where(
        x[0] > 0, x[1], jnp.where(x[0] < 0, x[1], 5 * x[1])
    ),
    "a line, by an equality": lambda x: jnp.where(x[0] == x[1], 5 * x[1], x[1]),
    "a coordinate line": lambda x: jnp.where(x[0] == 0, 5 * x[1], x[1]),
}


@pytest.mark.parametrize("name", THIN_JUMPS)
def test_jumps_in_thin_sets_are_not_called_exact(name):
    try:
        D = clarke(THIN_JUMPS[name])(jnp.zeros(2))
    except NotLocallyLipschitzError:
        return
    assert not D.exact


SMALL_JUMPS = {
    "a step": (lambda x: jnp.where(x > 0, x + 1e-3, x), 0.0),
    "a slope": (lambda x: jnp.where(x > 1, 1.001 * x, x), 1.0),
    "a hard threshold": (lambda x: jnp.where(jnp.abs(x) > 1e-3, x, 0.0), 1e-3),
    "a sign": (lambda x: x + 1e-3 * jnp.sign(x), 0.0),
    "of a large value": (lambda x: 1000 + jnp.where(x > 0, x + 1, x), 0.0),
}


@pytest.mark.parametrize("name", SMALL_JUMPS)
def test_a_small_jump_in_single_precision_is_one(name):
    f, x = SMALL_JUMPS[name]
    with pytest.raises(NotLocallyLipschitzError, match="jumps"):
        clarke(f)(jnp.float32(x))


def test_a_jump_that_may_be_rounding_is_not_called_exact():
    assert not clarke(lambda x: jnp.where(x > 0, x + 3e-5, x))(jnp.float32(0)).exact
    huber = lambda x: jnp.where(jnp.abs(x) <= 0.1, 0.5 * x**2, 0.1 * (jnp.abs(x) - 0.05))
    assert clarke(huber)(jnp.float32(0.1)).exact


CONTINUOUS = {
    "a product": (lambda x: jnp.where(x[0] > 0, x[0] * x[1], 0.0), [[0, 0]]),
    "a varying slope": (
        lambda x: jnp.where(x[0] > 0, x[0] * (1 + x[1]), 0.0),
        [[0, 0], [1, 0]],
    ),
    "argmax of a curved vector": (lambda x: x[jnp.argmax(x + x**2)], [[1, 0], [0, 1]]),
    "cond": (lambda x: jax.lax.cond(x[0] > x[1], lambda: x[0], lambda: x[1]), [[1, 0], [0, 1]]),
    "argmax, two candidates the same": (
        lambda x: (v := jnp.stack([x[0], x[1], x[1]]))[jnp.argmax(v)],
        [[1, 0], [0, 1]],
    ),
    "argmax of kinks alone": (
        lambda x: (v := jnp.stack([relu(x[0]), jnp.abs(x[1])]))[jnp.argmax(v)],
        [[1, 0], [0, 1], [0, -1]],
    ),
    "to the power of zero": (
        lambda x: jnp.abs(x[0] ** 0.0 - 1 + x[0]) + jnp.sum(x[1] ** jnp.arange(3.0)),
        [[1, 1], [-1, 1]],
    ),
    "an equality that does no harm": (
        lambda x: jnp.where(x == 0, 0.0, x * x[::-1]).sum(),
        [[0, 0]],
    ),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuity_is_proved(name):
    f, truth = CONTINUOUS[name]
    D = clarke(f)(jnp.zeros(2))
    assert D.exact
    brackets(D, truth)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: jnp.abs(x) ** 1.5,
        lambda x: jnp.sqrt(jnp.abs(x) ** 3),
        lambda x: jnp.where(x == 0, 0.0, x * x / jnp.where(x == 0, 1.0, jnp.abs(x))),
    ],
)
def test_a_singular_step_of_a_lipschitz_function_is_not_refused(f):
    D = clarke(f)(0.0)
    assert not D.exact
    assert D.contains(0.0) is not False


def test_hypot_is_not_called_smooth():
    D = clarke(lambda x: jnp.hypot(x[0], x[1]))(jnp.zeros(2))
    for angle in np.linspace(0, 2 * np.pi, 16):
        assert D.contains(np.array([np.cos(angle), np.sin(angle)])) is not False
    assert D.is_singleton is not True


# ---- fuzz

INNER = [
    lambda x, c: c[0] * x[0] + c[1] * x[-1],
    lambda x, c: c[0] * x[0] + c[1] * x[-1] ** 2,
    lambda x, c: jnp.sin(c[0] * x[0]) + c[1] * x[0] * x[-1],
    lambda x, c: jnp.exp(c[0] * x[-1]) - 1 + c[1] * x[0] ** 2,
    lambda x, c: c[0] * x[0] * x[-1] + c[1] * x[-1] ** 2,
]
OUTER = [
    lambda a, b: relu(a) - relu(b),
    lambda a, b: jnp.maximum(a, b) - jnp.abs(a),
    lambda a, b: jnp.maximum(0.0, jnp.minimum(a, b)),
    lambda a, b: jnp.abs(a) * (1 + b),
    lambda a, b: relu(a) * relu(b) + jnp.abs(a - b),
    lambda a, b: jnp.where(a > 0, a * (1 + b), 0.5 * a),
    lambda a, b: jnp.maximum(a + relu(b), -a),
    lambda a, b: jnp.abs(relu(a) - jnp.abs(b)) / (1 + jnp.abs(a)),
]


def sampled_gradients(f, surfaces, d, rng):
    """Gradients at points that go to 0 along lines, parabolas and cubics, at t = 1e-4.

    Half of them lie within t² of a surface: a piece may live between two that touch at 0.
    """
    t = 1e-4
    count = 3000
    a, b, c = rng.standard_normal((3, count, d))
    keep = rng.integers(0, 3, size=(count, d))
    a = np.where(keep > 0, a, 0.0)  # some coordinates start with t²
    points = t * a + t**3 * c

    def onto(surface, x):
        value, slope = jax.value_and_grad(surface)(x)
        return x - jnp.where(jnp.sum(slope**2) > 0, value * slope / jnp.sum(slope**2), 0.0)

    for i, surface in enumerate(surfaces):
        part = slice(i * count // 6, (i + 1) * count // 6)
        moved = points[part]
        for _ in range(3):
            moved = np.asarray(jax.vmap(lambda x, s=surface: onto(s, x))(moved))
        near = np.linalg.norm(moved - points[part], axis=1, keepdims=True) < 3 * t
        points[part] = np.where(near, moved, points[part])  # others met a surface elsewhere
    points = points + t**2 * b
    return np.asarray(jax.jit(jax.vmap(jax.grad(f)))(jnp.asarray(points)))


@pytest.mark.parametrize("draw", range(FUZZ))
def test_smooth_compositions_of_kinks(draw):
    rng = np.random.default_rng([7, draw])
    d = int(rng.integers(1, 5))
    coefficients = rng.choice([-2.0, -1.0, 0.5, 1.0], size=(2, 2))
    # Often the same first-order part twice, so that the second order decides.
    if rng.uniform() < 0.5:
        coefficients[1, 0] = coefficients[0, 0]
    first, second = (INNER[i] for i in rng.integers(0, len(INNER), 2))
    outer = OUTER[rng.integers(0, len(OUTER))]

    u = lambda x: first(x, coefficients[0])
    v = lambda x: second(x, coefficients[1])

    def f(x):
        return outer(u(x), v(x))

    D = clarke(f)(np.zeros(d))
    with jax.enable_x64(True):
        seen = sampled_gradients(f, (u, v, lambda x: u(x) - v(x)), d, rng)
    near = 1e-2
    for g in seen[rng.integers(0, len(seen), 60)]:
        assert D.outer.contains(g, near), (draw, g, D)
    extremes = np.concatenate([np.eye(d), -np.eye(d), rng.standard_normal((6, d))])
    for n in extremes:
        wanted = float((seen @ n).max())
        assert D.outer.support(n) >= wanted - near * np.linalg.norm(n), (draw, n, D)
        if not isinstance(D.inner, Empty):
            assert D.inner.support(n) <= wanted + near * np.linalg.norm(n), (draw, n, D)


DATA = jnp.array([1.0, jnp.nan, 3.0])


@pytest.mark.parametrize(
    ("f", "x", "ends"),
    [
        (lambda w: jnp.nanmean(jnp.abs(w - DATA)), 0.0, {-1}),
        (lambda w: jnp.nanmean(jnp.abs(w - DATA)), 1.0, {-1, 0}),
        (lambda w: jnp.nansum(jnp.abs(w - DATA)), 1.0, {-2, 0}),
        (lambda w: jnp.nanmax(jnp.stack([w, jnp.nan * w, -w])), 0.0, {-1, 1}),
        (lambda w: w * jnp.sum(~jnp.isnan(w * DATA)), 0.5, {2}),
    ],
)
def test_missing_data_is_passed_over(f, x, ends):
    """NaN alone is not equal to itself, which is how isnan is written."""
    D = clarke(f)(x)
    assert D.exact
    assert set(np.round(D.vertices.ravel(), 9)) == ends


@pytest.mark.parametrize(
    ("f", "vertices"),
    [
        (lambda x: jnp.where(jnp.all(x > 0), jnp.min(x), 0.0), [[0, 0], [0, 1], [1, 0]]),
        (lambda x: jnp.where(jnp.any(x > 0), jnp.max(x), 0.0), [[0, 0], [0, 1], [1, 0]]),
        (lambda x: jnp.where(jnp.sum(x > 0) == 2, jnp.min(x), 0.0), [[0, 0], [0, 1], [1, 0]]),
        # A product and a sum of what jumps, of which others make a kink.
        (
            lambda x: jnp.sum(((x > 0).astype(float) @ jnp.eye(2)) * x),
            [[0, 0], [0, 1], [1, 0], [1, 1]],
        ),
        (lambda x: jnp.sum(jnp.abs(x - jnp.trunc(x))), [[-1, -1], [-1, 1], [1, -1], [1, 1]]),
    ],
)
def test_masks_of_several_comparisons(f, vertices):
    """relu(min x), relu(max x) and others: what "all" and "any" rest on jumps with each of them."""
    D = clarke(f)(jnp.zeros(2))
    assert D.exact
    np.testing.assert_allclose(sorted(D.vertices.tolist()), vertices, atol=1e-9)


def test_a_count_that_jumps_is_no_clarke_set():
    """1{x > 0} summed up to each place, times a kink."""
    with pytest.raises(NotLocallyLipschitzError, match="f jumps"):
        clarke(lambda x: jnp.sum(jnp.cumsum((x[::-1] > 0).astype(float)) * (1 + x)))(jnp.zeros(2))
