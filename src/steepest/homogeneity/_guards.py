"""Guards: `where(n > 0, n, 1)` as a divisor, and what holds on each side of a test.

What a `where` makes on its two sides may have two degrees, as long as the sides are never mixed: a
later `where` on the same test picks one of them, and where the test says that n is 0, so is
everything that n is a norm of, and 0 fits any degree. So a number may have *sides*: its value where
a test is true, and where it is false. What is done entry by entry is done on each side.

A test is of an operand, against 0, or for NaN or infinity. Its *places* say which axis of the array
at hand each axis of the operand has become (those of size 1 have none), so that a norm of rows is
not taken for one of columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from steepest.homogeneity._value import Value
from steepest.pieces._concrete import widened

Places = tuple[int | None, ...]
_SHALLOW = 4
_SMALL = 100_000
_DEEP = 16  # steps back from a norm to what it is a norm of


@dataclass(frozen=True)
class Test:
    """`kind` of `operand`: "zero" (== 0), "positive" (> 0), "nan", "finite", "mask" (itself)."""

    __test__ = False  # not one of pytest's

    kind: str
    operand: Value
    places: Places

    def is_same(self, other: Test) -> bool:
        alike = self.kind == other.kind and self.places == other.places
        return alike and self.operand is other.operand


@dataclass(frozen=True)
class Sides:
    """A number by what it is where a test is true, and where it is false."""

    test: Test
    if_true: Value
    if_false: Value
    eqn: Any

    def side(self, truth: bool) -> Value:
        return self.if_true if truth else self.if_false


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Done entry by entry: what is known of the entries on one side of a test may be used.
PER_ENTRY = _names(
    "neg abs add add_any sub mul div max min clamp square integer_pow sqrt rsqrt cbrt pow log exp "
    "select_n convert_element_type sign gt ge lt le eq ne logistic tanh log1p expm1"
)
MOVED = _names("broadcast_in_dim reshape squeeze expand_dims convert_element_type copy")
# Of real numbers they make real numbers; that floats overflow is left aside.
_REAL = MOVED | _names(
    "neg abs add add_any sub mul max min clamp square exp tanh logistic sign sin cos select_n "
    "transpose slice rev concatenate reduce_sum reduce_max reduce_min reduce_prod dot_general "
    "cumsum cummax cummin sort conv_general_dilated dynamic_slice"
)
_TESTS = _names("eq ne gt ge lt le is_finite not")
DESCRIBED = _REAL | _TESTS | _names("sqrt cbrt integer_pow div pow")
# Zero just where their input is; and zero where all inputs are.
_THROUGH = MOVED | _names("neg abs square sqrt cbrt")
_ZERO_OF_ZEROS = _names("neg abs add sub max min square sqrt")
_OF_NONNEGATIVE = MOVED | _names("add mul div min reduce_sum reduce_max reduce_min cumsum pow")
_SIGNED = _OF_NONNEGATIVE | _names("abs square sqrt exp integer_pow max")


def describe(eqn: Any, inputs: list[Value], out: Value) -> None:
    """Write down on a result how it was made, what is known of its sign, and what it tests."""
    name = eqn.primitive.name
    out.origin = (eqn, inputs)
    if name in _REAL or (name == "integer_pow" and eqn.params["y"] >= 0):
        terms = inputs[1:] if name == "select_n" else inputs
        out.real = all(v.real or _is_real(v) for v in terms)
    dtype = eqn.outvars[0].aval.dtype
    if name in _SIGNED and jnp.issubdtype(dtype, np.floating):
        out.nonnegative = _nonnegative(name, eqn, inputs)
    if name == "sqrt":
        out.real = inputs[0].real and inputs[0].nonnegative
    if dtype == np.bool_:
        out.test = _tested(name, eqn, inputs)


def _is_real(v: Value) -> bool:
    number = small_constant(v)
    return number is not None and bool(np.all(np.isfinite(number)))


def small_constant(v: Value) -> np.ndarray | None:
    """A constant that costs nothing to look at."""
    if v.constant is None or not v.constant.at_hand or np.size(v.constant.value) > _SMALL:
        return None
    value = np.asarray(widened(v.constant.value))
    return value if value.dtype.kind in "fiub" else None


def _nonnegative(name: str, eqn: Any, inputs: list[Value]) -> bool:
    def sure(v: Value) -> bool:
        number = small_constant(v)
        return v.nonnegative if number is None else bool(np.all(number >= 0))

    if name in ("abs", "square", "sqrt", "exp") or (
        name == "integer_pow" and eqn.params["y"] % 2 == 0
    ):
        return True
    if name == "mul" and inputs[0] is inputs[1]:
        return True
    if name == "max":
        return any(map(sure, inputs))
    return name in _OF_NONNEGATIVE and all(map(sure, inputs))


# ---- tests


def _tested(name: str, eqn: Any, inputs: list[Value]) -> tuple[Test, bool] | None:
    """(test, what the result says of it): False where the result is its negation."""
    if name == "not" or name in MOVED:
        found = inputs[0].test
        if found is None or name == "not":
            return found and (found[0], not found[1])
        places = followed(found[0].places, eqn)
        return None if places is None else (Test(found[0].kind, found[0].operand, places), found[1])
    if name == "is_finite":
        return Test("finite", inputs[0], identity(eqn.invars[0])), True
    if name not in ("eq", "ne", "gt", "ge", "lt", "le"):
        return None
    a, b = inputs
    if a is b and name in ("eq", "ne"):
        return Test("nan", a, identity(eqn.invars[0])), name == "ne"
    if _is_zero(a):
        a, b, name = b, a, {"gt": "lt", "lt": "gt", "ge": "le", "le": "ge"}.get(name, name)
        place = eqn.invars[1]
    else:
        place = eqn.invars[0]
    if not _is_zero(b):
        return None
    kind = "zero" if name in ("eq", "ne") else "positive" if name in ("gt", "le") else None
    if kind is None:
        return None
    return Test(kind, a, identity(place)), name in ("eq", "gt")


def _is_zero(v: Value) -> bool:
    number = small_constant(v)
    return number is not None and not np.any(number)


def identity(atom: Any) -> Places:
    return tuple(axis if size != 1 else None for axis, size in enumerate(atom.aval.shape))


def followed(places: Places, eqn: Any) -> Places | None:
    """Where the axes go as an array is broadcast, or gets or loses axes of size 1."""
    name, before, after = eqn.primitive.name, eqn.invars[0].aval.shape, eqn.outvars[0].aval.shape
    if name == "broadcast_in_dim":
        target = dict(enumerate(eqn.params["broadcast_dimensions"]))
    else:
        left = [axis for axis, size in enumerate(before) if size != 1]
        right = [axis for axis, size in enumerate(after) if size != 1]
        if [before[axis] for axis in left] != [after[axis] for axis in right]:
            return None
        target = dict(zip(left, right, strict=True))
    return tuple(None if p is None else target.get(p) for p in places)


def outcome(test: Test) -> bool | None:
    """What the test always says, of a real number."""
    if test.kind in ("nan", "finite") and test.operand.real:
        return test.kind == "finite"
    return None


# ---- what is known on a side


def on_side(v: Value, test: Test, truth: bool) -> Value | None:
    """v on one side of a test; None where it has sides by another test."""
    if v.sides is not None:
        return v.sides.side(truth) if v.sides.test.is_same(test) else None
    return Value(None) if fits_on_side(v, test, truth) else v


def fits_on_side(v: Value, test: Test, truth: bool) -> bool:
    """Whether the entries of v on this side are 0, infinite or NaN."""
    operand = test.operand
    if test.kind == ("nan" if truth else "finite"):
        return v is operand and test.places == _own(test.places)
    if test.kind == "zero" and truth:
        pass
    elif not (test.kind == "positive" and not truth and operand.nonnegative and operand.real):
        return False
    zeros = [u for u, places in _zeros(operand, test.places) if places == test.places]
    return _made_of(v, zeros, 0)


def _made_of(v: Value, zeros: list[Value], depth: int) -> bool:
    """Whether v is one of these zeros, or made of them alone, entry by entry."""
    if any(u is v for u in zeros):
        return True
    if v.origin is None or depth == _SHALLOW:
        return False
    eqn, inputs = v.origin
    found = (_made_of(u, zeros, depth + 1) for u in inputs)
    if eqn.primitive.name == "mul":  # with infinity it is NaN, which fits too
        return any(found)
    return eqn.primitive.name in _ZERO_OF_ZEROS and all(found)


def _own(places: Places) -> Places:
    return tuple(None if p is None else axis for axis, p in enumerate(places))


def _zeros(operand: Value, places: Places) -> Iterator[tuple[Value, Places]]:
    """What is 0 where the operand is, and where the operand's axes are in it."""
    todo = [(operand, _own(places), 0)]
    while todo:
        v, at, depth = todo.pop()
        yield v, at
        if v.origin is None or depth == _DEEP:
            continue
        eqn, inputs = v.origin
        name = eqn.primitive.name
        if not jnp.issubdtype(eqn.outvars[0].aval.dtype, np.floating):
            continue  # an integer is 0 before its number is
        if name in _THROUGH or (name == "integer_pow" and eqn.params["y"] > 0):
            back = _before(at, eqn)
            if back is not None:
                todo.append((inputs[0], back, depth + 1))
        elif name in ("mul", "div"):
            a, b = inputs
            factor = small_constant(b)
            if name == "mul" and factor is None:
                factor, a = small_constant(a), b
            same = name == "mul" and inputs[0] is inputs[1]
            if same or (factor is not None and np.all((factor != 0) & np.isfinite(factor))):
                todo.append((a, at, depth + 1))
        elif name in ("add", "max") and all(u.nonnegative for u in inputs):
            todo.extend((u, at, depth + 1) for u in inputs)
        elif name in ("reduce_sum", "reduce_max") and inputs[0].nonnegative:
            rank = len(eqn.invars[0].aval.shape)
            kept = [axis for axis in range(rank) if axis not in eqn.params["axes"]]
            back = tuple(None if p is None else kept[p] for p in at)
            todo.append((inputs[0], back, depth + 1))


def _before(places: Places, eqn: Any) -> Places | None:
    """Where axes of the result are in the input."""
    if eqn.primitive.name not in MOVED or eqn.primitive.name in ("convert_element_type", "copy"):
        return places
    forward = followed(identity(eqn.invars[0]), eqn)
    if forward is None:
        return None
    back = {p: axis for axis, p in enumerate(forward) if p is not None}
    if any(p is not None and p not in back for p in places):
        return None
    return tuple(None if p is None else back[p] for p in places)
