"""The study's trials: steps a second beside PyTorch, and arithmetic beside the peak of a GEMM.

    python benchmarks/study.py

Both frameworks train the 64–64–64–10 ReLU network on batches of 128 with Adam, an epoch of 100
steps at a time, and compute the loss and the error of the training set after each. PyTorch runs
eagerly, with 1 and 2 threads in 1 and 2 processes, of which the best counts; the workers of a study
have one thread each, and 1 and 2 of them are tried. All take turns for some seconds on the same
cores; the rates of processes at work together are added.
"""

from __future__ import annotations

import itertools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

BATCH, STEPS, SECONDS, ROUNDS = 128, 100, 3.0, 3
ONE_THREAD = {  # as a study's workers have it
    "OMP_NUM_THREADS": "1",
    "PJRT_NPROC": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}
NETWORK, WIDE = (64, 64, 64, 10), (512, 512, 512, 10)


def main() -> None:
    if len(sys.argv) > 1:
        kind, threads = sys.argv[1:]
        print(WORKERS[kind](int(threads)))
        return
    trial_steps()
    arithmetic()


def trial_steps() -> None:
    """Steps of trials a second, all processes together."""
    settings = [("ours", 1, processes) for processes in (1, 2)]
    if find_spec("torch") is None:
        print("PyTorch is not installed: there is nothing to compare with")
    else:
        settings += [("torch", *setting) for setting in itertools.product((1, 2), (1, 2))]
    rates: dict[tuple[str, int, int], list[float]] = {setting: [] for setting in settings}
    for _ in range(ROUNDS):
        for setting in settings:
            rates[setting].append(together(*setting))
    print("steps a second, the median of the rounds (threads × processes)")
    medians = {setting: statistics.median(found) for setting, found in rates.items()}
    for (kind, threads, processes), rate in medians.items():
        print(f"  {kind:6s}{threads} × {processes} {rate:9.0f}")
    best = lambda kind: max(rate for (k, *_), rate in medians.items() if k == kind)
    if len(settings) > 2:
        print(f"ratio of the best: {best('ours') / best('torch'):.2f} (asked: at least 4)")


def together(kind: str, threads: int, processes: int) -> float:
    """The sum of the rates of so many processes, measured in the same seconds."""
    command = [sys.executable, __file__, kind, str(threads)]
    environment = os.environ | ONE_THREAD if kind == "ours" else None
    pipe = subprocess.PIPE
    running = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
        for _ in range(processes)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return sum(float(process.communicate()[0]) for process in running)


def arithmetic() -> None:
    """Floating-point operations a second of a step, beside a product of matrices."""
    os.environ |= ONE_THREAD  # JAX is not imported yet
    import jax
    import jax.numpy as jnp

    epoch = our_epoch(WIDE)
    step = (
        3 * 2 * BATCH * sum(a * b for a, b in itertools.pairwise(WIDE))
    )  # forward, and twice back
    measured = step * STEPS + 2 * BATCH * STEPS * sum(a * b for a, b in itertools.pairwise(WIDE))
    A = jnp.ones((2048, 2048))
    product = jax.jit(lambda A: A @ A)
    gemm = lambda: jax.block_until_ready(product(A))
    pairs = []
    for run in (epoch, gemm):
        run()
    for _ in range(9):
        pairs.append((measured / _seconds(epoch), 2 * 2048**3 / _seconds(gemm)))
    ours, peak = (max(rates) / 1e9 for rates in zip(*pairs, strict=True))
    print(
        f"width 512: {ours:.1f} GFLOP/s of {peak:.1f}, the best of 2048 × 2048 products, one thread"
    )
    print(f"share: {100 * ours / peak:.0f} % (asked: at least 60)")


def our_epoch(widths: tuple[int, ...]) -> Callable[[], Any]:
    """An epoch of a trial, and its metrics, again and again."""
    import jax

    from steepest.study.compiled import programs
    from steepest.study.configuration import Configuration, Surroundings
    from steepest.study.epoch import Data
    from steepest.study.history import History
    from steepest.study.plan import Decay
    from steepest.study.problem import JaxProblem
    from steepest.study.problems.classification import Classification
    from steepest.study.problems.networks import dense

    X, y = examples(widths)
    network = Classification(dense(widths), lambda: ((X, y), (X[:1], y[:1]), (X[:1], y[:1])))
    sets = network.data()
    problem = JaxProblem("benchmark:p", network.init, network.loss, network.metrics, *sets)
    trial = Configuration(
        "benchmark:p",
        "adam",
        (("learning_rate", 1e-3),),
        Decay("none"),
        "dev error",
        epochs=10**9,
        batch=BATCH,
        width=1,
        seed=0,
        surroundings=Surroundings("0" * 64, None),
    )
    compiled, history, key = programs(problem, trial), History(trial), jax.random.key(0)
    data = Data(*jax.device_put(sets))
    held = [compiled.start(key, compiled.told([history]))]

    def run() -> None:
        told, rows = compiled.told([history]), compiled.rows([history], len(X))
        held[0], measured, finite = compiled.epoch(held[0], key, told, rows, data)
        metrics = jax.device_get((measured, finite))
        history.add({"train loss": float(metrics[0]["train"]["loss"].mean())})

    return run


def torch_epoch(widths: tuple[int, ...]) -> Callable[[], Any]:
    """The same in eager PyTorch, with its fused Adam."""
    import torch  # pyright: ignore[reportMissingImports]

    X, y = map(torch.from_numpy, examples(widths))
    layers: list[Any] = []
    for a, b in itertools.pairwise(widths):
        layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    adam = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    cross_entropy = torch.nn.functional.cross_entropy

    def run() -> None:
        for rows in torch.randperm(len(X)).split(BATCH):
            adam.zero_grad()
            cross_entropy(model(X[rows]), y[rows]).backward()
            adam.step()
        with torch.no_grad():
            scores = model(X)
            cross_entropy(scores, y).item()
            (scores.argmax(1) != y).float().mean().item()

    return run


def examples(widths: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((BATCH * STEPS, widths[0])).astype(np.float32)
    return X, rng.integers(0, widths[-1], len(X))


def our_rate(threads: int) -> float:
    return _rate(our_epoch(NETWORK))


def torch_rate(threads: int) -> float:
    import torch  # pyright: ignore[reportMissingImports]

    torch.set_num_threads(threads)
    return _rate(torch_epoch(NETWORK))


WORKERS: dict[str, Callable[[int], float]] = {"ours": our_rate, "torch": torch_rate}


def _rate(epoch: Callable[[], Any]) -> float:
    """Steps a second, compiled and warm, from when the parent says so."""
    epoch()
    print("ready", flush=True)
    sys.stdin.readline()
    began, epochs = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        epoch()
        epochs += 1
    return epochs * STEPS / (time.perf_counter() - began)


def _seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
