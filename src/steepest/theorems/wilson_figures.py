"""The figure of `adaptive_overfitting`: the share of fresh points that each method misses."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from steepest.theorems.curves import Curve, Curves
from steepest.theorems.wilson_runs import End

Missed = dict[str, Float[np.ndarray, " _"]]


def all_missed(ends: list[End], labels: Float[np.ndarray, " m"]) -> Float[np.ndarray, " k"]:
    """What each instance's end misses."""
    return np.array([end.missed(labels) for end in ends])


def over_sizes(
    ends: dict[str, list[End]],
    labels: Float[np.ndarray, " m"],
    steps: Float[np.ndarray, " n"],
    eps: float,
) -> Curves:
    """Against the number of points, with the share of the rarer class."""
    missed = {name: all_missed(of_method, labels) for name, of_method in ends.items()}
    rarer = Curve(steps, np.full_like(steps, np.mean(labels < 0)), "the rarer class", "reference")
    return Curves(
        (*_together(steps, missed), rarer),
        xlabel="points $n$",
        ylabel="share of fresh points missed",
        title=f"with ε = {eps:g}",
        xscale="log",
    )


def over_eps(tried: Float[np.ndarray, " k"], missed: Missed, n: int) -> Curves:
    """Against ε, of the adaptive methods."""
    return Curves(
        _together(tried, missed),
        xlabel=r"$\varepsilon$",
        ylabel="share of fresh points missed",
        title=f"with other ε, at n = {n}",
        xscale="log",
    )


def _together(x: Float[np.ndarray, " k"], missed: Missed) -> tuple[Curve, ...]:
    """A curve for all methods with the same values."""
    labels: dict[bytes, list[str]] = {}
    for name, values in missed.items():
        labels.setdefault(values.tobytes(), []).append(name)
    return tuple(Curve(x, missed[names[0]], ", ".join(names)) for names in labels.values())


def turns(tried: Float[np.ndarray, " k"], missed: Missed, n: int) -> str:
    """From which ε on each method misses nothing, up to the largest that was tried."""
    found = []
    for name, values in missed.items():
        bad = np.flatnonzero(values > 0)
        first = int(bad[-1]) + 1 if len(bad) else 0
        none = first == len(tried)
        found.append(
            f"{name} with no ε tried" if none else f"{name} from ε = {tried[first]:.2g} on"
        )
    return f"at n = {n} no fresh point is missed by " + ", ".join(found)
