"""The search for a step size: against a brute force that sees the whole landscape."""

import math
import random
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from planted_study import HERE, POWERS, bowl, method, plan, result, run
from steepest.errors import PlanError
from steepest.study.tuning import tuned, wanted


class Landscape:
    """(place, exponent of the step) → dev error and dev loss on each seed, drawn when asked."""

    def __init__(self, seed, momenta=(), levels=3, losses=2):
        self.seed, self.levels, self.losses, self.momenta = seed, levels, losses, momenta

    def __call__(self, place, exponent, seed):
        draw = random.Random(f"{self.seed} {place} {exponent:g} {seed % 3}")
        error = draw.choice([*range(self.levels), math.inf]) / 4
        return error, draw.randrange(self.losses) / 4

    def result(self, trial):
        place = self.momenta.index(dict(trial.hyperparameters)["momentum"]) if self.momenta else 0
        error, loss = self(place, math.log2(trial.step_size), trial.seed)
        if math.isinf(error):
            return result(trial, {"dev error": 0.5, "dev loss": 7.0}, diverged=1)
        return result(trial, {"dev error": error, "dev loss": loss})

    def value(self, place, exponent, seeds):
        values = [self(place, exponent, seed) for seed in seeds]
        score = sum(error for error, _ in values) / len(values)
        if math.isinf(score):
            return math.inf, 0.0
        return score, sum(loss for _, loss in values) / len(values)


def brute_force(landscape, places, exponents, seeds, budget):
    """The chosen (place, exponent), all that is run, and the open end, in whole exponents."""
    seen = {(p, e): landscape.value(p, e, seeds) for p in range(places) for e in exponents}
    while True:
        place, at = min(seen, key=lambda key: (*seen[key], key[1], key[0]))
        column = {e: value for (p, e), value in seen.items() if p == place}
        low, high = min(column), max(column)
        least = column[at]
        # Walk the plateau in both directions until something is worse.
        down = next((e for e in range(at, low - 1, -1) if column[e] > least), None)
        up = next((e for e in range(at, high + 1) if column[e] > least), None)
        if down is not None and up is not None:
            return (place, at), seen, None
        if len(seen) >= budget:
            return (place, at), seen, "lower" if down is None else "upper"
        new = low - 1 if down is None else high + 1
        seen[place, new] = landscape.value(place, new, seeds)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    levels=st.integers(1, 6),
    losses=st.integers(1, 3),
    points=st.integers(1, 5),
    tuning_seeds=st.integers(1, 3),
    momenta=st.sampled_from([(), (0.0,), (0.5, 0.9)]),
    extra=st.integers(0, 8),
)
def test_the_search_is_that_of_a_brute_force(
    seed, levels, losses, points, tuning_seeds, momenta, extra
):
    landscape = Landscape(seed, momenta, levels, losses)
    exponents = range(-1, points - 1)
    places = max(1, len(momenta))
    budget = places * points + extra
    one = method(
        "heavy_ball",
        tuple(2.0**e for e in exponents),
        tune={"momentum": momenta} if momenta else {},
    )
    study = plan(one, tuning={"seeds": tuning_seeds, "budget": budget}, seeds=2)
    results = run(study, landscape.result)
    choice = tuned(study, HERE, one, results)
    (place, exponent), seen, end = brute_force(
        landscape, places, exponents, study.tuning_seeds, budget
    )
    assert (choice.chosen.place, choice.step) == (place, 2.0**exponent)
    assert {(p.place, p.step) for p in choice.points} == {(p, 2.0**e) for p, e in seen}
    assert choice.spent == len(seen) <= budget
    assert choice.interior == (end is None)
    assert choice.edge == "" if end is None else f" the {end} end of its grid" in choice.edge
    assert choice.diverged == math.isinf(seen[place, exponent][0])
    assert choice.chosen.value == pytest.approx(seen[place, exponent], rel=1e-6)
    assert len(results) == tuning_seeds * len(seen) + 2
    fresh = [r.configuration for r in results.values() if r.configuration.seed >= 10_000]
    assert {t.seed for t in fresh} == set(study.fresh_seeds)
    assert {t.step_size for t in fresh} == {2.0**exponent}


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), shuffled=st.randoms(use_true_random=False))
def test_results_may_come_one_at_a_time_and_in_any_order(seed, shuffled):
    landscape = Landscape(seed)
    study = plan()
    (one,) = study.methods
    results, asked = {}, []
    while trials := wanted(study, HERE, one, results):
        assert not {trial.hash for trial in trials} & set(results)
        trial = shuffled.choice(trials)
        asked.append(trial.hash)
        results[trial.hash] = landscape.result(trial)
    assert set(asked) == set(run(study, landscape.result))
    assert len(asked) == len(set(asked))


