"""Runs of a method on all of the problems at once: as one pytree, or on a flat point."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

import steepest as st

from . import numpy_methods as reference

STEPS = 100


def value(x):
    return (
        reference.network(*x["network"], tanh=jnp.tanh)
        + reference.quadratic(x["quadratic"])
        + reference.rosenbrock(x["rosenbrock"])
    )


def states(method, steps=STEPS):
    """The states of a run with `descend`, flat, to be called within jit or not."""
    x0 = jax.tree.map(jnp.asarray, reference.START)
    run = st.descend(value, x0, method, steps, saveat=range(steps + 1))
    return jnp.concatenate([leaf.reshape(steps + 1, -1) for leaf in jax.tree.leaves(run.xs)], 1)


def expected(method, *args, **kwargs):
    """The same in NumPy."""
    start = reference.FLAT_START
    return np.stack([*method(reference.all_gradients, start, STEPS, *args, **kwargs)])


def gradients(states):
    """The gradients at the states but the last."""
    return [reference.all_gradients(np.asarray(x, np.float64)) for x in states[:-1]]


def fed(method, gradients, dtype=np.float64):
    """The states of a method that is handed these gradients, whatever its own states are."""
    x = jnp.asarray(reference.FLAT_START, dtype)
    state, update, found = method.init(x), jax.jit(method.update), [x]
    for g in gradients:
        u, state = update(jnp.asarray(g, dtype), state, x)
        x = optax.apply_updates(x, u)
        found.append(x)
    return np.stack(found)
