"""Every method against the lecture's formulas in NumPy, in float64, over 100 steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st_
from jax.flatten_util import ravel_pytree

import steepest as st

from . import numpy_methods as reference
from .runs import expected, fed, gradients, states, value

M = st.methods
ETAS, SHARES = st_.floats(1e-5, 5e-4), st_.floats(0.0, 0.95)
EPSILONS = st_.sampled_from([0.0, 1e-10, 1e-6, 1e-2])


def compiled(build):
    """The run of build(hyperparameters), compiled once for all of them."""
    jitted = jax.jit(lambda *numbers: states(build(*numbers)))

    def run(*numbers):
        with jax.enable_x64(True):
            return np.asarray(jitted(*map(jnp.float64, numbers)))

    return run


def agree(ours, theirs):
    assert np.all(np.isfinite(theirs))
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


descent = compiled(M.gradient_descent)
heavy = compiled(M.heavy_ball)
nesterov = compiled(M.nesterov)
adagrad = compiled(lambda eta, eps, s: M.adagrad(eta, eps, initial_accumulator_value=s))
delta = compiled(
    lambda rho, a, b, u: M.adadelta(rho, eps_step=a, eps_gradient=b, initial_step_accumulator=u)
)
rms = {
    inside: compiled(lambda *a, i=inside: M.rmsprop(*a, eps_in_sqrt=i)) for inside in (0 > 1, 0 < 1)
}
adam = {
    forms: compiled(lambda *a, f=forms: M.adam(*a, bias_correction=f[0], eps_in_sqrt=f[1]))
    for forms in [(True, False), (False, True)]
}


@given(eta=ETAS)
def test_gradient_descent(eta):
    agree(descent(eta), expected(reference.gradient_descent, eta))


@given(eta=ETAS, beta=SHARES)
def test_heavy_ball(eta, beta):
    agree(heavy(eta, beta), expected(reference.heavy_ball, eta, beta))


@given(eta=ETAS, beta=SHARES)
def test_nesterov(eta, beta):
    agree(nesterov(eta, beta), expected(reference.nesterov, eta, beta))


@given(eta=ETAS, eps=EPSILONS, start=st_.sampled_from([0.0, 0.1]))
def test_adagrad(eta, eps, start):
    agree(adagrad(100 * eta, eps, start), expected(reference.adagrad, 100 * eta, eps, start))


@pytest.mark.parametrize("inside", [False, True])
@given(eta=ETAS, beta=SHARES, eps=EPSILONS)
def test_rmsprop(inside, eta, beta, eps):
    agree(rms[inside](eta, beta, eps), expected(reference.rmsprop, eta, beta, eps, inside))


# Larger ε and smaller ρ make steps so long that the run on Rosenbrock's function is chaotic.
@given(
    rho=st_.floats(0.8, 0.99),
    a=st_.sampled_from([0.0, 1e-10, 1e-6]),
    b=EPSILONS,
    start=st_.sampled_from([0.0, 1e-6]),
)
def test_adadelta(rho, a, b, start):
    agree(delta(rho, a, b, start), expected(reference.adadelta, rho, a, b, start))


@pytest.mark.parametrize("forms", [(True, False), (False, True)])
@given(eta=ETAS, b1=SHARES, b2=st_.floats(0.5, 0.9999), eps=EPSILONS)
def test_adam(forms, eta, b1, b2, eps):
    agree(adam[forms](eta, b1, b2, eps), expected(reference.adam, eta, b1, b2, eps, *forms))


@given(eta=st_.floats(0.1, 1.0), damping=st_.floats(1.0, 10.0))
def test_newton(eta, damping):
    agree(newton(eta, damping), expected(reference.newton, eta, damping))


newton = compiled(lambda eta, damping: M.newton(eta, damping=damping))


@pytest.mark.parametrize("name", ["adagrad", "rmsprop", "adadelta", "adam"])
def test_the_defaults_are_the_references(name):
    theirs = expected(getattr(reference, name))
    with jax.enable_x64(True):
        agree(fed(getattr(M, name)(), gradients(theirs)), theirs)


@pytest.mark.parametrize("name", ["heavy_ball", "nesterov"])
def test_schedules_count_from_zero(name):
    """c/(c + 3) of a count c is to be float64 in double precision."""
    eta, beta = lambda t: 3e-4 / (1 + 0.01 * t), lambda t: t / (t + 3)
    with jax.enable_x64(True):
        agree(states(getattr(M, name)(eta, beta)), expected(getattr(reference, name), eta, beta))


@pytest.mark.parametrize("name", ["adagrad", "rmsprop", "adam"])
def test_a_schedule_of_the_step_size_counts_from_zero(name):
    eta = lambda t: 1e-2 / (1 + t / 7)
    theirs = expected(getattr(reference, name), eta)
    with jax.enable_x64(True):
        agree(fed(getattr(M, name)(eta), gradients(theirs)), theirs)


def test_newton_takes_a_schedule():
    eta = lambda t: 1 / (1 + t / 7)
    with jax.enable_x64(True):
        agree(states(M.newton(eta, damping=5.0)), expected(reference.newton, eta, damping=5.0))


def test_the_reference_differentiates_what_the_runs_do():
    with jax.enable_x64(True):
        flat, unravel = ravel_pytree(jax.tree.map(jnp.asarray, reference.START))
        gradient = jax.grad(lambda z: value(unravel(z)))(flat)
    np.testing.assert_allclose(gradient, reference.all_gradients(reference.FLAT_START), rtol=1e-12)
