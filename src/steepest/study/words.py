"""Numbers and values in the sentences and tables of a study."""

from __future__ import annotations

import math

from steepest.report.numbers import short

NOT_KNOWN = "not known"


def number(value: float | None) -> str:
    """A number of three digits, or "not known".

    Example:
        >>> number(0.01234), number(None), number(float("inf"))
        ('0.0123', 'not known', '∞')
    """
    if value is None or math.isnan(value):
        return NOT_KNOWN
    if math.isinf(value) or (value != 0 and not 1e-3 <= abs(value) < 1e4):
        return short(value)
    return f"{value:.3g}".replace("-", "−")


def value_of(metric: str, value: float | None) -> str:
    """A metric's value: an error as a percentage.

    Example:
        >>> value_of("test error", 0.0765), value_of("train loss", 0.5)
        ('7.65 %', '0.5')
    """
    if is_error(metric) and value is not None and math.isfinite(value):
        return f"{100 * value:.2f} %"
    return number(value)


def mean_and_sd(metric: str, mean: float | None, sd: float | None) -> str:
    """A mean ± a standard deviation.

    Example:
        >>> mean_and_sd("test error", 0.0765, 0.0014), mean_and_sd("test loss", 0.5, None)
        ('7.65 ± 0.14 %', '0.5 ± not known')
    """
    if mean is None:
        return NOT_KNOWN
    first = value_of(metric, mean)
    return f"{first if sd is None else first.removesuffix(' %')} ± {value_of(metric, sd)}"


def span_of(metric: str, value: float, low: float, high: float) -> str:
    """A difference of a metric's values with its interval: of an error in percentage points.

    Example:
        >>> span_of("test error", 0.0133, 0.0103, 0.0169)
        '1.33 percentage points (1.03 to 1.69)'
        >>> span_of("test loss", 0.5, -0.25, 1.0)
        '0.5 (−0.25 to 1)'
    """
    if is_error(metric):
        shown = [f"{100 * each:.2f}".replace("-", "−") for each in (value, low, high)]
        return f"{shown[0]} percentage points ({shown[1]} to {shown[2]})"
    return f"{number(value)} ({number(low)} to {number(high)})"


def is_error(metric: str) -> bool:
    """Whether a metric is a share of examples that are wrong, by its name."""
    return metric.split()[-1] == "error"
