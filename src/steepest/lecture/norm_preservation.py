"""Slide section "Norm Preservation": the four-panel figure."""

from __future__ import annotations

from dataclasses import replace

from steepest.lecture.claim import Claim, Setting, claim
from steepest.lecture.instances import digits_loss, random_layers, small_network
from steepest.theorems import norm_drift, squared_norm_differences
from steepest.theorems.certificate import Certificate, all_of
from steepest.theorems.problem import Problem

# Frobenius norms of the three layers at the start.
_STARTS = {"balanced": (1.0, 1.0, 1.0), "unbalanced": (4.0, 2.0, 1.0)}
_LEARNING_RATE = 0.05


@claim(
    "C1",
    title="A gradient step changes ‖Wᵢ‖² − ‖Wⱼ‖² by exactly η²(‖gᵢ‖² − ‖gⱼ‖²)",
    statement=r"Train $f(x; W_1, W_2, W_3) = W_3\,\sigma(W_2\,\sigma(W_1 x))$ on the digits by "
    r"gradient descent on the quadratic loss, from a balanced and from an unbalanced start. "
    r"Each step changes $\|W_i\|_F^2 - \|W_j\|_F^2$ by $\eta^2(\|g_i\|_F^2 - \|g_j\|_F^2)$ and "
    r"by nothing else, so under small steps the differences stay nearly constant; from a "
    r"balanced start the ratios of the squared norms stay near one while the norms grow. Beside "
    r"the gradient inclusion on a small network: gradient descent's drift up to a time is "
    r"$O(\eta)$, the inclusion's is its tolerance.",
    heading="Norm Preservation",
    source="Du, Hu, Lee 2018, Corollary 2.1 and Figure 1",
)
def c1(setting: Setting) -> Certificate:
    width = setting.pick(quick=24, paper=64)
    f = digits_loss(setting.pick(quick=300, paper=1797))
    steps = setting.pick(quick=1000, paper=10_000)
    parts = []
    for name, norms in _STARTS.items():
        W = random_layers(setting.key, (64, width, width, 10), norms)
        c = squared_norm_differences(Problem(f, W), steps=steps, learning_rate=_LEARNING_RATE)
        panels = tuple(replace(panel, title=f"{name}: {panel.title}") for panel in c.figure)
        parts.append(replace(c, figure=panels))
    # A start from which descent at the largest of the steps is in its first order already.
    beside = norm_drift(small_network(setting.key), time=1.0, counts=(50, 100, 200, 400, 800, 1600))
    (panel,) = beside.figure
    parts.append(replace(beside, figure=(replace(panel, title="drift up to time 1"),)))
    return all_of(parts[0].statement, parts)


CLAIMS: tuple[Claim, ...] = (c1,)
