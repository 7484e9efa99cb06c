"""Monitors that cannot be: the error is ours and names the monitor."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import steepest as st

square = lambda x: jnp.sum(x**2)
RUNS = {
    "gradient_flow": lambda m: st.gradient_flow(square, np.ones(2), 0.1, monitors=m),
    "gradient_inclusion": lambda m: st.gradient_inclusion(square, np.ones(2), 0.1, monitors=m),
    "momentum_flow": lambda m: st.momentum_flow(
        square, np.ones(2), 0.1, method="nesterov", damping=1.0, monitors=m
    ),
    "descend": lambda m: st.descend(square, jnp.ones(2), optax.sgd(0.1), 2, monitors=m),
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize(
    ("monitor", "told"),
    [
        (lambda x: x["weights"], r"monitors\['mine'\] raises"),
        (lambda x: float(x[0]), r"monitors\['mine'\] raises Concretization"),
        (lambda x: "large", r"monitors\['mine'\] returns 'large'; it must return arrays"),
        (lambda x: {"a": object()}, r"monitors\['mine'\] returns"),
    ],
    ids=["raises", "is no JAX", "a string", "an object"],
)
def test_a_monitor_that_cannot_be_is_named(run, monitor, told):
    with pytest.raises(st.ArgumentError, match=told):
        run({"fine": jnp.sum, "mine": monitor})


def test_a_monitor_may_return_numbers_and_trees():
    run = st.gradient_flow(
        square, np.ones(2), 0.1, saveat=[0.1], monitors={"m": lambda x: {"a": 1.0, "b": x[0]}}
    )
    assert run.monitors["m"]["a"][0] == 1.0
    assert run.monitors["m"]["b"][0] == pytest.approx(np.exp(-0.2), abs=1e-6)
