"""Programs whose choices cannot jump: one pass, always an answer, and never a wrong one."""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from clarke.exact_oracle import gradients, random_expression, run_jax
from steepest.clarke import clarke
from steepest.errors import NotLocallyLipschitzError, UnprovedError
from steepest.subgradient import directional_derivative, subgradient
from steepest.subgradient._plan import plan
from steepest.subgradient._program import in_one_pass

LONG = os.environ.get("STEEPEST_PROFILE") == "long"
JUMPING = {"cond_leaky", "argmax", "argsort", "triangle", "sign_abs"}
relu = jax.nn.relu


def operations(e):
    return {e[0]}.union(*[operations(a) for a in e[1:] if isinstance(a, tuple)])


def continuous_expression(rng, d, ties):
    while True:
        expression, count = random_expression(rng, d, ties)
        if not operations(expression) & JUMPING:
            return expression, max(count, 1)


@pytest.mark.parametrize("shape", range(300 if LONG else 12))
def test_piecewise_linear_programs(shape):
    """Each answer is the gradient of an essentially active piece, in exact arithmetic."""
    rng = np.random.default_rng(3000 + shape)
    d = int(rng.integers(1, 4))
    expression, count = continuous_expression(rng, d, int(rng.integers(2, 7)))
    f = lambda x, c: run_jax(expression, x, [c[i] for i in range(count)])
    find = jax.jit(subgradient(f, key=jax.random.key(shape)))
    for _ in range(6):
        c = rng.choice([-2, -1, -0.5, 0.5, 1, 2], size=count)
        x = rng.choice([0, 0, 0, 1, -1, 0.5], size=d)
        found = np.asarray(find(jnp.asarray(x, jnp.float32), jnp.asarray(c, jnp.float32)))
        truth = gradients(expression, x, c)
        assert np.min(np.abs(truth - found).max(axis=1)) <= 1e-5, (expression, c, x, found, truth)


def tied_network(seed):
    """Integer weights and inputs, so that many units are tied to the last bit."""
    rng = np.random.default_rng(seed)
    whole = lambda *shape: jnp.asarray(rng.integers(-1, 2, shape), jnp.float32)
    weights = {"W": whole(3, 4), "b": whole(4), "V": whole(4, 2), "c": whole(2)}
    inputs = whole(3, 3)

    def loss(w):
        h = relu(inputs @ w["W"] + w["b"])
        return jnp.max(h @ w["V"] + w["c"], axis=1).sum()

    return loss, weights


@pytest.mark.parametrize("seed", range(30 if LONG else 3))
def test_networks_along_the_direction(seed):
    """The gradient a little way along some direction is in ∂f near the point: an oracle by limits.

    The answer must be the gradient at points that tend to x; such points are found at random.
    """
    loss, w = tied_network(seed)
    found = subgradient(loss)(w)
    flat, restore = jax.flatten_util.ravel_pytree(w)
    mine, _ = jax.flatten_util.ravel_pytree(found)
    steps = np.random.default_rng(seed).standard_normal((4000, flat.size)) * 2.0**-12
    near = jax.jit(jax.vmap(lambda p: jax.flatten_util.ravel_pytree(jax.grad(loss)(restore(p)))[0]))
    gradients = np.asarray(near(flat + jnp.asarray(steps, jnp.float32)))
    assert clarke(loss)(w).contains(np.asarray(mine, float), 1e-5) is not False
    # Many patterns meet here: not all are met by chance, but each unit's part must be.
    low, high = gradients.min(axis=0) - 1e-2, gradients.max(axis=0) + 1e-2
    assert np.all((mine >= low) & (mine <= high))


def one_pass(f, x):
    """Raises where the program needs more than one pass."""
    closed = jax.make_jaxpr(lambda leaves: f(*leaves))([x])
    return in_one_pass(plan(closed), [x], jax.random.key(0))[0][0]


