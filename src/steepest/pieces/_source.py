"""Where in the user's file an equation comes from.

JAX keeps a traceback with each equation but offers no public way to read the user's frame of it.
This module alone reaches for the private one (tried with JAX 0.10.2).
"""

from __future__ import annotations

from typing import Any

from jax._src import source_info_util


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
