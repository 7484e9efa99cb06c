"""Problems by name, and what their trials' identity is made of."""

import os
import shutil
import subprocess
import sys
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from steepest.errors import DataError, PlanError
from steepest.study.loading import load_problem, problem_of
from steepest.study.plan_file import read_plan
from steepest.study.problem import JaxProblem, Program
from steepest.study.sources import load_bundle, sources_of
from steepest.study.surroundings import fingerprint, sources, surroundings
from steepest.user_file import load_object

FILE = """
from types import SimpleNamespace
import jax.numpy as jnp
import numpy as np
import parts_of_a_test as parts

def init(key): return jnp.zeros(2)
def loss(params, batch, key): return jnp.mean((batch @ params - 1.0) ** 2)
def metrics(params, batch): return {"loss": loss(params, batch, None)}
def data(): return parts.SETS

class Problem:
    init = staticmethod(init)
    loss = staticmethod(loss)
    metrics = staticmethod(metrics)
    def data(self): return parts.SETS

class OfAFolder(Problem):
    def data(self, folder): return (np.load(folder / "a.npy"),) * 3

class PerhapsOfAFolder(Problem):
    def data(self, folder=None): return (np.ones(1),) * 3 if folder is None else parts.SETS

class WithArguments(Problem):
    def __init__(self, width): pass

class Raising(Problem):
    def data(self): raise FileNotFoundError("no images")

class TwoSets(Problem):
    def data(self): return parts.SETS[:2]

class TwoArguments(Problem):
    def data(self, a, b): pass

class Lacking:
    init = staticmethod(init)
    loss = staticmethod(loss)

class Runs:
    def run(self, trial): yield {"dev error": 0.0}
    def data(self): return np.arange(3.0)

class RunsOnTwo:
    def run(self, trial, more): yield {}

namespace = SimpleNamespace(init=init, loss=loss, metrics=metrics, data=data)
instance = Problem()
number = 3

def make(): return Problem()
def make_with_default(width=3): return namespace
def make_program(): return run
def make_number(): return 3
def make_raising(): return {}["none"]
def run(trial): yield {"dev error": 0.0}
def run_of_two(trial, more): yield {}
"""
PARTS = "import numpy as np\nimport deeper_of_a_test.leaf\nSETS = (np.ones((4, 2)),) * 3\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "problem_of_a_test.py").write_text(FILE)
    (tmp_path / "parts_of_a_test.py").write_text(PARTS)
    (tmp_path / "deeper_of_a_test").mkdir()
    (tmp_path / "deeper_of_a_test" / "leaf.py").write_text("import scipy.linalg\n")
    np.save(tmp_path / "a.npy", np.ones((3, 2)))
    return tmp_path


def load(folder, name, **options):
    return load_problem(f"problem_of_a_test.py:{name}", folder, **options)


@pytest.mark.parametrize(
    "name", ["Problem", "instance", "namespace", "make", "make_with_default", "PerhapsOfAFolder"]
)
def test_a_jax_problem_is_an_object_or_what_makes_one(folder, name):
    problem = load(folder, name)
    assert isinstance(problem, JaxProblem)
    assert problem.name == f"problem_of_a_test.py:{name}"
    assert problem.folder == folder
    assert len(problem.train) == (1 if name == "PerhapsOfAFolder" else 4)


@pytest.mark.parametrize("name", ["run", "Runs", "make_program"])
def test_a_program_is_a_function_of_a_trial_or_has_run(folder, name):
    problem = load(folder, name, data=folder)
    assert isinstance(problem, Program)
    assert list(problem.run(None)) == [{"dev error": 0.0}]
    assert problem.data_folder == folder
    assert (problem.data is None) == (name != "Runs")


def test_a_folder_of_data_goes_to_who_asks(folder):
    assert load(folder, "OfAFolder", data=folder).train.shape == (3, 2)
    assert load(folder, "PerhapsOfAFolder", data=folder).train.shape == (4, 2)
    with pytest.raises(DataError, match="give it as --data DIR"):
        load(folder, "OfAFolder")
    with pytest.raises(DataError, match="takes no folder; leave --data"):
        load(folder, "Problem", data=folder)
    with pytest.raises(DataError, match="nowhere is no folder"):
        load(folder, "OfAFolder", data=folder / "nowhere")


