import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, strategies as st_

import steepest as st
from steepest.errors import ArgumentError, SolverError
from unchecked import unchecked

M = st.methods
SADDLE = lambda x: jnp.sum(x**2) - 3.0 * x[0] ** 2  # its least eigenvalue is −4


def rosenbrock(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def spread(d, least, largest, seed=0):
    """A separable quadratic with these extreme eigenvalues, and its minimiser."""
    h = np.geomspace(least, largest, d)
    c = np.random.default_rng(seed).standard_normal(d)
    return lambda x: 0.5 * jnp.sum(jnp.asarray(h, x.dtype) * (x - jnp.asarray(c, x.dtype)) ** 2), c


def test_one_step_solves_a_quadratic_whatever_its_condition():
    with jax.enable_x64(True):
        f, c = spread(30, 1e-9, 1e9)
        run = st.descend(f, jnp.zeros(30), M.newton(), 1)
        np.testing.assert_allclose(run.final, c, rtol=1e-9)


@pytest.mark.parametrize(("dtype", "close"), [(np.float32, 2e-4), (np.float64, 1e-6)])
def test_conjugate_gradients_beyond_512_variables(dtype, close):
    with jax.enable_x64(True):
        f, c = spread(900, 0.5, 5e3)
        run = st.descend(f, jnp.zeros(900, dtype), M.newton(), 2)
        assert run.final.dtype == dtype
        np.testing.assert_allclose(run.final, c, atol=close)


def test_the_two_ways_agree(monkeypatch):
    from steepest.methods import _newton

    with jax.enable_x64(True):
        x = jnp.linspace(0.5, 2.0, 40)
        f = lambda x: jnp.sum(x**4) + jnp.sum(x) ** 2
        step = lambda: st.descend(f, x, M.newton(0.7, damping=0.3), 1).final
        dense = step()
        monkeypatch.setattr(_newton, "_DENSE", 10)
        np.testing.assert_allclose(step(), dense, rtol=1e-8)


@given(seed=st_.integers(0, 1000))
def test_it_is_affine_invariant(seed):
    """Newton's points for f(A·) are A⁻¹ of those for f: the condition number is nothing to it."""
    with jax.enable_x64(True):
        A = np.random.default_rng(seed).standard_normal((3, 3)) @ np.diag([1.0, 30.0, 900.0])
        x0 = np.array([0.3, -0.5, 0.8])
        y = np.asarray(_run(A, np.linalg.solve(A, x0)))
        np.testing.assert_allclose(y @ A.T, _run(np.eye(3), x0), rtol=1e-7, atol=1e-9)


@jax.jit
def _run(A, start):
    f = lambda y: jnp.sum(jnp.cosh(A @ y)) + jnp.sum((A @ y - 1.0) ** 2) + 0.1 * jnp.sum(A @ y) ** 2
    return st.descend(f, start, M.newton(), 6, saveat=range(7)).xs


def test_near_the_minimum_the_error_is_squared():
    with jax.enable_x64(True):
        run = st.descend(rosenbrock, jnp.array([-1.2, 1.0]), M.newton(), 7, saveat=range(8))
        errors = np.linalg.norm(run.xs - 1.0, axis=1)
        assert errors[-1] < 1e-12
        assert np.all(errors[5:7] <= 50 * errors[4:6] ** 2)


def test_a_hessian_that_is_not_positive_definite_is_named_in_a_run():
    with pytest.raises(SolverError, match=r"least eigenvalue is -4.*damping"):
        st.descend(SADDLE, jnp.ones(3), M.newton(), 5)


def test_and_in_an_eager_update():
    x, method = jnp.ones(3), M.newton(damping=1.0)
    with pytest.raises(SolverError, match="least eigenvalue is -3"):
        method.update(jax.grad(SADDLE)(x), method.init(x), x, value_fn=SADDLE)


def test_and_under_jit():
    run = jax.jit(lambda x: st.descend(SADDLE, x, M.newton(), 5).final)
    with pytest.raises(Exception, match="least eigenvalue is -4"):
        jax.block_until_ready(run(jnp.ones(3)))


def test_under_vmap_one_bad_member_is_found():
    run = jax.jit(jax.vmap(lambda c: st.descend(lambda x: c * x**2, 1.0, M.newton(), 2).final))
    np.testing.assert_allclose(run(jnp.array([1.0, 2.0])), 0.0, atol=1e-6)
    with pytest.raises(Exception, match="least eigenvalue is -6"):
        jax.block_until_ready(run(jnp.array([1.0, -3.0])))


@pytest.mark.parametrize("least", [-0.1, 0.0])
def test_and_where_the_hessian_is_not_written_down(least):
    h = np.ones(600)
    h[17] = least
    f = lambda x: 0.5 * jnp.sum(jnp.asarray(h) * x**2)
    with pytest.raises(SolverError, match="least eigenvalue is") as error:
        st.descend(f, jnp.ones(600), M.newton(), 2)
    said = float(str(error.value).split("least eigenvalue is ")[1].split(". ")[0])
    assert said == pytest.approx(least, abs=1e-5)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: (x[0] + x[1]) ** 2,  # semidefinite
        lambda x: x[0] + x[1],  # flat
        lambda x: x[0] ** 2 - 1e-3 * x[1] ** 2,
        lambda x: x[0] * x[1],
        *[lambda x, c=c: (c * x[0] + x[1] / c) ** 2 for c in (0.3, 0.7, 1.1, 1.7, 2.3)],
    ],
)
def test_what_is_only_just_not_definite_is_refused(f):
    with pytest.raises(SolverError, match="not positive definite"):
        st.descend(f, jnp.array([1.0, 2.0]), M.newton(), 1)


