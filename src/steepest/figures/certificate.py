"""A certificate: its own panels, or its two sides against the steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.theorems.certificate import Certificate
from steepest.theorems.curves import Curve, Curves

# Values that span more than this are read on a logarithmic axis.
_WIDE = 100.0


def panels_of(certificate: Certificate) -> tuple[Any, ...]:
    """The panels to draw: the certificate's own, or one of measured and bound against steps."""
    if certificate.figure:
        return certificate.figure
    return (_two_sides(certificate),)


def _two_sides(certificate: Certificate) -> Curves:
    statement = certificate.statement
    sides = [
        Curve(certificate.steps, certificate.measured, f"measured: {statement.left}", "data"),
        Curve(certificate.steps, certificate.bound, f"bound: {statement.right}", "bound"),
    ]
    worst = certificate.worst
    if worst is not None and len(certificate.steps) > 1:
        # Where a bound is missed by a hair the two lines are one to the eye.
        at = slice(worst, worst + 1)
        sides.append(Curve(certificate.steps[at], certificate.measured[at], "worst", "points"))
    both = np.concatenate([certificate.measured, certificate.bound])
    return Curves(
        curves=tuple(sides) if len(certificate.steps) else (),
        xlabel="step",
        ylabel="left and right side",
        title="" if len(certificate.steps) else "nothing was compared",
        yscale="log" if _spans(both) else "linear",
    )


def _spans(values: np.ndarray) -> bool:
    """Whether the values are positive, but for some exact zeros, and span orders of magnitude."""
    values = values[np.isfinite(values)]
    positive = values[values > 0]
    if len(positive) == 0 or np.any(values < 0) or 2 * len(positive) < len(values):
        return False
    return bool(positive.max() / positive.min() > _WIDE)
