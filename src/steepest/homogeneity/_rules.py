"""The table of rules: what each primitive does to degrees.

A rule is (reading, equation, inputs, which results are wanted) → the degrees of the results. Rules
are made by a few makers, one for each thing that primitives have in common; a primitive that is not
here leaves degree 0 alone and takes nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from steepest.homogeneity._control import CONTROL
from steepest.homogeneity._degrees import (
    INVARIANT,
    Degrees,
    along,
    common_shape,
    dense,
    disjoint_degrees,
    moved,
)
from steepest.homogeneity._form import ZERO, Coefficient
from steepest.homogeneity._linear_algebra import LINEAR_ALGEBRA
from steepest.homogeneity._logarithms import logarithm
from steepest.homogeneity._products import PRODUCTS
from steepest.homogeneity._value import Value
from steepest.pieces import user_line
from steepest.pieces._concrete import evaluate, widened

Result = Sequence[Degrees | Value | None]
Rule = Callable[[Any, Any, list[Value], list[bool]], Result]

# Known to break homogeneity: the reason then says so, rather than that a rule is missing.
_BREAKING = (
    "exp exp2 expm1 log1p tanh logistic sin cos tan asin acos atan sinh cosh asinh acosh atanh erf "
    "erfc erf_inv lgamma digamma floor ceil round logsumexp cumlogsumexp convert_element_type eigh "
    "svd pow gather dynamic_slice"
)
NEED_DEGREE_ZERO = frozenset(_BREAKING.split())
_SMALL = 4096  # constants up to this size are looked at for zeros
_DENSE = 1_000_000  # forms that are written out entry by entry


# ---- elementwise


def _keep(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    return [inputs[0].degrees]


def _join(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    """Sums, maxima: one degree, which the result has too."""
    return [reading.joined(inputs, eqn)]


def _difference(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    if eqn.invars[0] is eqn.invars[1]:
        return [None]
    return [reading.joined(inputs, eqn)]


def _compare(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    """Two numbers of one degree compare as they did before both were scaled."""
    reading.joined(inputs, eqn)
    return [INVARIANT]


def _sign(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    return [INVARIANT]


def vanishes(v: Value) -> bool:
    """Whether it fits any degree, as far as that costs nothing to see."""
    if v.degrees is None:
        return True
    constant = v.constant
    return (
        constant is not None
        and constant.at_hand
        and np.size(constant.value) <= _SMALL
        and (constant.fits)
    )


def _product(sign: int) -> Rule:
    def rule(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
        a, b = inputs
        if a.degrees is None or b.degrees is None or vanishes(a) or vanishes(b):
            return [None]
        return [a.degrees + b.degrees.scaled(sign)]

    return rule


def _power(exponent: Callable[[Any], Coefficient]) -> Rule:
    def rule(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
        return [raised(inputs[0].degrees, exponent(eqn.params))]

    return rule


def raised(degrees: Degrees | None, exponent: Coefficient) -> Degrees | None:
    if degrees is None:
        return INVARIANT if exponent == 0 else None
    return degrees.scaled(exponent)


def _pow(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    base, exponent = inputs
    if exponent.constant is None or base.constant is not None:
        reading.need_degree_zero(eqn, inputs)
        return [INVARIANT]
    values = np.asarray(exponent.constant.value)
    dtype = eqn.invars[1].aval.dtype
    powers = {p: read_exponent(p, dtype) for p in np.unique(values).tolist()}
    for p, q in powers.items():
        if q is None:
            reading.never(eqn, f"`pow` with the exponent {p}")
            return [INVARIANT]
        if Fraction(p) != q:
            reading.notes[f"the exponent {p:.9g} at {user_line(eqn)} is read as {q}"] = None
    if len(powers) == 1:
        ((_, q),) = powers.items()
        return [raised(base.degrees, q or 0)]
    if base.degrees is None:
        return [INVARIANT]
    by_entry = np.frompyfunc(lambda form, p: form * powers[float(p)], 2, 1)
    forms = by_entry(dense(base.degrees, eqn.outvars[0].aval.shape), values)
    return [disjoint_degrees(ZERO, [forms])]


def read_exponent(p: float, dtype: Any) -> Coefficient | None:
    """p as the rational number it stands for: within one ulp of its type, denominator ≤ 64."""
    if not np.isfinite(p):
        return None
    exact = Fraction(p)
    near = exact.limit_denominator(64)
    narrow = dtype if np.issubdtype(dtype, np.floating) else np.float32
    if abs(near - exact) <= Fraction(float(np.spacing(np.abs(np.asarray(p, narrow))))):
        exact = near
    return exact.numerator if exact.denominator == 1 else exact


def _select(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    which, *cases = inputs
    shape = eqn.outvars[0].aval.shape
    if which.constant is None or reading.agrees(cases) or int(np.prod(shape)) > _DENSE:
        return [reading.joined(cases, eqn, "`where` between values of {} and {}")]
    # A constant mask: each entry has the degree of its own case.
    chosen = np.broadcast_to(np.asarray(which.constant.value).astype(int), shape)
    forms = [dense(v.degrees or INVARIANT, shape) for v in cases]
    present = [k for k, v in enumerate(cases) if not v.fits]
    out = np.empty(shape, object)
    out[...] = forms[present[0]] if present else forms[0]
    for k in present:
        out[chosen == k] = forms[k][chosen == k]
    return [disjoint_degrees(ZERO, [out])]


def _convert(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    dtype = eqn.params["new_dtype"]
    if np.issubdtype(dtype, np.integer):  # cut towards zero
        reading.need_degree_zero(eqn, inputs)
        return [INVARIANT]
    return [INVARIANT if dtype == np.bool_ else inputs[0].degrees]


# ---- moving entries about


def _fixed_indices(inputs: Sequence[Value]) -> list[Any] | None:
    if all(v.constant is not None for v in inputs):
        return [widened(v.constant.value) for v in inputs if v.constant is not None]
    return None


def _move(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    """Entries taken from one array, at places that do not depend on the parameters."""
    v, *indices = inputs
    reading.need_degree_zero(eqn, indices)
    if v.degrees is None or not v.degrees.parts:
        return [v.degrees] * len(eqn.outvars)
    fixed = _fixed_indices(indices)
    shape = eqn.invars[0].aval.shape
    if fixed is None:  # which entry is taken is not known
        return [reading.uniform(v, range(len(shape)), eqn)] * len(eqn.outvars)
    results: Result = []
    for k in range(len(eqn.outvars)):
        move = moved(lambda ids, k=k: evaluate(eqn, [ids, *fixed])[k], shape)
        results.append(v.degrees.mapped(move))
    return results


def _broadcast(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    degrees = inputs[0].degrees
    if degrees is None or not degrees.parts:
        return [degrees]
    rank, places = len(eqn.params["shape"]), eqn.params["broadcast_dimensions"]

    def spread(part: np.ndarray) -> np.ndarray:
        shape = [1] * rank
        for axis, place in enumerate(places):
            shape[place] = part.shape[axis]
        return part.reshape(shape)

    return [degrees.mapped(spread)]


def _transpose(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    degrees = inputs[0].degrees
    order = eqn.params["permutation"]
    return [degrees and degrees.mapped(lambda part: np.transpose(part, order))]


def _squeeze(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    degrees = inputs[0].degrees
    return [degrees and degrees.mapped(lambda part: np.squeeze(part, eqn.params["dimensions"]))]


def _reshape(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    degrees = inputs[0].degrees
    if degrees is None or not degrees.parts:
        return [degrees]
    before, after = eqn.invars[0].aval.shape, eqn.outvars[0].aval.shape

    def reshape(part: np.ndarray) -> np.ndarray:
        shape = list(part.shape)
        axes = [axis for axis, size in enumerate(shape) if size > 1]
        target = [1] * len(after)
        for axis in axes:
            lead = int(np.prod(before[:axis], dtype=int))
            for place, size in enumerate(after):
                if size == before[axis] and int(np.prod(after[:place], dtype=int)) == lead:
                    target[place] = size
                    break
            else:  # an axis that it depends on is split or merged
                return np.broadcast_to(part, before).reshape(after)
        return part.reshape(target)

    return [degrees.mapped(reshape)]


def _concatenate(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    lengths = [atom.aval.shape[eqn.params["dimension"]] for atom in eqn.invars]
    return [_one_after_another(reading, eqn, inputs, eqn.params["dimension"], lengths)]


def _stack(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    axis = eqn.params["axis"]
    new_axis = lambda part: np.expand_dims(part, axis)
    rows = [Value(v.degrees and v.degrees.mapped(new_axis), v.constant) for v in inputs]
    return [_one_after_another(reading, eqn, rows, axis, [1] * len(rows))]


def _one_after_another(
    reading: Any, eqn: Any, inputs: Sequence[Value], axis: int, lengths: Sequence[int]
) -> Degrees | None:
    """Arrays joined along an axis, each with degrees of its own; zeros take their neighbour's."""
    if reading.agrees(inputs) and all(v.degrees is None or not v.degrees.parts for v in inputs):
        return reading.joined(inputs, eqn)
    rank = len(eqn.outvars[0].aval.shape)
    pieces: list[np.ndarray | None] = []
    for v, length in zip(inputs, lengths, strict=True):
        if v.degrees is None or v.fits:
            pieces.append(None)
            continue
        shape = common_shape(rank, v.degrees.parts)
        shape[axis] = length
        pieces.append(dense(v.degrees, shape))
    present = [p for p in pieces if p is not None]
    if not present:
        return None
    widths = common_shape(rank, present)
    filled: list[np.ndarray] = []
    for piece, length in zip(pieces, lengths, strict=True):
        neighbour = filled[-1].take([-1], axis) if filled else present[0].take([0], axis)
        widths[axis] = length
        filled.append(np.broadcast_to(neighbour if piece is None else piece, widths))
    return disjoint_degrees(ZERO, [np.concatenate(filled, axis)])


