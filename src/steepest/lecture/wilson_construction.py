"""Slide section "Are these actually useful?": the construction of Wilson et al."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from steepest.lecture.claim import Claim, Setting, claim
from steepest.theorems import adaptive_overfitting
from steepest.theorems.certificate import Certificate
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.sampling import generator
from steepest.theorems.wilson_construction import construct, draw_labels
from steepest.theorems.wilson_runs import ADAPTIVE, adaptive_ends

_SHARE = 0.7
_EPS = np.logspace(-8, 2, 31)
_POINTS = 50


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
    c = adaptive_overfitting(sizes, _SHARE, key=setting.key)
    rng = generator(setting.key)
    instance, labels = construct(_POINTS, _SHARE, rng), draw_labels(1000, _SHARE, rng)
    missed: dict[str, Float[np.ndarray, " k"]] = {}
    for name in ADAPTIVE:
        ends = adaptive_ends([instance] * len(_EPS), name, _EPS)
        missed[name] = np.array([end.missed(labels) for end in ends])
    panel = Curves(
        tuple(Curve(_EPS, values, name) for name, values in missed.items()),
        xlabel=r"$\varepsilon$",
        ylabel="share of fresh points missed",
        title=f"with ε, at n = {_POINTS}",
        xscale="log",
    )
    (over_sizes,) = c.figure
    notes = (f"at n = {_POINTS} and fresh points of its own: {_turns(missed)}", *c.notes)
    return replace(c, figure=(replace(over_sizes, title="with ε = 0"), panel), notes=notes)


def _turns(missed: dict[str, Float[np.ndarray, " k"]]) -> str:
    """From which ε on each method misses nothing, up to the largest that was tried."""
    found = []
    for name, values in missed.items():
        bad = np.flatnonzero(values > 0)
        first = 0 if not len(bad) else int(bad[-1]) + 1
        found.append(
            f"{name} misses nothing from ε = {_EPS[first]:.2g} on"
            if first < len(_EPS)
            else f"{name} misses some for every ε"
        )
    return "; ".join(found)


CLAIMS: tuple[Claim, ...] = (e2,)
