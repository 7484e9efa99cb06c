"""The store: what is written comes back to the last bit, and what is no result never counts."""

import io
import json
import os
import resource
import shutil
import subprocess

import fsspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st_

from steepest.errors import ArgumentError, StoreError
from steepest.study.configuration import Surroundings, configuration
from steepest.study.parquet import NotAResultError, decode, encode, same
from steepest.study.plan import MethodPlan, Plan, Steps
from steepest.study.record import Record
from steepest.study.result import Result
from steepest.study.store import Store, _folder_of

METHOD = MethodPlan("adam", "Adam: ε/2", Steps((0.5, 1.0)), tune={"eps": (1e-8, 1e-3)})
PLAN = Plan("a.py:run", (METHOD,))
AROUND = Surroundings("0" * 64, None, versions=(("jax", "0.10"),))


def result(seed=0, epochs=3, **changes):
    trial = configuration(PLAN, AROUND, METHOD, 0.5, {"eps": 1e-8}, seed)
    values = np.random.default_rng(seed).standard_normal((2, epochs))
    metrics = {"train loss": values[0], "dev error": values[1]}
    return Result(
        **{"configuration": trial, "metrics": metrics, "step_sizes": np.full(epochs, 0.5)} | changes
    )


def file_of(store, found):
    [path] = store.local.glob(f"results/*/{found.configuration.hash}.parquet")
    return path


floats = st_.lists(st_.floats(width=64), min_size=1, max_size=4)


@given(floats, st_.sampled_from([None, 1]), st_.floats(0, 1e9))
def test_a_result_comes_back_to_the_last_bit(values, diverged, seconds):
    values = np.array(values)
    one = result(
        metrics={"a": values, "b c": -values},
        step_sizes=values**2,
        diverged=diverged,
        seconds=seconds,
    )
    back = decode(encode(one), one.configuration.hash)
    assert same(one, back)
    assert back.diverged == diverged
    assert back.seconds == seconds
    assert back.configuration == one.configuration


def test_bytes_are_the_same_but_for_the_seconds():
    assert encode(result(seconds=1.0)) == encode(result(seconds=1.0))
    one, other = (pq.read_table(io.BytesIO(encode(result(seconds=s)))) for s in (1.0, 2.0))
    assert one.equals(other)


def test_metrics_that_fit_no_table_are_refused():
    with pytest.raises(ArgumentError, match="'epoch', as a column"):
        encode(result(metrics={"epoch": np.zeros(3)}))
    short = result()
    short.metrics["a"] = np.zeros(2)
    with pytest.raises(ArgumentError, match=r"'a' has shape \(2,\), and the trial 3 epochs"):
        encode(short)


@settings(max_examples=60)
@given(st_.data())
def test_a_changed_byte_is_found_out(data):
    one = result(seconds=0.0)
    content = bytearray(encode(one))
    at = data.draw(st_.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st_.integers(0, 7))
    try:
        back = decode(bytes(content), one.configuration.hash)
    except (NotAResultError, StoreError):
        return
    assert same(one, back)  # a byte that says nothing about the result


@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_a_torn_file_is_set_aside(tmp_path, kept):
    store, one = Store(tmp_path / "s"), result()
    store.write("Adam", one)
    path = file_of(store, one)
    content = path.read_bytes()
    path.write_bytes(content[:kept])
    assert store.read(one.configuration.hash) is None
    assert one.configuration.hash not in store.hashes()
    [found] = store.set_aside
    assert found.path == str(path)
    assert "torn" in found.reason
    assert not path.exists()
    with open(found.moved_to, "rb") as file:
        assert file.read() == content[:kept]


