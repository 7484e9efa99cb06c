"""Which momentum methods are compared with which limits, at which step sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from steepest.errors import ArgumentError
from steepest.inputs import increasing_counts, positive
from steepest.quadratic import LARGEST_DENSE
from steepest.theorems.momentum_paths import Flow, Pair
from steepest.theorems.momentum_smoothness import first_guess
from steepest.theorems.problem import Problem

_DOUBLINGS = 5
_LONGEST = 4096


@dataclass(frozen=True)
class Plan:
    """The arguments, with what was left out filled in; `root` is √β, as guessed at the start."""

    time: float
    damping: float
    momentum: float
    counts: Any
    root: float


def plan_of(p: Problem, time: Any, damping: Any, momentum: Any, counts: Any) -> Plan:
    """The plan of these arguments; what is None gets its default.

    Raises:
        ArgumentError: an argument that means nothing, named.
    """
    d = p.program.point.dimension
    if d > LARGEST_DENSE:
        raise ArgumentError(
            f"x0 has {d} variables; this theorem keeps every state, up to {LARGEST_DENSE}."
        )
    for name, value in (("time", time), ("damping", damping), ("momentum", momentum)):
        if value is not None or name == "momentum":
            positive(value, name, zero=name != "time")
    if not float(momentum) < 1:
        raise ArgumentError(f"momentum is {momentum}; it must be at least 0 and below 1.")
    root = float(np.sqrt(first_guess(p)))
    T = 3 / root if time is None else float(time)
    gamma = root if damping is None else float(damping)
    numbers = _counts(counts, 8 * root * T, 4 * gamma * T)
    if gamma * T > numbers[0]:
        raise ArgumentError(
            f"damping is {gamma:g}: with {numbers[0]} steps in the time {T:g} the momentum, "
            f"1 − damping·h, is {1 - gamma * T / numbers[0]:g}; take more steps or less damping."
        )
    return Plan(T, gamma, float(momentum), numbers, root)


def _counts(given: Any, *least: float) -> np.ndarray:
    """Numbers of steps; by default five, each twice the last, the first above those given."""
    if given is not None:
        numbers = increasing_counts(given, "counts", least=2)
        if np.any(numbers[-1] % numbers):
            raise ArgumentError(f"counts is {given}; each must divide the last: they share times.")
        return numbers
    first = int(np.ceil(max(32.0, *least)))
    longest = first * 2 ** (_DOUBLINGS - 1)
    if longest > _LONGEST:
        raise ArgumentError(
            f"this time and damping ask for {first} steps and more; take a shorter time or less "
            "damping, or give counts."
        )
    return first * 2 ** np.arange(_DOUBLINGS)


@dataclass(frozen=True)
class Limit:
    """One method and its limit, for several step sizes.

    Attributes:
        label: for figures and tables.
        order: how the error falls with `sizes`.
        sizes: h, or η.
        pairs: one for each size.
    """

    label: str
    order: int
    sizes: Float[np.ndarray, " sizes"]
    pairs: list[Pair]


def limits_of(plan: Plan) -> list[Limit]:
    """The seven limits: low and high order of both methods, 3/t, and a fixed momentum of both."""
    T, gamma, m = plan.time, plan.damping, plan.momentum
    widths = T / plan.counts
    limits = []
    for method in ("heavy ball", "Nesterov"):
        for order, flow_at in ((1, lambda h, _: Flow(gamma)), (2, _high_order)):
            pairs = [
                Pair(
                    method, np.full(n, 1 - gamma * h), h**2, flow_at(1 - gamma * h, (h, method)), T
                )
                for n, h in zip(plan.counts, widths, strict=True)
            ]
            name = f"{method}, {'low' if order == 1 else 'high'} order"
            limits.append(Limit(name, order, widths, pairs))
    vanishing = Flow(vanishing=3.0)
    pairs = [
        Pair("Nesterov", np.arange(n) / (np.arange(n) + 3.0), h**2, vanishing, T)
        for n, h in zip(plan.counts, widths, strict=True)
    ]
    limits.append(Limit("Nesterov, (k − 1)/(k + 2)", 1, widths, pairs))
    # Gradient flow has times in units of 1/β; the method forgets its start over 1/(1 − m) steps,
    # which are to be short in them.
    short = (1 - m) * T / plan.root
    etas = (1 - m) * short / plan.counts
    for method in ("heavy ball", "Nesterov"):
        pairs = [
            Pair(method, np.full(n, m), eta, Flow(first_order=True), short)
            for n, eta in zip(plan.counts, etas, strict=True)
        ]
        limits.append(Limit(f"{method}, fixed momentum", 1, etas, pairs))
    return limits


def _high_order(m: float, of: tuple[float, str]) -> Flow:
    """The equation of high order at momentum m = 1 − γh: see `steepest.momentum_flow`."""
    h, method = of
    share = 1 / (1 + m)
    return Flow(
        damping=2 * (1 - m) / h * share,
        curvature=2 * m * h * share if method == "Nesterov" else 0.0,
        force=2 * share,
        start=m * share * h,
    )
