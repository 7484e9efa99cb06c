"""Gradient sampling (Burke, Lewis, Overton 2005): for black boxes and too many pieces."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from steepest.convex import Empty, Hull
from steepest.pieces import Program
from steepest.pieces._compile import compiled


def sampled_hull(
    program: Program, samples: int, radius: float, rng: np.random.Generator
) -> Hull | Empty:
    """The hull of gradients at random points within `radius` of x (per unit of its entries).

    Neither inside nor outside ∂f(x): a gradient near x need not be a limit at x, and pieces are
    missed. Empty where no sampled gradient is finite.
    """
    d = program.point.dimension
    steps = rng.standard_normal((samples, d))
    steps *= (rng.uniform(size=(samples, 1)) ** (1 / d)) / np.linalg.norm(
        steps, axis=1, keepdims=True
    )
    center = np.concatenate([leaf.reshape(-1) for leaf in program.start])
    points = center + radius * max(1.0, float(np.abs(center).max())) * steps

    def value(flat: jax.Array) -> jax.Array:
        return program(program.leaves(flat))

    gradient = compiled(jax.grad(value))
    found = np.stack([np.asarray(gradient(jnp.asarray(p))) for p in points])
    found = found[np.all(np.isfinite(found), axis=1)]
    return Hull(found) if len(found) else Empty(d)