@pytest.mark.parametrize(
    ("spec", "error", "says"),
    [
        ("problem_of_a_test.py:instanc", PlanError, "did you mean instance?"),
        ("problem_of_a_tset.py:run", PlanError, "did you mean problem_of_a_test.py?"),
        ("no_such_package.part:f", PlanError, "there is no module no_such_package.part."),
        ("math:sqtr", PlanError, "module math has no sqtr; did you mean sqrt?"),
        ("math:sqrt", PlanError, "has no source file"),
        ("run", PlanError, "names no function in a file"),
        ("problem_of_a_test.py:number", PlanError, "is a int; it must have init, loss, metrics"),
        ("problem_of_a_test.py:make_number", PlanError, "is a int; it must have init, loss"),
        ("problem_of_a_test.py:Lacking", PlanError, "lacks metrics, data; it must have"),
        ("problem_of_a_test.py:WithArguments", PlanError, "must take no arguments"),
        ("problem_of_a_test.py:run_of_two", PlanError, "must take one argument, the trial"),
        ("problem_of_a_test.py:RunsOnTwo", PlanError, "must take one argument, the trial"),
        ("problem_of_a_test.py:TwoArguments", PlanError, "data takes 2 arguments"),
        ("problem_of_a_test.py:make_raising", PlanError, "problem_of_a_test.py:55 in make_raising"),
        ("problem_of_a_test.py:Raising", DataError, "FileNotFoundError: no images"),
        ("problem_of_a_test.py:TwoSets", DataError, "returns 2 parts; it must return (train, dev"),
    ],
)
def test_what_is_no_problem_is_refused(folder, spec, error, says):
    with pytest.raises(error) as raised:
        load_problem(spec, folder, where="plan.toml: [study] problem")
    assert says in str(raised.value)
    if error is PlanError:
        assert str(raised.value).startswith("plan.toml: [study] problem: ")


def plan_in(folder, text=""):
    (folder / "plan.toml").write_text('[study]\nproblem = "problem_of_a_test.py:Runs"\n' + text)
    return read_plan(folder / "plan.toml")


