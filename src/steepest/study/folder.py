"""Where a store keeps its files: a local folder, or any URL that fsspec knows."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import tempfile
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from steepest.errors import StoreError
from steepest.report.files import write_atomically
from steepest.study.extra import needed

_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_PART = re.compile(r"\..*\.part")  # what `write_atomically` writes beside


class Folder(ABC):
    """Named bytes. A name has slashes between its parts; every failure is a StoreError."""

    where: str
    local: Path | None

    @abstractmethod
    def require_writable(self) -> None:
        """Make the folder if it is not there, and find out that files can be written into it."""

    @abstractmethod
    def names(self, inside: str = "") -> list[str] | None:
        """The names in a folder, sorted; None where there is no such folder."""

    @abstractmethod
    def read(self, name: str) -> bytes | None:
        """The bytes of a file; None where it does not exist."""

    @abstractmethod
    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all, in place of what was there."""

    @abstractmethod
    def move(self, name: str, to: str) -> bool:
        """Move a file to a name that is free; False where one of the two is not so."""

    @abstractmethod
    def remove_parts(self, inside: str) -> None:
        """Remove what killed writers left half written. Only for who holds the store's lock."""


def folder(where: str | os.PathLike[str]) -> Folder:
    """The folder at a path or a URL.

    Raises:
        StoreError: nothing knows the URL's protocol, or its package is not installed.
        MissingExtraError: fsspec is not installed.
    """
    where = os.fspath(where)
    core = needed("fsspec.core")
    try:
        files, path = core.url_to_fs(where)
    except (ValueError, ImportError, OSError) as error:
        raise StoreError(f"{where}: cannot be opened ({_reason(error)})") from error
    if "file" in ((files.protocol,) if isinstance(files.protocol, str) else files.protocol):
        return LocalFolder(Path(path))
    return RemoteFolder(where, files, path.rstrip("/"))


class LocalFolder(Folder):
    """A folder of this machine: files are written beside and renamed, and flushed to the disk."""

    def __init__(self, path: Path):
        self.local = self._path = path
        self.where = str(path)

    def require_writable(self) -> None:
        with _failures(self.where, "written"):
            try:
                self._path.mkdir(parents=True, exist_ok=True)
            except (FileExistsError, NotADirectoryError) as error:
                raise StoreError(
                    f"{self.where}: a file is there, not a folder; give the path of a folder"
                ) from error
            with tempfile.TemporaryFile(dir=self._path):
                pass

    def names(self, inside: str = "") -> list[str] | None:
        with _failures(self.where, "read"):
            try:
                with os.scandir(self._path / inside) as entries:
                    return sorted(entry.name for entry in entries)
            except FileNotFoundError:
                return None
            except NotADirectoryError as error:
                if inside:
                    return None
                raise StoreError(f"{self.where}: a file is there, not a folder") from error

    def read(self, name: str) -> bytes | None:
        with _failures(self._path / name, "read"):
            try:
                return (self._path / name).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None

    def write(self, name: str, content: bytes) -> None:
        path = self._path / name
        with _failures(path, "written"):
            try:
                write_atomically(path, content)
            except FileNotFoundError:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, content)

    def move(self, name: str, to: str) -> bool:
        target = self._path / to
        with _failures(self._path / name, "moved"):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                # The name is taken before it is used, so that no two movers use the same.
                os.close(os.open(target, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return False
            try:
                os.replace(self._path / name, target)
            except BaseException as error:
                target.unlink()
                if isinstance(error, FileNotFoundError):
                    return False  # someone else was quicker
                raise
        return True

    def remove_parts(self, inside: str) -> None:
        for name in self.names(inside) or ():
            if _PART.fullmatch(name):
                with contextlib.suppress(FileNotFoundError):
                    (self._path / inside / name).unlink()


class RemoteFolder(Folder):
    """A folder behind a URL: an object is put in one piece, and is there or not."""

    local = None

    def __init__(self, where: str, files: Any, path: str):
        self.where, self._files, self._path = where.rstrip("/"), files, path

    def require_writable(self) -> None:
        with _failures(self.where, "read"):
            if self._files.isfile(self._path):
                raise StoreError(f"{self.where}: a file is there; give the URL of a folder")
        probe = f".{uuid.uuid4().hex}.part"
        self.write(probe, b"")
        with _failures(self.where, "written"):
            self._files.rm_file(self._full(probe))

    def names(self, inside: str = "") -> list[str] | None:
        with _failures(self.where, "read"):
            path = self._full(inside)
            self._files.invalidate_cache()
            try:
                found = self._files.ls(path, detail=False)
            except FileNotFoundError:
                return None
            except NotADirectoryError:
                return None
            names = (name.rstrip("/").rpartition("/")[2] for name in found)
            # Some stores mark a folder by an object of its own name.
            return sorted(n for n in names if n and n != path.rpartition("/")[2])

    def read(self, name: str) -> bytes | None:
        with _failures(f"{self.where}/{name}", "read"):
            try:
                return self._files.cat_file(self._full(name))
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes) -> None:
        with _failures(f"{self.where}/{name}", "written"):
            self._files.pipe_file(self._full(name), content)

    def move(self, name: str, to: str) -> bool:
        with _failures(f"{self.where}/{name}", "moved"):
            if self._files.exists(self._full(to)):
                return False
            content = self._files.cat_file(self._full(name))
            self._files.pipe_file(self._full(to), content)
            self._files.rm_file(self._full(name))
        return True

    def remove_parts(self, inside: str) -> None:
        """There are none: an object is put whole."""

    def _full(self, name: str) -> str:
        return f"{self._path}/{name}".rstrip("/")


@contextlib.contextmanager
def _failures(path: Any, verb: str) -> Iterator[None]:
    """Failures of the system, told with the path and what to do.

    Raises:
        StoreError: in their place.
    """
    try:
        yield
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno in _FULL:
            raise StoreError(
                f"{path}: the disk is full ({_reason(error)}); what is stored is whole: make room "
                "and run the same command again, and it goes on"
            ) from error
        raise StoreError(f"{path}: cannot be {verb} ({_reason(error)})") from error


def _reason(error: BaseException) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or repr(error)
