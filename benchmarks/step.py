"""One update of each method on 10 million float32 parameters, its buffers donated.

Beside Optax's method, PyTorch's (fused or foreach where it has that) if it is installed, and a
donated copy that reads and writes as many arrays: the floor that the bytes set. All take turns, so
that a busy machine slows all alike, in an order that rotates, so that each inherits each other's
caches; the quickest round counts. Nesterov's gradient is that of a linear function, which costs
nothing. Newton's method has no peer, and is not for 10 million parameters.

    python benchmarks/step.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import steepest as st

SIZE, ROUNDS = 10_000_000, 40
M = st.methods

# method: ours, Optax's, PyTorch's class and options, arrays of state
METHODS: dict[str, tuple[Any, Any, str, dict[str, Any], int]] = {
    "gradient_descent": (M.gradient_descent(1e-3), optax.sgd(1e-3), "SGD", {"lr": 1e-3}, 0),
    "heavy_ball": (
        M.heavy_ball(1e-3),
        optax.sgd(1e-3, 0.9),
        "SGD",
        {"lr": 1e-3, "momentum": 0.9},
        1,
    ),
    "nesterov": (
        M.nesterov(1e-3),
        optax.sgd(1e-3, 0.9, nesterov=True),
        "SGD",
        {"lr": 1e-3, "momentum": 0.9, "nesterov": True},
        1,
    ),
    "adagrad": (M.adagrad(1e-2), optax.adagrad(1e-2), "Adagrad", {"lr": 1e-2}, 1),
    "rmsprop": (M.rmsprop(1e-3), optax.rmsprop(1e-3), "RMSprop", {"lr": 1e-3}, 1),
    "adadelta": (M.adadelta(), optax.adadelta(1.0), "Adadelta", {"lr": 1.0}, 2),
    "adam": (M.adam(1e-3), optax.adam(1e-3), "Adam", {"lr": 1e-3}, 2),
}


def optax_step(method: Any, gradient: Any) -> tuple[Callable[[], None], float]:
    """One update, over and over, in place; and how many arrays XLA says that it moves."""
    method = optax.with_extra_args_support(method)

    def step(x: Any, state: Any, g: Any) -> Any:
        updates, state = method.update(g, state, x, value_fn=lambda y: jnp.vdot(g, y))
        return optax.apply_updates(x, updates), state

    x = jnp.ones(SIZE)
    held = [(x, jax.tree.map(jnp.copy, method.init(x)))]
    compiled = jax.jit(step, donate_argnums=(0, 1)).lower(*held[0], gradient).compile()
    moved = (compiled.cost_analysis() or {})["bytes accessed"] / (4 * SIZE)

    def run() -> None:
        held[0] = jax.block_until_ready(compiled(*held[0], gradient))

    return run, moved


def copy_step(arrays: int, gradient: Any) -> Callable[[], None]:
    """As many arrays read and written, one addition each."""
    compiled = jax.jit(lambda held, g: tuple(a + g for a in held), donate_argnums=0)
    held = [tuple(jnp.ones(SIZE) * i for i in range(1 + arrays))]

    def run() -> None:
        held[0] = jax.block_until_ready(compiled(held[0], gradient))

    return run


def torch_step(name: str, options: dict[str, Any]) -> Callable[[], None] | None:
    try:
        import torch  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    p = torch.nn.Parameter(torch.ones(SIZE))
    p.grad = torch.full((SIZE,), 0.3)
    kind = getattr(torch.optim, name)
    for fastest in ({"fused": True}, {"foreach": True}):
        try:
            return kind([p], **options, **fastest).step
        except (TypeError, RuntimeError):
            continue
    return kind([p], **options).step


def main() -> None:
    gradient = jnp.asarray(np.random.default_rng(0).standard_normal(SIZE), jnp.float32)
    installed = torch_step("SGD", {"lr": 1.0}) is not None
    print(f"{SIZE:,} float32 parameters, milliseconds (the quickest of {ROUNDS} rounds)")
    if not installed:
        print("PyTorch is not installed: its column is left out")
    print(f"{'':18s}{'ours':>8s}{'Optax':>8s}{'PyTorch':>9s}{'copy':>8s}   times ours")
    for name, (ours, theirs, kind, options, arrays) in METHODS.items():
        run_ours, moved_ours = optax_step(ours, gradient)
        run_theirs, moved_theirs = optax_step(theirs, gradient)
        runs = {
            "ours": run_ours,
            "Optax": run_theirs,
            "PyTorch": torch_step(kind, options),
            "copy": copy_step(arrays, gradient),
        }
        times: dict[str, list[float]] = {key: [] for key in runs}
        for i in range(ROUNDS):
            turn = i % len(runs)
            for key, run in [*runs.items()][turn:] + [*runs.items()][:turn]:
                if run is not None:
                    start = time.perf_counter()
                    run()
                    times[key].append(1e3 * (time.perf_counter() - start))
        best = {key: min(found) for key, found in times.items() if found}
        shown = {key: f"{best[key]:.1f}" if key in best else "–" for key in runs}
        ratios = [f"{key} {best[key] / best['ours']:.2f}" for key in list(best)[1:]]
        print(
            f"{name:18s}{shown['ours']:>8s}{shown['Optax']:>8s}{shown['PyTorch']:>9s}"
            f"{shown['copy']:>8s}   {', '.join(ratios)}"
            f"; arrays moved {moved_ours:.0f}, Optax {moved_theirs:.0f}"
        )
    print("asked: Optax at least 0.9 everywhere; AdaDelta above 1")


if __name__ == "__main__":
    main()