def test_damping_mends_it():
    run = st.descend(SADDLE, jnp.array([1e-3, 1.0, 1.0]), M.newton(damping=5.0), 3)
    assert np.all(np.isfinite(run.final))


def test_conjugate_gradients_that_do_not_converge_are_an_error(monkeypatch):
    from steepest.methods import _newton

    monkeypatch.setattr(_newton, "_MOST_STEPS", 3)
    f, _ = spread(600, 1.0, 1e4)
    with pytest.raises(SolverError, match="did not converge"):
        st.descend(f, jnp.zeros(600), M.newton(), 1)


def test_a_run_into_what_is_not_finite_says_so_and_not_that_the_hessian_is_bad():
    with pytest.raises(SolverError, match="left the finite numbers at step 1"):
        st.descend(lambda x: x - jnp.log(x), 2.5, M.newton(), 4)


def test_in_float32_the_unit_of_a_variable_does_not_matter():
    scale = jnp.array([1e-6, 1.0, 1e6])
    run = st.descend(lambda x: jnp.sum((scale * x - 1.0) ** 2), jnp.zeros(3), M.newton(), 2)
    np.testing.assert_allclose(scale * run.final, 1.0, rtol=1e-5)


def test_it_solves_with_the_gradient_that_comes():
    """What stands before it in a chain is heard."""
    x = jnp.array([1.0, 2.0])
    f = lambda x: jnp.sum(jnp.array([1.0, 5.0]) * x**2)
    method = optax.chain(optax.scale(0.5), M.newton())
    np.testing.assert_allclose(st.descend(f, x, method, 1).final, x / 2, rtol=1e-6)


def test_without_f_it_says_what_to_pass():
    x, method = jnp.ones(2), M.newton()
    with pytest.raises(ArgumentError, match="value_fn"):
        method.update(x, method.init(x), x)
    with pytest.raises(ArgumentError, match="params"):
        method.update(x, method.init(x), value_fn=jnp.sum)


@pytest.mark.parametrize("damping", [-1.0, float("nan"), "1", None])
def test_bad_damping_is_refused(damping):
    with pytest.raises(ArgumentError, match="damping"):
        unchecked(M.newton)(damping=damping)
