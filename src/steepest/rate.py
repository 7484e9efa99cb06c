"""How fast a run converges, as measured: a linear rate or an order, and iterations to ε."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from steepest.errors import ArgumentError
from steepest.inputs import Scalar, finite_number, is_traced
from steepest.trajectory import Trajectory

Kind = Literal["linear", "power", "superlinear", "unknown"]

_FEWEST = 6  # points, for a straight line to mean anything
_WINDOWS = 5
_LARGE_FALL = 3.0  # of log y in one step
_DRIFT = 0.03  # of a slope from the first window to the last


@dataclass(frozen=True)
class Rate:
    """How y goes to zero in the second half of what was seen of it, above its rounding.

    Attributes:
        kind: "linear" for y ~ C qᵗ, "power" for y ~ C t⁻ᵖ, "superlinear" for yₖ₊₁ ~ C yₖ^order,
            or "unknown".
        value: q, p or the order; None where the kind is unknown.
        interval: the least and the largest value over parts of that half, widened by how far y
            strays from the line; None likewise.
        reason: why it is unknown; otherwise on how many points it rests.
    """

    kind: Kind
    value: float | None
    interval: tuple[float, float] | None
    reason: str
    _ts: Float[np.ndarray, " n"] = field(repr=False)
    _y: Float[np.ndarray, " n"] = field(repr=False)
    _reliable: int = field(repr=False)  # how many points lie above rounding
    _whole: bool = field(repr=False)  # whether times are counts of steps

    def iterations(self, eps: float | int) -> float | int | None:
        """When y first is eps times its first value, or less.

        Read off the run where it came so far, else extrapolated by the rate; None where that is
        unknown. For a run of `descend` a whole number of steps.

        Raises:
            ArgumentError: eps is not in (0, 1].
        """
        if not (isinstance(eps, (float, int, np.number)) and 0 < eps <= 1):
            raise ArgumentError(f"eps is {eps!r:.40}; it must be a number in (0, 1].")
        reached = np.flatnonzero(self._y <= eps * self._y[:1])
        when = float(self._ts[reached[0]]) if len(reached) else self._extrapolated(float(eps))
        if when is None or not self._whole:
            return when
        return math.ceil(when - 1e-9)

    def _extrapolated(self, eps: float) -> float | None:
        if self.value is None or not self._reliable:
            return None
        t, y = float(self._ts[self._reliable - 1]), float(self._y[self._reliable - 1])
        missing = math.log(y / self._y[0]) - math.log(eps)  # of log y, still to fall
        if missing <= 0:
            return t
        if self.kind == "linear":
            return t + missing / -math.log(self.value)
        if self.kind == "power":
            return t * math.exp(missing / self.value)
        before = float(self._y[self._reliable - 2])
        fall, steps = math.log(before / y), 0
        while missing > 0:
            fall *= self.value
            missing, steps = missing - fall, steps + 1
        return t + steps * float(self._ts[self._reliable - 1] - self._ts[self._reliable - 2])

    def __str__(self) -> str:
        if self.value is None or self.interval is None:
            return f"rate unknown: {self.reason}"
        low, high = self.interval
        unit = "step" if self._whole else "unit of time"
        what = {"linear": f"linear: a factor a {unit} of", "power": "t^−p with p ="}
        said = what.get(self.kind, "superlinear of order")
        return f"{said} {self.value:.6g} ({low:.6g} … {high:.6g}; {self.reason})"


def rate(
    run: Any,
    values: Any = None,
    *,
    monitor: str | None = None,
    minimum: Scalar | None = None,
) -> Rate:
    """Measure how fast f, or a monitor, goes to its minimum along a run.

    What is measured is y = values − minimum, y itself where no minimum is given (a distance, say):
    it must go to zero. Values at the level of rounding are left out: all that is near
    eps·(the size of the values) where a minimum is subtracted, and a floor that y ends on. An
    oscillating y is replaced by the largest that is still to come. Straight lines are fitted to
    log y against t and against log t on the second half of the run; the better is taken, if it is
    better by a factor of two, y falls by more than it strays from the line, and the line does not
    bend: over parts of that half its slope does not go one way by more than 3 in 100.

    Args:
        run: a `Trajectory`, or the times of `values`, increasing.
        values: what to measure, where `run` is no trajectory.
        monitor: the name of a monitor of the trajectory; by default f.
        minimum: what the values tend to.

    Returns:
        The `Rate`; its kind is "unknown", and it says why, where y grows, settles, is not finite,
        lies equally well on both lines, or on one that bends (1/k!, 1/log t).

    Raises:
        ArgumentError: no such monitor, a batch of runs, arrays of different lengths, or a minimum
            that is not a finite number.

    Example:
        >>> import steepest as st
        >>> run = st.descend(lambda x: x**2, 1.0, st.methods.gradient_descent(0.05), steps=60)
        >>> found = st.rate(run)
        >>> found.kind, round(found.value, 3), found.iterations(1e-2)
        ('linear', 0.81, 22)
    """
    ts, y, whole = _series(run, values, monitor)
    shift = 0.0 if minimum is None else finite_number(minimum, "minimum")
    eps = float(np.finfo(y.dtype).eps)
    with np.errstate(over="ignore"):
        y = y.astype(np.float64) - shift
    unknown = lambda why: Rate("unknown", None, None, why, ts, y, 0, whole)
    if not np.all(np.isfinite(y)):
        return unknown(f"not finite from time {ts[np.argmin(np.isfinite(y))]:g}")
    rounding = 32 * eps * abs(shift)  # near the minimum the values are of its size
    if np.min(y, initial=0.0) < -max(rounding, 64 * eps * np.max(np.abs(y)) + 2 * rounding):
        return unknown("the values go below the minimum" if minimum is not None else "negative")
    reliable = _above_rounding(y, rounding, eps)
    found = _superlinear(y[:reliable]) or _straight(ts[:reliable], y[:reliable])
    if isinstance(found, str):
        return unknown(found)
    kind, value, interval = found
    return Rate(kind, value, interval, f"{reliable} points", ts, y, reliable, whole)


def _series(run: Any, values: Any, monitor: str | None) -> tuple[np.ndarray, np.ndarray, bool]:
    if isinstance(run, Trajectory):
        if values is not None:
            raise ArgumentError("values go with plain times; of a Trajectory name a monitor.")
        if monitor is not None and monitor not in run.monitors:
            there = ", ".join(run.monitors) or "none"
            raise ArgumentError(f"monitor is {monitor!r:.40}; the run has {there}.")
        ts, values = run.ts, run.values if monitor is None else run.monitors[monitor]
    else:
        if monitor is not None:
            raise ArgumentError("monitor names one of a Trajectory, and run is none.")
        ts = run
    if is_traced((ts, values)):
        raise ArgumentError("run is traced; a rate is measured after the run.")
    try:
        ts, y = np.asarray(ts), np.asarray(values)
        whole = bool(np.issubdtype(ts.dtype, np.integer))
        if "c" in (ts.dtype.kind, y.dtype.kind):
            raise TypeError("an imaginary part would be dropped")
        y = y if y.dtype in (np.float32, np.float64) else y.astype(np.float64)
        ts = ts.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ArgumentError("run and values must be arrays of real numbers.") from error
    if ts.ndim != 1 or y.shape != ts.shape or not len(ts):
        raise ArgumentError(
            f"times have shape {ts.shape} and values {y.shape}; they must be two lists of one "
            "length (of a batch of runs take one out)."
        )
    if not (np.all(np.isfinite(ts)) and np.all(np.diff(ts) > 0)):
        raise ArgumentError("run: times must be finite and increasing.")
    return ts, y, whole


def _above_rounding(y: Float[np.ndarray, " n"], rounding: float, eps: float) -> int:
    """How many leading points lie above rounding: above that of a subtraction, or of a floor."""
    level = rounding
    tail = y[-max(3, len(y) // 20) :]
    if np.max(tail) <= 1e4 * eps * np.max(y) and not _still_falls(y[-max(10, len(y) // 10) :]):
        level = max(level, 30 * float(np.median(tail)))
    low = np.flatnonzero(y <= level)
    # An oscillation may dip to zero and come back.
    low = low[np.maximum.accumulate(y[::-1])[::-1][low] <= level]
    return int(low[0]) if len(low) else len(y)


def _still_falls(y: Float[np.ndarray, " n"]) -> bool:
    """Whether nearly every value is below the one before: on a floor rounding makes half rise."""
    steps = np.diff(y)
    return bool(np.sum(steps >= 0) <= 0.1 * len(steps))


def _superlinear(y: Float[np.ndarray, " n"]) -> tuple[Kind, float, tuple[float, float]] | None:
    """The order, where each of the last three falls of log y is larger than the one before.

    A dip of an oscillation looks like it: y does not rise in the second half, and fell by less
    before. So does what comes to zero in finite time, sampled near its end: the last fall is large.
    """
    if len(y) < 4 or np.any(y <= 0):
        return None
    half = -np.diff(np.log(y[-max(4, len(y) // 2) :]))
    falls = half[-3:]
    if falls[0] <= 0.1 or np.any(falls[1:] < 1.3 * falls[:-1]):
        return None
    if np.min(half) < 0 or np.max(half[:-1]) > falls[-1] or falls[-1] < _LARGE_FALL:
        return None
    orders = falls[1:] / falls[:-1]
    return "superlinear", float(orders[-1]), (float(np.min(orders)), float(np.max(orders)))


def _straight(
    ts: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]
) -> tuple[Kind, float, tuple[float, float]] | str:
    if len(y) < _FEWEST:
        return f"{len(y)} points above rounding are too few"
    ahead = np.maximum.accumulate(y[::-1])[::-1]
    half = slice(len(y) // 2, None) if len(y) >= 2 * _FEWEST else slice(len(y) - _FEWEST, None)
    t, log = ts[half], np.log(ahead[half])
    fall = float(log[0] - log[-1])
    if ahead[-1] >= ahead[0]:
        return "it does not fall"
    if fall <= 1e-9:
        return f"it settles at {ahead[-1]:.6g}: give the minimum that it tends to"
    linear, stray = _line(t, log)
    fits = [("linear", t, linear, stray)]
    if t[0] > 0:
        fits.append(("power", np.log(t), *_line(np.log(t), log)))
    fits.sort(key=lambda fit: fit[3])
    kind, x, slope, stray = fits[0]
    if len(fits) == 2 and stray > 0.5 * fits[1][3]:
        return "log y is as straight against t as against log t: run on, or give the minimum"
    if stray > 0.1 * fall:
        return f"it falls by {fall:.3g} in log y and strays from a line by {stray:.3g}"
    local = _slopes(x, log)
    if _drifts(local, slope):
        against = "t" if kind == "linear" else "log t"
        return (
            f"log y is no line against {against}: its slope goes from {local[0]:.3g} to "
            f"{local[-1]:.3g}, and on; run on, or give the minimum"
        )
    unsure = 2 * stray / float(x[-1] - x[0])
    slopes = [each + sign * unsure for each in (slope, *local) for sign in (-1, 1)]
    if kind == "power":
        return "power", -slope, (-max(slopes), -min(slopes))
    return "linear", math.exp(slope), (math.exp(min(slopes)), math.exp(max(slopes)))


def _drifts(slopes: list[float], slope: float) -> bool:
    """Whether the slope changes from window to window, always the same way, and by a share of it.

    A curve that bends is near a line on any one half of a run: 1/k! against k, 1/log t and
    1/(t + c) against log t. Noise changes slopes both ways.
    """
    steps = np.diff(slopes)
    one_way = bool(np.all(steps > 0) or np.all(steps < 0))
    return len(steps) > 1 and one_way and abs(slopes[-1] - slopes[0]) > _DRIFT * abs(slope)


def _line(x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Slope of the least-squares line, and the root mean square of what is left."""
    u, v = x - np.mean(x), y - np.mean(y)
    slope = float(u @ v / (u @ u))
    return slope, float(np.sqrt(np.mean((v - slope * u) ** 2)))


def _slopes(x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]) -> list[float]:
    """Slopes over overlapping windows of half the length."""
    width = max(3, len(x) // 2)
    starts = np.unique(np.linspace(0, len(x) - width, _WINDOWS).astype(int))
    return [_line(x[s : s + width], y[s : s + width])[0] for s in starts]
