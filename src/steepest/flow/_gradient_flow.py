"""Gradient flow: dx/dt = −∇f(x), where f is smooth along the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from steepest.flow._arguments import as_request
from steepest.inputs import whole_number
from steepest.trajectory import Trajectory


def gradient_flow(
    f: Callable[[PyTree], Any],
    x0: PyTree,
    t1: float | int,
    rtol: float | int = 1e-8,
    atol: float | int = 1e-8,
    saveat: Sequence[float | int] | np.ndarray | None = None,
    monitors: Mapping[str, Callable[[PyTree], PyTree]] | None = None,
    *,
    states: bool = True,
    dense: bool = False,
    stiff: bool = False,
    max_steps: int = 100_000,
) -> Trajectory:
    """The gradient flow dx/dt = −∇f(x) from x0 to time t1, stepped by Diffrax.

    The smooth piece of f at hand is integrated, and every choice of the program (max, abs, where)
    is watched, inside the steps too. A choice that is reached and changes nothing in the gradient
    (the cube of abs at 0, the maximum inside a logsumexp) is passed; a kink ends the flow in an
    error that names its line: what happens there is for `gradient_inclusion` to say.

    Args:
        f: a function of one pytree that returns one real number. `stop_gradient` is the identity
            in it, and custom derivatives are ignored: the flow is the function's.
        x0: the start.
        t1: the end, > 0.
        rtol, atol: tolerances of a step, for its largest entry.
        saveat: increasing times in 0 … t1 at which the states are kept; by default
            1,000 times at most, where steps end, without the states.
        monitors: name → function of the state that JAX can trace, evaluated at the saved times.
        dense: keep every step, so that the run can be called at any time: `run(t)`.
        states: `False` with `saveat` leaves the states out.
        stiff: an implicit solver of order 5 (Kvaerno 2004) in place of an explicit one of order 8
            (Dormand, Prince 1981).
        max_steps: how many steps are tried before giving up.

    Returns:
        The `Trajectory`, in NumPy arrays of float64. `stats` counts "gradients" and "rhs" (of all
        stages), "steps", "rejected", "events" and "compile_seconds" (of the first step).

    Raises:
        ArgumentError: an argument that means nothing, named.
        NotScalarError: f does not return one real number.
        UnsupportedPrimitiveError: a primitive without a rule, with the line.
        SolverError: the flow met a kink or the zero of a norm, left the finite numbers or did not
            reach t1 in `max_steps`; the message says where, the error carries the trajectory.

    Example:
        >>> import jax.numpy as jnp
        >>> run = gradient_flow(lambda x: 0.5 * jnp.sum(x**2), jnp.ones(2), 1.0, saveat=[1.0])
        >>> bool(abs(run.xs[0, 0] - jnp.exp(-1.0)) < 1e-6)
        True
    """
    from steepest.flow._solver import Solver  # here, since Diffrax is slow to import

    flags = {"states": states, "dense": dense, "stiff": stiff}
    request = as_request(f, x0, t1, rtol, atol, saveat, monitors, **flags)
    max_steps = whole_number(max_steps, "max_steps")
    with jax.enable_x64(True):
        solver = Solver(
            request,
            rtol=rtol,
            atol=atol,
            stiff=stiff,
            max_steps=max_steps,
            max_events=0,
            dense=dense,
            through=False,
        )
        return solver.run()
