"""Whether a program chooses at all."""

from __future__ import annotations

from jax.extend import core as jex_core

from steepest.pieces._choices import CHOICES


def has_choices(jaxpr: jex_core.Jaxpr) -> bool:
    """Whether some primitive of the program, or of one inside it, is a row of the table of choices.

    Without any the function is smooth wherever it is defined.
    """
    return any(
        eqn.primitive.name in CHOICES
        or any(has_choices(inner) for inner in jex_core.jaxprs_in_params(eqn.params))
        for eqn in jaxpr.eqns
    )
