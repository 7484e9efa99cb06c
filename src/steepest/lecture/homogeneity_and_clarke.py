"""Slide section "Positive Homogeneity and Clark Differential"."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.lecture.claim import Claim, Setting, claim
from steepest.lecture.instances import NORMS, monomial, network_at_kinks, relu_network
from steepest.theorems import euler_identity
from steepest.theorems.certificate import Certificate, all_of
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.problem import Problem


def nuclear_norm(A: Any) -> Any:
    """The sum of the singular values of a 2 × 2 matrix: its square is ‖A‖² + 2|det A|."""
    return jnp.sqrt(jnp.sum(A**2) + 2 * jnp.abs(A[0, 0] * A[1, 1] - A[0, 1] * A[1, 0]))


# Where each is at a kink, if it has one: a function, a point, the degree.
AT_KINKS: dict[str, tuple[Any, Any, Any]] = {
    "relu at 0": (jax.nn.relu, np.float64(0.0), 1),
    "|x₁| − |x₂| on an axis": (lambda x: jnp.abs(x[0]) - jnp.abs(x[1]), np.array([0.0, 1.5]), 1),
    "x₁²|x₂| + x₂³ on an axis": (
        lambda x: x[0] ** 2 * jnp.abs(x[1]) + x[1] ** 3,
        np.array([1.5, 0.0]),
        3,
    ),
    "x₁²x₂³": (monomial([Fraction(2), Fraction(3)]), np.array([0.8, -1.1]), 5),
    "x₁^3/2 x₂^-1/3": (monomial([Fraction(3, 2), Fraction(-1, 3)]), np.array([2.0, 0.5]), 7 / 6),
    "p = 1 with zeros": (NORMS["$p = 1$"], np.array([1.0, 0.0, -2.0, 0.0]), 1),
    "p = 3/2": (NORMS["$p = 3/2$"], np.array([1.0, 0.5, -2.0]), 1),
    "p = 2 at 0": (NORMS["$p = 2$"], np.zeros(3), 1),
    "p = 3 with a zero": (NORMS["$p = 3$"], np.array([1.0, 0.0, -2.0]), 1),
    "p = ∞ with a tie": (NORMS[r"$p = \infty$"], np.array([1.0, -1.0, 0.5]), 1),
    "nuclear norm at rank one": (nuclear_norm, np.outer([1.0, 2.0], [3.0, -1.0]), 1),
}


@claim(
    "B7",
    title="Every subgradient s of an L-homogeneous f has ⟨s, x⟩ = L f(x), at kinks too",
    statement=r"If $f$ is locally Lipschitz and $L$-positively homogeneous, $\langle s, x\rangle "
    r"= L\,f(x)$ for every $s \in \partial f(x)$. Proof: where $f$ is differentiable, "
    r"differentiate $f(\alpha x) = \alpha^L f(x)$ in $\alpha$ at $1$: $\langle \nabla "
    r"f(x), x\rangle = L\,f(x)$. If $x_i \to x$ and $\nabla f(x_i) \to s$, both sides "
    r"of $\langle \nabla f(x_i), x_i\rangle = L\,f(x_i)$ converge, $f$ being "
    r"continuous. The identity is affine in $s$, so that it passes to the convex hull "
    r"of such limits, which is $\partial f(x)$. Shown for ReLU, sums of kinks, "
    r"monomials, norms, and bias-free ReLU networks in their weights and in their "
    r"input, wherever they have one at a kink: both ends of $\langle s, x\rangle$ over "
    r"the whole set agree with $L f(x)$.",
    heading="Positive Homogeneity and Clark Differential",
    source="Lyu, Li 2020, Theorem B.2",
)
def b7(setting: Setting) -> Certificate:
    cases = dict(AT_KINKS)
    for widths in ((3, 4, 1), (3, 4, 3, 1)):
        W, x = network_at_kinks(setting.key, widths)
        of_weights = lambda W, x=x: relu_network(W, jnp.asarray(x))[0]
        of_input = lambda x, W=W: relu_network([jnp.asarray(w) for w in W], x)[0]
        cases[f"{len(W)} layers, weights"] = (of_weights, W, len(W))
        cases[f"{len(W)} layers, input"] = (of_input, x, 1)
    parts = []
    for name, (f, x, degree) in cases.items():
        c = euler_identity(Problem(f, x), degree)
        parts.append(
            replace(c, notes=(f"{name}: {c.notes[0] if c.notes else 'nothing compared'}",))
        )
    return all_of(parts[0].statement, parts, figure=(_on_one_diagonal(parts),))


def _on_one_diagonal(parts: list[Certificate]) -> Curves:
    """The parts' points in one panel, over the line on which all must lie."""
    panels: list[Curves] = [panel for part in parts for panel in part.figure]
    points = [panel.curves[0] for panel in panels]
    ends = replace(
        points[0], x=np.concatenate([p.x for p in points]), y=np.concatenate([p.y for p in points])
    )
    line = np.array([ends.x.min(), ends.x.max()])
    diagonal = Curve(line, line, r"$\langle s, x\rangle = L\,f(x)$", "reference")
    return replace(panels[0], curves=(ends, diagonal))


CLAIMS: tuple[Claim, ...] = (b7,)
