import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, strategies as st_

import steepest as st
from steepest.errors import ArgumentError, NotScalarError, SolverError
from unchecked import unchecked


def rosenbrock(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def by_hand(f, x, method, steps):
    """The eager Optax loop: every state, and f at each."""
    state, states, values = method.init(x), [x], [f(x)]
    for _ in range(steps):
        value, gradient = jax.value_and_grad(f)(x)
        updates, state = optax.with_extra_args_support(method).update(
            gradient, state, x, value=value, grad=gradient, value_fn=f
        )
        x = optax.apply_updates(x, updates)
        states.append(x)
        values.append(f(x))
    return states, values


@pytest.mark.parametrize(
    "method",
    [
        st.methods.gradient_descent(1e-3),
        st.methods.gradient_descent(optax.cosine_decay_schedule(1e-3, 20)),
        optax.adam(0.05),
        optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(1e-2, momentum=0.9)),
        optax.adamw(0.01),
        optax.lbfgs(),
        optax.inject_hyperparams(st.methods.gradient_descent)(learning_rate=1e-3),
    ],
)
def test_every_saved_state_is_that_of_the_eager_loop(method):
    with jax.enable_x64(True):
        x0 = jnp.array([-1.2, 1.0])
        run = st.descend(rosenbrock, x0, method, 12, saveat=range(13))
        states, values = by_hand(rosenbrock, x0, method, 12)
        np.testing.assert_allclose(run.xs, np.stack(states), rtol=1e-9)
        np.testing.assert_allclose(run.values, np.stack(values), rtol=1e-8, atol=1e-20)
        np.testing.assert_allclose(run.final, states[-1], rtol=1e-9)


@given(
    steps=st_.integers(0, 40), saved=st_.sets(st_.integers(0, 40), min_size=1), last=st_.booleans()
)
def test_saveat_saves_those_times_whatever_their_spacing(steps, saved, last):
    times = sorted({t for t in saved if t <= steps} | ({steps} if last else {0}))
    run = st.descend(
        lambda x: 0.5 * jnp.sum(x**2),
        jnp.array([1.0, 2.0]),
        st.methods.gradient_descent(0.1),
        steps,
        monitors={"first": lambda x: x[0]},
        saveat=times,
    )
    expected = 0.9 ** np.array(times)
    assert run.ts.tolist() == times
    np.testing.assert_allclose(run.xs[:, 0], expected, rtol=1e-5)
    np.testing.assert_allclose(run.values, 2.5 * expected**2, rtol=1e-5)
    np.testing.assert_allclose(run.monitors["first"], expected, rtol=1e-5)
    np.testing.assert_allclose(run.final[0], 0.9**steps, rtol=1e-5)


def test_without_saveat_at_most_a_thousand_times_and_no_states():
    run = st.descend(lambda x: x**2, 1.0, st.methods.gradient_descent(0.002), 5000)
    assert 500 <= len(run.ts) == len(run.values) <= 1000
    assert run.ts[0] == 0
    assert run.ts[-1] == 5000
    assert run.xs is None
    np.testing.assert_allclose(run.values, 0.996 ** (2 * np.asarray(run.ts)), rtol=1e-2)


def test_states_false_keeps_them_out():
    run = st.descend(lambda x: x**2, 1.0, optax.sgd(0.1), 3, saveat=[0, 3], states=False)
    assert run.xs is None
    assert len(run.values) == 2


def test_any_pytree_and_its_structure_reaches_the_method():
    """A method that treats leaves by name sees the user's pytree, not a list of arrays."""
    labels = {"moved": "yes", "held": "no"}
    method = optax.multi_transform({"yes": optax.sgd(0.1), "no": optax.set_to_zero()}, labels)
    x0 = {"moved": jnp.ones(2), "held": 1.0}
    run = st.descend(lambda x: jnp.sum(x["moved"] ** 2) + x["held"] ** 2, x0, method, 5)
    assert run.final["held"] == 1.0
    np.testing.assert_allclose(run.final["moved"], 0.8**5, rtol=1e-6)


def test_an_equinox_module_is_a_point():
    model = eqx.nn.MLP(2, 1, 4, 1, key=jax.random.key(0))
    X = jax.random.normal(jax.random.key(1), (16, 2))
    f = st.mean_loss(
        lambda m, x: m(x), lambda p, y: jnp.sum((p - y) ** 2), X, X.sum(1, keepdims=True)
    )
    run = st.descend(f, model, optax.adam(1e-2), 200)
    assert isinstance(run.final, eqx.nn.MLP)
    assert run.values[-1] < 0.3 * run.values[0]


