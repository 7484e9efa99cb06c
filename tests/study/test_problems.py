"""The problems that come with the study."""

import functools
import os
import pickle
import random
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st_

import steepest as st
import steepest.study
from steepest.study.problems import PROBLEMS, cifar10
from steepest.study.problems.cifar10_files import read_cifar10
from steepest.study.problems.sets import split, standardised

HERE = {"digits": (1797, 10), "mnist": (5000, 10), "mnist1d": (5000, 10)}


def loaded(name, *arguments):
    problem = getattr(steepest.study, name)
    try:
        return problem, problem.data(*arguments)
    except st.MissingExtraError as error:
        pytest.skip(str(error))


@functools.cache  # the problems of a data set have one function
def check_sets(data, examples, classes):
    sets = data()
    assert sum(len(labels) for _, labels in sets) == examples
    shares = [np.bincount(labels, minlength=classes) / len(labels) for _, labels in sets]
    np.testing.assert_allclose(shares, np.full((3, classes), 1 / classes), atol=0.02)
    rows = [inputs.reshape(len(inputs), -1) for inputs, _ in sets]
    distinct = np.unique(np.concatenate(rows), axis=0)
    assert len(distinct) >= examples - 5  # MNIST itself repeats some
    assert abs(rows[0].mean()) < 1e-4
    assert rows[0].std() == pytest.approx(1, abs=1e-3)
    for (inputs, labels), (again, same) in zip(sets, data(), strict=True):
        assert inputs.dtype == np.float32
        assert labels.dtype == np.int32
        assert inputs.tobytes() == again.tobytes()
        assert labels.tobytes() == same.tobytes()


@pytest.mark.parametrize("name", [name for name in PROBLEMS if name.partition("_")[0] in HERE])
def test_the_sets_are_apart_standardised_and_the_same_each_time(name):
    try:
        check_sets(getattr(steepest.study, name).data, *HERE[name.partition("_")[0]])
    except st.MissingExtraError as error:
        pytest.skip(str(error))


SHAPES = {"digits": (8, 8, 1), "mnist": (28, 28, 1), "mnist1d": (40, 1), "cifar10": (32, 32, 3)}


@pytest.mark.parametrize("name", [name for name in PROBLEMS if name.partition("_")[0] in SHAPES])
def test_a_network_takes_the_inputs_of_its_data(name):
    problem, key = getattr(steepest.study, name), jax.random.key(0)
    inputs = jnp.ones((20, *SHAPES[name.partition("_")[0]]))
    scores = jax.eval_shape(lambda key: problem.network.scores(problem.init(key), inputs), key)
    assert scores.shape == (20, 10)
    assert scores.dtype == jnp.float32


@pytest.mark.parametrize("name", ["digits_mlp", "digits_conv"])
def test_a_network_starts_at_chance_and_descends(name):
    problem, key = getattr(steepest.study, name), jax.random.key(0)
    batch = jax.random.normal(key, (20, 8, 8, 1)), jnp.arange(20) % 10
    f = lambda params: problem.loss(params, batch, key)
    run = st.descend(f, problem.init(key), st.methods.adam(0.01), 25)
    assert 1 < run.values[0] < 10
    assert run.values[-1] < 0.5 * run.values[0]


def test_cross_entropy_and_error_are_what_they_are():
    problem = steepest.study.digits_mlp
    params = problem.init(jax.random.key(1))
    X = np.random.default_rng(0).standard_normal((30, 8, 8, 1)).astype(np.float32)
    y = np.arange(30) % 10
    z = np.asarray(problem.network.scores(params, X), np.float64)
    logs = z - np.log(np.exp(z).sum(1, keepdims=True))
    metrics = problem.metrics(params, (X, y))
    assert metrics["loss"] == pytest.approx(-logs[np.arange(30), y].mean(), rel=1e-5)
    assert metrics["error"] == pytest.approx((z.argmax(1) != y).mean())


def test_drawing_mnist1d_leaves_the_shared_random_numbers_alone():
    def states():
        """But for how many were drawn: the check of annotations draws some."""
        return random.getstate()[1][:-1], np.random.get_state()[1].tolist()

    random.seed(3)
    np.random.seed(3)
    random.random()
    before = states()
    loaded("mnist1d_mlp")
    assert states() == before


def test_an_unknown_problem_is_no_attribute():
    with pytest.raises(AttributeError, match="digits_mpl"):
        _ = steepest.study.digits_mpl


@given(st_.lists(st_.integers(0, 3), min_size=8, max_size=80))
def test_a_split_has_each_example_once_and_each_class_in_its_share(labels):
    labels = np.array(labels)
    parts = split(labels, (0.6, 0.2, 0.2))
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    for label in np.unique(labels):
        members = np.sum(labels == label)
        for part, share in zip(parts, (0.6, 0.2, 0.2), strict=True):
            assert abs(np.sum(labels[part] == label) - share * members) <= 1


def test_the_first_set_alone_sets_the_scale():
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((2, 50, 4, 3)) * [1.0, 10.0, 100.0] + 5
    (x, _), (y, _) = standardised([(X, np.zeros(50, int)), (Y, np.zeros(50, int))])
    np.testing.assert_allclose(x.mean((0, 1)), 0, atol=1e-6)
    np.testing.assert_allclose(x.std((0, 1)), 1, rtol=1e-5)
    np.testing.assert_allclose(y, (Y - X.mean((0, 1))) / X.std((0, 1)), rtol=1e-5)


# CIFAR-10, in folders as they are published, with few images.

NAMES = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]


def some_batches(each=20):
    rng = np.random.default_rng(1)
    return [
        (rng.integers(0, 256, (each, 3072), dtype=np.uint8), rng.permutation(each) % 10)
        for _ in NAMES
    ]


