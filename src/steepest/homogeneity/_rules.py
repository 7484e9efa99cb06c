"""The table of rules: what each primitive does to degrees.

A rule is (reading, equation, inputs, which results are wanted) → the degrees of the results. Rules
are made by a few makers, one for each thing that primitives have in common; a primitive that is not
here leaves degree 0 alone and takes nothing else.
"""

from __future__ import annotations

from steepest.homogeneity._along_axes import ALONG_AXES
from steepest.homogeneity._control import CONTROL
from steepest.homogeneity._elementwise import ELEMENTWISE
from steepest.homogeneity._linear_algebra import LINEAR_ALGEBRA
from steepest.homogeneity._moves import MOVES
from steepest.homogeneity._products import PRODUCTS
from steepest.homogeneity._value import Rule

# Known to break homogeneity: the reason then says so, rather than that a rule is missing.
_BREAKING = (
    "exp exp2 expm1 log1p tanh logistic sin cos tan asin acos atan sinh cosh asinh acosh atanh erf "
    "erfc erf_inv lgamma digamma floor ceil round logsumexp cumlogsumexp convert_element_type eigh "
    "svd pow gather dynamic_slice"
)
NEED_DEGREE_ZERO = frozenset(_BREAKING.split())

RULES: dict[str, Rule] = {
    **ELEMENTWISE,
    **MOVES,
    **ALONG_AXES,
    **PRODUCTS,
    **LINEAR_ALGEBRA,
    **CONTROL,
}
