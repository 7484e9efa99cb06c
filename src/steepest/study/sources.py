"""The source texts that a user's file is made of, and what they import from elsewhere."""

from __future__ import annotations

import ast
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib import metadata
from pathlib import Path, PurePosixPath

from steepest.errors import ArgumentError
from steepest.user_file import is_file

_UNKNOWN = "not known"  # the version of a module that belongs to no distribution


@dataclass(frozen=True)
class Sources:
    """A file and those that it imports from its own folder, and theirs.

    Attributes:
        texts: name relative to the folder, with slashes → text.
        packages: the top-level names of what is imported from elsewhere.
    """

    texts: Mapping[str, str]
    packages: frozenset[str]

    @property
    def sha256(self) -> str:
        """Of names and texts."""
        return sha256(json.dumps(self.texts, sort_keys=True).encode()).hexdigest()

    @property
    def versions(self) -> tuple[tuple[str, str], ...]:
        """Of the distributions that are imported, (name, version), sorted."""
        owners = _owners() if self.packages else {}
        found = {
            (name, metadata.version(name))
            for package in self.packages
            for name in owners.get(package, ())
        }
        lost = {(package, _UNKNOWN) for package in self.packages - owners.keys()}
        return tuple(sorted(found | lost))


@lru_cache(maxsize=1)
def _owners() -> Mapping[str, list[str]]:
    """Top-level name → distributions; reads the files of all that is installed."""
    return metadata.packages_distributions()


def sources_of(path: Path, root: Path | None = None, within: Path | None = None) -> Sources:
    """What the file is made of, read from its imports; nothing is run.

    Imports are looked for everywhere in a file, functions included. What is imported by a name
    that only the running program knows is not seen, and neither are files that it reads.

    Args:
        path: the file.
        root: the folder that imports start from; by default the file's.
        within: the folder whose files are looked into; by default the root.

    Raises:
        ArgumentError: a file is not in UTF-8 or no Python.

    Example:
        >>> folder = getfixture("tmp_path")
        >>> _ = (folder / "model.py").write_text("import numpy, layers")
        >>> _ = (folder / "layers.py").write_text("import math")
        >>> found = sources_of(folder / "model.py")
        >>> sorted(found.texts), sorted(found.packages)
        (['layers.py', 'model.py'], ['numpy'])
    """
    root = path.parent if root is None else root
    within = root if within is None else within
    texts: dict[str, str] = {}
    packages: set[str] = set()
    waiting = [path]
    while waiting:
        file = waiting.pop()
        name = file.relative_to(root)
        if name.as_posix() in texts:
            continue
        text = texts[name.as_posix()] = _text(file)
        for dotted in _imported(ast.parse(text), name.parent.parts):
            local = [file for file in _files(root, dotted) if file.is_relative_to(within)]
            waiting += local
            if not local:
                packages.add(dotted.partition(".")[0])
    # The version of this package is known without its being installed.
    return Sources(texts, frozenset(packages - sys.stdlib_module_names - {"steepest"}))


def _text(file: Path) -> str:
    try:
        text = file.read_bytes().decode("utf-8")
        ast.parse(text)
    except UnicodeDecodeError as error:
        raise ArgumentError(f"{file} is not in UTF-8; save it so.") from error
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise ArgumentError(f"{file}{f':{line}' if line else ''}: {error}") from error
    return text


def _imported(tree: ast.AST, home: tuple[str, ...]) -> Iterator[str]:
    """The dotted names that are, or may be, modules that a file of the package imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level <= len(home):
            base = home[: len(home) - node.level + 1] if node.level else ()
            start = ".".join([*base, *([node.module] if node.module else ())])
            yield from (start, *(f"{start}.{alias.name}" for alias in node.names))


def _files(folder: Path, dotted: str) -> Iterator[Path]:
    """The files of the folder that importing the name runs."""
    parts = dotted.split(".")
    for end in range(1, len(parts) + 1):
        stem = folder.joinpath(*parts[:end])
        for file in (stem.with_suffix(".py"), stem / "__init__.py"):
            if is_file(file):
                yield file


_bundles: dict[str, tempfile.TemporaryDirectory[str]] = {}


def load_bundle(bundle: Mapping[str, str]) -> Path:
    """Write source texts into a folder, where names relative to the plan's find them.

    The folder lasts as long as the process; the same bundle gives the same folder again.

    Args:
        bundle: name relative to the plan's folder → text; names may begin with "..".

    Returns:
        What stands for the plan's folder.

    Example:
        >>> folder = load_bundle({"model.py": "x = 1", "../common/layers.py": "y = 2"})
        >>> (folder / "../common/layers.py").read_text()
        'y = 2'
    """
    digest = sha256(json.dumps(dict(bundle), sort_keys=True).encode()).hexdigest()
    if digest not in _bundles:
        _bundles[digest] = tempfile.TemporaryDirectory(
            prefix="steepest-", ignore_cleanup_errors=True
        )
    # As deep as the names climb, so that none leaves the folder.
    climbs = max((PurePosixPath(name).parts.count("..") for name in bundle), default=0)
    folder = Path(_bundles[digest].name).resolve().joinpath(*["plan"] * (climbs + 1))
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in bundle.items():
        file = folder / name
        if not is_file(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())
    return folder
