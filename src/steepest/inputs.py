"""What a user hands in, checked once, where it enters.

A point is any pytree. Its real arrays and Python floats are the variables; callables, strings,
True, False and None ride along untouched (an Equinox module is a point as it is). Integers are
refused: a derivative with respect to one is zero or an accident, and 1 typed for 1.0 is the usual
cause.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import PyTree

from steepest.errors import ArgumentError, NotScalarError, SteepestError

Scalar = float | int | np.number | np.ndarray | jax.Array  # an array of no axes

_PASSENGER = (str, bytes, bool, type(None))


def leaf_name(name: str, path: tuple[Any, ...]) -> str:
    """How a person writes the leaf: `x0['w'][2]`."""
    return name + jax.tree_util.keystr(path)


def is_traced(tree: PyTree) -> bool:
    """Whether some leaf belongs to an outer jit, vmap or grad."""
    return any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(tree))


def _is_passenger(leaf: Any) -> bool:
    return isinstance(leaf, _PASSENGER) or (callable(leaf) and not hasattr(leaf, "dtype"))


@dataclass(frozen=True)
class Point:
    """A user's point: its variables as a flat list of arrays, and the way back to the pytree.

    Attributes:
        leaves: the variables.
        names: how a person writes each of them.
        restore: from such a list (each perhaps with leading axes) to the user's pytree.
        variables: the same with None in place of what is no variable: what a method is handed.
    """

    leaves: tuple[Any, ...]
    names: tuple[str, ...]
    restore: Callable[[Any], PyTree]
    variables: Callable[[Any], PyTree]

    @property
    def dimension(self) -> int:
        """Number of scalar variables."""
        return sum(int(np.prod(np.shape(leaf))) for leaf in self.leaves)


def chosen_argument(args: Sequence[Any], argnums: int) -> Any:
    """The argument of f that is x.

    Raises:
        ArgumentError: there is none of that number.
    """
    if not -len(args) <= argnums < len(args):
        raise ArgumentError(
            f"argnums is {argnums}, and f was called with {len(args)} positional arguments."
        )
    return args[argnums]


def random_key(key: Any) -> jax.Array:
    """A key of random numbers; by default `jax.random.key(0)`.

    Raises:
        ArgumentError: it is none.
    """
    if key is None:
        return jax.random.key(0)
    if not hasattr(key, "dtype"):
        raise ArgumentError(f"key is {key!r:.40}; it must be a key, such as jax.random.key(0).")
    return key


def as_point(x: PyTree, *, name: str = "x0", finite: bool = True) -> Point:
    """Check a user's point and take its variables out.

    The leaves come back as they are, NumPy arrays in float64 among them; only Python floats
    become arrays, of JAX's default float type.

    Raises:
        ArgumentError: a leaf is an integer, complex, or not a number; a value is NaN or infinite
            (unless `finite=False`, or the leaf is traced); there is nothing to differentiate.
    """
    paths, treedef = jax.tree_util.tree_flatten_with_path(x, is_leaf=lambda leaf: leaf is None)
    variables: list[Any] = []
    names: list[str] = []
    places: list[int] = []
    for place, (path, leaf) in enumerate(paths):
        if _is_passenger(leaf):
            continue
        where = leaf_name(name, path)
        variables.append(_as_variable(leaf, where, finite))
        names.append(where)
        places.append(place)
    if sum(int(np.prod(np.shape(v))) for v in variables) == 0:
        raise ArgumentError(
            f"{name} holds no real numbers, so there is nothing to differentiate with respect to; "
            "give a float, an array of floats or a pytree with some."
        )

    def among(passengers: list[Any], leaves: Any) -> PyTree:
        filled = list(passengers)
        for place, leaf in zip(places, leaves, strict=True):
            filled[place] = leaf
        return jax.tree.unflatten(treedef, filled)

    return Point(
        tuple(variables),
        tuple(names),
        restore=partial(among, [leaf for _, leaf in paths]),
        variables=partial(among, [None] * len(paths)),
    )


def _as_variable(leaf: Any, where: str, finite: bool) -> Any:
    if isinstance(leaf, float) and not isinstance(leaf, np.generic):
        leaf = jnp.asarray(leaf)
    dtype = getattr(leaf, "dtype", None)
    if isinstance(leaf, int) or (dtype is not None and jnp.issubdtype(dtype, np.integer)):
        shown = f"{dtype}, shape {np.shape(leaf)}" if np.ndim(leaf) else f"{leaf!r:.40}"
        raise ArgumentError(
            f"{where} is an integer ({shown}); the variables must be floats: "
            "write 1.0 for 1, or cast the array with .astype(float)."
        )
    if dtype is None or not jnp.issubdtype(dtype, np.floating):
        kind = type(leaf).__name__ if dtype is None else str(dtype)
        raise ArgumentError(
            f"{where} is of type {kind}; the variables must be real floats "
            "(split a complex number into its real and imaginary parts)."
        )
    if finite and not isinstance(leaf, Tracer):
        values = np.asarray(leaf, dtype=np.float64)
        is_finite = np.isfinite(values)
        if not is_finite.all():
            bad = np.argwhere(~is_finite)
            index = "".join(f"[{', '.join(map(str, bad[0]))}]" if values.ndim else "")
            raise ArgumentError(
                f"{where}{index} is {values[tuple(bad[0])]}; every variable must be finite."
            )
    return leaf


def check_scalar(out: Any, f: Callable[..., Any]) -> Any:
    """What f returned, if it is one real floating-point number; for use where f is traced.

    Raises:
        NotScalarError: it is something else.
    """
    name = getattr(f, "__name__", None) or type(f).__name__
    leaves = jax.tree.leaves(out)
    advice = "return one real number, a sum or a mean."
    if len(leaves) != 1 or jax.tree.structure(out) != jax.tree.structure(0):
        raise NotScalarError(
            f"{name} returns a {type(out).__name__} with {len(leaves)} leaves; {advice}"
        )
    (value,) = leaves
    shape = getattr(value, "shape", ())
    if shape != ():
        raise NotScalarError(f"{name} returns an array of shape {shape}; {advice}")
    kind = getattr(value, "dtype", type(value))
    if kind is not float and not (hasattr(value, "dtype") and jnp.issubdtype(kind, np.floating)):
        kind = getattr(kind, "__name__", kind)
        raise NotScalarError(f"{name} returns {kind}, not a real float; {advice}")
    return out


def positive(value: Any, name: str, *, zero: bool = False, each: bool = False) -> None:
    """Refuse a number that is not positive (or not ≥ 0, with `zero=True`) or not finite.

    With `each=True` it may be an array, of which every entry is looked at. A traced value passes:
    its sign is not known while tracing.
    """
    if isinstance(value, Tracer):
        return
    array = np.asarray(value)
    if array.ndim != 0 and not each:
        raise ArgumentError(f"{name} has shape {array.shape}; it must be a number.")
    if array.dtype.kind not in "fiu" and not jnp.issubdtype(array.dtype, np.floating):
        raise ArgumentError(f"{name} is {value!r}; it must be a real number.")
    number = array.astype(np.float64)
    good = np.isfinite(number) & ((number >= 0) if zero else (number > 0))
    if not np.all(good):
        least = "at least 0" if zero else "positive"
        raise ArgumentError(f"{name} is {value}; it must be finite and {least}.")


def finite_number(value: Any, name: str) -> float:
    """`value` as a float — a Python number, or an array of no axes — or an error that names it."""
    if is_traced(value):
        raise ArgumentError(f"{name} is traced; it must be a number.")
    array = np.asarray(value, dtype=object if isinstance(value, (list, tuple)) else None)
    real = array.dtype.kind in "fiu" or jnp.issubdtype(array.dtype, np.floating)
    if array.ndim or not real or not math.isfinite(float(array)):
        raise ArgumentError(f"{name} is {value!r:.40}; it must be a finite number.")
    return float(array)


def function(value: Any, name: str, of: str = "") -> Any:
    """`value`, if it can be called; `of` says what on, such as "one pytree".

    Raises:
        ArgumentError: it cannot.
    """
    if not callable(value):
        of = f" of {of}" if of else ""
        raise ArgumentError(f"{name} is {value!r:.60}; it must be a function{of}.")
    return value


def flag(value: Any, name: str) -> None:
    """True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise ArgumentError(f"{name} is {value!r:.40}; it must be True or False.")


