"""What a store is the store of: the plan as it was run, its surroundings, and the trials wanted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from steepest.study.configuration import Surroundings
from steepest.study.plan import Decay, MethodPlan, Plan, Steps, Tuning

FORMAT = 1
"""Of the record and of the store's folders."""


class NotARecordError(ValueError):
    """A text that is no record of a store."""


class NewerFormatError(ValueError):
    """A record that a later release wrote."""


@dataclass(frozen=True)
class Record:
    """What the last run on a store was to do.

    Attributes:
        plan: as it was run.
        surroundings: what the plan does not say.
        wanted: label → hashes of the trials asked for so far, in the order of asking.
        planned: label → how many trials the method takes, as far as that is known.
        complete: whether all trials were there at the end.
    """

    plan: Plan
    surroundings: Surroundings
    wanted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    planned: Mapping[str, int] = field(default_factory=dict)
    complete: bool = False


def to_text(record: Record) -> str:
    """The record as JSON."""
    facts = {"format": FORMAT, **asdict(record)}
    facts["plan"]["file"] = str(record.plan.file)
    return json.dumps(facts, ensure_ascii=False, allow_nan=False)


def from_text(text: str) -> Record:
    """The record that a text holds.

    Raises:
        NewerFormatError: a later release wrote it.
        NotARecordError: it is no record.

    Example:
        >>> method = MethodPlan("adam", "Adam", Steps((0.5, 1.0)), tune={"eps": (1e-8, 1e-3)})
        >>> record = Record(Plan("a.py:run", (method,)), Surroundings("0" * 64, None))
        >>> from_text(to_text(record)) == record
        True
    """
    try:
        facts = json.loads(text)
        if facts.pop("format") > FORMAT:
            raise NewerFormatError
        return Record(
            plan=_plan(facts["plan"]),
            surroundings=_surroundings(facts["surroundings"]),
            wanted={label: tuple(hashes) for label, hashes in facts["wanted"].items()},
            planned=dict(facts["planned"]),
            complete=facts["complete"],
        )
    except NewerFormatError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotARecordError(str(error)) from error


def _plan(facts: dict[str, Any]) -> Plan:
    methods = tuple(
        MethodPlan(
            **method
            | {
                "steps": Steps(**method["steps"] | {"values": tuple(method["steps"]["values"])}),
                "tune": {name: tuple(values) for name, values in method["tune"].items()},
            }
        )
        for method in facts["methods"]
    )
    parts: dict[str, Any] = {
        "tuning": Tuning(**facts["tuning"]),
        "decay": Decay(**facts["decay"]),
        "file": Path(facts["file"]),
    }
    return Plan(**facts | {"methods": methods, **parts})


def _surroundings(facts: dict[str, Any]) -> Surroundings:
    pairs = lambda rows: tuple((name, value) for name, value in rows)
    parts: dict[str, Any] = {n: pairs(facts[n]) for n in ("method_sources", "versions")}
    return Surroundings(**facts | parts)
