"""The state of a long trial after each epoch, on disk: it goes on from there bit for bit."""

from __future__ import annotations

import contextlib
import io
import json
import warnings
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from steepest.report.files import write_atomically
from steepest.study.configuration import Configuration
from steepest.study.history import History

_FORMAT = b"steepest checkpoint 1"


class CheckpointWarning(UserWarning):
    """A checkpoint was not written, or is not used; the message says which and why."""


@dataclass(frozen=True)
class Checkpoints:
    """Where the states of trials are kept.

    A checkpoint is one file, named by the hash of the trial's configuration: a line with its own
    SHA-256, a line of JSON with the history, and the arrays of the state as Equinox writes them. It
    is written beside and renamed. One that is torn, or of another trial, is not used.

    Attributes:
        folder: an existing folder; None for no checkpoints.
        after: how many seconds trials run before their states are kept.
    """

    folder: Path | None = None
    after: float = 60.0

    def due(self, seconds: float) -> bool:
        """Whether states are kept after so many seconds."""
        return self.folder is not None and seconds >= self.after

    def path(self, trial: Configuration) -> Path:
        """The trial's file, whether or not it is there."""
        assert self.folder is not None
        return self.folder / f"{trial.hash}.checkpoint"

    def has(self, trial: Configuration) -> bool:
        """Whether the trial has a checkpoint, sound or not."""
        return self.folder is not None and self.path(trial).exists()

    def write(self, history: History, state: PyTree) -> None:
        """Keep where a trial is. That the file cannot be written does not stop the trial."""
        arrays = io.BytesIO()
        eqx.tree_serialise_leaves(arrays, _plain(state))
        record = {
            "configuration": history.configuration.hash,
            "metrics": history.metrics,
            "step sizes": history.step_sizes,
        }
        content = json.dumps(record, allow_nan=False).encode() + b"\n" + arrays.getvalue()
        path = self.path(history.configuration)
        try:
            write_atomically(path, b"%s %s\n%s" % (_FORMAT, _digest(content), content))
        except OSError as error:
            self._warn(path, f"cannot be written ({error.strerror or error}); the trial goes on")

    def read(self, trial: Configuration, like: PyTree) -> tuple[History, PyTree] | None:
        """Where the trial was, or None.

        Args:
            trial: which one.
            like: the shapes and dtypes of its state.
        """
        if not self.has(trial):
            return None
        path = self.path(trial)
        begins_anew = "; the trial begins anew"
        try:
            content = path.read_bytes()
        except OSError as error:
            return self._warn(path, f"cannot be read ({error.strerror or error}){begins_anew}")
        head, _, content = content.partition(b"\n")
        if head != b"%s %s" % (_FORMAT, _digest(content)):
            return self._warn(path, f"is torn or no checkpoint{begins_anew}")
        line, _, arrays = content.partition(b"\n")
        record = json.loads(line)
        if record["configuration"] != trial.hash:
            return self._warn(path, f"is of another trial{begins_anew}")
        try:
            plain = jax.eval_shape(_plain, like)
            state = _as(like, eqx.tree_deserialise_leaves(io.BytesIO(arrays), plain))
        except (RuntimeError, ValueError, EOFError) as error:
            return self._warn(path, f"holds another state ({error}){begins_anew}")
        return History(trial, record["metrics"], record["step sizes"]), state

    def discard(self, trial: Configuration) -> None:
        """Remove the trial's checkpoint, for when its result is written."""
        if self.folder is not None:
            with contextlib.suppress(OSError):
                self.path(trial).unlink()

    def _warn(self, path: Path, what: str) -> None:
        warnings.warn(f"the checkpoint {path} {what}.", CheckpointWarning, stacklevel=2)


def _digest(content: bytes) -> bytes:
    return sha256(content).hexdigest().encode()


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _plain(state: PyTree) -> PyTree:
    """The state with random keys as the numbers that they are."""
    return jax.tree.map(lambda a: jax.random.key_data(a) if _is_key(a) else a, state)


def _as(like: PyTree, plain: PyTree) -> PyTree:
    as_it_was = lambda shape, a: jax.random.wrap_key_data(a) if _is_key(shape) else a
    return jax.tree.map(as_it_was, like, plain)