def test_foreign_and_edited_files_are_told_apart_and_all_kept(tmp_path):
    store, one, other = Store(tmp_path / "s"), result(), result(seed=1)
    hash = one.configuration.hash
    store.write("Adam", one)
    path = file_of(store, one)
    whole = pq.read_table(path)
    facts = whole.schema.metadata
    edited = whole.set_column(2, "dev error", [[0.0] * 3])
    longer = facts | {b"steepest.diverged": b"3"}
    another = json.loads(facts[b"steepest.configuration"]) | {"seed": 5}
    moved = facts | {b"steepest.configuration": json.dumps(another).encode()}
    wrong = {
        "edited": edited.replace_schema_metadata(facts),
        "edited: ": whole.replace_schema_metadata(longer),
        "edited:": whole.replace_schema_metadata(moved),
        "no result of a study": whole.replace_schema_metadata({}),
        "not as this package": whole.drop_columns(["step size"]).replace_schema_metadata(facts),
    }
    for reason, table in wrong.items():
        store = Store(tmp_path / "s")
        pq.write_table(table, path)
        assert store.read(hash) is None
        assert reason in store.set_aside[-1].reason
    path.write_bytes(encode(other))
    assert Store(tmp_path / "s").read(hash) is None
    kept = [p for p in (tmp_path / "s/set-aside").rglob("*") if p.is_file()]
    assert len(kept) == len(wrong) + 1 == store.count_set_aside()


def test_names_that_are_none_of_a_result_are_set_aside(tmp_path):
    store = Store(tmp_path / "s")
    store.write("Adam", result())
    (tmp_path / "s/results/Adam/notes.txt").write_text("mine")
    (tmp_path / "s/results/notes").write_text("mine")
    store.set_strangers_aside()
    assert sorted(found.reason[:12] for found in store.set_aside) == [
        "not the fold",
        "not the name",
    ]
    assert {p.read_text() for p in (tmp_path / "s/set-aside").rglob("notes*")} == {"mine"}
    assert len(store.hashes()) == 1


def test_a_result_of_a_newer_format_is_no_torn_one(tmp_path):
    store, one = Store(tmp_path / "s"), result()
    store.write("Adam", one)
    path = file_of(store, one)
    table = pq.read_table(path)
    newer = table.schema.metadata | {b"steepest.format": b"99"}
    pq.write_table(table.replace_schema_metadata(newer), path)
    with pytest.raises(StoreError, match=rf"{path}.*format 99"):
        store.read(one.configuration.hash)
    assert path.exists()


@given(st_.lists(st_.text(min_size=1, max_size=20), unique=True, max_size=5))
def test_labels_make_folders_of_one_part_each(labels):
    folders = [_folder_of(label) for label in labels]
    assert len(set(folders)) == len(labels)
    for name in folders:
        assert name not in (".", "..")
        assert not set(name) & set('/\\:*?"<>|\0\n')


def test_results_are_found_whatever_label_they_were_run_for(tmp_path):
    Store(tmp_path / "s").write("one", result())
    assert same(Store(tmp_path / "s").read(result().configuration.hash), result())


def test_the_record_comes_back(tmp_path):
    store = Store(tmp_path / "s")
    store.prepare()
    record = Record(PLAN, AROUND, {"Adam: ε/2": ("0" * 64,)}, {"Adam: ε/2": 7}, True)
    store.keep(record)
    assert Store(tmp_path / "s").record() == record


