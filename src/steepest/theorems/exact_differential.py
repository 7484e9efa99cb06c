"""That a Clarke differential was computed exactly, as a theorem's hypothesis."""

from __future__ import annotations

from steepest.clarke import ClarkeDifferential
from steepest.theorems.certificate import Evidence, Hypothesis


def exactly_computed(
    differential: ClarkeDifferential, name: str = "∂f(x0) is computed exactly"
) -> Hypothesis:
    """*Proved* where the program proves the set, else *unknown*: it is then only bracketed."""
    evidence = Evidence.PROVED if differential.exact else Evidence.UNKNOWN
    return Hypothesis(name, evidence, differential.evidence)
