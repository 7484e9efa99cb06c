"""One walk of a program, with what was made of it."""

from __future__ import annotations

from dataclasses import dataclass

from steepest.clarke._assemble import Leaf
from steepest.clarke._expressions import Expressions
from steepest.pieces import Walked

# Addresses of choices that a walk was told, and what.
Forced = dict[tuple[int, int], int]


@dataclass
class Visit:
    """One walk with what was made of it."""

    forced: Forced
    walked: Walked
    rows: Expressions
    leaf: Leaf
