"""Slide sections "Clarke Differential" and "When does Clarke differential exists"."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from steepest.clarke import clarke
from steepest.errors import NotLocallyLipschitzError
from steepest.lecture.claim import Claim, Setting, claim
from steepest.theorems import (
    autodiff_subgradient,
    existence_of_subgradients,
    limits_of_gradients,
)
from steepest.theorems.certificate import Certificate, Evidence, Hypothesis, all_of
from steepest.theorems.curves import Curve, Curves, Titled
from steepest.theorems.problem import Problem


def crossed_roofs(x):
    """|x₁| − |x₂|: neither convex nor concave."""
    return jnp.abs(x[0]) - jnp.abs(x[1])


def largest_of_three(x):
    """The largest of three quadratics that meet at 0."""
    return jnp.max(jnp.array([x[0] + x[1] ** 2, x[1] - x[0], -x[1] + x[0] * x[1]]))


def small_network(x):
    """A ReLU network of two inputs at 0, where all its units are at their kink."""
    hidden = jax.nn.relu(jnp.array([[1.0, 0.5], [-0.5, 1.0], [0.3, -1.0], [-1.0, -0.6]]) @ x)
    return jnp.array([1.0, -0.7, 0.8, 0.5]) @ hidden


@claim(
    "A1",
    title="∂f(x) is the hull of the limits of gradients at points that tend to x",
    statement=r"$\partial f(x) = \operatorname{conv}\{s : x_i \to x,\ \nabla f(x_i) \to "
    r"s\}$. For three functions the set is computed from the program; gradients at random "
    r"points nearer and nearer to $x$ come as near to it, and every piece is reached along "
    r"a direction that is shown.",
    heading="Clarke Differential",
    source="Clarke 1983, Optimization and Nonsmooth Analysis, Theorem 2.5.1",
)
def a1(setting: Setting) -> Certificate:
    samples = setting.pick(quick=50, paper=1000)
    parts = []
    for f, name in (
        (crossed_roofs, r"$|x_1| - |x_2|$"),
        (largest_of_three, "largest of three quadratics"),
        (small_network, "ReLU network at $x = 0$"),
    ):
        c = limits_of_gradients(Problem(f, np.zeros(2)), samples=samples, key=setting.key)
        parts.append(replace(c, figure=tuple(Titled(panel, name) for panel in c.figure)))
    return all_of(parts[0].statement, parts)


# Five functions at 0: what they are, and whether there is a differential.
EXISTS = {
    "|x|": jnp.abs,
    "relu(x) − x/2": lambda x: jax.nn.relu(x) - x / 2,
    "max(x, x²)": lambda x: jnp.maximum(x, x**2),
}
DOES_NOT = {
    "√|x|": lambda x: jnp.sqrt(jnp.abs(x)),
    "1 for x > 0, else 0": lambda x: jnp.where(x > 0, 1.0, 0.0),
}


@claim(
    "A2",
    title="∂f(x) exists where f is locally Lipschitz; for √|x| and a jump there is none",
    statement=r"If $f$ is locally Lipschitz, $\partial f(x)$ is nonempty, convex and "
    r"compact, and its support bounds every directional slope: shown for three functions at "
    r"$0$. For $\sqrt{|x|}$ and for a step there is nothing to return, and the library says "
    r"so.",
    heading="When does Clarke differential exists",
    source="Clarke 1983, Optimization and Nonsmooth Analysis, Propositions 2.1.1 and 2.1.2",
)
def a2(setting: Setting) -> Certificate:
    x = np.linspace(-1, 1, 401)
    parts = [existence_of_subgradients(Problem(f, 0.0), key=setting.key) for f in EXISTS.values()]
    refused = tuple(_refused(name, f) for name, f in DOES_NOT.items())
    curves = [Curve(x, np.array(jax.vmap(f)(x)), name) for name, f in (EXISTS | DOES_NOT).items()]
    c = all_of(parts[0].statement, parts)
    return replace(
        c,
        hypotheses=(*c.hypotheses, *refused),
        figure=(Curves(tuple(curves), xlabel="$x$", ylabel="$f(x)$"),),
    )


def _refused(name: str, f) -> Hypothesis:
    claimed = f"{name} has no Clarke differential at 0"
    try:
        clarke(f)(0.0)
    except NotLocallyLipschitzError as error:
        return Hypothesis(claimed, Evidence.MEASURED, f"refused: {error}")
    return Hypothesis(claimed, Evidence.VIOLATED, "one was returned")


@claim(
    "A3",
    title="Automatic differentiation need not return a subgradient: relu(x) − relu(−x) at 0",
    statement=r"$\mathrm{relu}(x) - \mathrm{relu}(-x)$ is $x$, so $\partial f(0) = \{1\}$; "
    r"automatic differentiation takes its convention at each kink and returns $0$. The "
    r"distance and the lines to blame are found from the program.",
    heading="Clarke Differential",
    source="Kakade, Lee 2018; Lee, Yu, Rival, Yang 2020",
)
def a3(setting: Setting) -> Certificate:
    f = lambda x: jax.nn.relu(x) - jax.nn.relu(-x)
    c = autodiff_subgradient(Problem(f, 0.0))
    away = float(c.measured[0])
    # The claim is that the theorem "it is a subgradient" fails here, by the distance 1.
    return replace(
        c,
        statement=replace(
            c.statement, left="|dist(jax.grad(f)(0), ∂f(0)) − 1|", right="0, to rounding"
        ),
        hypotheses=(
            *c.hypotheses,
            Hypothesis(
                "jax.grad(f)(0) is not in ∂f(0)",
                Evidence.MEASURED if c.holds is False else Evidence.VIOLATED,
                f"at distance {away:g}",
            ),
        ),
        measured=np.array([abs(away - 1.0)]),
    )


CLAIMS: tuple[Claim, ...] = (a1, a2, a3)
