import numpy as np

import steepest as st
from steepest.figures.alternative import describe
from steepest.theorems.curves import Curve
from steepest.theorems.landscape import Arrow, Landscape, values_on


def _landscape(paths):
    x, y = np.linspace(-1, 1, 30), np.linspace(-2, 2, 20)
    arrow = Arrow(np.zeros(2), np.array([0.5, 0.25]), "a step")
    return Landscape(
        x, y, values_on(lambda z: z[0] ** 2 + z[1] ** 2, x, y), paths, (arrow,), "bowl"
    )


def test_paths_and_arrows_are_named_and_told_apart():
    t = np.linspace(0, 1, 5)
    paths = tuple(Curve(t, t * k / 8, f"method {k}") for k in range(8))
    ax = st.plot(_landscape(paths))
    looks = {(line.get_color(), line.get_linestyle()) for line in ax.get_lines()}
    assert len(looks) == 8
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        *(path.label for path in paths),
        "a step",
    ]


def test_the_grid_has_a_row_for_each_y():
    ax = st.plot(_landscape(()))
    assert ax.get_xlim() == (-1, 1)
    assert ax.get_ylim() == (-2, 2)


def test_in_words():
    text = describe(_landscape((Curve(np.zeros(2), np.zeros(2), "a path"),)))
    assert text == "bowl: level curves over x_1 and x_2; on them: a path, a step."
