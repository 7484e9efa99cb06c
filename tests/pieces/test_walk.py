"""What a walk leaves open, and that its tape is the program."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.errors import UnsupportedPrimitiveError
from steepest.pieces import NeedsBranch, trace, walk

relu = jax.nn.relu


def walked(f, x, **kwargs):
    program = trace(f, x)
    with jax.enable_x64(True):
        return program, walk(program, **kwargs)


def test_what_is_decided_with_room_leaves_no_switch():
    _, w = walked(lambda x: relu(x).sum(), jnp.array([1.0, -2.0]))
    assert not w.tape.switches
    assert w.value == 1.0


def test_each_tie_is_a_switch_with_its_line():
    _, w = walked(lambda x: jnp.abs(x).sum() + jnp.max(x), jnp.array([0.0, 1.0, 1.0]))
    assert [(s.name, s.outcomes) for s in w.tape.switches] == [
        ("abs", (0, 1)),
        ("reduce_max", (1, 2)),
    ]
    assert "test_walk.py" in w.tape.switches[0].line


@pytest.mark.parametrize(
    "f",
    [
        lambda x: relu(x).sum() - jnp.abs(x[0]),
        lambda x: jnp.where(x > 0, x, 0.5 * x).sum(),
        lambda x: (x * (x > 0)).sum(),
        lambda x: jnp.sort(x)[1] + jax.lax.cummax(x).sum(),
        lambda x: jax.lax.scan(lambda c, a: (relu(c + a), c), 0.0, x)[1].sum(),
        lambda x: jnp.clip(x, -1.0, 0.0).sum() + jnp.sin(x).prod(),
    ],
)
def test_a_frozen_piece_is_the_function_where_its_pattern_holds(f):
    program, w = walked(f, jnp.zeros(3))
    tape = w.tape
    counts = [len(s.outcomes) for s in tape.switches]
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        keys = np.asarray(tape.frozen([jnp.zeros(3)], np.zeros(len(counts), int))[1])
        starts = np.cumsum([0, *counts])
        for _ in range(5):
            y = jnp.asarray(0.1 * rng.standard_normal(3))
            sigma = np.zeros(len(counts), int)
            for _ in range(len(counts) + 1):  # a switch may hang on those before it
                keys = np.asarray(tape.frozen([y], sigma)[1])
                sigma = np.array([np.argmax(keys[a:b]) for a, b in itertools.pairwise(starts)])
            assert float(tape.frozen([y], sigma)[0]) == pytest.approx(
                float(program([y])), abs=1e-12
            )


def test_jumps_that_meet_ask_for_a_branch():
    with pytest.raises(NeedsBranch) as signal:
        walked(lambda x: jnp.sign(x[0]) * jnp.sign(x[1]) * x[0] * x[1], jnp.zeros(2))
    _, w = walked(
        lambda x: jnp.sign(x[0]) * jnp.sign(x[1]) * x[0] * x[1],
        jnp.zeros(2),
        forced={signal.value.address: 0},
    )
    assert w.tape.switches[0].forced == 0


def test_guards_are_no_choices():
    def f(x):
        y = jnp.where(jnp.isnan(x), 0.0, x)
        return jnp.where(jnp.isfinite(y), y, 0.0).sum()

    _, w = walked(f, jnp.zeros(2))
    assert not w.tape.switches


def test_what_does_not_reach_the_value_is_not_walked():
    def f(x):
        jnp.linalg.svd(jnp.outer(x, x))
        return x.sum()

    _, w = walked(f, jnp.zeros(2))
    assert w.value == 0


def test_an_undefined_branch_that_is_not_taken_does_no_harm():
    _, w = walked(lambda x: jnp.where(x > 1, jnp.log(x), x), 0.0)
    assert w.singular_line is None
    _, w = walked(lambda x: jnp.sqrt(jnp.abs(x)), 0.0)
    assert "test_walk.py" in w.singular_line


def test_unknown_primitives_are_refused():
    with pytest.raises(UnsupportedPrimitiveError, match=r"qr.*test_walk\.py"):
        walked(lambda x: jnp.linalg.qr(x)[1].sum(), jnp.eye(2))


def test_single_precision_has_its_own_tolerance():
    f = lambda x: jnp.abs(x + 0.1)
    _, w = walked(f, jnp.asarray(-0.1, jnp.float32))
    assert len(w.tape.switches) == 1
    _, w = walked(f, np.asarray(-0.1 + 1e-9))
    assert not w.tape.switches
