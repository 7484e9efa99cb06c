"""Which variables of a jaxpr are read, and where last."""

from __future__ import annotations

from typing import Any

from jax.extend import core as jex_core


def last_uses(jaxpr: Any) -> dict[Any, int]:
    """The last equation that reads each variable, with dead equations left out."""
    last: dict[Any, int] = {
        v: len(jaxpr.eqns) for v in jaxpr.outvars if not isinstance(v, jex_core.Literal)
    }
    for i in range(len(jaxpr.eqns) - 1, -1, -1):
        eqn = jaxpr.eqns[i]
        if any(v in last for v in eqn.outvars):
            for v in eqn.invars:
                if not isinstance(v, jex_core.Literal):
                    last.setdefault(v, i)
    return last
