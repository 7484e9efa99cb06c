"""Walk a program at a point: decide every choice that has room, leave the tied ones open.

The walk is an interpreter of the jaxpr on concrete float64 numbers. One loop; what it does with an
equation is told by the tables (`_choices`, `_smooth`) and by a few rules for control flow. It
writes a `Tape`.

A choice whose output jumps (a comparison, a sign, an index) has different *worlds* downstream, one
for each outcome. Each number carries the label of the switch that it differs by; where the worlds
agree again (x · 1[x > 0] at 0) there is an exit, and the label ends. Where two labels meet before
they ended, or a tie depends on a label, the worlds cannot be told apart number by number:
`NeedsBranch` asks the caller to walk again with one switch forced to each of its outcomes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.extend import core as jex_core

from steepest.errors import TooManyPiecesError, UnsupportedPrimitiveError
from steepest.pieces import _smooth as smooth
from steepest.pieces._choices import CHOICES, COMPARISONS, EQUALITIES, NO_TIE_AT_ZERO, Choice
from steepest.pieces._composed import COMPOSED
from steepest.pieces._control import CONTROL
from steepest.pieces._double import IDENTITIES, called_jaxpr, evaluate_equation
from steepest.pieces._linear_algebra import require
from steepest.pieces._norms import is_nonnegative, same_sign, sum_of_squares
from steepest.pieces._number import Number, constant, dtype_eps, is_float_type
from steepest.pieces._program import Program
from steepest.pieces._source import defined_by_jax, user_line
from steepest.pieces._tape import Exit, Node, Switch, Tape
from steepest.pieces._uses import last_uses

TIE_FACTOR = 8.0
MAX_NODES = 100_000
_SEVERAL = -2  # the label of a number that differs by more than one switch


class NeedsBranch(Exception):  # noqa: N818 (a signal to the caller of the walk, not an error)
    """Walk again with the switch at `address` forced to each of its `outcomes` in turn."""

    def __init__(self, address: tuple[int, int], outcomes: int, line: str):
        super().__init__(address)
        self.address, self.outcomes, self.line = address, outcomes, line


@dataclass
class Walked:
    """What a walk found: the tape, the value at the point, and what stayed undefined."""

    tape: Tape
    value: float
    singular_line: str | None


def walk(
    program: Program,
    *,
    forced: dict[tuple[int, int], int] | None = None,
    tie_tol: float | None = None,
    seed: int = 0,
) -> Walked:
    """Walk the program at its point. Call inside `jax.enable_x64(True)`.

    Raises:
        NeedsBranch: see the module.
        UnsupportedPrimitiveError: a primitive without a rule, with the user's line.
    """
    return _Walk(program, forced or {}, tie_tol, seed).run()


class _Walk:
    def __init__(
        self,
        program: Program,
        forced: dict[tuple[int, int], int],
        tie_tol: float | None,
        seed: int,
    ):
        self.program, self.forced, self.tie_tol = program, forced, tie_tol
        self.rng = np.random.default_rng(seed)
        self.tape = Tape([leaf.shape for leaf in program.start])
        self.count = len(program.start)
        self.makers: dict[int, tuple[Node, int]] = {}
        self.known: dict[Any, int] = {}
        self.step = 0
        self.bad_line: str | None = None
        self.call_line: str | None = None

    def run(self) -> Walked:
        closed = self.program.closed
        args = [
            Number([jnp.asarray(value)], i, jnp.abs(jnp.asarray(value)), dtype_eps(leaf.dtype))
            for i, (value, leaf) in enumerate(
                zip(self.program.start, self.program.point.leaves, strict=True)
            )
        ]
        (out,) = self.jaxpr(closed, args)
        if out.labels is not None and np.any(out.labels != -1):
            self.branch_on(out)
        self.tape.value = out.operand
        bad = out.bad is not None and bool(np.any(out.bad))
        return Walked(self.tape, float(out.value), self.bad_line if bad else None)

    # ---- the loop

    def jaxpr(self, closed: jex_core.ClosedJaxpr, args: list[Number]) -> list[Number]:
        jaxpr = closed.jaxpr
        env: dict[Any, Number] = {}
        last_use = last_uses(jaxpr)
        for var, const in zip(jaxpr.constvars, closed.consts, strict=True):
            env[var] = constant(const, getattr(var.aval, "dtype", None))
        env.update(zip(jaxpr.invars, args, strict=True))

        def read(atom: Any) -> Number:
            if isinstance(atom, jex_core.Literal):
                return constant(np.asarray(atom.val, atom.aval.dtype), atom.aval.dtype)  # pyright: ignore
            return env[atom]

        for i, eqn in enumerate(jaxpr.eqns):
            if not any(var in last_use for var in eqn.outvars):
                continue  # nothing reads its results
            inputs = [read(atom) for atom in eqn.invars]
            outs = self.equation(eqn, inputs, [var in last_use for var in eqn.outvars])
            env.update(zip(eqn.outvars, outs, strict=True))
            for atom in eqn.invars:
                if not isinstance(atom, jex_core.Literal) and last_use.get(atom) == i:
                    env.pop(atom, None)
        return [read(atom) for atom in jaxpr.outvars]

    def equation(self, eqn: Any, inputs: list[Number], wanted: list[bool]) -> list[Number]:
        name = eqn.primitive.name
        if name == "rng_uniform":
            raise UnsupportedPrimitiveError(
                f"`{name}` at {user_line(eqn)} gives other numbers at each call, so the program is "
                "no function of x; draw with jax.random and a key."
            )
        if all(n.ref is None and n.bad is None for n in inputs):
            return [
                constant(out, var.aval.dtype)
                for out, var in zip(
                    evaluate_equation(eqn, [n.value for n in inputs]), eqn.outvars, strict=True
                )
            ]
        inner = called_jaxpr(eqn)
        if inner is not None:
            return self.called(eqn, inner, inputs)
        if name in IDENTITIES:
            return inputs
        if name in CONTROL:
            return CONTROL[name](self, eqn, inputs)
        line = self.call_line or user_line(eqn)
        if any(
            jnp.issubdtype(v.aval.dtype, np.complexfloating) for v in [*eqn.invars, *eqn.outvars]
        ):
            raise UnsupportedPrimitiveError(
                f"complex numbers that depend on x, in `{name}` at {line}, have no rules; write "
                "that step with real and imaginary parts, or sample: clarke(f, samples=..., "
                "radius=...)."
            )
        if name in COMPOSED and _some_float(inputs):
            return COMPOSED[name](self, {**eqn.params, "wanted": wanted}, inputs, line)
        if name == "convert_element_type" and not is_float_type(eqn.params["new_dtype"]):
            # A float made an integer is cut towards zero: a step, before it is a conversion.
            if smooth.is_float(inputs[0].value) and eqn.params["new_dtype"] != np.bool_:
                inputs = [self.choose("trunc", CHOICES["trunc"], {}, inputs, line)]
            elif smooth.is_float(inputs[0].value):
                inputs = [self.equality(False, [inputs[0], constant(0.0)], line)]
        if _some_float(inputs):
            if name in CHOICES:
                return [self.choose(name, CHOICES[name], eqn.params, inputs, line)]
            if name in EQUALITIES:
                return [self.equality(EQUALITIES[name], inputs, line)]
            held = smooth.PARAMETERS.get(name, 0)
            if name not in smooth.SMOOTH or any(n.ref is not None for n in inputs[:held]):
                raise UnsupportedPrimitiveError(
                    f"no rule for the primitive `{name}`, which depends on x, at {line}; it may "
                    "have kinks, so it is not taken as smooth. Write that step with jax.numpy, or "
                    "sample: clarke(f, samples=..., radius=...)."
                )
        return self.plain(
            name, eqn.params, inputs, line, lambda values: evaluate_equation(eqn, values)
        )

    def called(self, eqn: Any, inner: jex_core.ClosedJaxpr, inputs: list[Number]) -> list[Number]:
        """The function that is called, whatever derivative rule comes with it."""
        outermost = self.call_line is None and defined_by_jax(inner.jaxpr)
        if outermost:
            self.call_line = user_line(eqn)
        outs = self.jaxpr(inner, inputs)
        if outermost:
            self.call_line = None
        return outs

    # ---- steps that do not choose

    def plain(
        self,
        name: str,
        params: dict[str, Any],
        inputs: list[Number],
        line: str,
        apply: Callable[[list[Any]], list[Any]],
    ) -> list[Number]:
        """A step that is smooth, or that moves discrete numbers about."""
        singular = self.singular(name, params, inputs)
        balls: list[tuple[int, Any]] = []
        if singular is not None:
            mended = _mended(apply, inputs, singular)
            if name == "sqrt":
                balls = self.norms(inputs[0], singular)
                for _, parts in balls:
                    singular.reshape(-1)[parts[0]] = False
            apply = mended
        count = max(len(n.worlds) for n in inputs)
        worlds = [apply([n.world(k) for n in inputs]) for k in range(count)]
        first = worlds[0]
        require(name, [n.value for n in inputs], first, params, line)
        sizes = smooth.size(
            name, [n.value for n in inputs], [n.size for n in inputs], first, params, apply
        )
        bad = self.spread_bad(name, inputs, first, apply)
        if singular is not None and singular.any():
            self.bad_line = line
            bad = [np.asarray(singular | b) if b is not None else singular for b in bad or [None]]
        labels = self.spread_labels(name, inputs, first, apply)
        variable = [n for n in inputs if n.ref is not None]
        node = Node(
            name,
            [n.operand for n in inputs],
            [],
            line,
            linear=_is_linear(name, inputs) or not any(smooth.is_float(o) for o in first),
            apply=apply,
            params=params,
            shapes=[jnp.shape(o) for o in first],
            numbers=inputs,
        )
        flat = all(n.flat or not smooth.is_float(n.value) for n in variable)
        upstream = frozenset().union(*(n.upstream for n in variable))
        eps = max((n.eps for n in inputs if smooth.is_float(n.value)), default=0.0)
        self.add(node)
        outs = []
        for place, _value in enumerate(first):
            out = Number(
                [w[place] for w in worlds],
                self.fresh(node),
                sizes[place],
                eps or np.finfo(np.float64).eps,
                labels=labels[place] if labels is not None else None,
                bad=bad[place] if bad is not None else None,
                upstream=upstream,
                flat=flat,
            )
            outs.append(out)
            if out.labels is not None:
                self.close(out, node, place)
        if balls:
            self.add_balls(node, outs[0], balls, line)
        return outs

    def singular(
        self, name: str, params: dict[str, Any], inputs: list[Number]
    ) -> np.ndarray | None:
        rule = smooth.SINGULAR.get(name)
        if rule is None:
            return None
        if name == "pow" and inputs[1].ref is not None:
            rule = smooth.varying_power
        found = None
        for k in range(max(len(n.worlds) for n in inputs)):
            values = [n.world(k) for n in inputs]
            tol = [self.tolerance(n.size, n.eps) for n in inputs]
            here = np.array(jnp.broadcast_to(rule(values, tol, params), _joint_shape(values)))
            found = here if found is None else found | here
        if found is not None:
            for n in inputs:
                if n.bad is not None:
                    found = found & ~np.broadcast_to(n.bad, found.shape)
        return np.array(found) if found is not None and np.any(found) else None

    def spread_bad(
        self, name: str, inputs: list[Number], outs: list[Any], apply: Any
    ) -> list[np.ndarray | None] | None:
        if all(n.bad is None for n in inputs):
            return None
        masks = [n.bad if n.bad is not None else np.zeros(jnp.shape(n.value), bool) for n in inputs]
        if name == "select_n":
            which, *_cases = inputs
            chosen = np.zeros(jnp.shape(outs[0]), bool)
            for k in range(len(which.worlds)):
                pick = np.asarray(which.world(k)).astype(int)
                for i, mask in enumerate(masks[1:]):
                    chosen |= np.broadcast_to((pick == i), chosen.shape) & mask
            return [_some(chosen | np.broadcast_to(masks[0], chosen.shape))]
        if name in smooth.ELEMENTWISE:
            joint = np.zeros(jnp.shape(outs[0]), bool)
            for mask in masks:
                joint = joint | mask
            return [_some(joint)]
        if name in smooth.STRUCTURAL and _moves_floats(name, inputs):
            moved = apply(
                [
                    jnp.asarray(m, jnp.float64) if smooth.is_float(n.value) else n.value
                    for m, n in zip(masks, inputs, strict=True)
                ]
            )
            return [_some(np.asarray(o) > 0) for o in moved]
        return [np.ones(jnp.shape(o), bool) for o in outs]

    # ---- labels: which switch a number differs by

    def spread_labels(
        self, name: str, inputs: list[Number], outs: list[Any], apply: Any
    ) -> list[np.ndarray] | None:
        labelled = [n for n in inputs if n.labels is not None]
        if not labelled:
            return None
        if name in smooth.ELEMENTWISE or name in smooth.ELEMENTWISE_CHOICES:
            shape = jnp.shape(outs[0])
            return [_meet([n.labels for n in labelled if n.labels is not None], shape)]
        if name in smooth.MOVES:
            return self.moved_labels(inputs, apply, everything=True)
        indexed = smooth.is_float(inputs[0].value) and all(
            n.labels is None or smooth.is_float(n.value) for n in inputs
        )
        if name in smooth.STRUCTURAL and indexed:
            return self.moved_labels(inputs, apply, everything=False)
        present = set().union(*(set(np.unique(np.asarray(n.labels))) for n in labelled)) - {-1}
        if len(present) == 1 and len(outs) == 1:
            return [np.full(jnp.shape(outs[0]), present.pop())]
        if name in ("reduce_sum", "reduce_and", "reduce_or"):
            return [self.reduced_labels(labelled[0], apply, outs[0])]
        return self.branch_on(labelled[0])

    def moved_labels(self, inputs: list[Number], apply: Any, everything: bool) -> list[np.ndarray]:
        """Labels moved about as the numbers are; `everything`: no input is an index."""
        moved = apply(
            [
                jnp.asarray(
                    np.full(jnp.shape(n.value), -1) if n.labels is None else n.labels,
                    jnp.int64 if everything else jnp.float64,
                )
                if everything or smooth.is_float(n.value)
                else n.value
                for n in inputs
            ]
        )
        return [np.asarray(o).astype(np.int64) for o in moved]

    def reduced_labels(self, number: Number, apply: Any, out: Any) -> np.ndarray:
        """A sum's label, where its terms have one between them."""
        labels = number.labels
        assert labels is not None
        result = np.full(jnp.shape(out), -1)
        for t in set(np.unique(labels)) - {-1}:
            mine = jnp.asarray(labels == t)
            as_input = mine.astype(jnp.float64) if smooth.is_float(number.value) else mine
            (touched,) = apply([as_input if smooth.is_float(number.value) else mine])
            result = np.where(np.asarray(touched) != 0, np.where(result == -1, t, _SEVERAL), result)
        return np.asarray(result)

    def close(self, out: Number, node: Node, place: int) -> None:
        """End the labels of numbers that are the same in all worlds."""
        labels = out.labels
        assert labels is not None
        if not np.any(labels != -1):
            out.labels = None
            return
        stacked = np.stack([np.asarray(w, np.float64) for w in out.worlds])
        with np.errstate(invalid="ignore"):
            spread = stacked.max(axis=0) - stacked.min(axis=0)
        sizes = np.maximum(np.asarray(out.size), np.abs(stacked).max(axis=0))
        same = (spread <= np.asarray(self.tolerance(sizes, out.eps))) & (labels != -1)
        if np.any(same & (labels == _SEVERAL)):
            self.branch_on(out)
        if smooth.is_float(out.value):
            for e in np.flatnonzero(same):
                self.add_exit(node, place, int(e), int(labels.flat[e]), stacked[0].flat[e], None)
        labels = np.asarray(np.where(same, -1, labels))
        out.labels = labels if np.any(labels != -1) else None
        if out.labels is None:
            out.worlds = out.worlds[:1]

    def branch_on(self, number: Number) -> Any:
        labels = number.labels
        assert labels is not None
        single = labels[labels >= 0]
        t = int(single.min()) if single.size else self.several
        switch = self.tape.switches[t]
        raise NeedsBranch(switch.address, len(switch.outcomes), switch.line)

    @property
    def several(self) -> int:
        """Some jump that is open: where labels have met, the first open jump is as good as any."""
        return next(s.index for s in self.tape.switches if s.jumps and s.forced is None)

    # ---- choices

    def choose(
        self, name: str, row: Choice, params: dict[str, Any], inputs: list[Number], line: str
    ) -> Number:
        number = self.step
        self.step += 1
        if name in COMPARISONS:
            inputs = same_sign(inputs, self.makers)
        data = row.freeze([inputs[0].value], params)
        if data is not None and inputs[0].labels is not None:
            self.branch_on(inputs[0])  # a step has another threshold in another world
        worlds, patterns, tied, margins = [], [], None, None
        labels = None
        labelled = [n.labels for n in inputs if n.labels is not None]
        eps = max(n.eps for n in inputs)
        for k in range(max(len(n.worlds) for n in inputs)):
            values = [n.world(k) for n in inputs]
            keys = np.asarray(row.keys(values, params, data), np.float64)
            sizes = np.abs(np.asarray(row.keys([n.size for n in inputs], params, data)))
            best = np.array(np.argmax(keys, axis=0))
            top = np.take_along_axis(keys, best[None], 0)
            room = self.tolerance(sizes + np.take_along_axis(sizes, best[None], 0), eps)
            with np.errstate(invalid="ignore"):
                near = (top - keys <= np.asarray(room)) & np.isfinite(top - keys)
            near[best, *np.indices(best.shape)] = True
            if name in NO_TIE_AT_ZERO:
                near[:, np.asarray(data[0]) == 0] = False  # pyright: ignore[reportOptionalSubscript]
                near[best, *np.indices(best.shape)] = True
            here = near.sum(axis=0) > 1
            tied = here if tied is None else tied | here
            margins = near if margins is None else margins
            patterns.append(best)
            worlds.append(row.output(values, params, data, best))
        assert tied is not None
        assert margins is not None
        tied = np.asarray(tied)
        if labelled:
            if len(labelled) and name not in ("reduce_max", "reduce_min", "argmax", "argmin"):
                labels = _meet(labelled, tied.shape)
            else:
                present = set(np.unique(labelled[0])) - {-1}
                if len(present) > 1:
                    self.branch_on(next(n for n in inputs if n.labels is not None))
                labels = np.full(tied.shape, present.pop())
            if np.any((labels != -1) & tied) or np.any(labels == _SEVERAL):
                self.branch_on(next(n for n in inputs if n.labels is not None))
        for n in inputs:
            if n.bad is not None:
                keep = n.bad if n.bad.shape == tied.shape else np.ones(tied.shape, bool)
                tied = np.asarray(tied & ~keep)
        if name in ("max", "min") and inputs[0].ref is not None and inputs[0].ref == inputs[1].ref:
            tied = np.zeros_like(tied)
        if name in COMPARISONS and tied.any():
            tied = self.one_signed(inputs, tied, patterns)
            worlds = [
                row.output([n.world(k) for n in inputs], params, data, p)
                for k, p in enumerate(patterns)
            ]
        return self.write_choice(
            number, name, row, params, data, inputs, line, patterns, worlds, tied, margins, labels
        )

    def write_choice(
        self,
        number: int,
        name: str,
        row: Choice,
        params: dict[str, Any],
        data: Any,
        inputs: list[Number],
        line: str,
        patterns: list[np.ndarray],
        worlds: list[Any],
        tied: np.ndarray,
        near: np.ndarray,
        labels: np.ndarray | None,
    ) -> Number:
        """Put a choice on the tape: frozen, with its ties as switches.

        `number` counts choosing steps; `near` tells which candidates tie, shape (m, *out).
        """
        shape = tied.shape
        eps = max(n.eps for n in inputs)
        if labels is None and not tied.any() and (not row.continuous):
            # Decided with room: its output is locally constant.
            out = Number([worlds[0]], None, jnp.abs(jnp.asarray(worlds[0], jnp.float64)), eps)
            bad = self.choice_bad(inputs, shape)
            out.bad = bad
            return out
        node = Node(
            name,
            [n.operand for n in inputs],
            [],
            line,
            linear=True,
            row=row,
            params=params,
            data=data,
            patterns=patterns,
            labels=labels,
            shapes=[shape],
            numbers=inputs,
        )
        self.add(node)
        place_in_nodes = len(self.tape.nodes) - 1
        upstream = frozenset().union(*(n.upstream for n in inputs))
        open_places = []
        flat_near = near.reshape(near.shape[0], -1)
        for e in np.flatnonzero(tied):
            outcomes = tuple(int(k) for k in np.flatnonzero(flat_near[:, e]))
            t = self.switch_for(node, number, int(e), outcomes, row, line, inputs)
            switch = self.tape.switches[t]
            node.ties.append(t)
            if switch.forced is not None:
                for p in patterns:
                    p.reshape(-1)[e] = outcomes[switch.forced]
            else:
                open_places.append((int(e), t))
                for p in patterns:
                    p.reshape(-1)[e] = outcomes[0]
        if node.ties:
            count = max(len(patterns), self.tape._jump_worlds(node))
            worlds = [
                row.output(
                    [n.world(k) for n in inputs],
                    params,
                    data,
                    self.tape._pattern_in_world(node, k),
                )
                for k in range(count)
            ]
        if row.continuous:
            sizes = self.chosen_sizes(row, params, data, inputs, patterns[0])
        else:
            sizes = jnp.abs(jnp.asarray(worlds[0], jnp.float64))
        out = Number(worlds, self.fresh(node), sizes, eps, labels=labels, upstream=upstream)
        out.flat = not row.continuous or all(n.flat or n.ref is None for n in inputs)
        out.bad = self.choice_bad(inputs, shape)
        if open_places:
            out.upstream = out.upstream | {place_in_nodes}
            if row.continuous:
                flat = np.asarray(worlds[0]).reshape(-1)
                for e, t in open_places:
                    self.add_exit(node, 0, e, t, float(flat[e]), row.sign)
            else:
                marks = np.full(shape, -1) if labels is None else np.array(labels)
                for e, t in open_places:
                    marks.reshape(-1)[e] = t
                out.labels = marks
        return out

    def chosen_sizes(
        self,
        row: Choice,
        params: dict[str, Any],
        data: Any,
        inputs: list[Number],
        pattern: np.ndarray,
    ) -> Any:
        sizes = jnp.abs(row.keys([n.size for n in inputs], params, data))
        return jnp.take_along_axis(sizes, jnp.asarray(pattern)[None], 0)[0]

    def choice_bad(self, inputs: list[Number], shape: tuple[int, ...]) -> np.ndarray | None:
        masks = [n.bad for n in inputs if n.bad is not None]
        if not masks:
            return None
        joint = np.zeros(shape, bool)
        for mask in masks:
            try:
                joint = joint | np.broadcast_to(mask, shape)
            except ValueError:
                joint = np.ones(shape, bool)
        return _some(joint)

    def switch_for(
        self,
        node: Node,
        number: int,
        place: int,
        outcomes: tuple[int, ...],
        row: Choice,
        line: str,
        inputs: list[Number],
    ) -> int:
        """The switch of a tied place: a new one, or the one of an equal comparison before."""
        same: Any = None
        if not row.continuous and node.name in COMPARISONS:
            same = (tuple(_fingerprint(n) for n in inputs), place, row.at_equality)
            if same in self.known:
                return self.known[same]
        at_equality = row.at_equality if len(outcomes) > row.at_equality else 0
        index = len(self.tape.switches)
        address = (number, place)
        self.tape.switches.append(
            Switch(
                index,
                outcomes,
                place,
                not row.continuous,
                at_equality,
                address,
                node.name,
                line,
                forced=self.forced.get(address),
            )
        )
        node.owned.append(index)
        if same is not None:
            self.known[same] = index
        return index

    def one_signed(
        self, inputs: list[Number], tied: np.ndarray, patterns: list[np.ndarray]
    ) -> np.ndarray:
        """Settle ties a > 0 where a ≥ 0 by its structure and is not zero all around the point."""
        for which in (0, 1):
            large, small = inputs[which], inputs[1 - which]
            if small.ref is not None or large.ref is None or large.upstream:
                continue
            if np.any(np.asarray(small.value) != 0) or not is_nonnegative(large.ref, self.makers):
                continue
            nonzero = np.broadcast_to(self.not_identically_zero(large), tied.shape)
            settle = tied & nonzero
            for p in patterns:
                p[settle] = which
            tied = np.asarray(tied & ~settle)
        return tied

    def equality(self, when_equal: bool, inputs: list[Number], line: str) -> Number:
        """a == b, a ≠ b: decided by whether the two agree identically around the point."""
        self.step += 1
        a, b = inputs
        eps = max(a.eps, b.eps)
        shape = np.broadcast_shapes(jnp.shape(a.value), jnp.shape(b.value))
        labelled = [n for n in inputs if n.labels is not None]
        equal_worlds = []
        for k in range(max(len(n.worlds) for n in inputs)):
            gap = np.abs(np.asarray(a.world(k)) - np.asarray(b.world(k)))
            with np.errstate(invalid="ignore"):
                # Nothing is near infinity but itself.
                near = (gap <= np.asarray(self.tolerance(a.size + b.size, eps))) & np.isfinite(gap)
            equal_worlds.append(near | (np.asarray(a.world(k)) == np.asarray(b.world(k))))
        if a.ref is not None and a.ref == b.ref:
            equal = np.ones(shape, bool)
        elif labelled:
            if any(w.any() for w in equal_worlds):
                self.branch_on(labelled[0])
            equal = np.zeros(shape, bool)
        else:
            equal = np.array(np.broadcast_to(equal_worlds[0], shape))
            if equal.any():
                upstream = sorted(a.upstream | b.upstream)
                self.settle_upstream(upstream)
                isolated = equal & self.differ(a, b)
                if isolated.any():
                    self.tape.equalities.append((a.operand, b.operand, isolated, line))
                equal &= ~isolated
        value = jnp.asarray(equal if when_equal else ~equal)
        bad = self.choice_bad(inputs, shape)
        return Number([value], None, jnp.zeros(shape), eps, bad=bad)

    def settle_upstream(self, nodes: list[int]) -> None:
        for i in nodes:
            for t in self.tape.nodes[i].ties:
                switch = self.tape.switches[t]
                if switch.forced is None:
                    raise NeedsBranch(switch.address, len(switch.outcomes), switch.line)

    def differ(self, a: Number, b: Number) -> np.ndarray:
        """Where a − b is not identically zero around the point, tested at random points."""
        shape = np.broadcast_shapes(jnp.shape(a.value), jnp.shape(b.value))
        found = np.zeros(shape, bool)
        for leaves in self.random_points():
            va, vb = self.evaluate([a, b], leaves)
            with np.errstate(invalid="ignore"):
                gap = np.abs(va - vb)
                found |= gap > 1e-9 * (np.abs(va) + np.abs(vb))
        return np.asarray(found)

    def not_identically_zero(self, a: Number) -> np.ndarray:
        found = np.zeros(jnp.shape(a.value), bool)
        for leaves in self.random_points():
            (va,) = self.evaluate([a], leaves)
            with np.errstate(invalid="ignore"):
                found |= np.abs(va) > 1e-12
        return np.asarray(found)

    def random_points(self) -> list[list[Any]]:
        return [
            [
                jnp.asarray(
                    leaf + radius * (1 + np.abs(leaf)) * self.rng.standard_normal(leaf.shape)
                )
                for leaf in self.program.start
            ]
            for radius in (0.3, 0.1, 0.01)
        ]

    def evaluate(self, numbers: list[Number], leaves: list[Any]) -> list[np.ndarray]:
        sigma = np.array([s.forced or 0 for s in self.tape.switches], dtype=int)
        results = []
        for n in numbers:
            part = replace(self.tape, value=n.operand)
            results.append(np.asarray(part.frozen(leaves, sigma)[0]))
        return results

    # ---- norms at zero

    def norms(self, number: Number, singular: np.ndarray) -> list[tuple[int, Any]]:
        """For each zero under a root that is a sum of squares: the vector whose norm it is."""
        if number.ref is None or number.labels is not None:
            return []
        found = []
        zero = np.abs(np.asarray(number.value)) <= np.asarray(
            self.tolerance(number.size, number.eps)
        )
        for e in np.flatnonzero(singular & zero):
            parts = sum_of_squares(number.ref, int(e), self.makers)
            if parts is not None:
                found.append((len(found), (int(e), parts)))
        return found

    def add_balls(self, node: Node, out: Number, balls: list[Any], line: str) -> None:
        number = self.step
        self.step += 1
        for _, (e, parts) in balls:
            width = sum(len(places) for _, places, _ in parts)
            index = len(self.tape.switches)
            switch = Switch(
                index, tuple(range(width)), e, False, 0, (number, e), "norm", line, ball=True
            )
            self.tape.switches.append(switch)
            node.balls.append((index, parts))
            self.add_exit(node, 0, e, index, 0.0, None)
        out.worlds = [
            w.reshape(-1).at[np.array([e for _, (e, _) in balls])].set(0.0).reshape(w.shape)
            for w in out.worlds
        ]
        out.upstream = out.upstream | {len(self.tape.nodes) - 1}
        node.linear = False

    # ---- bookkeeping

    def tolerance(self, size: Any, eps: float) -> Any:
        if self.tie_tol is not None:
            return np.full(jnp.shape(size), self.tie_tol)
        return TIE_FACTOR * eps * size

    def add(self, node: Node) -> None:
        if len(self.tape.nodes) >= MAX_NODES:
            raise TooManyPiecesError(
                f"the program takes more than {MAX_NODES} steps once its loops are unrolled (at "
                f"{node.line}); sample instead: clarke(f, samples=..., radius=...)."
            )
        self.tape.nodes.append(node)

    def fresh(self, node: Node) -> int:
        index = self.count
        self.count += 1
        self.makers[index] = (node, len(node.outputs))
        node.outputs.append(index)
        return index

    def add_exit(
        self, node: Node, place: int, e: int, switch: int, base: float, sign: float | None
    ) -> None:
        index = len(self.tape.exits)
        self.tape.exits.append(Exit(index, switch, e, float(base), sign))
        node.exits.setdefault(place, []).append(index)

    def structural(
        self, name: str, inputs: list[Number], line: str, apply: Callable[[list[Any]], list[Any]]
    ) -> list[Number]:
        """A step of our own that moves numbers about."""
        if all(n.ref is None and n.bad is None for n in inputs):
            return [constant(out) for out in apply([n.value for n in inputs])]
        return self.plain(name, {}, inputs, line, apply)

    def primitive(self, name: str, inputs: list[Number], line: str) -> Number:
        """An elementary operation of our own, on floats."""
        operation = _OPERATIONS[name]
        apply = lambda values: [operation(*values)]
        if all(n.ref is None and n.bad is None for n in inputs):
            return constant(apply([n.value for n in inputs])[0])
        if name in CHOICES:
            return self.choose(name, CHOICES[name], {}, inputs, line)
        return self.plain(name, {}, inputs, line, apply)[0]


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "max": jnp.maximum,
    "min": jnp.minimum,
    "div": jnp.divide,
    "mul": jnp.multiply,
    "sub": jnp.subtract,
    "trunc": jnp.trunc,
}


