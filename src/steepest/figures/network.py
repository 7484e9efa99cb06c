"""A network as columns of nodes, the degree of each weight above the arrows that it stands for."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import numpy as np

from steepest.figures.backend import Axes
from steepest.figures.labels import label
from steepest.figures.style import GREY, INK, PALETTE
from steepest.theorems.network_degrees import NetworkDegrees

# In distances between two nodes of a column.
_GAP = 3.3
_LINE = 0.65
_CLEAR = 0.75


def draw_network(network: NetworkDegrees, ax: Axes) -> None:
    """Draw nodes, arrows and labels on axes without a frame, in equal units."""
    columns = [
        np.column_stack([np.full(nodes, k * _GAP), np.arange(nodes) - (nodes - 1) / 2])
        for k, nodes in enumerate(network.widths)
    ]
    for left, right in pairwise(columns):
        for ends in product(left, right):
            ax.plot(*np.transpose(ends), color=GREY, linewidth=0.8, zorder=1)
    for column in columns:
        ax.scatter(*column.T, s=110, color=PALETTE[0], edgecolor="white", zorder=2)

    top, right = (max(network.widths) - 1) / 2, (len(columns) - 1) * _GAP
    place: Any = {"ha": "center", "va": "center"}
    for k, weights in enumerate(network.weights):
        for line, weight in enumerate(reversed(weights)):
            height = top + _CLEAR + _LINE * line
            ax.text((k + 0.5) * _GAP, height, label(str(weight)), color=INK, **place)
    for k, name in enumerate(network.columns):
        ax.text(k * _GAP, -top - _CLEAR, label(name), color=GREY, **place)
    lowest = -top - 2 * _CLEAR
    for line, text in enumerate(network.below):
        ax.text(right / 2, lowest - _LINE * line, label(text), color=INK, **place)
    if network.title:
        ax.set_title(label(network.title))
    lines = max(map(len, network.weights))
    bottom = lowest - _LINE * len(network.below)
    ax.update_datalim([(-1, bottom), (right + 1, top + _CLEAR + _LINE * lines)])
    ax.margins(0)
    ax.autoscale_view()
    ax.set_aspect("equal", adjustable="datalim")
    ax.axis("off")
