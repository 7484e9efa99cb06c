"""Slide section "Are these actually useful?": the construction of Wilson et al."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.descent import descend
from steepest.lecture.claim import Claim, Setting, claim
from steepest.theorems import adaptive_overfitting
from steepest.theorems.certificate import Certificate
from steepest.theorems.sampling import generator
from steepest.theorems.wilson_construction import construct, draw_labels
from steepest.theorems.wilson_runs import ADAPTIVE

_SHARE = 0.7
_BATCH, _POINTS = 10, 50
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
    c = adaptive_overfitting(sizes, _SHARE, eps_tried=_EPS, key=setting.key)
    steps = setting.pick(quick=(100, 1000), paper=(100, 1000, 10_000))
    notes = tuple(_with_batches(setting.key, count) for count in steps)
    return replace(c, notes=(*c.notes, *notes))


def _with_batches(key: jax.Array, steps: int) -> str:
    """What comes out with ε = 0 and batches of ten, of which no theorem speaks."""
    rng = generator(key)
    instance, labels = construct(_POINTS, _SHARE, rng), draw_labels(1000, _SHARE, rng)
    X, y = instance.matrix, instance.labels

    def draw(key: jax.Array, _: Any) -> Any:
        rows = jax.random.choice(key, _POINTS, (_BATCH,), replace=False)
        return jnp.asarray(X)[rows], jnp.asarray(y)[rows]

    loss = lambda w, batch: 0.5 * jnp.sum((batch[0] @ w - batch[1]) ** 2)
    missed = {}
    with jax.enable_x64(True):
        for name, method in ADAPTIVE.items():
            run = descend(loss, np.zeros(X.shape[1]), method(0.0), steps, batches=draw, key=key)
            w = np.asarray(run.final)
            missed[name] = float(np.mean((w[0] * labels + w[1] + w[2]) * labels <= 0))
    told = ", ".join(f"{name} misses {share:.3g}" for name, share in missed.items())
    return (
        f"as found, with batches of {_BATCH} of {_POINTS} points and ε = 0, after {steps} steps: "
        f"{told} of the fresh points, of which {np.mean(labels < 0):.3g} are of the rarer class"
    )


CLAIMS: tuple[Claim, ...] = (e2,)
