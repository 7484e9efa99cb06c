"""Single steps of a Diffrax solver along a field whose arguments change, and their dense output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import diffrax
import jax.numpy as jnp


class Tried(NamedTuple):
    """A step that was tried.

    Attributes:
        y: where it ends; the start, if it failed.
        error: of each entry; infinite, if it failed.
        dense: what its dense output is made of.
        solver: Diffrax's state after it.
    """

    y: Any
    error: Any
    dense: Any
    solver: Any


class Stepper:
    """See the module.

    Args:
        velocity: velocity(y, args) → dy/dt.
        rtol, atol: tolerances of a step.
        stiff: an implicit solver of order 5 (Kvaerno 2004) in place of Dormand and Prince's of
            order 8.
    """

    def __init__(self, velocity: Callable[[Any, Any], Any], rtol: Any, atol: Any, stiff: bool):
        self.term = diffrax.ODETerm(lambda t, y, args: velocity(y, args))
        self.method: Any = diffrax.Dopri8(scan_kind="lax")
        if stiff:
            self.method = diffrax.Kvaerno5(root_finder=diffrax.VeryChord(rtol=rtol, atol=atol))
        self.stages = self.method.tableau.num_stages
        # The error of a step is its largest entry's: a norm over all would hide one kink of many.
        largest = lambda e: jnp.max(jnp.abs(e), initial=0.0)
        self.control = diffrax.PIDController(rtol=rtol, atol=atol, norm=largest)
        self.order = self.method.error_order(self.term)

    def begin(self, t: Any, y: Any, next_t: Any, end: Any, args: Any) -> tuple[Any, Any, Any]:
        """(the end of a first step, the solver's state where it knows of no step before, the
        controller's)."""
        next_t, controller = self.control.init(
            self.term, t, end, y, next_t - t, args, self.method.func, self.order
        )
        next_t = jnp.minimum(next_t, end)
        return next_t, self.method.init(self.term, t, next_t, y, args), controller

    def attempt(self, t: Any, next_t: Any, y: Any, solver: Any, args: Any) -> Tried:
        """A step from (t, y) to next_t."""
        y1, error, dense, solver, result = self.method.step(
            self.term, t, next_t, y, args, solver, made_jump=jnp.asarray(False)
        )
        # A stage beyond the domain of f may be one that the error alone is made of.
        finite = jnp.all(jnp.isfinite(y1)) & jnp.all(jnp.isfinite(error))
        good = (result == diffrax.RESULTS.successful) & finite
        return Tried(jnp.where(good, y1, y), jnp.where(good, error, jnp.inf), dense, solver)

    def raised(self, y: Any, tried: Tried, share: Any) -> Tried:
        """With an error that is at least this share of the tolerance at its largest entry.

        y: where the step begins.
        """
        room = self.control.atol + self.control.rtol * jnp.maximum(jnp.abs(y), jnp.abs(tried.y))
        largest = jnp.max(jnp.abs(tried.error) / room, initial=0.0)
        # A step that failed has an infinite error already.
        known = (largest > 0) & jnp.isfinite(largest) & jnp.isfinite(share)
        factor = jnp.where(known, share / jnp.where(known, largest, 1.0), 1.0)
        return tried._replace(error=tried.error * jnp.maximum(factor, 1.0))

    def judge(
        self, t: Any, next_t: Any, y: Any, tried: Tried, controller: Any, args: Any
    ) -> tuple[Any, Any, Any]:
        """(whether the step is accepted, where the next one is to end, the controller's state)."""
        keep, _, after, _, controller, _ = self.control.adapt_step_size(
            t, next_t, y, tried.y, args, tried.error, self.order, controller
        )
        return keep, after, controller

    def within(self, begin: Any, end: Any, dense: Any, t: Any) -> Any:
        """The state at t in a step, by its dense output.

        Its error is of the order of the step's estimated one, and nothing keeps it below the
        tolerance.
        """
        return self.method.interpolation_cls(t0=begin, t1=end, **dense).evaluate(t)
