"""LaTeX in labels is typeset where Matplotlib can, and shown as it is where not."""

import pytest
from matplotlib.mathtext import MathTextParser

from planted import panel
from steepest.figures import plot
from steepest.figures.labels import label


@pytest.mark.parametrize(
    "text",
    [
        r"$\lVert x \rVert \le \tfrac{1}{2}\bigl(\lvert y\rvert\bigr)$",
        r"$\|W_1\|^2 - \|W_2\|^2$ of $\operatorname{conv}\{s\}$, $\text{if } x \ge 0$",
        r"$\left(\nabla f\right)^\top x$",
    ],
)
def test_common_latex_is_typeset(text):
    MathTextParser("path").parse(label(text))


def test_commands_that_begin_like_a_known_one_are_left_alone():
    assert label(r"$\left(x\right) \leq \lesssim$") == r"$\left(x\right) \leq \lesssim$"


def test_a_label_that_cannot_be_typeset_does_not_cost_the_figure():
    ax = plot(panel(r"$\nosuchcommand{x}$"))
    ax.figure.draw_without_rendering()
    assert "nosuchcommand" in ax.get_title(loc="left")


def test_plain_text_stays():
    assert label("‖W₁‖² costs 5") == "‖W₁‖² costs 5"
