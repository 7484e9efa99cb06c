"""The report says what was found, what misses, and how it was done."""

import re

import pytest

from planted_study import HERE, bowl, method, plan, result, run
from steepest.report import render_page
from steepest.study.figure import learning_panel
from steepest.study.outcome import read_outcome
from steepest.study.plan import Decay
from steepest.study.report import decay_in_words, findings, study_page, study_text

STUDY = plan(
    method("gradient_descent", (1.0, 2.0, 4.0, 8.0)),
    method("adam", (0.5, 1.0, 2.0)),
    seeds=3,
    batch=64,
)


def text_of(study, results, width=200):
    return study_text(read_outcome(study, HERE, results), width)


def test_a_whole_study_in_words():
    text = text_of(STUDY, run(STUDY, bowl))
    for words in (
        "Study of planted.py:problem",
        "2 methods, each tuned by dev error with at most 12 configurations, then run on 3 fresh",
        "Lowest mean test error: ",
        "mean ± one standard deviation",
        "Batch: 64",
        "times 0.9 after an epoch without a new best dev error",
        "Seeds that tune: 0 to 1",
        "Fresh seeds: 10000 to 10002",
        "test error after the last epoch, on seeds that tuned nothing",
        "the check does not apply: b1 = 0 was not tried (only 0.9)",
        "Epochs to a dev error of",
        "before it costs one percentage point of dev error",
        "The test set chooses nothing",
    ):
        assert words in text
    assert "not complete" not in text
    rows = re.findall(r"^(gradient_descent|adam) .* inside$", text, re.MULTILINE)
    assert rows == ["gradient_descent", "adam"]
    assert re.search(r"^gradient_descent +2⁰ +– +\d\.\d\d % +5 +inside$", text, re.MULTILINE)


def test_the_page_holds_the_figure_and_the_same_words():
    outcome = read_outcome(STUDY, HERE, run(STUDY, bowl))
    html = render_page(study_page(outcome))
    assert "<svg" in html or "data:image/svg" in html
    assert "the tables compare the values after the last epoch" in html
    assert "complete" in html


def test_a_study_that_is_not_complete_says_what_misses_and_compares_nothing():
    results = {
        key: r
        for key, r in run(STUDY, bowl).items()
        if (r.configuration.method, r.configuration.seed) != ("adam", 10_000)
    }
    text = text_of(STUDY, results)
    assert "adam: 1 trial of the chosen configuration on fresh seeds to come." in text
    assert "Nothing can be said of which method is better yet." in text
    assert re.search(r"^adam .* 2 of 3 +0$", text, re.MULTILINE)
    text = text_of(STUDY, {})
    assert "gradient_descent: its tuning goes on: 8 trials to come" in text
    assert re.search(r"^adam +not yet", text, re.MULTILINE)
    assert "no method has finite runs" in text
    render_page(study_page(read_outcome(STUDY, HERE, {})))


def test_ties_are_called_ties():
    make = lambda t: result(t, {"dev error": abs(t.step_size - 1), "test error": 0.25})
    study = plan(method(), method("sgd"), seeds=2)
    outcome = read_outcome(study, HERE, run(study, make))
    assert findings(outcome) == (
        "Lowest mean dev error: adam and sgd, equal on every seed, 0.00 %.",
        "Lowest mean test error: adam and sgd, equal on every seed, 25.00 %.",
    )
    text = study_text(outcome, 200)
    assert "tied: equal on 2 seeds" in text
    half = lambda t: result(t, {"dev error": max(0.1, abs(t.step_size - 1.5) - 0.5)})
    study = plan(method(steps=(0.5, 1.0, 2.0, 4.0)))
    text = text_of(study, run(study, half))
    assert (
        "adam, step 1: tied with step 2 in dev error (dev loss is not recorded); the smaller step."
        in text
    )