def write_binary(folder, batches):
    folder.mkdir(exist_ok=True)
    for name, (pixels, labels) in zip(NAMES, batches, strict=True):
        rows = np.concatenate([labels[:, None].astype(np.uint8), pixels], axis=1)
        (folder / f"{name}.bin").write_bytes(rows.tobytes())


def write_pickled(folder, batches):
    """As Python 2 and an early NumPy wrote them."""
    folder.mkdir(exist_ok=True)
    for name, (pixels, labels) in zip(NAMES, batches, strict=True):
        content = {b"data": pixels, b"labels": labels.tolist(), b"batch_label": b"some"}
        written = pickle.dumps(content, protocol=2)
        old = written.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
        (folder / name).write_bytes(old)


WRITERS = {"cifar-10-batches-bin": write_binary, "cifar-10-batches-py": write_pickled}


@pytest.mark.parametrize("name", WRITERS)
def test_both_formats_are_read_from_the_folder_or_the_one_above(name, tmp_path):
    batches = some_batches()
    WRITERS[name](tmp_path / name, batches)
    for folder in (tmp_path, tmp_path / name):
        (images, labels), (test_images, test_labels) = read_cifar10(folder)
        assert images.shape == (100, 32, 32, 3)
        assert labels.tolist() == np.concatenate([y for _, y in batches[:5]]).tolist()
        pixels, last = batches[5]
        assert test_labels.tolist() == last.tolist()
        assert (
            test_images[3, 4, 5].tolist()
            == pixels[3, [4 * 32 + 5 + 1024 * c for c in range(3)]].tolist()
        )
    train, dev, test = cifar10.data(tmp_path)
    assert [len(y) for _, y in (train, dev, test)] == [90, 10, 20]
    assert np.bincount(dev[1]).tolist() == [1] * 10
    np.testing.assert_allclose(train[0].mean((0, 1, 2)), 0, atol=1e-5)


def test_no_folder_of_cifar10(tmp_path):
    with pytest.raises(st.DataError, match="holds no CIFAR-10"):
        read_cifar10(tmp_path)


@pytest.mark.parametrize("writer", WRITERS.values())
def test_a_missing_or_cut_file_is_named(writer, tmp_path):
    writer(tmp_path, some_batches())
    third = next(path for path in tmp_path.iterdir() if path.name.startswith("data_batch_3"))
    whole = third.read_bytes()
    third.write_bytes(whole[:-10])
    with pytest.raises(st.DataError, match="data_batch_3"):
        read_cifar10(tmp_path)
    third.write_bytes(b"")
    with pytest.raises(st.DataError, match="data_batch_3"):
        read_cifar10(tmp_path)
    third.unlink()
    with pytest.raises(st.DataError, match=r"data_batch_3(\.bin)? is missing"):
        read_cifar10(tmp_path)


@pytest.mark.parametrize("writer", WRITERS.values())
def test_wrong_labels_and_sizes_are_named(writer, tmp_path):
    batches = some_batches()
    batches[1][1][7] = 10
    writer(tmp_path, batches)
    with pytest.raises(st.DataError, match=r"data_batch_2.*image 7 has the label 10"):
        read_cifar10(tmp_path)
    batches = some_batches()
    batches[3] = tuple(part[:-1] for part in batches[3])
    writer(tmp_path, batches)
    with pytest.raises(st.DataError, match=r"data_batch_4.* has 19 images where another"):
        read_cifar10(tmp_path)


class Harmful:
    def __reduce__(self):
        return os.mkdir, (str(Harmful.path),)


def test_a_pickle_that_would_run_code_is_not_loaded(tmp_path):
    Harmful.path = tmp_path / "made"
    write_pickled(tmp_path, some_batches())
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps({b"data": Harmful(), b"labels": []}))
    with pytest.raises(st.DataError, match=r"data_batch_1 is no batch.*mkdir"):
        read_cifar10(tmp_path)
    assert not Path(Harmful.path).exists()


@pytest.mark.parametrize(
    "content",
    [
        [1, 2],
        {b"labels": [1]},
        {b"data": np.zeros((2, 3072)), b"labels": [1, 2]},
        {b"data": np.zeros((2, 3071), np.uint8), b"labels": [1, 2]},
        {b"data": np.zeros((2, 3072), np.uint8), b"labels": [1]},
        {b"data": np.zeros((2, 3072), np.uint8), b"labels": [1.5, 2.0]},
        {b"data": np.zeros((0, 3072), np.uint8), b"labels": []},
    ],
    ids=range(7),
)
def test_a_pickle_of_another_structure_is_named(content, tmp_path):
    write_pickled(tmp_path, some_batches())
    (tmp_path / "test_batch").write_bytes(pickle.dumps(content))
    with pytest.raises(st.DataError, match="test_batch"):
        read_cifar10(tmp_path)


def test_the_construction_of_wilson_et_al():
    """On the full batch gradient descent misses no fresh point, Adam the rarer class."""
    problem = steepest.study.wilson_construction
    train, dev, test = problem.data()
    assert [len(y) for _, y in (train, dev, test)] == [200, 1000, 4000]
    f = lambda w: problem.loss(w, train, jax.random.key(0))
    for method, share in (
        (st.methods.gradient_descent(200 * 0.004), 0.0),
        (st.methods.adam(1e-3), float(np.mean(test[1] < 0))),
    ):
        w = st.descend(f, problem.init(jax.random.key(1)), method, 2000).final
        assert problem.metrics(w, train)["error"] == 0
        assert problem.metrics(w, test)["error"] == pytest.approx(share)
