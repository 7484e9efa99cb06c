"""The time of `import steepest` against that of importing what it stands on.

Each import runs in a process of its own, the two in turn.

    python benchmarks/import_time.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys

ROUNDS = 9
TIMED = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def seconds(modules: str) -> float:
    out = subprocess.run(
        [sys.executable, "-c", TIMED.format(modules)], capture_output=True, text=True, check=True
    )
    return float(out.stdout)


def main() -> None:
    ours, peer = "steepest", "jax, optax, diffrax, equinox"
    for modules in (ours, peer):  # the files are read once before the clock runs
        seconds(modules)
    pairs = [(seconds(ours), seconds(peer)) for _ in range(ROUNDS)]
    print(f"import {ours}: {statistics.median(a for a, _ in pairs):.2f} s")
    print(f"import {peer}: {statistics.median(b for _, b in pairs):.2f} s")
    print(f"ratio: {statistics.median(a / b for a, b in pairs):.3f} (asked: under 1.2)")


if __name__ == "__main__":
    main()
