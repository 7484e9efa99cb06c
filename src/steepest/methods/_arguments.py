"""What every method checks of its arguments, at construction."""

from __future__ import annotations

from typing import Any

from steepest.inputs import positive


def step_size(learning_rate: Any) -> None:
    """A positive finite number; a schedule or a traced number passes unseen."""
    if not callable(learning_rate):
        positive(learning_rate, "learning_rate")
