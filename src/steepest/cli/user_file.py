"""Functions in a user's own file, named as FILE.py:NAME."""

import difflib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from steepest.errors import ArgumentError, SteepestError


class UserCodeError(SteepestError):
    """The user's own code raised; the message names the file and the line."""


@contextmanager
def user_code(path: Path) -> Iterator[None]:
    """Errors that come out of the user's file, told with its line.

    Raises:
        UserCodeError: in place of what was raised, where a frame of the file was active.
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
    """The innermost frame of the file, as `file.py:12 in model: y = x @ w`."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{path}:{error.lineno}: {(error.text or '').strip()}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    if not frames:
        return None
    last = frames[-1]
    return f"{path}:{last.lineno} in {last.name}: {last.line}"


def load(spec: str) -> tuple[Path, Callable[..., Any]]:
    """The file and the function that FILE.py:NAME names; the file is run.

    Raises:
        ArgumentError: the spec is malformed, or there is no such file or function in it.
        UserCodeError: the file raises while it is run.
    """
    file, _, name = spec.rpartition(":")
    if not file or not name.isidentifier():
        raise ArgumentError(
            f"{spec!r} names no function in a file; write it as FILE.py:NAME, such as "
            "network.py:setup."
        )
    path = Path(file)
    if not path.is_file():
        raise ArgumentError(f"there is no file {file}.")
    path = path.resolve()
    loader = importlib.util.spec_from_file_location(path.stem, path)
    if loader is None or loader.loader is None:
        raise ArgumentError(f"{file} is no Python file; its name must end in .py.")
    module = importlib.util.module_from_spec(loader)
    sys.modules.setdefault(path.stem, module)
    sys.path.insert(0, str(path.parent))  # as `python FILE.py` does
    with user_code(path):
        loader.loader.exec_module(module)
    found = getattr(module, name, None)
    if found is None:
        names = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
        near = difflib.get_close_matches(name, names, n=1)
        known = f"it has {', '.join(names) or 'no functions'}."
        hint = f"did you mean {near[0]}?" if near else known
        raise ArgumentError(f"{file} has no function {name!r}; {hint}")
    if not callable(found):
        raise ArgumentError(f"{name} in {file} is a {type(found).__name__}, not a function.")
    return path, found


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
