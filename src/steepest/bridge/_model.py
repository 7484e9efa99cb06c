"""A PyTorch module as a function of its parameters and inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.bridge._program import Program
from steepest.bridge._sizes import Sizes
from steepest.errors import ArgumentError


class TorchModel:
    """model(params, x): what a PyTorch module computes, in JAX. From `steepest.from_torch`.

    Attributes:
        params: the module's trainable parameters when it was translated: PyTorch's name → a NumPy
            array in PyTorch's own type. A tensor that goes by several names is there once, by its
            first.
        constants: what is fixed: frozen parameters, buffers and tensors in the code, by their names
            in the module.
    """

    def __init__(
        self,
        name: str,
        program: Program,
        params: dict[str, np.ndarray],
        sizes: Sizes,
        *,
        each_alone: bool,
    ):
        self.__name__ = name
        self.params = params
        self._program = program
        self._sizes = sizes
        self._each_alone = each_alone

    @property
    def constants(self) -> dict[str, np.ndarray]:
        return {c.name: c.array for c in self._program.constants.values()}

    def __call__(self, params: Mapping[str, Any], *inputs: Any) -> Any:
        """What the module returns with these parameters: arrays in the module's own containers.

        Args:
            params: arrays by the names of `.params`, of the same shapes. Wider numbers than the
                module's (float64 for float32) widen the whole computation.
            inputs: an array for each argument of the module's forward (or all of them in one
                tuple), of the example's shapes; the first axis may have any length. Without that
                axis they are one example, and so is the result.

        Raises:
            ArgumentError: names, shapes or kinds of numbers are not the module's.
        """
        if len(inputs) == 1 and isinstance(inputs[0], (tuple, list)):
            inputs = tuple(inputs[0])
        count = len(self._sizes.shapes)
        if len(inputs) != count:
            raise ArgumentError(
                f"the module takes {count} inputs and got {len(inputs)}; call model(params, "
                f"{', '.join(f'x{i}' for i in range(count))})."
            )
        self._check(params)
        alone = self._sizes.lack_the_batch_axis(inputs)
        if alone and not self._each_alone:
            raise ArgumentError(
                f"the inputs have no batch axis (shapes {[np.shape(x) for x in inputs]}), and this "
                "module cannot take one example by itself: its results have no batch axis, or each "
                "depends on the whole batch (batch norm in training mode). Call it on batches."
            )
        if alone:
            inputs = tuple(jnp.expand_dims(jnp.asarray(x), 0) for x in inputs)
        self._sizes.check(inputs)
        out = self._program(params, inputs)
        return jax.tree.map(lambda leaf: jnp.squeeze(leaf, 0), out) if alone else out

    def _check(self, params: Mapping[str, Any]) -> None:
        if not isinstance(params, Mapping) or set(params) != set(self.params):
            given = set(params) if isinstance(params, Mapping) else {type(params).__name__}
            odd = sorted(map(str, given ^ set(self.params)))
            raise ArgumentError(
                "params must be a dict with the names of model.params; "
                f"missing or unknown: {', '.join(odd[:5])}{', …' * (len(odd) > 5)}."
            )
        for name, array in self.params.items():
            if np.shape(params[name]) != array.shape:
                raise ArgumentError(
                    f"params[{name!r}] has shape {np.shape(params[name])}, the module's "
                    f"{array.shape}."
                )

    def __repr__(self) -> str:
        return f"TorchModel({self.__name__}, {len(self.params)} parameters)"
