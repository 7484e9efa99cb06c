"""`clarke`: the Clarke differential of a JAX program at a point."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import PyTree

from steepest.clarke._assembly import Assembly
from steepest.clarke._differential import ClarkeDifferential
from steepest.clarke._generic import gradient_without_ties
from steepest.clarke._sampling import sampled_hull
from steepest.convex import Empty, Everything, Zonotope
from steepest.errors import ArgumentError
from steepest.inputs import chosen_argument, function, positive, random_key, whole_number
from steepest.pieces import Program, trace

_SAMPLES = 200
_RADIUS = 1e-4


def clarke(
    f: Callable[..., Any],
    *,
    samples: int | None = None,
    radius: float | None = None,
    key: jax.Array | None = None,
    tie_tol: float | None = None,
    argnums: int = 0,
) -> Callable[..., ClarkeDifferential]:
    """The Clarke differential of a scalar function: `clarke(f)(x)`.

    ∂f(x) = conv{∇f_σ(x)} over the *essentially active* smooth pieces f_σ, those with
    x ∈ cl int{y : f(y) = f_σ(y)} (Clarke 1983; Scholtes 2012, proposition 4.3.1). The pieces are
    read from f's own program: the object is the function, so `stop_gradient` is the identity and
    custom derivative rules are ignored.

    Args:
        f: a function that returns one real number.
        samples, radius: sample this many gradients within this distance instead (black boxes, too
            many pieces): `exact` is then False, and the hull is in `sampled`.
        key: what is sampled, and the random points of identity tests; default
            `jax.random.key(0)`.
        tie_tol: margins up to this size count as ties; default 8·eps·Σ|terms| with the eps of the
            program's precision.
        argnums: which argument of f is x.

    Returns: a function of f's arguments that returns a `ClarkeDifferential`. It raises
        ArgumentError: x is not a pytree of floats, or the call is traced by jit, grad or vmap.
        NotScalarError: f does not return one real number.
        NotLocallyLipschitzError: f jumps or its slope is unbounded near x.
        UnsupportedPrimitiveError: a primitive that is not known to be smooth.
        TooManyPiecesError: more pieces than can be listed.

    >>> import steepest as st
    >>> st.clarke(abs)(0.0).vertices
    array([[-1.],
           [ 1.]])
    """
    function(f, "f")
    if samples is not None:
        whole_number(samples, "samples")
    if radius is not None:
        positive(radius, "radius")
    if tie_tol is not None:
        positive(tie_tol, "tie_tol", zero=True)

    def differential(*args: Any, **kwargs: Any) -> ClarkeDifferential:
        def of_x(x: PyTree) -> Any:
            filled = list(args)
            filled[argnums] = x
            return f(*filled, **kwargs)

        of_x.__name__ = getattr(f, "__name__", type(f).__name__)
        program = trace(of_x, chosen_argument(args, argnums))
        if any(isinstance(v, Tracer) for v in [*program.point.leaves, *program.closed.consts]):
            raise ArgumentError(
                "a Clarke differential cannot be computed under jit, grad or vmap, where values "
                "are not known; call it outside, or take st.subgradient, which can be traced."
            )
        rng = generator(key)
        with jax.enable_x64(True):
            if samples is not None or radius is not None:
                return _sampled(program, samples or _SAMPLES, radius or _RADIUS, rng)
            return of_program(program, rng, tie_tol)

    return differential


def generator(key: Any) -> np.random.Generator:
    """NumPy's, from a key of JAX's or None; see `random_key`."""
    key = random_key(key)
    typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    words = np.asarray(jax.random.key_data(key) if typed else key)
    return np.random.default_rng(words.astype(np.uint32).tolist())


def of_program(
    program: Program, rng: np.random.Generator, tie_tol: float | None = None
) -> ClarkeDifferential:
    """The differential of a traced program at its point, inside `jax.enable_x64(True)`."""
    quick = gradient_without_ties(program, tie_tol)
    if quick is not None:
        value, gradient = quick
        point = Zonotope(gradient, np.zeros((0, gradient.size)))
        return ClarkeDifferential(
            point, point, True, "no choice is tied at x", program.point, value
        )
    return Assembly(program, rng, tie_tol).differential()


def _sampled(
    program: Program, samples: int, radius: float, rng: np.random.Generator
) -> ClarkeDifferential:
    d = program.point.dimension
    return ClarkeDifferential(
        Empty(d),
        Everything(d),
        False,
        f"{samples} gradients sampled within {radius:g}",
        program.point,
        float(np.asarray(program([*program.start]))),
        sampled=sampled_hull(program, samples, radius, rng),
    )
