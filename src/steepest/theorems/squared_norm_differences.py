"""What a gradient step does to the differences of the layers' squared norms."""

from __future__ import annotations

import numpy as np

from steepest.theorems.certificate import Certificate, Statement
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.layer_run import run_layers
from steepest.theorems.layers import homogeneity_of_layers
from steepest.theorems.problem import Problem
from steepest.theorems.registry import theorem
from steepest.theorems.rounding import EPS

_STATEMENT = Statement(
    name="squared_norm_differences",
    id="C1",
    left="|Δ(‖Wᵢ‖² − ‖Wⱼ‖²) − η²(‖gᵢ‖² − ‖gⱼ‖²)|",
    right="0, to rounding",
    latex=r"If the predictions are 1-homogeneous in each layer, one step of gradient descent "
    r"changes $\|W_i\|_F^2 - \|W_j\|_F^2$ by exactly "
    r"$\eta^2\left(\|g_i\|_F^2 - \|g_j\|_F^2\right)$, where $g_i = \partial f/\partial W_i$.",
    source="Du, Hu, Lee 2018, Corollary 2.1 (for the flow), expanded for one step",
)


@theorem(_STATEMENT)
def squared_norm_differences(
    p: Problem, steps: int = 200, learning_rate: float | int = 0.1
) -> Certificate:
    r"""Each gradient step changes ‖Wᵢ‖² − ‖Wⱼ‖² by η²(‖gᵢ‖² − ‖gⱼ‖²), and by nothing else.

    Problem: minimise a loss of a network over its layers, one leaf of the parameters a layer.
    Method: gradient descent. Guarantee: since ⟨Wᵢ, gᵢ⟩ is the same for every layer, the
    first-order change of ‖Wᵢ‖² − ‖Wⱼ‖² cancels and the second-order one is left. So the
    differences drift by O(η²) a step, O(η) over a fixed time.

    Hypothesis: predictions are 1-homogeneous in each layer. Where f knows its model
    (`steepest.mean_loss`) it is *proved* by the rules of `homogeneity`, else *measured* by scaling
    each layer at x0 and at the end of the run; where f is all there is, *measured* by the equality
    of the ⟨Wᵢ, gᵢ⟩ there.

    Args:
        p: the problem; its x0 has two leaves or more.
        steps: how many steps are run and compared.
        learning_rate: η.

    Returns:
        A certificate over the steps; left is the worst over successive layers. Its figure has two
        panels: the differences and the ratios of squared norms against the steps.

    Raises:
        ArgumentError: x0 has one leaf only, or η is not positive.

    Reference: Du, Hu, Lee 2018, "Algorithmic regularization in learning deep homogeneous models:
    layers are automatically balanced", Corollary 2.1 (for gradient flow).

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> f = lambda w: (w[0] @ w[1] - 1.0) ** 2
        >>> p = st.Problem(f, [jnp.array([1.0, 2.0]), jnp.array([0.5, 0.1])])
        >>> st.theorems.squared_norm_differences(p, steps=20, learning_rate=0.01).holds
        True
    """
    ran = run_layers(p, steps, learning_rate)
    n, g, eta = ran.weights, ran.gradients, float(learning_rate)
    change = np.diff(n[:, :-1] - n[:, 1:], axis=0)
    predicted = eta**2 * (g[:-1, :-1] - g[:-1, 1:])
    off = np.abs(change - predicted)
    allowed = _rounding(p, n, g, eta)
    # The pair of layers that comes out worst at each step stands for it.
    pair = np.argmax(off / allowed, axis=1)
    rows = np.arange(len(change))
    finite = np.isfinite(off).all(axis=1)
    return Certificate(
        statement=_STATEMENT,
        hypotheses=(homogeneity_of_layers(p, [p.x0, ran.end]),),
        steps=rows[finite].astype(np.float64),
        measured=off[rows, pair][finite],
        bound=np.zeros(int(finite.sum())),
        allowance=allowed[rows, pair][finite],
        trajectory=ran.trajectory,
        figure=norm_panels(ran.trajectory.ts.astype(np.float64), n),
    )


def _rounding(p: Problem, n: np.ndarray, g: np.ndarray, eta: float) -> np.ndarray:
    """Rounding in the change of a difference of squared norms, pair by pair.

    Each sum of squares is rounded, each stored weight is (to half a unit in its last place, so a
    squared norm by eps‖W‖², adding up like a random walk at worst coherently), and the gradient's
    own error enters through 2η⟨W, g⟩.
    """
    terms = n[:-1] + n[1:] + 4 * eta * np.sqrt(n[:-1] * g[:-1]) + 2 * eta**2 * g[:-1]
    sizes = [np.sqrt(np.size(leaf)) for leaf in p.program.start]
    weighted = EPS * terms * np.asarray(sizes)
    return 4 * (weighted[:, :-1] + weighted[:, 1:]) + np.finfo(float).tiny


def norm_panels(ts: np.ndarray, n: np.ndarray, title: str = "") -> tuple[Curves, Curves]:
    """Differences and ratios of the layers' squared norms against the steps: two panels."""
    layers = range(n.shape[1] - 1)
    lead = f"{title}: " if title else ""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = n[:, :-1] / n[:, 1:]
    differences = tuple(
        Curve(ts, n[:, i] - n[:, i + 1], rf"$\|W_{i + 1}\|^2 - \|W_{i + 2}\|^2$") for i in layers
    )
    quotients = tuple(
        Curve(ts, ratios[:, i], rf"$\|W_{i + 1}\|^2 / \|W_{i + 2}\|^2$") for i in layers
    )
    return (
        Curves(differences, "iteration", "difference", f"{lead}squared-norm differences"),
        Curves(quotients, "iteration", "ratio", f"{lead}squared-norm ratios"),
    )
