"""A program around one point, as a tape: straight-line, with its tied choices left open.

Everything that does not depend on x, or is decided with room to spare at the point, is a constant
of the tape. What is left open:

- a *switch*: one scalar choice that is tied, with the keys of the candidates that tie;
- an *exit*: one number whose value is the same whatever its switch does, while its gradient is
  not. All kinks of the program pass through exits.

Two ways to evaluate a tape, both traceable by JAX:

- `cut`: every exit becomes an input δ of its own; keys, candidates of the exits and the value are
  functions of (x, δ), the same for all patterns. One Jacobian of it holds all gradients.
- `frozen`: the smooth program under a pattern σ (an outcome for each switch). σ is data, so that
  patterns can be mapped over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np

from steepest.pieces._choices import Choice

# A variable of the tape by its number, or a constant.
Ref = Any


@dataclass
class Switch:
    """One tied scalar choice.

    Attributes:
        index: its number on the tape, in program order.
        outcomes: the candidates that tie, by their number in the primitive's keys.
        place: which element of the primitive's output, flat.
        jumps: the output itself is different for different outcomes.
        at_equality: position in `outcomes` of what happens where the keys agree identically.
        address: where a walk meets it: (number of the choosing step, place).
        forced: position in `outcomes` that the walk was told to take, or None.
        ball: the keys are the components of a vector whose norm is taken (not competitors).
        nonnegative: for a ball, which components are ≥ 0 everywhere, by structure.
        name, line: the primitive and the user's line.
    """

    index: int
    outcomes: tuple[int, ...]
    place: int
    jumps: bool
    at_equality: int
    address: tuple[int, int]
    name: str
    line: str
    forced: int | None = None
    ball: bool = False
    nonnegative: tuple[bool, ...] = ()


@dataclass
class Exit:
    """One number at which the outcomes of a switch agree in value.

    `sign` is ±1 where candidate k is ±key k (max, min, abs), None where candidates are computed.
    """

    index: int
    switch: int
    place: int
    base: float
    sign: float | None


@dataclass
class Node:
    """A step of the tape: inputs (references), outputs (variable numbers)."""

    name: str
    inputs: list[Ref]
    outputs: list[int]
    line: str
    linear: bool = False
    # Smooth steps.
    apply: Callable[[list[Any]], list[Any]] | None = None
    # Choosing steps: the row of the table, its frozen data, and for each world the pattern.
    row: Choice | None = None
    params: dict[str, Any] = field(default_factory=dict)
    data: Any = None
    patterns: list[np.ndarray] = field(default_factory=list)
    labels: np.ndarray | None = None
    ties: list[int] = field(default_factory=list)
    # The ties whose keys are first seen here, and where in the flat table of keys they stand.
    owned: list[int] = field(default_factory=list)
    # Norms at zero: the base values' variable and weights, for each switch.
    balls: list[tuple[int, list[tuple[Ref, np.ndarray, np.ndarray]]]] = field(default_factory=list)
    exits: dict[int, list[int]] = field(default_factory=dict)
    # What the walk knew of its outputs' shapes and of its inputs.
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    numbers: list[Any] = field(default_factory=list)


@dataclass
class Tape:
    """See the module. `value` is the reference of the scalar that the program returns."""

    shapes: list[tuple[int, ...]]
    nodes: list[Node] = field(default_factory=list)
    switches: list[Switch] = field(default_factory=list)
    exits: list[Exit] = field(default_factory=list)
    value: Ref = 0.0
    # Pairs that are equal at x, at these places, and not all around it.
    equalities: list[tuple[Ref, Ref, Any, str]] = field(default_factory=list)

    @property
    def affine(self) -> bool:
        """Every piece is an affine function of x, by the structure of the program."""
        return all(node.linear for node in self.nodes)

    def cut(self, leaves: Sequence[Any], delta: Any) -> tuple[Any, Any, Any]:
        """(keys of all switches, candidates of all exits, value) at x with exits moved by delta.

        Shapes: keys (Σ m_t,), candidates (Σ m_e,) over exits whose candidates are computed,
        value ().
        """
        env: dict[int, list[Any]] = {i: [leaf] for i, leaf in enumerate(leaves)}
        keys: list[Any] = []
        candidates: list[Any] = []
        for node in self.nodes:
            inputs = [_worlds(env, ref) for ref in node.inputs]
            outs = self._node_worlds(node, inputs, keys, env)
            for place, exits in node.exits.items():
                outs[place] = self._cut_exits(outs[place], exits, delta, candidates)
            env.update(zip(node.outputs, outs, strict=True))
        value = _worlds(env, self.value)[0]
        return _joined(keys), _joined(candidates), value

    def _node_worlds(
        self,
        node: Node,
        inputs: list[list[Any]],
        keys: list[Any],
        env: dict[int, list[Any]],
    ) -> list[list[Any]]:
        count = max((len(worlds) for worlds in inputs), default=1)
        if node.row is None:
            keys.extend(_components(env, parts) for _, parts in node.balls)
            assert node.apply is not None
            per_world = [node.apply([_world(w, k) for w in inputs]) for k in range(count)]
            return [list(out) for out in zip(*per_world, strict=True)]
        if node.owned:
            keys.append(self._owned_keys(node, [w[0] for w in inputs]))
        outs = []
        for k in range(max(count, self._jump_worlds(node))):
            pattern = self._pattern_in_world(node, k)
            values = [_world(w, k) for w in inputs]
            outs.append(node.row.output(values, node.params, node.data, pattern))
        return [outs]

    def _owned_keys(self, node: Node, values: list[Any]) -> Any:
        assert node.row is not None
        table = node.row.keys(values, node.params, node.data)
        width = table.size // table.shape[0]
        owned = [self.switches[t] for t in node.owned]
        index = np.concatenate([np.array(s.outcomes) * width + s.place for s in owned])
        everything = np.arange(table.size).reshape(-1, width)
        if np.array_equal(index, everything.T.reshape(-1)):
            return jnp.reshape(table, everything.shape).T.reshape(-1)
        return jnp.reshape(table, -1)[index]

    def _jump_worlds(self, node: Node) -> int:
        return max((len(self.switches[t].outcomes) for t in node.ties if self._opens(t)), default=1)

    def _opens(self, t: int) -> bool:
        return self.switches[t].jumps and self.switches[t].forced is None

    def _pattern_in_world(self, node: Node, k: int) -> np.ndarray:
        pattern = np.array(_world(node.patterns, k))
        flat = pattern.reshape(-1)
        for t in node.ties:
            if self._opens(t):
                outcomes = self.switches[t].outcomes
                flat[self.switches[t].place] = outcomes[min(k, len(outcomes) - 1)]
        return pattern

    def _cut_exits(
        self, worlds: list[Any], exits: list[int], delta: Any, candidates: list[Any]
    ) -> list[Any]:
        shape = jnp.shape(worlds[0])
        places = np.array([self.exits[e].place for e in exits])
        base = np.array([self.exits[e].base for e in exits])
        flat = [jnp.reshape(w, -1) for w in worlds]
        computed = [self.exits[e] for e in exits if self.computed(e)]
        if computed:
            last = len(flat) - 1
            index = [
                min(k, last) * flat[0].size + e.place
                for e in computed
                for k in range(len(self.switches[e.switch].outcomes))
            ]
            candidates.append(jnp.concatenate(flat)[np.array(index)])
        moved = jnp.asarray(base) + _taken(delta, np.array(exits))
        if np.array_equal(places, np.arange(flat[0].size)):
            return [jnp.reshape(moved, shape)] * len(flat)
        return [jnp.reshape(jnp.asarray(w).at[places].set(moved), shape) for w in flat]

    def computed(self, e: int) -> bool:
        """Whether the exit's candidates are outputs of `cut` of their own."""
        return self.exits[e].sign is None and not self.switches[self.exits[e].switch].ball

    def frozen(self, leaves: Sequence[Any], pattern: Any, moved: Any = None) -> tuple[Any, Any]:
        """(value, keys of all switches) of the smooth program under `pattern`.

        `pattern` holds, for each switch, a position in its outcomes; norms are taken as they are.
        `moved`: one number for each exit to put in its place, NaN to leave it as it is: what holds
        for all such numbers holds whatever the switches of those exits do.
        """
        value, keys, _ = self.frozen_exits(leaves, pattern, moved)
        return value, keys

    def frozen_exits(
        self, leaves: Sequence[Any], pattern: Any, moved: Any = None
    ) -> tuple[Any, Any, Any]:
        """(value, keys, exits before they are moved) of the smooth program under `pattern`."""
        env: dict[int, Any] = dict(enumerate(leaves))
        keys: list[Any] = []
        found: dict[int, Any] = {}
        for node in self.nodes:
            inputs = [env[r] if isinstance(r, int) else r for r in node.inputs]
            if node.row is None:
                for _, parts in node.balls:
                    keys.append(_components({k: [v] for k, v in env.items()}, parts))
                assert node.apply is not None
                outs = node.apply(inputs)
            else:
                if node.owned:
                    keys.append(self._owned_keys(node, inputs))
                p = self._pattern(node, pattern)
                outs = [node.row.output(inputs, node.params, node.data, p)]
            outs = list(outs)
            for place, exits in node.exits.items():
                flat = jnp.reshape(outs[place], -1)
                places = np.array([self.exits[e].place for e in exits])
                found.update(zip(exits, flat[places], strict=True))
                if moved is not None:
                    put = jnp.asarray(moved)[np.array(exits)]
                    flat = flat.at[places].set(jnp.where(jnp.isnan(put), flat[places], put))
                    outs[place] = jnp.reshape(flat, jnp.shape(outs[place]))
            env.update(zip(node.outputs, outs, strict=True))
        value = env[self.value] if isinstance(self.value, int) else self.value
        return value, _joined(keys), [found[e.index] for e in self.exits]

    def _pattern(self, node: Node, sigma: Any) -> Any:
        flat = jnp.asarray(node.patterns[0]).reshape(-1)
        if len(node.patterns) > 1:
            stacked = jnp.stack([jnp.asarray(p).reshape(-1) for p in node.patterns])
            assert node.labels is not None
            labels = node.labels.reshape(-1)
            world = jnp.where(labels < 0, 0, sigma[np.maximum(labels, 0)])
            flat = stacked[jnp.minimum(world, len(node.patterns) - 1), np.arange(flat.size)]
        if node.ties:
            places = np.array([self.switches[t].place for t in node.ties])
            widest = max(len(self.switches[t].outcomes) for t in node.ties)
            table = np.array(
                [
                    self.switches[t].outcomes
                    + (self.switches[t].outcomes[-1],) * (widest - len(self.switches[t].outcomes))
                    for t in node.ties
                ]
            )
            ties = np.array(node.ties)
            flat = flat.at[places].set(jnp.asarray(table)[np.arange(len(ties)), sigma[ties]])
        return flat.reshape(node.patterns[0].shape)


def _world(worlds: list[Any], k: int) -> Any:
    return worlds[min(k, len(worlds) - 1)]


def _worlds(env: dict[int, list[Any]], ref: Ref) -> list[Any]:
    return env[ref] if isinstance(ref, int) else [ref]


def _components(env: dict[int, list[Any]], parts: list[tuple[Ref, np.ndarray, np.ndarray]]) -> Any:
    return jnp.concatenate(
        [jnp.reshape(_worlds(env, ref)[0], -1)[places] * root for ref, places, root in parts]
    )


def _taken(flat: Any, index: np.ndarray) -> Any:
    """flat[index], as a slice where it is one: gathers and scatters are slow to compile."""
    first = int(index[0])
    if np.array_equal(index, np.arange(first, first + index.size)):
        return flat[first : first + index.size]
    return flat[index]


def _joined(arrays: list[Any]) -> Any:
    return jnp.concatenate(arrays) if arrays else jnp.zeros(0)
