"""A minimizer that the user gave, beside the one that was solved for."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from steepest.inputs import as_point
from steepest.theorems.certificate import Evidence, Hypothesis
from steepest.theorems.problem import Problem
from steepest.theorems.vectors import flat


def stated_minimizer(
    p: Problem, solved: Float[np.ndarray, " d"], uncertainty: float
) -> tuple[Hypothesis, ...]:
    """Whether the two agree, to the digits that a user gives; nothing where none was given."""
    if p.minimizer is None:
        return ()
    stated = flat(as_point(p.minimizer, name="minimizer").leaves)
    apart = float(np.linalg.norm(stated - solved))
    # The digits of the one given are the user's: float32 or printed ones must pass.
    travelled = float(np.linalg.norm(solved - flat(p.program.start)))
    size = float(np.linalg.norm(solved)) + 1e-3 * travelled
    close = apart <= 4e-7 * size + uncertainty
    evidence = Evidence.GIVEN if close else Evidence.VIOLATED
    detail = f"{apart:.3g} from the solved one"
    return (Hypothesis("the minimizer as stated", evidence, detail),)
