"""Is this program a quadratic? Read off the jaxpr, by degrees of polynomials.

Every variable of the program carries the degree, at most two, of the polynomial in x that it is;
a primitive either has a rule that says how degrees combine or its result is not known to be a
polynomial. So "quadratic" is proved by rules and never guessed; then the Hessian is one constant
matrix, differentiation computes it at any point up to rounding, and its eigenvalues are the
curvature of f everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core as jex_core
from jax.flatten_util import ravel_pytree
from jaxtyping import Float

from steepest.pieces import Program, called_jaxpr, scan_counts, user_line

LARGEST_DENSE = 2048
"""Up to this dimension the Hessian is written out and its eigenvalues computed directly."""

_SUM_LIKE = frozenset(
    """
    add sub add_any neg reduce_sum cumsum reduce_window_sum concatenate reshape transpose
    broadcast_in_dim squeeze expand_dims slice rev copy copy_p stop_gradient pad
    optimization_barrier split
    """.split()  # noqa: SIM905 - a table of names reads better as one
)
# Linear in every operand but those at the places named, which must not depend on x.
_LINEAR_BUT: dict[str, slice] = {
    "select_n": slice(0, 1),
    "gather": slice(1, 2),
    "scatter": slice(1, 2),
    "scatter-add": slice(1, 2),
    "scatter-sub": slice(1, 2),
    "dynamic_slice": slice(1, None),
    "dynamic_update_slice": slice(2, None),
    "div": slice(1, 2),
    "triangular_solve": slice(0, 1),
}
_PRODUCTS = frozenset(["mul", "dot_general", "conv_general_dilated"])
_HIGHEST = 2


@dataclass(frozen=True)
class Recognition:
    """Whether a program is a polynomial of degree at most two, and if not, what stopped it.

    Attributes:
        degree: 0, 1 or 2 where that is proved (the true degree may be lower), else None.
        reason: the primitive and the user's line that stopped the proof; empty when proved.
    """

    degree: int | None
    reason: str = ""


class _Degrees:
    """Degrees of a program's variables. None: not known to be a polynomial of degree ≤ 2."""

    def __init__(self) -> None:
        self.reason = ""
        self.callers: list[jex_core.JaxprEqn] = []

    def give_up(self, eqn: jex_core.JaxprEqn) -> None:
        if not self.reason:
            self.reason = f"`{eqn.primitive.name}` at {user_line(eqn, *reversed(self.callers))}"

    def run(self, jaxpr: jex_core.Jaxpr, degrees: Sequence[int | None]) -> list[int | None]:
        env: dict[Any, int | None] = dict.fromkeys(jaxpr.constvars, 0)
        env.update(zip(jaxpr.invars, degrees, strict=True))

        def read(atom: Any) -> int | None:
            return 0 if isinstance(atom, jex_core.Literal) else env[atom]

        for eqn in jaxpr.eqns:
            ins = [read(atom) for atom in eqn.invars]
            outs = self.equation(eqn, ins)
            known = None not in ins
            outs = [d if d is None or d <= _HIGHEST else None for d in outs]
            if known and None in outs:
                self.give_up(eqn)
            env.update(zip(eqn.outvars, outs, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def equation(self, eqn: jex_core.JaxprEqn, ins: list[int | None]) -> list[int | None]:
        name, count = eqn.primitive.name, len(eqn.outvars)
        inner = called_jaxpr(eqn)
        if inner is not None:
            self.callers.append(eqn)
            outs = self.run(inner.jaxpr, ins)
            self.callers.pop()
            return outs
        if all(d == 0 for d in ins):
            return [0] * count
        if name in _CONTROL:
            return _CONTROL[name](self, eqn, ins)
        if name in _LINEAR_BUT:
            return [_linear_but(ins, _LINEAR_BUT[name])] * count
        if None in ins:
            return [None] * count
        degrees = [d for d in ins if d is not None]
        if name in _SUM_LIKE or (name == "convert_element_type" and _keeps_reals(eqn)):
            return [max(degrees)] * count
        if name in _PRODUCTS:
            return [sum(degrees)]
        if name == "square":
            return [2 * degrees[0]]
        if name == "integer_pow" and eqn.params["y"] >= 0:
            return [eqn.params["y"] * degrees[0]]
        if name == "pow":
            return [_power(eqn.invars[1], degrees)]
        return [None] * count


def _linear_but(ins: list[int | None], fixed: slice) -> int | None:
    if any(d != 0 for d in ins[fixed]):
        return None
    moving = [d for i, d in enumerate(ins) if i not in range(*fixed.indices(len(ins)))]
    return None if None in moving else max(d for d in moving if d is not None)


def _keeps_reals(eqn: jex_core.JaxprEqn) -> bool:
    return bool(jnp.issubdtype(eqn.params["new_dtype"], np.floating))


def _power(exponent: Any, degrees: list[int]) -> int | None:
    """x**p for a literal p in {0, 1, 2}: a polynomial wherever it is defined."""
    if not isinstance(exponent, jex_core.Literal) or float(exponent.val) not in (0.0, 1.0, 2.0):
        return None
    return int(float(exponent.val)) * degrees[0]


def _join(a: Sequence[int | None], b: Sequence[int | None]) -> list[int | None]:
    return [None if x is None or y is None else max(x, y) for x, y in zip(a, b, strict=True)]


def _fixed_point(step: Any, carry: list[int | None]) -> list[int | None]:
    """The least degrees that one more turn of a loop does not raise."""
    while True:
        after = _join(carry, step(carry))
        if after == carry:
            return carry
        carry = after


def _scan(self: _Degrees, eqn: jex_core.JaxprEqn, ins: list[int | None]) -> list[int | None]:
    n_consts, n_carry = scan_counts(eqn.params)
    body = eqn.params["jaxpr"].jaxpr
    consts, xs = ins[:n_consts], ins[n_consts + n_carry :]
    turn = lambda carry: self.run(body, [*consts, *carry, *xs])
    carry = _fixed_point(lambda carry: turn(carry)[:n_carry], ins[n_consts : n_consts + n_carry])
    return [*carry, *turn(carry)[n_carry:]]


def _while(self: _Degrees, eqn: jex_core.JaxprEqn, ins: list[int | None]) -> list[int | None]:
    p = eqn.params
    first, last = p["cond_nconsts"], p["cond_nconsts"] + p["body_nconsts"]
    body = lambda carry: self.run(p["body_jaxpr"].jaxpr, [*ins[first:last], *carry])
    carry = _fixed_point(body, ins[last:])
    (stop,) = self.run(p["cond_jaxpr"].jaxpr, [*ins[:first], *carry])
    return carry if stop == 0 else [None] * len(carry)


def _cond(self: _Degrees, eqn: jex_core.JaxprEqn, ins: list[int | None]) -> list[int | None]:
    index, *operands = ins
    outs = [self.run(branch.jaxpr, operands) for branch in eqn.params["branches"]]
    if index != 0:
        return [None] * len(eqn.outvars)
    joined = outs[0]
    for out in outs[1:]:
        joined = _join(joined, out)
    return joined


def _linear_solve(
    self: _Degrees, eqn: jex_core.JaxprEqn, ins: list[int | None]
) -> list[int | None]:
    """Linear in the right side while the matrix, whatever it is, does not depend on x."""
    matrix = slice(0, sum(eqn.params["const_lengths"]))
    return [_linear_but(ins, matrix)] * len(eqn.outvars)


_CONTROL = {"scan": _scan, "while": _while, "cond": _cond, "custom_linear_solve": _linear_solve}


def recognise(program: Program) -> Recognition:
    """Whether f is a polynomial of degree at most two, by rules alone.

    Example:
        >>> import jax.numpy as jnp
        >>> from steepest.pieces import trace
        >>> recognise(trace(lambda x: jnp.sum((2.0 * x - 1.0) ** 2), jnp.ones(3))).degree
        2
        >>> recognise(trace(lambda x: jnp.sum(jnp.exp(x)), jnp.ones(3))).degree is None
        True
    """
    degrees = _Degrees()
    jaxpr = program.closed.jaxpr
    (degree,) = degrees.run(jaxpr, [1] * len(jaxpr.invars))
    return Recognition(degree, "" if degree is not None else degrees.reason)


@dataclass(frozen=True)
class Quadratic:
    """f(x) = ½ xᵀA x + bᵀx + c, proved from the program.

    Attributes:
        hessian: A, symmetric, (d, d), over the variables flattened leaf by leaf.
        eigenvalues: of A, ascending, (d,), to rounding: an error of `rounding`.
        eigenvectors: their columns, (d, d).
        slope: b = ∇f(0), (d,).
        noise: how far the computed A may be off, as seen by computing them in other scalings
            of the variables: terms that cancel in the program leave their rounding there.
    """

    hessian: Float[np.ndarray, "d d"]
    eigenvalues: Float[np.ndarray, " d"]
    eigenvectors: Float[np.ndarray, "d d"]
    slope: Float[np.ndarray, " d"]
    noise: float

    @property
    def rounding(self) -> float:
        """How far a computed eigenvalue may be from a true one (Weyl's inequality)."""
        d = len(self.eigenvalues)
        return 4 * d * float(np.finfo(float).eps) * self.norm + self.noise

    @property
    def norm(self) -> float:
        """‖A‖₂, the smoothness constant of f (from above, where the entries of A are noisy)."""
        return float(np.max(np.abs(self.eigenvalues))) + self.noise

    @property
    def least(self) -> float:
        """λ_min(A), from below; 0 where it is within rounding of it, its sign then not known."""
        value = float(self.eigenvalues[0])
        return 0.0 if abs(value) <= self.rounding else value - self.noise

    @property
    def largest(self) -> float:
        """λ_max(A), from above."""
        return float(self.eigenvalues[-1]) + self.noise

    def minimizer(self) -> Float[np.ndarray, " d"] | None:
        """The least-norm minimiser; None where f is not bounded below, as far as can be seen.

        Where an eigenvalue is 0 to rounding that f is bounded below is not proved by this.
        """
        if self.least < 0:
            return None
        kept = np.abs(self.eigenvalues) > self.rounding
        V = self.eigenvectors[:, kept]
        x = -V @ ((V.T @ self.slope) / self.eigenvalues[kept])
        for _ in range(3):  # iterative refinement: the last digits, and zero where it is zero
            x = x - V @ ((V.T @ (self.hessian @ x + self.slope)) / self.eigenvalues[kept])
        residual = np.linalg.norm(self.hessian @ x + self.slope)
        scale = np.linalg.norm(self.slope) + self.norm * np.linalg.norm(x)
        allowed = 16 * len(x) * float(np.finfo(float).eps) * scale
        return x if residual <= allowed + self.noise * np.linalg.norm(x) else None


_SCALINGS = 3


def as_quadratic(program: Program) -> Quadratic | None:
    """The quadratic that the program is, or None: not recognised, or too large to write out."""
    if program.point.dimension > LARGEST_DENSE or recognise(program).degree is None:
        return None
    derivatives = program.in_double(_slope_and_hessian)
    origin = [np.zeros_like(leaf) for leaf in program.start]
    b, A = derivatives(origin, np.ones(program.point.dimension))
    A = (A + A.T) / 2
    if not (np.all(np.isfinite(A)) and np.all(np.isfinite(b))):
        return None
    rng = np.random.default_rng(0)
    noise = 0.0
    for _ in range(_SCALINGS):
        scaling = rng.uniform(1.0, 2.0, len(b))
        _, B = derivatives(origin, scaling)
        off = (B + B.T) / (2 * np.outer(scaling, scaling)) - A
        # The spread of a few samples of a random error, with room for the one not drawn.
        noise = max(noise, 8 * _size(off))
    plain = 4 * len(b) * float(np.finfo(float).eps) * _size(A)
    eigenvalues, eigenvectors = np.linalg.eigh(A)
    return Quadratic(A, eigenvalues, eigenvectors, b, noise if noise > plain else 0.0)


def _size(A: Float[np.ndarray, "d d"]) -> float:
    """The Frobenius norm, scaled so that it does not overflow."""
    largest = float(np.max(np.abs(A), initial=0.0))
    return largest * float(np.linalg.norm(A / largest)) if largest > 0 else 0.0


def _slope_and_hessian(f: Any, origin: list[Any], scaling: Any) -> tuple[Any, Any]:
    """b and A of y ↦ f(scaling ∘ y)."""
    flat, unravel = ravel_pytree(origin)
    gradient = jax.grad(lambda z: f(unravel(scaling * z)))
    row = lambda direction: jax.jvp(gradient, (flat,), (direction,))[1]
    return gradient(flat), jax.lax.map(row, jnp.eye(flat.size), batch_size=64)
