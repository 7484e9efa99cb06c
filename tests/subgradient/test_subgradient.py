"""Closed forms, refusals, and use inside other programs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clarke.test_clarke import INTERVALS, SETS, mlp, random_weights
from clarke.test_refusals import REFUSED
from steepest.clarke import clarke
from steepest.errors import (
    ArgumentError,
    NotLocallyLipschitzError,
    NotScalarError,
    SteepestError,
    UnprovedError,
    UnsupportedPrimitiveError,
)
from steepest.subgradient import directional_derivative, subgradient
from unchecked import unchecked

relu = jax.nn.relu


@pytest.mark.parametrize("name", INTERVALS)
def test_one_variable_at_zero(name):
    f, low, high = INTERVALS[name]
    found = float(subgradient(f)(0.0))
    assert low - 1e-6 <= found <= high + 1e-6
    assert float(jax.jit(subgradient(f))(0.0)) == pytest.approx(found)


# A tied choice that could jump, and does not for reasons that no single reading sees.
OPEN = ("sparsemax",)


@pytest.mark.parametrize("name", OPEN)
def test_a_jump_that_is_not_excluded_is_not_called_proved(name):
    f, x, _ = SETS[name]
    with pytest.raises(UnprovedError):
        subgradient(f)(x)
    assert np.isnan(np.asarray(jax.jit(subgradient(f))(x))).all()


def test_a_jump_on_one_side_only_of_the_neighbours_is_not_overlooked():
    with pytest.raises(SteepestError):
        subgradient(lambda x: jnp.where(x[0] > 0, x[1] ** 2, 0.0))(jnp.zeros(2))


@pytest.mark.parametrize("name", [name for name in SETS if name not in OPEN])
def test_in_the_clarke_differential(name):
    f, x, _ = SETS[name]
    found = subgradient(f)(x)
    assert found.dtype == x.dtype
    assert clarke(f)(x).contains(np.asarray(found, float), 1e-5)


def test_a_number_made_a_row_is_read():
    """JAX's derivative of max reshapes the largest number."""
    f = lambda x: x @ jax.grad(jnp.max)(x) + 0 * x[0]
    with pytest.raises(UnprovedError):
        subgradient(f)(jnp.array([1.0, 2.0]))


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    f, x = REFUSED[name]
    with pytest.raises(SteepestError):
        subgradient(f)(x)
    assert np.isnan(np.asarray(jax.jit(subgradient(f))(x))).all()


def test_a_jump_near_the_point_is_refused():
    with pytest.raises(NotLocallyLipschitzError, match="test_subgradient"):
        subgradient(lambda x: jnp.where(x[0] > 0, x[1], 0.0))(jnp.zeros(2))


STEPPED = {
    "a margin that is least at x": lambda x: 2 * jnp.abs(x[0]) + x[1],
    "a maximum": lambda x: jnp.maximum(x[0] + x[1], x[1] - x[0]),
    "a norm": lambda x: 2 * jnp.linalg.norm(x) + x[1],
    "positive terms": lambda x: x[0] ** 2 + jnp.exp(-2 * x[1] ** 2) - 1,
    "positive terms, not zero": lambda x: x[0] ** 2 + jnp.exp(-2 * x[1] ** 2),
}


@pytest.mark.parametrize("name", STEPPED)
def test_a_jump_that_neither_the_direction_nor_its_reverse_leads_to(name):
    """Beside x the margin grows both along d and along −d for many d, and falls elsewhere."""
    margin = STEPPED[name]
    least = float(margin(jnp.zeros(2)))
    for f in (
        lambda x: jnp.where(margin(x) >= least, 5.0, 0.0) + x[0],
        lambda x: jnp.array([0.0, 5.0])[(margin(x) >= least).astype(int)] + x[0],
    ):
        taken = jax.jit(lambda key, f=f: subgradient(f, key=key)(jnp.zeros(2)))
        for found in [taken(key) for key in jax.random.split(jax.random.key(1), 40)]:
            assert np.isnan(np.asarray(found)).all()


