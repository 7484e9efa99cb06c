"""What a subgradient costs, beside `jax.grad` on the same program in the same run, under jit.

    python benchmarks/subgradient.py

Prints the time to compile and to run for a 784–256–256–10 ReLU network (32 images) and a 12-layer
transformer, at a point where nothing is tied; then with dead units, where ties are broken.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.subgradient import subgradient

_REPEATS = 15


def network() -> tuple[Callable[[Any], jax.Array], Any]:
    rng = np.random.default_rng(0)
    weights = [
        (
            jnp.asarray(rng.standard_normal((a, b)) / np.sqrt(a), jnp.float32),
            jnp.asarray(0.1 * rng.standard_normal(b), jnp.float32),
        )
        for a, b in itertools.pairwise([784, 256, 256, 10])
    ]
    images = jnp.asarray(rng.standard_normal((32, 784)), jnp.float32)
    labels = jnp.asarray(rng.integers(0, 10, 32))

    def loss(weights: Any) -> jax.Array:
        h = images
        for W, b in weights[:-1]:
            h = jax.nn.relu(h @ W + b)
        W, b = weights[-1]
        return -jnp.mean(jax.nn.log_softmax(h @ W + b)[jnp.arange(32), labels])

    return loss, weights


def transformer(
    layers: int = 12,
    width: int = 128,
    heads: int = 4,
    length: int = 64,
    vocabulary: int = 256,
    epsilon: float = 1e-5,
) -> tuple[Callable[[Any], jax.Array], Any]:
    """Causal, pre-norm, GELU, each layer written out."""
    rng = np.random.default_rng(0)
    draw = lambda *shape: jnp.asarray(rng.standard_normal(shape) / np.sqrt(shape[0]), jnp.float32)
    blocks = [
        {
            "qkv": draw(width, 3 * width),
            "out": draw(width, width),
            "up": draw(width, 4 * width),
            "down": draw(4 * width, width),
            "scale": jnp.ones((2, width)),
            "shift": jnp.zeros((2, width)),
        }
        for _ in range(layers)
    ]
    weights = {"embed": draw(vocabulary, width), "blocks": blocks, "head": draw(width, vocabulary)}
    tokens = jnp.asarray(rng.integers(0, vocabulary, (4, length)))
    causal = jnp.tril(jnp.ones((length, length), bool))

    def norm(x: jax.Array, scale: jax.Array, shift: jax.Array) -> jax.Array:
        centered = x - x.mean(-1, keepdims=True)
        variance = jnp.mean(centered**2, -1, keepdims=True)
        return centered * jax.lax.rsqrt(variance + epsilon) * scale + shift

    def loss(weights: Any) -> jax.Array:
        x = weights["embed"][tokens]
        for block in weights["blocks"]:
            h = norm(x, block["scale"][0], block["shift"][0])
            parts = jnp.split(h @ block["qkv"], 3, axis=-1)
            q, k, v = (p.reshape(4, length, heads, width // heads) for p in parts)
            scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / np.sqrt(width // heads)
            attention = jax.nn.softmax(jnp.where(causal, scores, -jnp.inf))
            mixed = jnp.einsum("bhqk,bkhd->bqhd", attention, v).reshape(4, length, width)
            x = x + mixed @ block["out"]
            h = norm(x, block["scale"][1], block["shift"][1])
            x = x + jax.nn.gelu(h @ block["up"]) @ block["down"]
        logits = jax.nn.log_softmax(x @ weights["head"])
        return -jnp.mean(jnp.take_along_axis(logits[:, :-1], tokens[:, 1:, None], -1))

    return loss, weights


def compiled(g: Callable[..., Any], x: Any) -> tuple[float, float, Callable[..., Any]]:
    """(seconds to trace and lower, seconds to compile, the compiled program)."""
    start = time.perf_counter()
    lowered = jax.jit(g).lower(x)
    middle = time.perf_counter()
    program = lowered.compile()
    return middle - start, time.perf_counter() - middle, program


def compare(name: str, f: Callable[[Any], jax.Array], x: Any, tied: Any = None) -> None:
    plain_trace, plain_compile, plain = compiled(jax.grad(f), x)
    our_trace, our_compile, ours = compiled(subgradient(f), x)
    print(f"{name}:")
    whole = (our_trace + our_compile) / (plain_trace + plain_compile)
    print(f"  trace    {our_trace:7.2f} s   jax.grad {plain_trace:7.2f} s", end="")
    print(f"   ratio {our_trace / plain_trace:5.2f}")
    print(f"  compile  {our_compile:7.2f} s   jax.grad {plain_compile:7.2f} s", end="")
    print(f"   ratio {our_compile / plain_compile:5.2f} (at most 2); with tracing {whole:.2f}")
    for label, at in (("run", x), ("run, tied", tied)):
        if at is None:
            continue
        times: dict[int, list[float]] = {0: [], 1: []}
        for _ in range(_REPEATS):  # interleaved, so that a busy machine slows both
            for which, program in enumerate((plain, ours)):
                start = time.perf_counter()
                jax.block_until_ready(program(at))
                times[which].append(time.perf_counter() - start)
        base, mine = (1e3 * min(times[which]) for which in (0, 1))
        wanted = " (at most 2)" if label == "run" else ""
        print(f"  {label:9s}{mine:6.2f} ms  jax.grad {base:6.2f} ms", end="")
        print(f"   ratio {mine / base:5.2f}{wanted}")


def main() -> None:
    f, x = network()
    dead = [(x[0][0].at[:, :4].set(0.0), x[0][1].at[:4].set(0.0)), *x[1:]]
    compare("784–256–256–10", f, x, dead)
    f, x = transformer()
    dead = {**x, "head": jnp.zeros_like(x["head"])}
    compare("transformer, 12 layers", f, x, dead)


if __name__ == "__main__":
    main()
