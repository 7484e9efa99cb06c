"""How a plan names what lies in a file or a module: "file.py:name", "module:name"."""

from __future__ import annotations

import inspect
import os
import traceback
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path, PurePath
from types import ModuleType
from typing import Any

from steepest.errors import ArgumentError, SteepestError
from steepest.study.sources import Sources, sources_of
from steepest.user_file import UserCodeError, is_file, load_object, nearest, split

SHIPPED = "steepest.study"
"""The module whose problems lie in modules of their own, read when they are asked for."""


@dataclass(frozen=True)
class Found:
    """What a name stands for.

    Attributes:
        value: the object.
        file: where it is written.
        root: the folder that the file's imports start from.
        within: the folder whose files belong to it.
    """

    value: Any
    file: Path
    root: Path
    within: Path

    @property
    def sources(self) -> Sources:
        """The texts that it is made of."""
        return sources_of(self.file, self.root, self.within)


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


def find(spec: str, folder: Path) -> Found:
    """What the name stands for; its file is run, or its module imported.

    Raises:
        ArgumentError: there is no such file, module or name; the nearest one is said.
        UserCodeError: the file raises while it is run.
    """
    place, name = split(spec)
    if is_of_file(spec):
        path, value = load_object(folder / place, name, shown=place)
        return Found(value, path, path.parent, path.parent)
    if place == SHIPPED:
        return _shipped(name)
    module = _imported(place, name, folder)
    if not hasattr(module, name):
        known = [n for n in vars(module) if not n.startswith("_")]
        raise ArgumentError(f"module {place} has no {name}{nearest(name, known) or '.'}")
    value = getattr(module, name)
    file = Path(inspect.getsourcefile(module) or "")
    if not is_file(file):
        raise ArgumentError(
            f"module {place} has no source file; name one that is written in Python."
        )
    file = file.resolve()
    package = place.split(".")
    # Of a package all files count, of a module alone it and its neighbours.
    depth = len(package) - (0 if file.stem == "__init__" else 1)
    root = file.parents[depth]
    return Found(value, file, root, root / package[0] if depth else root)


def _shipped(name: str) -> Found:
    """A problem of ours, and the module that has it; they lie in one folder."""
    from steepest.study.problems import PROBLEMS

    if name not in PROBLEMS:
        hint = nearest(name, PROBLEMS) or f"; there are {', '.join(PROBLEMS)}."
        raise ArgumentError(f"{SHIPPED} has no problem {name!r}{hint}")
    module = import_module(PROBLEMS[name])
    file = Path(module.__file__ or "").resolve()
    root = file.parents[PROBLEMS[name].count(".")]
    return Found(getattr(module, name), file, root, file.parent)


def _imported(place: str, name: str, folder: Path) -> ModuleType:
    try:
        return import_module(place)
    except SteepestError:
        raise
    except ModuleNotFoundError as error:
        if error.name is None or f"{place}.".startswith(f"{error.name}."):
            file = f"{place.replace('.', '/')}.py"
            near = f"; did you mean {file}:{name}?" if is_file(folder / file) else "."
            raise ArgumentError(f"there is no module {place}{near}") from error
        raise UserCodeError(
            f"module {place} needs {error.name}, which is not installed."
        ) from error
    except (Exception, SystemExit) as error:  # the user's module may raise anything
        last = traceback.extract_tb(error.__traceback__)[-1]
        line = f"{last.filename}:{last.lineno} in {last.name}: {last.line}"
        raise UserCodeError(f"{line}\n{type(error).__name__}: {error}") from error