def test_the_whole_grid_is_asked_for_at_once_on_every_seed_and_nothing_else():
    one = method("heavy_ball", tune={"momentum": (0.0, 0.9)}, fixed={"eps": 3})
    study = plan(one)
    trials = wanted(study, HERE, one, {})
    asked = [(dict(t.hyperparameters)["momentum"], t.step_size, t.seed) for t in trials]
    assert asked == list(product((0.0, 0.9), POWERS, (0, 1)))
    assert {dict(t.hyperparameters)["eps"] for t in trials} == {3}
    assert tuned(study, HERE, one, {}) is None


def test_an_extension_waits_for_every_seed_of_the_last():
    one = method(steps=(2.0, 4.0))
    study = plan(one)
    results = {t.hash: bowl(t) for t in wanted(study, HERE, one, {})}
    first, second = wanted(study, HERE, one, results)
    assert first.step_size == second.step_size == 1.0
    results[second.hash] = bowl(second)
    assert wanted(study, HERE, one, results) == (first,)
    assert tuned(study, HERE, one, results) is None
    results[first.hash] = bowl(first)
    assert {t.step_size for t in wanted(study, HERE, one, results)} == {0.5}


def table(errors, losses=None, names=("dev error", "dev loss")):
    """step → error, and loss."""

    def make(trial):
        values = (errors[trial.step_size], (losses or {}).get(trial.step_size, 1.0))
        return result(trial, dict(zip(names, values, strict=False)))

    return make


@pytest.mark.parametrize(
    ("errors", "losses", "step", "words"),
    [
        ({1: 0.2, 2: 0.1, 4: 0.1, 8: 0.3}, {2: 0.5, 4: 0.4}, 4, ["step 2 in dev error; lower dev"]),
        (
            {1: 0.2, 2: 0.1, 4: 0.1, 8: 0.3},
            {},
            2,
            ["step 4 in dev error and dev loss; the smaller"],
        ),
        ({1: 0.2, 2: 0.1, 4: 0.3, 8: 0.3}, {}, 2, []),
    ],
)
def test_ties_are_broken_and_said(errors, losses, step, words):
    study = plan(method(steps=(1.0, 2.0, 4.0, 8.0)))
    choice = tuned(study, HERE, study.methods[0], run(study, table(errors, losses)))
    assert (choice.step, choice.interior) == (step, True)
    assert len(choice.ties) == len(words)
    assert all(w in said for w, said in zip(words, choice.ties, strict=True))


def test_a_tie_without_a_recorded_loss_says_so():
    study = plan(method(steps=(1.0, 2.0, 4.0, 8.0)))
    errors = {1: 0.2, 2: 0.1, 4: 0.1, 8: 0.3}
    choice = tuned(study, HERE, study.methods[0], run(study, table(errors, names=("dev error",))))
    assert choice.ties == (
        "tied with step 4 in dev error (dev loss is not recorded); the smaller step",
    )


def test_equal_combinations_go_to_the_first_of_the_plan():
    one = method("heavy_ball", (1.0, 2.0, 4.0), tune={"momentum": (0.9, 0.5)})
    study = plan(one)
    choice = tuned(study, HERE, one, run(study, table({1: 0.2, 2: 0.1, 4: 0.2})))
    assert choice.chosen.tuned == (("momentum", 0.9),)
    assert choice.ties == (
        "tied with step 2, momentum 0.5 in dev error and dev loss; the first in the plan",
    )


def test_a_tie_with_an_end_is_not_inside():
    errors = {0.25: 0.1, 0.5: 0.1, 1: 0.2, 0.125: 0.05, 0.0625: 0.4}
    study = plan(method(steps=(0.25, 0.5, 1.0)))
    choice = tuned(study, HERE, study.methods[0], run(study, table(errors)))
    assert (choice.step, choice.interior, choice.spent) == (0.125, True, 5)
    # At the upper end too: beyond the tie lies something better.
    errors = {0.5: 0.2, 1: 0.1, 2: 0.1, 4: 0.02, 8: 0.3}
    study = plan(method(steps=(0.5, 1.0, 2.0)))
    choice = tuned(study, HERE, study.methods[0], run(study, table(errors)))
    assert (choice.step, choice.interior) == (4.0, True)
    # And where the budget does not allow to look beyond, it is said.
    study = plan(method(steps=(0.5, 1.0, 2.0)), tuning={"budget": 3})
    choice = tuned(study, HERE, study.methods[0], run(study, table(errors)))
    assert choice.edge == "tied with the upper end of its grid when the budget was spent"


def test_a_grid_that_may_not_grow_stays_and_says_so():
    study = plan(method(steps=(2.0, 4.0), extend=False))
    choice = tuned(study, HERE, study.methods[0], run(study, bowl))
    assert choice.edge == "at the lower end of its grid; the plan does not let it grow"
    assert (choice.step, choice.interior, choice.spent) == (2.0, False, 2)


