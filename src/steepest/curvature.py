"""The curvature of f at a point: extreme eigenvalues of its Hessian, from products with vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Float

from steepest.pieces import Program

_DENSE = 256
_PRODUCTS = 256


class Curvature(NamedTuple):
    """Extreme eigenvalues of the Hessian at one point.

    Attributes:
        least, largest: λ_min and λ_max. From Lanczos they are Ritz values: never below the true
            λ_min, never above the true λ_max.
        products: Hessian-vector products spent.
    """

    least: float
    largest: float
    products: int

    @property
    def norm(self) -> float:
        """max |λ|."""
        return max(abs(self.least), abs(self.largest))


def a_hair_off(x: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
    """A point beside x, in a direction at random, where no choice of a program is tied.

    At a tie derivatives taken through the choices may be those of no piece: a gradient that is the
    mean of two pieces' is differentiated again.
    """
    hair = np.random.default_rng(0).standard_normal(len(x))
    return x + hair * (1e-7 * max(1.0, float(np.linalg.norm(x))) / np.linalg.norm(hair))


def sides(x: Float[np.ndarray, " d"], pairs: int = 2) -> Float[np.ndarray, "n d"]:
    """Points a hair off x on several sides, mirrored at x, all nearer than `a_hair_off`.

    So that of a point a hair off a tie none is that tie, in one dimension either.

    Example:
        >>> sides(np.zeros(3)).shape, bool(np.allclose(sides(np.ones(3)).mean(axis=0), 1.0))
        ((4, 3), True)
    """
    hairs = np.random.default_rng(2).standard_normal((pairs, len(x)))
    hairs /= np.linalg.norm(hairs, axis=1, keepdims=True)
    hairs *= 1e-7 * max(1.0, float(np.linalg.norm(x))) * np.linspace(0.6, 0.8, pairs)[:, None]
    return np.concatenate([x + hairs, x - hairs])


def curvature_of(program: Program) -> Callable[[list[Any]], Curvature]:
    """leaves → `Curvature` there: dense for few variables, else Lanczos (ARPACK), matrix-free.

    It is NaN where the Hessian is not finite.

    Example:
        >>> import jax.numpy as jnp
        >>> from steepest.pieces import trace
        >>> program = trace(lambda x: x[0] ** 2 - 3.0 * x[1] ** 2, jnp.ones(2))
        >>> curvature_of(program)(program.start)[:2]
        (-6.0, 2.0)
    """
    product = program.in_double(_hessian_vector_product)
    rows = program.in_double(dense_hessian)
    d = program.point.dimension
    ends_of = program.in_double(
        lambda f, leaves: ritz_ends(
            lambda v: _hessian_vector_product(f, leaves, v), d, np.float64, _PRODUCTS
        )
    )

    def at(leaves: list[Any]) -> Curvature:
        if d <= _DENSE:
            H = rows(leaves)
            if not np.all(np.isfinite(H)):
                return Curvature(np.nan, np.nan, d)
            eigenvalues = np.linalg.eigvalsh((H + H.T) / 2)
            return Curvature(float(eigenvalues[0]), float(eigenvalues[-1]), d)
        # Here: it is slow to import.
        from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

        spent = 0

        def matvec(v: np.ndarray) -> np.ndarray:
            nonlocal spent
            spent += 1
            return product(leaves, v.reshape(-1))

        operator = LinearOperator((d, d), matvec=matvec, dtype=np.float64)  # pyright: ignore
        start = np.random.default_rng(0).standard_normal(d)
        first = product(leaves, start)
        if not np.all(np.isfinite(first)):
            return Curvature(np.nan, np.nan, 1)
        if not np.any(first):  # flat: no Krylov space to search
            return Curvature(0.0, 0.0, 1)
        try:
            ends = eigsh(
                operator, k=2, which="BE", v0=start, maxiter=100, return_eigenvectors=False
            )
        except ArpackNoConvergence:  # an eigenvalue of high multiplicity, say
            ends = ends_of(leaves)
            spent += _PRODUCTS
        return Curvature(float(np.min(ends)), float(np.max(ends)), spent)

    return at


def _hessian_vector_product(f: Any, leaves: list[Any], direction: Any) -> Any:
    flat, unravel = ravel_pytree(leaves)
    return jax.jvp(jax.grad(lambda z: f(unravel(z))), (flat,), (direction,))[1]


def dense_hessian(f: Any, leaves: list[Any]) -> Any:
    """The Hessian over the flattened variables, (d, d), a row for each Hessian-vector product."""
    rows = lambda direction: _hessian_vector_product(f, leaves, direction)
    return jax.lax.map(rows, jnp.eye(sum(leaf.size for leaf in leaves)), batch_size=64)


def ritz_ends(
    product: Callable[[Any], Any], d: int, dtype: Any, products: int = 128
) -> tuple[Any, Any]:
    """(least, largest) Ritz value of a symmetric operator, as a program that JAX can trace.

    Lanczos without reorthogonalisation, from a fixed random start: it keeps two vectors, whatever
    the number of products. The true extremes are never inside the interval, up to rounding.

    Example:
        >>> least, largest = ritz_ends(lambda v: jnp.array([-6.0, 2.0]) * v, 2, jnp.float32)
        >>> round(float(least), 4), round(float(largest), 4)
        (-6.0, 2.0)
    """
    room = min(products, d)
    start = jax.random.normal(jax.random.key(0), (d,), dtype)
    zero = jnp.zeros((), dtype)

    def step(carry: Any, _: Any) -> Any:
        before, v, beside, alive = carry
        w = product(v) - beside * before
        diagonal = v @ w
        w = w - diagonal * v
        after = jnp.linalg.norm(w)
        goes_on = alive & (after > 0)
        following = jnp.where(goes_on, w / jnp.where(after > 0, after, 1), 0)
        return (v, following, jnp.where(goes_on, after, zero), goes_on), (diagonal, after, alive)

    begin = (jnp.zeros(d, dtype), start / jnp.linalg.norm(start), zero, jnp.asarray(True))
    _, (diagonal, beside, alive) = jax.lax.scan(step, begin, length=room)
    # Past the end of the Krylov space the first Rayleigh quotient is repeated, alone.
    diagonal = jnp.where(alive, diagonal, diagonal[0])
    beside = jnp.where(alive[1:], beside[:-1], 0)
    values = jnp.linalg.eigvalsh(jnp.diag(diagonal) + jnp.diag(beside, 1) + jnp.diag(beside, -1))
    return values[0], values[-1]
