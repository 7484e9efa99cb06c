"""Steps per second of `descend`, against a hand-jitted Optax loop and an eager one.

A 64–64–64–10 ReLU network, batch 128, gradient descent, float32. `descend` also saves f at up to
1,000 times and watches for divergence at every step; the hand-written loops do neither.

    python benchmarks/descend.py
"""

from __future__ import annotations

import itertools
import time

import jax
import jax.numpy as jnp
import optax

import steepest as st
from common import median_seconds, paired, ratio

STEPS, EAGER_STEPS, ETA = 10_000, 100, 0.05
WIDTHS = (64, 64, 64, 10)


def main() -> None:
    keys = jax.random.split(jax.random.key(0), len(WIDTHS))
    shapes = itertools.pairwise(WIDTHS)
    W = [
        jax.random.normal(key, (a, b)) / jnp.sqrt(a)
        for key, (a, b) in zip(keys, shapes, strict=False)
    ]
    X = jax.random.normal(keys[-1], (128, 64))
    Y = jax.nn.one_hot(jnp.arange(128) % 10, 10)

    def f(W):
        z = X
        for layer in W[:-1]:
            z = jax.nn.relu(z @ layer)
        return 0.5 * jnp.mean(jnp.sum((z @ W[-1] - Y) ** 2, axis=1))

    method = st.methods.gradient_descent(ETA)
    peer = optax.sgd(ETA)

    @jax.jit
    def by_hand(W):
        def step(carry, _):
            W, state = carry
            updates, state = peer.update(jax.grad(f)(W), state, W)
            return (optax.apply_updates(W, updates), state), None

        return jax.lax.scan(step, (W, peer.init(W)), length=STEPS)[0][0]

    def eager():
        state, x = peer.init(W), W
        for _ in range(EAGER_STEPS):
            updates, state = peer.update(jax.grad(f)(x), state, x)
            x = optax.apply_updates(x, updates)
        return jax.block_until_ready(x)

    run = jax.jit(lambda W: st.descend(f, W, method, STEPS))
    a, b = run(W).final, by_hand(W)
    apart = max(float(jnp.max(jnp.abs(x - y))) for x, y in zip(a, b, strict=True))
    pairs = paired(lambda: jax.block_until_ready(run(W)), lambda: jax.block_until_ready(by_hand(W)))
    eager()
    start = time.perf_counter()
    eager()
    eager_rate = EAGER_STEPS / (time.perf_counter() - start)
    compile_seconds = st.descend(f, W, method, STEPS).stats["compile_seconds"]
    print(f"largest difference of the final weights: {apart:.1e}")
    print(f"descend          {STEPS / median_seconds(pairs, 0):9.0f} steps/s")
    print(f"hand-jitted loop {STEPS / median_seconds(pairs, 1):9.0f} steps/s")
    print(f"eager loop       {eager_rate:9.0f} steps/s")
    print(f"compile, once    {compile_seconds:9.2f} s")
    print(f"ratio descend / hand-jitted: {ratio(pairs):.3f} (asked: at least 0.95)")


if __name__ == "__main__":
    main()