def test_where_all_diverge_the_grid_grows_downwards_and_the_budget_ends_it():
    fails = lambda trial: result(trial, {}, diverged=1)
    study = plan(method(steps=(1.0, 2.0)), tuning={"budget": 5})
    choice = tuned(study, HERE, study.methods[0], run(study, fails))
    assert [point.step for point in choice.points] == [0.125, 0.25, 0.5, 1.0, 2.0]
    assert choice.diverged
    assert choice.ties == ()
    assert choice.edge.startswith("at the lower end")


def test_one_diverged_seed_makes_a_point_infinite_and_a_neighbour_worse():
    errors = {1: 0.2, 2: 0.1, 4: 0.0}
    make = table(errors)
    fails = lambda t: result(t, {"dev error": 0.0}, diverged=4)
    study = plan(method(steps=(1.0, 2.0, 4.0)))
    results = run(study, lambda t: fails(t) if (t.step_size, t.seed) == (4.0, 1) else make(t))
    choice = tuned(study, HERE, study.methods[0], results)
    assert (choice.step, choice.interior, choice.spent) == (2.0, True, 3)


@pytest.mark.parametrize(
    ("steps", "grown"),
    [
        ((0.1, 0.3), 0.1 * (0.1 / 0.3)),
        ((1e-4, 1e-3), 1e-5),
        ((3e-7, 3e-6), 3e-8),
        ((2.0**-39, 2.0**-38), 2.0**-40),
        ((1.0,), 0.5),
        ((2.0**-40, 2.0**-30), 2.0**-50),
    ],
)
def test_the_grid_grows_by_the_factor_of_its_last_two_steps(steps, grown):
    one = method(steps=steps)
    study = plan(one)
    results = {t.hash: bowl(t) for t in wanted(study, HERE, one, {})}
    for r in results.values():
        r.metrics["dev error"][:] = r.configuration.step_size
    assert {t.step_size for t in wanted(study, HERE, one, results)} == {grown}


@pytest.mark.parametrize(
    ("steps", "grown"), [((1.0,), 0.5), ((1.0, 2.0), 4.0), ((1e-4, 1e-3), 1e-2)]
)
def test_it_grows_upwards_where_the_largest_step_is_best(steps, grown):
    one = method(steps=steps)
    study = plan(one)
    results = {t.hash: bowl(t) for t in wanted(study, HERE, one, {})}
    for r in results.values():
        r.metrics["dev error"][:] = -r.configuration.step_size
    assert {t.step_size for t in wanted(study, HERE, one, results)} == {grown}


def test_a_grid_of_one_step_grows_to_both_sides_by_a_factor_of_two():
    study = plan(method(steps=(3.0,)))
    make = table({1.5: 0.2, 3.0: 0.1, 6.0: 0.2})
    choice = tuned(study, HERE, study.methods[0], run(study, make))
    assert (choice.step, choice.interior, choice.spent) == (3.0, True, 3)


@pytest.mark.parametrize(
    ("steps", "sign", "end"),
    [
        ((1e-37, 1e-20), 1, "lower"),
        ((1e20, 1e37), -1, "upper"),
    ],
)
def test_a_step_stays_a_normal_number(steps, sign, end):
    study = plan(method(steps=steps), tuning={"budget": 99})
    make = lambda t: result(t, {"dev error": sign * t.step_size})
    choice = tuned(study, HERE, study.methods[0], run(study, make))
    assert choice.edge == f"at the {end} end of its grid; no step beyond it is a normal number"
    assert choice.spent == 2


def test_a_score_that_is_not_a_number_is_the_worst():
    study = plan(method(steps=(1.0, 2.0, 4.0)))
    choice = tuned(study, HERE, study.methods[0], run(study, table({1: 9, 2: 8, 4: np.nan})))
    assert (choice.step, choice.interior) == (2.0, True)


def test_a_metric_that_is_not_recorded_is_named():
    one = method()
    study = plan(one, tuning={"select": "dev eror"})
    results = {t.hash: bowl(t) for t in wanted(study, HERE, one, {})}
    with pytest.raises(PlanError, match=r"no 'dev eror': it records dev error, dev loss"):
        wanted(study, HERE, one, results)


def test_the_same_errors_in_another_order_of_the_seeds_are_a_tie():
    """Their means differ in the last place; the dev loss decides."""
    errors = {0.5: (0.15, 0.15), 1.0: (0.1, 0.2), 2.0: (0.2, 0.3), 0.25: (0.3, 0.3)}
    assert sum(errors[0.5]) / 2 != sum(errors[1.0]) / 2
    losses = {0.5: 2.0, 1.0: 1.0}

    def make(trial):
        step = trial.step_size
        error = errors.get(step, (0.9, 0.9))[trial.seed % 2]
        return result(trial, {"dev error": error, "dev loss": losses.get(step, 9.0)})

    study = plan(method(steps=(0.25, 0.5, 1.0, 2.0)))
    choice = tuned(study, HERE, study.methods[0], run(study, make))
    assert choice.step == 1.0
    assert choice.ties == ("tied with step 0.5 in dev error; lower dev loss",)
