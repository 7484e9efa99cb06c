"""`steepest study`: its help, its errors, a study from beginning to end."""

import re

import pytest
from typer.testing import CliRunner

from steepest.cli import app
from steepest.study.plan_file import read_plan


def run(*arguments):
    return CliRunner().invoke(app, ["study", *map(str, arguments)])


def words(text):
    return re.sub(r"[│\s]", "", text)


def test_help_names_every_command():
    text = run("--help").stdout
    for command in ("init", "run", "status", "plot", "report", "export"):
        assert f"│ {command} " in text
        assert run(command, "--help").exit_code == 0


def test_a_template_is_a_plan_and_is_not_replaced(tmp_path):
    plan = tmp_path / "plan.toml"
    result = run("init", plan)
    assert result.exit_code == 0
    assert f"steepest study run {plan}" in result.stdout
    assert read_plan(plan).epochs == 60
    before = plan.read_text()
    again = run("init", plan)
    assert again.exit_code == 2
    assert words("is there already") in words(again.stderr)
    assert plan.read_text() == before


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[study]\nepcohs = 3", "[study] epcohs is unknown; did you mean epochs?"),
        ("[study]\nepochs = [", "is no TOML"),
        ("[[method]]\nname = 'adma'", "there is no method 'adma'; did you mean"),
        ("[tuning]\nsteps = { values = [0, 1] }", "gives the step size 0, which is not positive"),
        ("[study]\nproblem = 'nowhere.py:f'", "there is no file nowhere.py"),
    ],
)
def test_a_wrong_plan_is_refused_before_anything_runs(tmp_path, text, says):
    (tmp_path / "plan.toml").write_text(text)
    result = run("run", tmp_path / "plan.toml", "--store", tmp_path / "store")
    assert result.exit_code == 2
    assert words(says) in words(result.stderr)
    assert "plan.toml" in words(result.stderr)
    assert not (tmp_path / "store").exists()


def test_wrong_use(tmp_path):
    assert run("run", tmp_path / "nowhere.toml", "--store", tmp_path).exit_code == 2
    assert run("run", tmp_path / "plan.toml").exit_code == 2
    assert run("report").exit_code == 2
    assert run("init", tmp_path / "no" / "folder.toml").exit_code == 2
    out = tmp_path / "no" / "folder.csv"
    assert run("export", "--store", tmp_path, "--out", out).exit_code == 2


PROGRAM = """
from pathlib import Path

def run(trial):
    # 1 is the best step of both methods, and gradient descent the better method.
    stop = Path(__file__).with_name("stop")
    for epoch in range(trial.epochs):
        if trial.seed >= 10_000 and stop.exists():
            stop.unlink()
            raise KeyboardInterrupt
        worse = 0.01 * (trial.method == "adam") + 1e-4 * (trial.seed % 7)
        error = abs(trial.learning_rate - 1.0) / 10 + worse
        yield {f"{part} error": error for part in ("train", "dev", "test")}

def raising(trial):
    raise KeyError("no such thing")
"""
PLAN = """
[study]
problem = "program_of_a_test.py:run"
epochs = 2
seeds = 2
[tuning]
seeds = 2
steps = { points = 3, around = 0.5 }
[[method]]
name = "gradient_descent"
[[method]]
name = "adam"
"""


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "program_of_a_test.py").write_text(PROGRAM)
    path = tmp_path / "plan.toml"
    path.write_text(PLAN)
    return path


def test_a_study_from_beginning_to_end(plan, tmp_path):
    store = tmp_path / "store"
    here = ("--store", store)
    (tmp_path / "stop").touch()
    broken_off = run("run", plan, *here, "--workers", 0)
    assert broken_off.exit_code == 130
    # A method takes 3 steps and one by which its grid grows, each on 2 seeds, and 2 fresh seeds;
    # that the second grows is not known yet.
    assert "Interrupted: 8 of 18 trials are in" in broken_off.stderr
    assert f"steepest study run {plan} --store {store} --workers 0" in broken_off.stderr
    assert "run again to go on" in run("status", *here).stdout

    done = run("run", plan, *here, "--workers", 0)
    assert done.exit_code == 0
    assert "20 trials, 12 of them run now" in done.stdout
    assert "Lowest mean test error: gradient_descent" in done.stdout
    assert f"steepest study report --store {store}" in done.stdout
    again = run("run", plan, *here, "--workers", 0)
    assert "20 trials, 0 of them run now" in again.stdout
    assert "20 of 20 trials" in run("status", *here).stdout

    page, table = tmp_path / "page.html", tmp_path / "trials.csv"
    report = run("report", *here, "--out", page)
    assert "What the tuning chose" in report.stdout
    assert "data:image/svg" in page.read_text()
    assert run("plot", *here, "--out", tmp_path / "figures").exit_code == 0
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert names == {"study.svg", "study.pdf", "study.png"}
    assert "40 rows of 20 trials" in run("export", *here, "--out", table).stdout
    assert len(table.read_text().splitlines()) == 41


def test_what_a_trial_raises_is_told_with_its_line(plan, tmp_path):
    plan.write_text(PLAN.replace(":run", ":raising"))
    result = run("run", plan, "--store", tmp_path / "store", "--workers", 0)
    assert result.exit_code == 1
    assert words("program_of_a_test.py:16 in raising") in words(result.stderr)


def test_data_that_no_one_asks_for_and_workers_that_contradict(plan, tmp_path):
    store = ("--store", tmp_path / "store")
    result = run("run", plan, *store, "--data", tmp_path / "nowhere")
    assert result.exit_code == 1
    assert words("nowhere is no folder") in words(result.stderr)
    assert run("run", plan, *store, "--workers", -1).exit_code == 2
    address = "tcp://127.0.0.1:1"
    assert run("run", plan, *store, "--workers", 1, "--scheduler", address).exit_code == 2


@pytest.mark.parametrize("command", ["status", "report", "plot", "export"])
def test_a_store_that_is_none(tmp_path, command):
    out = () if command == "status" else ("--out", tmp_path / "out.csv")
    result = run(command, "--store", tmp_path / "nowhere", *out)
    assert result.exit_code == 1
    assert "nowhere" in words(result.stderr)