def test_modules_are_looked_into_as_packages(tmp_path, monkeypatch):
    package = tmp_path / "package_of_a_test"
    (package / "models").mkdir(parents=True)
    for name in ("__init__.py", "models/__init__.py"):
        (package / name).write_text("")
    (package / "layers.py").write_text("import numpy\n")
    (package / "models" / "near.py").write_text("from ..layers import *\nimport optax\n")
    (package / "models" / "mlp.py").write_text("from . import near\ndef run(trial): yield {}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    plan = replace(plan_with_module(tmp_path), file=tmp_path / "plan.toml")
    here = surroundings(plan, problem_of(plan))
    assert {"optax", "numpy"} <= dict(here.versions).keys()
    (package / "layers.py").write_text("import numpy\n# edited\n")
    assert surroundings(plan, problem_of(plan)).problem_source != here.problem_source
    assert sources(plan) == {}  # a module is installed where it is run


def plan_with_module(folder):
    spec = "package_of_a_test.models.mlp:run"
    (folder / "plan.toml").write_text(f'[study]\nproblem = "{spec}"\n[[method]]\nname = "adam"\n')
    return read_plan(folder / "plan.toml")


def test_a_file_that_is_written_as_a_module(tmp_path):
    (tmp_path / "mistaken_of_a_test.py").write_text("")
    with pytest.raises(PlanError, match=r"did you mean mistaken_of_a_test.py:run\?"):
        load_problem("mistaken_of_a_test:run", tmp_path)


def test_a_module_that_raises_is_told_with_its_line(tmp_path, monkeypatch):
    (tmp_path / "raising_of_a_test.py").write_text("x = 1\nraise KeyError('a')\n")
    (tmp_path / "needing_of_a_test.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(PlanError, match=r"raising_of_a_test.py:2 in <module>: raise KeyError"):
        load_problem("raising_of_a_test:f", tmp_path)
    with pytest.raises(PlanError, match="needs no_such_package, which is not installed"):
        load_problem("needing_of_a_test:f", tmp_path)


def test_the_identity_follows_sources_and_data_and_not_the_place(folder, tmp_path):
    plan = plan_in(folder)
    here = surroundings(plan, problem_of(plan))
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(folder, elsewhere, ignore=shutil.ignore_patterns("elsewhere", "__pycache__"))
    moved = read_plan(elsewhere / "plan.toml")
    assert moved == plan
    assert surroundings(moved, problem_of(moved)) == here
    # Whatever is imported counts, at any depth; what merely lies there does not.
    (elsewhere / "unrelated.py").write_text("x = 1")
    assert surroundings(moved, problem_of(moved)) == here
    (elsewhere / "deeper_of_a_test" / "leaf.py").write_text("import scipy.linalg\nx = 1\n")
    assert surroundings(moved, problem_of(moved)).problem_source != here.problem_source


def test_versions_are_of_what_is_imported(folder):
    plan = plan_in(folder)
    versions = dict(surroundings(plan, problem_of(plan)).versions)
    assert versions.keys() == {"steepest", "jax", "jaxlib", "optax", "numpy", "scipy"}
    assert versions["numpy"] == np.__version__
    (folder / "parts_of_a_test.py").write_text(
        PARTS + "import typer\ntry: import no_dist\nexcept ImportError: pass\n"
    )
    versions = dict(surroundings(plan, problem_of(plan)).versions)
    assert versions["no_dist"] == "not known"
    assert "typer" in versions


def test_methods_of_a_file_have_a_source(folder):
    (folder / "method_of_a_test.py").write_text("import optax\nmine = optax.sgd\n")
    plan = plan_in(
        folder, '[[method]]\nname = "method_of_a_test.py:mine"\n[[method]]\nname = "adam"\n'
    )
    here = surroundings(plan, problem_of(plan))
    digest = sources_of(folder / "method_of_a_test.py").sha256
    assert here.method_sources == (("method_of_a_test.py:mine", digest),)


def test_a_bundle_stands_for_the_folder(folder, tmp_path):
    outer = tmp_path / "studies"
    outer.mkdir()
    (outer / "plan.toml").write_text('[study]\nproblem = "../problem_of_a_test.py:Problem"\n')
    plan = read_plan(outer / "plan.toml")
    bundle = sources(plan)
    assert set(bundle) == {
        "../problem_of_a_test.py",
        "../parts_of_a_test.py",
        "../deeper_of_a_test/leaf.py",
    }
    # In a process of its own, as a worker is, where the user's folder is nowhere.
    script = f"""
from dataclasses import replace
from steepest.study.loading import load_problem
from steepest.study.sources import load_bundle
bundle = {bundle!r}
folder = load_bundle(bundle)
assert folder == load_bundle(bundle)
print(load_problem({plan.problem!r}, folder).train.shape, {str(tmp_path)!r} in str(folder))
"""
    shutil.rmtree(folder / "deeper_of_a_test")
    os.remove(folder / "parts_of_a_test.py")
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd="/", check=True
    )
    assert answer.stdout.split("\n")[0] == "(4, 2) False"


def test_bundles_are_apart(tmp_path):
    one, two = load_bundle({"a.py": "x = 1"}), load_bundle({"a.py": "x = 2"})
    assert [load_object(Path(f / "a.py"), "x")[1] for f in (one, two, one)] == [1, 2, 1]


def test_a_fingerprint_sees_values_shapes_types_and_structure():
    base = {"x": np.arange(6.0).reshape(2, 3)}
    others = [
        {"x": np.arange(6.0).reshape(3, 2)},
        {"x": np.arange(6.0, dtype=np.float32).reshape(2, 3)},
        {"x": np.arange(6.0).reshape(2, 3) + 1e-15},
        {"y": np.arange(6.0).reshape(2, 3)},
        (np.arange(6.0).reshape(2, 3),),
    ]
    assert len({fingerprint(tree) for tree in [base, *others]}) == 6
    assert fingerprint(base) == fingerprint({"x": np.asfortranarray(base["x"])})
    with pytest.raises(DataError, match=r"data\['x'\] is a"):
        fingerprint({"x": types.SimpleNamespace()})
