"""Programs: a user's function traced once and read as data."""

from steepest.pieces._double import (
    called_jaxpr as called_jaxpr,
    run_in_double as run_in_double,
)
from steepest.pieces._program import Program as Program, trace as trace
from steepest.pieces._source import user_line as user_line
