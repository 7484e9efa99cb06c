"""One runner on a store at a time, by a lock that a killed runner cannot leave behind."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from steepest.errors import StoreError

try:
    import fcntl
except ImportError:  # a system without flock: two runners do each other's work, and no harm
    fcntl = None

# `is_held` takes the lock for an instant to find out, which must not turn a runner away.
_ATTEMPTS, _PAUSE = 5, 0.05


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock; the system lets it go when the process ends, in whatever way.

    Raises:
        StoreError: another process holds it; the message names its number and its host.
        OSError: the file cannot be made.
    """
    # The descriptor is not inherited, so that no worker keeps the lock of a killed runner.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if fcntl is not None:
            _take(descriptor, path)
        os.ftruncate(descriptor, 0)
        os.write(
            descriptor, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode()
        )
        yield
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool | None:
    """Whether a process holds the lock; None where that cannot be found out."""
    if fcntl is None:
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # some network file systems lock nothing that is open for reading
        return None
    finally:
        os.close(descriptor)
    return False


def _take(descriptor: int, path: Path) -> None:
    assert fcntl is not None
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE)
        with contextlib.suppress(BlockingIOError):
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    raise StoreError(
        f"{path.parent}: {_holder(descriptor)} runs a study on this store; wait for it, end it, "
        "or give another store (`steepest study status` shows how far it is)"
    )


def _holder(descriptor: int) -> str:
    """Who holds the lock, as it wrote itself down."""
    try:
        record = json.loads(os.pread(descriptor, 4096, 0))
        return f"process {int(record['pid'])} on {record['host']}"
    except (ValueError, KeyError, TypeError):  # it has the lock and has not written yet
        return "another process"
