"""Which inputs a program takes: kinds of numbers, axes, and lengths that may differ.

`torch.export` leaves behind a module of guards, `_guards_fn`, that tells which lengths it took for
granted. It has no public name (tried with PyTorch 2.13); where there is none, only the example's
own lengths are accepted.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from steepest.bridge._arrays import numpy_dtype
from steepest.bridge._torch import pytorch
from steepest.errors import ArgumentError


class Sizes:
    """The shapes that an exported module takes.

    Attributes:
        shapes: the example's.
        free: of each input, whether its first axis may be of another length.
        one_allowed: whether that length may be one.
    """

    def __init__(self, exported: Any, inputs: tuple[Any, ...]):
        names = [
            spec.arg.name
            for spec in exported.graph_signature.input_specs
            if spec.kind.name == "USER_INPUT"
        ]
        nodes = {node.name: node for node in exported.graph.nodes}
        values = [nodes[name].meta["val"] for name in names]
        self._guards = getattr(exported.module(), "_guards_fn", None)
        free = [tuple(not isinstance(n, int) for n in v.shape) for v in values]
        self.shapes = tuple(tuple(tensor.shape) for tensor in inputs)
        self.free = tuple(bool(f and f[0] and self._guards is not None) for f in free)
        self._dtypes = tuple(numpy_dtype(tensor.dtype) for tensor in inputs)
        self._raw = tuple(tensor.dtype for tensor in inputs)
        self._known: set[Any] = set()  # shapes that passed
        self.one_allowed = True

    def allow_one(self, allowed: bool) -> None:
        """Say whether free first axes may have length one."""
        self.one_allowed = allowed
        self._known.clear()

    def take(self, inputs: tuple[Any, ...]) -> bool:
        """Whether `check` passes."""
        try:
            self.check(inputs)
        except ArgumentError:
            return False
        return True

    def lack_the_batch_axis(self, inputs: tuple[Any, ...]) -> bool:
        """Whether they are one example each, without the first axis that the module's inputs have.

        That axis must be of any length in all of them.
        """
        return all(self.free) and all(
            np.shape(x) == shape[1:] for x, shape in zip(inputs, self.shapes, strict=True)
        )

    def check(self, inputs: tuple[Any, ...]) -> None:
        """Refuse inputs of another kind or shape.

        Raises:
            ArgumentError: it says both shapes.
        """
        for i, (x, dtype) in enumerate(zip(inputs, self._dtypes, strict=True)):
            given = jnp.asarray(x).dtype
            if _kind(given) != _kind(dtype):
                raise ArgumentError(
                    f"input {i} holds {given}, the example {dtype}; cast it with .astype."
                )
        shapes = tuple(np.shape(x) for x in inputs)
        if shapes in self._known:
            return
        fits = all(map(self._fits, shapes, self.shapes, self.free)) and self._pass_guards(shapes)
        if not fits:
            raise ArgumentError(
                f"the inputs have the shapes {_listed(shapes)}, and the module was exported with "
                f"{self._described()}; call from_torch with example inputs of the shapes that you "
                "need."
            )
        self._known.add(shapes)

    def _fits(self, shape: tuple[int, ...], example: tuple[int, ...], free: bool) -> bool:
        if shape == example or not free:
            return shape == example
        least = 1 if self.one_allowed else 2
        return len(shape) == len(example) and shape[1:] == example[1:] and shape[0] >= least

    def _pass_guards(self, shapes: tuple[tuple[int, ...], ...]) -> bool:
        torch = pytorch()
        if self._guards is None:
            return False
        blanks = [
            torch.empty(shape, dtype=dtype, device="meta")
            for shape, dtype in zip(shapes, self._raw, strict=True)
        ]
        try:
            self._guards(*blanks)
        except AssertionError:
            return False
        return True

    def _described(self) -> str:
        shapes = [
            f"({', '.join(['any', *map(str, shape[1:])])}{',' * (len(shape) == 1)})"
            if free
            else str(shape)
            for shape, free in zip(self.shapes, self.free, strict=True)
        ]
        return " and ".join(shapes)


def _listed(shapes: tuple[tuple[int, ...], ...]) -> str:
    return " and ".join(map(str, shapes))


def _kind(dtype: Any) -> str:
    for kind, name in (
        (jnp.floating, "real"),
        (jnp.integer, "integer"),
        (jnp.complexfloating, "complex"),
    ):
        if jnp.issubdtype(dtype, kind):
            return name
    return "bool"
