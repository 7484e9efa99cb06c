"""How the step size falls: the factor of the coming epoch, from the metric of the past ones."""

from __future__ import annotations

import math
from collections.abc import Sequence

from steepest.errors import ArgumentError
from steepest.study.plan import Decay


def scale(decay: Decay, history: Sequence[float], epochs: int) -> float:
    """What the first step size is multiplied by in epoch len(history) + 1.

    Computed on the host in double precision, so that a trial that goes on from a checkpoint has the
    factors of one that was never stopped.

    Args:
        decay: the rule.
        history: the metric that the plan selects by, after each epoch so far.
        epochs: of the whole trial.

    Raises:
        ArgumentError: the rule lacks a number that its kind needs.

    Example:
        >>> [scale(Decay("every", 0.5, epochs=2), [1.0] * done, 6) for done in range(6)]
        [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
        >>> scale(Decay("on plateau", 0.9), [0.3, 0.2, 0.2], 6)  # the third is no new best
        0.9
    """
    done = len(history)
    match decay.kind:
        case "none":
            return 1.0
        case "cosine":
            return 0.5 * (1.0 + math.cos(math.pi * done / epochs))
        case "every":
            if not decay.epochs:
                raise ArgumentError('a decay of kind "every" must say every how many epochs.')
            return decay.factor ** (done // decay.epochs)
        case "on plateau":
            return decay.factor ** _plateaus(history, decay.patience)


def _plateaus(history: Sequence[float], patience: int) -> int:
    """How often `patience` epochs in a row brought no new best; each time the count begins anew."""
    best, waited, cuts = math.inf, 0, 0
    for value in history:
        if value < best:
            best, waited = value, 0
        else:
            waited += 1
        if waited == patience:
            waited, cuts = 0, cuts + 1
    return cuts
