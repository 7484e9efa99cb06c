"""What the study's engine costs: a task, a second worker, the status of a large store.

python benchmarks/study_engine.py
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from common import median_seconds, paired, ratio
from steepest.study.cluster import Cluster
from steepest.study.configuration import Configuration, configuration
from steepest.study.loading import problem_of
from steepest.study.parquet import encode
from steepest.study.plan import MethodPlan, Plan, Steps
from steepest.study.record import Record
from steepest.study.status import read_status
from steepest.study.store import Store
from steepest.study.surroundings import sources, surroundings
from steepest.study.work import Done, Work, run_batch

TASKS, RESULTS, FOOTERS = 300, 100_000, 2_000
PROGRAM = """
def run(trial):
    total = 0.0
    for i in range(COUNT):
        total += i % 7
    yield {"dev_error": total}
"""


def work_and_trials(folder: Path, count: int, trials: int) -> tuple[Work, list[Configuration]]:
    """A program that counts so far, and trials of it."""
    (folder / f"count{count}.py").write_text(PROGRAM.replace("COUNT", str(count)))
    method = MethodPlan("adam", "adam", Steps((0.5,)))
    plan = Plan(f"count{count}.py:run", (method,), epochs=1, file=folder / "plan.toml")
    around = surroundings(plan, problem_of(plan))
    work = Work(plan, sources(plan), around)
    return work, [configuration(plan, around, method, 0.5, {}, seed) for seed in range(trials)]


def drain(engine: Cluster, trials: list[Configuration], labels: int) -> None:
    """Run the trials as so many methods', and wait for all."""
    for label in range(labels):
        engine.add(str(label), trials[label::labels])
    left = len(trials)
    while left:
        finished = engine.next(1.0)
        left -= len(finished.batch.trials) if finished else 0


def overhead(folder: Path) -> None:
    """Tasks that do nothing, one after another, on one worker of each."""
    work, trials = work_and_trials(folder, 1, TASKS)
    engine = Cluster(work, 1, workers=1)
    pool = concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))

    def theirs() -> None:
        for future in [pool.submit(run_batch, work, (trial,)) for trial in trials]:
            assert isinstance(future.result(), Done)

    pairs = paired(lambda: drain(engine, trials, 1), theirs, rounds=5)
    engine.close()
    pool.shutdown()
    ours, peer = (1e3 * median_seconds(pairs, i) / TASKS for i in (0, 1))
    print(
        f"a task that does nothing: {ours:.1f} ms; concurrent.futures {peer:.1f} ms "
        f"({ratio(pairs):.2f} times as fast)"
    )


def scaling(folder: Path) -> None:
    """The same trials of arithmetic on one worker and on two, in turn."""
    work, trials = work_and_trials(folder, 2_000_000, 24)
    engines = [Cluster(work, 1, workers=count) for count in (1, 2)]
    two, one = (lambda e=engine: drain(e, trials, 4) for engine in engines[::-1])
    pairs = paired(two, one, rounds=3)
    for engine in engines[::-1]:
        engine.close()
    print(
        f"{len(trials)} trials on 1 worker: {median_seconds(pairs, 1):.2f} s, on 2: "
        f"{median_seconds(pairs, 0):.2f} s ({ratio(pairs):.2f} times as fast)"
    )


def status(folder: Path) -> None:
    """A store of many results; beside it, the footers of some of its files, read by PyArrow."""
    import pyarrow.parquet as parquet

    work, trials = work_and_trials(folder, 1, 1)
    done = run_batch(work, (trials[0],))
    assert isinstance(done, Done)
    content = encode(done.results[0])
    store = Store(folder / "store")
    store.prepare()
    names = [f"{i:064x}" for i in range(RESULTS)]
    methods = tuple(replace(work.plan.methods[0], label=str(label)) for label in range(5))
    wanted = {m.label: tuple(names[i :: len(methods)]) for i, m in enumerate(methods)}
    store.keep(Record(replace(work.plan, methods=methods), work.surroundings, wanted))
    for label, hashes in wanted.items():
        place = folder / "store/results" / label
        place.mkdir(parents=True)
        for name in hashes:
            (place / f"{name}.parquet").write_bytes(content)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        assert read_status(folder / "store").done == RESULTS
        seconds.append(time.perf_counter() - start)
    some = [*(folder / "store/results/0").iterdir()][:FOOTERS]
    start = time.perf_counter()
    for file in some:
        parquet.read_metadata(file)
    footers = (time.perf_counter() - start) * RESULTS / FOOTERS
    print(
        f"status of {RESULTS:,} results: {sorted(seconds)[2]:.2f} s (asked: below 2 s); their "
        f"footers by PyArrow {footers:.0f} s (from {FOOTERS:,})"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for part in (overhead, scaling, status):
            part(Path(folder))


if __name__ == "__main__":
    main()
