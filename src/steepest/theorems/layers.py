"""A network's layers: one leaf of the parameters each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from steepest.errors import ArgumentError
from steepest.homogeneity import homogeneity
from steepest.inputs import as_point
from steepest.laws import balance
from steepest.losses import MeanLoss
from steepest.pieces import is_double_enabled
from steepest.theorems.certificate import Evidence, Hypothesis
from steepest.theorems.problem import Problem

_NAME = "predictions are 1-homogeneous in each layer"
_FACTORS = (1.7, 0.3)
_EXAMPLES = 16


def require_layers(p: Problem) -> None:
    """Refuse a problem whose x0 is a single leaf."""
    count = len(p.program.point.leaves)
    if count < 2:
        raise ArgumentError(
            f"x0 has {count} leaf; this theorem compares layers, one leaf of a pytree each."
        )


def layer_norms(leaves: Sequence[Any]) -> Any:
    """‖Wᵢ‖² for each leaf."""
    return balance(leaves).squared_norms


def homogeneity_of_layers(p: Problem, points: Sequence[PyTree]) -> Hypothesis:
    """Proved of the model by the rules of `homogeneity`, or refuted; else measured at the points.

    Measured is by scaling the model's layers or, where f alone is known, by ⟨Wᵢ, ∂f/∂Wᵢ⟩. Of a run
    that left the finite numbers the end says nothing and is passed over.
    """
    points = [x for x in points if all(np.isfinite(leaf).all() for leaf in as_variables(x))]
    if isinstance(p.f, MeanLoss):
        return _by_rules(p.f, p.x0) or _by_scaling(p.f, points)
    return _by_euler(p, points)


def as_variables(x: PyTree) -> tuple[Any, ...]:
    """The layers of a state, finite or not."""
    return as_point(x, name="x", finite=False).leaves


def _by_rules(f: MeanLoss, x0: PyTree) -> Hypothesis | None:
    """Of the predictions on all inputs: proved, or refuted by a point; None where neither is known.

    A degree other than 1 is left to the scaling, which shows it in numbers.
    """
    point = as_point(x0)
    leaves = list(point.leaves)

    def predictions_on(X: PyTree) -> Any:
        predict = jax.vmap(f.model, in_axes=(None, 0))
        return homogeneity(lambda layers: predict(point.restore(layers), X))(leaves)

    holds_double = any(leaf.dtype == np.float64 for leaf in leaves)
    with jax.enable_x64(holds_double or is_double_enabled()):
        degrees = predictions_on(f.X).degrees
        if all(degree in (1, "any") for degree in degrees):
            return Hypothesis(
                _NAME, Evidence.PROVED, "by the rules of `homogeneity`, at all inputs"
            )
        if all(degree is not None for degree in degrees):
            return None
        # A point that refutes it on some examples does so on all.
        records = predictions_on(jax.tree.map(lambda a: a[:_EXAMPLES], f.X)).leaves
    for name, record in zip(point.names, records, strict=True):
        if record.counterexample is not None:
            where = name.removeprefix("x0")
            detail = f"no degree in layer {where}, seen at α = {record.counterexample.alpha:g}"
            return Hypothesis(_NAME, Evidence.VIOLATED, f"{detail}: {record.reason}")
    return None


def _by_scaling(f: MeanLoss, points: Sequence[PyTree]) -> Hypothesis:
    inputs = jax.tree.map(lambda a: a[:_EXAMPLES], f.X)
    predict = jax.jit(jax.vmap(f.model, in_axes=(None, 0)))
    for params in points:
        point = as_point(params, name="x")
        leaves = [jnp.asarray(leaf) for leaf in point.leaves]
        tolerance = 1e3 * max(float(jnp.finfo(leaf.dtype).eps) for leaf in leaves)
        before = np.asarray(predict(point.restore(leaves), inputs), np.float64)
        for i in range(len(leaves)):
            for factor in _FACTORS:
                scaled = [*leaves[:i], factor * leaves[i], *leaves[i + 1 :]]
                after = np.asarray(predict(point.restore(scaled), inputs), np.float64)
                off = float(np.max(np.abs(after - factor * before)))
                if not off <= tolerance * float(np.max(np.abs(before)) + np.max(np.abs(after))):
                    where = point.names[i].removeprefix("x")
                    detail = f"scaling layer {where} by {factor} misses it by {off:.3g}"
                    return Hypothesis(_NAME, Evidence.VIOLATED, detail)
    detail = f"each layer scaled by {_FACTORS[0]} and {_FACTORS[1]} at the start and the end"
    return Hypothesis(_NAME, Evidence.MEASURED, detail)


def _by_euler(p: Problem, points: Sequence[PyTree]) -> Hypothesis:
    """f alone shows only what follows: ⟨Wᵢ, ∂f/∂Wᵢ⟩ is the same for every layer."""

    def products(f: Any, leaves: list[Any]) -> Any:
        gradient = jax.grad(f)(leaves)
        dots = [jnp.vdot(w, g) for w, g in zip(leaves, gradient, strict=True)]
        sizes = [
            jnp.linalg.norm(w) * jnp.linalg.norm(g) for w, g in zip(leaves, gradient, strict=True)
        ]
        return jnp.stack(dots), jnp.stack(sizes)

    evaluate = p.program.in_double(products)
    starts = [[np.asarray(leaf, np.float64) for leaf in as_variables(x)] for x in points]
    # A layer that is zero has the product 0 whatever its degree.
    draw = np.random.default_rng(0).standard_normal
    beside = [
        [leaf if np.any(leaf) else draw(leaf.shape) for leaf in leaves]
        for leaves in starts
        if not all(np.any(leaf) for leaf in leaves)
    ]
    for leaves in (*starts, *beside):
        dots, sizes = evaluate(leaves)
        spread = float(np.max(dots) - np.min(dots))
        if np.isnan(spread):
            return Hypothesis(_NAME, Evidence.UNKNOWN, "automatic differentiation gives NaN for ∇f")
        if not spread <= 1e-9 * float(np.max(sizes)):
            detail = f"⟨Wᵢ, ∂f/∂Wᵢ⟩ differ between layers by {spread:.3g}"
            return Hypothesis(_NAME, Evidence.VIOLATED, detail)
    detail = "⟨Wᵢ, ∂f/∂Wᵢ⟩ is the same for every layer at the start and the end"
    return Hypothesis(_NAME, Evidence.MEASURED, detail)
