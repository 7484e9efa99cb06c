"""A method's run with everything that a theorem on it asks for, and a method fed with gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jaxtyping import Float

from steepest.inputs import as_point
from steepest.pieces import has_choices
from steepest.subgradient import subgradient
from steepest.theorems.problem import Problem
from steepest.trajectory import Divergence, Trajectory


@dataclass(frozen=True)
class MethodRun:
    """A run in float64 at its steps 0 … n, cut before the first number that is not finite.

    Attributes:
        points: xₜ, flat.
        values: f(xₜ).
        gradients: the (sub)gradients at xₜ that the method was handed, flat.
        trajectory: the run.
        notes: where it was cut.
    """

    points: Float[np.ndarray, "n d"]
    values: Float[np.ndarray, " n"]
    gradients: Float[np.ndarray, "n d"]
    trajectory: Trajectory
    notes: tuple[str, ...] = ()


def method_run(p: Problem, method: optax.GradientTransformation, steps: int) -> MethodRun:
    """Run a method from x0; where f has kinks, on subgradients.

    At a tie automatic differentiation may return what is no subgradient of f: a program that
    chooses (max, abs, where, …), or whose gradient turns out not to be a number (a norm at 0), is
    run on the elements of ∂f that `steepest.subgradient` proves. Elsewhere the two agree.

    Raises:
        UnsupportedPrimitiveError: f chooses and has a primitive that is not known to be smooth.
    """
    if not has_choices(p.program.closed.jaxpr):
        run = _run(p, method, steps, lambda f: f)
        ended = len(run.values) - 1
        if not run.notes or not np.isfinite(run.trajectory.values[ended + 1]):
            return run
    return _run(p, method, steps, lambda f: with_subgradients(p, f))


def _run(
    p: Problem,
    method: optax.GradientTransformation,
    steps: int,
    differentiated: Callable[..., Any],
) -> MethodRun:
    taken = optax.with_extra_args_support(method)

    def run(f: Callable[..., Any], leaves: list[Any]) -> Any:
        # A scan of its own, and not `descend`, which keeps no gradients: asked for once more they
        # would be compiled once more.
        g = differentiated(f)

        def one(carry: Any, _: None) -> Any:
            x, state = carry
            value, slope = jax.value_and_grad(g)(x)
            step, state = taken.update(slope, state, x, value=value, grad=slope, value_fn=g)
            return (optax.apply_updates(x, step), state), (x, value, _joined(slope))

        x0 = [jnp.asarray(leaf) for leaf in leaves]
        return lax.scan(one, (x0, taken.init(x0)), None, length=steps + 1)[1]

    xs, values, gradients = p.program.in_double(run)(p.program.start)
    points = np.hstack([np.reshape(leaf, (steps + 1, -1)) for leaf in xs])
    good = np.isfinite(np.hstack([points, values[:, None], gradients])).all(axis=1)
    end = int(np.argmin(np.append(good, False)))
    whole = p.program.point.restore
    trajectory = Trajectory(
        ts=np.arange(steps + 1),
        xs=whole(xs),
        values=values,
        monitors={},
        final=whole([leaf[-1] for leaf in xs]),
        events=(),
        stats={"gradients": steps + 1, "steps": steps},
        divergence=Divergence(-1 if good.all() else end, -1),
    )
    note = f"f, x or the gradient is not finite at step {end}; compared up to there"
    notes = () if good.all() else (note,)
    return MethodRun(points[:end], values[:end], gradients[:end], trajectory, notes)


def with_subgradients(p: Problem, f: Callable[..., Any]) -> Callable[..., Any]:
    """f, as `Program.in_double` hands it over, with `steepest.subgradient`'s under `jax.grad`.

    That one reads the user's own function: in double |x| is written x·sign(x), and a sign near its
    jump proves nothing.
    """
    of_user = jax.jit(subgradient(p.f))  # read once, however often it is asked for

    def slope(leaves: Any) -> Any:
        return list(as_point(of_user(p.program.point.restore(leaves)), finite=False).leaves)

    @jax.custom_vjp
    def chosen(leaves: Any) -> Any:
        return f(leaves)

    def forward(leaves: Any) -> tuple[Any, Any]:
        return f(leaves), slope(leaves)

    def backward(g: Any, cotangent: Any) -> tuple[Any]:
        return (jax.tree.map(lambda leaf: cotangent * leaf, g),)

    chosen.defvjp(forward, backward)
    return chosen


def replay(
    method: optax.GradientTransformation,
    gradients: Float[np.ndarray, "n d"],
    *kept: str,
) -> tuple[Float[np.ndarray, "n d"], dict[str, np.ndarray]]:
    """What a method adds to x when it is handed these gradients, whatever x is, in float64.

    Args:
        method: one whose steps depend on gradients alone.
        gradients: a row for each step.
        kept: names of arrays of its state, such as "nu".

    Returns:
        The steps, a row each, and name → the array after each of them.

    Example:
        >>> from steepest.methods import gradient_descent
        >>> replay(gradient_descent(0.5), np.array([[1.0], [4.0]]))[0].tolist()
        [[-0.5], [-2.0]]
    """
    method = optax.with_extra_args_support(method)

    def each(rows: Any) -> Any:
        x = jnp.zeros(rows.shape[1])

        def one(state: Any, g: Any) -> Any:
            step, state = method.update(g, state, x)
            return state, (step, {name: optax.tree.get(state, name) for name in kept})

        return lax.scan(one, method.init(x), rows)[1]

    with jax.enable_x64(True):
        rows = jnp.asarray(gradients, jnp.float64)
        return jax.tree.map(np.asarray, jax.jit(each)(rows))


def _joined(leaves: list[Any]) -> Any:
    return jnp.concatenate([jnp.ravel(leaf) for leaf in leaves])
