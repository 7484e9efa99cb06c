"""Programs in any framework yield their metrics once an epoch."""

import math
from pathlib import Path

import numpy as np
import pytest

import steepest as st
from steepest.study.loading import load_problem
from steepest.study.plan import Decay
from steepest.study.problem import Program
from steepest.study.trial import run_trials
from steepest.user_file import UserCodeError
from study import small

EXAMPLES = Path(__file__).parents[2] / "examples" / "study"


def run(function, **changes):
    return run_trials(Program("small.py:run", function), [small.trial(**changes)])[0]


def errors(*values):
    """A program that yields these dev errors."""

    def program(trial):
        for value in values:
            yield {"dev_error": value, "train loss": 1}

    return program


def test_it_is_handed_its_configuration_and_yields_metrics():
    seen = []

    def program(trial):
        seen.append(trial)
        for epoch in range(trial.epochs):
            yield {"dev_error": np.float32(0.5) / (epoch + 1), "train loss": 1 + epoch}

    given = {"momentum": 0.5, "nesterov": True}
    result = run(program, seed=4, batch=16, hyperparameters=given, method="adam")
    (trial,) = seen
    assert (trial.seed, trial.batch, trial.epochs, trial.method) == (4, 16, 3, "adam")
    assert trial.hyperparameters == given
    assert trial.data is None
    assert {name: values.tolist() for name, values in result.metrics.items()} == {
        "dev error": [0.5, 0.25, float(np.float32(0.5) / 3)],
        "train loss": [1, 2, 3],
    }
    assert result.diverged is None


def test_its_step_size_falls_as_the_plan_says():
    steps = []

    def program(trial):
        for error in (0.3, 0.4, 0.2, 0.2, 0.1):
            steps.append(trial.learning_rate)
            yield {"dev error": error}

    result = run(program, step=0.8, epochs=5, decay=Decay("on plateau", 0.5))
    assert steps == result.step_sizes.tolist() == [0.8, 0.8, 0.4, 0.4, 0.2]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_metric_that_is_not_finite_ends_it_as_diverged(bad):
    ended = []

    def program(trial):
        try:
            yield {"dev error": 0.1}
            yield {"dev error": bad}
            ended.append("went on")
        finally:
            ended.append("closed")

    result = run(program)
    assert result.diverged == 2
    assert len(result.step_sizes) == 2
    assert result.final("dev error") == math.inf
    assert ended == ["closed"]


def test_a_method_that_cannot_go_on_has_diverged():
    def program(trial):
        yield {"dev error": 0.1, "dev loss": 1.0}
        raise st.SolverError("no step")

    result = run(program)
    assert result.diverged == 2
    assert result.metrics["dev error"][0] == 0.1
    assert np.isnan(result.metrics["dev loss"][1])


@pytest.mark.parametrize(
    ("program", "says"),
    [
        (errors(0.3, 0.2), "yields 2 times and the plan has 3 epochs"),
        (errors(0.3, 0.2, 0.1, 0.1), "more than 3 times"),
        (errors("low"), "yields 'low' as 'dev error' after epoch 1; it must be a number"),
        (lambda trial: 3, "returns a int; write it as a generator"),
        (lambda trial: [0.3, 0.2, 0.1], "yields a float after epoch 1"),
        (lambda trial: [{"dev_eror": 0.1}], "selects by 'dev error'.*did you mean dev eror"),
        (lambda trial: [{"dev_error": 0.1, "dev error": 0.1}], "'dev error' twice"),
        (
            lambda trial: [{"dev error": 0.1}, {"dev error": 0.1, "odd": 1}],
            "yields 'odd' after some epochs only",
        ),
    ],
)
def test_what_is_no_metrics_once_an_epoch_is_refused(program, says):
    with pytest.raises(st.PlanError, match=f"small.py:run.*{says}"):
        run(program)


def test_an_error_in_the_file_is_told_with_its_line(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def run(trial):\n    yield {'dev_error': 0.1}\n    raise KeyError('lost')\n")
    problem = load_problem("mine.py:run", tmp_path)
    with pytest.raises(UserCodeError, match=r"mine.py:3 in run.*\n.*lost"):
        run_trials(problem, [small.trial(problem="mine.py:run")])


def test_trials_run_one_after_the_other_and_tell_their_epochs():
    told = []
    trials = [small.trial(width=2, seed=seed) for seed in (1, 2)]
    program = Program("small.py:run", errors(0.3, 0.2, 0.1))
    on_epoch = lambda trial, epoch, metrics: told.append((trial.seed, epoch, metrics["dev error"]))
    results = run_trials(program, trials, on_epoch=on_epoch)
    assert [r.configuration.seed for r in results] == [1, 2]
    assert told == [(s, e, error) for s in (1, 2) for e, error in enumerate((0.3, 0.2, 0.1), 1)]


def test_the_example_trains_a_module_of_pytorch():
    pytest.importorskip("torch")
    problem = load_problem("pytorch_digits.py:Digits", EXAMPLES)
    trial = small.trial(0.1, epochs=4, batch=64, hyperparameters={"momentum": 0.9})
    first, again = (run_trials(problem, [trial])[0] for _ in range(2))
    assert small.numbers(first) == small.numbers(again)
    assert set(first.metrics) == {
        f"{s} {m}" for s in ("train", "dev", "test") for m in ("loss", "error")
    }
    assert first.final("test error") < 0.2
