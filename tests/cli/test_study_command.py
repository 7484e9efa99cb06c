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
