"""Slide section "Are these actually useful?": the methods, each tuned, on one model.

The certificate speaks of the protocol alone. Who wins is a finding, reported as it comes out.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from steepest.lecture.claim import Claim, Setting, claim
from steepest.lecture.fair_tuning import SOURCE, STATEMENT, certified
from steepest.lecture.finding import turned
from steepest.study.outcome import MethodOutcome, StudyOutcome, read_outcome
from steepest.study.plan_file import read_plan
from steepest.study.report import decay_in_words
from steepest.theorems.certificate import Certificate, all_of

_MOST_SEEDS = 2**32 - 20_000  # a plan's fresh seeds begin 10,000 above its first

_FIRST, _SECOND = "the step tuned", "momentum and ε tuned too"
_PLAN = """
[study]
problem = "steepest.study:{problem}"
epochs = {epochs}
seed = {seed}
seeds = 5
[tuning]
seeds = {tuning_seeds}
budget = {budget}
[[method]]
name = "gradient_descent"
[[method]]
name = "heavy_ball"
momentum = 0.9
[[method]]
name = "adagrad"
eps = 1e-8
[[method]]
name = "rmsprop"
eps = 1e-8
[[method]]
name = "adam"
b1 = 0.9
eps = 1e-8
[[method]]
name = "heavy_ball"
label = "heavy_ball more"
tune = {{ momentum = {momentum} }}
[[method]]
name = "adam"
label = "adam more"
tune = {{ b1 = {b1}, eps = {eps} }}
"""
_IN_PAPERS_SIZE = """
[[method]]
name = "adagrad"
label = "adagrad more"
tune = {{ eps = {eps} }}
[[method]]
name = "rmsprop"
label = "rmsprop more"
tune = {{ eps = {eps} }}
"""
_MORE = " more"  # what the labels of the methods of which more is tuned end with


@claim(
    "E1",
    title="Five methods, each tuned fairly, compared on fresh seeds: the finding as found",
    statement="Gradient descent, heavy ball, AdaGrad, RMSProp and Adam train one model; each has "
    "the same budget to tune its step size on the development set, on a grid of powers of two that "
    "grows until the best is inside, and is then run on five fresh seeds. In the paper's runs the "
    "non-adaptive methods end better in training and in test error; Choi et al. find that the "
    "order depends on what is tuned, so that all is run once more with momentum and $\\varepsilon$ "
    "tuned too. The verdict is on the protocol alone; who wins is in the notes, as found.",
    heading="Are these actually useful?",
    source=SOURCE,
)
def e1(setting: Setting) -> Certificate:
    outcome = _run(setting)
    paper, more = first(outcome), second(outcome)
    named = {_FIRST: paper, _SECOND: more}
    figure = tuple(
        replace(panel, title=f"{panel.title},\n{name}")
        for name, each in named.items()
        for panel in each.panels
    )
    c = all_of(STATEMENT, [certified(each, name) for name, each in named.items()], figure=figure)
    return replace(c, notes=(*c.notes, turned(paper, more), _protocol(outcome, setting)))


def plan_text(setting: Setting) -> str:
    """The plan that is run, as `steepest study run` reads it."""
    return setting.pick(quick=_PLAN, paper=_PLAN + _IN_PAPERS_SIZE).format(
        problem="cifar10_conv" if _with_images(setting) else "digits_mlp",
        epochs=setting.pick(quick=30, paper=250),
        seed=setting.seed % _MOST_SEEDS,
        tuning_seeds=setting.pick(quick=3, paper=5),
        budget=setting.pick(quick=25, paper=45),
        momentum=[0.0, 0.9],
        b1=setting.pick(quick=[0.9], paper=[0.0, 0.9]),
        eps=setting.pick(quick=[1e-8, 1e-3], paper=[1e-8, 1e-3, 1.0]),
    )


def _with_images(setting: Setting) -> bool:
    """Whether CIFAR-10 is trained on: in the paper's size, where its folder is given."""
    return setting.size == "paper" and setting.data is not None


def _run(setting: Setting) -> StudyOutcome:
    """All methods, with and without more tuned, as one study: they share trials."""
    from steepest.study.run import run_study

    data = setting.data if _with_images(setting) else None
    with TemporaryDirectory(prefix="steepest-") as folder:
        path = Path(folder) / "plan.toml"
        path.write_text(plan_text(setting), encoding="utf-8")
        plan = read_plan(path)
        agenda = run_study(plan, Path(folder) / "store", workers=2, data=data).agenda
    return read_outcome(plan, agenda.surroundings, agenda.results)


def first(outcome: StudyOutcome) -> StudyOutcome:
    """The methods of which no more than the step is tuned."""
    return _of(outcome, [m for m in outcome.methods if not m.label.endswith(_MORE)])


def second(outcome: StudyOutcome) -> StudyOutcome:
    """The methods of which more is tuned in place of those of the same name."""
    more = {
        m.plan.name: replace(m, plan=replace(m.plan, label=m.plan.name))
        for m in outcome.methods
        if m.label.endswith(_MORE)
    }
    return _of(outcome, [more.get(m.plan.name, m) for m in first(outcome).methods])


def _of(outcome: StudyOutcome, methods: list[MethodOutcome]) -> StudyOutcome:
    plan = replace(outcome.plan, methods=tuple(method.plan for method in methods))
    return StudyOutcome(plan, tuple(methods))


def _protocol(outcome: StudyOutcome, setting: Setting) -> str:
    plan = outcome.plan
    rest = setting.pick(
        quick="of the other values only heavy ball's momentum and Adam's ε are tuned in this size",
        paper="250 epochs, as in the paper",
    )
    return (
        f"{plan.problem}, {plan.epochs} epochs, batch {plan.batch}, step size "
        f"{decay_in_words(plan.decay, outcome.select)}; chosen by {outcome.select} on "
        f"{plan.tuning.seeds} seeds with at most {plan.tuning.budget} configurations a method "
        f"(batch and decay are not stated in the paper, which selected by training loss); {rest}."
    )


CLAIMS: tuple[Claim, ...] = (e1,)
