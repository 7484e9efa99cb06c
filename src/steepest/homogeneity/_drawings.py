"""What rounding makes of a program's results: the program run with its roundings drawn at random.

Each number that an equation rounds is multiplied by a factor of its own within a few units of the
last place, and the spread of a few such runs is what rounding does to the results (Vignes 1993, the
CESTAC method; `_rounding` has the same on a hash of the numbers, which takes long to compile). What
falls below the range of float64 is no zero: it is moved, too, and so what a parameter does through
it can be told from what it does not do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core as jex_core

from steepest.homogeneity._rounding import ENTRYWISE, EPS, EXACT, MANY
from steepest.pieces import called_jaxpr
from steepest.pieces._double import IDENTITIES, evaluate_equation
from steepest.pieces._interpret import interpret

_DRAWINGS = 2
# They hand numbers on as they are, or to the programs that they run.
_UNMOVED = EXACT | IDENTITIES | {"scan", "while", "cond", "custom_linear_solve"}
_LOST = 1e-60  # so small a number may be the rest of one that left the range: rounded to 0, or not
# Their results are not 0, unless an argument is.
_POSITIVE = frozenset(["exp", "exp2", "logistic", "erfc"])
_FACTORS = frozenset(["mul", "div", "pow", "integer_pow", "square"])


def with_rounding(function: Callable[..., Any], *args: Any, lost: float = _LOST) -> tuple[Any, Any]:
    """(result, rounding) of a function of arrays that returns one: what moves each number by.

    Call it inside `jax.enable_x64(True)`; it can be jitted and mapped there. What may have left the
    range of float64 is moved by `lost`: by more than is lost, so that it is seen, where that is not
    given as the smallest normal number.
    """
    closed = jax.make_jaxpr(function)(*args)
    flat = jax.tree.leaves(args)

    def drawing(draw: Any) -> Any:
        return _Drawing(_size(closed.jaxpr), draw, lost).run(closed, flat)[0]

    drawn = jax.vmap(drawing)(jnp.arange(1.0 + _DRAWINGS))
    return drawn[0], jnp.max(jnp.abs(drawn[1:] - drawn[0]), 0)


class _Drawing:
    """One drawing of all roundings; the first one, 0, is the program as it is."""

    def __init__(self, size: int, draw: Any, lost: float):
        self._lost = lost
        # The fractional parts of multiples of an irrational number that are far from each other.
        turn = jnp.sin(jnp.arange(size) * 12.9898 + 78.233 * draw) * 43758.5453
        turn = 4 * (turn - jnp.floor(turn)) - 2
        self._strength = jnp.minimum(draw, 1.0)
        self._factors = 1 + self._strength * EPS * (turn + jnp.sign(turn))  # by 1 to 3 units
        self._count = 0

    def run(self, closed: jex_core.ClosedJaxpr, args: list[Any]) -> list[Any]:
        constant = lambda value, dtype: jnp.asarray(value)
        return interpret(closed, args, constant, lambda eqn, v, _: self._equation(eqn, v))

    def _equation(self, eqn: jex_core.JaxprEqn, values: list[Any]) -> list[Any]:
        name = eqn.primitive.name
        if called_jaxpr(eqn) is not None or name in _UNMOVED:
            return evaluate_equation(eqn, values, self.run)
        if name in ENTRYWISE:
            outs = [self._moved(out) for out in evaluate_equation(eqn, values)]
            return [self._within_range(name, out, values) for out in outs]
        if name in MANY:  # each term rounds by its own size
            sizes = {k: v.size for k, v in enumerate(values) if _is_inexact(v)}
            least = min(sizes, key=lambda k: sizes[k], default=None)
            given = [self._moved(v) if k == least else v for k, v in enumerate(values)]
            return evaluate_equation(eqn, given)
        outs = evaluate_equation(eqn, [self._moved(value) for value in values])
        return [self._moved_by_largest(out) for out in outs]

    def _factor(self, shape: tuple[int, ...]) -> Any:
        self._count += 1
        size = int(np.prod(shape))
        return self._factors[self._count : self._count + size].reshape(shape)

    def _moved(self, x: Any) -> Any:
        return x * self._factor(x.shape) if _is_inexact(x) else x

    def _moved_by_largest(self, x: Any) -> Any:
        if not _is_inexact(x) or not x.size:
            return x
        return x + (self._factor(x.shape) - 1) * jnp.max(jnp.abs(x))

    def _within_range(self, name: str, x: Any, values: list[Any]) -> Any:
        """x, moved where it is 0, or nearly, for having left the range of float64."""
        if not jnp.issubdtype(x.dtype, np.floating):
            return x
        if name in _POSITIVE:  # they are 0 at infinity
            lost = (x < self._lost) & jnp.isfinite(values[0])
        elif name in _FACTORS:
            lost = x == 0
            for value in values:
                lost &= value != 0
        else:
            return x
        return jnp.where(lost, x + self._strength * self._lost, x)


def _is_inexact(x: Any) -> bool:
    return bool(jnp.issubdtype(x.dtype, np.inexact))


def _size(jaxpr: Any) -> int:
    """Of a table of factors for this program and those that it runs."""
    largest, count = 1, 1

    def walk(program: Any) -> None:
        nonlocal largest, count
        for eqn in program.eqns:
            count += 1 + len(eqn.invars) + len(eqn.outvars)
            for atom in (*eqn.invars, *eqn.outvars):
                largest = max(largest, int(np.prod(getattr(atom.aval, "shape", ()))))
            for inner in jex_core.jaxprs_in_params(eqn.params):
                walk(inner)

    walk(jaxpr)
    return largest + count
