"""Slide section "Positive Homogeneity": the definition, its examples, and Euler's identity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.homogeneity import homogeneity
from steepest.lecture.claim import Claim, Setting, claim
from steepest.lecture.instances import NORMS, monomial, network_at_kinks, relu_network
from steepest.theorems import layer_identity, positive_homogeneity
from steepest.theorems.certificate import Certificate, Evidence, Hypothesis, all_of
from steepest.theorems.network_degrees import NetworkDegrees, WeightDegree
from steepest.theorems.problem import Problem
from steepest.theorems.rounding import EPS
from steepest.theorems.sampling import generator

_HEADING = "Positive Homogeneity"
_POINT = np.array([1.0, -2.0])

HOMOGENEOUS = {
    r"$x_1 / \|x\|$, degree 0": (lambda x: x[0] / jnp.linalg.norm(x), 0),
    r"$|x_1| - |x_2|$, degree 1": (lambda x: jnp.abs(x[0]) - jnp.abs(x[1]), 1),
    r"$x_1^2 |x_2| + x_2^3$, degree 3": (lambda x: x[0] ** 2 * jnp.abs(x[1]) + x[1] ** 3, 3),
}
NOT_HOMOGENEOUS = {
    r"$x_1^2 + |x_2|$": lambda x: x[0] ** 2 + jnp.abs(x[1]),
    r"softplus$(x_1)$": lambda x: jax.nn.softplus(x[0]),
    r"$\mathrm{relu}(1 - \mathrm{relu}(x_1) + x_2^2)$": lambda x: jax.nn.relu(
        1 - jax.nn.relu(x[0]) + x[1] ** 2
    ),
}


def _not_homogeneous(name: str, c: Certificate) -> Hypothesis:
    """That a certificate of homogeneity is refuted, by the point in it."""
    claimed = f"{name} is not positively homogeneous".replace("$", "")
    (known,) = c.hypotheses
    refuted = known.evidence is Evidence.VIOLATED
    return Hypothesis(claimed, Evidence.MEASURED if refuted else Evidence.VIOLATED, known.detail)


def _titled(c: Certificate, title: str) -> Certificate:
    return replace(c, figure=tuple(replace(panel, title=title) for panel in c.figure))


@claim(
    "B1",
    title="f(αx) = α^L f(x) for all α > 0: proved of three functions, refuted of three",
    statement=r"$f$ is positively homogeneous of degree $L$ if $f(\alpha x) = \alpha^L f(x)$ for "
    r"every $\alpha \ge 0$ (for $L \le 0$ read $\alpha > 0$). The degrees $0$, $1$ and "
    r"$3$ of three functions are proved from the programs and confirmed in numbers: "
    r"along a ray $\alpha x$, $|f|$ is a straight line of slope $L$ on logarithmic "
    r"axes. Three others are refuted, each by a point $x$ and a factor with $f(\alpha "
    r"x)^2 \ne f(x)\,f(\alpha^2 x)$, which no degree allows.",
    heading=_HEADING,
    source="Lyu, Li 2020, Definition 2.1",
)
def b1(setting: Setting) -> Certificate:
    parts, panels = [], []
    for name, (f, degree) in HOMOGENEOUS.items():
        c = positive_homogeneity(Problem(f, _POINT), degree, key=setting.key)
        parts.append(c)
        panels += [replace(panel, title=name) for panel in c.figure]
    refuted = []
    for name, f in NOT_HOMOGENEOUS.items():
        c = positive_homogeneity(Problem(f, _POINT), key=setting.key)
        refuted.append(_not_homogeneous(name, c))
        panels += [replace(panel, title=f"{name}: not homogeneous") for panel in c.figure]
    # A row a pair: homogeneous on the left, not on the right.
    paired = tuple(panels[k + 3 * side] for k in range(3) for side in (0, 1))
    c = all_of(parts[0].statement, parts, figure=paired)
    return replace(c, hypotheses=(*c.hypotheses, *refuted))


@claim(
    "B2",
    title="ReLU: σ(αz) = α σ(z), degree 1",
    statement=r"$\sigma(\alpha z) = \alpha\,\sigma(z)$ for $\sigma(z) = \max(z, 0)$: degree $1$, "
    r"proved from the program and confirmed on both sides of the kink and at it.",
    heading=_HEADING,
    source="Lyu, Li 2020, Section 2 (after Neyshabur, Tomioka, Srebro 2015)",
)
def b2(setting: Setting) -> Certificate:
    parts = [
        positive_homogeneity(Problem(jax.nn.relu, np.float64(z)), 1, key=setting.key)
        for z in (1.3, -0.7, 0.0)
    ]
    return all_of(parts[0].statement, parts, figure=_titled(parts[0], "ReLU: degree 1").figure)


@claim(
    "B3",
    title="The monomial ∏ xᵢ^pᵢ: degree Σ pᵢ",
    statement=r"$\prod_i (\alpha x_i)^{p_i} = \alpha^{\sum_i p_i} \prod_i x_i^{p_i}$: for whole "
    r"exponents at any signs, and for fractions (negative ones among them) at positive "
    r"$x$. The exponents are drawn at random, and the degree that is proved from the "
    r"program is their sum.",
    heading=_HEADING,
    source="Euler's classical example; Lyu, Li 2020, Definition 2.1",
)
def b3(setting: Setting) -> Certificate:
    rng = generator(setting.key)
    parts = []
    for _ in range(setting.pick(quick=3, paper=30)):
        whole = [Fraction(int(p)) for p in rng.integers(0, 5, 4)]
        broken = [Fraction(int(rng.integers(-7, 8)), int(rng.integers(2, 6))) for _ in range(4)]
        for powers, x in ((whole, rng.standard_normal(4)), (broken, rng.uniform(0.5, 2.0, 4))):
            c = positive_homogeneity(Problem(monomial(powers), x), sum(powers), key=setting.key)
            title = f"exponents {', '.join(map(str, powers))}: degree {sum(powers)}"
            parts.append(_titled(c, title.replace("-", "−")))
    figure = tuple(panel for part in parts[:4] for panel in part.figure)
    return all_of(parts[0].statement, parts, figure=figure)


@claim(
    "B4",
    title="Norms: ‖αx‖ = α‖x‖, degree 1, for p = 1, 3/2, 2, 3, ∞ and the nuclear norm",
    statement=r"$\|\alpha x\| = \alpha\,\|x\|$: the $p$-norms for $p = 1, \frac32, 2, 3, \infty$ "
    r"and the nuclear norm of a matrix (the sum of its singular values) have degree "
    r"$1$, proved from the programs and confirmed at random points.",
    heading=_HEADING,
    source="the definition of a norm; Lyu, Li 2020, Definition 2.1",
)
def b4(setting: Setting) -> Certificate:
    rng = generator(setting.key)
    parts = []
    for name, norm in NORMS.items():
        x = rng.standard_normal((3, 4) if name == "nuclear" else 5)
        c = positive_homogeneity(Problem(norm, x), 1, key=setting.key)
        parts.append(
            _titled(c, f"{name} norm: degree 1" if name == "nuclear" else f"{name}: degree 1")
        )
    return all_of(parts[0].statement, parts)


def _with_first_bias(layers: list[Any], x: Any) -> Any:
    """W₂ σ(W₁x + b₁)."""
    W1, b1, W2 = layers
    return (W2 @ jax.nn.relu(W1 @ x + b1))[0]


def _with_second_bias(layers: list[Any], x: Any) -> Any:
    """W₃ σ(W₂ σ(W₁x) + b₂)."""
    W1, W2, b2, W3 = layers
    return (W3 @ jax.nn.relu(W2 @ jax.nn.relu(W1 @ x) + b2))[0]


@claim(
    "B5",
    title="A bias-free ReLU network: degree 1 in each layer, H + 1 in all, 1 in its input",
    statement=r"$f(x; W_1, \dots, W_{H+1}) = W_{H+1}\,\sigma(W_H \cdots \sigma(W_1 x))$ has "
    r"degree $1$ in each $W_h$ alone, $H + 1$ in all of them together, and $1$ in $x$: "
    r"each proved from the program. With a bias in the first layer the degree is $1$ "
    r"in $(W_1, b_1)$ together and in neither alone; with one in the second layer "
    r"there is none in all together: refuted by points.",
    heading=_HEADING,
    source="Lyu, Li 2020, Section 2; Du, Hu, Lee 2018, Section 2",
)
def b5(setting: Setting) -> Certificate:
    parts = []
    for widths in setting.pick(
        quick=[(3, 4, 3, 1)], paper=[(3, 4, 1), (3, 4, 3, 1), (6, 9, 8, 7, 5, 1)]
    ):
        W, x = network_at_kinks(setting.key, widths)
        p = Problem(lambda W, x=x: relu_network(W, jnp.asarray(x))[0], W)
        parts += [positive_homogeneity(p, 1, [h], setting.key) for h in range(len(W))]
        parts.append(positive_homogeneity(p, len(W), key=setting.key))
        in_input = lambda x, W=W: relu_network([jnp.asarray(w) for w in W], x)[0]
        parts.append(positive_homogeneity(Problem(in_input, x), 1, key=setting.key))
    rng = generator(setting.key)
    x = np.array([1.0, -2.0, 0.5])
    shapes = [(4, 3), (4,), (1, 4)]
    one = Problem(
        lambda layers: _with_first_bias(layers, jnp.asarray(x)),
        [rng.standard_normal(shape) for shape in shapes],
    )
    parts.append(positive_homogeneity(one, 1, [0, 1], setting.key))
    parts.append(positive_homogeneity(one, 2, key=setting.key))
    shapes = [(4, 3), (3, 4), (3,), (1, 3)]
    two = Problem(
        lambda layers: _with_second_bias(layers, jnp.asarray(x)),
        [rng.standard_normal(shape) for shape in shapes],
    )
    refuted = (
        _not_homogeneous("W₂ σ(W₁x + b₁) in W₁ alone", positive_homogeneity(one, leaves=[0])),
        _not_homogeneous("W₂ σ(W₁x + b₁) in b₁ alone", positive_homogeneity(one, leaves=[1])),
        _not_homogeneous("W₃ σ(W₂ σ(W₁x) + b₂) in all", positive_homogeneity(two)),
    )
    c = all_of(parts[0].statement, parts, figure=(_drawn_network(), _drawn_with_bias()))
    return replace(c, hypotheses=(*c.hypotheses, *refuted))


def _in_words(degree: Any) -> str:
    return "no degree" if degree is None else f"degree {degree}"


def _drawn_network() -> NetworkDegrees:
    """The degrees of a network of three layers, as the rules have them."""
    W, x = [jnp.ones((4, 3)), jnp.ones((3, 4)), jnp.ones((1, 3))], jnp.ones(3)
    h = homogeneity(lambda W: relu_network(W, x))(W)
    in_input = homogeneity(lambda x: relu_network(W, x))(x)
    return NetworkDegrees(
        widths=(3, 4, 3, 1),
        columns=(r"$x$", r"$\sigma$", r"$\sigma$", r"$f$"),
        weights=tuple(
            (WeightDegree(f"$W_{k}$", _in_words(d)),) for k, d in enumerate(h.degrees, 1)
        ),
        below=(
            f"all $W_h$ together: {_in_words(h.degree)}",
            f"the input $x$: {_in_words(in_input.degree)}",
        ),
        title="without biases",
    )


def _drawn_with_bias() -> NetworkDegrees:
    """The same of one with a bias in its first layer."""
    x = jnp.ones(3)
    layers = [jnp.ones((4, 3)), jnp.ones(4), jnp.ones((1, 4))]
    h = homogeneity(lambda layers: _with_first_bias(layers, x))(layers)
    W1, b1, W2 = h.degrees
    # A matrix with the bias as its last column is the two together.
    both = homogeneity(lambda V: _with_first_bias([V[:, :3], V[:, 3], layers[2]], x))(
        jnp.ones((4, 4))
    )
    return NetworkDegrees(
        widths=(3, 4, 1),
        columns=(r"$x$", r"$\sigma$", r"$f$"),
        weights=(
            (
                WeightDegree("$W_1$ alone", _in_words(W1)),
                WeightDegree("$b_1$ alone", _in_words(b1)),
                WeightDegree("$W_1$ and $b_1$", _in_words(both.degree)),
            ),
            (WeightDegree("$W_2$", _in_words(W2)),),
        ),
        below=(f"all together: {_in_words(h.degree)}",),
        title="with a bias in the first layer",
    )


@claim(
    "B6",
    title="⟨W_h, ∂f/∂W_h⟩ = f for every layer h, and the diagonal gates that show it",
    statement=r"For a bias-free ReLU network $\langle W_h, \partial f/\partial W_h \rangle = f$, "
    r"the same number for every layer. Since $\sigma(z) = z\,\sigma'(z)$, with $D_h = "
    r"\mathrm{diag}(\sigma'(z_h))$ the network is $f = W_{H+1} D_H W_H \cdots D_1 W_1 "
    r"x$ and $\partial f/\partial W_h = (W_{H+1} D_H \cdots W_{h+1} D_h)^{\top} "
    r"(D_{h-1} W_{h-1} \cdots W_1 x)^{\top}$: this formula is compared with automatic "
    r"differentiation, at weights where units lie exactly on their kink.",
    heading=_HEADING,
    source="Du, Hu, Lee 2018, Theorem 2.1 (in its proof)",
)
def b6(setting: Setting) -> Certificate:
    parts = []
    for widths in ((3, 4, 3, 1), (5, 8, 7, 6, 1)):
        W, x = network_at_kinks(setting.key, widths)
        c = layer_identity(
            Problem(lambda W, x=x: relu_network(W, jnp.asarray(x))[0], W), setting.key
        )
        parts += [_titled(c, f"{len(W)} layers"), _gates(c, W, x)]
    figure = tuple(panel for part in parts[::2] for panel in part.figure)
    return all_of(parts[0].statement, parts, figure=figure)


def _gates(c: Certificate, W: list[np.ndarray], x: np.ndarray) -> Certificate:
    """f and ∂f/∂W_h from the gates D_h against the program and `jax.grad`."""
    with jax.enable_x64(True):
        f = lambda W: relu_network(W, jnp.asarray(x))[0]
        value, gradient = jax.value_and_grad(f)([jnp.asarray(w) for w in W])
    value, gradient = float(value), [np.asarray(g) for g in gradient]
    inputs, gates = [x], []  # D_{h-1} W_{h-1} ⋯ W_1 x, and the diagonal of D_h
    for layer in W[:-1]:
        z = layer @ inputs[-1]
        gates.append((z > 0).astype(np.float64))
        inputs.append(gates[-1] * z)
    # W_{H+1} D_H ⋯ W_{h+1} D_h, from h = H + 1 down
    downstream: Callable[[Any, Any], Any] = lambda row, pair: (row @ pair[0]) * pair[1]
    rows = list(accumulate(zip(W[:0:-1], gates[::-1], strict=True), downstream, initial=np.ones(1)))
    formula = [np.outer(row, a) for row, a in zip(rows[::-1], inputs, strict=True)]
    by_gates = float((W[-1] @ inputs[-1])[0])
    apart = [abs(by_gates - value)]
    apart += [float(np.linalg.norm(g - h)) for g, h in zip(formula, gradient, strict=True)]
    # Rounding of a product of matrices, in the sizes of the factors.
    size = float(np.prod([np.linalg.norm(w) for w in W]) * np.linalg.norm(x))
    sizes = np.array([size, *(size / np.linalg.norm(w) for w in W)])
    statement = replace(
        c.statement,
        left="|f − W_{H+1} D_H W_H ⋯ D_1 W_1 x|, "
        "‖∂f/∂W_h − (W_{H+1} D_H ⋯ D_h)ᵀ(D_{h−1} ⋯ W_1 x)ᵀ‖",
    )
    return Certificate(
        statement=statement,
        hypotheses=(),
        steps=np.arange(float(len(apart))),
        measured=np.array(apart),
        bound=np.zeros(len(apart)),
        allowance=8 * EPS * len(W) * sizes,
        notes=(f"gates that are closed: {int(sum(np.sum(g == 0) for g in gates))}",),
    )


CLAIMS: tuple[Claim, ...] = (b1, b2, b3, b4, b5, b6)
