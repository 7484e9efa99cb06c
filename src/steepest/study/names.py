"""How a plan names what lies in a file or a module: "file.py:name", "module:name"."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

from steepest.errors import ArgumentError
from steepest.user_file import is_file, nearest


def is_of_file(spec: str) -> bool:
    """Whether it names a file, not a module."""
    file = spec.rpartition(":")[0]
    return file.endswith(".py") or "/" in file or os.sep in file


def normalised(spec: str, folder: Path) -> str:
    """The one way to write it: a file's path relative to the folder, with slashes.

    Raises:
        ArgumentError: it has neither form, or there is no such file.

    Example:
        >>> normalised("steepest.study:digits_mlp", Path())
        'steepest.study:digits_mlp'
    """
    place, _, name = spec.rpartition(":")
    modules = all(part.isidentifier() for part in place.split("."))
    if not name.isidentifier() or not (modules or is_of_file(spec)):
        raise ArgumentError(
            f"{spec!r:.80} names nothing; write it as FILE.py:NAME or MODULE:NAME, such as "
            "model.py:problem or steepest.study:digits_mlp."
        )
    if not is_of_file(spec):
        return spec
    path = folder / place
    if not is_file(path):
        beside = path.parent.glob("*.py") if path.parent.is_dir() else ()
        near = nearest(path.name, [other.name for other in beside])
        raise ArgumentError(f"there is no file {place}{near or f' in {folder.resolve()}.'}")
    relative = os.path.relpath(path.absolute(), folder.absolute())
    return f"{PurePath(relative).as_posix()}:{name}"
