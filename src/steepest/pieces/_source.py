"""Where in the user's file an equation comes from.

JAX keeps a traceback with each equation but offers no public way to read the user's frame of it.
This module alone reaches for the private one (tried with JAX 0.10.2).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
from jax._src import source_info_util

# Our own frames stand between the user's function and JAX; they are not the user's lines.
_JAX = Path(jax.__file__).parent
_PACKAGE = Path(__file__).parent.parent
for _name in ("pieces", "clarke", "subgradient", "autodiff.py", "lipschitz.py"):
    source_info_util.register_exclusion(str(_PACKAGE / _name))


def user_line(*eqns: Any) -> str:
    """`file.py:12 (function)` for an equation, or "an unknown line".

    An equation inside a library's own jitted function has no line of the user's: name the
    equations that call it too, from the inside out, and the first known line is given.
    """
    for eqn in eqns:
        summary = source_info_util.summarize(eqn.source_info)
        if summary not in ("", "unknown"):
            return summary
    return "an unknown line"


def defined_by_jax(jaxpr: Any) -> bool:
    """Whether a called program is JAX's own (`jax.nn.relu`), not a function of the user.

    JAX caches such programs with the lines of whoever called them first, so that the line to name
    is the one of the call.
    """
    info = getattr(jaxpr, "debug_info", None)
    source = getattr(info, "func_src_info", None) or ""
    return str(_JAX) in source
