"""Momentum flows: what heavy ball and Nesterov's method do for small steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import PyTree

from steepest.errors import SolverError
from steepest.flow._arguments import Request, as_request
from steepest.flow._kinks_on_path import refuse_kink_at_start, refuse_kinks
from steepest.flow._momentum_equations import Equation, equation
from steepest.inputs import whole_number
from steepest.pieces._compile import compiled
from steepest.pieces._gated import Gated
from steepest.trajectory import Divergence, Trajectory

_LOOKED_AT = 1000  # times at which kinks are looked for, beside those that are saved

_FAR = 1e12  # a state this many times the start's size has left for infinity


def momentum_flow(
    f: Callable[[PyTree], Any],
    x0: PyTree,
    t1: float | int,
    method: Literal["heavy_ball", "nesterov"],
    damping: float | int | str,
    order: Literal["low", "high"] = "low",
    step: float | None = None,
    rtol: float | int = 1e-8,
    atol: float | int = 1e-8,
    saveat: Sequence[float | int] | np.ndarray | None = None,
    monitors: Mapping[str, Callable[[PyTree], PyTree]] | None = None,
    *,
    states: bool = True,
    max_steps: int = 100_000,
) -> Trajectory:
    """The limit of a momentum method for small steps, from x0 at rest to time t1, by Diffrax.

    With η the method's step size, m = 1 − γ√η its momentum and t = k√η at step k:

    - ``order="low"``: ẍ + γẋ + ∇f(x) = 0, ẋ(0) = 0, for both methods, which are O(√η) from it
      (Polyak 1964). With damping "3/t", ẍ + (3/t)ẋ + ∇f(x) = 0, the limit of Nesterov's method with
      momentum (k − 1)/(k + 2) (Su, Boyd, Candès 2014, theorem 1).
    - ``order="high"``, h = √η: ẍ + 2γ/(1 + m) ẋ + 2mh/(1 + m) ∇²f(x)ẋ + 2/(1 + m) ∇f(x) = 0, the
      term with the Hessian for Nesterov's method alone, ẋ(0) = −mh/(1 + m) ∇f(x0): the methods are
      O(η) from theirs (after Shi, Du, Jordan, Su 2018).

    Args:
        f: a function of one pytree that returns one real number.
        x0: the start.
        t1: the end, > 0.
        method: which one; at low order both have one equation.
        damping: γ ≥ 0, or "3/t" (low order only).
        order: how far the equation follows the method.
        step: η, which the equation of high order depends on; the other does not.
        rtol, atol: tolerances of a step, for its largest entry.
        saveat: increasing times in 0 … t1 at which the states are kept; by default 1,000 times
            without the states.
        monitors: name → function of the state that JAX can trace, evaluated at the saved times.
        states: `False` with `saveat` leaves the states out.
        max_steps: how many steps are tried before giving up.

    Returns:
        The `Trajectory` of x, in NumPy arrays of float64. `stats` counts "gradients" and "rhs" (of
        all stages), "steps", "rejected", "events" (0) and "compile_seconds" (with the run).

    Raises:
        ArgumentError: an argument that means nothing, named.
        NotScalarError: f does not return one real number.
        UnsupportedPrimitiveError: a primitive without a rule, with the line.
        NotLocallyLipschitzError: f jumps on the way, with the line.
        SolverError: the flow met a kink or the zero of a norm (looked for between 1,000 times: what
            turns and turns back between two of them is not seen), or did not reach t1.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> f = lambda x: 0.5 * jnp.sum(x**2)
        >>> run = st.momentum_flow(f, jnp.ones(1), 3.0, "heavy_ball", damping=2.0, saveat=[3.0])
        >>> bool(abs(run.xs[0, 0] - 4 * jnp.exp(-3.0)) < 1e-6)  # (1 + t) exp(−t)
        True
    """
    request = as_request(f, x0, t1, rtol, atol, saveat, monitors, states=states)
    law = equation(method, damping, order, step)
    max_steps = whole_number(max_steps, "max_steps")
    # In double, also where they are numbers of NumPy's or JAX's in single or half precision.
    t1, rtol, atol = request.t1, float(rtol), float(atol)
    saved = np.linspace(0.0, t1, _LOOKED_AT) if saveat is None else np.asarray(request.ts)
    with jax.enable_x64(True):
        gated = Gated(request.program)
        ts = np.union1d(saved, np.linspace(0.0, t1, _LOOKED_AT))
        along = lambda of, ys: jax.tree.map(np.asarray, compiled(lambda ys: lax.map(of, ys))(ys))
        exact = saved[(saved > 0) & (saved < t1)] if saveat is not None else np.zeros(0)
        began = time.perf_counter()
        solved = _solve(gated, request, law, ts, exact, rtol, atol, max_steps)
        xs, vs, reached, counts = jax.tree.map(np.asarray, solved)
        seconds = time.perf_counter() - began
        there = ts <= reached
        size = float(np.max(np.abs(request.start), initial=0.0))
        values = along(lambda y: gated.actual(request.leaves(y))[0], xs[there])
        try:
            refuse_kinks(request.program, ts[there], xs[there], vs[there], atol + rtol * size)
        except SolverError:
            refuse_kink_at_start(f, x0)  # in its place
            raise
        if not np.all(np.isfinite(values)):
            refuse_kink_at_start(f, x0)
            first = int(np.argmin(np.isfinite(values)))
            raise SolverError(
                f"f is {values[first]} at t = {ts[first]:.6g}, though its gradient is finite: on "
                "the way there the momentum flow left where f is defined."
            )
        if not there.all():
            edge = "not defined, not smooth or unbounded below there"
            why = "unbounded below" if counts["far"] else edge
            raise SolverError(
                f"the momentum flow came to t = {float(reached):.6g} of {t1:g} in "
                f"{int(counts['steps'])} steps: f is {why}, or max_steps is too small."
            )
        rows = np.searchsorted(ts, saved)
        kept, values = xs[rows], values[rows]
        watched = along(request.watched, kept)
        split = jax.tree.map(np.asarray, jax.vmap(request.leaves)(jnp.asarray(kept)))
        final = [np.asarray(leaf) for leaf in request.leaves(xs[-1])]
    restore = request.program.point.restore
    steps, rejected = int(counts["steps"]), int(counts["rejected"])
    stages = int(counts["stages"]) * steps
    return Trajectory(
        ts=saved,
        xs=restore(split) if request.states else None,
        values=values,
        monitors=watched,
        final=restore(final),
        events=(),
        stats={
            "gradients": stages,
            "rhs": stages,
            "steps": steps - rejected,
            "rejected": rejected,
            "events": 0,
            "compile_seconds": seconds,
        },
        divergence=Divergence(-1, -1),
    )


def _solve(
    gated: Gated,
    request: Request,
    law: Equation,
    ts: np.ndarray,
    exact: np.ndarray,
    rtol: float,
    atol: float,
    max_steps: int,
) -> Any:
    """(positions, velocities, the time that was reached, counts) at ts."""
    import diffrax  # here, since it is slow to import

    slope = jax.grad(lambda y: gated.actual(request.leaves(y))[0])

    def field(t: Any, state: Any, _: Any) -> Any:
        x, v = state
        if law.curvature:
            g, turn = jax.jvp(slope, (x,), (v,))
        else:
            g, turn = slope(x), 0.0
        return v, law.acceleration(t, v, g, turn)

    size = _FAR * (1.0 + float(np.max(np.abs(request.start), initial=0.0)))
    far = lambda t, state, args, **_: jnp.max(jnp.abs(state[0])) > size
    method = diffrax.Dopri8()
    largest = lambda e: jnp.max(jnp.stack([jnp.max(jnp.abs(part)) for part in e]))
    control: Any = diffrax.PIDController(rtol=rtol, atol=atol, norm=largest)
    if len(exact):  # Diffrax's dense output is of lower order than its steps
        control = diffrax.ClipStepSizeController(control, step_ts=jnp.asarray(exact))

    def solve(x: Any, ts: Any) -> Any:
        begin = (x, -law.start * slope(x))
        solution: Any = diffrax.diffeqsolve(
            diffrax.ODETerm(field),
            method,
            0.0,
            ts[-1],
            None,
            begin,
            saveat=diffrax.SaveAt(subs=[diffrax.SubSaveAt(ts=ts), diffrax.SubSaveAt(t1=True)]),
            stepsize_controller=control,
            max_steps=max_steps,
            throw=False,
            event=diffrax.Event(far),
        )
        done = solution.result == diffrax.RESULTS.successful
        reached = jnp.where(done, ts[-1], solution.ts[1][0])
        counts = {
            "steps": solution.stats["num_steps"],
            "rejected": solution.stats["num_rejected_steps"],
            "stages": jnp.asarray(method.tableau.num_stages),
            "far": solution.result == diffrax.RESULTS.event_occurred,
        }
        return *solution.ys[0], reached, counts

    return compiled(solve)(request.start, ts)
