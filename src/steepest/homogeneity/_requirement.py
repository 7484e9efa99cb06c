"""What must hold for a reading to be a proof, and how it is said where it does not."""

from __future__ import annotations

from typing import Any, NamedTuple

from steepest.homogeneity._form import Coefficient, Form
from steepest.pieces import user_line


class _End:
    """Stands for an equation where results are compared."""

    class primitive:  # noqa: N801 (named as the attribute of a JAX equation)
        name = "return"


END = _End()


def in_words(degree: Coefficient) -> str:
    return f"degree {degree}"


class Requirement(NamedTuple):
    """`left` and `right` must be one degree.

    Attributes:
        verb: what is done with them, with a place for the two degrees.
        eqn: the equation whose line is named.
        never: cannot be fulfilled at all.
    """

    left: Form
    right: Form
    verb: str
    eqn: Any
    never: bool = False

    def words(self, degree: Any) -> str:
        """The reason in words; `degree` gives the number that a form is."""
        text = self.verb.format(*(in_words(degree(form)) for form in (self.left, self.right)))
        return text if self.eqn is END else f"{text} at {user_line(self.eqn)}"
