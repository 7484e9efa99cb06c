"""The lecture, claim by claim: one module a slide section, each with its tuple `CLAIMS`.

`CLAIMS` holds every claim in the order of the slides. The sections are imported when it is first
asked for, so that this package costs nothing to import.

Example:
    >>> from steepest.lecture import CLAIMS
    >>> len({claim.id for claim in CLAIMS}) == len(CLAIMS)
    True
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steepest.lecture.claim import Claim

    CLAIMS: tuple[Claim, ...]

# Modules of this package, in the order of the slides.
SECTIONS: tuple[str, ...] = (
    "clarke_differential",
    "positive_homogeneity",
    "homogeneity_and_clarke",
    "norm_preservation",
    "gradient_flow",
    "preservation_theorem",
    "descent_lemma",
    "stationary_points",
    "quadratics",
    "heavy_ball",
    "nesterov",
    "lookahead",
    "momentum_limits",
    "newton",
    "adagrad",
    "rmsprop",
    "adadelta",
    "adam",
    "usefulness",
    "wilson_construction",
)


def __getattr__(name: str) -> object:
    if name != "CLAIMS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    modules = (import_module(f"{__name__}.{section}") for section in SECTIONS)
    claims = tuple(claim for module in modules for claim in module.CLAIMS)
    globals()["CLAIMS"] = claims
    return claims
