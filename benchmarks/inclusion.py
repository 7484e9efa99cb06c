"""Gradient inclusion beside general integrators, and how it grows with the number of kinks.

Three tables. (1) A 3–8–8–1 ReLU network on 12 points to T = 20: right-hand sides, seconds and the
drift of the neurons' balances, which the flow preserves, for `gradient_inclusion` and for the
solvers of SciPy and Diffrax on the jitted gradient, each with a budget. (2) A 3–64–64–1 network on
200 points to T = 1: errors, the time in times of one jitted gradient, and for each run of another
solver how much of its time `gradient_inclusion` takes for a tenth of its error. (3) Networks with
800, 3,200 and 12,800 kinks to T = 2, and total variation with 10⁴ values. Compilation is not in the
seconds; in (1) and (2) whatever is compiled runs once before its clock does, since the first calls
of compiled code take longer; ours in (1) is the median of five.

`python benchmarks/inclusion.py [1 2 3]` runs some of the tables.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from scipy.integrate import solve_ivp

import steepest as st

BUDGET = 100_000  # right-hand sides


class OverBudgetError(Exception):
    """A solver asked for more right-hand sides than it was given."""


def network(sizes: tuple[int, ...], count: int, seed: int) -> tuple[Callable[..., Any], list[Any]]:
    """(loss of the layers, the layers)."""
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((count, sizes[0])), rng.standard_normal(count)
    shapes = [(b, a) for a, b in itertools.pairwise(sizes)]
    W = [rng.standard_normal(shape) / np.sqrt(shape[1]) for shape in shapes]

    def loss(w: list[Any]) -> Any:
        h = X.T
        for layer in w[:-1]:
            h = jax.nn.relu(layer @ h)
        return 0.5 * jnp.mean((w[-1] @ h - Y) ** 2)

    return loss, W


def drift(start: list[Any], end: list[Any]) -> float:
    """The largest change of a neuron's balance, incoming minus outgoing squared norm."""
    balances = [
        [np.sum(np.square(a), 1) - np.sum(np.square(b), 0) for a, b in itertools.pairwise(w)]
        for w in (start, end)
    ]
    return max(float(np.max(np.abs(a - b))) for a, b in zip(*balances, strict=True))


def ours(f: Any, W: list[Any], T: float, tolerance: float, again: int = 5) -> tuple[Any, float]:
    """(trajectory, seconds without compilation): of one run, or the median of more after it."""

    def one() -> tuple[Any, float]:
        began = time.perf_counter()
        run = st.gradient_inclusion(f, W, T, tolerance, tolerance, saveat=[T])
        return run, time.perf_counter() - began - run.stats["compile_seconds"]

    run, spent = one()
    return run, float(np.median([one()[1] for _ in range(again)])) if again else spent


def by_scipy(f: Any, W: list[Any], T: float, method: str, tolerance: float) -> tuple[Any, ...]:
    """(right-hand sides, seconds, layers at the end or None)."""
    start, restore = ravel_pytree([jnp.asarray(w) for w in W])
    gradient = jax.jit(jax.grad(lambda y: f(restore(y))))
    jax.block_until_ready(gradient(start))
    count = 0

    def field(_: float, y: np.ndarray) -> np.ndarray:
        nonlocal count
        count += 1
        if count > BUDGET:
            raise OverBudgetError
        return -np.asarray(gradient(y))

    began = time.perf_counter()
    try:
        out = solve_ivp(
            field, (0.0, T), np.asarray(start), method=method, rtol=tolerance, atol=tolerance
        )
        end = [np.asarray(w) for w in restore(out.y[:, -1])]
    except (OverBudgetError, ValueError):  # BDF's own differences overflow in the end
        end = None
    return count, time.perf_counter() - began, end


def by_diffrax(f: Any, W: list[Any], T: float, name: str, tolerance: float) -> tuple[Any, ...]:
    """(right-hand sides, seconds, layers at the end or None)."""
    start, restore = ravel_pytree([jnp.asarray(w) for w in W])
    solver = getattr(diffrax, name)()
    stages = solver.tableau.num_stages
    field = diffrax.ODETerm(lambda t, y, args: -jax.grad(lambda y: f(restore(y)))(y))

    @jax.jit
    def run(y: Any) -> Any:
        return diffrax.diffeqsolve(
            field,
            solver,
            0.0,
            T,
            None,
            y,
            stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance),
            max_steps=BUDGET // stages,
            throw=False,
        )

    jax.block_until_ready(run(start))
    began = time.perf_counter()
    out = jax.block_until_ready(run(start))
    seconds = time.perf_counter() - began
    done = bool(out.result == diffrax.RESULTS.successful)
    end = [np.asarray(w) for w in restore(out.ys[0])] if done else None
    return int(out.stats["num_steps"]) * stages, seconds, end


