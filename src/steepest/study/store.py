"""The store of a study: one immutable file a result, named by the hash of its configuration.

Its folders: `results/<label>/<hash>.parquet`, whose existence is the commit; `set-aside`, where
files go that are torn, foreign or edited; `checkpoints`, of trials under way. `store.json` says
what the store is the store of, and `runner.json` how far the last runner is.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from steepest.errors import StoreError
from steepest.study.folder import Folder, folder
from steepest.study.lock import is_held, locked
from steepest.study.parquet import NotAResultError, decode, encode
from steepest.study.record import NewerFormatError, NotARecordError, Record, from_text, to_text
from steepest.study.result import Result
from steepest.study.set_aside import SetAside, set_aside

_RESULTS, _SET_ASIDE, _CHECKPOINTS = "results", "set-aside", "checkpoints"
_RECORD, _HEARTBEAT, _LOCK = "store.json", "runner.json", "lock"
_NAME = re.compile(r"([0-9a-f]{64})\.parquet")


class Store:
    """Results by the hash of their configuration, in a local folder or behind a URL.

    Args:
        where: a path, or a URL such as s3://bucket/study; the folder need not exist.

    Attributes:
        where: as text.
        set_aside: the files that were found to be no results, by this object.

    Raises:
        StoreError: nothing knows the URL's protocol.
        MissingExtraError: fsspec is not installed.

    Example:
        >>> store = Store(getfixture("tmp_path") / "store")
        >>> store.read("0" * 64) is None
        True
        >>> store.record()
        Traceback (most recent call last):
        steepest.errors.StoreError: ...store: there is no study here; `steepest study run` makes one
    """

    def __init__(self, where: str | os.PathLike[str]):
        self._folder: Folder = folder(where)
        self.where: str = self._folder.where
        self.set_aside: list[SetAside] = []
        self._places: dict[str, list[str]] | None = None

    @property
    def local(self) -> Path | None:
        """The folder, where the store is one of this machine."""
        return self._folder.local

    @property
    def checkpoints(self) -> Path | None:
        """Where trials under way leave their states; None behind a URL."""
        return self.local / _CHECKPOINTS if self.local else None

    def prepare(self) -> None:
        """Make the store if it is not there.

        Raises:
            StoreError: it cannot be written, is a file, holds something else than a store, or is
                a store of a newer format.
        """
        self._folder.require_writable()
        found = set(self._folder.names() or ())
        if _RECORD in found:
            with contextlib.suppress(_TornRecordError):
                self.record()
        known = {_RESULTS, _SET_ASIDE, _CHECKPOINTS, _RECORD, _HEARTBEAT, _LOCK}
        strangers = sorted(n for n in found - known if not n.startswith("."))
        if _RECORD not in found and strangers:
            raise StoreError(
                f"{self.where}: this folder holds {strangers[0]!r} and is no store; give an empty "
                "folder, or the name of a new one"
            )
        if self.checkpoints:
            self.checkpoints.mkdir(exist_ok=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only runner on the store. Behind a URL two runners do no harm, and may be.

        Raises:
            StoreError: another runner is on it; the message names its process and host.
        """
        if self.local is None:
            yield
            return
        with locked(self.local / _LOCK):
            for inside in ("", *(f"{_RESULTS}/{name}" for name in self._labels())):
                self._folder.remove_parts(inside)
            yield

    def has_runner(self) -> bool | None:
        """Whether a runner is on the store now; None where that cannot be found out."""
        return is_held(self.local / _LOCK) if self.local else None

    def record(self) -> Record:
        """What the store is the store of.

        Raises:
            StoreError: there is no store, or its record is torn or of a newer format.
        """
        content = self._folder.read(_RECORD)
        if content is None:
            raise StoreError(
                f"{self.where}: there is no study here; `steepest study run` makes one"
            )
        try:
            return from_text(content.decode())
        except NewerFormatError as error:
            raise StoreError(
                f"{self.where}: a newer release of steepest made this store; use that one, or "
                "give another store"
            ) from error
        except (NotARecordError, UnicodeDecodeError) as error:
            raise _TornRecordError(
                f"{self.where}/{_RECORD}: torn or edited ({error}); `steepest study run` with the "
                "plan writes it anew, and the results stay"
            ) from error

    def keep(self, record: Record) -> None:
        """Write down what the store is the store of."""
        self._folder.write(_RECORD, to_text(record).encode())

    def heartbeat(self) -> bytes | None:
        """What the last runner said about itself."""
        return self._folder.read(_HEARTBEAT)

    def beat(self, content: str) -> None:
        """Say how far the runner is."""
        self._folder.write(_HEARTBEAT, content.encode())

    def hashes(self, label: str | None = None) -> frozenset[str]:
        """The names of the results of a label, or of all: from one listing, nothing is opened."""
        if label is not None:
            return frozenset(self._list(_folder_of(label)))
        self._places = None
        return frozenset(self._known())

    def read(self, hash: str) -> Result | None:
        """The result of the configuration with this hash, whatever label it was run for.

        A file that is not that result is set aside, and is none.

        Raises:
            StoreError: the store cannot be read, or the file is of a newer format.
        """
        for place in tuple(self._known().get(hash, ())):
            name = f"{_RESULTS}/{place}/{hash}.parquet"
            content = self._folder.read(name)
            if content is None:
                continue
            try:
                return decode(content, hash)
            except StoreError as error:
                raise StoreError(f"{self.where}/{name}: {error}") from error
            except NotAResultError as error:
                self._known()[hash].remove(place)
                self._set_aside(name, str(error))
        return None

    def write(self, label: str, result: Result) -> None:
        """Commit a result.

        Raises:
            StoreError: the disk is full, or the store cannot be written.
        """
        place, hash = _folder_of(label), result.configuration.hash
        self._folder.write(f"{_RESULTS}/{place}/{hash}.parquet", encode(result))
        places = self._known().setdefault(hash, [])
        if place not in places:
            places.append(place)

    def set_strangers_aside(self) -> None:
        """Set aside what is in the folders of the results and cannot be one by its name."""
        for place in self._labels():
            names = self._folder.names(f"{_RESULTS}/{place}")
            if names is None:
                self._set_aside(f"{_RESULTS}/{place}", "not the folder of a label")
            for name in names or ():
                if not name.startswith(".") and not _NAME.fullmatch(name):
                    self._set_aside(f"{_RESULTS}/{place}/{name}", "not the name of a result")

    def count_set_aside(self) -> int:
        """How many files were set aside, ever."""
        found = self._folder.names(_SET_ASIDE) or []
        inside = {name: self._folder.names(f"{_SET_ASIDE}/{name}") for name in found}
        return sum(1 if names is None else len(names) for names in inside.values())

    def _known(self) -> dict[str, list[str]]:
        """Hash → the folders that have a result of this name."""
        if self._places is None:
            self._places = {}
            for place in self._labels():
                for hash in self._list(place):
                    self._places.setdefault(hash, []).append(place)
        return self._places

    def _labels(self) -> list[str]:
        return [n for n in self._folder.names(_RESULTS) or () if not n.startswith(".")]

    def _list(self, place: str) -> list[str]:
        names = self._folder.names(f"{_RESULTS}/{place}") or ()
        return [match[1] for name in names if (match := _NAME.fullmatch(name))]

    def _set_aside(self, name: str, reason: str) -> None:
        to = f"{_SET_ASIDE}/{name.removeprefix(f'{_RESULTS}/')}"
        if found := set_aside(self._folder, name, to, reason):
            self.set_aside.append(found)


class _TornRecordError(StoreError):
    """The record cannot be read; the results can."""


def _folder_of(label: str) -> str:
    """A label as the name of a folder, on every system."""
    name = re.sub(r'[/\\:*?"<>|%\x00-\x1f]', lambda match: quote(match[0], safe=""), label)
    return re.sub(r"^\.|[. ]$", lambda match: f"%{ord(match[0]):02X}", name)
