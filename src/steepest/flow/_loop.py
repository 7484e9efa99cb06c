"""Steps until something is met that needs a decision: one compiled loop.

`diffrax.diffeqsolve` looks for events at the ends of its steps. Here each step is looked at inside
as well, on its dense output, so that what leaves and comes back within a step is seen. A crossing,
and the begin and end of a slide, are made here if they leave nothing to decide; everything else
ends the loop.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from steepest.flow._bracket import Bracket
from steepest.flow._carry import (
    ARRIVES,
    CROSSES,
    LEAVES,
    LOCATES,
    LOOKS,
    PASSES,
    RELEASES,
    SAMPLES,
    SLIDES,
    STEPS,
    Carry,
    Made,
)
from steepest.flow._crossing import LEFT, Crossings
from steepest.flow._dips import Stretch
from steepest.flow._field import Fields, Look
from steepest.flow._mode import Arguments
from steepest.flow._passing import Passing
from steepest.flow._samples import Samples
from steepest.flow._sliding import Slides
from steepest.flow._standing import MOST_MADE, Limits, Step
from steepest.flow._stepper import Stepper, Tried
from steepest.flow._watching import Watching
from steepest.pieces._compile import traced

_SAME_TIME = 1e-7  # two times this near, in shares of a step, are one to first order
_POLISHED = 6  # times that are tried for what was met, before brackets are
_MOST_POINTS = 60
_FINE = 1e-2  # of the tolerance
_SAME_WEIGHT = 1e-9  # a time at which a multiplier leaves is known to this share of its step


class Loop:
    """The loop for any mode, ready to be compiled.

    Args:
        fields, stepper, crossings: what it is made of.
    """

    def __init__(self, fields: Fields, stepper: Stepper, crossings: Crossings):
        self.fields, self.stepper, self.crossings = fields, stepper, crossings
        self.slides, self.passing = Slides(crossings), Passing(crossings)
        self.watching = Watching(fields, stepper)

    def __call__(self, t: Any, y: Any, next_t: Any, mode: Arguments, limits: Limits) -> Step:
        """Steps from (t, y), the first of them to next_t.

        Args:
            t, y: time and state.
            next_t: where the first step is to end.
            mode: what is taken and held at first.
            limits: see `Limits`.
        """
        mode = jax.tree.map(jnp.asarray, mode)
        next_t, fresh, controller = self.stepper.begin(t, y, next_t, limits.end, mode)
        attempt, not_tried = traced(self.stepper.attempt, t, next_t, y, fresh, mode)
        look, not_looked = traced(self.fields.look, y, mode)
        nowhere = not_looked._replace(y=jnp.full_like(y, jnp.nan))
        zero, yes, no = jnp.asarray(0), jnp.asarray(True), jnp.asarray(False)
        step = Step(
            t=t, y=y, next_t=next_t, begin=t, start=y, dense=not_tried.dense,
            accepted=zero, rejected=zero, spent=zero, pulled=zero, finite=yes,
            met=no, low=t, when=t, located=no, left=no, look=nowhere,
            mode=mode, passed=zero, tries=limits.tries, events=zero, times=jnp.zeros(MOST_MADE),
            kinds=jnp.zeros(MOST_MADE, int), candidates=jnp.zeros(MOST_MADE, int),
        )  # fmt: skip

        def goes_on(c: Carry) -> Any:
            s = c.step
            more = s.accepted < limits.steps
            steps = (s.t < limits.until) & ~s.met & ~s.left & s.finite & more
            return (c.phase != STEPS) | steps

        def one(c: Carry) -> Carry:
            """A step, or a state that is given; then a look at the mode there, if needed."""
            s, steps, phase = c.step, c.phase == STEPS, c.phase
            begin, start = jnp.where(steps, s.t, s.begin), jnp.where(steps, s.y, s.start)
            end = jnp.where(steps, jnp.minimum(s.next_t, limits.end), c.target)
            solver = jax.tree.map(lambda a, b: jnp.where(steps, a, b), c.solver, fresh)
            turns = phase >= CROSSES
            given = turns | (phase == LOOKS)
            sampled = (phase == SAMPLES) | (phase == LEAVES)
            interpolated = sampled | (~steps & ~given & c.fine)
            tried = lax.cond(
                given | interpolated,
                lambda: not_tried,
                lambda: attempt(begin, end, start, solver, s.mode),
            )
            c = lax.cond(steps, lambda: self._stepped(c, end, tried, limits), lambda: c)
            accepted = steps & (c.step.accepted > s.accepted) & limits.watched
            state = jnp.where(given, c.crossing.y, tried.y)
            at_end = (phase == SAMPLES) & (end == s.t)
            state = lax.cond(
                interpolated & ~at_end, lambda: self.watching.within(s, end), lambda: state
            )
            state = jnp.where(at_end, s.y, state)
            mode, count = lax.cond(turns, lambda: self._turned(c), lambda: (s.mode, zero))
            found = lax.cond(steps | c.seen, lambda: c.step.look, lambda: look(state, mode))
            spent = ~(steps | c.seen) + self.stepper.stages * ~(given | interpolated)
            pulled = s.pulled + spent * jnp.sum(mode.held)
            step = c.step._replace(look=found, spent=s.spent + spent, pulled=pulled)
            c = c._replace(step=step, seen=no)
            weights = self.crossings.bounds(found, mode)
            least, bounds = jnp.min(weights), self._bounds(weights, found, mode)
            holds = self.crossings.is_consistent(found, least, mode)
            nothing = Made(no, zero, zero, s.mode)
            c, made = lax.switch(
                phase,
                [
                    lambda: (self._ended(c, bounds, accepted), nothing),
                    lambda: (self._sampled(c, bounds), nothing),
                    lambda: (self._located(c, least, bounds, limits), nothing),
                    lambda: (self._looked(c), nothing),
                    lambda: (self._left(c, bounds), nothing),
                    lambda: (self._arrived(c, weights, limits), nothing),
                    lambda: self._crossed(c, mode, holds),
                    lambda: self._begun(c, mode, holds),
                    lambda: self._released(c, mode, holds),
                    lambda: (self._passed(c, mode, count, holds, limits), nothing),
                ],
            )
            c = lax.cond(made.clear, lambda: self._made(c, made, limits), lambda: c)
            # Beyond an event nothing is known of the step before.
            known = ~turns | (c.phase != STEPS)
            return c._replace(
                solver=jax.tree.map(lambda a, b: jnp.where(known, a, b), c.solver, fresh)
            )

        phase = jnp.where(limits.steps > 0, STEPS, LOOKS)
        one_sided = Bracket.of(t, t, 1.0 + 0.0 * t, 1.0 + 0.0 * t)
        crossing, leaving = self.crossings.none(y, t), self.slides.none(y)
        numbers = jax.eval_shape(
            lambda: self._bounds(self.crossings.bounds(not_looked, mode), not_looked, mode)
        )
        samples = Samples.none(t, jnp.zeros(numbers.shape))
        carry = Carry(
            phase, step, fresh, controller, no, t, zero, samples, crossing, leaving, no, one_sided,
            0.0 * t,
        )  # fmt: skip
        return lax.while_loop(goes_on, one, carry).step

    def _stepped(self, c: Carry, next_t: Any, tried: Tried, limits: Limits) -> Carry:
        s, end = c.step, limits.end
        error = tried.error
        if self.fields.gated.norms:
            tried = self.stepper.raised(
                s.y, tried, self.fields.turned_norms(tried.y, error, s.mode)
            )
        keep, after, controller = self.stepper.judge(s.t, next_t, s.y, tried, c.controller, s.mode)
        # The last stretch is not left to a step of rounding's size.
        after = jnp.where(after > end - 1e-12 * jnp.abs(end - s.t), end, after)
        too_small = ~keep & (after - s.t <= 1e-14 * jnp.abs(s.t) + 1e-300)
        taken = s._replace(
            t=next_t, y=tried.y, next_t=after, begin=s.t, start=s.y, dense=tried.dense,
            accepted=s.accepted + 1,
        )  # fmt: skip
        refused = s._replace(next_t=after, rejected=s.rejected + 1, finite=~too_small)
        step, solver = lax.cond(
            keep,
            lambda: (self.watching.watched(taken, limits.watched), tried.solver),
            lambda: (refused, c.solver),
        )
        share = self.crossings.scales.share(s.y)
        passes = (s.tries.pause == 0) & (s.events < limits.events)
        error = jnp.max(jnp.abs(error))
        return c._replace(
            fine=jnp.where(keep, error <= 10 * _FINE * share, c.fine),
            phase=jnp.where(step.met, jnp.where(passes, PASSES, LOCATES), STEPS),
            crossing=c.crossing._replace(y=step.y),
            step=step._replace(tries=s.tries.met(step.met)),
            solver=solver,
            controller=controller,
            target=step.when,
            polished=jnp.zeros_like(c.polished),
        )

    def _ended(self, c: Carry, bounds: Any, accepted: Any) -> Carry:
        """After a step: where anything is held its multipliers are looked at before all else."""
        s = c.step
        if not len(s.mode.base):
            return c
        known = jnp.all(s.look.y == s.start)
        samples = Samples(
            stretch=Stretch.of(s.begin, jnp.where(s.met, s.when, s.t)),
            width=s.t - s.begin,
            at=jnp.where(known, 1, 0),
            values=c.samples.values.at[0].set(bounds),
            then=c.phase,
        )
        looks = accepted & jnp.any(s.mode.held)
        return c._replace(
            phase=jnp.where(looks, SAMPLES, c.phase),
            samples=samples,
            target=jnp.where(looks, samples.time(), c.target),
        )

    def _sampled(self, c: Carry, bounds: Any) -> Carry:
        """In a step: whether a multiplier says that what is held was left in it."""
        s, samples = c.step, c.samples.looked_at(bounds)
        first, goes_on = samples.stretch.first, samples.stretch.goes_on
        late = _late(first.above)
        bracket = Bracket.of(first.low, first.high, first.above - late, first.below - late)
        point = jnp.where(first.low == s.begin, s.begin, bracket.point())
        left = ~goes_on & first.met
        target = jnp.where(left, point, s.when)
        return c._replace(
            phase=jnp.where(goes_on, SAMPLES, jnp.where(left, LEAVES, samples.then)),
            step=s._replace(left=left),
            samples=samples,
            target=jnp.where(goes_on, samples.time(), target),
            # The last look is at the time of what was met, and at the same state if it will do.
            seen=~goes_on & ~left & c.fine & (samples.then == LOCATES) & (c.target == s.when),
            left=bracket,
            late=late,
        )

    def _bounds(self, weights: Any, look: Look, mode: Arguments) -> Any:
        """What is to stay positive while what is held is held, the weights' bounds among it.

        Where a gradient vanishes no multipliers may balance any more, or only large ones.
        """
        crossings = self.crossings
        balanced = jnp.where(crossings.is_balanced(look), 1.0, -1.0)
        near = crossings.nearness(look.keys, mode)
        return jnp.clip(jnp.concatenate([weights + LEFT, near, balanced[None]]), -1.0, 1.0)

    def _leave(self, c: Carry, least: Any, t: Any) -> Carry:
        """Find out when a multiplier left, if it is out of its bounds at t."""
        begin, out = c.step.begin, least < 0
        return c._replace(
            phase=jnp.where(out, LEAVES, c.phase),
            step=c.step._replace(left=out),
            target=jnp.where(out, begin, c.target),
            left=Bracket.of(begin, t, 1.0 + 0.0 * t, jnp.where(out, least, -1.0)),
            late=0.0 * t,
        )

    def _left(self, c: Carry, bounds: Any) -> Carry:
        """When, to the accuracy of the dense output.

        The velocity is continuous there: an error of that size in the time is one of its square in
        the state.
        """
        s, least, last = c.step, jnp.min(bounds), c.left
        begins = (c.target == s.begin) & (last.points == 0)
        at_once = begins & (least <= 0)
        late = jnp.where(begins, _late(least), c.late)
        points = last.points + 1
        first = last._replace(above=least - late, below=last.below + c.late - late, points=points)
        found = last.narrowed(c.target, least - late)
        found = jax.tree.map(lambda a, b: jnp.where(begins, a, b), first, found)
        t = found.point()
        near = ~begins & (jnp.abs(t - c.target) <= _SAME_WEIGHT * (s.t - s.begin))
        done = near | (found.points >= _MOST_POINTS)
        phase = jnp.where(at_once, STEPS, jnp.where(done, ARRIVES, LEAVES))
        t = jnp.where(at_once, s.begin, t)
        return c._replace(
            phase=phase,
            step=s._replace(when=t, located=at_once),
            target=t,
            left=found,
            late=late,
        )

    def _looked(self, c: Carry) -> Carry:
        """At where the mode ends, or at what was asked for."""
        step = c.step._replace(located=jnp.asarray(True))
        return c._replace(phase=jnp.asarray(STEPS), step=step)

    def _located(self, c: Carry, least: Any, bounds: Any, limits: Limits) -> Carry:
        """By Newton's method along the flow itself, from the time that the dense output tells."""
        s, look = c.step, c.step.look
        width = s.t - s.begin
        nearing = look.watched_rates < 0
        rates = jnp.where(nearing, look.watched_rates, -1.0)
        roots = jnp.where(nearing, c.target - look.watched / rates, jnp.inf)
        after = jnp.min(roots, initial=jnp.inf)
        inside = (after >= s.begin - _SAME_TIME * width) & (after <= s.t)
        after = jnp.maximum(after, s.begin)
        near = jnp.abs(after - c.target) <= _SAME_TIME * width
        ahead = after - c.target
        crossing, clear = self.crossings.before(look, least, ahead, width, s.mode)
        # At one instant with an earlier event it is for whoever sees both.
        clear &= (after > s.begin) & (after < limits.until) & (s.events < limits.events)
        there = jnp.where(clear, CROSSES, LOOKS)
        again = jnp.where(c.polished < _POLISHED, LOCATES, STEPS)
        found = jnp.where(inside & near, jnp.min(bounds), 1.0)
        c = c._replace(
            phase=jnp.where(inside, jnp.where(near, there, again), STEPS),
            step=s._replace(
                when=jnp.where(inside & near, after, s.when),
            ),
            target=after,
            polished=c.polished + 1,
            crossing=crossing._replace(t=after),
        )
        return self._leave(c, found, after)

    def _turned(self, c: Carry) -> tuple[Arguments, Any]:
        """(the mode that is looked at where something is crossed to, held or let go, and how many
        choices turned on the way to it)."""
        mode, one = c.step.mode, jnp.asarray(1)
        return lax.switch(
            c.phase - CROSSES,
            [
                lambda: (self.crossings.crossed(c.crossing, mode), one),
                lambda: (self.slides.begun(c.crossing, mode), one),
                lambda: (self.slides.ended(c.leaving, mode), one),
                lambda: self.passing.beyond(self.watching.states(c.step), mode),
            ],
        )

    def _arrived(self, c: Carry, weights: Any, limits: Limits) -> Carry:
        """At where a multiplier left: let go what it says, if that is clear."""
        s = c.step
        leaving, clear = self.slides.before(s.look, weights, s.mode)
        clear &= (s.when > s.begin) & (s.when < limits.until) & (s.events < limits.events)
        there = c.crossing._replace(t=s.when, y=leaving.y)
        return c._replace(
            phase=jnp.where(clear, RELEASES, STEPS),
            step=s._replace(located=jnp.asarray(True)),
            crossing=there,
            leaving=leaving,
        )

    def _crossed(self, c: Carry, mode: Arguments, holds: Any) -> tuple[Carry, Made]:
        """Beyond a crossing: go on there, if that is clear, or slide."""
        s, crossing = c.step, c.crossing
        mode, clear, returns = self.crossings.beyond(crossing, s.look, s.t - s.begin, mode)
        clear &= holds
        slides = returns & (jnp.sum(s.mode.held) < len(s.mode.base))
        c = c._replace(phase=jnp.where(slides, SLIDES, LOOKS))
        return c, Made.of(clear, "cross", crossing.other, mode)

    def _passed(self, c: Carry, mode: Arguments, count: Any, holds: Any, limits: Limits) -> Carry:
        """At a step's end beyond crossings: go on, take a shorter step, or locate the first."""
        s = c.step
        mode, loss, spent = self.passing.loss(s, s.mode, mode, limits.until)
        stays = lambda: self.watching.stays(s, self.passing.turned(s.mode, mode))
        loss = jnp.where(lax.cond(holds & (loss <= 1), stays, lambda: holds), loss, jnp.inf)
        lost, shorter, next_t = self.passing.end(s, loss, count, limits)
        pick = lambda a, b: jnp.where(lost, a, b)
        step = s._replace(
            t=jnp.where(shorter, s.begin, s.t), y=jnp.where(shorter, s.start, s.y), next_t=next_t,
            accepted=s.accepted - shorter, rejected=s.rejected + shorter, spent=s.spent + spent,
            met=~lost & ~shorter, mode=jax.tree.map(pick, mode, s.mode),
            passed=pick(s.passed + count, s.passed), tries=s.tries.after(lost, shorter),
        )  # fmt: skip
        return c._replace(phase=jnp.where(step.met, LOCATES, STEPS), step=step)

    def _begun(self, c: Carry, mode: Arguments, holds: Any) -> tuple[Carry, Made]:
        """In a slide: go on in it, if that is clear."""
        mode, clear = self.slides.is_begun(c.step.look, mode)
        made = Made.of(clear & holds, "slide", c.crossing.other, mode)
        return c._replace(phase=jnp.asarray(LOOKS)), made

    def _released(self, c: Carry, mode: Arguments, holds: Any) -> tuple[Carry, Made]:
        """After a slide: go on, if that is clear."""
        mode, clear = self.slides.is_ended(c.leaving, c.step.look, mode)
        made = Made.of(clear & holds, "release", c.leaving.out, mode)
        return c._replace(phase=jnp.asarray(LOOKS)), made

    def _made(self, c: Carry, made: Made, limits: Limits) -> Carry:
        """With an event at the time and state that were tried."""
        s, (t, y), k = c.step, c.crossing[:2], c.step.events
        width = jnp.maximum(s.t - s.begin, 1e-12 * jnp.maximum(t, 1e-6))
        no = jnp.asarray(False)
        step = s._replace(
            t=t, y=y, next_t=jnp.minimum(t + width, limits.end), begin=t, start=y,
            met=no, located=no, left=no, mode=made.mode, events=k + 1, times=s.times.at[k].set(t),
            kinds=s.kinds.at[k].set(made.kind),
            candidates=s.candidates.at[k].set(made.candidate),
        )  # fmt: skip
        return c._replace(phase=jnp.asarray(STEPS), step=step)


def _late(bound: Any) -> Any:
    """What is taken off a bound, `LEFT` more than it is, to see when it came to zero: all of that
    where it was clearly positive before. Elsewhere rounding would be seen."""
    return jnp.where(bound > 2 * LEFT, LEFT, 0.0)
