"""What a study trains: a problem in JAX, or a program in any framework."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
from jaxtyping import PyTree


@dataclass(frozen=True)
class JaxProblem:
    """A problem that is trained by `steepest.descend`.

    Attributes:
        name: as the plan has it.
        init: key → parameters, a pytree of floats.
        loss: (parameters, batch, key) → one number, the mean over the batch; the key is the
            step's own, for dropout and the like.
        metrics: (parameters, batch) → name → number, each a mean over the examples of the batch
            ("loss", "error", …). On the three sets these become "train loss", "dev error", ….
        train, dev, test: pytrees of arrays with a leading axis of examples.
        folder: what the path of a method's file is relative to; no part of the problem.
    """

    name: str
    init: Callable[[jax.Array], PyTree]
    loss: Callable[[PyTree, PyTree, jax.Array], Any]
    metrics: Callable[[PyTree, PyTree], Mapping[str, Any]]
    train: PyTree
    dev: PyTree
    test: PyTree
    folder: Path = field(default=Path(), compare=False)


@dataclass(frozen=True)
class Program:
    """A problem in any framework.

    Attributes:
        name: as the plan has it.
        run: trial → an iterable that yields the metrics after each epoch, name → number, with the
            plan's `select` among them; see `steepest.study.trial.Trial` for what it is handed.
        data: a function that returns the arrays that it trains on, any pytree, for their
            fingerprint; None where the problem shows none.
        folder: as above.
        data_folder: the folder of `--data`, which its trials are told; None without one.
    """

    name: str
    run: Callable[[Any], Iterable[Mapping[str, Any]]]
    data: Callable[[], PyTree] | None = None
    folder: Path = field(default=Path(), compare=False)
    data_folder: Path | None = field(default=None, compare=False)


Problem = JaxProblem | Program
