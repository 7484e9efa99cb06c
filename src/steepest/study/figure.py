"""The figure of a study: learning curves, the search for the step sizes, the budget."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from steepest.study.outcome import StudyOutcome
from steepest.study.words import is_error
from steepest.theorems.curves import Curve, Curves, Mark

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_NONE = np.zeros(0)


def panels(outcome: StudyOutcome) -> tuple[Curves, ...]:
    """Four panels, or three where nothing is recorded on the training set.

    1. and 2., as Wilson, Roelofs, Stern, Srebro, Recht (2017), figure 1: the training metric and
    the reported one against epochs, mean ± one standard deviation over the fresh seeds, the lowest
    mean of each method marked. 3. What is selected by against the step size, with the tuned step
    marked and what diverged above. 4. What is selected by against the budget: the expected best of
    k configurations.

    Methods without results have a place in the legend, so that colours agree between the panels.
    """
    metrics = dict.fromkeys(name for name in (outcome.trained, outcome.reported) if name)
    return (
        *(learning_panel(outcome, metric) for metric in metrics),
        steps_panel(outcome),
        budget_panel(outcome),
    )


def learning_panel(outcome: StudyOutcome, metric: str) -> Curves:
    """A metric against the epochs."""
    curves, seeds = [], outcome.plan.seeds
    for method in outcome.methods:
        curve = method.curve(metric, outcome.plan.epochs)
        scale = _scale(metric)
        mark, band = None, None
        if curve.best is not None:
            least = scale * float(curve.mean[curve.best])
            mark = Mark(float(curve.epochs[curve.best]), least, _shown(metric, least))
            if curve.runs > 1:
                band = (scale * (curve.mean - curve.sd), scale * (curve.mean + curve.sd))
        shown = method.label
        failed = sum(run.diverged is not None for run in method.fresh)
        if failed:
            mark = None  # what is left of the curve is no outcome
            shown += f" (diverged on {failed} of {len(method.fresh)} seeds)"
        elif curve.runs < outcome.plan.seeds:
            shown += (
                f" ({curve.runs} of {outcome.plan.seeds} seeds)" if curve.runs else " (not run)"
            )
        curves.append(Curve(curve.epochs, scale * curve.mean, shown, band=band, mark=mark))
    seeds = outcome.plan.seeds
    spread = f", ± 1 sd over {seeds} seeds" if seeds > 1 else ""
    return Curves(
        tuple(curves),
        "epoch",
        _axis(metric),
        title=f"{metric}{spread}",
        yscale=_yscale(curve.y for curve in curves),
    )


def steps_panel(outcome: StudyOutcome) -> Curves:
    """What is selected by against the step size, each method with its chosen other values."""
    metric, curves = outcome.select, []
    for method in outcome.methods:
        choice = method.tuned
        if choice is None:
            curves.append(Curve(_NONE, _NONE, f"{method.label} (not tuned)"))
            continue
        steps = np.array([point.step for point in choice.along])
        scores = _scale(metric) * np.array([point.score for point in choice.along])
        at = Mark(choice.step, _scale(metric) * choice.chosen.score)
        where = "" if choice.interior else " (at an end)"
        curves.append(
            Curve(
                steps,
                scores,
                f"{method.label}, {power_of_two(choice.step)}{where}",
                mark=at if math.isfinite(at.y) else None,
                infinite="diverged",
            )
        )
    return Curves(
        tuple(curves),
        "step size",
        _axis(metric),
        title=f"{metric} by step size, the tuned one marked",
        xscale="log2",
        yscale=_yscale(curve.y for curve in curves),
    )


def budget_panel(outcome: StudyOutcome) -> Curves:
    """What is selected by, of the expected best of k configurations."""
    metric, curves = outcome.select, []
    for method in outcome.methods:
        best = _scale(metric) * outcome.expected_best(method, metric)
        shown = method.label if len(best) else f"{method.label} (not tuned)"
        curves.append(Curve(np.arange(1.0, len(best) + 1), best, shown, infinite="infinite"))
    return Curves(
        tuple(curves),
        "configurations tried",
        _axis(metric),
        title=f"expected best {metric} by tuning budget",
        yscale=_yscale(curve.y for curve in curves),
    )


def write_figures(outcome: StudyOutcome, folder: Path) -> tuple[Path, ...]:
    """Write the figure as `study.svg`, `study.pdf` and `study.png`; returns their paths.

    Raises:
        ArgumentError: the folder is a file or cannot be written.
        MissingExtraError: Matplotlib is not installed.
    """
    from steepest import figures
    from steepest.report import prepare_folder, write_atomically

    prepare_folder(folder)
    axes = figures.plot(outcome)
    rendered = figures.render_figure(np.ravel(axes)[0].figure)
    return tuple(
        write_atomically(folder / f"study.{suffix}", content)
        for suffix, content in rendered.items()
    )


def power_of_two(step: float) -> str:
    """A power of two as such, any other step to three digits.

    Example:
        >>> power_of_two(0.125), power_of_two(0.003)
        ('2⁻³', '0.003')
    """
    fraction, exponent = math.frexp(step)
    return f"2{str(exponent - 1).translate(_RAISED)}" if fraction == 0.5 else f"{step:.3g}"


def _scale(metric: str) -> float:
    return 100.0 if is_error(metric) else 1.0


def _axis(metric: str) -> str:
    return f"{metric} in %" if is_error(metric) else metric


def _shown(metric: str, value: float) -> str:
    return f"{value:.2f} %" if is_error(metric) else f"{value:.3g}"


def _yscale(values: Iterable[Float[np.ndarray, " _"]]) -> Literal["linear", "log", "symlog"]:
    """Logarithmic where what is shown spans more than a factor of four, down to 0 if need be."""
    shown: Sequence[np.ndarray] = [each[np.isfinite(each)] for each in values]
    every = np.concatenate(shown) if shown else _NONE
    positive = every[every > 0]
    if len(positive) == 0 or every.min() < 0 or every.max() <= 4 * positive.min():
        return "linear"
    return "log" if every.min() > 0 else "symlog"
