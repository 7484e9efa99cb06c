"""Which entry a maximum is: x == max(x) is true of the one that is chosen.

As sets of points go the two differ where entries tie, a set of measure zero; a flow along it takes
the limits from its sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp

from steepest.pieces._cases import Cases


@dataclass(frozen=True, eq=False)
class Peak:
    """A number that is the largest (or smallest) of others.

    Attributes:
        value: it.
        source: what it is taken from.
        axes: for each axis of `value`, the axis of `source` that it goes along; None for none.
        weights: of the entries, in the shape of `source`.
    """

    value: Any
    source: Any
    axes: tuple[int | None, ...]
    weights: Any

    @staticmethod
    def of(value: Any, source: Any, axes: tuple[int, ...], weights: Any) -> Peak:
        """From weights (m, *shape of value), the m entries over the axes in their order."""
        split = jnp.reshape(weights, (*(source.shape[a] for a in axes), *jnp.shape(value)))
        kept = tuple(a for a in range(source.ndim) if a not in axes)
        return Peak(value, source, kept, jnp.moveaxis(split, range(len(axes)), axes))


Peaks = dict[int, Peak]


def is_peak(peaks: Mapping[int, Peak], values: list[Any]) -> Any | None:
    """The weight of each entry being the largest, for entries == largest; else None."""
    for entries, largest in (values, values[::-1]):
        peak = peaks.get(id(largest))
        if peak is None or peak.source is not entries:
            continue
        aligned = all(axis in (i, None) for i, axis in enumerate(peak.axes))
        if not peak.axes or (aligned and len(peak.axes) == entries.ndim):
            return peak.weights
    return None


def follow(peaks: Peaks, eqn: Any, values: list[Any], out: Any) -> None:
    """Keep where the axes of a largest entry go as it is put beside what it was taken from."""
    peak = peaks.get(id(values[0])) if values else None
    name = eqn.primitive.name
    if peak is None or name not in ("broadcast_in_dim", "reshape", "convert_element_type"):
        return
    axes: list[int | None] = [None] * jnp.ndim(out)
    if name == "broadcast_in_dim":
        for i, axis in enumerate(eqn.params["broadcast_dimensions"]):
            axes[axis] = peak.axes[i]
    elif jnp.shape(out) == jnp.shape(peak.value):
        axes = list(peak.axes)
    elif peak.axes:
        return
    peaks[id(out)] = replace(peak, value=out, axes=tuple(axes))


def negated(value: Cases) -> Cases:
    return Cases(value.atoms, value.values[::-1], value.shape, value.flat)
