"""Files of a store that are no results: kept apart, never deleted, never counted."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from steepest.errors import StoreError
from steepest.study.folder import Folder


@dataclass(frozen=True)
class SetAside:
    """A file of the store that is no result.

    Attributes:
        path: where it was found.
        reason: what is wrong with it.
        moved_to: where it is now; None where the store cannot be written, and it stays.
    """

    path: str
    reason: str
    moved_to: str | None

    def __str__(self) -> str:
        now = f"moved to {self.moved_to}" if self.moved_to else "left there, not counted"
        return f"{self.path}: {self.reason}; {now}"


def set_aside(folder: Folder, name: str, to: str, reason: str) -> SetAside | None:
    """Move a file to a name, or to the first free one like it; None where it is gone already."""
    path = f"{folder.where}/{name}"
    stem, dot, ending = to.rpartition(".")
    try:
        for i in count(1):
            free = to if i == 1 else f"{stem}-{i}{dot}{ending}"
            if folder.move(name, free):
                return SetAside(path, reason, f"{folder.where}/{free}")
            if folder.read(name) is None:  # another process has moved it
                return None
    except StoreError as error:
        why = str(error).removeprefix(f"{path}: ")
        return SetAside(path, f"{reason} ({why})", None)
    raise AssertionError("numbers do not end")
