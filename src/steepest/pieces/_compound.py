"""Choices that are made of several: clip, the maxima of windows, running maxima."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
from jax import lax

FEW = 8  # candidates, up to which what is done with them is written out one by one


@runtime_checkable
class Chooser(Protocol):
    """An interpretation of a program."""

    def site(self, name: str, eqn: Any, keys: Any) -> Any:
        """The weights of the next choice among the keys on the leading axis."""


def mixed(candidates: Any, weights: Any) -> Any:
    """Σ weight · candidate; one of weight 0 that is infinite (a masked one) does not count.

    A finite one does, in the derivative with respect to its weight.
    """
    safe = lambda w, c: w * jnp.where((w == 0) & ~jnp.isfinite(c), 0.0, c)
    if len(candidates) > FEW:
        return jnp.sum(safe(weights, candidates), axis=0)
    # Written out, what a candidate is made of is joined with the sum into one pass over memory.
    return sum(safe(weights[k], candidates[k]) for k in range(len(candidates)))


def _clamp(run: Chooser, eqn: Any, values: list[Any]) -> Any:
    low, x, high = (jnp.broadcast_to(v, jnp.shape(values[1])) for v in values)
    keys = -jnp.stack([x, high])
    below = -mixed(keys, run.site("clamp", eqn, keys))
    keys = jnp.stack([low, below])
    return mixed(keys, run.site("clamp", eqn, keys))


def _window(sign: float) -> Callable[[Chooser, Any, list[Any]], Any]:
    def rule(run: Chooser, eqn: Any, values: list[Any]) -> Any:
        keys = window_views(sign * values[0], eqn.params)
        return sign * mixed(keys, run.site(eqn.primitive.name, eqn, keys))

    return rule


def window_views(x: Any, params: dict[str, Any]) -> Any:
    """The entries of each window on a leading axis, −∞ beyond the edge."""
    padding = zip(params["padding"], params["base_dilation"], strict=True)
    padded = lax.pad(
        x,
        jnp.asarray(-jnp.inf, x.dtype),
        [(low, high, dilation - 1) for (low, high), dilation in padding],
    )
    reach = [
        (w - 1) * d + 1
        for w, d in zip(params["window_dimensions"], params["window_dilation"], strict=True)
    ]
    views = []
    for offset in np.ndindex(*params["window_dimensions"]):
        start = [o * d for o, d in zip(offset, params["window_dilation"], strict=True)]
        stop = [s + n - r + 1 for s, n, r in zip(start, padded.shape, reach, strict=True)]
        views.append(lax.slice(padded, start, stop, params["window_strides"]))
    return jnp.stack(views)


def _running(sign: float) -> Callable[[Chooser, Any, list[Any]], Any]:
    def rule(run: Chooser, eqn: Any, values: list[Any]) -> Any:
        axis, reverse = eqn.params["axis"], eqn.params["reverse"]
        x = jnp.moveaxis(sign * values[0], axis, 0)
        rows = [x[-1]] if reverse else [x[0]]
        for row in x[-2::-1] if reverse else x[1:]:
            keys = jnp.stack([rows[-1], row])
            rows.append(mixed(keys, run.site(eqn.primitive.name, eqn, keys)))
        if reverse:
            rows.reverse()
        return sign * jnp.moveaxis(jnp.stack(rows), 0, axis)

    return rule


MADE_OF: dict[str, Callable[[Chooser, Any, list[Any]], Any]] = {
    "clamp": _clamp,
    "reduce_window_max": _window(1.0),
    "reduce_window_min": _window(-1.0),
    "cummax": _running(1.0),
    "cummin": _running(-1.0),
}
