"""Is f continuous near x, and is its slope bounded? Asked of the function itself.

Nothing here proves that a function is well behaved; it finds jumps and slopes that grow without
bound, at every radius down to rounding.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from steepest.pieces import Program
from steepest.pieces._compile import compiled

_RADII = (1e-2, 1e-4, 1e-6)
_LINES = 24
_POINTS = 17
_HALVINGS = 16


class Probe:
    """f at many points: (n, d) → (n,), in float64."""

    def __init__(self, program: Program):
        self.program = program
        self.center = np.concatenate([leaf.reshape(-1) for leaf in program.start])
        self.scale = max(1.0, float(np.abs(self.center).max(initial=0.0)))

        def value(flat: jax.Array) -> jax.Array:
            return program(program.leaves(flat))

        self.mapped = compiled(jax.vmap(value))

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return np.asarray(self.mapped(jnp.asarray(points)))


def jumps_near(probe: Probe, rng: np.random.Generator) -> bool:
    """Whether f jumps at points as near to x as rounding allows.

    On random segments near x the largest step between neighbours is followed by bisection; a jump
    keeps its size while the interval shrinks by 2^16, where a Lipschitz function's step shrinks
    alike.
    """
    return all(_jumps_at(probe, radius * probe.scale, rng) for radius in _RADII)


def _jumps_at(probe: Probe, radius: float, rng: np.random.Generator) -> bool:
    d = probe.center.size
    ends = rng.standard_normal((2, _LINES, d))
    ends /= np.linalg.norm(ends, axis=2, keepdims=True)
    t = np.linspace(0, 1, _POINTS)[None, :, None]
    points = probe.center + radius * ((1 - t) * ends[0][:, None] + t * ends[1][:, None])
    values = probe(points.reshape(-1, d)).reshape(_LINES, _POINTS)
    with np.errstate(invalid="ignore"):
        steps = np.abs(np.diff(values))
    steps = np.where(np.isfinite(steps), steps, 0.0)
    at = np.argmax(steps, axis=1)
    rows = np.arange(_LINES)
    low, high = points[rows, at], points[rows, at + 1]
    f_low, f_high = values[rows, at], values[rows, at + 1]
    first = np.abs(f_high - f_low)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        f_middle = probe(middle)
        left = np.abs(f_middle - f_low) >= np.abs(f_high - f_middle)
        high = np.where(left[:, None], middle, high)
        f_high = np.where(left, f_middle, f_high)
        low = np.where(left[:, None], low, middle)
        f_low = np.where(left, f_low, f_middle)
    last = np.abs(f_high - f_low)
    floor = 1e-12 * max(1.0, float(np.nanmax(np.abs(values), initial=0.0)))
    with np.errstate(invalid="ignore"):
        return bool(np.any((last > 0.05 * first) & (last > floor)))


def slope_grows(probe: Probe, value: float, rng: np.random.Generator) -> bool:
    """Whether difference quotients near x grow at every step down in radius."""
    d = probe.center.size
    directions = rng.standard_normal((64, d))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    best = []
    for radius in 10.0 ** -np.arange(1, 8):
        step = radius * probe.scale * directions
        values = probe(probe.center + step)
        near = probe(probe.center + 0.5 * step)
        to_center = np.abs(values - value) / (radius * probe.scale)
        between = np.abs(values - near) / (0.5 * radius * probe.scale)
        if not np.all(np.isfinite(values)):
            return True
        best.append(max(float(np.max(to_center)), float(np.max(between))))
    growth = np.array(best[1:]) / np.maximum(np.array(best[:-1]), 1e-300)
    return bool(np.all(growth[-4:] > 1.08))