PEERS = {
    "SciPy RK45": (by_scipy, "RK45"),
    "SciPy DOP853": (by_scipy, "DOP853"),
    "SciPy LSODA": (by_scipy, "LSODA"),
    "SciPy BDF": (by_scipy, "BDF"),
    "Diffrax Tsit5": (by_diffrax, "Tsit5"),
    "Diffrax Dopri8": (by_diffrax, "Dopri8"),
}


def line(name: str, rhs: int, seconds: float, moved: Any, more: str = "") -> None:
    told = "over budget or failed" if moved is None else f"drift {moved:.1e}"
    print(f"  {name:28s} {rhs:7d} rhs  {seconds:8.2f} s  {told}{more}", flush=True)


def small_network() -> None:
    print("3–8–8–1, 12 points, T = 20")
    for seed in (0, 1, 2):
        f, W = network((3, 8, 8, 1), 12, seed)
        run, seconds = ours(f, W, 20.0, 1e-8)
        line(
            f"gradient_inclusion, seed {seed}",
            run.stats["rhs"],
            seconds,
            drift(W, run.final),
            f", {run.stats['vjps']} vjps, {run.stats['events']} events",
        )
        for name, (solve, method) in PEERS.items():
            count, spent, end = solve(f, W, 20.0, method, 1e-6)
            moved = None if end is None else drift(W, end)
            line(f"{name} at 1e-6", count, spent, moved, f", {spent / seconds:.1f} × ours")


def wide_network() -> None:
    print("3–64–64–1, 200 points, T = 1, in times of one jitted gradient")
    f, W = network((3, 64, 64, 1), 200, 0)
    gradient = jax.jit(jax.grad(f))
    jax.block_until_ready(gradient(W))
    began = time.perf_counter()
    for _ in range(200):
        jax.block_until_ready(gradient(W))
    one = (time.perf_counter() - began) / 200
    reference = st.gradient_inclusion(f, W, 1.0, 1e-11, 1e-11, saveat=[1.0]).final

    def off(end: list[Any]) -> float:
        pairs = zip(end, reference, strict=True)
        return max(float(np.max(np.abs(np.asarray(a) - np.asarray(b)))) for a, b in pairs)

    def told(seconds: float, error: float) -> str:
        return f", off by {error:.1e}, {seconds / one:.0f} gradient-times"

    own = []
    for tolerance in (1e-3, 1e-5, 1e-8):
        run, seconds = ours(f, W, 1.0, tolerance, again=1)
        own.append((off(run.final), seconds))
        more = told(seconds, own[-1][0]) + f", {run.stats['events']} events"
        name = f"gradient_inclusion at {tolerance:g}"
        line(name, run.stats["rhs"], seconds, drift(W, run.final), more)
    for name in ("SciPy RK45", "Diffrax Tsit5"):
        solve, method = PEERS[name]
        for tolerance in (1e-5, 1e-7, 1e-8, 1e-9, 1e-10):
            count, spent, end = solve(f, W, 1.0, method, tolerance)
            if end is None:
                line(f"{name} at {tolerance:g}", count, spent, None)
                continue
            error = off(end)
            best = min((s for o, s in own if o <= error / 10), default=np.inf)
            more = told(spent, error) + f"; ours, ten times as accurate: {best / spent:.2f} of it"
            line(f"{name} at {tolerance:g}", count, spent, drift(W, end), more)


def many_kinks() -> None:
    print("how it grows: T = 2, at 1e-8")
    rows = []
    for width, count in ((20, 20), (40, 40), (64, 100)):
        f, W = network((3, width, width, 1), count, 0)
        run, seconds = ours(f, W, 2.0, 1e-8, again=0)
        kinks = 2 * width * count
        rows.append((kinks, run.stats["events"], run.stats["rhs"], seconds))
        told = f", {run.stats['vjps']} vjps, {run.stats['events']} events"
        line(f"{kinks} kinks", run.stats["rhs"], seconds, drift(W, run.final), told)
    table = np.log(np.array(rows, float))
    for name, column in (("events", 1), ("right-hand sides", 2), ("seconds", 3)):
        exponent = np.polyfit(table[:, 0], table[:, column], 1)[0]
        print(f"  {name} grow like kinks^{exponent:.2f}")
    y = np.cumsum(np.random.default_rng(0).standard_normal(10_000))
    began = time.perf_counter()
    run = st.gradient_inclusion(
        lambda x: jnp.sum(jnp.abs(jnp.diff(x))), y, 1e6, saveat=[1e6], max_events=20_000
    )
    seconds = time.perf_counter() - began
    off = float(np.max(np.abs(run.final - y.mean())))
    told = f"{len(run.events)} events, {seconds:.1f} s, off by {off:.1e}"
    print(f"  total variation, 10⁴ values: {told}")


TABLES = {"1": small_network, "2": wide_network, "3": many_kinks}

if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    for key in sys.argv[1:] or TABLES:
        TABLES[key]()
