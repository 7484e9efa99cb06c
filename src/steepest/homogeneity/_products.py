"""Rules of sums of products: matrix products, convolutions, Fourier transforms."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.homogeneity._value import Result, Value


def _dot(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    """Each entry a sum of products: degrees add, and the terms must have one."""
    a, b = inputs[0].degrees, inputs[1].degrees
    if a is None or b is None:
        return [None]
    if not a.parts and not b.parts:
        return [a + b]
    (a_sum, b_sum), (a_batch, b_batch) = eqn.params["dimension_numbers"]
    ranks = [len(atom.aval.shape) for atom in eqn.invars]
    a_free = [axis for axis in range(ranks[0]) if axis not in (*a_sum, *a_batch)]
    b_free = [axis for axis in range(ranks[1]) if axis not in (*b_sum, *b_batch)]

    # Axes in the order: batch, free in a, free in b, summed over.
    def of_a(part: np.ndarray) -> np.ndarray:
        at = np.transpose(part, [*a_batch, *a_free, *a_sum])
        split = len(a_batch) + len(a_free)
        return at.reshape(*at.shape[:split], *(1,) * len(b_free), *at.shape[split:])

    def of_b(part: np.ndarray) -> np.ndarray:
        at = np.transpose(part, [*b_batch, *b_free, *b_sum])
        split = len(b_batch)
        return at.reshape(*at.shape[:split], *(1,) * len(a_free), *at.shape[split:])

    terms = a.mapped(of_a) + b.mapped(of_b)
    kept = len(a_batch) + len(a_free) + len(b_free)
    axes = tuple(range(kept, kept + len(a_sum)))
    total = reading.uniform(Value(terms), axes, eqn)
    return [total.mapped(lambda part: np.squeeze(part, axes))]


def _convolution(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    """A sum over channels and places; each group of features with its own channels."""
    image, kernel = inputs[0].degrees, inputs[1].degrees
    if image is None or kernel is None:
        return [None]
    if not image.parts and not kernel.parts:
        return [image + kernel]
    (n, c, *space), (o, i, *window), (out_n, out_c, *_) = _layout(eqn)
    image = reading.uniform(inputs[0], space, eqn)
    kernel = reading.uniform(inputs[1], window, eqn)
    groups = eqn.params["feature_group_count"]
    if eqn.params["batch_group_count"] != 1:
        image = reading.uniform(Value(image), [n], eqn)
        kernel = reading.uniform(Value(kernel), [o], eqn)
    rank = len(eqn.outvars[0].aval.shape)
    features = eqn.invars[1].aval.shape[o]

    # Axes in the order: batch, group, features of a group, channels of a group.
    def of_image(part: np.ndarray) -> np.ndarray:
        batch, channels = part.shape[n], part.shape[c]
        at = np.moveaxis(part, (n, c), (0, 1)).reshape(batch, channels)
        if channels == 1:
            return at.reshape(batch, 1, 1, 1)
        return at.reshape(batch, groups, 1, channels // groups)

    def of_kernel(part: np.ndarray) -> np.ndarray:
        outs, ins = part.shape[o], part.shape[i]
        at = np.moveaxis(part, (o, i), (0, 1)).reshape(outs, ins)
        if outs == 1:
            return at.reshape(1, 1, 1, ins)
        return at.reshape(1, groups, features // groups, ins)

    terms = image.mapped(of_image) + kernel.mapped(of_kernel)
    total = reading.uniform(Value(terms), [3], eqn)

    def placed(part: np.ndarray) -> np.ndarray:
        batch, grouped, of_group, _ = part.shape
        wide = grouped > 1 or of_group > 1
        if wide:
            part = np.broadcast_to(part, (batch, groups, features // groups, 1))
        at = part.reshape(batch, features if wide else 1)
        shape = [1] * rank
        shape[out_n], shape[out_c] = at.shape
        return (at if out_n < out_c else at.T).reshape(shape)

    return [total.mapped(placed)]


def _layout(eqn: Any) -> tuple[Any, Any, Any]:
    d = eqn.params["dimension_numbers"]
    return d.lhs_spec, d.rhs_spec, d.out_spec


def _fourier(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    rank = len(eqn.invars[0].aval.shape)
    return [reading.uniform(inputs[0], range(rank - len(eqn.params["fft_lengths"]), rank), eqn)]


PRODUCTS = {"dot_general": _dot, "conv_general_dilated": _convolution, "fft": _fourier}
