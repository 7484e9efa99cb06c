"""A model as a program of its parameters and of one input, and inputs to try it on.

The program is traced once in the user's precision and run in float64. An input is drawn around the
ones that were given: floats anew, at many scales, and integers and truth values (tokens, masks) as
they were given, since what other ones mean is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core as jex_core
from jaxtyping import PyTree

from steepest.errors import ArgumentError, DataError, SteepestError, UnsupportedPrimitiveError
from steepest.inputs import Point, as_point, leaf_name
from steepest.pieces import is_double_enabled, run_in_double
from steepest.pieces._closed import detached

MOST_GIVEN = 500  # inputs with integers, each of which is looked at


@dataclass(frozen=True)
class Model:
    """See the module.

    Attributes:
        closed: the program of the parameters' leaves and the input's.
        point: the parameters.
        rows: the given inputs, leaf by leaf, each with a leading axis of examples.
        outputs: the number of real numbers that the model returns.
        called: "on one input at a time" or "on all inputs at once", in words.
    """

    closed: jex_core.ClosedJaxpr
    point: Point
    rows: tuple[np.ndarray, ...]
    outputs: int
    called: str

    @property
    def dimension(self) -> int:
        return self.point.dimension

    @property
    def draws_all(self) -> bool:
        """Whether every leaf of an input is drawn anew."""
        return all(row.dtype.kind == "f" for row in self.rows)

    @property
    def draws_floats(self) -> bool:
        """Whether some leaf of an input is drawn anew."""
        return any(row.dtype.kind == "f" for row in self.rows)

    def start(self) -> np.ndarray:
        """The parameters as one vector in float64."""
        return np.concatenate([np.ravel(np.asarray(v, np.float64)) for v in self.point.leaves])

    def leaves(self, flat: Any) -> list[Any]:
        """Vectors, shape (..., D), cut into the parameters' leaves, with the same axes first."""
        cut, place = [], 0
        for leaf in self.point.leaves:
            size = int(np.prod(np.shape(leaf)))
            part = flat[..., place : place + size]
            cut.append(part.reshape((*flat.shape[:-1], *np.shape(leaf))))
            place += size
        return cut

    def value(self, consts: Sequence[Any], flat: Any, x: Sequence[Any]) -> Any:
        """The model's real outputs as one vector, in float64; can be differentiated in flat."""
        filled = jex_core.ClosedJaxpr(self.closed.jaxpr, consts)
        return flattened(run_in_double(filled, [*self.leaves(flat), *x]))

    def chosen(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Which of the given inputs to draw around: each once before one comes again."""
        given = len(self.rows[0]) if self.rows else 1
        rounds = [rng.permutation(given) for _ in range(-(-count // given))]
        return np.concatenate(rounds)[:count]

    def draw(
        self, rng: np.random.Generator, chosen: np.ndarray, mildness: float = 1.0
    ) -> list[np.ndarray]:
        """An input for each of the chosen ones, leaf by leaf with a leading axis: see the module.

        Args:
            rng: what draws.
            chosen: see there.
            mildness: what all floats are multiplied by.
        """
        count = len(chosen)
        scale = 10 ** rng.uniform(-1, 1, count)
        # As given, around what was given, anywhere, and anywhere at size 1: where the units of a
        # network do not saturate, though those given may saturate all.
        kinds = [(1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)]
        kept, noise, plain = rng.choice(kinds, count).T
        scale = np.where(kept > noise, 1.0, scale) * mildness
        drawn = []
        for rows in self.rows:
            x = rows[chosen]
            if rows.dtype.kind == "f":
                size = float(np.sqrt(np.mean(rows**2))) or 1.0
                along = lambda a, rank=x.ndim: a.reshape(-1, *[1] * (rank - 1))
                spread = scale * (noise * size + plain)
                x = along(scale * kept) * x + along(spread) * rng.standard_normal(x.shape)
            drawn.append(x)
        return drawn

    @property
    def enough(self) -> int:
        """How many draws show what holds for all inputs: of integers, each that was given."""
        return 24 if self.draws_all else max(24, len(self.rows[0]))


def flattened(outs: Sequence[Any]) -> Any:
    """The real numbers among the outputs, as one vector."""
    real = [jnp.ravel(out) for out in outs if jnp.issubdtype(jnp.result_type(out), np.floating)]
    return jnp.concatenate(real)


def traced_model(model: Callable[..., Any], params: PyTree, inputs: PyTree) -> Model:
    """The model as a program, its arguments checked.

    Raises:
        ArgumentError: params is no pytree of floats, or model(params, x) is not a function of them
            that returns real numbers.
        DataError: inputs are not arrays of finite numbers.
        UnsupportedPrimitiveError: the model cannot be differentiated.
    """
    point = as_point(params, name="params")
    leaves, structure, rows = _rows(inputs)
    double = is_double_enabled() or any(leaf.dtype == np.float64 for leaf in point.leaves)

    def called(variables: list[Any], x: list[Any]) -> Any:
        return model(point.restore(variables), jax.tree.unflatten(structure, x))

    def attempt(x: list[Any]) -> jex_core.ClosedJaxpr:
        with jax.enable_x64(double):
            start = [jnp.asarray(leaf) for leaf in point.leaves]
            return detached(jax.make_jaxpr(called)(start, [jnp.asarray(leaf) for leaf in x]))

    ways: list[tuple[str, list[Any], list[np.ndarray]]] = []
    if rows:
        ways.append(("on one input at a time", [row[0] for row in leaves], rows))
    ways.append(("on all inputs at once", leaves, [_wide(leaf)[None] for leaf in leaves]))
    failures: list[Exception] = []
    for words, example, given in ways:
        try:
            closed = attempt(example)
        except SteepestError:
            raise
        except Exception as error:  # whatever the user's model raises where its inputs do not fit
            failures.append(error)
            continue
        if any(row.dtype.kind != "f" for row in given):
            given = [row[:MOST_GIVEN] for row in given]
        found = Model(closed, point, tuple(given), _count(closed, model), words)
        _require_differentiable(found)
        return found
    first = failures[0]
    shapes = ", ".join(str(np.shape(row)) for row in ways[0][1])
    raise ArgumentError(
        f"model(params, x) raised {type(first).__name__} for the first of the inputs (shape "
        f"{shapes or 'none'}): {first}\nmodel must take params and one input; inputs has a leading "
        "axis of examples."
    ) from first


def _wide(leaf: np.ndarray) -> np.ndarray:
    return leaf.astype(np.float64) if jnp.issubdtype(leaf.dtype, np.floating) else leaf


def _rows(inputs: PyTree) -> tuple[list[np.ndarray], Any, list[np.ndarray]]:
    """The inputs' leaves, their structure, and the leaves as examples in float64 where they are."""
    paths, structure = jax.tree_util.tree_flatten_with_path(inputs)
    leaves: list[np.ndarray] = []
    for path, leaf in paths:
        where = leaf_name("inputs", path)
        dtype = getattr(leaf, "dtype", None)
        if dtype is not None and jnp.issubdtype(dtype, jax.dtypes.extended):
            raise DataError(f"{where} is a random key; a model of (params, x) must not draw.")
        array = np.asarray(leaf)
        if not (jnp.issubdtype(array.dtype, np.floating) or array.dtype.kind in "iub"):
            raise DataError(f"{where} is of type {array.dtype}; inputs must be arrays of numbers.")
        if not array.size:
            raise DataError(f"{where} has shape {array.shape}; give at least one input.")
        if jnp.issubdtype(array.dtype, np.floating) and not np.all(
            np.isfinite(array.astype(np.float64))
        ):
            raise DataError(f"{where} is not finite throughout; clean the data first.")
        leaves.append(array)
    lengths = {np.shape(leaf)[:1] for leaf in leaves}
    examples = len(lengths) == 1 and () not in lengths
    return leaves, structure, [_wide(leaf) for leaf in leaves] if examples else []


def _count(closed: jex_core.ClosedJaxpr, model: Callable[..., Any]) -> int:
    name = getattr(model, "__name__", type(model).__name__)
    for aval in closed.out_avals:
        if jnp.issubdtype(aval.dtype, np.complexfloating):
            raise ArgumentError(f"{name} returns {aval.dtype}; it must return real numbers.")
    sizes = [
        int(np.prod(a.shape)) for a in closed.out_avals if jnp.issubdtype(a.dtype, np.floating)
    ]
    if not sum(sizes):
        kinds = ", ".join(f"{a.dtype}{list(a.shape)}" for a in closed.out_avals) or "nothing"
        raise ArgumentError(
            f"{name} returns {kinds}, and no real number that training could change; "
            "return the predictions as floats."
        )
    return sum(sizes)


def _require_differentiable(model: Model) -> None:
    def slope(consts: Any, flat: Any, x: Any) -> Any:
        return jax.grad(lambda t: jnp.sum(model.value(consts, t, x)))(flat)

    with jax.enable_x64(True):
        x = [row[0] for row in model.rows]
        try:
            jax.eval_shape(slope, model.closed.consts, model.start(), x)
        except (ValueError, NotImplementedError, TypeError) as error:  # what JAX's rules raise
            raise UnsupportedPrimitiveError(
                f"the model cannot be differentiated in its parameters in float64: {error}"
            ) from error
