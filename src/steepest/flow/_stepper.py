"""Steps of a Diffrax solver along a field, until a watched number turns negative.

`diffrax.diffeqsolve` looks for events at the ends of its steps. Here each step is looked at inside
as well, on its dense output, so that what leaves and comes back within a step is seen. The solver,
its error control and its dense output are Diffrax's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import diffrax
import jax
import jax.numpy as jnp
from jax import lax

# field(y, args) → dy/dt; watch(y, args) → numbers that are to stay positive.
Field = Callable[[Any, Any], Any]

_INSIDE = 5  # points of each step that are looked at, its end among them
AT_ONCE = 16  # times that `inside` can be asked for together


class Step(NamedTuple):
    """Where a run stands.

    Attributes:
        t, y: the end of the last accepted step.
        next_t: where the next step is to end.
        solver, controller: Diffrax's states.
        begin, start: time and state at which the last accepted step began.
        accepted, rejected: how many steps.
        negative: whether something watched is negative in the last step.
        finite: whether the state stayed finite.
    """

    t: Any
    y: Any
    next_t: Any
    solver: Any
    controller: Any
    begin: Any
    start: Any
    accepted: Any
    rejected: Any
    negative: Any
    finite: Any


class Stepper:
    """One loop of steps, for any arguments of the field, ready to be compiled.

    Args:
        field, watch: see the module.
        t1: where to end.
        rtol, atol: tolerances of a step.
        stiff: an implicit solver of order 5 (Kvaerno 2004) in place of Dormand and Prince's of
            order 8.
    """

    def __init__(
        self, field: Field, watch: Field, t1: float, rtol: float, atol: float, stiff: bool
    ):
        self.watch, self.t1 = watch, t1
        self.term = diffrax.ODETerm(lambda t, y, args: field(y, args))
        self.method: Any = diffrax.Dopri8()
        if stiff:
            self.method = diffrax.Kvaerno5(root_finder=diffrax.VeryChord(rtol=rtol, atol=atol))
        self.stages = self.method.tableau.num_stages
        # The error of a step is its largest entry's: a norm over all would hide one kink of many.
        largest = lambda e: jnp.max(jnp.abs(e), initial=0.0)
        self.control = diffrax.PIDController(rtol=rtol, atol=atol, norm=largest)
        self.order = self.method.error_order(self.term)

    def begin(self, t: Any, y: Any, width: Any, args: Any) -> Step:
        """At (t, y), with a first step of this width."""
        next_t, controller = self.control.init(
            self.term, t, self.t1, y, width, args, self.method.func, self.order
        )
        next_t = jnp.minimum(next_t, self.t1)
        solver = self.method.init(self.term, t, next_t, y, args)
        zero, no = jnp.asarray(0), jnp.asarray(False)
        return Step(t, y, next_t, solver, controller, t, y, zero, zero, no, ~no)

    def advance(self, step: Step, args: Any, until: Any, most: Any) -> Step:
        """Steps until one ends at `until` or beyond, or something stops the run."""

        def goes_on(s: Step) -> Any:
            tries = s.accepted + s.rejected < most
            return (s.t < until) & ~s.negative & s.finite & tries

        return lax.while_loop(goes_on, lambda s: self._one(s, args), step)

    def _one(self, s: Step, args: Any) -> Step:
        y1, error, dense, solver, result = self.method.step(
            self.term, s.t, s.next_t, s.y, args, s.solver, made_jump=jnp.asarray(False)
        )
        good = (result == diffrax.RESULTS.successful) & jnp.all(jnp.isfinite(y1))
        # What failed counts as an error too large to accept.
        error = jnp.where(good, error, jnp.inf)
        y1 = jnp.where(good, y1, s.y)
        keep, _, after, _, controller, _ = self.control.adapt_step_size(
            s.t, s.next_t, s.y, y1, args, error, self.order, s.controller
        )
        chosen = lambda new, old: jax.tree.map(lambda a, b: jnp.where(keep, a, b), new, old)
        t, y, begin, start = chosen((s.next_t, y1, s.t, s.y), (s.t, s.y, s.begin, s.start))
        # The last stretch is not left to a step of rounding's size.
        after = jnp.where(after > self.t1 - 1e-12 * jnp.abs(self.t1 - t), self.t1, after)
        too_small = ~keep & (after - s.t <= 1e-14 * jnp.abs(s.t) + 1e-300)
        inside = jnp.linspace(0.0, 1.0, _INSIDE + 1)[1:]
        within = self.method.interpolation_cls(t0=s.t, t1=s.next_t, **dense)
        states = jax.vmap(lambda theta: within.evaluate(s.t + theta * (s.next_t - s.t)))(inside)
        least = jnp.min(jax.vmap(lambda y: self.watch(y, args))(states))
        return Step(
            t,
            y,
            after,
            chosen(solver, s.solver),
            controller,
            begin,
            start,
            s.accepted + keep,
            s.rejected + ~keep,
            keep & (least < 0),
            ~too_small,
        )

    def inside(self, s: Step, ts: Any, count: Any, args: Any) -> Any:
        """States at the first `count` of `ts`, times in the last accepted step.

        Each by a step of its own from where that step began: Diffrax's dense output is of lower
        order than its steps.
        """

        def one(i: Any, states: Any) -> Any:
            t = ts[i]
            solver = self.method.init(self.term, s.begin, t, s.start, args)
            taken = self.method.step(
                self.term, s.begin, t, s.start, args, solver, made_jump=jnp.asarray(False)
            )
            y = jnp.where(t == s.begin, s.start, jnp.where(t == s.t, s.y, taken[0]))
            return states.at[i].set(y)

        return lax.fori_loop(0, count, one, jnp.zeros((AT_ONCE, s.y.size)))
