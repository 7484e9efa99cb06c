"""Small ReLU networks as pairs of functions: where the parameters start, and the scores."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from math import prod, sqrt
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import PyTree


class Network(NamedTuple):
    """A network.

    Attributes:
        init: key → parameters: weights Gaussian with variance 2 over what comes in (He, Zhang, Ren,
            Sun 2015), biases 0.
        scores: (parameters, inputs with a leading axis of examples) → scores, a column a class.
    """

    init: Callable[[jax.Array], PyTree]
    scores: Callable[[PyTree, Any], Any]


def dense(widths: Sequence[int]) -> Network:
    """Layers of these widths, inputs and classes included, with ReLU between them.

    Example:
        >>> network = dense((64, 32, 10))
        >>> network.scores(network.init(jax.random.key(0)), jnp.ones((5, 64))).shape
        (5, 10)
    """
    shapes = list(itertools.pairwise(widths))

    def scores(params: PyTree, x: Any) -> Any:
        x = x.reshape(len(x), -1)
        for layer in params[:-1]:
            x = jax.nn.relu(x @ layer["weights"] + layer["bias"])
        return x @ params[-1]["weights"] + params[-1]["bias"]

    return Network(lambda key: _layers(key, shapes), scores)


def convolutional(
    size: Sequence[int], inputs: int, channels: Sequence[int], classes: int, *, kernel: int = 3
) -> Network:
    """Convolutions with ReLU, the means of 2 × 2 (or 2) neighbours after each, and a dense layer.

    Args:
        size: of the images, (height, width), or of the sequences, (length,); divisible by 2 as
            often as there are layers.
        inputs: channels of the inputs.
        channels: of each layer.
        classes: how many scores.
        kernel: the width of the convolutions, odd; they keep the size.

    Example:
        >>> network = convolutional((8, 8), 1, (4, 8), 10)
        >>> network.scores(network.init(jax.random.key(0)), jnp.ones((5, 8, 8, 1))).shape
        (5, 10)
    """
    axes = "HW"[-len(size) :]
    layout = (f"N{axes}C", f"{axes}IO", f"N{axes}C")
    shapes = [(*[kernel] * len(size), a, b) for a, b in itertools.pairwise((inputs, *channels))]
    left = prod(n // 2 ** len(channels) for n in size) * channels[-1]

    def scores(params: PyTree, x: Any) -> Any:
        for layer in params[:-1]:
            x = lax.conv_general_dilated(
                x, layer["weights"], [1] * len(size), "SAME", dimension_numbers=layout
            )
            x = _halved(jax.nn.relu(x + layer["bias"]))
        x = x.reshape(len(x), -1)
        return x @ params[-1]["weights"] + params[-1]["bias"]

    return Network(lambda key: _layers(key, [*shapes, (left, classes)]), scores)


def _halved(x: Any) -> Any:
    """The means of two neighbours along each axis between the first and the last."""
    for axis in range(1, x.ndim - 1):
        pairs = (*x.shape[:axis], x.shape[axis] // 2, 2, *x.shape[axis + 1 :])
        x = x.reshape(pairs).mean(axis + 1)
    return x


def _layers(key: jax.Array, shapes: Sequence[tuple[int, ...]]) -> list[dict[str, Any]]:
    """Layers of these shapes, what goes out last."""
    return [
        {
            "weights": sqrt(2 / prod(shape[:-1])) * jax.random.normal(k, shape),
            "bias": jnp.zeros(shape[-1]),
        }
        for k, shape in zip(jax.random.split(key, len(shapes)), shapes, strict=True)
    ]
