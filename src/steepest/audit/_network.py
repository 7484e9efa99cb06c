"""How a user's model and loss are called on a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from steepest.errors import ArgumentError, DataError, NotScalarError
from steepest.inputs import Point, as_point


class Network:
    """A model with its parameters, on one batch.

    The model is called on the whole batch where it takes one (its predictions then have the batch's
    leading axis, for a batch of one, too), else on one input at a time. The loss is called on one
    prediction and one target where that gives a number, else on all of them.

    Attributes:
        point: the parameters.
        inputs, targets: the batch; targets are None where there are none.
        examples: how many.
        whole: whether the model is called on the whole batch.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        params: PyTree,
        batch: PyTree,
        loss: Callable[..., Any] | None,
    ):
        self.model, self.loss = model, loss
        self.point: Point = as_point(params, name="params")
        self.inputs, self.targets = _split(batch)
        if loss is not None and self.targets is None:
            raise ArgumentError(
                "a loss needs targets: give the batch as a pair (inputs, targets), or no loss."
            )
        self.examples = _length(self.inputs, "inputs")
        if self.targets is not None and _length(self.targets, "targets") != self.examples:
            raise DataError(
                f"the batch has {self.examples} inputs and {_length(self.targets, 'targets')} "
                "targets; give as many of both."
            )
        self.whole = self._takes_batches()
        if loss is not None:
            predictions = jax.eval_shape(self.predictions, list(self.point.leaves))
            self._each = self._loss_of_one_is_a_number(predictions)

    def predictions(self, leaves: list[Any]) -> Any:
        """The model on the batch, as a function of the parameters' leaves."""
        return self._called(self.point.restore(leaves), self.inputs)

    def predictions_at(self, params: PyTree) -> Any:
        return self._called(params, self.inputs)

    def loss_at(self, params: PyTree) -> Any:
        return self.mean_loss(list(as_point(params, name="params", finite=False).leaves))

    def _called(self, params: PyTree, inputs: PyTree) -> Any:
        if self.whole:
            return self._arrays(params, inputs)
        return jax.vmap(self._arrays, in_axes=(None, 0))(params, inputs)

    def _arrays(self, params: PyTree, inputs: PyTree) -> Any:
        out = self.model(params, inputs)
        for leaf in jax.tree.leaves(out):
            if not _is_number(leaf):
                raise ArgumentError(
                    f"the model returns {leaf!r:.40} ({type(leaf).__name__}); it must return an "
                    "array, or a pytree of arrays."
                )
        return out

    def mean_loss(self, leaves: list[Any]) -> Any:
        """The mean loss on the batch, one real number."""
        predictions = self.predictions(leaves)
        assert self.loss is not None
        if self._each:
            return jnp.mean(jax.vmap(self.loss)(predictions, self.targets))
        value = self.loss(predictions, self.targets)
        if not _is_number(value):
            raise NotScalarError(
                f"the loss returns {value!r:.40}; it must give one number, or one for each example."
            )
        shape = jnp.shape(value)
        if shape not in ((), (self.examples,)):
            raise NotScalarError(
                f"the loss returns an array of shape {shape}; it must give one number, or one for "
                "each example."
            )
        return jnp.mean(value)

    def _takes_batches(self) -> bool:
        params = self.point.restore(list(self.point.leaves))
        one = jax.tree.map(lambda a: a[:1], self.inputs)
        leading = lambda inputs: {
            leaf.shape[:1]
            for leaf in jax.tree.leaves(jax.eval_shape(lambda i: self.model(params, i), inputs))
        }
        try:
            return leading(self.inputs) == {(self.examples,)} and leading(one) == {(1,)}
        except (TypeError, ValueError, IndexError):
            # Shapes that do not fit; one by one they may. If not, that call raises, to the user.
            return False

    def _loss_of_one_is_a_number(self, predictions: Any) -> bool:
        assert self.loss is not None
        one = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[1:], a.dtype), predictions)
        target = jax.tree.map(
            lambda a: jax.ShapeDtypeStruct(np.shape(a)[1:], a.dtype), self.targets
        )
        try:
            out = jax.eval_shape(self.loss, one, target)
        except (TypeError, ValueError, IndexError):
            return False
        return getattr(out, "shape", None) == ()


def _is_number(value: Any) -> bool:
    """Or an array of numbers."""
    return hasattr(value, "dtype") or isinstance(value, (int, float, complex))


def _split(batch: PyTree) -> tuple[PyTree, PyTree]:
    pair = isinstance(batch, (tuple, list)) and len(batch) == 2
    inputs, targets = batch if pair else (batch, None)
    as_arrays = lambda tree: jax.tree.map(jnp.asarray, tree)
    try:
        return as_arrays(inputs), as_arrays(targets)
    except TypeError as error:
        raise DataError(f"the batch is not made of arrays of numbers: {error}") from error


def _length(tree: PyTree, name: str) -> int:
    sizes = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(tree)}
    if len(sizes) != 1 or () in sizes or (0,) in sizes:
        raise DataError(
            f"the batch's {name} must be arrays with one leading axis of examples, at least one; "
            f"their shapes are {[np.shape(leaf) for leaf in jax.tree.leaves(tree)]}."
        )
    ((size,),) = sizes
    return int(size)
