"""Discrete dynamics: a method applied step by step, inside one compiled scan."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jax.extend import core as jex_core
from jaxtyping import PyTree

from steepest._batches import Batches, as_batches
from steepest._raising import reraised
from steepest.errors import ArgumentError, SolverError
from steepest.inputs import (
    Point,
    as_point,
    check_scalar,
    function,
    is_traced,
    monitored,
    whole_number,
)
from steepest.trajectory import Divergence, Trajectory

_MOST_SAVED = 1000


def descend(
    f: Callable[..., Any],
    x0: PyTree,
    method: optax.GradientTransformation,
    steps: int,
    monitors: Mapping[str, Callable[[PyTree], PyTree]] | None = None,
    saveat: Sequence[int] | np.ndarray | None = None,
    *,
    states: bool = True,
    batches: Any = None,
    key: jax.Array | None = None,
    method_state: PyTree = None,
) -> Trajectory:
    """Run a method on f from x0: `steps` updates in one compiled scan.

    Args:
        f: a function of the state that returns one real number; of (state, batch) with `batches`.
        x0: the start, any pytree with real floats in it (an Equinox module as it is).
        method: one of `steepest.methods`, or any Optax gradient transformation. It is handed
            `value`, `grad` and `value_fn`, which line searches and second-order methods ask for.
        steps: how many updates.
        monitors: name → function of the state, evaluated at the saved times.
        saveat: step numbers, increasing, in 0 … steps: what is saved, states included. By default
            at most 1,000 times spread over the run, without the states.
        states: `False` with `saveat` leaves the states out.
        batches: what step t differentiates on. Either a function (key, t) → batch that JAX can
            trace, or a pytree of arrays with a leading axis of batches, or a list of batches; step
            t takes batch t modulo their number.
        key: the random key that a `batches` function receives, folded with t; default
            `jax.random.key(0)`.
        method_state: where an earlier run left the method, its `Trajectory.method_state`; with that
            run's `final` as x0 this run goes on from there as if the two had been one, bit for bit
            (a run of one step excepted, which compiles to another program). Step numbers, which
            batches are taken by, begin at 0 again. By default the method begins.

    Returns:
        The `Trajectory`, in JAX arrays of the user's dtype. It is a pytree: `descend` can be called
        under jit, and under vmap over starts and hyperparameters. `values` are f before the step of
        that number is taken, on the batch of that step.

    Raises:
        ArgumentError: an argument that means nothing, named.
        NotScalarError: f does not return one real number.
        SolverError: the run left the finite numbers; the message says at which step and in which
            leaf, and the error carries the trajectory. Under jit or vmap no error can be raised:
            look at `trajectory.divergence`. Or the method could not go on (`methods.newton`).

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> run = st.descend(
        ...     lambda x: 0.5 * jnp.sum(x**2),
        ...     jnp.array([1.0, 2.0]),
        ...     st.methods.gradient_descent(0.5),
        ...     steps=2,
        ...     saveat=[0, 1, 2],
        ... )
        >>> run.xs.tolist()
        [[1.0, 2.0], [0.5, 1.0], [0.25, 0.5]]

        Two steps and two more are four:

        >>> f, method = lambda x: x**4, st.methods.heavy_ball(0.01)
        >>> half = st.descend(f, 1.0, method, steps=2)
        >>> rest = st.descend(f, half.final, method, steps=2, method_state=half.method_state)
        >>> bool(rest.final == st.descend(f, 1.0, method, steps=4).final)
        True
    """
    function(f, "f", "one pytree")
    point = as_point(x0)
    steps = whole_number(steps, "steps", least=0)
    method = _as_method(method)
    times, keep_states = _saved_times(saveat, steps), states and saveat is not None
    if monitors is not None and not isinstance(monitors, Mapping):
        raise ArgumentError(f"monitors is {monitors!r:.40}; it must map names to functions of x.")
    if key is not None and not hasattr(key, "dtype"):
        raise ArgumentError(
            f"key is {key!r:.40}; it must be a random key: jax.random.key({key!r:.8})."
        )
    watched = dict(monitors or {})
    for name, monitor in watched.items():
        function(monitor, f"monitors[{name!r}]", "x")
    drawn = as_batches(batches)
    loop = _Loop(f, point, method, watched, drawn, keep_states)

    start = time.perf_counter()
    beginning = point.variables([jnp.asarray(leaf) for leaf in point.leaves])
    key = jax.random.key(0) if key is None else key
    if method_state is not None:
        _check_state(method_state, method, beginning)
    # The state is an argument also where the method begins: were its constants seen by the compiler
    # the run would be rounded otherwise than one that goes on from the same numbers.
    state = method.init(beginning) if method_state is None else method_state
    arguments = (beginning, state, drawn.data, key)
    closed, out = jax.make_jaxpr(
        lambda x, state, data, key: loop.run(x, state, data, key, times, steps), return_shape=True
    )(*arguments)
    flat = jax.tree.leaves(arguments)
    traced = is_traced((closed.consts, flat))
    # The arrays that f closes over go in as arguments: none is folded into the program.
    evaluate = jax.jit(
        lambda consts, flat: jex_core.jaxpr_as_fun(jex_core.ClosedJaxpr(closed.jaxpr, consts))(
            *flat
        )
    )
    if traced:
        results, seconds = evaluate(closed.consts, flat), float("nan")
    else:
        compiled = evaluate.lower(closed.consts, flat).compile()
        seconds = time.perf_counter() - start
        with reraised():
            results = jax.block_until_ready(compiled(closed.consts, flat))
    saved, final, state, divergence = jax.tree.unflatten(jax.tree.structure(out), results)
    trajectory = Trajectory(
        ts=jnp.asarray(times),
        xs=point.restore(jax.tree.leaves(saved["xs"])) if keep_states else None,
        values=saved["values"],
        monitors=saved["monitors"],
        final=point.restore(jax.tree.leaves(final)),
        events=(),
        stats={"gradients": steps, "steps": steps, "compile_seconds": seconds},
        divergence=divergence,
        method_state=state,
    )
    if not traced:
        _refuse_divergence(trajectory, point, f)
    return trajectory


def _as_method(method: Any) -> optax.GradientTransformationExtraArgs:
    if not isinstance(method, optax.GradientTransformation):
        raise ArgumentError(
            f"method is {method!r:.60}; it must be one of steepest.methods or an Optax gradient "
            "transformation, such as steepest.methods.gradient_descent(0.1)."
        )
    return optax.with_extra_args_support(method)


def _check_state(given: PyTree, method: optax.GradientTransformation, x0: PyTree) -> None:
    own = jax.eval_shape(method.init, x0)
    described = lambda state: (jax.tree.structure(state), [*map(np.shape, jax.tree.leaves(state))])
    if described(given) != described(own):
        raise ArgumentError(
            "method_state is no state of this method at this x0; give the method_state of a run of "
            "the same method, and that run's final as x0."
        )


def _extra_arguments(method: optax.GradientTransformationExtraArgs) -> list[str]:
    """What the method's update can be handed. Some of Optax's say "any" and take none (SAM)."""
    names = ["value", "grad", "value_fn"]
    parameters = inspect.signature(method.update).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return names
    return [name for name in names if name in parameters]


def _saved_times(saveat: Any, steps: int) -> np.ndarray:
    if saveat is None:
        stride = max(1, -(-steps // (_MOST_SAVED - 1)))
        return np.unique(np.append(np.arange(0, steps, stride), steps))
    if is_traced(saveat):
        raise ArgumentError("saveat is traced; it must be known before the run is compiled.")
    try:
        times = np.asarray(saveat, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"saveat is {saveat!r:.40}; it must list step numbers.") from error
    if times.ndim != 1 or not len(times):
        raise ArgumentError(
            f"saveat has shape {times.shape}; it must list one step number or more."
        )
    if np.any(times != np.round(times)) or np.any(np.diff(times) <= 0):
        raise ArgumentError("saveat must hold whole step numbers, strictly increasing.")
    if times[0] < 0 or times[-1] > steps:
        raise ArgumentError(
            f"saveat goes from {times[0]:g} to {times[-1]:g}; step numbers lie in 0 … {steps}."
        )
    return times.astype(int)


class _Loop:
    """The run as a function of arrays: one scan over the saved times, one loop between two."""

    def __init__(
        self,
        f: Callable[..., Any],
        point: Point,
        method: optax.GradientTransformationExtraArgs,
        monitors: dict[str, Callable[[PyTree], PyTree]],
        batches: Batches,
        keep_states: bool,
    ):
        self.f = f
        self.point = point
        self.method = method
        self.monitors = monitors
        self.batches = batches
        self.keep_states = keep_states
        self.extra_names = _extra_arguments(method)

    def run(
        self, x0: PyTree, state: PyTree, data: PyTree, key: jax.Array, times: Any, steps: int
    ) -> Any:
        """(saved, final x, the method's state there, divergence); x holds the variables alone."""
        value = self._value_at(data, key)
        jax.eval_shape(lambda x: check_scalar(value(x, 0), self.f), x0)
        never = Divergence(jnp.int32(-1), jnp.int32(-1))
        carry = (jnp.int32(0), x0, self._kept_in_dtype(x0, state, value), never)

        # An interval runs from one saved time to the next; what is saved is read at its beginning,
        # where its first step computes f anyway. A first interval that nobody asked for is dropped.
        ends_saved = times[-1] == steps
        marks = times if times[0] == 0 else np.concatenate([[0], times])
        lengths = np.diff(marks if ends_saved else np.append(marks, steps))
        saved: list[PyTree] = []
        if len(lengths):
            stride = int(lengths[0]) if np.all(lengths == lengths[0]) else None
            carry, rows = lax.scan(
                lambda carry, n: self._interval(carry, value, n if stride is None else stride),
                carry,
                jnp.asarray(lengths),
            )
            saved.append(rows if times[0] == 0 else jax.tree.map(lambda a: a[1:], rows))
        t, x, state, divergence = carry
        if ends_saved:
            last = self._save(x, value(x, t))
            divergence = self._watch(divergence, t, x, jnp.isfinite(last["values"]))
            saved.append(jax.tree.map(lambda a: jnp.asarray(a)[None], last))
        divergence = self._watch(divergence, t, x, _all_finite(x))
        return jax.tree.map(lambda *a: jnp.concatenate(a), *saved), x, state, divergence

    def _whole(self, x: PyTree) -> PyTree:
        """The user's pytree again, with what is no variable in its place."""
        return self.point.restore(jax.tree.leaves(x))

    def _value_at(self, data: PyTree, key: jax.Array) -> Callable[[PyTree, Any], Any]:
        """(state, step number) → f on that step's batch."""

        def value(x: PyTree, t: Any) -> Any:
            if not self.batches:
                return self.f(self._whole(x))
            return self.f(self._whole(x), self.batches.at(t, data, key))

        return value

    def _kept_in_dtype(self, x0: PyTree, state: PyTree, value: Callable[..., Any]) -> PyTree:
        """The method's state, in the dtypes that one step gives it (a scan wants them constant)."""
        after = jax.eval_shape(lambda x, s: self._step(0, x, s, value)[2], x0, state)
        return jax.tree.map(lambda a, b: jnp.asarray(a, b.dtype), state, after)

    def _step(self, t: Any, x: PyTree, state: PyTree, value: Callable[..., Any]) -> Any:
        here = lambda at: value(at, t)
        v, gradient = jax.value_and_grad(here)(x)
        extra = {"value": v, "grad": gradient, "value_fn": here}
        taken = {name: extra[name] for name in self.extra_names}
        updates, state = self.method.update(gradient, state, x, **taken)
        return v, optax.apply_updates(x, updates), state

    def _interval(self, carry: Any, value: Callable[..., Any], length: Any) -> tuple[Any, PyTree]:
        """`length` ≥ 1 steps; what is saved at their beginning.

        Every step watches the number f, which costs nothing; the state, all of it, is looked
        through at the beginning of the interval only.
        """
        t, beginning, state, divergence = carry
        divergence = self._watch(divergence, t, beginning, _all_finite(beginning))

        def one(carry: Any) -> tuple[Any, Any]:
            t, x, state, divergence = carry
            v, moved, state = self._step(t, x, state, value)
            return (t + 1, moved, state, self._watch(divergence, t, x, jnp.isfinite(v))), v

        def body(i: Any, both: Any) -> Any:
            carry, first = both
            carry, v = one(carry)
            return carry, jnp.where(i == 0, v, first)

        carry = (t, beginning, state, divergence)
        if isinstance(length, int) and length == 1:
            carry, v = one(carry)
        else:
            zero = jnp.zeros_like(jax.eval_shape(lambda c: one(c)[1], carry))
            carry, v = lax.fori_loop(0, length, body, (carry, zero))
        return carry, self._save(beginning, v)

    def _save(self, x: PyTree, v: Any) -> dict[str, PyTree]:
        whole = self._whole(x)
        saved = {
            "values": v,
            "monitors": {
                name: monitored(name, monitor, whole) for name, monitor in self.monitors.items()
            },
        }
        return saved | ({"xs": x} if self.keep_states else {})

    def _watch(self, divergence: Divergence, t: Any, x: PyTree, finite: Any) -> Divergence:
        """Note the first step at which something is not finite, and the leaf to blame."""
        leaves = jax.tree.leaves(x)

        def noted() -> Divergence:
            broken = jnp.stack([~jnp.isfinite(leaf).all() for leaf in leaves])
            sizes = [jnp.abs(leaf).max(initial=0).astype(jnp.float32) for leaf in leaves]
            leaf = jnp.where(broken.any(), jnp.argmax(broken), jnp.argmax(jnp.stack(sizes)))
            return Divergence(t, leaf.astype(jnp.int32))

        return lax.cond(finite | (divergence.step >= 0), lambda: divergence, noted)


def _all_finite(x: PyTree) -> Any:
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(x)]).all()


def _refuse_divergence(trajectory: Trajectory, point: Point, f: Callable[..., Any]) -> None:
    if not bool(trajectory.diverged):
        return
    step, leaf = int(trajectory.divergence.step), int(trajectory.divergence.leaf)
    name = getattr(f, "__name__", type(f).__name__)
    if step == 0:
        message = f"{name} is not finite at x0; start where it is defined."
    else:
        message = (
            f"the run left the finite numbers at step {step}, in {point.names[leaf]} "
            f"(the leaf that is not finite there, or the largest where only {name} is not); "
            "take a smaller step."
        )
    raise SolverError(message, trajectory)
