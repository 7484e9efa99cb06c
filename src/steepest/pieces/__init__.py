"""Nonsmooth programs: a user's function traced once, and read as smooth pieces and switches.

`trace` gives a `Program`. `walk` decides its choices at the point and writes what is left open as a
`Tape`; `CHOICES` is the table of the primitives that choose.
"""

from steepest.pieces._choices import CHOICES as CHOICES, Choice as Choice
from steepest.pieces._double import (
    called_jaxpr as called_jaxpr,
    run_in_double as run_in_double,
)
from steepest.pieces._has_choices import has_choices as has_choices, holds as holds
from steepest.pieces._interpret import scan_counts as scan_counts, scan_inputs as scan_inputs
from steepest.pieces._program import (
    Program as Program,
    is_double_enabled as is_double_enabled,
    loops_named as loops_named,
    trace as trace,
)
from steepest.pieces._source import user_line as user_line
from steepest.pieces._straight import NotStraight as NotStraight, straight as straight
from steepest.pieces._tape import Exit as Exit, Switch as Switch, Tape as Tape
from steepest.pieces._walk import NeedsBranch as NeedsBranch, Walked as Walked, walk as walk