def test_an_optimum_at_an_end_and_divergence_are_found():
    study = plan(
        method(steps=(4.0, 8.0), extend=False),
        method("sgd", (8.0, 16.0)),
        seeds=2,
        tuning={"budget": 2},
    )
    outcome = read_outcome(study, HERE, run(study, bowl))
    text = study_text(outcome, 200)
    said = "adam: its best step is at the lower end of its grid; the plan does not let it grow: "
    assert f"{said}a better one may lie beyond it." in findings(outcome)
    assert "sgd: every configuration diverged on some tuning seed." in text
    assert "not known: sgd diverged on 2 of 2 seeds" in text
    assert re.search(r"^sgd +not known +not known +not known +not known +2 of 2 +2$", text, re.M)
    assert "beyond it diverges" in text
    render_page(study_page(outcome))


def test_a_tuning_at_fault_is_a_finding():
    ball = method("heavy_ball", tune={"momentum": (0.0, 0.9)})
    study = plan(ball, method("gradient_descent"), seeds=5)

    def make(trial):
        made = bowl(trial)
        if trial.method == "heavy_ball":
            for values in made.metrics.values():
                values += 0.2
        return made

    found = findings(read_outcome(study, HERE, run(study, make)))
    assert any("the tuning of heavy_ball is at fault" in each for each in found)
    clean = findings(read_outcome(study, HERE, run(study, bowl)))
    assert not any("at fault" in each for each in clean)


@pytest.mark.parametrize(
    ("decay", "words"),
    [
        (Decay(), "times 0.9 after an epoch without a new best dev error"),
        (Decay(patience=3), "times 0.9 after 3 epochs without a new best dev error"),
        (Decay("every", 0.5, epochs=10), "times 0.5 every 10 epochs"),
        (Decay("cosine"), "half a cosine, to 0 at the end"),
        (Decay("none"), "none"),
    ],
)
def test_the_decay_in_words(decay, words):
    assert decay_in_words(decay, "dev error") == words


def ended(values):
    """A study of these methods with these final test errors, on three fresh seeds each; None for a
    run that diverges."""
    study = plan(*map(method, values), seeds=3)

    def make(trial):
        if trial.seed not in study.fresh_seeds:
            return result(trial, {"dev error": abs(trial.step_size - 1), "test error": 1.0})
        value = values[trial.method][study.fresh_seeds.index(trial.seed)]
        made = {"dev error": 0.0, "test error": 9.0 if value is None else value}
        return result(trial, made, diverged=3 if value is None else None)

    return read_outcome(study, HERE, run(study, make))


def test_what_is_said_of_equal_leaders_holds_for_each():
    steady, wild = (1.0, 1.001, 0.999), (0.2, 1.0, 1.8)
    outcome = ended({"adam": steady, "sgd": wild, "rmsprop": (1.2, 1.201, 1.199)})
    (said,) = [line for line in findings(outcome) if "test error" in line]
    leaders = "Lowest mean test error: adam and sgd, equal, 100.00 %"
    assert said == f"{leaders}; not told apart from all of these: rmsprop."
    outcome = ended({"adam": steady, "rmsprop": (1.2, 1.203, 1.199)})
    (said,) = [line for line in findings(outcome) if "test error" in line]
    assert (
        said
        == "Lowest mean test error: adam, 100.00 %; better than rmsprop by more than the noise."
    )


def test_a_method_that_diverged_on_a_fresh_seed_is_named():
    outcome = ended({"adam": (1.0, 1.0, 1.0), "sgd": (0.1, None, 0.1)})
    said = "sgd diverged on 1 of 3 fresh seeds: it has no mean, and is compared by the chance to"
    assert any(line.startswith(said) for line in findings(outcome))
    panel = learning_panel(outcome, "test error")
    assert panel.curves[1].label == "sgd (diverged on 1 of 3 seeds)"
    assert panel.curves[1].mark is None


def test_one_method_has_nothing_to_be_compared_with():
    study = plan(method(), seeds=2)
    assert "There is one method" in text_of(study, run(study, bowl))
