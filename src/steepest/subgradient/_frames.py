"""Our own frames are not the user's lines (see `steepest.pieces._source`, the same private door)."""

from __future__ import annotations

from pathlib import Path

from jax._src import source_info_util

source_info_util.register_exclusion(str(Path(__file__).parent))
