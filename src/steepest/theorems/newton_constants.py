"""μ and M of Newton's theorem, from the program, the user, or Hessians along the run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from steepest.flow import straight
from steepest.theorems.certificate import Evidence, Hypothesis
from steepest.theorems.kinks_on_the_way import KinksOnTheWay
from steepest.theorems.newton_run import NewtonRun, NewtonRunner
from steepest.theorems.problem import Number, Problem
from steepest.theorems.rounding import EPS, SIX_DIGITS
from steepest.theorems.vectors import in_words

_CONVEX = "∇²f ⪰ μ > 0"
_LIPSCHITZ = "∇²f is M-Lipschitz"
# Shares of the way from x to x*: the nodes of a quadrature exact to degree 15, and x* itself.
# The theorem's integral over the segment then does not exceed what is seen at them.
_NODES = np.append((np.polynomial.legendre.leggauss(8)[0] + 1) / 2, 1.0)


@dataclass(frozen=True)
class Constants:
    """μ, M and the worst condition number of a Hessian on the way, with the evidence."""

    mu: float
    M: float
    condition: float
    hypotheses: tuple[Hypothesis, ...]


@dataclass(frozen=True)
class _Seen:
    """What Hessians at the points visited and on their segments to x* show.

    Attributes:
        star: x*.
        least: the smallest eigenvalue of all, and where.
        quotient: the largest change of ∇²f by distance, and the point it starts from.
        condition: the largest condition number at a point visited.
        tied: points there at which ∇²f is not that of all sides.
        missing: a point where ∇²f is not finite, in words; None where it is at all of them.
    """

    star: Float[np.ndarray, " d"]
    least: tuple[float, str]
    quotient: tuple[float, str]
    condition: float
    tied: list[Float[np.ndarray, " d"]]
    missing: str | None


def constants(
    p: Problem, runner: NewtonRunner, run: NewtonRun, star: Float[np.ndarray, " d"]
) -> Constants:
    """Settle μ and M."""
    q = p.quadratic
    if q is not None:
        read = f"read off the program, a quadratic: λ from {q.least:.6g} to {q.largest:.6g}"
        mu, about_mu = _convexity_of_quadratic(p, q.least, q.rounding, read)
        M = Hypothesis(_LIPSCHITZ, Evidence.PROVED, "M = 0: a quadratic", 0.0)
        return Constants(mu, 0.0, q.norm / q.least if q.least > 0 else np.inf, (about_mu, M))
    seen = _look(runner, run, star)
    mu, about_mu = _convexity(p.strong_convexity, seen)
    M, about_M = _lipschitz(p.hessian_lipschitz, seen)
    others = () if about_M.evidence is Evidence.VIOLATED else _kinks(p, run, seen)
    if seen.missing is not None:
        detail = f"it is not finite at {seen.missing}"
        others += (Hypothesis("∇²f is known", Evidence.UNKNOWN, detail),)
    return Constants(mu, M, seen.condition, (about_mu, about_M, *others))


def _convexity_of_quadratic(
    p: Problem, least: float, rounding: float, read: str
) -> tuple[float, Hypothesis]:
    stated = p.strong_convexity
    if not least > 0:
        return least, Hypothesis(_CONVEX, Evidence.VIOLATED, read, least)
    if stated is not None and stated > least * (1 + SIX_DIGITS) + rounding:
        detail = f"μ = {stated:.6g} given; {read}"
        return least, Hypothesis(_CONVEX, Evidence.VIOLATED, detail, float(stated))
    return least, Hypothesis(_CONVEX, Evidence.PROVED, read, least)


def _convexity(stated: Number | None, seen: _Seen) -> tuple[float, Hypothesis]:
    value, where = seen.least
    if stated is None or stated == 0.0:
        evidence = Evidence.MEASURED if value > 0 else Evidence.VIOLATED
        detail = f"μ = {value:.6g}, the least λ(∇²f) seen on segments to x*, at {where}"
        return value, Hypothesis(_CONVEX, evidence, detail, value)
    if value < stated * (1 - SIX_DIGITS):
        detail = f"μ = {stated:.6g} given; λ_min(∇²f) = {value:.6g} at {where}"
        return float(stated), Hypothesis(_CONVEX, Evidence.VIOLATED, detail, float(stated))
    detail = f"μ = {stated:.6g} given; no Hessian seen refutes it by more than its sixth digit"
    return float(stated), Hypothesis(_CONVEX, Evidence.GIVEN, detail, float(stated))


def _lipschitz(stated: Number | None, seen: _Seen) -> tuple[float, Hypothesis]:
    value, where = seen.quotient
    if stated is None:
        detail = f"M = {value:.6g}, the largest change of ∇²f on a segment to x*, from {where}"
        return value, Hypothesis(_LIPSCHITZ, Evidence.MEASURED, detail, value)
    if value > stated * (1 + SIX_DIGITS):
        detail = f"M = {stated:.6g} given; ∇²f changes by {value:.6g} times the way from {where}"
        return float(stated), Hypothesis(_LIPSCHITZ, Evidence.VIOLATED, detail, float(stated))
    detail = f"M = {stated:.6g} given; no Hessian seen refutes it by more than its sixth digit"
    return float(stated), Hypothesis(_LIPSCHITZ, Evidence.GIVEN, detail, float(stated))


def _look(runner: NewtonRunner, run: NewtonRun, star: Float[np.ndarray, " d"]) -> _Seen:
    least, quotient = (np.inf, in_words(star)), (0.0, in_words(star))
    condition, missing = 1.0, None
    tied: list[Float[np.ndarray, " d"]] = []
    for x in run.xs:
        H, off = runner.p.derivatives.hessian(x)
        where = in_words(x)
        if not np.isfinite(H).all():
            missing = where
            continue
        ends = np.linalg.eigvalsh(H)
        tied += [x] if off > 0 else []
        least = min(least, (float(ends[0]), where))
        norm = float(np.max(np.abs(ends)))
        condition = max(condition, norm / ends[0] if ends[0] > 0 else np.inf)
        apart = float(np.linalg.norm(star - x))
        # Where x* is within rounding of x Hessians differ by theirs alone.
        if apart <= 1e-8 * (float(np.linalg.norm(x)) + float(np.linalg.norm(star))):
            continue
        for share in _NODES:
            point = x + share * (star - x)
            between, unsure = runner.p.derivatives.hessian(point)
            if not np.isfinite(between).all():
                missing = in_words(point)
                continue
            tied += [point] if unsure > 0 else []
            least = min(least, (float(np.linalg.eigvalsh(between)[0]), in_words(point)))
            # What is read off the sides of a tie is that far off.
            changed = float(np.linalg.norm(H - between, 2)) - off - unsure
            if changed > 64 * EPS * len(x) * norm:
                quotient = max(quotient, (changed / (share * apart), where))
    return _Seen(star, least, quotient, condition, tied, missing)


def _kinks(p: Problem, run: NewtonRun, seen: _Seen) -> tuple[Hypothesis, ...]:
    """That ∇f and ∇²f are Lipschitz on the segments and at their tied points, where they are not
    or where that cannot be told."""
    kinks = KinksOnTheWay(p, order=2)
    ways = np.concatenate([straight(np.array([x, seen.star])) for x in run.xs])
    undefined = kinks.ends(np.concatenate([run.xs, seen.star[None]]))
    return undefined or kinks.hypotheses([ways], joined=False) or kinks.at(seen.tied)
