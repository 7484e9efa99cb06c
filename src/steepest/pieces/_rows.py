"""The keys of one row of every choice, computed from no more than they need.

What a key depends on may be a small part of the program: where a network is given many data points,
the keys of one point are those of the network on that point alone. Their gradients, one for each
key that is held in a flow, then take a small share of a gradient's time each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend import core as jex_core

from steepest.pieces._cut import Cut, Cuts, cut_inputs
from steepest.pieces._double import called_jaxpr
from steepest.pieces._interpret import interpret

_MOST_TRIED = 100_000  # equations that are looked at to find the rows


@dataclass(eq=False)
class _Node:
    """A number of the program: an output of an equation, an input or a constant.

    Attributes:
        index: its place among all, behind those of what it is made of.
        shape: its own.
        varies: whether it depends on the state.
        made: (equation, inputs, which of the outputs it is); None for an input or a constant.
        value: of a constant.
    """

    index: int
    shape: tuple[int, ...]
    varies: bool
    made: tuple[Any, list[_Node], int] | None = None
    value: Any = None


class _Graph:
    """A program as nodes, calls written out.

    Args:
        closed: the program.
        varying: of each input, whether it is (part of) the state.
    """

    def __init__(self, closed: jex_core.ClosedJaxpr, varying: Sequence[bool]):
        self.nodes: list[_Node] = []
        self.inputs = [
            self._new(var.aval.shape, varies)
            for var, varies in zip(closed.jaxpr.invars, varying, strict=True)
        ]
        self.outputs = self._run(closed, self.inputs)

    def _new(self, shape: Any, varies: bool, made: Any = None, value: Any = None) -> _Node:
        self.nodes.append(_Node(len(self.nodes), tuple(shape), varies, made, value))
        return self.nodes[-1]

    def _run(self, closed: jex_core.ClosedJaxpr, inputs: list[_Node]) -> list[_Node]:
        constant = lambda value, dtype: self._new(np.shape(value), False, value=value)
        return interpret(closed, inputs, constant, lambda eqn, args, _: self._step(eqn, args))

    def _step(self, eqn: Any, inputs: list[_Node]) -> list[_Node]:
        inner = called_jaxpr(eqn)
        if inner is not None:
            return self._run(inner, inputs)
        varies = any(node.varies for node in inputs)
        return [
            self._new(var.aval.shape, varies, (eqn, inputs, k)) for k, var in enumerate(eqn.outvars)
        ]


class _Plan:
    """What is needed of each number for some rows of some outputs.

    Attributes:
        steps: (node, cut, what `_needs` says) in the order of the program.
        work: additions and multiplications that depend on the state, about.
    """

    def __init__(self, graph: _Graph, wanted: Sequence[tuple[_Node, Cut | None]]):
        needed: list[dict[Cut | None, None]] = [{} for _ in graph.nodes]
        for node, cut in wanted:
            needed[node.index][cut] = None
        self.steps: list[tuple[_Node, Cut | None, tuple[Cuts, Any] | None]] = []
        self.work = 0
        for node in reversed(graph.nodes):
            found: dict[Cut | None, Any] = {cut: _needs(node, cut) for cut in needed[node.index]}
            if None in found or None in found.values():
                # Where all of it is there, its rows are taken out of it.
                found = dict.fromkeys(cut for cut in found if cut is not None)
                found[None] = _needs(node, None)
            for cut, needs in found.items():
                self._add(node, cut, needs, needed)
        self.steps.reverse()

    def _add(self, node: _Node, cut: Cut | None, needs: Any, needed: Any) -> None:
        self.steps.append((node, cut, needs))
        if needs is None or node.made is None:
            return
        for source, each in zip(node.made[1], needs[0], strict=True):
            needed[source.index][each] = None
        if node.varies:
            size = math.prod(node.shape) // (1 if cut is None else node.shape[cut.axis])
            self.work += size * _terms(node)


def _needs(node: _Node, cut: Cut | None) -> tuple[Cuts, Any] | None:
    """(what a row of it needs of its inputs, the equation's parameters for that); None where the
    row can only be taken out of the whole."""
    if node.made is None:
        return ([], {}) if cut is None else None
    eqn, inputs, _ = node.made
    if cut is None:
        return [None] * len(inputs), eqn.params
    shapes = [each.shape for each in inputs]
    return cut_inputs(eqn.primitive.name, shapes, node.shape, eqn.params, cut)


def _terms(node: _Node) -> int:
    """How many products each entry of it sums."""
    assert node.made is not None
    eqn, inputs, _ = node.made
    if eqn.primitive.name == "dot_general":
        (axes, _), _ = eqn.params["dimension_numbers"]
        return math.prod(inputs[0].shape[axis] for axis in axes)
    if eqn.primitive.name == "conv_general_dilated":
        out = eqn.params["dimension_numbers"].rhs_spec[0]
        return math.prod(inputs[1].shape) // inputs[1].shape[out]
    return 1


class Rows:
    """See the module.

    Args:
        keys: (leaves of the state, weights) → the keys of every site, array by array.
        leaves, size: a state, and how many weights there are.
        axes: of each array of keys, those that its site may be cut on.

    Attributes:
        row: of each key of the program, the row that it stands in.
        place: of each, where it stands among the keys of its row.
        share: of the work of all keys that those of one row take, about.
    """

    def __init__(
        self,
        keys: Callable[[list[Any], Any], list[Any]],
        leaves: list[np.ndarray],
        size: int,
        axes: list[range],
    ):
        with jax.enable_x64(True):
            # What is traced is a new function, which JAX forgets.
            closed = jax.make_jaxpr(lambda *args: keys(*args))(leaves, np.zeros(size))
        graph = _Graph(closed, [True] * len(leaves) + [False])
        tries = sum(map(len, axes)) * len(graph.nodes)
        cuts = [
            _best(graph, node, among if tries <= _MOST_TRIED else range(0))
            for node, among in zip(graph.outputs, axes, strict=True)
        ]
        self._inputs = graph.inputs
        self._wanted = list(zip(graph.outputs, cuts, strict=True))
        plan = _Plan(graph, self._wanted)
        self._steps = plan.steps
        whole = _Plan(graph, [(node, None) for node in graph.outputs]).work
        self.share = plan.work / whole if whole else 1.0
        rows, places, begin = [np.zeros(0, int)], [np.zeros(0, int)], 0
        for node, cut in self._wanted:
            short = [1 if cut and axis == cut.axis else n for axis, n in enumerate(node.shape)]
            row = np.indices(node.shape)[cut.axis] if cut else np.zeros(node.shape, int)
            place = begin + np.arange(math.prod(short)).reshape(short)
            rows.append(row.ravel())
            places.append(np.broadcast_to(place, node.shape).ravel())
            begin += math.prod(short)
        self.row, self.place = np.concatenate(rows), np.concatenate(places)

    def __call__(self, leaves: Sequence[Any], weights: Any, row: Any) -> Any:
        """The keys of a row, and of each site that has none of this number those of its last."""
        given = dict(zip((node.index for node in self._inputs), [*leaves, weights], strict=True))
        known: dict[tuple[int, Cut | None], Any] = {}
        ran: dict[tuple[int, Cut | None], list[Any]] = {}
        for node, cut, needs in self._steps:
            if needs is None:
                assert cut is not None
                at = jnp.minimum(row, cut.rows - 1) + cut.start
                whole = jnp.asarray(known[node.index, None])
                known[node.index, cut] = lax.dynamic_slice_in_dim(whole, at, 1, cut.axis)
            elif node.made is None:
                known[node.index, cut] = given.get(node.index, node.value)
            else:
                eqn, sources, k = node.made
                first = node.index - k  # that of the equation's first output
                if (first, cut) not in ran:
                    values = zip((source.index for source in sources), needs[0], strict=True)
                    params = eqn.primitive.get_bind_params(needs[1])
                    outs = eqn.primitive.bind(*map(known.__getitem__, values), **params)
                    ran[first, cut] = outs if eqn.primitive.multiple_results else [outs]
                known[node.index, cut] = ran[first, cut][k]
        found = [jnp.ravel(known[node.index, cut]) for node, cut in self._wanted]
        return jnp.concatenate(found) if found else jnp.zeros(0)


def _best(graph: _Graph, node: _Node, axes: range) -> Cut | None:
    """The cut with the least work for its row."""
    cuts = [Cut(axis, 0, node.shape[axis]) for axis in axes if node.shape[axis] > 1]
    return min(cuts, key=lambda cut: _Plan(graph, [(node, cut)]).work, default=None)
