"""Gradient inclusion keeps the differences of the layers' squared norms."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.errors import ArgumentError
from steepest.flow import gradient_inclusion
from steepest.inputs import positive
from steepest.laws import balance
from steepest.theorems.certificate import Certificate, Statement
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.layers import homogeneity_of_layers, require_layers
from steepest.theorems.problem import Problem
from steepest.theorems.registry import theorem
from steepest.trajectory import Trajectory

_STATEMENT = Statement(
    name="norm_preservation",
    id="C4",
    left="largest difference of ½‖Wᵢ(t)‖² − ½‖Wᵢ(0)‖² between two layers",
    right="0, to ten times the tolerance",
    latex=r"If the predictions are 1-homogeneous in each layer, $\tfrac12\|W_i(t)\|^2 - "
    r"\tfrac12\|W_i(0)\|^2$ is the same for all layers $i$ along $\dot W \in -\partial f(W)$, for "
    r"any data and any loss.",
    source="Du, Hu, Lee 2018, Theorem 2.1 and Corollary 2.1",
)
_MOST_DENSE = 5_000  # parameters, for every step to be kept
_LOOKED_AT = 200
_MOST_DRAWN = 8
_SAVED = 101


@theorem(_STATEMENT)
def norm_preservation(
    p: Problem, time: float | int = 1.0, tolerance: float | int = 1e-8
) -> Certificate:
    r"""½‖Wᵢ(t)‖² − ½‖Wᵢ(0)‖² is the same for every layer i along the gradient inclusion.

    Problem: a loss of a network over its layers, one leaf each. Guarantee: for any two layers i, j
    and all t, $\|W_i(t)\|^2 - \|W_j(t)\|^2 = \|W_i(0)\|^2 - \|W_j(0)\|^2$.

    Proof. d/dt ½‖Wᵢ‖² = −⟨Wᵢ, sᵢ⟩ for some s ∈ ∂f(W), almost everywhere in t. By the chain rule s
    is a combination Σ ℓₖ uₖ over the predictions, with ℓₖ from the loss and uₖ a subgradient of
    prediction k, and ⟨Wᵢ, uₖ⟩ is prediction k itself, whatever i (Euler's identity, B6 and B7).

    Hypothesis: predictions are 1-homogeneous in each layer (*proved* from the program for a
    `mean_loss`, else *measured*).

    Args:
        p: the problem; its x0 has two leaves or more.
        time: how long the inclusion is followed.
        tolerance: relative and absolute, of its steps.

    Returns:
        A certificate over times: the largest pairwise difference, against 0. The allowance is ten
        times the tolerance, times 1 + max ‖Wᵢ‖².

    Raises:
        ArgumentError: fewer than two leaves, or a time or tolerance that is not positive.
        SolverError, UnsupportedPrimitiveError: see `gradient_inclusion`.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> model = lambda w, x: w[1] @ jnp.maximum(w[0] @ x, 0.0)
        >>> half_square = lambda prediction, y: 0.5 * jnp.sum((prediction - y) ** 2)
        >>> f = st.mean_loss(model, half_square, jnp.eye(2), jnp.ones((2, 1)))
        >>> p = st.Problem(f, [jnp.ones((2, 2)), jnp.ones((1, 2))])
        >>> st.theorems.norm_preservation(p).holds
        True
    """
    require_layers(p)
    positive(time, "time")
    positive(tolerance, "tolerance")
    if tolerance > 0.1:
        raise ArgumentError(f"tolerance is {tolerance}; it must be small, such as 1e-8.")
    double = p.program.point.restore(p.program.start)
    run = gradient_inclusion(
        p.f,
        double,
        float(time),
        tolerance,
        tolerance,
        saveat=np.linspace(0.0, float(time), _SAVED),
        monitors={"balance": balance},
        states=False,
        dense=sum(leaf.size for leaf in p.program.start) <= _MOST_DENSE,
    )
    norms = np.asarray(run.monitors["balance"].squared_norms)
    moved = 0.5 * (norms - norms[0])
    spread = np.ptp(moved, axis=1)
    allowance = 10 * tolerance * (1 + np.max(norms, axis=1))
    return Certificate(
        statement=_STATEMENT,
        hypotheses=(homogeneity_of_layers(p, [p.x0, run.final]),),
        steps=run.ts,
        measured=spread,
        bound=np.zeros(len(run.ts)),
        allowance=allowance,
        trajectory=run,
        figure=(_moved(run.ts, moved), *_slides(run, float(time))),
        notes=(_history(run.events),),
    )


def _moved(ts: np.ndarray, moved: np.ndarray) -> Curves:
    """All layers lie on one curve: one is drawn, of the others a point here and there."""
    layers = moved.shape[1]
    curves = [Curve(ts, moved[:, 0], "layer 1")]
    for i in range(1, layers):
        places = slice(3 * i, None, 3 * layers)
        curves.append(Curve(ts[places], moved[places, i], f"layer {i + 1}", "points"))
    ylabel = r"$\frac{1}{2}\|W_i(t)\|^2 - \frac{1}{2}\|W_i(0)\|^2$"
    return Curves(tuple(curves), xlabel="time", ylabel=ylabel)


def _slides(run: Trajectory, time: float) -> tuple[Curves, ...]:
    """Which kinks are slid on, when, and by what multiplier; nothing where there are none."""
    if run.dense is None or not hasattr(run.dense, "held"):
        return ()
    begin = min((event.time for event in run.events if event.kind == "slide"), default=time)
    curves: list[Curve] = []
    open_: dict[Any, tuple[list[float], list[float]]] = {}
    longest: list[tuple[Any, list[float], list[float]]] = []
    for t in np.linspace(begin, time, _LOOKED_AT):
        held = run.dense.held(float(t))
        for kink in [kink for kink in open_ if kink not in held]:
            longest.append((kink, *open_.pop(kink)))
        for kink, weight in held.items():
            ts, weights = open_.setdefault(kink, ([], []))
            ts.append(float(t))
            weights.append(weight)
    longest += [(kink, *both) for kink, both in open_.items()]
    longest = sorted(longest, key=lambda one: -len(one[1]))[:_MOST_DRAWN]
    for kink, ts, weights in sorted(longest, key=lambda one: one[1][0]):
        curves.append(Curve(np.array(ts), np.array(weights), f"{kink.primitive}[{kink.element}]"))
    if not curves:
        return ()
    return (Curves(tuple(curves), "time", "multiplier", title="kinks that are slid on"),)


def _history(events: Any) -> str:
    kinds = [event.kind for event in events]
    told = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    return f"kinks met: {told or 'none'}"
