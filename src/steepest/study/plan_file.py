"""Reads a plan from a TOML file."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from steepest.errors import PlanError
from steepest.study.fields import Table, brief
from steepest.study.grid import FIELDS as STEPS
from steepest.study.method_table import read_methods
from steepest.study.names import normalised
from steepest.study.plan import MOST_TUNING_SEEDS, Decay, Plan, Tuning
from steepest.user_file import nearest

FIELDS = {
    "study": ("problem", "epochs", "batch", "seeds", "seed", "width"),
    "tuning": ("seeds", "steps", "budget", "select"),
    "decay": ("kind", "factor", "patience"),
}
DEFAULT_PROBLEM = "steepest.study:digits_mlp"
DEFAULT_METHODS = ("gradient_descent", "heavy_ball", "adagrad", "rmsprop", "adam")
"""Those of Wilson, Roelofs, Stern, Srebro and Recht (2017)."""

_KINDS = ("on plateau", "every N epochs", "cosine", "none")
_MOST_SEED = 2**32 - 1  # of JAX's random keys
_MOST_FRESH = 1_000_000
# Names of metrics of which more is better, where all here take less to be.
_MORE_IS_BETTER = ("accuracy", "acc", "auc", "f1", "precision", "recall")


def read_plan(path: Path | str) -> Plan:
    """The plan in a TOML file, checked: every name in it is known, every value in its range.

    Every field has a default. The files of a user's methods are run; the problem's is not.

    Raises:
        PlanError: the file cannot be read or is no TOML, or a field is unknown, of the wrong type
            or out of its range. The message names the file, the field (or the line) and what would
            do, the nearest valid name among it. It is raised before anything runs.

    Example:
        >>> path = getfixture("tmp_path") / "plan.toml"
        >>> _ = path.write_text('[study]\\nepochs = 10\\n[[method]]\\nname = "lion"\\n')
        >>> plan = read_plan(path)
        >>> plan.epochs, plan.batch, [method.label for method in plan.methods]
        (10, 128, ['lion'])
    """
    path = Path(path)
    tables = _tables(path)
    where = f"{path}: "
    study = Table(tables["study"], f"{where}[study] ", FIELDS["study"])
    tuning = Table(tables["tuning"], f"{where}[tuning] ", FIELDS["tuning"])
    decay = Table(tables["decay"], f"{where}[decay] ", FIELDS["decay"])
    problem = study.text("problem", DEFAULT_PROBLEM)
    with study.naming("problem"):
        problem = normalised(problem, path.parent)
    fresh = study.count("seeds", Plan.seeds, most=_MOST_FRESH)
    how = _tuning(tuning)
    return Plan(
        problem=problem,
        methods=read_methods(
            tables["method"], where, tuning.table("steps", STEPS), how, path.parent
        ),
        epochs=study.count("epochs", Plan.epochs),
        batch=study.count("batch", Plan.batch),
        seeds=fresh,
        seed=study.count("seed", Plan.seed, least=0, most=_MOST_SEED - MOST_TUNING_SEEDS - fresh),
        width=study.count("width", Plan.width),
        tuning=how,
        decay=_decay(decay),
        file=path,
    )


def _tables(path: Path) -> dict[str, Any]:
    """The file's tables: each of `FIELDS`, and the list of methods."""
    try:
        # With a line end behind it, "at end of document" becomes a line's number.
        content = tomllib.loads(path.read_bytes().decode("utf-8") + "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(
            f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}); "
            "`steepest study init` writes a plan."
        ) from error
    except RecursionError as error:
        raise PlanError(f"{path}: is nested too deeply to be a plan.") from error
    except ValueError as error:  # of TOML, with the line in its text; or of a number in it
        raise PlanError(f"{path}: is no TOML: {error}.") from error
    known = [*FIELDS, "method"]
    for name, value in content.items():
        if name not in known:
            home = next((table for table, fields in FIELDS.items() if name in fields), None)
            if home is not None and not isinstance(value, (dict, list)):
                raise PlanError(f"{path}: {name} is in no table; it belongs under [{home}].")
            hint = nearest(name, known) or f"; known here: {', '.join(known)}."
            raise PlanError(f"{path}: [{name:.60}] is unknown{hint}")
        if name != "method" and not isinstance(value, dict):
            raise PlanError(f"{path}: {name} is {brief(value)}; it must be a table, [{name}].")
    methods = content.get("method", [{"name": name} for name in DEFAULT_METHODS])
    if not isinstance(methods, list) or not methods or not all(type(m) is dict for m in methods):
        raise PlanError(f"{path}: method must be one table or more, each headed [[method]].")
    return {name: content.get(name, {}) for name in FIELDS} | {"method": methods}


def _tuning(table: Table) -> Tuning:
    select = " ".join(table.text("select", Tuning.select).replace("_", " ").split())
    if select.partition(" ")[0] == "test":
        raise table.error(
            "select", f"is {select!r}; tuning must not see the test set: select by a dev metric."
        )
    if select.split()[-1:] and select.split()[-1] in _MORE_IS_BETTER:
        raise table.error(
            "select", f"is {select!r}, and the lowest is chosen: measure an error or a loss."
        )
    return Tuning(
        seeds=table.count("seeds", Tuning.seeds, most=MOST_TUNING_SEEDS),
        budget=table.count("budget", Tuning.budget),
        select=select,
    )


def _decay(table: Table) -> Decay:
    """The decay; fields that its kind does not read are at their defaults, whatever they say.

    So a trial has one identity, and a plan may keep them while its kind changes.
    """
    factor = table.number("factor", table.values.get("factor", Decay.factor))
    if not 0 < factor < 1:
        raise table.error("factor", f"is {factor:g}; it must lie between 0 and 1.")
    patience = table.count("patience", Decay.patience)
    kind = table.text("kind", Decay.kind).strip()
    if kind == "on plateau":
        return Decay("on plateau", factor, patience)
    if kind == "cosine":
        return Decay("cosine")
    if kind == "none":
        return Decay("none")
    if re.fullmatch(r"every N epochs?", kind):
        raise table.error("kind", f'is {kind!r}; put a number for N, such as "every 10 epochs".')
    every = re.fullmatch(r"every ([0-9]{1,9}) epochs?", kind)
    if every is None or int(every[1]) == 0:
        hint = nearest(kind, _KINDS) or f"; there are {', '.join(_KINDS)}."
        raise table.error("kind", f"is {brief(kind)}{hint}")
    return Decay("every", factor, epochs=int(every[1]))
