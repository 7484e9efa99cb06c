"""Numbers that may change from step to step."""

from __future__ import annotations

from typing import Any


def at_count(number_or_schedule: Any, count: Any) -> Any:
    """The number, or the schedule's at this step (counted from 0)."""
    return number_or_schedule(count) if callable(number_or_schedule) else number_or_schedule
