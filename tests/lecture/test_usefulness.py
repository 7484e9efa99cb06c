"""E1: its certificate can fail on each rule of the protocol; its finding is said as it is."""

from dataclasses import replace
from functools import cache

import pytest

from planted_study import HERE, bowl, method, plan, result, run
from steepest.lecture import usefulness
from steepest.lecture.claim import Setting
from steepest.lecture.fair_tuning import certified
from steepest.lecture.finding import against_paper, turned
from steepest.study.outcome import SETS, read_outcome
from steepest.study.plan_file import read_plan

STUDY = plan(
    method("gradient_descent", (1.0, 2.0, 4.0, 8.0)),
    method("heavy_ball"),
    method("adam", (0.5, 1.0, 2.0)),
    seeds=5,
)


@cache
def whole():
    return run(STUDY, bowl)


def shifted(by):
    """The same results, each method's error raised or lowered."""

    def make(trial):
        made = bowl(trial)
        for values in made.metrics.values():
            values += by.get(trial.method, 0.0)
        return made

    return read_outcome(STUDY, HERE, run(STUDY, make))


def violated(outcome):
    c = certified(outcome, "planted")
    assert c.holds is not True
    return " | ".join(f"{h.name}: {h.detail}" for h in c.violated)


def test_the_protocol_holds_and_its_sides_are_the_errors_at_and_beside_the_tuned_step():
    outcome = read_outcome(STUDY, HERE, whole())
    c = certified(outcome, "planted")
    assert c.holds, str(c)
    assert len(c.hypotheses) == 6
    for m, left, right in zip(outcome.methods, c.measured, c.bound, strict=True):
        scores = {point.step: point.score for point in m.tuned.along}
        assert (left, right) == (scores[1.0], min(scores[0.5], scores[2.0]))
    assert any(note.startswith("Found, planted: Lowest mean test error") for note in c.notes)


def test_an_optimum_at_an_end_is_seen():
    study = replace(STUDY, methods=(method("adam", (2.0, 4.0), extend=False), method("sgd")))
    said = violated(read_outcome(study, HERE, run(study, bowl)))
    assert said == "every tuned step is inside its grid: adam"


def test_other_than_five_seeds_and_curves_without_bands_are_seen():
    study = replace(STUDY, seeds=1)
    said = violated(read_outcome(study, HERE, run(study, bowl)))
    assert "five fresh seeds for each method: gradient_descent, heavy_ball, adam" in said
    assert "its band of ± 1 sd and its best annotated: gradient_descent" in said


def test_a_seed_that_tunes_and_reports_is_seen():
    outcome = read_outcome(STUDY, HERE, whole())
    first, *others = outcome.methods
    leaked = replace(first, fresh=(*first.fresh[:4], first.points[0].results[0]))
    said = violated(replace(outcome, methods=(leaked, *others)))
    assert said == "no seed that is reported on was tuned on: 0"


def test_a_budget_that_is_exceeded_is_seen():
    outcome = read_outcome(STUDY, HERE, whole())
    poor = replace(outcome.plan, tuning=replace(outcome.plan.tuning, budget=4))
    said = violated(replace(outcome, plan=poor))
    assert said.startswith("no method took more than the budget of 4 configurations: ")


def test_what_was_not_run_is_seen():
    lacking = {h: r for h, r in whole().items() if r.configuration.seed != 10_001}
    said = violated(read_outcome(STUDY, HERE, lacking))
    assert "every method is run to its end: 1 trial of the chosen" in said


@pytest.mark.parametrize(
    ("by", "words"),
    [
        ({"adam": 0.2}, "As in the paper, the non-adaptive method is better"),
        ({"adam": -0.04}, "Unlike in the paper, the adaptive method is better"),
        ({"adam": -0.012}, "Unlike in the paper, the two are not told apart"),
    ],
)
def test_the_finding_stands_beside_the_papers_whichever_it_is(by, words):
    outcome = shifted(by)
    train, test = against_paper(outcome)
    assert train.startswith("train error, best non-adaptive against best adaptive method by dev")
    assert test.endswith(f"{words}.")
    assert "adam" in test
    assert certified(outcome, "planted").holds


def test_whether_the_order_turns():
    same = turned(shifted({"adam": 0.2}), shifted({"adam": 0.2}))
    assert "stays heavy_ball < gradient_descent < adam" in same
    other = turned(shifted({"adam": 0.2}), shifted({"adam": -0.04}))
    assert "turns from heavy_ball < gradient_descent < adam to adam < heavy_ball < g" in other
    assert "of 3 pairs 2 are told apart before and 2 after" in other


@pytest.mark.parametrize("size", ["quick", "paper"])
def test_its_plan_is_a_plan(size, tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(usefulness.plan_text(Setting(size, seed=2**32 - 1)), encoding="utf-8")
    study = read_plan(path)
    assert len(study.methods) == (9 if size == "paper" else 7)
    assert study.seeds == 5
    assert study.problem == "steepest.study:digits_mlp"
    assert study.epochs == (250 if size == "paper" else study.epochs)
    assert max(study.fresh_seeds) < 2**32


def test_the_two_studies_are_read_off_one():
    study = plan(
        method("gradient_descent"),
        method("heavy_ball"),
        method("heavy_ball", label="heavy_ball more", tune={"momentum": (0.0, 0.9)}),
        seeds=5,
    )
    outcome = read_outcome(study, HERE, run(study, bowl))
    first, second = usefulness.first(outcome), usefulness.second(outcome)
    assert [m.label for m in first.methods] == ["gradient_descent", "heavy_ball"]
    assert [m.label for m in second.methods] == ["gradient_descent", "heavy_ball"]
    assert second.methods[0] == first.methods[0]
    assert second.methods[1].plan.tune == {"momentum": (0.0, 0.9)}
    assert len(second.comparisons["test error"]) == 1


def test_equal_means_are_no_order():
    equal = lambda trial: result(trial, {f"{p} error": abs(trial.step_size - 1) for p in SETS})
    outcome = read_outcome(STUDY, HERE, run(STUDY, equal))
    said = turned(outcome, outcome)
    assert "stays gradient_descent = heavy_ball = adam; of 3 pairs 0 are told apart" in said
    assert "Chosen: gradient_descent 2⁰; heavy_ball 2⁰; adam 2⁰." in said
    fails = lambda trial: result(trial, {}, 1) if trial.method == "adam" else equal(trial)
    failed = read_outcome(STUDY, HERE, run(STUDY, fails))
    assert "turns from" in turned(outcome, failed)
    assert "to gradient_descent = heavy_ball, adam diverged" in turned(outcome, failed)
    assert certified(failed, "planted").holds is False