def positive_number(value: Any, name: str, *, zero: bool = False) -> float:
    """`value` as a positive float (or one ≥ 0, with `zero=True`), or an error that names it."""
    positive(value, name, zero=zero)
    return finite_number(value, name)


def increasing_counts(values: Any, name: str, *, least: int = 1) -> np.ndarray:
    """`values` as an array of positive, increasing whole numbers, at least so many, or an error."""
    numbers = np.asarray(values)
    whole = numbers.ndim == 1 and np.issubdtype(numbers.dtype, np.integer)
    if not (whole and len(numbers) >= least and numbers[0] > 0 and np.all(np.diff(numbers) > 0)):
        count = "two or more " if least > 1 else ""
        raise ArgumentError(f"{name} is {values}; it must list {count}increasing counts.")
    return numbers


def whole_number(value: Any, name: str, *, least: int = 1) -> int:
    """`value` as an int, or an error that names the argument."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ArgumentError(f"{name} is {value!r}; it must be a whole number, at least {least}.")
    return int(value)


def monitored(name: str, monitor: Callable[[PyTree], PyTree], x: PyTree) -> PyTree:
    """What a monitor tells of x, as arrays.

    Raises:
        ArgumentError: it raises, or returns what is no array; the error names it.
    """
    try:
        told = monitor(x)
    except SteepestError:
        raise
    except Exception as error:
        raise ArgumentError(
            f"monitors[{name!r}] raises {type(error).__name__}: {error}. A monitor is called while "
            "JAX traces it; write it with jax.numpy."
        ) from error
    try:
        return jax.tree.map(jnp.asarray, told)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"monitors[{name!r}] returns {told!r:.60}; it must return arrays or numbers."
        ) from error
