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


def is_error(metric: str) -> bool:
    """Whether a metric is a share of examples that are wrong, by its name."""
    return metric.split()[-1] == "error"
