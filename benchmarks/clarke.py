"""What the Clarke differential costs, beside `jax.grad` on the same program in the same run.

    python benchmarks/clarke.py

Prints, for each program: seconds of the first call (compiling) and of a later one, and how they
grow; linear programs for each piece.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.clarke import clarke
from steepest.pieces import straight, trace
from steepest.pieces._compile import compiled


def seconds(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = jax.block_until_ready(call())
    return time.perf_counter() - start, result


def network(sizes: list[int], bias: bool, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return [
        (
            jnp.asarray(rng.standard_normal((b, a)) / np.sqrt(a), jnp.float32),
            jnp.asarray(0.1 * rng.standard_normal(b) * bias, jnp.float32),
        )
        for a, b in itertools.pairwise(sizes)
    ]


def forward(weights: Any, x: jax.Array) -> jax.Array:
    for W, b in weights[:-1]:
        x = jax.nn.relu(x @ W.T + b)
    W, b = weights[-1]
    return x @ W.T + b


def generic_point() -> None:
    """A 784–256–256–10 classifier, 32 images, where no choice is tied."""
    weights = network([784, 256, 256, 10], bias=True)
    rng = np.random.default_rng(1)
    X = jnp.asarray(rng.standard_normal((32, 784)), jnp.float32)
    labels = jnp.asarray(rng.integers(0, 10, 32))

    def loss(w: Any) -> jax.Array:
        return -jnp.mean(jax.nn.log_softmax(forward(w, X))[jnp.arange(32), labels])

    narrow = measured(loss, weights)
    with jax.enable_x64(True):
        wide = measured(loss, jax.tree.map(lambda a: np.asarray(a, np.float64), weights))
        program = trace(loss, weights)
        leaves = [jnp.asarray(leaf) for leaf in program.start]
        # With the images as an argument, as in the call that is compared with.
        ours = measured(lambda at: straight(program, at, None), leaves, has_aux=True)
    whole, D = seconds(lambda: clarke(loss)(weights))
    assert D.is_singleton
    print("784–256–256–10, no ties, float32 parameters (ours computes in float64):")
    for name, theirs in (("float32", narrow), ("float64", wide)):
        print(f"  beside jax.grad in {name}:", end=" ")
        print(f"compile {ours[0]:.2f} s / {theirs[0]:.2f} s = {ours[0] / theirs[0]:.2f},", end=" ")
        print(f"run {1e3 * ours[1]:.1f} ms / {1e3 * theirs[1]:.1f} ms =", end=" ")
        print(f"{ours[1] / theirs[1]:.2f} (at most 3 each)")
    print(f"  clarke(loss)(weights), tracing and compiling included: {whole:.2f} s")


def measured(f: Callable[[Any], Any], x: Any, has_aux: bool = False) -> tuple[float, float]:
    """(seconds of the first call, of a later one) of the gradient of f at x."""
    # A fresh function compiles anew.
    gradient = compiled(jax.value_and_grad(lambda y: f(y), has_aux=has_aux))
    first, _ = seconds(lambda: gradient(x))
    return first, min(seconds(lambda: gradient(x))[0] for _ in range(20))


def independent_ties() -> None:
    """f(x) = Σ|x_i| + ⟨c, x⟩ at 0, n ties: never 2^n pieces."""
    print("n independent ties:      set     min_norm")
    for n in (10, 100, 1_000, 10_000):
        c = jnp.asarray(np.random.default_rng(n).standard_normal(n), jnp.float32)
        build, D = seconds(lambda: clarke(lambda x: jnp.abs(x).sum() + c @ x)(jnp.zeros(n)))  # noqa: B023 (called at once)
        solve, _ = seconds(D.min_norm)
        print(f"  n = {n:6d}        {build:8.2f} s {solve:8.3f} s (at most 1)")


def network_at_zero() -> None:
    """A bias-free 3–16–16–1 network at x = 0, where hundreds of pieces meet."""
    weights = network([3, 16, 16, 1], bias=False)
    once, D = seconds(lambda: clarke(lambda x: forward(weights, x).sum())(jnp.zeros(3)))
    pieces = len(D.pieces)
    print(f"3–16–16–1 at 0: {once:.2f} s (at most 3), {pieces} pieces, exact {D.exact},", end=" ")
    print(f"{D.stats['programs'] / pieces:.1f} programs a piece")


def softplus_at_zeros() -> None:
    print("softplus at n zeros, the first calls of the process:")
    for n in (1_000, 100, 10):
        once, D = seconds(lambda: clarke(lambda x: jax.nn.softplus(x).sum())(jnp.zeros(n)))  # noqa: B023 (called at once)
        assert D.is_singleton
        print(f"  n = {n:6d}        {once:8.2f} s" + (" (at most 1)" if n == 1_000 else ""))


if __name__ == "__main__":
    softplus_at_zeros()  # first: nothing is compiled yet
    generic_point()
    independent_ties()
    network_at_zero()
