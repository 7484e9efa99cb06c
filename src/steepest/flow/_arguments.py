"""What the flows are handed, checked once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from steepest.errors import ArgumentError, SolverError
from steepest.inputs import flag, function, is_traced, monitored, positive
from steepest.pieces import Program, trace

_LEAST = 1e-14  # relative tolerances below this are rounding


@dataclass(frozen=True)
class Request:
    """A flow to be computed: f's program, the times to save, and what to save there.

    Attributes:
        program: f traced at x0.
        t1: where to end.
        ts: the times that are saved; None for those at which steps end.
        monitors: name → function of the state.
        states: whether the states are saved.
        seconds: that tracing f took.
    """

    program: Program
    t1: float
    ts: np.ndarray | None
    monitors: dict[str, Callable[[PyTree], PyTree]]
    states: bool
    seconds: float = 0.0

    @property
    def start(self) -> np.ndarray:
        """x0, flat."""
        return np.concatenate([leaf.reshape(-1) for leaf in self.program.start])

    @property
    def ends(self) -> np.ndarray:
        """Where each leaf but the last ends in a flat state."""
        return np.cumsum([leaf.size for leaf in self.program.start])[:-1]

    def leaves(self, y: Any) -> list[Any]:
        """The leaves of a flat state."""
        shapes = [leaf.shape for leaf in self.program.start]
        parts = jnp.split(y, self.ends)
        return [jnp.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]

    def whole(self, y: Any) -> PyTree:
        """A flat state as the user's pytree."""
        return self.program.point.restore(self.leaves(y))

    def watched(self, y: Any) -> dict[str, Any]:
        """The monitors at a flat state."""
        x = self.whole(y)
        return {name: monitored(name, monitor, x) for name, monitor in self.monitors.items()}


def as_request(
    f: Any,
    x0: PyTree,
    t1: Any,
    rtol: Any,
    atol: Any,
    saveat: Any,
    monitors: Any,
    **flags: Any,
) -> Request:
    """Check the arguments; of the flags `states` is kept.

    Raises:
        ArgumentError: one of them means nothing; it is named.
        NotScalarError: f does not return one real number.
        SolverError: f is not finite at x0.
    """
    function(f, "f", "one pytree")
    if is_traced((x0, t1, rtol, atol, saveat)):
        raise ArgumentError(
            "a flow cannot be traced: its events are decided as they come. Call it outside of jit, "
            "vmap and grad."
        )
    for name, value in flags.items():
        flag(value, name)
    for name, value in (("t1", t1), ("rtol", rtol), ("atol", atol)):
        positive(value, name)
    if rtol < _LEAST:
        raise ArgumentError(
            f"rtol is {rtol:g}, which double precision cannot keep; ask {_LEAST:g}."
        )
    began = time.perf_counter()
    program = trace(f, x0, name="x0")
    seconds = time.perf_counter() - began
    with jax.enable_x64(True), np.errstate(all="ignore"):
        value = float(np.asarray(program(program.start)))
    if not np.isfinite(value):
        raise SolverError(f"f is {value} at x0; start where it is finite.")
    request = Request(
        program,
        float(t1),
        _times(saveat, float(t1)),
        _monitors(monitors),
        flags["states"] and saveat is not None,
        seconds,
    )
    with jax.enable_x64(True):
        jax.eval_shape(request.watched, request.start)
    return request


def _times(saveat: Any, t1: float) -> np.ndarray | None:
    if saveat is None:
        return None
    try:
        times = np.asarray(saveat, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"saveat is {saveat!r:.40}; it must list times.") from error
    if times.ndim != 1 or not len(times):
        raise ArgumentError(f"saveat has shape {times.shape}; it must list one time or more.")
    if not np.all(np.isfinite(times)) or np.any(np.diff(times) <= 0):
        raise ArgumentError("saveat must hold finite times, strictly increasing.")
    if times[0] < 0 or times[-1] > t1:
        raise ArgumentError(
            f"saveat goes from {times[0]!s} to {times[-1]!s}; the times lie in 0 … {t1!s}."
        )
    return times


def _monitors(monitors: Any) -> dict[str, Callable[[PyTree], PyTree]]:
    if monitors is not None and not isinstance(monitors, Mapping):
        raise ArgumentError(f"monitors is {monitors!r:.40}; it must map names to functions of x.")
    watched = dict(monitors or {})
    for name, monitor in watched.items():
        function(monitor, f"monitors[{name!r}]", "x")
    return watched