def test_under_jit_and_vmap_over_step_sizes_and_starts():
    f = lambda x: 0.5 * jnp.sum(jnp.array([1.0, 4.0]) * x**2)

    def final(eta, x0):
        return st.descend(f, x0, st.methods.gradient_descent(eta), 7)

    etas, starts = jnp.array([0.1, 0.2, 40.0]), jnp.arange(6.0).reshape(3, 2)
    batched = jax.jit(jax.vmap(final))(etas, starts)
    for i in range(3):
        alone = jax.jit(final)(etas[i], starts[i])
        np.testing.assert_allclose(batched.final[i], alone.final, rtol=1e-5)
        assert np.isnan(alone.stats["compile_seconds"])


def test_divergence_names_the_step_and_the_leaf_and_keeps_the_run():
    f = lambda x: jnp.sum(x["calm"] ** 2) + 50 * jnp.sum(x["wild"] ** 2)
    x0 = {"calm": jnp.ones(2), "wild": jnp.ones(3)}
    with pytest.raises(SolverError) as error:
        st.descend(f, x0, st.methods.gradient_descent(0.5), 200, saveat=range(201), states=False)
    message, run = str(error.value), error.value.trajectory
    step = int(run.divergence.step)
    assert "x0['wild']" in message
    assert f"step {step}" in message
    assert np.isfinite(run.values[step - 1])
    assert not np.isfinite(run.values[step])


def test_under_jit_divergence_is_a_field():
    f = lambda x: 50 * jnp.sum(x**2)
    run = jax.jit(lambda x: st.descend(f, x, st.methods.gradient_descent(0.5), 200))(jnp.ones(2))
    assert bool(run.diverged)
    assert int(run.divergence.leaf) == 0
    calm = jax.jit(lambda x: st.descend(f, x, st.methods.gradient_descent(1e-3), 20))(jnp.ones(2))
    assert not bool(calm.diverged)
    assert int(calm.divergence.step) == -1


def test_a_gradient_that_is_not_finite_shows_at_the_next_step():
    with pytest.raises(SolverError, match="step 1, in x0"):
        st.descend(lambda x: jnp.sqrt(jnp.abs(x)), 0.0, optax.sgd(0.1), 3)


def test_f_not_finite_at_the_start():
    with pytest.raises(SolverError, match="not finite at x0"):
        st.descend(lambda x: jnp.log(x), -1.0, optax.sgd(0.1), 3)


def test_batches_as_stack_list_and_function_are_one():
    X = jax.random.normal(jax.random.key(0), (5, 4, 3))
    f = lambda w, batch: jnp.mean((batch @ w - 1.0) ** 2)
    run = lambda batches: st.descend(f, jnp.zeros(3), optax.sgd(0.05), 12, batches=batches)
    stacked = run(X)
    listed = run(list(X))
    drawn = run(lambda key, t: X[t % 5])
    np.testing.assert_array_equal(stacked.final, listed.final)
    np.testing.assert_allclose(stacked.final, drawn.final, rtol=1e-6)
    w = jnp.zeros(3)
    for t in range(12):
        w = w - 0.05 * jax.grad(f)(w, X[t % 5])
    np.testing.assert_allclose(stacked.final, w, rtol=1e-5)


def test_the_key_decides_what_a_batch_function_draws():
    f = lambda w, batch: jnp.mean((batch @ w - 1.0) ** 2)
    draw = lambda key, t: jax.random.normal(key, (4, 3))
    run = lambda seed: (
        st.descend(
            f, jnp.zeros(3), optax.sgd(0.05), 5, batches=draw, key=jax.random.key(seed)
        ).final
    )
    np.testing.assert_array_equal(run(1), run(1))
    assert not np.allclose(run(1), run(2))


def test_bfloat16_parameters_stay_bfloat16():
    f = lambda x: jnp.sum(x.astype(jnp.float32) ** 2)
    run = st.descend(f, jnp.ones(3, jnp.bfloat16), optax.adam(0.1), 10)
    assert run.final.dtype == jnp.bfloat16


