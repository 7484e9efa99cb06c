"""The packages that a study needs beyond the core, asked for when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from steepest.errors import MissingExtraError


def needed(module: str) -> Any:
    """The module, of one of the packages of `steepest[study]`.

    Raises:
        MissingExtraError: its package is not installed.

    Example:
        >>> needed("json").loads("[1]")
        [1]
        >>> needed("no_such_package.part")
        Traceback (most recent call last):
        steepest.errors.MissingExtraError: a study needs no_such_package, which is ...
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise  # it is there, and lacks something itself
        raise MissingExtraError(
            f"a study needs {package}, which is not installed: pip install 'steepest[study]'"
        ) from error
