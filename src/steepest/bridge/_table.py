"""What a table of rules is: the name of an ATen operator → the JAX function that computes it.

An operator of one result has one function. An operator of several has a tuple of functions, one for
each result, so that what nobody asks for (the indices of a max-pool) is never computed; or one
function that returns them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Rule = Callable[..., Any] | tuple[Callable[..., Any], ...]


def table(rows: Mapping[str, Rule]) -> dict[str, Rule]:
    """The rows with each name by itself: `"add.Tensor add.Scalar"` are two.

    An overload is named in full, since overloads of one name may take other arguments.

    Example:
        >>> sorted(table({"add.Tensor add.Scalar": max}))
        ['aten.add.Scalar', 'aten.add.Tensor']
    """
    return {f"aten.{name}": rule for names, rule in rows.items() for name in names.split()}
