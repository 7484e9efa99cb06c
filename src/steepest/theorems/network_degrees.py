"""The data behind a drawing of a network with the degree of each of its weights."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WeightDegree:
    """A weight's name, perhaps with LaTeX between dollar signs, and its degree in words."""

    weight: str
    degree: str

    def __str__(self) -> str:
        return f"{self.weight}: {self.degree}"


@dataclass(frozen=True)
class NetworkDegrees:
    """A network as columns of nodes, with its weights between them.

    Attributes:
        widths: nodes of each column, the input first.
        columns: a name for each column.
        weights: for each gap between two columns, the weights in it.
        below: lines of text below: the degree in all weights, in the input.
        title: above the drawing.
    """

    widths: tuple[int, ...]
    columns: tuple[str, ...]
    weights: tuple[tuple[WeightDegree, ...], ...]
    below: tuple[str, ...]
    title: str = ""

    def __str__(self) -> str:
        weights = [str(weight) for gap in self.weights for weight in gap]
        nodes = ", ".join(map(str, self.widths))
        return f"a network with columns of {nodes} nodes; {'; '.join([*weights, *self.below])}"
