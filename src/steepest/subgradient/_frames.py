"""Our own frames are not the user's lines (through the private door of `pieces._source`)."""

from __future__ import annotations

from pathlib import Path

from jax._src import source_info_util

source_info_util.register_exclusion(str(Path(__file__).parent))
