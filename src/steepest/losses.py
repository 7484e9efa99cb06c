"""The mean loss of a model over data, as a function of the parameters that remembers its model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from steepest.errors import DataError, NotScalarError
from steepest.inputs import function, is_traced, leaf_name


class MeanLoss:
    """f(params) = mean over i of loss(model(params, X[i]), Y[i]).

    Attributes:
        model: (params, x) → prediction, for one input x.
        loss: (prediction, y) → one real number.
        X, Y: the data, pytrees of arrays with one leading axis.
    """

    def __init__(self, model: Callable[..., Any], loss: Callable[..., Any], X: PyTree, Y: PyTree):
        self.model = function(model, "model", "(params, x)")
        self.loss = function(loss, "loss", "(prediction, y)")
        self.X, self.Y = _as_arrays(X, "X"), _as_arrays(Y, "Y")
        _check_data(self.X, self.Y)
        self.__name__ = f"mean_loss({getattr(model, '__name__', type(model).__name__)})"

    def __call__(self, params: PyTree, batch: tuple[PyTree, PyTree] | None = None) -> Any:
        """The mean over all the data, or over `batch`, a pair (X, Y) of the same kind."""
        X, Y = (self.X, self.Y) if batch is None else batch
        if batch is not None:
            _check_data(X, Y)
        return jnp.mean(jax.vmap(self._one, in_axes=(None, 0, 0))(params, X, Y))

    def _one(self, params: PyTree, x: PyTree, y: PyTree) -> Any:
        value = self.loss(self.model(params, x), y)
        shape = jnp.shape(value)
        if shape != ():
            raise NotScalarError(
                f"the loss of one input has shape {shape}; it must be one number: sum or average "
                "over the outputs. (The model is given one input at a time, without a batch axis.)"
            )
        return value


def _as_arrays(data: PyTree, name: str) -> PyTree:
    try:
        return jax.tree.map(jnp.asarray, data)
    except TypeError as error:
        raise DataError(f"{name} is not made of arrays of numbers: {error}") from error


def _check_data(X: PyTree, Y: PyTree) -> None:
    lengths: dict[str, int] = {}
    for name, data in (("X", X), ("Y", Y)):
        for path, leaf in jax.tree_util.tree_flatten_with_path(data)[0]:
            where = leaf_name(name, path)
            if leaf.ndim == 0:
                raise DataError(f"{where} is a single number; it needs a leading axis of examples.")
            lengths[where] = leaf.shape[0]
            concrete = not is_traced(leaf)
            if concrete and jnp.issubdtype(leaf.dtype, np.inexact):
                bad = np.argwhere(~np.isfinite(np.asarray(leaf, np.float64)))
                if len(bad):
                    raise DataError(
                        f"{where}{bad[0].tolist()} is not finite; clean the data first."
                    )
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        listed = ", ".join(f"{where}: {n}" for where, n in lengths.items())
        raise DataError(f"X and Y must hold the same number of examples, at least one ({listed}).")


def mean_loss(
    model: Callable[..., Any], loss: Callable[..., Any], X: PyTree, Y: PyTree
) -> MeanLoss:
    """The mean loss of a model over data, ready for `descend`, `Problem` and the theorems.

    Args:
        model: (params, x) → prediction. It sees one input x at a time; the mean is taken outside.
        loss: (prediction, y) → one real number.
        X, Y: inputs and targets, arrays (or pytrees of arrays) with one leading axis of n examples.

    Returns:
        A function of params, with `.model`, `.loss`, `.X`, `.Y`; called with a second argument
        (X, Y) it takes the mean over that batch instead, as `descend(batches=…)` does.

    Raises:
        DataError: the lengths of X and Y differ, there are no examples, or a value is not finite.
        NotScalarError: (when called) the loss of one input is not one number.

    Example:
        >>> import jax.numpy as jnp
        >>> f = mean_loss(lambda w, x: w @ x, lambda p, y: (p - y) ** 2, jnp.eye(2), jnp.ones(2))
        >>> float(f(jnp.zeros(2)))
        1.0
    """
    return MeanLoss(model, loss, X, Y)
