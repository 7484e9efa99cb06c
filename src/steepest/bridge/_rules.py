"""The table of all rules, and the Python functions that compute sizes."""

from __future__ import annotations

import math
import operator
from typing import Any

from steepest.bridge import (
    _creation,
    _indexing,
    _normalizing,
    _pointwise,
    _pooling,
    _products,
    _reductions,
    _shapes,
)
from steepest.bridge._table import Rule

RULES: dict[str, Rule] = {
    name: rule
    for part in (
        _creation,
        _indexing,
        _normalizing,
        _pointwise,
        _pooling,
        _products,
        _reductions,
        _shapes,
    )
    for name, rule in part.RULES.items()
}

# Arithmetic of sizes, which are Python's whole numbers here.
SIZES: frozenset[Any] = frozenset(
    {
        *(operator.add, operator.sub, operator.mul, operator.floordiv, operator.truediv),
        *(operator.mod, operator.neg, operator.pow, operator.and_, operator.or_, operator.not_),
        *(operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge),
        *(math.ceil, math.floor, math.trunc, math.sqrt),
    }
)
