"""Numbers that f does not depend on, although its program reads them.

log Σ exp(x_i − m) + m is the same for every m; the largest x_i is taken against overflow. Such an
m is found by following how each number depends on it: as v + k·m (a *shift*) or as v·exp(k·m) (a
*scale*) with k and v free of m. Where every path to the output comes to k = 0, f is free of m, and
the steps that only make m are held: their choices are none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np

from steepest.subgradient._axes import Axes, moved
from steepest.subgradient._flat import Flat, Step


@dataclass(frozen=True)
class Share:
    """How a number depends on m; `axes`: m's axis that each axis of the number runs along."""

    kind: str
    k: int
    axes: Axes


Shares = dict[int, Share]  # by the place of m


def hold(flat: Flat) -> None:
    """Mark the steps whose outcome f does not depend on."""
    free = _free(flat)
    if not free:
        return
    live = {a for a in flat.outputs if isinstance(a, int)}
    for step in reversed(flat.steps):
        used = any(place in live for place in step.outputs)
        step.held = not used or step.outputs[0] in free
        if not step.held:
            live.update(a for a in step.inputs if isinstance(a, int))


def _free(flat: Flat) -> set[int]:
    """The candidates (what stands behind a stop_gradient, largest numbers) that f is free of."""
    shares: dict[int, Shares] = {}
    candidates: set[int] = set()
    lost: set[int] = set()
    for step in flat.steps:
        inputs = [shares.get(a, {}) if isinstance(a, int) else {} for a in step.inputs]
        found: Shares = {}
        for m in {m for share in inputs for m in share}:
            share = _through(flat, step, [s.get(m) for s in inputs])
            if share is None:
                lost.add(m)
            elif share.k:
                found[m] = share
        if step.name in ("stop_gradient", "reduce_max"):
            place = step.outputs[0]
            candidates.add(place)
            axes = tuple(i if n > 1 else None for i, n in enumerate(step.shapes[0]))
            found[place] = Share("shift", 1, axes)
        if found:
            shares.update(dict.fromkeys(step.outputs, found))
    for atom in flat.outputs:
        lost.update(shares.get(atom, {}) if isinstance(atom, int) else {})
    return candidates - lost


def _through(flat: Flat, step: Step, inputs: list[Share | None]) -> Share | None:
    """The share of the output; None where it is of neither kind."""
    name, out = step.name, step.shapes[0]
    shares = [
        s if s is None or len(s.axes) == len(out) or s.axes else replace(s, axes=(None,) * len(out))
        for s in inputs
    ]
    first = shares[0]
    if name in _SUMS or name in _PRODUCTS:
        kind = "shift" if name in _SUMS else "scale"
        signs = [1, _SUMS.get(name) or _PRODUCTS.get(name, 1)]
        present = [(s, sign) for s, sign in zip(shares, signs, strict=True) if s is not None]
        share = present[0][0]
        if any(s.kind != kind or s.axes != share.axes for s, _ in present):
            return None
        return replace(share, k=sum(sign * s.k for s, sign in present))
    if first is None:
        return None
    if name in ("stop_gradient", "copy", "copy_p"):
        return first
    if name == "convert_element_type" and jnp.issubdtype(step.params["new_dtype"], np.floating):
        return first
    if name == "neg" and first.kind == "shift":
        return replace(first, k=-first.k)
    if name == "abs" and first.kind == "scale":
        return first
    if name in _CHANGES and first.kind == _CHANGES[name][0]:
        return replace(first, kind=_CHANGES[name][1])
    if name == "reduce_sum" and first.kind == "scale":
        summed = step.params["axes"]
        if any(first.axes[i] is not None for i in summed):
            return None
        return replace(first, axes=tuple(a for i, a in enumerate(first.axes) if i not in summed))
    own = inputs[0] or first
    axes = moved(name, step.params, flat.shape(step.inputs[0]), out, own.axes)
    return None if axes is None else replace(first, axes=axes)


_SUMS = {"add": 1, "add_any": 1, "sub": -1}
_PRODUCTS = {"mul": 1, "div": -1}
_CHANGES = {"exp": ("shift", "scale"), "log": ("scale", "shift")}
