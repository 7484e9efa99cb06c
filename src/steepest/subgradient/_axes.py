"""Along which axes of one array the axes of another run, step by step.

Each number of the second depends on the number of the first that stands at its own place along
those axes; `None` is an axis along which all depend on the same.
"""

from __future__ import annotations

from typing import Any

from steepest.pieces import _smooth as smooth

Axes = tuple[int | None, ...]
_ELEMENTWISE = smooth.ELEMENTWISE | smooth.ELEMENTWISE_CHOICES | {"clamp", "rem"}
_CUMULATIVE = frozenset(["cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp"])
_REDUCING = frozenset(["argmax", "argmin"]) | {
    f"reduce_{by}" for by in ("and", "or", "xor", "sum", "prod", "max", "min")
}


def identity(shape: tuple[int, ...]) -> Axes:
    return tuple(i if n > 1 else None for i, n in enumerate(shape))


def carried(
    name: str, params: dict[str, Any], shape: tuple[int, ...], out: tuple[int, ...], axes: Axes
) -> Axes | None:
    """The axes of the outcome of a step on arrays of this shape; None: it mixes the numbers."""
    if name in _ELEMENTWISE:
        return axes
    if name in _CUMULATIVE:
        return axes if axes[params["axis"]] is None else None
    if name in _REDUCING:
        gone = params["axes"]
        if any(axes[i] is not None for i in gone):
            return None
        return tuple(a for i, a in enumerate(axes) if i not in gone)
    if name == "concatenate":
        return axes if axes[params["dimension"]] is None else None
    if name == "stack":
        return (*axes[: params["axis"]], None, *axes[params["axis"] :])
    return moved(name, params, shape, out, axes)


def looked_up(params: dict[str, Any], out: tuple[int, ...], axes: Axes) -> Axes | None:
    """Those of what a gather takes from a table that is constant; `axes`: of its indices."""
    *each, last = axes
    if last is not None:
        return None
    within = params["dimension_numbers"].offset_dims
    rest = iter(each)
    return tuple(None if i in within else next(rest) for i in range(len(out)))


def moved(
    name: str, params: dict[str, Any], shape: tuple[int, ...], out: tuple[int, ...], axes: Axes
) -> Axes | None:
    """The same of a step that only arranges axes anew."""
    if name == "broadcast_in_dim":
        found: list[Any] = [None] * len(out)
        for i, place in enumerate(params["broadcast_dimensions"]):
            found[place] = axes[i] if shape[i] == out[place] else None
        return tuple(found)
    if name == "transpose":
        return tuple(axes[i] for i in params["permutation"])
    if name in ("reshape", "squeeze", "expand_dims"):
        wide = [(n, a) for n, a in zip(shape, axes, strict=True) if n != 1]
        if [n for n, _ in wide] != [n for n in out if n != 1]:
            return None
        rest = iter(wide)
        return tuple(None if n == 1 else next(rest)[1] for n in out)
    return None
