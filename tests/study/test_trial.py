"""Trials are pure functions of their configurations."""

import math
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, strategies as st_

import steepest as st
from steepest.study.epoch import CHUNK, mean_of_chunks
from steepest.study.plan import Decay
from steepest.study.trial import run_trials
from study import small

PROBLEM = small.problem()


def by_hand(trial, method, problem=PROBLEM):
    """The trial step by step in eager Optax: train, dev and test metrics after each epoch."""
    slope = jax.jit(jax.grad(small.loss))
    key = jax.random.key(trial.seed)
    params = small.init(jax.random.fold_in(key, 0))
    state, rows = method(trial.step_size).init(params), []
    X, y = problem.train
    for epoch in range(trial.epochs):
        order = np.random.default_rng((trial.seed, epoch)).permutation(len(X))
        of_epoch = jax.random.fold_in(jax.random.fold_in(key, 1), epoch)
        for t in range(len(X) // trial.batch):
            taken = order[t * trial.batch : (t + 1) * trial.batch]
            of_step = jax.random.fold_in(of_epoch, t)
            gradient = slope(params, (X[taken], y[taken]), of_step)
            updates, state = method(trial.step_size).update(gradient, state, params)
            params = optax.apply_updates(params, updates)
        sets = {"train": problem.train, "dev": problem.dev, "test": problem.test}
        rows.append(
            {
                f"{part} {name}": float(value)
                for part, data in sets.items()
                for name, value in small.metrics(params, data).items()
            }
        )
    return rows


def test_a_trial_is_the_eager_loop():
    trial = small.trial(decay=Decay("none"), hyperparameters={"momentum": 0.8})
    train, dev, test = small.data((43, 2 * CHUNK + 76, CHUNK))
    problem = small.problem(train=train, dev=dev, test=test)
    (result,) = run_trials(problem, [trial])
    rows = by_hand(trial, lambda eta: optax.sgd(eta, momentum=0.8), problem)
    assert set(result.metrics) == set(rows[0])
    for epoch, row in enumerate(rows):
        for name, value in row.items():
            assert result.metrics[name][epoch] == pytest.approx(value, rel=2e-5)
    assert result.step_sizes.tolist() == [0.05] * 3
    assert result.diverged is None
    assert result.seconds > 0


@given(st_.permutations(range(4)), st_.integers(0, 1000))
def test_a_trial_does_not_see_its_neighbours(places, other):
    """At width 4: alone, or anywhere among others."""
    ours = small.trial(width=4, seed=7, step=0.07)
    others = [small.trial(width=4, seed=other + i, step=0.01 * 3**i) for i in range(3)]
    batch = [[ours, *others][place] for place in places]
    alone, beside = run_trials(PROBLEM, [ours]), run_trials(PROBLEM, batch)
    assert small.numbers(beside[batch.index(ours)]) == small.numbers(alone[0])


def test_the_seed_alone_decides_start_and_batches():
    """Methods with no step at all see the same numbers, and other seeds others."""
    still = lambda method, seed: run_trials(
        PROBLEM, [small.trial(1e-30, method, seed, epochs=1, decay=Decay("none"))]
    )[0].metrics["dev loss"]
    assert still("adam", 3) == still("nesterov", 3) != still("adam", 4)


def test_a_step_size_falls_by_the_selected_metric():
    trial = small.trial(epochs=8, step=0.5, decay=Decay("on plateau", 0.5))
    (result,) = run_trials(PROBLEM, [trial])
    errors, eta = result.metrics["dev error"], 0.5
    for epoch in range(8):
        assert result.step_sizes[epoch] == eta
        if epoch and errors[epoch] >= errors[:epoch].min():
            eta *= 0.5
    assert result.step_sizes[-1] < 0.5


def test_the_decayed_step_is_the_one_that_is_taken():
    """One step an epoch: gradient descent moves by each epoch's step size."""
    moved = []
    line = lambda params, batch, key: params["x"]
    problem = small.problem(
        init=lambda key: {"x": jnp.asarray(0.0)},
        loss=line,
        metrics=lambda params, batch: {"error": params["x"]},
    )
    for method in ("gradient_descent", "optax.sgd"):
        trial = small.trial(1.0, method, batch=43, epochs=6, decay=Decay("every", 0.5, epochs=2))
        (result,) = run_trials(problem, [trial])
        moved.append(result.metrics["dev error"].tolist())
    assert moved == [[-1.0, -2.0, -2.5, -3.0, -3.25, -3.5]] * 2


def test_divergence_is_a_result_and_the_others_go_on():
    bad, good = small.trial(1e38, width=2), small.trial(width=2, seed=5)
    results = run_trials(PROBLEM, [bad, good])
    assert results[0].diverged == 1
    assert [len(values) for values in results[0].metrics.values()] == [1] * 6
    assert results[0].final("dev error") == math.inf
    assert small.numbers(results[1]) == small.numbers(run_trials(PROBLEM, [good])[0])


def test_all_diverged_stop_early():
    epochs = []
    trials = [small.trial(1e38, width=2, epochs=50, seed=s) for s in range(2)]
    run_trials(PROBLEM, trials, on_epoch=lambda trial, epoch, metrics: epochs.append(epoch))
    assert max(epochs) < 10


def test_a_metric_that_is_not_finite_is_a_divergence():
    odd = lambda params, batch: {**small.metrics(params, batch), "odd": jnp.log(-1.0)}
    (result,) = run_trials(small.problem(metrics=odd), [small.trial()])
    assert result.diverged == 1


@pytest.mark.parametrize("width", [1, 2])
def test_a_method_that_cannot_go_on_has_diverged(width):
    """Newton's on a saddle, whose Hessian is indefinite from the start of some seeds only."""
    curved = lambda params, batch, key: jnp.sum(params["x"] ** 4 - params["x"] ** 2)
    problem = small.problem(
        init=lambda key: {"x": jnp.where(jax.random.bits(key) % 2, 1.5, 0.1)},
        loss=curved,
        metrics=lambda params, batch: {"error": curved(params, batch, None)},
    )
    starts = {
        seed: int(jax.random.bits(jax.random.fold_in(jax.random.key(seed), 0)) % 2)
        for seed in range(20)
    }
    seeds = [next(s for s, start in starts.items() if start == kind) for kind in (0, 1)]
    trials = [small.trial(1.0, "newton", seed, width) for seed in seeds]
    if width == 1:
        failed, went = (run_trials(problem, [t])[0] for t in trials)
    else:
        failed, went = run_trials(problem, trials)
    assert failed.diverged == 1
    assert set(failed.metrics) == set(went.metrics)
    assert np.isnan(failed.metrics["dev error"]).all()
    assert went.diverged is None
    assert went.final("dev error") == pytest.approx(-0.25, abs=1e-6)


def test_hyperparameters_that_cannot_be_traced_are_compiled_in():
    """Side by side with trials that have another program."""
    given = [{"momentum": 0.9, "nesterov": nesterov} for nesterov in (True, False)]
    trials = [small.trial(method="optax.sgd", hyperparameters=h, epochs=1, width=2) for h in given]
    for trial, result, h in zip(trials, run_trials(PROBLEM, trials), given, strict=True):
        (row,) = by_hand(trial, lambda eta, h=h: optax.sgd(eta, **h))
        assert result.metrics["train loss"][0] == pytest.approx(row["train loss"], rel=1e-6)


def test_means_of_chunks_are_means():
    rng = np.random.default_rng(0)
    for examples in (3, CHUNK, CHUNK + 1, 3 * CHUNK + 17):
        wrong = rng.random(examples) < 0.3
        chunks = [wrong[i : i + CHUNK].mean(dtype=np.float32) for i in range(0, examples, CHUNK)]
        assert mean_of_chunks(np.array(chunks), examples) == wrong.sum() / examples


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"batch": 44}, st.PlanError, "batch is 44 and small:problem has 43"),
        ({"select": "dev eror"}, st.PlanError, "did you mean dev error"),
    ],
)
def test_what_does_not_go_together_is_refused(changes, error, says):
    with pytest.raises(error, match=says):
        run_trials(PROBLEM, [small.trial(**changes)])


