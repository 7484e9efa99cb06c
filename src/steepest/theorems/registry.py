"""The theorems by name and by the lecture's id."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from steepest.errors import ArgumentError
from steepest.inputs import flag
from steepest.theorems.certificate import (
    Certificate,
    Evidence,
    Hypothesis,
    Statement,
    nothing_compared,
)
from steepest.theorems.problem import Problem
from steepest.theorems.worst_case import with_worst_case

Theorem = TypeVar("Theorem", bound=Callable[..., Certificate])

_BY_NAME: dict[str, tuple[Statement, Callable[..., Certificate]]] = {}


def theorem(statement: Statement, *, differentiates: bool = True) -> Callable[[Theorem], Theorem]:
    """Enter a theorem under its statement's name and id.

    One that differentiates f is not refuted where the derivative at x0 is NaN by accident: see
    `Problem.missing_gradient`.
    """

    def enter(function: Theorem) -> Theorem:
        signature = inspect.signature(function)
        of_a_problem = next(iter(signature.parameters)) == "p"

        @wraps(function)
        def checked(*args: Any, **options: Any) -> Certificate:
            given = args[0] if args else options.get("p")
            if of_a_problem and not isinstance(given, Problem):
                raise ArgumentError(
                    f"{statement.name} is certified on {given!r:.60}; give it a steepest.Problem."
                )
            try:
                signature.bind(*args, **options)
            except TypeError as error:
                takes = ", ".join(signature.parameters)
                raise ArgumentError(f"{statement.name}: {error}; it takes {takes}.") from error
            certificate = function(*args, **options)
            if of_a_problem and differentiates and not certificate.holds:
                return _without_gradient(cast(Problem, given), certificate)
            return certificate

        _BY_NAME[statement.name] = (statement, checked)
        return cast(Theorem, checked)

    return enter


def _without_gradient(p: Problem, certificate: Certificate) -> Certificate:
    """What is left of a certificate where ∇f(x0) is NaN by accident: that nothing is known."""
    reasons = any(h.evidence is Evidence.UNKNOWN for h in certificate.hypotheses)
    if certificate.holds is None and reasons:
        return certificate
    missing = p.missing_gradient
    if missing is None:
        return certificate
    unknown = Hypothesis("f has a gradient at x0", Evidence.UNKNOWN, missing)
    return nothing_compared(certificate.statement, [unknown])


def names() -> list[str]:
    """The names of all theorems, in the order of their ids."""

    def order(name: str) -> tuple[str, int, str]:
        number, _, suffix = _BY_NAME[name][0].id[1:].partition("-")  # such as "D4-cycle"
        return _BY_NAME[name][0].id[0], int(number), suffix

    return sorted(_BY_NAME, key=order)


def certify(theorem: str, *args: Any, worst_case: bool = False, **options: Any) -> Certificate:
    """Certify a theorem, looked up by name or by the lecture's id, on a problem.

    Args:
        theorem: such as "descent_lemma" or "D1".
        args, options: handed to the theorem's function: the `Problem` first.
        worst_case: also compute what the worst function of the whole class does (D1 to D5 only),
            with PEPit: see `Certificate.worst_case`.

    Raises:
        ArgumentError: no such theorem; the message offers the nearest. Or no worst case is known,
            or worst_case is neither True nor False.
        MissingExtraError: PEPit is not installed.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> p = st.Problem(lambda x: jnp.sum(x**2), jnp.ones(3))
        >>> st.certify("D1", p, steps=5).holds
        True
    """
    flag(worst_case, "worst_case")
    by_id = {statement.id: function for statement, function in _BY_NAME.values()}
    if not isinstance(theorem, str):
        raise ArgumentError(
            f"theorem is {theorem!r:.40}; it must be a name or an id, such as 'D1'."
        )
    function = by_id.get(theorem) or _BY_NAME.get(theorem, (None, None))[1]
    if function is not None:
        certificate = function(*args, **options)
        return with_worst_case(certificate) if worst_case else certificate
    known = [*_BY_NAME, *by_id]
    near = difflib.get_close_matches(str(theorem), known, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}."
    raise ArgumentError(f"no theorem is called {theorem!r}; {hint}")
