"""Slide section "Are these actually useful?": the construction of Wilson et al."""

from __future__ import annotations

from steepest.lecture.claim import Claim, Setting, claim
from steepest.theorems import adaptive_overfitting
from steepest.theorems.certificate import Certificate

# Two decades each below one, three values a decade from there on.
_EPS = (1e-8, 1e-6, 1e-4, 1e-2, 0.1, 0.22, 0.46, 1.0, 2.2, 4.6, 10.0, 22.0, 100.0)


@claim(
    "E2",
    title="Adaptive methods miss all fresh points of the rarer class, where gradient descent "
    "misses none",
    statement=r"A least-squares problem with more parameters than points, where one feature is the "
    r"label. Gradient descent, heavy ball and Nesterov's method reach the least-norm solution and "
    r"err on no fresh point. AdaGrad, RMSProp and Adam with $\varepsilon = 0$ stay on the ray of "
    r"$\mathrm{sign}(X^\top y)$, fit the training points as well, and call every fresh point the "
    r"commoner class. On the right how large an $\varepsilon$ turns the claim: with $\varepsilon = "
    r"10$ they err no more.",
    heading="Are these actually useful?",
    source="Wilson, Roelofs, Stern, Srebro, Recht 2017, Lemma 3.1 and Section 3",
)
def e2(setting: Setting) -> Certificate:
    sizes = setting.pick(quick=(10, 50, 200), paper=(10, 20, 50, 100, 150, 200))
    return adaptive_overfitting(sizes, eps_tried=_EPS, key=setting.key)


CLAIMS: tuple[Claim, ...] = (e2,)
