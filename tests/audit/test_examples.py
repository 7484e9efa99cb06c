"""The example files, each with its framework where it is installed."""

import importlib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from steepest.cli import app

EXAMPLES = Path(__file__).parents[2] / "examples" / "audit"
NEEDS = {
    "plain": ("jax", "refuted"),
    "pytorch": ("torch", "proved, degree 2"),
    "equinox_mlp": ("equinox", "proved, degree 3"),
    "flax_linen": ("flax", "proved, degree 2"),
    "flax_nnx": ("flax", "the constant 1e-06"),
    "keras_jax": ("keras", "proved, degree 2"),
}


def test_every_example_is_tried():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(NEEDS)


@pytest.mark.filterwarnings("ignore")  # the frameworks' own
@pytest.mark.parametrize("name", NEEDS)
def test_example(name):
    framework, says = NEEDS[name]
    if importlib.util.find_spec(framework) is None:
        extra = "torch" if framework == "torch" else "frameworks"
        pytest.skip(f"{framework} is not installed: pip install 'steepest[{extra}]'")
    result = CliRunner().invoke(app, ["audit", f"{EXAMPLES / name}.py:setup"])
    assert result.exit_code == 0, result.stderr
    assert says in result.stdout