def test_closed_over_arrays_are_arguments_not_constants():
    big = jnp.ones((400, 400))
    jaxpr = jax.make_jaxpr(
        lambda x: st.descend(lambda y: jnp.sum(big @ y) ** 2, x, optax.sgd(1e-9), 2).final
    )(jnp.ones(400))
    assert any(c.size == big.size for c in jaxpr.consts)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"steps": -1}, ArgumentError, "steps is -1"),
        ({"steps": 2.5}, ArgumentError, "steps is 2.5"),
        ({"method": "adam"}, ArgumentError, "method is 'adam'"),
        ({"monitors": {"n": 3}}, ArgumentError, "monitors['n']"),
        ({"saveat": []}, ArgumentError, "saveat"),
        ({"saveat": [0, 0]}, ArgumentError, "increasing"),
        ({"saveat": [0.5]}, ArgumentError, "whole"),
        ({"saveat": [11]}, ArgumentError, "0 … 10"),
        ({"batches": []}, ArgumentError, "empty"),
        ({"batches": [jnp.ones(2), jnp.ones(3)]}, ArgumentError, "different shapes"),
        ({"batches": (jnp.ones(2), jnp.ones((3, 1)))}, ArgumentError, "leading axis"),
        ({"f": lambda x: x}, NotScalarError, "shape (2,)"),
    ],
)
def test_bad_arguments_are_named(arguments, error, says):
    good = {"f": lambda x: jnp.sum(x**2), "x0": jnp.ones(2), "method": optax.sgd(0.1), "steps": 10}
    with pytest.raises(error) as raised:
        unchecked(st.descend)(**(good | arguments))
    assert says in str(raised.value)


def test_a_trajectory_reads_like_a_sentence():
    run = st.descend(lambda x: x**2, 1.0, optax.sgd(0.1), 3)
    assert str(run).startswith("Trajectory: times 0 to 3, 4 saved; f from 1 to ")


GOING_ON = {
    "heavy ball": (st.methods.heavy_ball(1e-3), optax.sgd(1e-3)),
    "adam": (st.methods.adam(0.01), st.methods.adagrad(0.01)),
    "a schedule": (st.methods.adam(optax.cosine_decay_schedule(0.1, 12)), optax.sgd(0.1)),
    "newton": (st.methods.newton(optax.cosine_decay_schedule(1.0, 12)), optax.sgd(0.1)),
    "lbfgs": (optax.lbfgs(), optax.sgd(0.1)),
    "chain": (optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1e-2)), optax.lbfgs()),
    "hyperparameters as state": (
        optax.inject_hyperparams(optax.adam)(learning_rate=1e-3),
        optax.adam(1e-3),
    ),
}


def bits(tree):
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


@pytest.mark.parametrize("name", GOING_ON)
def test_two_runs_are_one(name):
    method, other = GOING_ON[name]
    run = lambda x, steps, state=None: st.descend(
        rosenbrock, x, method, steps, saveat=[0], method_state=state
    )
    x0 = jnp.array([1.2, 1.3])
    half = run(x0, 7)
    whole, rest = run(x0, 14), run(half.final, 7, half.method_state)
    assert bits((rest.final, rest.method_state)) == bits((whole.final, whole.method_state))
    with pytest.raises(ArgumentError, match="method_state is no state of this method"):
        st.descend(rosenbrock, x0, other, 1, method_state=half.method_state)


@pytest.mark.parametrize("steps", [3, 1500])  # every step is saved, or every other and every fourth
def test_two_runs_are_one_under_jit_and_vmap(steps):
    X = jax.random.normal(jax.random.key(0), (steps, 4, 3))
    f = lambda w, batch: jnp.mean((jnp.tanh(batch @ w) - 0.5) ** 2)

    @jax.jit
    @jax.vmap
    def both(eta, w):
        method = st.methods.adam(eta)
        run = lambda w, steps, state=None: st.descend(
            f, w, method, steps, batches=X, method_state=state
        )
        whole, half = run(w, 2 * steps), run(w, steps)
        rest = run(half.final, steps, half.method_state)
        return (rest.final, rest.method_state), (whole.final, whole.method_state)

    rest, whole = both(jnp.array([1e-3, 1e-2, 0.1]), jnp.arange(9.0).reshape(3, 3))
    assert bits(rest) == bits(whole)


def test_no_steps_leave_the_method_at_its_beginning():
    method = st.methods.adam(0.1)
    run = st.descend(lambda x: x**2, 1.0, method, 0)
    assert bits(run.method_state) == bits(method.init(jnp.asarray(1.0)))
