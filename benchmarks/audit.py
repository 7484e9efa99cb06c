"""What an audit costs: a ReLU network of ten million parameters, beside one gradient of its loss.

python benchmarks/audit.py
"""

from __future__ import annotations

import itertools
import time

import jax
import jax.numpy as jnp
import numpy as np

import steepest as st

_WIDTHS = (1024, 2048, 2048, 1280, 1024, 10)
_IMAGES = 64


def network(layers: list[jax.Array], x: jax.Array) -> jax.Array:
    for layer in layers[:-1]:
        x = jax.nn.relu(x @ layer)
    return x @ layers[-1]


def cross_entropy(logits: jax.Array, label: jax.Array) -> jax.Array:
    return -jax.nn.log_softmax(logits)[label]


def main() -> None:
    rng = np.random.default_rng(0)
    layers = [
        jnp.asarray(rng.standard_normal(shape) / np.sqrt(shape[0]), jnp.float32)
        for shape in itertools.pairwise(_WIDTHS)
    ]
    images = jnp.asarray(rng.standard_normal((_IMAGES, _WIDTHS[0])), jnp.float32)
    labels = jnp.asarray(rng.integers(0, 10, _IMAGES))
    mean = lambda w: jnp.mean(jax.vmap(cross_entropy)(network(w, images), labels))
    gradient = jax.jit(jax.grad(mean))
    jax.block_until_ready(gradient(layers))
    start = time.perf_counter()
    for _ in range(5):
        jax.block_until_ready(gradient(layers))
    one = (time.perf_counter() - start) / 5

    parts: list[tuple[float, str]] = []
    start = time.perf_counter()
    report = st.audit(
        network,
        layers,
        (images, labels),
        cross_entropy,
        progress=lambda words, done: parts.append((time.perf_counter(), words.split(",")[0])),
    )
    whole = time.perf_counter() - start
    parts.append((time.perf_counter(), ""))
    spent: dict[str, float] = {}
    for (begun, words), (ended, _) in itertools.pairwise(parts):
        spent[words] = spent.get(words, 0.0) + ended - begun
    print(f"{report.parameters:,} parameters, {_IMAGES} images:")
    print(f"  one gradient {1e3 * one:8.0f} ms")
    print(f"  the audit    {whole:8.1f} s  (at most 60), {whole / one:.0f} gradients")
    for words, seconds in spent.items():
        print(f"    {words:34s}{seconds:6.1f} s")


if __name__ == "__main__":
    main()
