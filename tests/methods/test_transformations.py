"""What all methods share: they are Optax transformations, and refuse what means nothing."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import steepest as st
from steepest.errors import ArgumentError
from unchecked import unchecked

M = st.methods
METHODS = {
    "gradient_descent": lambda eta=0.05: M.gradient_descent(eta),
    "heavy_ball": lambda eta=0.05: M.heavy_ball(eta),
    "nesterov": lambda eta=0.05: M.nesterov(eta),
    "newton": lambda eta=0.5: M.newton(eta),
    "adagrad": lambda eta=0.05: M.adagrad(eta),
    "rmsprop": lambda eta=0.05: M.rmsprop(eta),
    "adadelta": lambda rho=0.9: M.adadelta(rho),
    "adam": lambda eta=0.05: M.adam(eta),
}
ELEMENTWISE = ["adagrad", "rmsprop", "adadelta", "adam"]


def f(x):
    return jnp.sum(x["a"].astype(jnp.float32) ** 2) + 2.0 * jnp.sum((x["b"][0] - 1.0) ** 4)


def start(dtype=jnp.float32):
    return {"a": jnp.ones((2, 2), dtype), "b": (jnp.zeros(3, jnp.float32), None)}


def update(method, x, state):
    return method.update(jax.grad(f)(x), state, x, value_fn=f)


def test_the_signatures_are_the_contract():
    signature = lambda name: {
        p.name: (p.default, p.kind.name[0])
        for p in inspect.signature(getattr(M, name)).parameters.values()
    }
    none, P, K = inspect.Parameter.empty, "P", "K"
    assert signature("gradient_descent") == {"learning_rate": (none, P)}
    for name in ("heavy_ball", "nesterov"):
        assert signature(name) == {"learning_rate": (none, P), "momentum": (0.9, P)}
    assert signature("newton") == {"learning_rate": (1.0, P), "damping": (0.0, K)}
    assert signature("adagrad") == {
        "learning_rate": (0.01, P),
        "eps": (1e-8, P),
        "initial_accumulator_value": (0.0, K),
    }
    assert signature("rmsprop") == {
        "learning_rate": (1e-3, P),
        "decay": (0.9, P),
        "eps": (1e-8, P),
        "eps_in_sqrt": (True, K),
    }
    assert signature("adadelta") == {
        "rho": (0.9, P),
        "eps": (1e-6, P),
        "eps_step": (None, K),
        "eps_gradient": (None, K),
        "initial_step_accumulator": (0.0, K),
    }
    assert signature("adam") == {
        "learning_rate": (1e-3, P),
        "b1": (0.9, P),
        "b2": (0.999, P),
        "eps": (1e-8, P),
        "bias_correction": (True, K),
        "eps_in_sqrt": (False, K),
    }


@pytest.mark.parametrize("name", METHODS)
def test_jit_and_vmap_over_the_first_hyperparameter(name):
    x0, numbers = start(), jnp.array([0.01, 0.04])

    def final(number):
        return jax.tree.leaves(st.descend(f, x0, METHODS[name](number), 4).final)

    together = jax.jit(jax.vmap(final))(numbers)
    alone = jax.tree.leaves(st.descend(f, x0, METHODS[name](0.04), 4).final)
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_allclose(a[1], b, rtol=1e-5, atol=1e-6)
        assert np.any(a[0] != b)


@pytest.mark.parametrize("name", METHODS)
def test_chain_and_inject_hyperparams(name):
    """A chain hands on what descend passes, and a hyperparameter in the state can be set."""
    x = start()
    plain = METHODS[name]()
    number = inspect.signature(METHODS[name]).parameters
    (parameter,) = number.values()
    argument = "rho" if name == "adadelta" else "learning_rate"
    injected = optax.inject_hyperparams(getattr(M, name))(**{argument: parameter.default})
    state = optax.chain(injected, optax.identity()).init(x)
    assert argument in state[0].hyperparams
    expected, _ = update(plain, x, plain.init(x))
    found, state = update(optax.chain(injected, optax.identity()), x, state)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    run = st.descend(f, x, optax.chain(injected, optax.clip(0.01)), 3)
    assert all(
        jnp.max(jnp.abs(a - b)) < 0.031
        for a, b in zip(*map(jax.tree.leaves, (run.final, x)), strict=True)
    )


@pytest.mark.parametrize("name", METHODS)
def test_bfloat16_parameters_have_float32_accumulators(name):
    x, method = start(jnp.bfloat16), METHODS[name]()
    state = method.init(x)
    updates, after = update(method, x, state)
    assert jax.tree.map(jnp.result_type, updates) == jax.tree.map(jnp.result_type, x)
    for tree in (state, after):
        kinds = {leaf.dtype for leaf in jax.tree.leaves(tree)}
        assert kinds <= {jnp.dtype(jnp.float32), jnp.dtype(jnp.int32)}
    run = st.descend(f, x, method, 5)
    assert run.final["a"].dtype == jnp.bfloat16


def test_a_long_average_in_bfloat16_does_not_stall():
    method, g = M.adam(b2=0.999), jnp.full(1, 0.8203125, jnp.bfloat16)
    step = lambda state, _: (method.update(g, state)[1], None)
    state, _ = jax.lax.scan(step, method.init(g), length=5000)
    exact = 0.8203125**2 * (1 - 0.999**5000)
    np.testing.assert_allclose(state[0].nu, exact, rtol=1e-3)


def test_hyperparameters_in_double_do_not_change_what_is_kept_in_single():
    with jax.enable_x64(True):
        x = {"a": jnp.ones((2, 2), jnp.float32), "b": (jnp.zeros(3, jnp.float32), None)}
        for name in set(METHODS) - {"gradient_descent"}:  # it keeps nothing
            method = METHODS[name](jnp.float64(0.1))
            state = method.init(x)
            updates, after = update(method, x, state)
            same = lambda s, t: jax.tree.map(jnp.result_type, s) == jax.tree.map(jnp.result_type, t)
            assert same(updates, x)
            assert same(state, after)


@pytest.mark.parametrize(
    "method",
    [
        M.adagrad(0.1, eps=0.0),
        M.rmsprop(0.1, eps=0.0),
        M.rmsprop(0.1, eps=0.0, eps_in_sqrt=False),
        M.adadelta(eps=0.0, initial_step_accumulator=0.01),
        M.adadelta(0.0, eps=0.0, initial_step_accumulator=0.01),
        M.adadelta(0.0),
        M.adam(0.1, eps=0.0),
        M.adam(0.1, eps=0.0, bias_correction=False, eps_in_sqrt=True),
        M.adam(0.1, b1=0.0, b2=0.0, eps=0.0),
    ],
)
def test_nothing_over_nothing_is_nothing(method):
    """A coordinate without a gradient stays; the others move; NaN is not hidden."""
    x = jnp.ones(3)
    state = method.init(x)
    for _ in range(3):
        u, state = method.update(jnp.array([0.0, 2.0, jnp.nan]), state, x)
        assert u[0] == 0.0
        assert u[1] < 0.0
        assert np.isfinite(u[1])
        assert np.isnan(u[2])


def test_gradients_whose_squares_underflow_do_no_harm():
    for name in ("adagrad", "rmsprop", "adam"):
        method = getattr(M, name)(0.1, eps=0.0)
        u, _ = method.update(jnp.full(1, 1e-30), method.init(jnp.ones(1)), jnp.ones(1))
        assert abs(float(u[0])) < 1e-20


def test_adadelta_has_the_units_of_x_when_each_epsilon_has_its_own():
    """Rescaling x by c rescales the step by c, exactly for a power of two."""
    g, c = jnp.array([0.3, -2.0]), 1024.0
    step = lambda method, g: method.update(g, method.init(g))[0]
    own = step(M.adadelta(eps_step=1e-6, eps_gradient=1e-8), g)
    scaled = step(M.adadelta(eps_step=c**2 * 1e-6, eps_gradient=1e-8 / c**2), g / c)
    np.testing.assert_allclose(scaled, c * own, rtol=1e-6)
    shared = step(M.adadelta(eps=1e-8), g / c)
    assert not np.allclose(shared, c * step(M.adadelta(eps=1e-8), g), rtol=0.1)


def test_nesterov_takes_one_gradient_under_jit():
    """The compiler leaves out the one at x: there are as many products as for gradient descent."""
    W = jnp.ones((5, 7))
    f = lambda x: jnp.sum(jnp.tanh(W @ jnp.tanh(x)))
    x = jnp.ones((7, 3))

    def products(method):
        def step(x, s):
            v, g = jax.value_and_grad(f)(x)
            u, s = method.update(g, s, x, value=v, grad=g, value_fn=f)
            return optax.apply_updates(x, u), s

        compiled = jax.jit(step).lower(x, method.init(x)).compile()
        return compiled.as_text().count(" dot(")

    assert products(M.nesterov(0.1)) == products(M.gradient_descent(0.1)) > 0
    run = st.descend(f, x, M.nesterov(0.1), 7)
    assert run.stats["gradients"] == 7


def test_nesterov_says_what_it_needs():
    x, method = jnp.ones(2), M.nesterov(0.1)
    with pytest.raises(ArgumentError, match="value_fn"):
        method.update(x, method.init(x), x)
    with pytest.raises(ArgumentError, match="params"):
        method.update(x, method.init(x), value_fn=jnp.sum)
    with pytest.raises(ArgumentError, match="put nesterov first"):
        st.descend(lambda x: jnp.sum(x**2), x, optax.chain(optax.clip(0.1), method), 3)
    masked = optax.masked(method, {"a": True, "b": False})
    with pytest.raises(ArgumentError, match="part of the parameters"):
        st.descend(lambda x: x["a"] ** 2 + x["b"] ** 2, {"a": 1.0, "b": 1.0}, masked, 3)


def test_batches_reach_what_asks_for_f():
    X = jnp.array([[1.0], [2.0], [4.0]])
    f = lambda w, batch: jnp.sum((batch @ w - 1.0) ** 2)
    run = st.descend(f, jnp.zeros(1), M.newton(), 3, batches=X[:, None], saveat=range(4))
    np.testing.assert_allclose(run.xs[1:, 0], [1.0, 0.5, 0.25], rtol=1e-6)


NAN, INF = float("nan"), float("inf")
STEP = [("learning_rate", bad) for bad in (0.0, -1.0, NAN, INF, "0.1", None, np.ones(2), True)]
SHARE = (-0.1, 1.0, 1.5, NAN, "0.9", None)
EPS = (-1e-8, NAN, INF, "1e-8")
BAD = {
    "gradient_descent": STEP,
    "heavy_ball": STEP + [("momentum", bad) for bad in SHARE],
    "nesterov": STEP + [("momentum", bad) for bad in SHARE],
    "newton": STEP + [("damping", bad) for bad in EPS],
    "adagrad": STEP + [(name, bad) for name in ("eps", "initial_accumulator_value") for bad in EPS],
    "rmsprop": STEP
    + [("decay", bad) for bad in SHARE]
    + [("eps", bad) for bad in EPS]
    + [("eps_in_sqrt", "yes")],
    "adadelta": [("rho", bad) for bad in SHARE]
    + [
        (name, bad)
        for name in ("eps", "eps_step", "eps_gradient", "initial_step_accumulator")
        for bad in EPS
    ],
    "adam": STEP
    + [(name, bad) for name in ("b1", "b2") for bad in SHARE]
    + [("eps", bad) for bad in EPS]
    + [("bias_correction", 1), ("eps_in_sqrt", None)],
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_named_at_construction(name):
    for argument, bad in BAD[name]:
        good = {} if name == "adadelta" else {"learning_rate": 0.1}
        with pytest.raises(ArgumentError, match=rf"^{argument} (is|has)") as error:
            unchecked(getattr(M, name))(**(good | {argument: bad}))
        assert argument in str(error.value), (argument, bad)


@pytest.mark.parametrize("name", METHODS)
def test_traced_numbers_and_zero_pass(name):
    jax.eval_shape(lambda n: METHODS[name](n).init(jnp.ones(2)) and 0.0, 0.1)
    for argument in ("momentum", "decay", "b1", "b2", "rho", "eps", "damping"):
        method = unchecked(getattr(M, name))
        if argument in inspect.signature(method).parameters:
            good = {} if name == "adadelta" else {"learning_rate": 0.1}
            method(**(good | {argument: 0.0}))
            method(**(good | {argument: 0}))
