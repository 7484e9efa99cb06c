"""Steps of a Diffrax solver along a field, until something watched happens.

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
import numpy as np
from jax import lax

# field(y, args) → dy/dt; watch(y, args) → a number that is to stay positive.
Field = Callable[[Any, Any], Any]

_INSIDE = 5  # points of each step that are looked at, its end among them
_NARROW = 2.0**-30  # a time is located to this share of where it was found in
_MOST_NARROWED = 60


class Step(NamedTuple):
    """Where a run stands.

    Attributes:
        t, y: the end of the last accepted step.
        next_t: where the next step is to end.
        solver, controller: Diffrax's states.
        begin, start, dense: time and state at which the last accepted step began, and what its
            dense output is made of.
        accepted, rejected: how many steps.
        finite: whether the state stayed finite.
        met: whether what is watched turned negative in the last step.
        low, when: times before and after it did: once located, near to the accuracy of the dense
            output.
    """

    t: Any
    y: Any
    next_t: Any
    solver: Any
    controller: Any
    begin: Any
    start: Any
    dense: Any
    accepted: Any
    rejected: Any
    finite: Any
    met: Any
    low: Any
    when: Any


class Stepper:
    """One loop of steps, for any arguments of the field, ready to be compiled.

    Args:
        field, watch: see the module.
        rtol, atol: tolerances of a step.
        stiff: an implicit solver of order 5 (Kvaerno 2004) in place of Dormand and Prince's of
            order 8.
    """

    def __init__(self, field: Field, watch: Field, rtol: float, atol: float, stiff: bool):
        self.watch = watch
        self.term = diffrax.ODETerm(lambda t, y, args: field(y, args))
        self.method: Any = diffrax.Dopri8()
        if stiff:
            self.method = diffrax.Kvaerno5(root_finder=diffrax.VeryChord(rtol=rtol, atol=atol))
        self.stages = self.method.tableau.num_stages
        # The error of a step is its largest entry's: a norm over all would hide one kink of many.
        largest = lambda e: jnp.max(jnp.abs(e), initial=0.0)
        self.control = diffrax.PIDController(rtol=rtol, atol=atol, norm=largest)
        self.order = self.method.error_order(self.term)
        self.blanks: dict[int, Step] = {}

    def at(self, t: float, y: np.ndarray, width: float, args: Any) -> Step:
        """At (t, y), with a first step of this width: to be handed to `advance` as `fresh`."""
        room = len(args.base)
        if room not in self.blanks:
            number = np.asarray(t)
            shapes = jax.eval_shape(self._begin, number, y, number, args, number)
            zeros = lambda leaf: np.zeros(leaf.shape, leaf.dtype)
            self.blanks[room] = jax.tree.map(zeros, shapes)
        blank = self.blanks[room]
        numbers = {"t": t, "begin": t, "next_t": t + width}
        return blank._replace(**{k: np.asarray(v) for k, v in numbers.items()}, y=y, start=y)

    def _begin(self, t: Any, y: Any, width: Any, args: Any, end: Any) -> Step:
        next_t, controller = self.control.init(
            self.term, t, end, y, width, args, self.method.func, self.order
        )
        next_t = jnp.minimum(next_t, end)
        solver = self.method.init(self.term, t, next_t, y, args)
        step = lambda: self.method.step(
            self.term, t, next_t, y, args, solver, made_jump=jnp.asarray(False)
        )
        dense = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), jax.eval_shape(step)[2])
        zero, yes = jnp.asarray(0), jnp.asarray(True)
        return Step(t, y, next_t, solver, controller, t, y, dense, zero, zero, yes, ~yes, t, t)

    def advance(self, step: Step, args: Any, until: Any, end: Any, most: Any, fresh: Any) -> Step:
        """Steps until one ends at `until` or beyond, or something stops the run.

        Args:
            step: where to go on from; one of `at`, where `fresh`.
            args: of the field.
            until: no further step is begun after that.
            end: no step goes beyond that.
            most: how many accepted and rejected steps there can be, counted from the start.
            fresh: see `step`.
        """

        def goes_on(s: Step) -> Any:
            tries = s.accepted + s.rejected < most
            return (s.t < until) & ~s.met & s.finite & tries

        begun = self._begin(step.t, step.y, step.next_t - step.t, args, end)
        step = jax.tree.map(lambda new, old: jnp.where(fresh, new, old), begun, step)
        step = step._replace(met=jnp.asarray(False))
        step = lax.while_loop(goes_on, lambda s: self._one(s, args, end), step)
        return lax.cond(step.met, lambda s: self._located(s, args), lambda s: s, step)

    def _one(self, s: Step, args: Any, end: Any) -> Step:
        next_t = jnp.minimum(s.next_t, end)
        y1, error, dense, solver, result = self.method.step(
            self.term, s.t, next_t, s.y, args, s.solver, made_jump=jnp.asarray(False)
        )
        good = (result == diffrax.RESULTS.successful) & jnp.all(jnp.isfinite(y1))
        # What failed counts as an error too large to accept.
        error = jnp.where(good, error, jnp.inf)
        y1 = jnp.where(good, y1, s.y)
        keep, _, after, _, controller, _ = self.control.adapt_step_size(
            s.t, next_t, s.y, y1, args, error, self.order, s.controller
        )
        # The last stretch is not left to a step of rounding's size.
        after = jnp.where(after > end - 1e-12 * jnp.abs(end - s.t), end, after)
        too_small = ~keep & (after - s.t <= 1e-14 * jnp.abs(s.t) + 1e-300)
        inside = s.t + jnp.linspace(0.0, 1.0, _INSIDE + 1) * (next_t - s.t)
        evaluate = self.method.interpolation_cls(t0=s.t, t1=next_t, **dense).evaluate
        met = jax.vmap(lambda t: self.watch(evaluate(t), args))(inside[1:]) < 0
        first = jnp.argmax(met)
        taken = Step(
            next_t,
            y1,
            after,
            solver,
            controller,
            s.t,
            s.y,
            dense,
            s.accepted + 1,
            s.rejected,
            s.finite,
            jnp.any(met),
            inside[first],
            inside[first + 1],
        )
        refused = s._replace(
            next_t=after, controller=controller, rejected=s.rejected + 1, finite=~too_small
        )
        return jax.tree.map(lambda a, b: jnp.where(keep, a, b), taken, refused)

    def _located(self, s: Step, args: Any) -> Step:
        """With the time narrowed down at which what is watched turned negative.

        By false position with the Illinois rule (Dowell and Jarratt 1971): the value at an end that
        stays is halved. Every third point is the middle, which bounds their number.
        """
        watched = lambda t: self.watch(self.within(s, t), args)
        width = _NARROW * (s.when - s.low)

        def goes_on(carry: Any) -> Any:
            i, low, high, *_ = carry
            return (i < _MOST_NARROWED) & (high - low > width)

        def narrow(carry: Any) -> Any:
            i, low, high, above, below, was_late = carry
            middle = 0.5 * (low + high)
            t = (low * below - high * above) / (below - above)
            t = jnp.where((i % 3 < 2) & (t > low) & (t < high), t, middle)
            value = watched(t)
            late = value < 0
            above = jnp.where(late, jnp.where(was_late, 0.5 * above, above), value)
            below = jnp.where(late, value, jnp.where(was_late, below, 0.5 * below))
            return i + 1, jnp.where(late, low, t), jnp.where(late, t, high), above, below, late

        ends = (s.low, s.when, watched(s.low), watched(s.when))
        # At first neither end has stayed: what is halved then is bounded by the middles.
        found = lax.while_loop(goes_on, narrow, (0, *ends, jnp.asarray(False)))
        return s._replace(low=found[1], when=found[2])

    def within(self, s: Step, t: Any) -> Any:
        """The state at t in the last accepted step, by its dense output.

        That is of lower order than the steps.
        """
        return self.method.interpolation_cls(t0=s.begin, t1=s.t, **s.dense).evaluate(t)