# Functions of one number, whatever its way through truth values, indices and branches.
OF_ONE_NUMBER = {
    "select": lambda u: jnp.select([u < 0, u < 1], [-u, 2 * u], 3 * u - 1),
    "piecewise": lambda u: jnp.piecewise(u, [u < 0], [lambda t: -t, lambda t: 2 * t]) + relu(u - 1),
    "switch": lambda u: jax.lax.switch(
        (u < 0).astype(int) + (u < 1), [lambda t: 3 * t - 1, lambda t: 2 * t, lambda t: -t], u
    ),
    "table": lambda u: jnp.array([-1.0, 2.0])[(u > 0).astype(int)] * u,
    "interp": lambda u: jnp.interp(
        u, jnp.array([-1.0, 0.0, 1.0, 2.0]), jnp.array([1.0, 0.0, 2.0, 5.0])
    ),
    "digitize": lambda u: (
        jnp.array([-1.0, 2.0, 3.0])[jnp.digitize(u, jnp.array([0.0, 1.0]))] * u
        - jnp.where(u >= 1, 1.0, 0.0)
    ),
}


@pytest.mark.parametrize("name", OF_ONE_NUMBER)
@pytest.mark.parametrize("at", [0.0, 1.0])
def test_a_function_of_one_number_that_is_stepped_together(name, at):
    g = OF_ONE_NUMBER[name]
    f = lambda x: g(x[1]) + x[0] ** 2
    found = np.asarray(subgradient(f)(jnp.array([1.0, at])))
    assert found[0] == pytest.approx(2)
    assert found[1] in ((-1.0, 2.0) if at == 0 else (2.0, 3.0))
    jumping = lambda x: g(x[1]) + jnp.where(x[1] > at, 1.0, 0.0)
    with pytest.raises(NotLocallyLipschitzError):
        subgradient(jumping)(jnp.array([1.0, at]))


@pytest.mark.parametrize("name", ["select", "piecewise", "table"])
def test_many_such_numbers_at_once(name):
    f = lambda x: jnp.sum(OF_ONE_NUMBER[name](x.T))
    x = jnp.array([[0.0, 1.0, 0.5], [-2.0, 1.0, 0.0]])
    found = np.asarray(subgradient(f)(x))
    assert set(found[[0, 1], [0, 2]]) <= {-1.0, 2.0}
    assert set(found[:, 1]) <= {2.0, 3.0}
    assert (found[0, 2], found[1, 0]) == (2.0, -1.0)
    with pytest.raises(NotLocallyLipschitzError):
        subgradient(lambda x: f(x) + jnp.sum(jnp.where(x > 0, 1.0, 0.0)))(x)


def test_norms_at_zero_give_unit_vectors():
    assert float(jnp.linalg.norm(subgradient(jnp.linalg.norm)(jnp.zeros(3)))) == pytest.approx(1)
    f = lambda x: jnp.linalg.norm(x[:2]) + jnp.linalg.norm(x[2:])
    found = np.asarray(subgradient(f)(jnp.array([0.0, 0.0, 3.0, 4.0])))
    np.testing.assert_allclose(found[2:], [0.6, 0.8], rtol=1e-6)
    assert np.linalg.norm(found[:2]) == pytest.approx(1)
    assert clarke(jnp.std)(jnp.ones(4)).contains(
        np.asarray(subgradient(jnp.std)(jnp.ones(4))), 1e-5
    )


def test_networks():
    W = random_weights([3, 8, 8, 1])
    f = lambda w, x: mlp(w, x)
    at_zero = subgradient(f, argnums=1)(W, jnp.zeros(3))
    assert clarke(f, argnums=1)(W, jnp.zeros(3)).contains(np.asarray(at_zero), 1e-5)
    dead = [jnp.zeros_like(w) for w in W]
    for part in subgradient(f)(dead, jnp.ones(3)):
        np.testing.assert_array_equal(part, jnp.zeros_like(part))
    x = jnp.array([0.3, -1.0, 2.0])
    for ours, plain in zip(subgradient(f)(W, x), jax.grad(f)(W, x), strict=True):
        np.testing.assert_allclose(ours, plain, rtol=1e-5)


def test_pytrees_argnums_and_precision():
    found = subgradient(lambda p: jnp.abs(p["a"]) + relu(p["b"]).sum())(
        {"a": 0.0, "b": jnp.zeros(2)}
    )
    assert set(found) == {"a", "b"}
    both = subgradient(lambda a, b: jnp.abs(a * b), argnums=(0, 1))(2.0, 0.0)
    assert float(both[0]) == 0
    assert abs(float(both[1])) == 2
    with jax.enable_x64(True):
        assert subgradient(jnp.abs)(jnp.zeros((), jnp.float64)).dtype == jnp.float64


def test_another_key_another_element():
    f = lambda x: jnp.abs(x).sum()
    found = {
        tuple(np.asarray(subgradient(f, key=jax.random.key(k))(jnp.zeros(3)))) for k in range(9)
    }
    assert len(found) > 1
    again = [subgradient(f)(jnp.zeros(3)) for _ in range(2)]
    np.testing.assert_array_equal(*again)


