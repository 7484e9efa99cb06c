"""Gradient inclusion: dx/dt ∈ −∂f(x), kinks included."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from steepest.flow._arguments import as_request
from steepest.inputs import whole_number
from steepest.trajectory import Trajectory


def gradient_inclusion(
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
    max_events: int = 10_000,
) -> Trajectory:
    """A solution of dx/dt ∈ −∂f(x) from x0 to time t1, with every kink met on the way.

    Between events one smooth piece of f is integrated. Where a choice of the program (max, abs,
    where, max-pooling) ties, the flow crosses the kink, or slides on it: then it moves with the
    gradient of any one piece projected on the directions that keep the tie (Bolte, Daniilidis,
    Lewis, Shiota 2007), which is minus the least-norm element of ∂f(x) (Davis, Drusvyatskiy,
    Kakade, Lee 2020), until a multiplier says that it leaves.

    A convex f that is read as piecewise linear (l1, total variation, maxima of affine functions) is
    followed exactly, from corner to corner of its polygonal path, and locally: 10⁴ kinks merge in
    seconds.

    Args:
        f: a function of one pytree that returns one real number. Where it is not continuous on the
            way that is an error. `stop_gradient` is the identity in it, and custom derivatives are
            ignored: the flow is the function's.
        x0: the start; it may be on kinks.
        t1: the end, > 0.
        rtol, atol: tolerances of a step, for its largest entry.
        saveat: increasing times in 0 … t1 at which the states are kept; by default
            1,000 times at most, where steps end, without the states.
        monitors: name → function of the state that JAX can trace, evaluated at the saved times.
        dense: keep every step, so that the run can be called at any time: `run(t)`.
        states: `False` with `saveat` leaves the states out.
        stiff: an implicit solver of order 5 in place of an explicit one of order 8.
        max_steps: how many steps are tried before giving up.
        max_events: how many events are gone through before giving up.

    Returns:
        The `Trajectory`, in NumPy arrays of float64. `events` says for each event its time, kind
        (cross, slide, release, stop), which kinks (the user's line and the element), and whether
        the continuation is the only one. A crossing whose jump is lost in the error of its step
        is stepped over: `stats["passed"]` counts them.

    Raises:
        ArgumentError: an argument that means nothing, named.
        NotScalarError: f does not return one real number.
        UnsupportedPrimitiveError: a primitive without a rule, with the line.
        NotLocallyLipschitzError: f jumps on the way, with the line.
        SolverError: no continuation was found, events do not come to an end, or the flow left the
            finite numbers; the error carries the trajectory so far.

    Example:
        >>> import jax.numpy as jnp
        >>> run = gradient_inclusion(lambda x: jnp.sum(jnp.abs(x)), jnp.array([1.0, -2.0]), 3.0)
        >>> [(event.kind, round(event.time, 6)) for event in run.events]
        [('slide', 1.0), ('slide', 2.0), ('stop', 2.0)]
    """
    # Here, since SciPy's sparse matrices and Diffrax are slow to import.
    from steepest.flow._path import Path
    from steepest.flow._polygonal import polygonal
    from steepest.flow._solver import Solver

    flags = {"states": states, "dense": dense, "stiff": stiff}
    request = as_request(f, x0, t1, rtol, atol, saveat, monitors, **flags)
    max_steps = whole_number(max_steps, "max_steps")
    max_events = whole_number(max_events, "max_events", least=0)
    polygon = polygonal(request, max_events, Path() if dense else None)
    if polygon is not None:
        return polygon
    with jax.enable_x64(True):
        solver = Solver(
            request,
            rtol=rtol,
            atol=atol,
            stiff=stiff,
            max_steps=max_steps,
            max_events=max_events,
            dense=dense,
            through=True,
        )
        return solver.run()
