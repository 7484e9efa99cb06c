"""The curvature of a loss at a point, from Hessian-vector products alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.curvature import a_hair_off
from steepest.pieces import is_double_enabled, run_in_double
from steepest.pieces._compile import compiled

_DOUBLE = 1_000_000  # variables up to which products are computed in float64
_PRODUCTS = 60
_STORED = 400_000_000  # numbers kept for reorthogonalisation
_ACCURACY = 1e-2, 1e-3  # of the least and the largest eigenvalue, relative to the largest |λ|


@dataclass(frozen=True)
class Smoothness:
    """The Hessian's extreme eigenvalues, and what they allow a gradient step to be.

    Attributes:
        largest, least: Ritz values of Lanczos: the true extremes are not inside (least, largest).
        largest_error, least_error: an eigenvalue is within this of the Ritz value (the residual).
        products: Hessian-vector products spent.
        gradient_norm: ‖g‖; where choices are tied that of the piece whose curvature it is.
        curvature_along_gradient: gᵀHg / ‖g‖².
    """

    largest: float
    least: float
    largest_error: float
    least_error: float
    products: int
    gradient_norm: float
    curvature_along_gradient: float

    @property
    def stable_step(self) -> float:
        """2/λ_max: above it the local iteration is unstable; ∞ where nothing curves upwards."""
        return 2 / self.largest if self.largest > 0 else float("inf")

    @property
    def descending_step(self) -> float:
        """2‖g‖²/gᵀHg: above it this very step raises the local quadratic."""
        c = self.curvature_along_gradient
        return 2 / c if c > 0 else float("inf")


def smoothness(
    loss: Callable[[list[Any]], Any],
    closed: Any,
    leaves: list[Any],
    tied: bool,
    step: Callable[[str, float], None],
) -> Smoothness:
    """Lanczos at these leaves; `step` is told how far it is, in words and as a share.

    Up to a million variables the loss is run in float64, its custom derivative rules read through,
    and its derivatives, where choices are `tied`, both taken a hair off them: in one piece of f.
    Beyond it is run as the user wrote it, where a hair is less than rounding.

    Raises:
        FloatingPointError: the gradient, or its derivative, is not finite there; or so many
            variables are on a tie.
    """
    d = sum(int(np.size(leaf)) for leaf in leaves)
    double = d <= _DOUBLE
    if tied and not double:
        raise FloatingPointError(f"not known on a kink of more than {_DOUBLE:,} variables")
    if double:
        leaves = [np.asarray(leaf, np.float64) for leaf in leaves]
        f: Callable[[list[Any]], Any] = lambda leaves: run_in_double(closed, leaves)[0]
    else:
        leaves, f = [jnp.asarray(leaf) for leaf in leaves], loss
    shapes = [np.shape(leaf) for leaf in leaves]
    ends = np.cumsum([int(np.size(leaf)) for leaf in leaves])[:-1]
    kind = np.float64 if double else np.result_type(*(leaf.dtype for leaf in leaves))

    def apart(flat: np.ndarray) -> list[Any]:
        parts = np.split(flat, ends)
        return [
            part.reshape(shape).astype(leaf.dtype)
            for part, shape, leaf in zip(parts, shapes, leaves, strict=True)
        ]

    together = lambda parts: np.concatenate([np.asarray(p, kind).reshape(-1) for p in parts])
    beside = apart(a_hair_off(together(leaves))) if tied else leaves
    gradient_of = compiled(jax.grad(f))
    product_of = compiled(lambda leaves, v: jax.jvp(jax.grad(f), (leaves,), (v,))[1])
    with jax.enable_x64(double or is_double_enabled()):
        product = lambda v: _finite(together(product_of(beside, apart(v))), "the second derivative")
        step("the gradient", 0.0)
        g = _finite(together(gradient_of(leaves)), "the gradient")
        if tied:
            hair = together(beside) - together(leaves)
            g = _of_piece(g, together(gradient_of(beside)), product(hair))
        norm = float(np.linalg.norm(g))
        along = 0.0
        if norm > 0:
            along = float(np.vdot(g / norm, product(g / norm)))
        room = min(_PRODUCTS, d, max(8, _STORED // max(d, 1)))
        found = lanczos(product, d, room, kind, step)
    return Smoothness(*found, norm, along)


def _of_piece(g: np.ndarray, beside: np.ndarray, change: np.ndarray) -> np.ndarray:
    """The gradient, at the tie, of the piece that is met beside it, where it is `beside`.

    Automatic differentiation may have taken another piece's, or a mean; where its g is off by no
    more than the hair between the two points makes, it is that one, and free of the hair.
    """
    there = _finite(beside, "the gradient") - change
    size = float(np.linalg.norm(g) + np.linalg.norm(there))
    close = np.linalg.norm(g - there) <= 1e-3 * np.linalg.norm(change) + 1e-9 * size
    return g if close else there


def _finite(numbers: np.ndarray, what: str) -> np.ndarray:
    if not np.all(np.isfinite(numbers)):
        raise FloatingPointError(f"{what} is not finite here")
    return numbers


def lanczos(
    product: Callable[[np.ndarray], np.ndarray],
    d: int,
    room: int,
    kind: Any,
    step: Callable[[str, float], None],
) -> tuple[float, float, float, float, int]:
    """(largest, least, their residuals, products): both ends from one Krylov space.

    Lanczos with full reorthogonalisation (Golub, Van Loan 2013, Section 10.3), until the
    residuals are small beside the largest |λ| or the room is used.
    """
    v = np.random.default_rng(0).standard_normal(d).astype(kind)
    basis = np.empty((room, d), kind)
    basis[0] = v / np.linalg.norm(v)
    diagonal, beside = np.zeros(room), np.zeros(room)
    k = 0
    while True:
        w = product(basis[k])
        diagonal[k] = float(np.vdot(basis[k], w))
        for _ in range(2):  # once leaves what rounding put back
            w = w - basis[: k + 1].T @ (basis[: k + 1] @ w)
        beside[k] = float(np.linalg.norm(w))
        T = np.diag(diagonal[: k + 1]) + np.diag(beside[:k], 1) + np.diag(beside[:k], -1)
        values, vectors = np.linalg.eigh(T)
        errors = beside[k] * np.abs(vectors[-1])
        size = float(np.max(np.abs(values)))
        step(f"curvature, {k + 1} of at most {room} products", (k + 1) / room)
        exhausted = beside[k] <= 10 * float(np.finfo(kind).eps) * max(size, 1e-300)
        close = errors[[0, -1]] <= np.array(_ACCURACY) * size
        if exhausted or k + 1 == room or close.all():
            break
        k += 1
        basis[k] = w / beside[k - 1]
    errors = np.maximum(errors, 8 * float(np.finfo(kind).eps) * size)  # rounding of the products
    return float(values[-1]), float(values[0]), float(errors[-1]), float(errors[0]), k + 1
