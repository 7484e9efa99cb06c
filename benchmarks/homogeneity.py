"""What reading a program for its degrees costs, beside tracing it with `jax.make_jaxpr`.

    python benchmarks/homogeneity.py

Prints, for a 50-layer ReLU network and a 12-layer transformer (with ε = 0 in its layer norms, and
with ε > 0), the time of `st.homogeneity(f)(params)` with its `.degrees` over that of tracing f, in
turn in the same run (homogeneity traces f once itself, so that 1 is the least); the search for a
counterexample is timed apart. Last, the rescalings of a 784–256–256–10 network.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import steepest as st
from common import paired
from steepest.homogeneity._homogeneity import Analysis
from steepest.inputs import as_point
from subgradient import transformer


def deep(layers: int = 50, width: int = 64) -> tuple[Callable[[Any], jax.Array], Any]:
    """Without biases: homogeneous of degree `layers`."""
    rng = np.random.default_rng(0)
    scale = np.sqrt(2 / width)
    weights = [
        jnp.asarray(scale * rng.standard_normal((width, width)), jnp.float32) for _ in range(layers)
    ]
    inputs = jnp.asarray(rng.standard_normal((16, width)), jnp.float32)

    def network(weights: Any) -> jax.Array:
        h = inputs
        for W in weights[:-1]:
            h = jax.nn.relu(h @ W)
        return h @ weights[-1]

    return network, weights


def plain(weights: Any) -> jax.Array:
    h = jnp.ones((4, 784))
    for W in weights[:-1]:
        h = jax.nn.relu(h @ W)
    return h @ weights[-1]


def compare(name: str, f: Callable[[Any], jax.Array], params: Any) -> None:
    # A new function each time: JAX remembers the programs of those that it has traced.
    trace = lambda: jax.make_jaxpr(lambda p: f(p))(params)

    def whole() -> None:
        analysis = Analysis(lambda p: f(p), as_point(params))
        count = range(len(analysis.point.leaves))
        for which in (count, *([i] for i in count)):
            analysis.proved(which)

    pairs = paired(whole, trace)
    ratio = statistics.median(ours / peer for ours, peer in pairs)
    ours, peer = (1e3 * statistics.median(column) for column in zip(*pairs, strict=True))
    start = time.perf_counter()
    h = st.homogeneity(f)(params)
    seconds = time.perf_counter() - start
    print(f"{name}: {h.status}, {h.degree if h.degree is not None else h.reason}")
    print(f"  read    {ours:7.1f} ms   make_jaxpr {peer:7.1f} ms   ratio {ratio:5.2f} (at most 2)")
    print(f"  with the search for a counterexample {seconds:6.2f} s")


def rescalings() -> None:
    rng = np.random.default_rng(0)
    shapes = [(784, 256), (256, 256), (256, 10)]
    weights = [jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in shapes]
    start = time.perf_counter()
    found = st.homogeneity(plain)(weights).rescalings
    print(f"784–256–256–10: {len(found)} rescalings in {time.perf_counter() - start:.2f} s, as")
    print(f"  {found[0]}")


def main() -> None:
    compare("50 layers", *deep())
    compare("transformer, 12 layers, ε = 0", *transformer(epsilon=0.0))
    compare("transformer, 12 layers, ε = 1e-5", *transformer())
    rescalings()


if __name__ == "__main__":
    main()
