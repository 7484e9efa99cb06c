"""`steepest lecture`: what it prints, what it writes, and how it exits."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner

import planted
import steepest.lecture
from steepest._version import __version__
from steepest.cli import app
from steepest.errors import MissingExtraError, PlanError
from steepest.lecture import runner as lecture_runner

ANSI = re.compile(r"\x1b\[")


@pytest.fixture
def call(monkeypatch, tmp_path):
    """Call the command line in an empty folder, where the lecture has the claims given."""
    planted.draw_stand_ins(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)

    def invoke(*arguments, claims=planted.ENDING):
        monkeypatch.setattr(steepest.lecture, "CLAIMS", claims, raising=False)
        return CliRunner().invoke(app, arguments)

    return invoke


def records(folder="out/lecture"):
    return json.loads(Path(folder, "claims.json").read_text("utf-8"))


def test_claims_that_hold_exit_with_0(call):
    result = call("lecture", claims=(planted.TRUE, planted.FOUR_PANELS))
    assert result.exit_code == 0
    assert "2 of 2 claims hold" in result.output
    assert "page: out/lecture/index.html" in result.output
    assert Path("out/lecture/figures/C2.pdf").exists()
    assert result.stderr == ""


def test_a_false_claim_exits_with_1_and_is_named(call):
    result = call("lecture", "--out", "here", claims=(planted.TRUE, planted.FALSE))
    assert result.exit_code == 1
    assert "FAILS D1: measured 0.5 > bound 0.4, worst at 1, slack 1.25" in result.output
    assert [entry["status"] for entry in records("here")] == ["holds", "fails"]


def test_a_claim_that_raises_exits_with_1_and_the_others_go_on(call):
    result = call("lecture", claims=(planted.RAISING, planted.TRUE))
    assert result.exit_code == 1
    assert "ERROR D2: ValueError: the images are <not> there" in result.output
    assert "Traceback" not in result.output
    assert [entry["status"] for entry in records()] == ["error", "holds"]


def test_debug_shows_a_claims_traceback(call):
    for arguments in (["--debug", "lecture", "D2"], ["lecture", "D2", "--debug"]):
        assert "Traceback (most recent call last)" in call(*arguments).output


def test_ctrl_c_exits_with_130_and_says_what_is_left(call):
    result = call("lecture", claims=(planted.TRUE, planted.INTERRUPTED))
    assert result.exit_code == 130
    assert "Interrupted: 1 of 2 claims ended" in result.output
    assert "page: out/lecture/index.html" in result.output
    assert [entry["id"] for entry in records()] == ["C1"]


def test_lines_and_table_are_readable_at_80_columns_without_codes(call):
    output = call("lecture").output
    lines = output.splitlines()
    assert all(cell_len(line.rstrip()) <= 80 for line in lines)
    assert not ANSI.search(output)
    ended = [line for line in lines if re.search(r"slack .* s$", line)]
    assert [line.split()[0] for line in ended] == ["C1", "C2", "D1", "D2", "D10"]
    for header in ("id", "statement", "measured", "bound", "slack", "verdict"):
        assert any(header in line and "statement" in line for line in lines)
    assert "FAILS D10: nothing was compared" in output
    assert "2 of 5 claims hold, 2 fail, 1 raised, in " in output
    # Rich's markup and a browser's are both plain text in a title.
    assert "[b]plainly[/b]" in "".join(line.strip() for line in lines).replace(" ", "")


def test_a_selection_runs_in_the_slides_order(call):
    call("lecture", "d1", "c", "--seed", "5")
    assert [(entry["id"], entry["seed"]) for entry in records()] == [
        ("C1", 5),
        ("C2", 5),
        ("D1", 5),
    ]


def test_an_unknown_id_is_one_block_and_exits_with_2(call):
    result = call("lecture", "D3")
    assert result.exit_code == 2
    assert "'D3'" in result.stderr
    assert "D1, D2" in result.stderr
    assert result.stderr.count("╭") == 1
    assert result.stdout == ""
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["lecture", "--seed", "-1"], "--seed"),
        (["lecture", "--seed", "4294967296"], "--seed"),
        (["lecture", "--seed", "one"], "--seed"),
        (["lecture", "--size", "huge"], "--size"),
        (["lecture", "--data", "nowhere"], "nowhere"),
        (["lecture", "--out", "taken"], "--out taken: taken is a file"),
        (["lecture", "--out", "taken/below"], "taken is a file"),
        (["lecture", "--nonsense"], "--nonsense"),
        (["nonsense"], "nonsense"),
    ],
)
def test_wrong_use_exits_with_2_and_runs_nothing(call, arguments, named):
    Path("taken").write_text("mine")
    result = call(*arguments)
    assert result.exit_code == 2
    assert named in result.stderr
    assert "Traceback" not in result.stderr
    assert not Path("out").exists()
    assert Path("taken").read_text() == "mine"


def test_the_size_and_the_data_reach_the_claims(call, tmp_path):
    settings = []

    def keep(setting):
        settings.append(setting)
        return planted.certificate()

    result = call(
        *["lecture", "--size", "paper", "--data", str(tmp_path)],
        claims=(planted.planted_claim("E1", keep),),
    )
    assert result.exit_code == 0
    assert [(s.size, s.seed, s.data) for s in settings] == [("paper", 0, tmp_path)]


def test_the_list_runs_nothing(call):
    result = call("lecture", "--list", claims=(*planted.ENDING, planted.INTERRUPTED))
    assert result.exit_code == 0
    lines = [line.rstrip() for line in result.output.splitlines()]
    assert lines[:2] == ["Norm preservation", "  C1  a planted claim, C1"]
    assert "Gradient descent" in lines
    assert not Path("out").exists()
    assert "D1" not in call("lecture", "X", "--list", claims=planted.ENDING).stdout


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (PlanError("plan.toml, field seeds: must be positive"), 2, "field seeds"),
        (MissingExtraError("install: pip install 'steepest[lecture]'"), 1, "steepest[lecture]"),
        (RuntimeError("quite unforeseen"), 1, "RuntimeError: quite unforeseen"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_an_error_is_one_block_and_debug_adds_the_traceback(
    call, monkeypatch, error, status, words
):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(lecture_runner, "run_claims", fail)
    result = call("lecture")
    assert result.exit_code == status
    assert words in result.stderr
    assert result.stderr.count("╭") == result.stderr.count("╰") == 1
    assert "Traceback" not in result.stderr
    assert ("--debug" in result.stderr) == isinstance(error, RuntimeError)
    assert result.stdout == ""
    for arguments in (["--debug", "lecture"], ["lecture", "--debug"]):
        assert "Traceback (most recent call last)" in call(*arguments).stderr


def test_the_version_and_the_helps(call):
    assert call("--version").output == f"steepest {__version__}\n"
    general = call("--help").output
    assert "steepest lecture" in general
    assert "130 interrupted" in general
    text = call("lecture", "--help").output
    assert "steepest lecture D1 X --seed 7" in text
    for words in ("0  all claims hold", "1  some claim fails", "2  wrong use", "130  interrupted"):
        assert words in text
    assert "this run's claims only" in text
    assert all(cell_len(line.rstrip()) <= 80 for line in text.splitlines())


PROGRAM = "import planted, steepest.lecture as l; l.CLAIMS = planted.ENDING; "


def run_program(program, *arguments, cwd):
    """The command line in a process of its own, its output in pipes."""
    environment = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "COLUMNS")}
    environment["PYTHONPATH"] = str(Path(planted.__file__).parent)
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env=environment,
    )


def test_piped_the_program_prints_plain_text_and_exits_with_its_status(tmp_path):
    main = PROGRAM + "from steepest.cli import main; main()"
    done = run_program(main, "lecture", "C1", "D1", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert not ANSI.search(done.stdout + done.stderr)
    assert done.stderr == ""
    assert "FAILS D1" in done.stdout
    assert done.stdout.endswith("page: out/lecture/index.html\n")
    assert (tmp_path / "out/lecture/index.html").exists()


@pytest.mark.parametrize("package", ["matplotlib", "jinja2", "latex2mathml.converter"])
def test_a_missing_extra_is_said_before_anything_runs(tmp_path, package):
    program = (
        PROGRAM + f"import sys; sys.modules['{package}'] = None; "
        "from steepest.cli import main; main()"
    )
    done = run_program(program, "lecture", "C1", cwd=tmp_path)
    assert done.returncode == 1
    assert "pip install 'steepest[lecture]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out/lecture/claims.json").exists()


def test_the_command_line_starts_light(tmp_path):
    program = "import sys, steepest.cli; print(*sys.modules)"
    done = run_program(program, cwd=tmp_path)
    loaded = set(done.stdout.split())
    assert "steepest.cli" in loaded, done.stderr
    heavy = {"matplotlib", "jinja2", "latex2mathml", "sklearn", "steepest.lecture.runner"}
    assert not heavy & loaded