def _pad(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    v, fill = inputs
    if v.degrees is None or not v.degrees.parts:
        return [reading.joined(inputs, eqn, "`pad` of {} with {}")]
    if not fill.fits:
        reading.joined(
            [Value(reading.uniform(v, range(len(eqn.invars[0].aval.shape)), eqn)), fill], eqn
        )
    config = eqn.params["padding_config"]

    def pad(part: np.ndarray) -> np.ndarray:
        for axis, (low, high, interior) in enumerate(config):
            size = part.shape[axis]
            if size == 1:
                continue
            # The filling fits any degree, so that of the entry before it.
            places = np.repeat(np.arange(size), interior + 1)[: (size - 1) * (interior + 1) + 1]
            places = np.pad(places, (max(low, 0), max(high, 0)), mode="edge")
            places = places[max(-low, 0) : len(places) - max(-high, 0)]
            part = part.take(places, axis)
        return part

    return [v.degrees.mapped(pad)]


def _update(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    """Entries of one array put, or added, into another: all of one degree."""
    place = 2 if eqn.primitive.name.startswith("scatter") else 1
    reading.need_degree_zero(eqn, [v for k, v in enumerate(inputs) if k not in (0, place)])
    both = [
        Value(reading.uniform(v, range(len(atom.aval.shape)), eqn), v.constant)
        for v, atom in ((inputs[0], eqn.invars[0]), (inputs[place], eqn.invars[place]))
    ]
    return [reading.joined(both, eqn)]


# ---- along axes


def _axes_of(eqn: Any) -> tuple[int, ...]:
    p = eqn.params
    for name in ("axes", "axis", "dimension"):
        if name in p:
            found = p[name]
            return tuple(found) if isinstance(found, Sequence) else (found,)
    return tuple(range(len(eqn.invars[0].aval.shape)))


def _reduce(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    axes = _axes_of(eqn)
    degrees = reading.uniform(inputs[0], axes, eqn)
    return [degrees and degrees.mapped(lambda part: np.squeeze(part, axes))]


def _index(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    reading.uniform(inputs[0], _axes_of(eqn), eqn)
    return [INVARIANT]


def _running(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    return [reading.uniform(inputs[0], _axes_of(eqn), eqn)]


def _sort(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    """The order does not change with the scale; what is carried along keeps its own degree."""
    return [reading.uniform(v, _axes_of(eqn), eqn) for v in inputs]


def _top_k(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    last = len(eqn.invars[0].aval.shape) - 1
    return [reading.uniform(inputs[0], [eqn.params.get("axis", last) % (last + 1)], eqn), INVARIANT]


def _reduce_product(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    degrees, shape, axes = inputs[0].degrees, eqn.invars[0].aval.shape, _axes_of(eqn)
    if degrees is None:
        return [None if all(shape[axis] for axis in axes) else INVARIANT]
    count = int(np.prod([shape[axis] for axis in axes], dtype=int))
    total = Degrees(degrees.base * count)
    for part in degrees.parts:
        summed = sum_along(part, axes)
        repeats = count // int(np.prod([part.shape[axis] for axis in axes], dtype=int))
        times = np.frompyfunc(lambda form, r=repeats: form * r, 1, 1)
        total = total + disjoint_degrees(ZERO, [np.asarray(times(summed), object)])
    return [total]


def sum_along(part: np.ndarray, axes: Sequence[int]) -> np.ndarray:
    """Forms added up along axes, which go."""
    kept = [axis for axis in range(part.ndim) if axis not in axes]
    rows = np.transpose(part, [*axes, *kept]).reshape(-1, *(part.shape[axis] for axis in kept))
    total = rows[0]
    for row in rows[1:]:
        total = np.frompyfunc(lambda a, b: a + b, 2, 1)(total, row)
    out = np.empty(rows.shape[1:], object)
    out[...] = total
    return out


def _cumulative_product(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    degrees, shape = inputs[0].degrees, eqn.invars[0].aval.shape
    if degrees is None:
        return [None]
    (axis,) = _axes_of(eqn)
    counts = range(1, shape[axis] + 1)
    order = -1 if eqn.params.get("reverse") else 1
    total = disjoint_degrees(
        ZERO, [along([degrees.base * k for k in counts][::order], axis, len(shape))]
    )
    for part in degrees.parts:
        if part.shape[axis] == 1:
            times = np.frompyfunc(lambda form, k: form * k, 2, 1)
            steps = along([*counts][::order], axis, len(shape))  # pyright: ignore[reportArgumentType]
            grown = times(part, steps)
        else:
            rows = np.flip(part, axis) if order < 0 else part
            grown = np.add.accumulate(rows, axis, dtype=object)
            grown = np.flip(grown, axis) if order < 0 else grown
        total = total + disjoint_degrees(ZERO, [grown])
    return [total]


def _window(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    """Sums or maxima over windows: one degree in each window."""
    v, sizes = inputs[0], eqn.params["window_dimensions"]
    if v.degrees is None or not v.degrees.parts:
        return [v.degrees]
    shape = eqn.outvars[0].aval.shape
    strides, padding = eqn.params["window_strides"], eqn.params["padding"]
    spread = eqn.params.get("base_dilation", (1,) * len(sizes))
    degrees = v.degrees
    for axis, size in enumerate(sizes):
        if size == 1 and strides[axis] == 1 and padding[axis] == (0, 0) and spread[axis] == 1:
            continue
        if spread[axis] != 1 or eqn.params.get("window_dilation", (1,) * len(sizes))[axis] != 1:
            degrees = reading.uniform(Value(degrees), [axis], eqn)
            continue
        starts = np.arange(shape[axis]) * strides[axis] - padding[axis][0]
        last = eqn.invars[0].aval.shape[axis] - 1
        first, *others = (np.clip(starts + k, 0, last) for k in range(size))
        take = lambda places, axis=axis: (
            lambda part: part if part.shape[axis] == 1 else part.take(places, axis)
        )
        window = degrees.mapped(take(first))
        # Beyond the edge lies the neutral element, which fits; the nearest entry stands for it.
        values = [Value(window), *(Value(degrees.mapped(take(places))) for places in others)]
        degrees = reading.joined(values, eqn, f"`{eqn.primitive.name}` over {{}} and {{}}")
    return [degrees]


def _window_gradient(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    """What flows back through a window's maximum: added up where the largest entries were."""
    source, operand = inputs[:2]
    rank = range(len(eqn.invars[0].aval.shape))
    reading.uniform(operand, rank, eqn)
    return [reading.uniform(source, rank, eqn)]


def _all(names: str, rule: Rule) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


RULES: dict[str, Rule] = {
    **_all("neg abs real imag conj reduce_precision", _keep),
    **_all("add add_any max min clamp rem complex", _join),
    "sub": _difference,
    **_all("gt ge lt le lt_to le_to eq ne atan2", _compare),
    **_all("sign is_finite", _sign),
    "mul": _product(1),
    "div": _product(-1),
    "square": _power(lambda p: 2),
    "integer_pow": _power(lambda p: p["y"]),
    "sqrt": _power(lambda p: Fraction(1, 2)),
    "rsqrt": _power(lambda p: Fraction(-1, 2)),
    "cbrt": _power(lambda p: Fraction(1, 3)),
    "pow": _pow,
    "log": logarithm,
    "select_n": _select,
    "convert_element_type": _convert,
    **_all("slice rev gather dynamic_slice split unstack tile expand_dims", _move),
    "broadcast_in_dim": _broadcast,
    "transpose": _transpose,
    "squeeze": _squeeze,
    "reshape": _reshape,
    "concatenate": _concatenate,
    "stack": _stack,
    "pad": _pad,
    **_all("dynamic_update_slice scatter scatter-add scatter_add scatter-sub scatter_sub", _update),
    **_all("scatter-min scatter_min scatter-max scatter_max", _update),
    **_all("reduce_sum reduce_max reduce_min", _reduce),
    **_all("argmax argmin", _index),
    **_all("cumsum cummax cummin", _running),
    "sort": _sort,
    "top_k": _top_k,
    "reduce_prod": _reduce_product,
    "cumprod": _cumulative_product,
    **_all("reduce_window_sum reduce_window_max reduce_window_min", _window),
    "select_and_scatter_add": _window_gradient,
    **PRODUCTS,
    **LINEAR_ALGEBRA,
    **CONTROL,
}
