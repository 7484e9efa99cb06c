"""Nesterov's accelerated gradient method."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import PyTree

from steepest.errors import ArgumentError
from steepest.methods._arguments import NumberOrSchedule, share, step_size
from steepest.methods._precision import widened, with_dtypes_of
from steepest.methods._schedule import at_count
from steepest.methods._value_fn import function_to_ask


class NesterovState(NamedTuple):
    """The number of steps taken, and v."""

    steps: Any
    velocity: PyTree


def nesterov(
    learning_rate: NumberOrSchedule, momentum: NumberOrSchedule = 0.9
) -> optax.GradientTransformationExtraArgs:
    r"""Nesterov's accelerated gradient method.

    .. math::

       v \leftarrow \beta v - \nabla f(x + \eta\beta v), \quad x \leftarrow x + \eta v

    (Nesterov 1983, in the form of Sutskever, Martens, Dahl, Hinton 2013). It keeps v, of the size
    of the parameters; a step takes one gradient, at the lookahead x + ηβv, and so needs f:
    `steepest.descend` passes it. The gradient at x that comes with an update is not used, and
    under jit not computed either.

    =================  ===================  ======================
    here               Optax ``sgd``        PyTorch ``SGD``
    =================  ===================  ======================
    ``learning_rate``  ``learning_rate``    ``lr``
    ``momentum``       ``momentum``         ``momentum``
    (always)           ``nesterov=True``    ``nesterov=True``
    =================  ===================  ======================

    Theirs are handed the gradient at their parameters, and so keep the lookahead points x + ηβv
    as parameters. With constant η and β those are the same points; the x of this
    method, which the theorems are about, are not among them. Where η or β change from step to step
    the methods differ.

    In an `optax.chain` what changes the gradient belongs behind this method.

    Args:
        learning_rate: η, positive: a float, a traced number, or a schedule (count from 0).
        momentum: β in [0, 1): the same kinds.

    Raises:
        ArgumentError: η ≤ 0, NaN or infinite; β outside [0, 1). At an update: f is not passed as
            `value_fn`, or the gradient was changed before it came here.

    Example:
        >>> import steepest as st
        >>> run = st.descend(lambda x: 0.5 * x**2, 1.0, st.methods.nesterov(0.5, 0.5), steps=2)
        >>> float(run.final)  # 1, 0.5, then v = −0.25 − 0.25
        0.125
    """
    step_size(learning_rate)
    share(momentum, "momentum")

    def init(params: PyTree) -> NesterovState:
        return NesterovState(jnp.zeros([], jnp.int32), optax.tree.zeros_like(widened(params)))

    def update(
        updates: PyTree,
        state: Any,
        params: PyTree = None,
        *,
        value_fn: Any = None,
        grad: PyTree = None,
        **extra: Any,
    ) -> tuple[PyTree, NesterovState]:
        f = function_to_ask("nesterov", value_fn, params)
        _refuse_changed(updates, grad)
        eta, beta = at_count(learning_rate, state.steps), at_count(momentum, state.steps)
        lookahead = jax.tree.map(lambda x, v: x + eta * beta * v, params, state.velocity)
        slope = jax.grad(f)(with_dtypes_of(lookahead, params))
        velocity = jax.tree.map(lambda v, g: beta * v - g, state.velocity, slope)
        moved = jax.tree.map(lambda v: eta * v, velocity)
        after = NesterovState(
            optax.safe_increment(state.steps), with_dtypes_of(velocity, state.velocity)
        )
        return with_dtypes_of(moved, updates), after

    return optax.GradientTransformationExtraArgs(init, update)


def _refuse_changed(gradients: PyTree, grad: PyTree) -> None:
    """Where the gradient of f is known (`descend` passes it), it must be what came."""
    came = {id(leaf) for leaf in jax.tree.leaves(gradients)}
    if grad is not None and not came <= {id(leaf) for leaf in jax.tree.leaves(grad)}:
        raise ArgumentError(
            "nesterov takes its own gradient, at the lookahead, and the one that came was changed "
            "by something before it in the chain, in vain: put nesterov first."
        )
