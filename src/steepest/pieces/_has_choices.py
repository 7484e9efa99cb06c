"""Whether a program chooses at all."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import jax.numpy as jnp
from jax.extend import core as jex_core

from steepest.pieces._choices import CHOICES


def has_choices(jaxpr: jex_core.Jaxpr, *, of_reals: bool = False) -> bool:
    """Whether some primitive of the program, or of one inside it, is a row of the table of choices.

    Without any the function is smooth wherever it is defined. Those `of_reals` are all but the
    absolute value of a complex number, which is a norm.
    """
    return any(
        (eqn.primitive.name in CHOICES and not (of_reals and _is_complex(eqn.invars[0].aval)))
        or any(
            has_choices(inner, of_reals=of_reals) for inner in jex_core.jaxprs_in_params(eqn.params)
        )
        for eqn in jaxpr.eqns
    )


def holds(jaxpr: jex_core.Jaxpr, names: Collection[str]) -> bool:
    """Whether some primitive of the program, or of one inside it, has one of these names."""
    return any(
        eqn.primitive.name in names
        or any(holds(inner, names) for inner in jex_core.jaxprs_in_params(eqn.params))
        for eqn in jaxpr.eqns
    )


def _is_complex(aval: Any) -> bool:
    return jnp.issubdtype(aval.dtype, jnp.complexfloating)
