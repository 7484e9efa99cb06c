"""Where in the user's file an equation comes from.

JAX keeps a traceback with each equation but offers no public way to read the user's frame of it.
This module alone reaches for the private one (tried with JAX 0.10.2).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jax._src import source_info_util

# Our own frames stand between the user's function and JAX; they are not the user's lines.
_PACKAGE = Path(__file__).parent.parent
for _name in ("pieces", "clarke", "autodiff.py", "lipschitz.py"):
    source_info_util.register_exclusion(str(_PACKAGE / _name))


def user_line(eqn: Any) -> str:
    """`file.py:12 (function)` for an equation, or "an unknown line"."""
    summary = source_info_util.summarize(eqn.source_info)
    return summary if summary else "an unknown line"
