import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest.errors import ArgumentError, NotScalarError
from steepest.inputs import (
    as_point,
    check_scalar,
    finite_number,
    positive,
    positive_number,
    whole_number,
)
from unchecked import unchecked


@pytest.mark.parametrize(
    ("point", "says"),
    [
        (float("nan"), "x0 is nan"),
        (1, "x0 is an integer"),
        (True, "x0 holds no real numbers"),
        (jnp.array([True]), "x0 is of type bool"),
        (jnp.array([1, 2]), "x0 is an integer"),
        ({}, "no real numbers"),
        ([], "no real numbers"),
        (np.zeros((0, 3)), "no real numbers"),
        (None, "no real numbers"),
        (1j, "complex"),
        ({"w": [1.0, np.array([1.0, np.inf])]}, "x0['w'][1][1] is inf"),
        ({"w": jnp.ones(2), "steps": 3}, "x0['steps'] is an integer"),
    ],
)
def test_what_is_no_point_is_refused_and_named(point, says):
    with pytest.raises(ArgumentError) as error:
        as_point(point)
    assert says in str(error.value)


def test_passengers_ride_along():
    model = eqx.nn.MLP(2, 1, 4, 1, key=jax.random.key(0))
    point = as_point(model)
    assert all(jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in point.leaves)
    restored = point.restore([2 * leaf for leaf in point.leaves])
    assert restored.activation is model.activation
    assert jnp.array_equal(restored.layers[0].weight, 2 * model.layers[0].weight)
    assert point.variables(point.leaves).activation is None


def test_numpy_float64_keeps_its_digits():
    (leaf,) = as_point(np.array([0.1])).leaves
    assert leaf.dtype == np.float64
    assert leaf[0] == 0.1


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (lambda x: x, "shape (3,)"),
        (lambda x: (x.sum(), x.sum()), "2 leaves"),
        (lambda x: jnp.argmax(x), "int32"),
        (lambda x: x.sum().astype(complex), "complex"),
        (lambda x: "a", "str"),
        (lambda x: 3, "int"),
    ],
)
def test_what_is_not_scalar_is_refused(f, says):
    with pytest.raises(NotScalarError, match="returns") as error:
        jax.eval_shape(lambda x: check_scalar(f(x), f), jnp.ones(3))
    assert says in str(error.value)


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), "a", None, 1j])
def test_positive_refuses(value):
    with pytest.raises(ArgumentError, match="beta"):
        positive(value, "beta")


def test_positive_lets_good_and_traced_numbers_pass():
    positive(1e-300, "beta")
    positive(0.0, "mu", zero=True)
    jax.jit(lambda b: positive(b, "beta"))(-1.0)


@pytest.mark.parametrize(
    "value", ["a", None, 1j, True, [3.3], np.ones(1), np.ones(2), np.nan, np.inf, jnp.array(True)]
)
def test_finite_and_positive_number_refuse(value):
    for check in (finite_number, positive_number):
        with pytest.raises(ArgumentError, match="start"):
            check(value, "start")


@pytest.mark.parametrize("value", [3, 3.0, np.float32(3), np.array(3.0), jnp.float32(3)])
def test_numbers_of_every_kind_become_floats(value):
    assert finite_number(value, "start") == positive_number(value, "start") == 3.0


@pytest.mark.parametrize("value", [0, -3, 2.0, True, "5"])
def test_whole_number_refuses(value):
    with pytest.raises(ArgumentError, match="steps"):
        whole_number(value, "steps")


DESCENT = st.methods.gradient_descent(0.1)
ROWS = jnp.ones((1, 2))


@pytest.mark.parametrize("value", [None, 3.0])
@pytest.mark.parametrize(
    ("public", "arguments"),
    [
        (st.clarke, ()),
        (st.subgradient, ()),
        (st.directional_derivative, ()),
        (st.check_autodiff, ()),
        (st.local_lipschitz, ()),
        (st.homogeneity, ()),
        (st.euler_residuals, ()),
        (st.gradient_flow, (1.0, 1.0)),
        (st.gradient_inclusion, (1.0, 1.0)),
        (st.momentum_flow, (1.0, 1.0, "heavy_ball", 1.0)),
        (st.descend, (1.0, DESCENT, 1)),
        (st.conservation_laws, ([jnp.ones(2)], ROWS)),
        (st.audit, ([jnp.ones(2)], ROWS)),
    ],
)
def test_what_is_no_function_is_refused_and_named(public, arguments, value):
    says = rf"^(f|model) is {value}; it must be a function"
    with pytest.raises(ArgumentError, match=says):
        unchecked(public)(value, *arguments)
