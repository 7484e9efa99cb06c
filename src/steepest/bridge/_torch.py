"""PyTorch, imported when it is used, or a readable word about how to get it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from steepest.errors import MissingExtraError


def pytorch() -> Any:
    """The module `torch`.

    Raises:
        MissingExtraError: PyTorch is not installed, or cannot be imported here.
    """
    try:
        return import_module("torch")
    except ImportError as error:
        raise MissingExtraError(
            f"from_torch needs PyTorch, which cannot be imported here ({error}).\n"
            "Install it with:  pip install 'steepest[torch]'"
        ) from error
