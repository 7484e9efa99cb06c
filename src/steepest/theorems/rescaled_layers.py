"""Rescaling two layers against each other: the same function, other dynamics."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from steepest.errors import ArgumentError
from steepest.inputs import positive
from steepest.theorems.certificate import Certificate, Statement
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.layers import homogeneity_of_layers, layer_norms, require_layers
from steepest.theorems.problem import Problem
from steepest.theorems.registry import theorem
from steepest.theorems.rounding import EPS

_STATEMENT = Statement(
    name="rescaled_layers",
    id="C5",
    left="|f(x̃) − f(x)|, ‖∂f/∂Wᵢ(x̃) − s⁻¹ ∂f/∂Wᵢ(x)‖",
    right="0, to rounding",
    latex=r"Replacing $W_i$ by $c\,W_i$ and $W_j$ by $W_j/c$ leaves $f$ unchanged, multiplies "
    r"$\partial f/\partial W_j$ by $c$ and divides $\partial f/\partial W_i$ by $c$: the same "
    r"predictions, other gradients, other dynamics.",
    source="Du, Hu, Lee 2018, Section 1 (after Neyshabur, Salakhutdinov, Srebro 2015)",
)


@theorem(_STATEMENT)
def rescaled_layers(
    p: Problem, layers: tuple[int, int] | None = None, factor: float | int = 10.0
) -> Certificate:
    r"""Wᵢ → cWᵢ, Wⱼ → Wⱼ/c keeps f and its other gradients, and changes these two by 1/c and c.

    Problem: a loss of a network over its layers. Guarantee: with x̃ the rescaled parameters,
    $f(\tilde x) = f(x)$, $\partial f/\partial W_i(\tilde x) = c^{-1}\, \partial f/\partial W_i(x)$,
    $\partial f/\partial W_j(\tilde x) = c\, \partial f/\partial W_j(x)$.

    Hypothesis: predictions are 1-homogeneous in each layer: *proved* where f knows its model
    (`steepest.mean_loss`) and the rules of `homogeneity` reach, else *measured*.

    Args:
        p: the problem; its x0 has two leaves or more.
        layers: (i, j), indices of leaves; by default the last and the one before it.
        factor: c > 0.

    Returns:
        A certificate: left at "step" 0 is the change of f; at step 1 + k the distance of layer k's
        gradient from what the rescaling predicts.

    Raises:
        ArgumentError: fewer than two leaves, no such layers, or c not positive.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> f = lambda w: (w[0] @ w[1] - 1.0) ** 2
        >>> p = st.Problem(f, [jnp.array([1.0, 2.0]), jnp.array([0.5, 0.1])])
        >>> st.theorems.rescaled_layers(p, layers=(1, 0)).holds
        True
    """
    require_layers(p)
    positive(factor, "factor")
    count = len(p.program.start)
    pair = (count - 1, count - 2) if layers is None else layers
    if (
        not isinstance(pair, (tuple, list))
        or not set(pair) <= set(range(count))
        or len(set(pair)) != len(pair)
        or len(pair) != 2
    ):
        raise ArgumentError(f"layers is {layers}; it must name two of the leaves 0 … {count - 1}.")
    i, j = pair
    scales = np.ones(count)
    scales[i], scales[j] = factor, 1 / factor
    before = p.program.start
    after = [scale * leaf for scale, leaf in zip(scales, before, strict=True)]

    def look(f: Any, leaves: list[Any]) -> Any:
        value, gradient = jax.value_and_grad(f)(leaves)
        return value, gradient, layer_norms(leaves), layer_norms(gradient)

    evaluate = p.program.in_double(look)
    value, gradient, weight_norms, gradient_norms = evaluate(before)
    new_value, new_gradient, _, new_norms = evaluate(after)
    off = [
        np.linalg.norm(new - old / scale)
        for new, old, scale in zip(new_gradient, gradient, scales, strict=True)
    ]
    # Entries of a gradient cancel as those of ⟨W, g⟩ do not: the allowance is in the sizes of
    # whole matrices, with the number of terms under the root of a random walk.
    terms = float(np.sqrt(p.program.point.dimension))
    g = np.sqrt(gradient_norms)
    relative = 64 * EPS * terms
    w = np.sqrt(weight_norms)
    coupled = np.divide(np.max(g * w), w, out=np.zeros_like(w), where=w > 0)
    allowed = relative * (coupled + g) / scales
    return Certificate(
        statement=_STATEMENT,
        hypotheses=(homogeneity_of_layers(p, [p.x0]),),
        steps=np.arange(count + 1, dtype=np.float64),
        measured=np.array([abs(new_value - value), *off]),
        bound=np.zeros(count + 1),
        allowance=np.array([relative * (abs(value) + abs(new_value)), *allowed]),
        notes=(
            f"‖∂f/∂W_{j + 1}‖ went from {g[j]:.6g} to {np.sqrt(new_norms[j]):.6g}, "
            f"‖∂f/∂W_{i + 1}‖ from {g[i]:.6g} to {np.sqrt(new_norms[i]):.6g}",
        ),
        figure=(
            Curves(
                (
                    Curve(np.arange(1.0, count + 1), g, "as given", "points"),
                    Curve(np.arange(1.0, count + 1), np.sqrt(new_norms), "rescaled", "points"),
                ),
                xlabel="layer",
                ylabel="‖∂f/∂W‖",
                yscale="log",
            ),
        ),
    )
