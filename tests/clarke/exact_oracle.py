"""Small piecewise-linear programs, and their Clarke differential in exact rational arithmetic.

Independent of the library: an expression is evaluated on the germ of a direction, each value being
a rational number and a rational gradient; a tie splits the directions by a linear form, and whether
a cell is empty is decided by Fourier–Motzkin elimination with fractions.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np

Form = tuple[Fraction, ...]


def feasible(forms: list[Form]) -> bool:
    """Whether some direction d has ⟨form, d⟩ > 0 for every form."""
    if not forms:
        return True
    d = len(forms[0])
    rows = {_scaled(f) for f in forms}
    for axis in range(d):
        if any(not any(r) for r in rows):
            return False
        zero = {r for r in rows if r[axis] == 0}
        plus = [r for r in rows if r[axis] > 0]
        minus = [r for r in rows if r[axis] < 0]
        for p in plus:
            for m in minus:
                joint = tuple(a * -m[axis] + b * p[axis] for a, b in zip(p, m, strict=True))
                zero.add(_scaled(joint))
        rows = zero
    return all(any(r) for r in rows)


def _scaled(form: Form) -> Form:
    size = max((abs(a) for a in form), default=Fraction(0))
    return form if size == 0 else tuple(a / size for a in form)


@dataclass(frozen=True)
class Germ:
    """A value at the point, and the gradient on a cell of directions."""

    value: Fraction
    slope: Form

    def __add__(self, other: Germ) -> Germ:
        return Germ(
            self.value + other.value,
            tuple(a + b for a, b in zip(self.slope, other.slope, strict=True)),
        )

    def scale(self, factor: Fraction) -> Germ:
        return Germ(self.value * factor, tuple(a * factor for a in self.slope))

    def minus(self, other: Germ) -> Germ:
        return self + other.scale(Fraction(-1))


class Cells:
    """The current branch: linear forms that are positive on it."""

    def __init__(self, forms: tuple[Form, ...] = ()):
        self.forms = forms

    def positive(self, gap: Germ) -> list[tuple[bool | None, Cells]]:
        """Branches on which the gap is positive (True), negative (False), identically 0 (None)."""
        if gap.value != 0:
            return [(gap.value > 0, self)]
        if not any(gap.slope):
            return [(None, self)]
        found: list[tuple[bool | None, Cells]] = []
        for side in (True, False):
            form = gap.slope if side else tuple(-a for a in gap.slope)
            forms = (*self.forms, form)
            if feasible(list(forms)):
                found.append((side, Cells(forms)))
        return found


# An expression is a nested tuple (operation, arguments…); constants are looked up by number.
Expr = tuple


def run_jax(e: Expr, x: jax.Array, constants: np.ndarray) -> jax.Array:
    """The expression as a JAX program."""
    op, *args = e
    if op == "x":
        return x[args[0]]
    if op == "c":
        return jnp.asarray(constants[args[0]], x.dtype)
    if op == "scale":
        return constants[args[0]].astype(x.dtype) * run_jax(args[1], x, constants)
    values = [run_jax(a, x, constants) for a in args]
    return JAX_OPERATIONS[op](*values)


def _sorted_at(place):
    return lambda *v: jnp.sort(jnp.stack(v))[place if place >= 0 else len(v) + place]


JAX_OPERATIONS = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "abs": jnp.abs,
    "relu": jax.nn.relu,
    "where_relu": lambda a: jnp.where(a > 0, a, 0.0),
    "mask": lambda a: a * (a >= 0),
    "half_abs": lambda a: 0.5 * (a + jnp.abs(a)),
    "sign_abs": lambda a: a * jnp.sign(a),
    "leaky": lambda a: jnp.where(a < 0, 0.5 * a, a),
    "cond_leaky": lambda a: jax.lax.cond(a < 0, lambda t: 0.5 * t, lambda t: t, a),
    "max": jnp.maximum,
    "min": jnp.minimum,
    "where_max": lambda a, b: jnp.where(a > b, a, b),
    "clip": lambda a: jnp.clip(a, -1.0, 1.0),
    "reduce_max": lambda *v: jnp.max(jnp.stack(v)),
    "reduce_min": lambda *v: jnp.min(jnp.stack(v)),
    "median": _sorted_at(1),
    "top2": lambda *v: jax.lax.top_k(jnp.stack(v), 2)[0].sum(),
    "cummax": lambda *v: jax.lax.cummax(jnp.stack(v)).sum(),
    "argmax": lambda *v: jnp.stack(v)[jnp.argmax(jnp.stack(v))],
    "argsort": lambda *v: jnp.stack(v)[jnp.argsort(jnp.stack(v))][0],
    "triangle": lambda a: jnp.abs(a - jnp.round(a)),
    "pool": lambda *v: jax.lax.reduce_window(
        jnp.stack(v), -jnp.inf, jax.lax.max, (2,), (1,), "VALID"
    ).sum(),
    "scan": lambda *v: jax.lax.scan(
        lambda c, a: (jax.nn.relu(c - a), None), jnp.zeros((), v[0].dtype), jnp.stack(v)
    )[0],
}


def germs(e: Expr, x: list[Fraction], constants: list[Fraction], cells: Cells) -> list:
    """[(germ, branch)]: the expression on every cell of directions that is not empty."""
    op, *args = e
    d = len(x)
    zero = (Fraction(0),) * d
    if op == "x":
        slope = tuple(Fraction(int(i == args[0])) for i in range(d))
        return [(Germ(x[args[0]], slope), cells)]
    if op == "c":
        return [(Germ(constants[args[0]], zero), cells)]
    if op == "scale":
        inner = germs(args[1], x, constants, cells)
        return [(g.scale(constants[args[0]]), c) for g, c in inner]
    branches: list = [((), cells)]
    for a in args:
        branches = [
            ((*values, g), c2) for values, c in branches for g, c2 in germs(a, x, constants, c)
        ]
    return [pair for values, c in branches for pair in _apply(op, values, c, zero)]


def _choose(gap, if_positive, if_negative, cells):
    """Follow the sign of the gap; if it vanishes identically both sides are the same."""
    return [
        pair
        for side, c in cells.positive(gap)
        for pair in (if_positive(c) if side is not False else if_negative(c))
    ]


def _larger(a, b, cells):
    return _choose(a.minus(b), lambda c: [(a, c)], lambda c: [(b, c)], cells)


def _negated(pairs):
    return [(g.scale(Fraction(-1)), c) for g, c in pairs]


def _smaller(a, b, cells):
    return _negated(_larger(a.scale(Fraction(-1)), b.scale(Fraction(-1)), cells))


def _sort(values, cells):
    """[(sorted tuple, branch)], by insertion."""
    branches = [((), cells)]
    for v in values:
        following = []
        for done, c in branches:
            following += _insert(done, v, c)
        branches = following
    return branches


def _insert(done, v, cells):
    if not done:
        return [((v,), cells)]
    *rest, last = done
    return _choose(
        v.minus(last),
        lambda c: [((*done, v), c)],
        lambda c: [((*front, last), c2) for front, c2 in _insert(tuple(rest), v, c)],
        cells,
    )


def _apply(op, v, cells, zero):
    nothing = Germ(Fraction(0), zero)
    one, half = Germ(Fraction(1), zero), Fraction(1, 2)
    if op == "add":
        return [(v[0] + v[1], cells)]
    if op == "sub":
        return [(v[0].minus(v[1]), cells)]
    if op in ("abs", "sign_abs"):
        return _larger(v[0], v[0].scale(Fraction(-1)), cells)
    if op in ("relu", "where_relu", "mask", "half_abs"):
        return _larger(v[0], nothing, cells)
    if op in ("leaky", "cond_leaky"):
        return _larger(v[0], v[0].scale(half), cells)
    if op in ("max", "where_max"):
        return _larger(v[0], v[1], cells)
    if op == "min":
        return _smaller(v[0], v[1], cells)
    if op == "clip":
        return [
            pair
            for g, c in _smaller(v[0], one, cells)
            for pair in _larger(g, one.scale(Fraction(-1)), c)
        ]
    if op in ("reduce_max", "argmax"):
        return [(s[-1], c) for s, c in _sort(v, cells)]
    if op in ("reduce_min", "argsort"):
        return [(s[0], c) for s, c in _sort(v, cells)]
    if op == "median":
        return [(s[1], c) for s, c in _sort(v, cells)]
    if op == "top2":
        return [(s[-1] + s[-2], c) for s, c in _sort(v, cells)]
    if op == "triangle":
        whole = v[0].value.numerator // v[0].value.denominator
        below = v[0].minus(Germ(Fraction(whole), zero))
        above = Germ(Fraction(whole + 1), zero).minus(v[0])
        return [
            (best, c)
            for g, c in _larger(below, below.scale(Fraction(-1)), cells)
            for best, c in _smaller(g, above, c)
        ]
    if op == "cummax":
        branches = [(v[0], v[0], cells)]
        for item in v[1:]:
            branches = [
                (best, total + best, c2)
                for running, total, c in branches
                for best, c2 in _larger(running, item, c)
            ]
        return [(total, c) for _, total, c in branches]
    if op == "pool":
        branches = [(nothing, cells)]
        for a, b in itertools.pairwise(v):
            branches = [
                (total + best, c2) for total, c in branches for best, c2 in _larger(a, b, c)
            ]
        return branches
    if op == "scan":
        branches = [(nothing, cells)]
        for item in v:
            branches = [
                pair for carry, c in branches for pair in _larger(carry.minus(item), nothing, c)
            ]
        return branches
    raise ValueError(op)


def gradients(e: Expr, x: np.ndarray, constants: np.ndarray) -> np.ndarray:
    """The gradients of all essentially active pieces, exact, as floats (k, d)."""
    exact_x = [Fraction(float(v)) for v in x]
    exact_c = [Fraction(float(v)) for v in constants]
    found = {g.slope for g, _ in germs(e, exact_x, exact_c, Cells())}
    return np.array([[float(a) for a in slope] for slope in sorted(found)])


def random_expression(rng: np.random.Generator, d: int, ties: int) -> tuple[Expr, int]:
    """A random expression with about `ties` choices: (expression, number of constants)."""
    count = 0

    def constant() -> int:
        nonlocal count
        count += 1
        return count - 1

    def linear() -> Expr:
        e: Expr = ("x", int(rng.integers(d)))
        for _ in range(int(rng.integers(0, 3))):
            term = ("scale", constant(), ("x", int(rng.integers(d))))
            e = (str(rng.choice(["add", "sub"])), e, term)
        if rng.uniform() < 0.3:
            e = ("add", e, ("c", constant()))
        return e

    def choosing(budget: int) -> Expr:
        if budget <= 0:
            return linear()
        op = str(rng.choice(_NAMES))
        arity = _ARITY.get(op, 1)
        shares = rng.multinomial(budget - 1, np.ones(arity) / arity)
        e: Expr = (op, *[choosing(int(s)) for s in shares])
        if rng.uniform() < 0.4:
            e = ("scale", constant(), e)
        if rng.uniform() < 0.4:
            e = (str(rng.choice(["add", "sub"])), e, linear())
        return e

    parts = int(rng.integers(1, 3))
    shares = rng.multinomial(ties, np.ones(parts) / parts)
    e = choosing(int(shares[0]))
    for share in shares[1:]:
        e = (str(rng.choice(["add", "sub"])), e, choosing(int(share)))
    return e, count


_ARITY = {
    "max": 2, "min": 2, "where_max": 2, "reduce_max": 3, "reduce_min": 3, "median": 3, "top2": 3,
    "cummax": 3, "argmax": 3, "argsort": 2, "pool": 3, "scan": 3,
}  # fmt: skip
_NAMES = [n for n in JAX_OPERATIONS if n not in ("add", "sub")]
