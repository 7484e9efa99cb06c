"""Files that are whole or not there: written beside, flushed, and renamed into place."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from steepest.errors import ArgumentError


def write_atomically(path: Path | str, content: bytes | str) -> Path:
    """Write `content` to `path` so that a reader sees the old file or the new one, never a part.

    The bytes go to a file beside (the same folder, hence the same file system), are flushed to the
    disk, and replace `path` in one step. Killed or failing before that step, the old file stays.
    Text is written as UTF-8, with its line ends as they are.

    Returns:
        The path.

    Raises:
        OSError: the folder does not exist, is full or cannot be written.

    Example:
        >>> folder = getfixture("tmp_path")
        >>> write_atomically(folder / "claims.json", "[]").read_text()
        '[]'
    """
    path = Path(path)
    if isinstance(content, str):
        content = content.encode("utf-8")
    descriptor, beside = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(beside, _mode(path))
        os.replace(beside, path)
    except BaseException:  # an interrupt too must leave nothing behind
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
    _sync_folder(path.parent)
    return path


def prepare_folder(folder: Path, option: str = "--out") -> Path:
    """Make `folder` if it is not there, and find out that files can be written into it.

    Raises:
        ArgumentError: it is a file, or cannot be made or written; the message names `option`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (FileExistsError, NotADirectoryError) as error:
        taken = next((p for p in (folder, *folder.parents) if p.is_file()), folder)
        raise ArgumentError(
            f"{option} {folder}: {taken} is a file, not a folder; "
            "give the path of a folder (it is made if it does not exist)"
        ) from error
    except OSError as error:
        raise ArgumentError(
            f"{option} {folder}: cannot be written ({error.strerror or error}); give another folder"
        ) from error
    return folder


def _mode(path: Path) -> int:
    """The permissions for `path`: those it has, else what a plain `open` would give it."""
    with contextlib.suppress(OSError):
        return path.stat().st_mode & 0o777
    mask = os.umask(0)  # there is no other way to read it
    os.umask(mask)
    return 0o666 & ~mask


def _sync_folder(folder: Path) -> None:
    """Make the renaming itself survive a power cut, where the system lets a folder be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
