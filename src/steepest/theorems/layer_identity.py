"""Euler's identity layer by layer: ⟨W_h, ∂f/∂W_h⟩ is the same for every layer."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from steepest.subgradient import subgradient
from steepest.theorems.certificate import (
    Certificate,
    Evidence,
    Hypothesis,
    Statement,
    nothing_compared,
)
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.degrees import degrees_of_leaves, judged
from steepest.theorems.problem import Problem
from steepest.theorems.registry import theorem
from steepest.theorems.rounding import EPS
from steepest.theorems.sampling import generator, points_around
from steepest.theorems.vectors import flat, split

_STATEMENT = Statement(
    name="layer_identity",
    id="B6",
    left="|⟨W_h, ∂f/∂W_h⟩ − L_h f|",
    right="0, to rounding",
    latex=r"If $f$ is positively homogeneous of degree $L_h$ in the layer $W_h$ alone, then "
    r"$\langle W_h, \partial f/\partial W_h \rangle = L_h f$. Where every $L_h = 1$, as in a "
    r"bias-free ReLU network, it is the same number $f$ for every layer.",
    source="Du, Hu, Lee 2018, Theorem 2.1 (in its proof); Euler's identity, leaf by leaf",
)


@theorem(_STATEMENT)
def layer_identity(p: Problem, key: Array | None = None) -> Certificate:
    r"""⟨W_h, ∂f/∂W_h⟩ = L_h f for every leaf W_h of the parameters.

    Problem: f of several leaves (layers), homogeneous of degree L_h in the leaf h alone. Guarantee:
    the inner product of each leaf with the gradient in it is L_h f; for a bias-free ReLU network it
    is f whatever h.

    Proof. Hold the other leaves and let φ(α) = f(…, αW_h, …) = α^{L_h} f. At α = 1 the chain rule
    gives φ′(1) = ⟨W_h, ∂f/∂W_h⟩, and the power gives L_h f. At a kink the gradient is replaced by
    any limit of gradients near by, for each of which the identity holds, both sides being
    continuous in x along them (so for every Clarke subgradient: `euler_identity`).

    For the network f = W_{H+1} σ(W_H … σ(W_1 x)) the same is seen from its gates: σ(z) = zσ′(z), so
    with D_h = diag(σ′(z_h)) f = W_{H+1} D_H W_H … D_1 W_1 x, and
    ∂f/∂W_h = (W_{H+1} D_H … W_{h+1} D_h)ᵀ (D_{h−1} W_{h−1} … W_1 x)ᵀ, whose inner product with W_h
    puts the missing factor back.

    Hypotheses: the degree in each leaf, *proved* by the rules of `homogeneity`, else *violated* or
    *unknown*, and nothing is compared; a subgradient is *proved* at x0, else *unknown*.

    Args:
        p: the problem; one leaf a layer.
        key: for the random points; default `jax.random.key(0)`.

    Returns:
        A certificate over the leaves at x0, then at each of six random points where f is finite.
        Gradients are subgradients (`steepest.subgradient`), so that kinks are no exception.

    Reference: Du, Hu, Lee 2018, "Algorithmic regularization in learning deep homogeneous models:
    layers are automatically balanced", Theorem 2.1.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> import steepest as st
        >>> f = lambda w: jnp.sum(w[1] @ jax.nn.relu(w[0] @ jnp.array([1.0, -2.0])))
        >>> p = st.Problem(f, [jnp.ones((3, 2)), jnp.ones((1, 3))])
        >>> st.theorems.layer_identity(p).holds
        True
    """
    records = degrees_of_leaves(p)
    known = [judged(p, record, None, [h]) for h, record in enumerate(records)]
    if any(record.degree is None for record in records):
        return nothing_compared(_STATEMENT, known)
    degrees = np.array([0.0 if r.degree == "any" else float(r.degree or 0) for r in records])
    start = flat(p.program.start)
    look = p.program.in_double(_products)
    rows = [look(split(x, p.program.start)) for x in points_around(start, generator(key))]
    values = np.array([value for value, _, _ in rows])
    dots = np.stack([dot for _, dot, _ in rows])
    sizes = np.stack([size for _, _, size in rows])
    seen = np.isfinite(values) & np.isfinite(dots).all(axis=1)
    found = Hypothesis(
        "a subgradient is proved at x0",
        Evidence.PROVED if seen[0] else Evidence.UNKNOWN,
        "from one direction" if seen[0] else "none is found",
    )
    values, dots, sizes = values[seen], dots[seen], sizes[seen]
    expected = degrees * values[:, None]
    # Entries of a gradient may cancel as the product with W does not: the allowance is in the
    # sizes of whole layers, with the number of terms under the root of a random walk.
    terms = np.sqrt(len(start)) * (sizes.max(axis=1, keepdims=True) + np.abs(expected))
    return Certificate(
        statement=_STATEMENT,
        hypotheses=(*known, found),
        steps=np.arange(float(dots.size)),
        measured=np.abs(dots - expected).ravel(),
        bound=np.zeros(dots.size),
        allowance=(64 * EPS * terms).ravel(),
        figure=(_by_layer(dots, expected),),
    )


def _products(f: Any, leaves: list[Any]) -> tuple[Any, Any, Any]:
    """f; ⟨W_h, ∂f/∂W_h⟩ and ‖W_h‖‖∂f/∂W_h‖ for each leaf."""
    gradient = subgradient(f)(leaves)
    pairs = list(zip(leaves, gradient, strict=True))
    dots = [jnp.vdot(w, g) for w, g in pairs]
    sizes = [jnp.linalg.norm(jnp.ravel(w)) * jnp.linalg.norm(jnp.ravel(g)) for w, g in pairs]
    return f(leaves), jnp.stack(dots), jnp.stack(sizes)


def _by_layer(dots: np.ndarray, expected: np.ndarray) -> Curves:
    """⟨W_h, ∂f/∂W_h⟩ against h at the first points, over L_h f."""
    layers = np.arange(1.0, dots.shape[1] + 1)
    shown = list(zip(dots[:3], expected[:3], strict=True))
    points = [
        Curve(layers, row, "at $x_0$" if k == 0 else f"at random point {k}", "points")
        for k, (row, _) in enumerate(shown)
    ]
    lines = [
        Curve(layers, line, "" if k else "$L_h f$", "reference")
        for k, (_, line) in enumerate(shown)
    ]
    ylabel = r"$\langle W_h, \partial f/\partial W_h\rangle$"
    return Curves((*points, *lines), "layer $h$", ylabel)
