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
_INSTALLED = {"site-packages", "dist-packages"}
_PACKAGE = Path(__file__).parent.parent
for _name in (
    *("pieces", "clarke", "subgradient", "homogeneity", "laws", "flow", "audit", "bridge"),
    *("autodiff.py", "lipschitz.py"),
):
    source_info_util.register_exclusion(str(_PACKAGE / _name))


def user_line(*eqns: Any) -> str:
    """`file.py:12:8 (function)` for an equation, or "an unknown line".

    A layer of an installed library is called from the user's own file: that line is named, and the
    library's only where there is none. An equation inside a library's own jitted function has no
    line of the user's: name the equations that call it too, from the inside out, and the first
    known line is given.
    """
    for eqn in eqns:
        frames = list(source_info_util.user_frames(eqn.source_info.traceback))
        own = [frame for frame in frames if not _INSTALLED & set(Path(frame.file_name).parts)]
        for frame in (own or frames)[:1]:
            place = f"{frame.file_name}:{frame.start_line}:{frame.start_column}"
            return f"{place} ({frame.function_name})"
    return "an unknown line"


def defined_by_jax(jaxpr: Any) -> bool:
    """Whether a called program is JAX's own (`jax.nn.relu`), not a function of the user.

    JAX caches such programs with the lines of whoever called them first, so that the line to name
    is the one of the call.
    """
    info = getattr(jaxpr, "debug_info", None)
    source = getattr(info, "func_src_info", None) or ""
    return str(_JAX) in source
