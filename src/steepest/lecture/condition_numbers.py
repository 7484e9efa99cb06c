"""Iterations against the condition number: κ for gradient descent, √κ with momentum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.descent import descend
from steepest.methods import gradient_descent, heavy_ball, nesterov
from steepest.rate import rate
from steepest.theorems.certificate import Certificate, Evidence, Hypothesis
from steepest.theorems.curves import Curve, Curves

EPSILON = 1e-6
_TOLERANCE = 0.05
_MOST_SAVED = 10_000


@dataclass(frozen=True)
class Tuned:
    """A method with the constants that are its best known for μ = 1 and L = κ.

    Attributes:
        name: for labels.
        method: from κ, which may be traced, to the method.
        exponent: p, where it takes κᵖ log(1/ε) steps.
        steps: how many steps are surely enough to reach `EPSILON` at κ.
    """

    name: str
    method: Callable[[Any], Any]
    exponent: float
    steps: Callable[[float], float]


GRADIENT_DESCENT = Tuned(
    "gradient descent", lambda kappa: gradient_descent(1 / kappa), 1.0, lambda kappa: 15 * kappa
)
HEAVY_BALL = Tuned(
    "heavy ball",
    lambda kappa: heavy_ball(
        4 / (jnp.sqrt(kappa) + 1) ** 2, ((jnp.sqrt(kappa) - 1) / (jnp.sqrt(kappa) + 1)) ** 2
    ),
    0.5,
    lambda kappa: 20 * np.sqrt(kappa),
)
NESTEROV = Tuned(
    "Nesterov's method",
    lambda kappa: nesterov(1 / kappa, (jnp.sqrt(kappa) - 1) / (jnp.sqrt(kappa) + 1)),
    0.5,
    lambda kappa: 30 * np.sqrt(kappa),
)


def counted(tuned: Tuned, kappas: Sequence[float]) -> np.ndarray:
    """Steps until ‖x − x*‖ ≤ 1e-6 ‖x₀ − x*‖, from equal weight on the extreme eigenvectors.

    For each κ on ½(x₁² + κx₂²).

    Example:
        >>> counted(GRADIENT_DESCENT, [10.0]).tolist()  # 0.9ⁿ/√2 ≤ 1e-6
        [128.0]
    """
    steps = int(np.ceil(tuned.steps(max(kappas))))
    # Every step at first, then ever fewer: a count is off by a part in 700 at most.
    saved = np.unique(np.append(0, np.geomspace(1, steps, _MOST_SAVED).astype(int)))

    def run(kappa: Any) -> Any:
        return descend(
            lambda x: 0.5 * (x[0] ** 2 + kappa * x[1] ** 2),
            jnp.sqrt(jnp.array([0.5, 0.5])),
            tuned.method(kappa),
            steps,
            {"distance": jnp.linalg.norm},
            saveat=saved,
            states=False,
        )

    with jax.enable_x64(True):
        runs = jax.jit(jax.vmap(run))(jnp.asarray(kappas))
    counts = [rate(saved, np.asarray(row)).iterations(EPSILON) for row in runs.monitors["distance"]]
    return np.array([np.nan if count is None else count for count in counts], np.float64)


def with_exponents(
    certificate: Certificate, methods: Sequence[Tuned], kappas: Sequence[float]
) -> Certificate:
    """The certificate with the measured exponents of κ as hypotheses, and a panel of the counts."""
    x = np.asarray(kappas, np.float64)
    curves, found = [], []
    for tuned in methods:
        steps = counted(tuned, kappas)
        exponent = float(np.polyfit(np.log(x), np.log(steps), 1)[0])
        good = abs(exponent - tuned.exponent) <= _TOLERANCE
        found.append(
            Hypothesis(
                f"{tuned.name} takes κ^{tuned.exponent:g} steps, to ± {_TOLERANCE} in the exponent",
                Evidence.MEASURED if good else Evidence.VIOLATED,
                f"measured exponent {exponent:.4g} over κ = {x[0]:g} … {x[-1]:g}",
                exponent,
            )
        )
        curves.append(Curve(x, steps, f"{tuned.name}: exponent {exponent:.3f}"))
    panel = Curves(
        tuple(curves),
        xlabel="condition number κ",
        ylabel="steps to 10⁻⁶ of the distance",
        xscale="log",
        yscale="log",
    )
    return replace(
        certificate,
        hypotheses=(*certificate.hypotheses, *found),
        figure=(*certificate.figure, panel),
    )