def _some_float(inputs: list[Number]) -> bool:
    return any(smooth.is_float(n.value) and n.ref is not None for n in inputs)


def _some(mask: Any) -> np.ndarray | None:
    return np.asarray(mask) if np.any(mask) else None


def _joint_shape(values: list[Any]) -> tuple[int, ...]:
    return np.broadcast_shapes(*(jnp.shape(v) for v in values))


def _moves_floats(name: str, inputs: list[Number]) -> bool:
    return smooth.is_float(inputs[0].value) and all(
        n.ref is None or smooth.is_float(n.value) for n in inputs
    )


def _meet(labels: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """The label of each element, −2 where it has more than one."""
    joint = np.full(shape, -1)
    for other in labels:
        other = np.broadcast_to(other, shape)
        joint = np.where(
            other == -1, joint, np.where((joint == -1) | (joint == other), other, _SEVERAL)
        )
    return np.asarray(joint)


def _fingerprint(number: Number) -> Any:
    if number.ref is not None:
        return number.ref
    array = np.asarray(number.value)
    return (array.shape, array.tobytes())


def _mended(
    apply: Callable[[list[Any]], list[Any]], inputs: list[Number], singular: np.ndarray
) -> Callable[[list[Any]], list[Any]]:
    """The step with a harmless argument put where it is not defined: those numbers go unused."""
    mask = singular.copy()

    def mended(values: list[Any]) -> list[Any]:
        safe = [
            jnp.where(mask, 0.5, v) if smooth.is_float(n.value) else v
            for v, n in zip(values, inputs, strict=True)
        ]
        return apply(safe)

    return mended


def _is_linear(name: str, inputs: list[Number]) -> bool:
    variable = [n for n in inputs if n.ref is not None and not n.flat and smooth.is_float(n.value)]
    if name in smooth.LINEAR:
        return True
    if name in smooth.BILINEAR or name in ("select_n", "scatter-add", "scatter"):
        return len(variable) <= 1 or name == "select_n"
    return name == "div" and (inputs[1].ref is None or inputs[1].flat)