ONE_PASS = {
    "relu": lambda x: relu(x).sum(),
    "leaky": lambda x: jax.nn.leaky_relu(x).sum(),
    "elu": lambda x: jax.nn.elu(x).sum(),
    "selu": lambda x: jax.nn.selu(x).sum(),
    "relu6": lambda x: jax.nn.relu6(x).sum(),
    "hard tanh": lambda x: jax.nn.hard_tanh(x).sum(),
    "masked": lambda x: (x * (x > 0)).sum(),
    "where": lambda x: jnp.where(x > 0, x, 0.0).sum(),
    "larger of two": lambda x: jnp.where(x[0] > x[1], x[0], x[1]),
    "softmax": lambda x: jax.nn.softmax(x)[0],
    "cross-entropy": lambda x: -jax.nn.log_softmax(x)[0],
    "softplus": lambda x: jax.nn.softplus(x).sum(),
    "standardized": lambda x: relu((x - x.mean()) / jnp.sqrt(x.var() + 1e-5)).sum(),
    "sorted": lambda x: jnp.sort(x) @ jnp.arange(3.0),
    "largest": jnp.max,
    "scan": lambda x: jax.lax.scan(lambda h, u: (relu(h + u), None), x[0], x)[0],
    "convolution": lambda x: relu(
        jax.lax.conv(jnp.ones((1, 1, 3, 3)), x.reshape(1, 1, 1, 3), (1, 1), "SAME")
    ).sum(),
    "attention": lambda x: (jax.nn.softmax(jnp.outer(x, x)) @ relu(x)).sum(),
}


@pytest.mark.parametrize("name", ONE_PASS)
def test_eager_jitted_mapped_and_scanned_agree(name):
    f, x = ONE_PASS[name], jnp.array([0.0, 0.0, 1.0])
    found = np.asarray(one_pass(f, x))
    assert clarke(f)(x).contains(found.astype(float), 1e-5) is not False
    find = subgradient(f)
    np.testing.assert_allclose(find(x), found, atol=1e-6)
    np.testing.assert_allclose(jax.jit(find)(x), found, atol=1e-6)
    np.testing.assert_allclose(jax.vmap(find)(x[None])[0], found, atol=1e-6)
    scanned = jax.lax.scan(lambda c, _: (c, find(c)), x, None, length=2)[1]
    np.testing.assert_allclose(scanned[1], found, atol=1e-6)


