"""What a program does with numbers that have cases; see `steepest.pieces._cases`.

A rule gives None where it has none: a float is then mixed and goes on as any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer

from steepest.pieces import _smooth as smooth
from steepest.pieces._cases import (
    MOST,
    Atom,
    Cases,
    Run,
    combined,
    count,
    full_weights,
    is_number,
    joint,
    shape_of,
    truth,
)
from steepest.pieces._double import evaluate_equation

Inputs = list[tuple[Any, bool]]

# Kinks, unless what they are applied to does not depend on x.
_STEPS = smooth.ELEMENTWISE_CHOICES | {"clamp", "rem", "is_finite", "shift_left"}
# They are watched as roots, or may be norms: for those the mixed number serves.
_ROOTS = frozenset({"sqrt", "rsqrt", "cbrt", "pow"})
_ADDS = frozenset({"add", "sub", "add_any"})
_SQUARES = frozenset({"square", "integer_pow", "mul"})
_SMALL = 4096  # entries of what is computed while the program is traced
_LARGE = 700.0  # exp of more is not finite
_EXPONENTIALS = frozenset({"exp", "exp2", "expm1", "sinh", "cosh"})
_ALONG = frozenset(
    {"reduce_and", "reduce_or", "reduce_xor", "reduce_max", "reduce_min", "reduce_sum"}
    | {"reduce_prod", "argmax", "argmin", "cumsum", "cummax", "cummin", "cumprod"}
)


def with_cases(run: Run, eqn: Any, inputs: Inputs) -> Cases | None:
    """The result of an equation some of whose inputs have cases."""
    name = eqn.primitive.name
    flat = all(v.flat if isinstance(v, Cases) else not varies for v, varies in inputs)
    if name in _ALONG:
        return _along(run, eqn, inputs)
    if name in ("concatenate", "stack"):
        return _joined(run, eqn, inputs)
    if name in smooth.STRUCTURAL and len(inputs) == 1 and name != "convert_element_type":
        return _moved(eqn, inputs[0][0])
    if _is_first_power(name, inputs):
        return inputs[0][0]
    if (name in _STEPS and flat) or name in smooth.ELEMENTWISE - _STEPS - _ROOTS:
        return elementwise(run, eqn, inputs, flat)
    return _at_an_index(eqn, inputs)


def elementwise(run: Run, eqn: Any, inputs: Inputs, flat: bool) -> Cases | None:
    """Place by place."""
    name = eqn.primitive.name
    values = _few_enough(run, name, [value for value, _ in inputs])
    if not any(isinstance(value, Cases) for value in values):
        return None
    shape = np.broadcast_shapes(*(shape_of(value) for value in values))

    def each(taken: list[Any]) -> Any:
        if name == "select_n" and is_number(taken[0]):
            return taken[1:][int(taken[0])]
        if all(map(is_number, taken)):
            return _now(lambda: evaluate_equation(eqn, list(map(jnp.asarray, taken)))[0], taken)
        if flat:
            whole = lambda: [jnp.broadcast_to(value, shape) for value in taken]
            return _now(lambda: evaluate_equation(eqn, whole())[0], taken)
        full = [jnp.broadcast_to(value, shape) for value in taken]
        return evaluate_equation(eqn, _guarded(name, eqn.params, full, means))[0]

    means = [_defined(value, shape) for value in values]
    found = combined(values, shape, flat, each)
    if name in _SQUARES and _is_square(eqn, values):
        return Cases(found.atoms, found.values, shape, flat, values[0])
    return found


def _is_first_power(name: str, inputs: Inputs) -> bool:
    """x ** 1.0, whose derivative as a power is not defined at 0."""
    if name != "pow" or not isinstance(inputs[0][0], Cases) or inputs[1][1]:
        return False
    power = inputs[1][0]
    return not isinstance(power, Tracer) and bool(np.all(np.asarray(power) == 1))


def _defined(value: Any, shape: tuple[int, ...]) -> Any:
    mixes = isinstance(value, Cases) and value.is_float
    return jnp.broadcast_to(value.mean, shape) if mixes else None


def _is_square(eqn: Any, values: list[Any]) -> bool:
    if eqn.primitive.name == "mul":
        return values[0] is values[1]
    return eqn.params.get("y", 2) == 2


def _guarded(name: str, params: Any, full: list[Any], means: list[Any]) -> list[Any]:
    """With the mixed number where a case has no value: where(x > 0, log(where(x > 0, x, 1)), 0)
    is never asked for the log of a negative x, and its derivative must not be either."""
    if name in _EXPONENTIALS:
        bad = jnp.abs(full[0]) >= _LARGE
    elif name in smooth.SINGULAR:
        bad = smooth.SINGULAR[name](full, [0.0] * len(full), params)
    else:
        return full
    return [
        value if mean is None else jnp.where(bad, mean, value)
        for value, mean in zip(full, means, strict=True)
    ]


def is_small(aval: Any) -> bool:
    """Whether an array is of whole numbers or truth values, and few."""
    kind = getattr(aval, "dtype", None)
    whole = any(jnp.issubdtype(kind, k) for k in (np.integer, np.bool_)) if kind else False
    return whole and aval.size <= _SMALL


def _now(compute: Callable[[], Any], taken: Sequence[Any]) -> Any:
    """While the program is traced, if what it takes is known then; else as any computation."""
    if any(isinstance(value, Tracer) for value in taken):
        return compute()
    with jax.ensure_compile_time_eval():
        found = np.asarray(compute())
    same = found.size and np.all(found == found.flat[0])
    return found.flat[0] if same else found


def _few_enough(run: Run, name: str, values: list[Any]) -> list[Any]:
    """With floats mixed where that is the same, or where there are too many cases."""
    mine = [value for value in values if isinstance(value, Cases)]
    rank = max(len(value.shape) for value in mine)
    atoms, sizes = joint(mine, rank), [len(value.atoms) for value in mine]
    apart = name in _ADDS and len(atoms) > max(sizes)
    apart |= name == "mul" and len(mine) == 2 and len(atoms) == sum(sizes)
    if apart or count(atoms) > MOST:
        values = [run.plain(v) if isinstance(v, Cases) and v.is_float else v for v in values]
    mine = [value for value in values if isinstance(value, Cases)]
    if mine and count(joint(mine, rank)) > MOST:
        return [_alone(v) if isinstance(v, Cases) and v.dtype == np.bool_ else v for v in values]
    return values


def _alone(value: Cases) -> Cases:
    """A truth value as a choice of its own, whatever it was made of."""
    return truth(object(), value.share(True))


# ---- what moves numbers about


def _moved(eqn: Any, value: Cases) -> Cases:
    apply = lambda x: evaluate_equation(eqn, [x])[0]
    values = tuple(v if is_number(v) else apply(v) for v in value.values)
    shape = tuple(eqn.outvars[0].aval.shape)
    atoms = tuple(_moved_atom(eqn, atom, value.shape) for atom in value.atoms)
    return Cases(atoms, values, shape, value.flat)


def _moved_atom(eqn: Any, atom: Atom, shape: tuple[int, ...]) -> Atom:
    name, out = eqn.primitive.name, eqn.outvars[0].aval.shape
    atom = atom.with_rank(len(shape))
    m = atom.outcomes
    if all(n == 1 for n in atom.shape):
        return Atom(atom.key, jnp.reshape(atom.weights, (m,) + (1,) * len(out)))
    if name == "broadcast_in_dim":
        lengths = [1] * len(out)
        for axis, length in zip(eqn.params["broadcast_dimensions"], atom.shape, strict=True):
            lengths[axis] = length
        return Atom(atom.key, jnp.reshape(atom.weights, (m, *lengths)))
    if name == "squeeze":
        lengths = np.delete(atom.shape, eqn.params["dimensions"])
        return Atom(atom.key, jnp.reshape(atom.weights, (m, *lengths)))
    weights = jax.vmap(lambda w: evaluate_equation(eqn, [w])[0])(full_weights(atom, shape))
    longer = lambda s: tuple(n for n in s if n != 1)
    if name == "reshape" and longer(shape) == longer(out):
        return Atom(atom.key, weights)
    return Atom((atom.key, name, str(sorted(eqn.params.items()))), weights)


def _joined(run: Run, eqn: Any, inputs: Inputs) -> Cases | None:
    """One after the other along an axis, or along a new one."""
    stacks = eqn.primitive.name == "stack"
    axis = eqn.params["axis" if stacks else "dimension"]
    parts = [_with_axis(v, axis) if stacks else v for v, _ in inputs]
    mine = [part for part in parts if isinstance(part, Cases)]
    if any(part.is_float for part in mine):
        return None
    shape = tuple(eqn.outvars[0].aval.shape)
    atoms = joint(mine, len(shape))
    if all(atom.shape[axis] == 1 for atom in atoms) and count(atoms) <= MOST:
        flat = all(v.flat if isinstance(v, Cases) else not varies for v, varies in inputs)
        lengths = [shape_of(part) for part in parts]

        def each(taken: list[Any]) -> Any:
            with_shape = list(zip(taken, lengths, strict=True))
            whole = lambda: jnp.concatenate([jnp.broadcast_to(v, s) for v, s in with_shape], axis)
            return _now(whole, taken)

        return combined(parts, shape, flat, each)
    if mine[0].dtype != np.bool_:
        return None
    weight = lambda p: p.share(True) if isinstance(p, Cases) else jnp.asarray(p, jnp.float64)
    return truth(object(), jnp.concatenate([weight(part) for part in parts], axis))


def _with_axis(value: Any, axis: int) -> Any:
    if not isinstance(value, Cases):
        return jnp.expand_dims(value, axis)
    shape = (*value.shape[:axis], 1, *value.shape[axis:])
    wider = lambda atom: Atom(
        atom.key, jnp.expand_dims(atom.with_rank(len(value.shape)).weights, axis + 1)
    )
    values = [v if is_number(v) else jnp.expand_dims(v, axis) for v in value.values]
    return Cases(tuple(map(wider, value.atoms)), tuple(values), shape, value.flat)


# ---- along axes


def _along(run: Run, eqn: Any, inputs: Inputs) -> Cases | None:
    """Sums, maxima, first places of whole numbers and truth values."""
    ((value, _),) = inputs
    if value.is_float:
        return None
    axes = eqn.params.get("axes", (eqn.params.get("axis"),))
    found = value
    for axis in axes:
        found = None if found is None else _apart(found, axis)
    if found is None:
        return _of_many(eqn, value, axes)
    reduces = "axes" in eqn.params
    shape = tuple(eqn.outvars[0].aval.shape)

    whole = lambda v: evaluate_equation(eqn, [jnp.broadcast_to(v, found.shape)])[0]
    atoms = tuple(atom.with_rank(len(found.shape)) for atom in found.atoms)
    if reduces:
        atoms = tuple(Atom(a.key, jnp.squeeze(a.weights, [x + 1 for x in axes])) for a in atoms)
    values = tuple(_now(lambda v=v: whole(v), [v]) for v in found.values)
    return Cases(atoms, values, shape, value.flat)


def _apart(value: Cases, axis: int) -> Cases | None:
    """The same, with each place along an axis a choice of its own; None if they are too many."""
    atoms = [atom.with_rank(len(value.shape)) for atom in value.atoms]
    own = [atom for atom in atoms if atom.shape[axis] > 1]
    if not own:
        return value
    length = value.shape[axis]
    if count(own) ** length * count([a for a in atoms if a.shape[axis] == 1]) > MOST:
        return None
    at = lambda w, i: lax.slice_in_dim(w, i, i + 1, axis=axis + 1)
    slices = []
    for i in range(length):
        mine = tuple(
            Atom((a.key, "at", axis, i), at(a.weights, i)) if a.shape[axis] > 1 else a
            for a in atoms
        )
        values = tuple(
            v if is_number(v) else lax.slice_in_dim(v, i, i + 1, axis=axis) for v in value.values
        )
        shape = (*value.shape[:axis], 1, *value.shape[axis + 1 :])
        slices.append(Cases(mine, values, shape, value.flat))
    one = slices[0].shape

    def each(taken: list[Any]) -> Any:
        whole = lambda: jnp.concatenate([jnp.broadcast_to(v, one) for v in taken], axis)
        return _now(whole, taken)

    return combined(slices, value.shape, value.flat, each)


def _of_many(eqn: Any, value: Cases, axes: Sequence[int]) -> Cases | None:
    """Whether all or any of many hold, each taken as a choice of its own."""
    name = eqn.primitive.name
    if value.dtype != np.bool_ or name not in ("reduce_and", "reduce_or"):
        return None
    weight = value.share(True)
    if name == "reduce_and":
        return truth(object(), jnp.prod(weight, axis=tuple(axes)))
    return truth(object(), 1 - jnp.prod(1 - weight, axis=tuple(axes)))


# ---- indices


def _at_an_index(eqn: Any, inputs: Inputs) -> Cases | None:
    """What is looked up at a place that has cases; any equation, where one choice is for all."""
    values = [value for value, _ in inputs]
    mine = [value for value in values if isinstance(value, Cases)]
    if any(part.is_float for part in mine) or len(eqn.outvars) != 1:
        return None
    shape = tuple(eqn.outvars[0].aval.shape)
    atoms = joint(mine, max(len(part.shape) for part in mine))
    if count(atoms) > MOST:
        return None
    whole = lambda v, like: jnp.broadcast_to(v, like.shape) if isinstance(like, Cases) else v

    def each(taken: list[Any]) -> Any:
        return evaluate_equation(eqn, list(map(whole, taken, values)))[0]

    found = combined(values, mine[0].shape, False, each)
    if all(n == 1 for atom in atoms for n in atom.shape):
        rank = (1,) * len(shape)
        placed = [Atom(a.key, jnp.reshape(a.weights, (a.outcomes, *rank))) for a in found.atoms]
        return Cases(tuple(placed), found.values, shape, False)
    if eqn.primitive.name != "gather" or len(mine) > 1 or mine[0] is not values[1]:
        return None
    rows = mine[0].shape[:-1]
    if int(np.prod(rows)) != int(np.prod(shape)) or any(a.shape[-1] > 1 for a in found.atoms):
        return None
    placed = [
        Atom((a.key, "row"), jnp.reshape(full_weights(a, (*rows, 1)), (a.outcomes, *shape)))
        for a in found.atoms
    ]
    return Cases(tuple(placed), found.values, shape, False)
