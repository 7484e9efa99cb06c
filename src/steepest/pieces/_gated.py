"""A program with all its choices as data: one smooth function of the point and of weights.

Every scalar choice among m candidates gets m weights. With weight 1 on one candidate and 0 on the
others the program is the smooth piece that this pattern freezes, which extends past the kink; the
choices' *keys* say where the pattern is the program's own (the chosen key is the largest). At a tie
of candidates of one value, weights in between mix the gradients of the pieces: convex combinations
of them are how a solution moves along a kink.

A norm at zero is a tie, too: the entries u of what the norm is taken of are held at 0. It has a
*gate*: open, the program takes the norm; closed, ⟨v, u⟩ with weights v, which is a gradient of the
norm at 0 wherever ‖v‖ ≤ 1.

It is compiled once, whatever the pattern.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import cached_property
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from jax.extend import core as jex_core

from steepest.errors import UnsupportedPrimitiveError
from steepest.pieces import _smooth as smooth
from steepest.pieces._case_control import branch_taken, written_out
from steepest.pieces._case_rules import is_small, with_cases
from steepest.pieces._cases import MOST, Atom, Cases, truth
from steepest.pieces._choices import CHOICES, COMPARISONS, EQUALITIES
from steepest.pieces._compound import MADE_OF, mixed
from steepest.pieces._double import called_jaxpr, evaluate_equation, is_identity
from steepest.pieces._interpret import interpret
from steepest.pieces._margins import PAIRED, Margins, outcomes
from steepest.pieces._named import NAMED
from steepest.pieces._peaks import Peak, Peaks, follow, is_peak, negated
from steepest.pieces._program import Program
from steepest.pieces._refused import Places, refuse
from steepest.pieces._rows import Rows
from steepest.pieces._sites import NormSite, Site
from steepest.pieces._sorting import ascending
from steepest.pieces._source import defined_by_jax, user_line
from steepest.pieces._squares import squared_entries

_WORTH = 0.25  # the largest share of the work of all keys for which rows are by themselves


class Gated:
    """A scalar program as a function of (leaves, weights); see the module.

    Attributes:
        sites: the choosing equations, in program order.
        norms: the equations that take a norm of something that depends on x.
        all_sites: both, in program order.
        is_choice: of each weight, whether it is one of a choice.
        most_held: how many pairs of keys can be tied at most, as a power of four.
        root_lines: the user's line for each other root of a number that depends on x.
        size: how many weights there are.
        places: how many places choose, norms apart.

    Raises:
        UnsupportedPrimitiveError: (when made) a primitive without a rule here, with the line.
    """

    def __init__(self, program: Program):
        self.program = program
        self.root_lines: list[str] = []
        met: list[Site] = []

        def survey(leaves: list[Any]) -> Any:
            return _Run(self, None, met).run(program.closed, leaves)

        with jax.enable_x64(True):
            jax.eval_shape(survey, program.start)
        self.all_sites = tuple(met)
        self.norms = [site for site in met if isinstance(site, NormSite)]
        self.sites = [site for site in met if not isinstance(site, NormSite)]
        self.size = sum(site.size for site in met)
        self.is_choice = np.ones(self.size, bool)
        for norm in self.norms:
            self.is_choice[norm.start : norm.start + norm.size] = False
        self.places = sum(site.places for site in self.sites)
        tied = sum((site.candidates - 1) * site.places for site in self.sites)
        room = tied + sum(norm.candidates * norm.places for norm in self.norms)
        self.most_held = 0 if not room else 4 ** int(np.ceil(np.log(max(room, 4)) / np.log(4)))

    def __call__(self, leaves: Sequence[Any], weights: Any) -> tuple[Any, Any, Any]:
        """(value, keys of all candidates, laid out as the weights are, roots).

        The roots are the square roots of what roots are taken of other than the norms of `norms`:
        where one is 0 no piece is smooth.
        """
        run = _Run(self, weights)
        value = run.run(self.program.closed, list(leaves))
        return value, _joined(run.keys), _joined(run.roots)

    @cached_property
    def rows(self) -> Rows | None:
        """The keys row by row, where a row takes a small share of the work of all."""

        def keys(leaves: list[Any], weights: Any) -> list[Any]:
            run = _Run(self, weights)
            run.run(self.program.closed, leaves)
            return run.keys

        axes = [axes for site in self.all_sites for axes in site.cuts]
        rows = Rows(keys, self.program.start, self.size, axes)
        return rows if rows.share <= _WORTH else None

    @property
    def singular_lines(self) -> list[str]:
        """The user's line for each entry of `singular`."""
        norms = [norm.line for norm in self.norms for _ in range(norm.places)]
        return norms + self.root_lines

    def singular(self, leaves: Sequence[Any], weights: Any) -> Any:
        """All norms and other roots: where one is 0 the program is not smooth."""
        _, keys, roots = self(leaves, weights)
        lengths = [
            jnp.linalg.norm(jnp.reshape(keys[n.start : n.gates.start], (n.candidates, -1)), axis=0)
            for n in self.norms
        ]
        return jnp.concatenate([*lengths, roots])

    def actual(self, leaves: Sequence[Any]) -> tuple[Any, Any, Any]:
        """(value, keys, weights) with every choice as the program itself takes it."""
        run = _Run(self, None)
        value = run.run(self.program.closed, list(leaves))
        return value, _joined(run.keys), _joined(run.taken)