SINGULAR = {
    "1/x": (lambda x: 1 / x, NotLocallyLipschitzError),
    "logarithm": (lambda x: jnp.log(x), NotLocallyLipschitzError),
    "a value that is not finite, under a maximum": (
        lambda x: jnp.maximum(1 / x, 3.0),
        NotLocallyLipschitzError,
    ),
    "a root": (lambda x: jnp.sqrt(jnp.abs(x)), NotLocallyLipschitzError),
    "an edge of the domain that is not chosen": (
        lambda x: jnp.minimum(-jnp.log(jnp.abs(x)), 3.0),
        UnprovedError,
    ),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_singular_steps(name):
    f, error = SINGULAR[name]
    with pytest.raises(error):
        subgradient(f)(0.0)
    assert np.isnan(jax.jit(subgradient(f))(0.0))


SIGN = lambda x: x[1] * jnp.sign(x[1])  # can jump: not for one pass
UNKNOWN = {
    "maximum": lambda x: jnp.maximum(-1 / x[0], 3.0),
    "largest": lambda x: jnp.max(jnp.stack([-1 / x[0], 3.0 + x[1]])),
    "sorted": lambda x: jnp.sort(jnp.stack([-1 / x[0], 3.0 + x[1], 1.0 + x[1]]))[1],
    "switch": lambda x: jnp.where(-1 / x[0] > 3.0, -1 / x[0], 3.0),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_value_that_is_not_known_may_be_the_largest(name):
    f = UNKNOWN[name]
    for g in (f, lambda x: f(x) + SIGN(x)):
        assert np.isnan(jax.jit(subgradient(g))(jnp.zeros(2))).all()


def test_to_the_power_of_zero_it_is_constant():
    """JAX writes the derivative of x⁰ at 0 as 0·0⁻¹."""
    powers = jnp.array([0.0, 1.0, 2.0])
    for f, slope in (
        (lambda x: x**0.0 + 3 * x, 3.0),
        (lambda x: jnp.sum(x**powers), 1.0),
        (lambda x: jnp.sum(jnp.maximum(x, 2 * x) ** powers) - x, 0.0),
    ):
        for g in (subgradient(f), jax.jit(subgradient(f))):
            assert float(g(0.0)) in (slope, slope + 1)
        assert clarke(f)(0.0).contains(subgradient(f)(0.0))


WIDER = {
    "a scalar tells": (lambda x: jnp.sum(jnp.where(x[0] > 0, x, 2 * x)), [-1.0, 2.0], 2.0),
    "select": (lambda x: jnp.sum(lax.select(x[0] > 0, x, 2 * x)), [1.0, 2.0], 1.0),
    "a scalar in all": (lambda x: jnp.sum(jnp.where(x > 0, DATA * x, 2 * DATA * x)), 1.0, 7.0),
    "powers": (lambda x: jnp.sum(x ** (DATA - 1)), 1.0, 4.0),
    "whole powers": (lambda x: jnp.sum(x ** jnp.array([1, 2, 3])), 0.5, 2.75),
    "an angle": (lambda x: jnp.sum(jnp.arctan2(x, DATA)), 0.0, 1.0 + 0.5 + 0.25),
}
DATA = jnp.array([1.0, 2.0, 4.0])


@pytest.mark.parametrize("name", WIDER)
def test_a_scalar_beside_arrays(name):
    f, x, slope = WIDER[name]
    x = jnp.asarray(x)
    for g in (subgradient(f), jax.jit(subgradient(f))):
        np.testing.assert_allclose(g(x), jnp.full(x.shape, slope), rtol=1e-6)
    along = directional_derivative(f)(x, jnp.ones_like(x))
    assert float(along) == pytest.approx(slope * x.size, rel=1e-6)


HOLES = jnp.array([0.0, 1.0, np.nan])
WITH_HOLES = {
    "mean": (lambda x: jnp.nanmean(x + HOLES), 2.0, 1.0),
    "sum": (lambda x: jnp.nansum(jnp.abs(x - HOLES)), 2.0, 2.0),
    "median": (
        lambda x: jnp.nanmedian(jnp.concatenate([x * jnp.array([1.0, 2.0]), HOLES[2:]])),
        2.0,
        1.5,
    ),
}


@pytest.mark.parametrize("name", WITH_HOLES)
def test_what_is_nan_is_left_out(name):
    f, x, slope = WITH_HOLES[name]
    assert float(jax.jit(subgradient(f))(x)) == pytest.approx(slope)
    assert float(subgradient(f)(x)) == pytest.approx(slope)
    assert float(directional_derivative(f)(x, 1.0)) == pytest.approx(slope)


def test_a_root_along_a_line_is_not_called_a_jump():
    for f in (lambda x: (x * x) ** 0.5, lambda x: jnp.abs(x) ** 1.5, jnp.sinc):
        with pytest.raises(UnprovedError):
            directional_derivative(f)(0.0, 1.0)


def test_a_derivative_that_is_no_number_is_refused():
    """f is x + |x|; JAX multiplies the slope ∞ of the branch that is not taken by 0."""
    f = lambda x: jnp.where(x > -1, x, x * jnp.inf) + jnp.abs(x)
    with pytest.raises(UnprovedError, match="branch"):
        subgradient(f)(0.0)


def test_a_singular_step_that_f_does_not_rest_on():
    f = lambda x: (jnp.array([0.0, 1.0]) * jnp.log(x)).sum()
    np.testing.assert_allclose(subgradient(f)(jnp.array([0.0, 2.0])), [0.0, 0.5])
    assert float(subgradient(lambda x: jnp.maximum(jnp.sqrt(jnp.abs(x)), 1.0))(0.0)) == 0


def test_a_tie_is_judged_by_the_terms_that_met():
    features = jnp.array([1e6, 1.0])
    f = lambda w: relu(features @ w)
    # Far from the kink, although the largest feature times the largest weight is not.
    np.testing.assert_allclose(subgradient(f)(jnp.array([-1e-6, 1.3])), [1e6, 1.0])
    tied = lambda w: jnp.abs(jnp.array([0.1, 0.2, 0.4, -0.7]) @ w)  # 6e-8 at 1
    assert float(tied(jnp.ones(4))) > 0
    found = {
        tuple(np.sign(subgradient(tied, key=jax.random.key(k))(jnp.ones(4)))) for k in range(9)
    }
    assert len(found) == 2


def test_parameters_of_low_precision():
    p = {"W": jnp.zeros((2, 3), jnp.bfloat16), "b": jnp.zeros(2, jnp.bfloat16)}
    f = lambda p: relu(p["W"] @ jnp.ones(3, jnp.bfloat16) + p["b"]).sum().astype(jnp.float32)
    found = subgradient(f)(p)
    assert found["W"].dtype == jnp.bfloat16
    on = np.asarray(found["b"], float)
    assert set(on) <= {0.0, 1.0}
    np.testing.assert_array_equal(np.asarray(found["W"], float), np.repeat(on[:, None], 3, 1))


def test_a_traced_key_and_mapped_keys():
    f = lambda x: jnp.abs(x).sum()
    keys = jax.random.split(jax.random.key(1), 9)
    of = lambda key: subgradient(f, key=key)(jnp.zeros(3))
    mapped = jax.vmap(of)(keys)
    assert set(np.unique(np.abs(mapped))) == {1.0}
    assert len({tuple(g) for g in np.asarray(mapped)}) > 1
    np.testing.assert_array_equal(jax.jit(of)(keys[0]), of(keys[0]))


def test_several_arguments():
    a, b = subgradient(lambda a, b: relu(a @ b), argnums=(0, 1))(jnp.zeros(2), jnp.ones(2))
    assert np.all(np.asarray(b) == 0)
    assert tuple(np.asarray(a)) in {(0.0, 0.0), (1.0, 1.0)}


def test_large_arrays_are_closed_over_as_by_grad():
    """No constant of the size of what f closes over is computed while tracing."""
    large = jnp.ones((500, 400))
    f = lambda w: relu(large @ w).sum()
    text = lambda g: len(jax.jit(g).lower(jnp.zeros(400)).as_text())
    assert text(subgradient(f)) < text(jax.grad(f)) + 20_000


# (f, where it has a kink that is none, its derivative there): the last choices of a program, which
# no later one asks for slopes, of which some are made of several steps.
SMOOTH_SUMS = {
    "min": (lambda x: jnp.maximum(x, 0.0) + jnp.minimum(x, 0.0), 0.0, 1.0),
    "min, reduced": (lambda x: _pair(jnp.max, x) + _pair(jnp.min, x), 0.0, 1.0),
    "min, of a window": (lambda x: _pair(lax.cummax, x)[1] + _pair(lax.cummin, x)[1], 0.0, 1.0),
    "clamp, above": (lambda x: lax.clamp(0.0, x, 1.0) + jnp.maximum(x, 1.0), 1.0, 1.0),
    "clamp, below": (lambda x: lax.clamp(0.0, x, 1.0) + jnp.minimum(x, 0.0), 0.0, 1.0),
    "clamp, both": (lambda x: lax.clamp(x, 0.0, x) - x, 0.0, 0.0),
    "relu6": (lambda x: jax.nn.relu6(x) + jnp.maximum(x, 6.0), 6.0, 1.0),
    "celu": (jax.nn.celu, 0.0, 1.0),
    "abs": (lambda x: jnp.abs(x) - jnp.abs(-x), 0.0, 0.0),
    "a difference": (lambda x: relu(x) - relu(-x), 0.0, 1.0),
    "sort": (lambda x: jnp.sum(jnp.sort(jnp.stack([x, 2 * x, -x]))), 0.0, 2.0),
    "top_k": (lambda x: jnp.sum(lax.top_k(jnp.stack([x, -x]), 2)[0]), 0.0, 0.0),
}


def _pair(choose, x):
    return choose(jnp.stack([x, jnp.zeros_like(x)]))


@pytest.mark.parametrize("name", SMOOTH_SUMS)
def test_kinks_that_cancel(name):
    f, x, slope = SMOOTH_SUMS[name]
    for k in (0, 3):  # directions to both sides
        assert float(subgradient(f, key=jax.random.key(k))(jnp.asarray(x))) == pytest.approx(slope)
