"""Names in a user's own file, written FILE.py:NAME."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.abc import SourceLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from steepest.errors import ArgumentError, SteepestError


class UserCodeError(SteepestError):
    """The user's own code raised; the message names the file and the line."""


@contextmanager
def user_code(path: Path) -> Iterator[None]:
    """Errors that come out of the user's file, or of one beside it, told with its line.

    Raises:
        UserCodeError: in place of what was raised, where a frame of such a file was active.
    """
    try:
        yield
    except SteepestError:
        raise
    except (Exception, SystemExit) as error:  # the user's code may raise anything
        line = _last_line(error, path)
        if line is None:
            raise
        message = str(error).strip().split("\n\n")[0]
        raise UserCodeError(f"{line}\n{type(error).__name__}: {message}") from error


def _last_line(error: BaseException, path: Path) -> str | None:
    """The innermost frame of the file or its folder, as `file.py:12 in model: y = x @ w`."""
    ours = lambda name: name == str(path) or (name and Path(name).parent == path.parent)
    if isinstance(error, SyntaxError) and ours(error.filename):
        return f"{error.filename}:{error.lineno}: {(error.text or '').strip()}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if ours(f.filename)]
    if not frames:
        return None
    last = frames[-1]
    return f"{last.filename}:{last.lineno} in {last.name}: {last.line}"


def load(spec: str) -> tuple[Path, Callable[..., Any]]:
    """The file and the function that FILE.py:NAME names; the file is run.

    Raises:
        ArgumentError: the spec is malformed, or there is no such file or function in it.
        UserCodeError: the file raises while it is run.
    """
    file, name = split(spec)
    path, found = load_object(Path(file), name, shown=file)
    if not callable(found):
        raise ArgumentError(f"{name} in {file} is a {type(found).__name__}, not a function.")
    return path, found


def split(spec: str) -> tuple[str, str]:
    """FILE.py:NAME as its two parts.

    Raises:
        ArgumentError: it has no such form.
    """
    file, _, name = spec.rpartition(":")
    if not file or not name.isidentifier():
        raise ArgumentError(
            f"{spec!r} names no function in a file; write it as FILE.py:NAME, such as "
            "network.py:setup."
        )
    return file, name


def load_object(path: Path, name: str, *, shown: str | None = None) -> tuple[Path, Any]:
    """The file, resolved, and what it calls `name`; the file is run, or was and has not changed.

    Args:
        path: the file.
        name: a name in it.
        shown: how errors call the file.

    Raises:
        ArgumentError: there is no such file, or no such name in it; the nearest one is said.
        UserCodeError: the file raises while it is run.
    """
    shown = shown or str(path)
    if not is_file(path):
        beside = path.parent.glob("*.py") if path.parent.is_dir() else ()
        near = nearest(path.name, [other.name for other in beside])
        raise ArgumentError(f"there is no file {shown}{near or '.'}")
    if path.suffix != ".py":
        raise ArgumentError(f"{shown} is no Python file; its name must end in .py.")
    path = path.resolve()
    module = _run(path)
    if not hasattr(module, name):
        public = {n: v for n, v in vars(module).items() if not n.startswith("_")}
        names = [n for n, v in public.items() if not isinstance(v, ModuleType)]
        known = f"; it has {', '.join(n for n in names if callable(public[n])) or 'no functions'}."
        raise ArgumentError(f"{shown} has no function {name!r}{nearest(name, names) or known}")
    return path, getattr(module, name)


def nearest(name: str, names: Iterable[str]) -> str:
    """`; did you mean that?` where one of the names is near, and nothing where none is."""
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def is_file(path: Path) -> bool:
    """Whether there is such a file; no for a name that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


@dataclass(frozen=True)
class _Loaded:
    """A file that was run, and what it brought with it from its folder."""

    module: ModuleType
    names: frozenset[str]  # of modules
    digests: dict[Path, str]

    @property
    def is_current(self) -> bool:
        return all(is_file(p) and _digest(p) == digest for p, digest in self.digests.items())

    def is_in_the_way(self, folder: Path) -> bool:
        """Whether a file of that folder, importing its neighbours, would be handed these."""
        tops = {name.partition(".")[0] for name in self.names}
        return any(is_file(folder / f"{top}.py") or (folder / top).is_dir() for top in tops)


_loaded: dict[Path, _Loaded] = {}


def _run(path: Path) -> ModuleType:
    """The file's module. A process may outlive an edit, or meet two files of one name."""
    known = _loaded.get(path)
    if known is not None and known.is_current:
        return known.module
    folder = path.parent
    for other, loaded in list(_loaded.items()):
        if other == path or (other.parent != folder and loaded.is_in_the_way(folder)):
            _forget(loaded.names)
            del _loaded[other]
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert isinstance(spec.loader, SourceLoader)
    module = importlib.util.module_from_spec(spec)
    ours = {name for p, loaded in _loaded.items() if p.parent == folder for name in loaded.names}
    before, content = set(sys.modules) - ours, path.read_bytes()
    sys.modules.setdefault(path.stem, module)
    # First, as for `python FILE.py`.
    sys.path[:] = [str(folder), *(entry for entry in sys.path if entry != str(folder))]
    importlib.invalidate_caches()
    try:
        with user_code(path):
            # Not from a cache of compiled files, which misses an edit within the same second.
            exec(spec.loader.source_to_code(content, str(path)), vars(module))
    except BaseException as error:
        _forget(_of_folder(folder, before))
        if isinstance(error, (SyntaxError, ValueError)):  # of text that cannot even be parsed
            raise UserCodeError(f"{path}: {type(error).__name__}: {error}") from error
        raise
    brought = _of_folder(folder, before)
    digests = {file: _digest(file) for file in brought.values()}
    digests[path] = sha256(content).hexdigest()
    _loaded[path] = _Loaded(module, frozenset(brought), digests)
    return module


def _of_folder(folder: Path, before: set[str]) -> dict[str, Path]:
    """The modules that came since, of packages that were not there, from files of the folder."""
    found = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file is None or name.partition(".")[0] in before:
            continue
        path = Path(file)
        inside = path.is_relative_to(folder) and "site-packages" not in path.parts
        if inside and path.suffix == ".py":
            found[name] = path
    return found


def _forget(names: Iterable[str]) -> None:
    for name in names:
        sys.modules.pop(name, None)


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def require_no_arguments(function: Callable[..., Any], spec: str) -> None:
    """
    Raises:
        ArgumentError: it cannot be called without arguments.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some functions written in C have none
        return
    try:
        signature.bind()
    except TypeError as error:
        raise ArgumentError(f"{spec} takes {signature}; it must take no arguments.") from error
