"""Arrays that a program closes over stay where they are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.pieces import straight, trace, walk
from steepest.pieces._compile import compiled, hoisted

W = jnp.asarray(np.random.default_rng(0).standard_normal((100, 101)), jnp.float32)
SIZE = 8 * W.size


def f(x):
    return jax.nn.relu(W @ x).sum()


def test_the_trace_holds_the_array_itself():
    assert any(const is W for const in trace(f, jnp.ones(101)).closed.consts)


@pytest.mark.parametrize("what", ["straight", "program", "tape"])
def test_no_compiled_program_holds_a_copy(what):
    program = trace(f, jnp.ones(101))
    with jax.enable_x64(True):
        tape = walk(program).tape
        evaluate = {
            "straight": jax.value_and_grad(lambda y: straight(program, [y], None), has_aux=True),
            "program": lambda y: program([y]),
            "tape": jax.value_and_grad(lambda y: tape.frozen([y], np.zeros(0, int))[0]),
        }[what]
        x = jnp.asarray(program.start[0])
        # What `jax.jit` would have done.
        assert len(jax.jit(lambda y: evaluate(y)).lower(x).as_text()) > SIZE
        run, consts, _ = hoisted(evaluate, x)
        assert len(run.lower(consts, [x]).as_text()) < SIZE / 4


def test_compiled_is_the_function():
    g = compiled(lambda x, y: {"sum": W @ x["a"] + y, "y": y})
    for y in (1.0, jnp.ones(100)):
        out = g({"a": jnp.ones(101)}, y)
        np.testing.assert_allclose(out["sum"], W.sum(1) + y, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(out["y"], y)
