"""What a run leaves behind, whatever made it: a method's steps or a flow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree

from steepest.errors import ArgumentError
from steepest.inputs import is_traced

_MOST_TOLD = 20  # events, in words


class Divergence(NamedTuple):
    """Where a run first left the finite numbers.

    Attributes:
        step: the first step number at which f is not finite, or the first saved one at which the
            state is not; -1 where none is.
        leaf: index (in the order of the leaves) of a leaf that is not finite there or, where only f
            is not, of the leaf with the largest entry; -1 where the run stayed finite.
    """

    step: Any
    leaf: Any


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Trajectory:
    """A run, as a pytree: it can be returned from jit and vmap.

    Attributes:
        ts: the times that `xs`, `values` and `monitors` belong to; for `descend`, step numbers.
        xs: the states at `ts`, a leading axis on each leaf; None unless asked for with `saveat`.
        values: f at `ts`.
        monitors: name → what that monitor returned, with a leading axis of times.
        final: the last state.
        events: what happened on the way (empty for `descend`).
        stats: counts of work: "gradients", "steps", …, and "compile_seconds" (NaN under jit).
        divergence: where the run left the finite numbers, if it did.
        method_state: the method's state after the last step, from which `descend` can go on; None
            for flows.
        dense: what evaluates the run at any time; see `__call__`.
    """

    ts: Any
    xs: PyTree
    values: Any
    monitors: dict[str, PyTree]
    final: PyTree
    events: tuple[Any, ...]
    stats: dict[str, Any]
    divergence: Divergence
    method_state: PyTree = None
    dense: Any = field(default=None, metadata={"static": True})

    def __call__(self, t: Any) -> PyTree:
        """The state at time t or, at an array of times, the states on leading axes.

        For flows computed with `dense=True`.

        Raises:
            ArgumentError: the run was made without `dense=True`, or t is not in it.
        """
        if self.dense is None:
            raise ArgumentError("only a flow computed with dense=True can be called at a time.")
        return self.dense(t)

    @property
    def diverged(self) -> Any:
        """Whether the run left the finite numbers."""
        return self.divergence.step >= 0

    def __str__(self) -> str:
        if is_traced(self):
            return "Trajectory (being traced)"
        if np.ndim(self.ts) != 1:
            return f"Trajectory: a batch of runs, {np.shape(self.values)} values"
        parts = ["Trajectory: ended before the first time that was asked for"]
        if len(self.ts):
            parts = [f"Trajectory: times {self.ts[0]} to {self.ts[-1]}, {len(self.ts)} saved"]
            parts.append(f"f from {self.values[0]:.6g} to {self.values[-1]:.6g}")
        if self.diverged:
            parts.append(f"not finite from step {int(self.divergence.step)}")
        parts.append(", ".join(f"{name} {_short(value)}" for name, value in self.stats.items()))
        return "\n".join(["; ".join(parts), *_history(self.events)])


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _history(events: tuple[Any, ...]) -> list[str]:
    """The first and the last few events, a line each."""
    lines = [f"  {event}" for event in events]
    if len(lines) <= _MOST_TOLD:
        return lines
    half = _MOST_TOLD // 2
    return [*lines[:half], f"  … {len(lines) - 2 * half} more …", *lines[-half:]]