def test_trials_side_by_side_have_one_shape():
    with pytest.raises(st.ArgumentError, match="2 configurations were given for a width of 1"):
        run_trials(PROBLEM, [small.trial(), small.trial(seed=1)])
    pair = [small.trial(width=2), small.trial(width=2, epochs=4)]
    with pytest.raises(st.ArgumentError, match="epochs 3 and 4"):
        run_trials(PROBLEM, pair)


@pytest.mark.parametrize(
    "metrics", [lambda p, b: {}, lambda p, b: 3.0, lambda p, b: {"error": jnp.ones(2)}]
)
def test_metrics_are_numbers_with_names(metrics):
    with pytest.raises(st.PlanError, match="small:problem"):
        run_trials(small.problem(metrics=metrics), [small.trial()])


@dataclass(frozen=True)
class Loss:
    """A function that holds an array, and so has no hash."""

    factor: jax.Array

    def __call__(self, params, batch, key):
        return self.factor * small.loss(params, batch, key)


def test_one_program_serves_all_values_of_a_method():
    traced = []

    def counted(params, batch):
        traced.append(1)
        return small.metrics(params, batch)

    def traces(problem, *trials):
        """How often the metrics were traced when each of the trials was over."""
        counts = []
        for step, momentum, seed in trials:
            given = {"momentum": momentum}
            run_trials(problem, [small.trial(step, seed=seed, hyperparameters=given, epochs=1)])
            counts.append(len(traced))
        return counts

    problem = small.problem(metrics=counted)
    first, second = traces(problem, (0.1, 0.9, 0), (0.2, 0.5, 1))
    assert first == second
    unhashable = Loss(jnp.ones(()))
    with pytest.raises(TypeError):
        hash(unhashable)
    third, fourth = traces(replace(problem, loss=unhashable), (0.1, 0.9, 0), (0.2, 0.5, 1))
    assert second < third == fourth