def test_stores_that_cannot_be_used_are_named(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.tex").write_text("")
    for where, what in {
        "file": "a file is there",
        "file/below": "a file is there",
        "full": "holds 'thesis.tex' and is no store",
    }.items():
        with pytest.raises(StoreError, match=what):
            Store(tmp_path / where).prepare()
    with pytest.raises(StoreError, match="no-such-protocol"):
        Store("no-such-protocol://x")
    with pytest.raises(StoreError, match="there is no study here"):
        Store(tmp_path / "none").record()


def test_a_newer_store_is_refused_and_a_torn_record_is_written_anew(tmp_path):
    store = Store(tmp_path)
    store.keep(Record(PLAN, AROUND))
    facts = json.loads((tmp_path / "store.json").read_text())
    (tmp_path / "store.json").write_text(json.dumps(facts | {"format": 99}))
    with pytest.raises(StoreError, match="a newer release"):
        store.prepare()
    (tmp_path / "store.json").write_text("{")
    with pytest.raises(StoreError, match=r"store\.json: torn"):
        store.record()
    store.prepare()
    store.keep(Record(PLAN, AROUND))
    assert store.record().plan == PLAN


def test_one_runner_at_a_time(tmp_path):
    store = Store(tmp_path)
    assert store.has_runner() is False
    with store.locked():
        assert store.has_runner() is True
        with pytest.raises(StoreError, match=rf"process {os.getpid()} on \S+ runs a study"):
            Store(tmp_path).locked().__enter__()
    assert store.has_runner() is False
    with store.locked():
        pass


def test_what_killed_writers_left_is_cleared_away(tmp_path):
    store = Store(tmp_path)
    store.write("Adam", result())
    (tmp_path / "results/Adam/.abc.parquet.x1.part").write_text("half")
    (tmp_path / ".store.json.x2.part").write_text("half")
    with store.locked():
        assert not [*tmp_path.rglob("*.part")]
    assert len(store.hashes("Adam")) == 1


def test_a_full_disk_tears_nothing(tmp_path):
    """By a limit on the size of files, which a write meets as it meets the end of a disk."""
    store, one = Store(tmp_path / "s"), result()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (700, hard))
    try:
        with pytest.raises(StoreError, match=rf"{one.configuration.hash}.*the disk is full"):
            store.write("Adam", one)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    store.write("Adam", one)
    assert same(store.read(one.configuration.hash), one)


@pytest.fixture
def read_only(tmp_path):
    """A function that makes a folder one that cannot be written, for root as well."""
    mounted = []

    def close(folder):
        if os.geteuid() != 0:
            for path in (folder, *(p for p in folder.rglob("*") if p.is_dir())):
                path.chmod(0o555)
            return
        bind = ["mount", "--bind", folder, folder]
        again = ["mount", "-o", "remount,ro,bind", folder]
        if shutil.which("mount") is None or subprocess.run(bind, capture_output=True).returncode:
            pytest.skip("this root may not mount, and permissions do not bind it")
        mounted.append(folder)
        subprocess.run(again, check=True, capture_output=True)

    yield close
    for folder in mounted:
        subprocess.run(["umount", folder], check=True)
    for path in tmp_path.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)


def test_a_store_that_cannot_be_written_can_be_read(tmp_path, read_only):
    store, one, other = Store(tmp_path / "s"), result(), result(seed=1)
    store.prepare()
    store.write("Adam", one)
    store.write("Adam", other)
    file_of(store, other).write_bytes(b"torn")
    read_only(tmp_path / "s")
    with pytest.raises(StoreError, match=r"s: cannot be written"):
        store.prepare()
    assert same(store.read(one.configuration.hash), one)
    assert store.read(other.configuration.hash) is None
    [found] = store.set_aside
    assert found.moved_to is None
    assert "left there, not counted" in str(found)
    assert file_of(store, other).read_bytes() == b"torn"
    assert (
        other.configuration.hash not in store._known()
        or not store._known()[other.configuration.hash]
    )


def test_a_url_is_a_store_like_another():
    store, one, other = Store("memory://a/study"), result(), result(seed=1)
    store.prepare()
    with store.locked(), Store("memory://a/study").locked():  # harmless, as results are immutable
        store.write("Adam: ε/2", one)
        store.write("Adam: ε/2", other)
    store.keep(Record(PLAN, AROUND))
    assert Store("memory://a/study").hashes("Adam: ε/2") == {
        one.configuration.hash,
        other.configuration.hash,
    }
    files = fsspec.filesystem("memory")
    [path] = [p for p in files.find("/a/study") if other.configuration.hash in p]
    files.pipe_file(path, b"torn")
    again = Store("memory://a/study")
    assert same(again.read(one.configuration.hash), one)
    assert again.read(other.configuration.hash) is None
    assert files.cat_file(again.set_aside[0].moved_to.removeprefix("memory:/")) == b"torn"
    assert again.count_set_aside() == 1
    assert again.record().plan == PLAN
    with pytest.raises(StoreError, match="a file is there"):
        Store(f"memory:/{path.replace('/results', '/set-aside')}").prepare()