class _Run:
    """One interpretation, with given weights or (None) the program's own.

    `found` takes the sites that are met, where it is given.
    """

    def __init__(self, gated: Gated, weights: Any, found: list[Site] | None = None):
        self.gated, self.weights, self.found = gated, weights, found
        self.keys: list[Any] = []
        self.taken: list[Any] = []
        self.roots: list[Any] = []
        # id of a sum of squares → (it, the entries that are squared, on a leading axis).
        self.squares: dict[int, tuple[Any, Any]] = {}
        self.margins = Margins()
        # The weights of a choice, by what it turns on.
        self.known: dict[Hashable, Any] = {}
        self.peaks: Peaks = {}
        self.mixed_squares: dict[int, tuple[Cases, Any]] = {}
        self.next = 0
        self.call: Any = None

    def run(self, closed: jex_core.ClosedJaxpr, leaves: list[Any]) -> Any:
        with_x = [(leaf, True) for leaf in map(jnp.asarray, leaves)]
        (out,) = self.jaxpr(closed, with_x)
        return self.plain(out[0])

    def jaxpr(
        self, closed: jex_core.ClosedJaxpr, args: Sequence[tuple[Any, bool]]
    ) -> list[tuple[Any, bool]]:
        """Each number with whether it depends on x."""
        given = lambda value, dtype: (_double(value), False)
        return interpret(closed, args, given, lambda eqn, inputs, _: self.equation(eqn, inputs))

    def equation(self, eqn: Any, inputs: list[tuple[Any, bool]]) -> list[tuple[Any, bool]]:
        name = eqn.primitive.name
        values = [value for value, _ in inputs]
        if not any(varies for _, varies in inputs):
            return [(out, False) for out in self.constant(eqn, values)]
        inner = called_jaxpr(eqn)
        if inner is not None:
            outermost = self.call is None and defined_by_jax(inner.jaxpr)
            arguments, rule = NAMED.get(eqn.params.get("name"), (0, None))
            if rule is not None and arguments == len(values) and defined_by_jax(inner.jaxpr):
                return [(rule(self, eqn, values), True)]
            if outermost:
                self.call = eqn
            outs = self.jaxpr(inner, inputs)
            if outermost:
                self.call = None
            return outs
        if is_identity(eqn):
            return inputs
        if name == "scan":
            return written_out(self, eqn, inputs)
        if name == "cond":
            return branch_taken(self, eqn, inputs)
        if any(isinstance(value, Places) for value in values):
            self.refuse(eqn, *values)
        if any(isinstance(value, Cases) for value in values):
            found = with_cases(self, eqn, inputs)
            if found is not None:
                return [(found, True)]
            values = [self.plain(value, eqn) for value in values]
            inputs = [(v, varies) for v, (_, varies) in zip(values, inputs, strict=True)]
        floats = any(varies and smooth.is_float(value) for value, varies in inputs)
        if floats and name == "sort" and len(values) == 1:
            return [(ascending(self, eqn, values[0], eqn.params["dimension"]), True)]
        if floats and name == "top_k":
            rows = ascending(self, eqn, values[0], eqn.params["axis"])
            rows = jnp.flip(rows, eqn.params["axis"])
            first = lax.slice_in_dim(rows, 0, eqn.params["k"], axis=eqn.params["axis"])
            return [(first, True), (Places(), True)]
        if floats and name in MADE_OF:
            return [(MADE_OF[name](self, eqn, values), True)]
        if floats and name in EQUALITIES:
            winner = is_peak(self.peaks, values)
            if winner is not None:
                is_it = truth(object(), winner)
                return [(is_it if EQUALITIES[name] else negated(is_it), True)]
            # Equal on a set of measure zero, unless identically: no kink is expected of it.
            return [(out, True) for out in evaluate_equation(eqn, values)]
        if floats and name in CHOICES:
            return [(self.choose(name, eqn, values), True)]
        if floats and (not smooth.is_smooth(name, eqn.params) or name in smooth.PARAMETERS):
            self.refuse(eqn)
        if name == "convert_element_type" and not jnp.issubdtype(
            eqn.params["new_dtype"], np.floating
        ):
            self.refuse(eqn)
        if name == "sqrt" or (name == "pow" and not inputs[1][1]):
            known = self.squares.get(id(values[0]))
            if known is not None and (name == "sqrt" or _is_half(values[1])):
                return [(self.norm(eqn, values[0], known[1]), True)]
            self.root(eqn, values)
        outs = evaluate_equation(eqn, values)
        if len(outs) == 1:
            self.margins.note(name, values, outs[0])
            follow(self.peaks, eqn, values, outs[0])
        if floats and len(outs) == 1:
            entries = squared_entries(eqn, values, self.squares)
            if entries is not None:
                self.squares[id(outs[0])] = (outs[0], entries)
        return [(out, True) for out in outs]

    def norm(self, eqn: Any, total: Any, entries: Any) -> Any:
        """√total, total the sum of the squares of `entries`; see the module on its gate."""
        m, shape = entries.shape[0], entries.shape[1:]
        self.keys += [entries, jnp.zeros(shape)]
        if self.found is not None:
            line, start = user_line(self.call or eqn), sum(site.size for site in self.found)
            self.found.append(NormSite("norm", line, m, shape, start))
        if self.weights is None:
            self.taken += [jnp.zeros(entries.size), jnp.ones(total.size)]
            return jnp.sqrt(total)
        site = self.expected("norm", entries.shape, eqn)
        assert isinstance(site, NormSite)
        open_ = jnp.reshape(self.weights[site.gates], shape) > 0
        v = jnp.reshape(self.weights[site.start : site.gates.start], entries.shape)
        apart = jnp.sqrt(jnp.where(open_, total, 1.0))
        return jnp.where(open_, apart, jnp.sum(v * entries, axis=0))

    def root(self, eqn: Any, values: list[Any]) -> None:
        """Keep what a root, or a power between 0 and 1, is taken of."""
        base, power = jnp.broadcast_arrays(values[0], values[1] if len(values) > 1 else 0.5)
        roots = jnp.where((power > 0) & (power < 1), jnp.sqrt(base), jnp.inf).reshape(-1)
        self.roots.append(roots)
        if self.found is not None:
            self.gated.root_lines += [user_line(self.call or eqn)] * roots.size

    def refuse(self, eqn: Any, *values: Any) -> NoReturn:
        refuse(eqn.primitive.name, user_line(self.call or eqn), list(values))

    def constant(self, eqn: Any, values: list[Any]) -> list[Any]:
        """What does not depend on x. Indices and the like are computed now, to be looked at."""
        small = all(is_small(var.aval) for var in eqn.outvars)
        if small and not any(isinstance(value, Tracer) for value in values):
            with jax.ensure_compile_time_eval():
                return [np.asarray(out) for out in evaluate_equation(eqn, values)]
        outs = evaluate_equation(eqn, values)
        if len(outs) == 1:
            self.margins.note(eqn.primitive.name, values, outs[0])
        return outs

    def plain(self, value: Any, eqn: Any = None) -> Any:
        """A number without cases: the mixed one."""
        if not isinstance(value, Cases):
            return value
        if not value.is_float:
            self.refuse(eqn, value)
        if value.root is None:
            self.margins.mixed(value, value.mean)
            return value.mean
        root = self.plain(value.root)
        found = self.mixed_squares.setdefault(id(value), (value, root * root))[1]
        self.squares[id(found)] = (found, root[None])
        return found

    def choose(self, name: str, eqn: Any, values: list[Any]) -> Any:
        row = CHOICES[name]
        if not row.continuous and name not in COMPARISONS | {"sign", "argmax", "argmin"}:
            self.refuse(eqn)
        if name in PAIRED:
            return self.pair(name, eqn, values)
        keys = row.keys(values, eqn.params, None)
        largest = name in ("reduce_max", "argmax")
        key = (largest, self.margins.name(values[0]), tuple(eqn.params["axes"]))
        if key not in self.known:
            self.known[key] = self.site(name, eqn, keys)
        weights = self.known[key]
        if name in ("argmax", "argmin"):
            if len(keys) > MOST:
                self.refuse(eqn)
            numbers = tuple(np.arange(len(keys), dtype=eqn.params["index_dtype"]))
            return Cases((Atom(key, weights),), numbers, keys.shape[1:], True)
        out = row.sign * mixed(keys, weights)
        self.peaks[id(out)] = Peak.of(out, values[0], tuple(eqn.params["axes"]), weights)
        return out

    def pair(self, name: str, eqn: Any, values: list[Any]) -> Cases:
        """A choice between two: one with others that turn on the same."""
        key, sign = self.margins.of(*values) if len(values) == 1 else self.margins.between(*values)
        keys = CHOICES[name].keys(values, eqn.params, None)
        shape = keys.shape[1:]
        if (key, shape) not in self.known:
            weights = self.site(name, eqn, keys)
            self.known[key, shape] = weights if sign * PAIRED[name] > 0 else weights[::-1]
        atom = Atom((key, shape), self.known[key, shape])
        first, second = outcomes(name, values)
        both = (first, second) if sign > 0 else (second, first)
        out = Cases((atom,), both, shape, not CHOICES[name].continuous)
        if len(values) == 2:
            self.margins.bounded(name, values, out)
        return out

    def positive_part(self, eqn: Any, value: Any) -> Cases:
        return self.pair("max", eqn, [value, np.zeros(())])

    def site(self, name: str, eqn: Any, keys: Any) -> Any:
        """The weights of the next choice; its keys are kept."""
        keys = jnp.asarray(keys)
        self.keys.append(keys)
        if self.found is not None:
            line, start = user_line(self.call or eqn), sum(site.size for site in self.found)
            self.found.append(Site(name, line, keys.shape[0], keys.shape[1:], start))
        if self.weights is None:
            best = jnp.argmax(keys, axis=0)
            own = jax.nn.one_hot(best, keys.shape[0], axis=0, dtype=jnp.float64)
            self.taken.append(jnp.reshape(own, -1))
            return own
        site = self.expected(name, keys.shape, eqn)
        return jnp.reshape(self.weights[site.start : site.start + site.size], keys.shape)

    def expected(self, name: str, shape: tuple[int, ...], eqn: Any) -> Site:
        """The next site, which is the one in hand."""
        site = self.gated.all_sites[self.next]
        self.next += 1
        if (site.name, site.candidates, *site.shape) != (name, *shape):
            raise UnsupportedPrimitiveError(
                f"the choices that f makes are not read the same twice, at "
                f"{user_line(self.call or eqn)}: this is a gap in the rules; please report it."
            )
        return site


def _joined(parts: list[Any]) -> Any:
    return jnp.concatenate([jnp.ravel(part) for part in parts]) if parts else jnp.zeros(0)


def _is_half(power: Any) -> bool:
    return not isinstance(power, Tracer) and bool(np.all(np.asarray(power) == 0.5))


def _double(value: Any) -> Any:
    dtype = getattr(value, "dtype", None)
    if dtype is None or not jnp.issubdtype(dtype, np.floating):
        return value
    # A NumPy number stays one: it can be looked at while the program is traced.
    kept = isinstance(value, np.ndarray | np.generic)
    return np.asarray(value, np.float64) if kept else jnp.asarray(value, jnp.float64)