def test_mapped_over_starts():
    f = lambda x: jnp.max(jnp.abs(x))
    X = jnp.array([[0.0, 0.0], [1.0, 2.0], [-3.0, 3.0]])
    mapped = jax.vmap(subgradient(f))(X)
    for x, g in zip(X, mapped, strict=True):
        assert clarke(f)(x).contains(np.asarray(g), 1e-6)


def test_inside_a_training_loop():
    f = lambda x: jnp.abs(x - 1).sum()

    @jax.jit
    def train(x):
        def step(x, k):
            return x - subgradient(f)(x) / (k + 1), None

        return jax.lax.scan(step, x, jnp.arange(200.0))[0]

    np.testing.assert_allclose(train(jnp.array([0.0, 1.0, 3.0])), jnp.ones(3), atol=0.02)


def test_what_is_no_point_or_no_scalar():
    with pytest.raises(ArgumentError, match="integer"):
        subgradient(abs)(0)
    with pytest.raises(NotScalarError):
        subgradient(lambda x: x)(jnp.zeros(2))
    with pytest.raises(UnsupportedPrimitiveError, match="test_subgradient"):
        subgradient(lambda x: jnp.fft.fft(x).real.sum())(jnp.zeros(2))


CONVEX = {
    "l1": lambda x: jnp.abs(x).sum(),
    "l∞": lambda x: jnp.max(jnp.abs(x)),
    "norm": jnp.linalg.norm,
    "two largest": lambda x: jax.lax.top_k(x, 2)[0].sum(),
}


@pytest.mark.parametrize("name", CONVEX)
def test_directional_derivative_is_the_support_of_a_convex_function(name):
    f = CONVEX[name]
    D = clarke(f)(jnp.zeros(3))
    for v in jnp.asarray(np.random.default_rng(0).standard_normal((4, 3)), jnp.float32):
        assert float(directional_derivative(f)(jnp.zeros(3), v)) == pytest.approx(
            D.support(np.asarray(v)), abs=1e-5
        )


def test_directional_derivative():
    slope = directional_derivative
    f = lambda x: jnp.abs(x[0]) - jnp.abs(x[1])
    v = jnp.array([1.0, 2.0])
    assert float(slope(f)(jnp.zeros(2), v)) == -1
    assert float(slope(f)(jnp.zeros(2), v)) <= clarke(f)(jnp.zeros(2)).support(np.asarray(v))
    assert float(slope(lambda x: jnp.where(x**3 > 0, x, -x))(0.0, -1.0)) == 1
    assert float(slope(lambda x: jnp.where(x >= 0, 1.0, 0.0))(0.0, 1.0)) == 0
    with pytest.raises(NotLocallyLipschitzError):
        slope(lambda x: jnp.where(x >= 0, 1.0, 0.0))(0.0, -1.0)
    assert float(slope(abs)(0.0, 0.0)) == 0
    assert np.isnan(jax.jit(slope(lambda x: jnp.sqrt(jnp.abs(x))))(0.0, 1.0))
    with pytest.raises(ArgumentError, match="shapes"):
        slope(f)(jnp.zeros(2), jnp.zeros(3))


def test_calls_that_lack_an_argument_are_named():
    for call, told in (
        (lambda: subgradient(jnp.abs, argnums=1)(0.0), "argnums is 1"),
        (lambda: subgradient(jnp.abs)(), "0 positional"),
        (lambda: directional_derivative(jnp.abs)(0.0), "direction"),
        (lambda: unchecked(subgradient)(jnp.abs, key=0)(0.0), "key is 0"),
        (lambda: unchecked(clarke)(jnp.abs, key=0)(0.0), "key is 0"),
    ):
        with pytest.raises(ArgumentError, match=told):
            call()


def test_hessians_by_forward_over_subgradient():
    h, v = lambda y: jnp.sum(relu(y) ** 3), jnp.array([1.0, 2.0])
    for hessian in (
        jax.jacfwd(subgradient(h)),
        jax.jacrev(subgradient(h)),
        jax.jit(jax.jacfwd(subgradient(h))),
    ):
        np.testing.assert_allclose(hessian(v), np.diag([6.0, 12.0]), rtol=1e-6)
    moved = jax.jvp(subgradient(h), (v,), (v,))[1]
    np.testing.assert_allclose(moved, [6.0, 24.0], rtol=1e-6)
    assert float(jax.grad(lambda x: x * subgradient(lambda y: y**2)(x))(1.0)) == 4.0
