"""The package as a whole: what importing it costs, and which floor may import which."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_importing_steepest_pulls_in_no_plotting_no_cluster_and_no_other_framework():
    code = "import sys, steepest; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in out.stdout.split()}
    assert "steepest" in loaded
    assert not loaded & {"matplotlib", "dask", "distributed", "torch", "sklearn", "jinja2", "typer"}


def test_imports_point_down():
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(tool), "--no-cache"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_public_name_says_what_it_is():
    import steepest as st

    names = [name for name in vars(st) if not name.startswith("_")]
    assert {"descend", "Problem", "certify", "theorems", "methods", "balance", "plot"} <= set(names)
    public = [name for name in names if getattr(vars(st)[name], "__module__", "").startswith("st")]
    assert all(vars(st)[name].__doc__ for name in public)
