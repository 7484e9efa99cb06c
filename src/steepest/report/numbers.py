"""Numbers for tables, for JSON, and durations for people."""

from __future__ import annotations

import math


def short(value: float | None) -> str:
    """A number in at most ten characters, never rounded across 1.

    A slack just beyond 1 has failed and must not read "1": what separates it from 1 is shown.

    Example:
        >>> short(0.98765), short(1.0), short(1 + 2e-9), short(123456.0), short(None)
        ('0.9877', '1', '1+2e-09', '1.23e+05', '–')
    """
    if value is None:
        return "–"
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value != 1 and abs(value - 1) < 5e-4:
        return f"1{value - 1:+.0e}"
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.4g}"
    return f"{value:.2e}"


def duration(seconds: float) -> str:
    """Seconds for people.

    Example:
        >>> duration(0.0312), duration(3.14159), duration(75.0), duration(3700.0)
        ('0.03 s', '3.1 s', '1 min 15 s', '1 h 1 min')
    """
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def strict_number(value: float | None) -> float | None:
    """The number as JSON can hold it: NaN and the infinities become None.

    Example:
        >>> strict_number(0.5), strict_number(float("inf"))
        (0.5, None)
    """
    return None if value is None or not math.isfinite(value) else float(value)
