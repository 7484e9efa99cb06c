"""Which claims a user means by an id or a prefix."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from steepest.errors import ArgumentError
from steepest.lecture.claim import Claim


def select(claims: Sequence[Claim], names: Sequence[str]) -> tuple[Claim, ...]:
    """The claims named, in the order of the slides; all of them where nothing is named.

    A name is an id ("D1", which is not "D10") or else the beginning of ids ("D"); upper and lower
    case are one.

    Raises:
        ArgumentError: a name is neither; the message offers the nearest ids.

    Example:
        >>> select((), [])
        ()
    """
    if not names:
        return tuple(claims)
    unknown = [name for name in names if not _named(claims, name)]
    if unknown:
        lines = [_unknown(claims, name) for name in dict.fromkeys(unknown)]
        raise ArgumentError("\n".join([*lines, "All of them: steepest lecture --list"]))
    wanted = {claim.id for name in names for claim in _named(claims, name)}
    return tuple(claim for claim in claims if claim.id in wanted)


def _named(claims: Sequence[Claim], name: str) -> list[Claim]:
    name = name.strip().upper()
    exact = [claim for claim in claims if claim.id.upper() == name]
    return exact or [claim for claim in claims if name and _begins(claim.id.upper(), name)]


def _begins(id: str, prefix: str) -> bool:
    """Whether `prefix` begins the id without cutting a number in two: "D1" is no part of "D10"."""
    rest = id[len(prefix) :]
    return id.startswith(prefix) and not (prefix[-1].isdigit() and rest[:1].isdigit())


def _unknown(claims: Sequence[Claim], name: str) -> str:
    ids = [claim.id for claim in claims]
    near = get_close_matches(name.upper(), [id.upper() for id in ids], n=4, cutoff=0.4)
    nearest = [id for id in ids if id.upper() in near]
    nearest = nearest or [id for id in ids if name[:1] and id.upper().startswith(name[:1].upper())]
    nearest = nearest or list(dict.fromkeys(id.rstrip("0123456789") for id in ids))
    return (
        f"no claim has the id {name!r}, or an id that begins with it. "
        f"The nearest: {', '.join(nearest[:8]) or 'none'}."
    )
