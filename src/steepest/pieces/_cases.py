"""Numbers that have a value of their own for each outcome of some choices.

x > 0 is True or False, (x > 0) + (x > 1) is 0, 1 or 2, and where(x > 0, x, −x) is x or −x. Where
a flow moves along a kink the outcomes have weights, and what has cases is Σ weight · value. As long
as numbers stay place by place, that is put off: products, powers and logic are done case by case,
so that where(x > 0, x, −x) · where(x > 0, 1, 4) has two cases and is linear in the weights. Done
with the mixed numbers it would be a square of them, which bends where the function has one kink.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np

MOST = 64  # cases of one number


@runtime_checkable
class Run(Protocol):
    """An interpretation of a program."""

    def plain(self, value: Any) -> Any:
        """A number without cases."""
        ...

    def refuse(self, eqn: Any, *values: Any) -> NoReturn:
        """An error that names the line."""
        ...


@dataclass(frozen=True, eq=False)
class Atom:
    """One choice in each place.

    Attributes:
        key: what it turns on; the same for the same choice.
        weights: (m, *shape), with 1 in the shape where it is the same choice all along an axis.
    """

    key: Hashable
    weights: Any

    @property
    def name(self) -> Hashable:
        return self.key, self.weights.shape

    @property
    def outcomes(self) -> int:
        return self.weights.shape[0]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.weights.shape[1:]

    def with_rank(self, rank: int) -> Atom:
        """With leading axes of length 1."""
        missing = rank - len(self.shape)
        if missing <= 0:
            return self
        shape = (self.outcomes, *(1,) * missing, *self.shape)
        return Atom(self.key, jnp.reshape(self.weights, shape))


@dataclass(frozen=True, eq=False)
class Cases:
    """See the module.

    Attributes:
        atoms: the choices.
        values: for each combination of their outcomes, the last atom's turning fastest: the whole
            array, or one NumPy number that is the same in all places.
        shape: of the array.
        flat: no value depends on x.
        root: what it is the square of, if it is one.
    """

    atoms: tuple[Atom, ...]
    values: tuple[Any, ...]
    shape: tuple[int, ...]
    flat: bool
    root: Any = None

    @property
    def dtype(self) -> Any:
        return self.values[0].dtype

    @property
    def is_float(self) -> bool:
        return bool(jnp.issubdtype(self.dtype, np.floating))

    @cached_property
    def mean(self) -> Any:
        """Σ weight · value, as a float array."""
        total = jnp.zeros(self.shape)
        for weight, value in zip(weights_of(self.atoms), self.values, strict=True):
            if is_number(value) and value == 0:
                continue
            # One of weight 0 that is infinite (a masked one) does not count.
            number = jnp.asarray(value, jnp.float64)
            total = total + weight * jnp.where((weight == 0) & ~jnp.isfinite(number), 0.0, number)
        return total

    def share(self, outcome: Any) -> Any:
        """The weight of all cases of this value."""
        total = jnp.zeros(self.shape)
        for weight, value in zip(weights_of(self.atoms), self.values, strict=True):
            total = total + weight * (jnp.asarray(value) == outcome)
        return total


def is_number(value: Any) -> bool:
    """Whether a value is known now and the same in all places."""
    return isinstance(value, np.ndarray | np.generic) and np.ndim(value) == 0


def number(value: Any, dtype: Any = None) -> Any:
    return np.asarray(value, dtype)


def shape_of(value: Any) -> tuple[int, ...]:
    return value.shape if isinstance(value, Cases) else np.shape(value)


def full_weights(atom: Atom, shape: tuple[int, ...]) -> Any:
    """Its weights in every place, (m, *shape)."""
    atom = atom.with_rank(len(shape))
    return jnp.broadcast_to(atom.weights, (atom.outcomes, *shape))


def weights_of(atoms: Sequence[Atom]) -> list[Any]:
    """The weight of each combination of outcomes."""
    found: list[Any] = [1.0]
    for atom in atoms:
        found = [w * atom.weights[k] for w in found for k in range(atom.outcomes)]
    return found


def truth(key: Hashable, weight: Any) -> Cases:
    """True with this weight."""
    atom = Atom(key, jnp.stack([weight, 1 - weight]))
    return Cases((atom,), (number(True), number(False)), jnp.shape(weight), True)


def joint(parts: Sequence[Cases], rank: int) -> tuple[Atom, ...]:
    """The choices that these turn on, each once."""
    found = {}
    for part in parts:
        for atom in part.atoms:
            atom = atom.with_rank(rank)
            found.setdefault(atom.name, atom)
    return tuple(found.values())


def count(atoms: Sequence[Atom]) -> int:
    return int(np.prod([atom.outcomes for atom in atoms], dtype=float))


def combined(
    parts: Sequence[Any],
    shape: tuple[int, ...],
    flat: bool,
    each: Callable[[list[Any]], Any],
    atoms: tuple[Atom, ...] | None = None,
) -> Cases:
    """The cases of a function of several numbers, with `each` to do one combination of values."""
    rank = len(shape)
    atoms = joint([p for p in parts if isinstance(p, Cases)], rank) if atoms is None else atoms
    place = {atom.name: i for i, atom in enumerate(atoms)}
    mine = [
        [place[atom.with_rank(rank).name] for atom in part.atoms] if isinstance(part, Cases) else []
        for part in parts
    ]
    values = []
    for outcome in itertools.product(*(range(atom.outcomes) for atom in atoms)):
        taken = []
        for part, places in zip(parts, mine, strict=True):
            if not isinstance(part, Cases):
                taken.append(part)
                continue
            index = 0
            for atom, p in zip(part.atoms, places, strict=True):
                index = index * atom.outcomes + outcome[p]
            taken.append(part.values[index])
        values.append(each(taken))
    return Cases(atoms, tuple(values), shape, flat)
