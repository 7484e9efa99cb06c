"""What is said where a flow has no rule for a step of the program."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from steepest.errors import UnsupportedPrimitiveError
from steepest.pieces._cases import MOST, Cases


class Places:
    """The places in a sorted order that top_k tells beside its values."""


def refuse(name: str, line: str, values: list[Any]) -> NoReturn:
    """
    Args:
        name: of the primitive.
        line: the user's.
        values: what goes into it, or what of that is in the way.

    Raises:
        UnsupportedPrimitiveError: always.
    """
    if any(isinstance(value, Places) for value in values):
        raise UnsupportedPrimitiveError(
            f"the places that top_k tells go into `{name}` at {line}; along a path there are its "
            "values alone."
        )
    cases = [value for value in values if isinstance(value, Cases) and not value.is_float]
    if cases:
        kind = "truth values" if cases[0].dtype == np.bool_ else "whole numbers"
        raise UnsupportedPrimitiveError(
            f"{kind} that come of comparisons go into `{name}` at {line}, for which there is no "
            f"rule along a path, or none with more than {MOST} cases for one number; make them "
            "numbers first, with jax.numpy's where, or with astype(float)."
        )
    raise UnsupportedPrimitiveError(
        f"no rule for `{name}`, which depends on x, at {line}, along a path; write that step with "
        "jax.numpy's maximum, minimum, abs or where."
    )
