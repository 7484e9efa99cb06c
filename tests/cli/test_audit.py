"""`steepest audit` on files of a user's."""

import json
import re

import pytest
from typer.testing import CliRunner

from steepest.cli import app

FILE = """
import jax, jax.numpy as jnp

def model(w, x):
    return jax.nn.relu(x @ w[0]) @ w[1]

def setup():
    w = [jnp.ones((3, 4)), jnp.ones((4, 1))]
    return model, w, (jnp.eye(3), jnp.ones((3, 1))), lambda p, y: jnp.sum((p - y) ** 2)

def wrong_shape():
    return model, [jnp.ones((3, 4)), jnp.ones((5, 1))], jnp.eye(3)

def raises():
    return {}["no such key"]

def too_few():
    return model, 1.0

def of_something(a):
    return setup()

def exits():
    raise SystemExit(3)
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "network_of_a_test.py"
    path.write_text(FILE)
    return path


def run(*arguments):
    return CliRunner().invoke(app, ["audit", *map(str, arguments)])


def test_a_page_of_text_json_and_html(file, tmp_path):
    page, facts = tmp_path / "audit.html", tmp_path / "audit.json"
    result = run(f"{file}:setup", "--html", page, "--json", facts)
    assert result.exit_code == 0
    assert "proved, degree 2" in result.stdout
    assert json.loads(facts.read_text())["homogeneity"]["status"] == "proved"
    assert "proved, degree 2" in page.read_text()
    alone = run(f"{file}:setup", "--json", "-")
    assert json.loads(alone.stdout)["parameters"] == 16


@pytest.mark.parametrize(
    ("name", "status", "says"),
    [
        ("wrong_shape", 1, "network_of_a_test.py:5 in model"),
        ("raises", 1, "network_of_a_test.py:15 in raises"),
        ("setpu", 2, "did you mean setup?"),
        ("too_few", 2, "(model, params, batch)"),
        ("of_something", 2, "must take no arguments"),
        ("exits", 1, "network_of_a_test.py:24 in exits"),
    ],
)
def test_what_is_wrong_is_named(file, name, status, says):
    result = run(f"{file}:{name}")
    assert result.exit_code == status
    assert says.replace(" ", "") in re.sub(r"[│\s]", "", result.stderr)


def test_wrong_use(file):
    assert run(f"{file}:setup", "--html", file.parent / "nowhere" / "a.html").exit_code == 2
    assert run(f"{file}:setup", "--json", file.parent).exit_code == 2
    assert run("nowhere.py:setup").exit_code == 2
    assert run("no-colon").exit_code == 2


def test_a_file_that_does_not_parse(tmp_path):
    path = tmp_path / "broken_of_a_test.py"
    path.write_text("def setup(:\n")
    result = run(f"{path}:setup")
    assert result.exit_code == 1
    assert "broken_of_a_test.py:1" in re.sub(r"[│\s]", "", result.stderr)
