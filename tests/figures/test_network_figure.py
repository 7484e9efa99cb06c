import numpy as np
import pytest

import steepest as st
from steepest.figures import describe
from steepest.theorems.network_degrees import NetworkDegrees, WeightDegree

NETWORK = NetworkDegrees(
    widths=(2, 3, 1),
    columns=("$x$", r"$\sigma$", "$f$"),
    weights=(
        (WeightDegree("$W_1$ alone", "no degree"), WeightDegree("$b_1$ alone", "no degree")),
        (WeightDegree("$W_2$", "degree 1"),),
    ),
    below=("all together: degree 2",),
    title="with a bias",
)


def test_nodes_arrows_and_every_label_are_drawn():
    ax = st.plot(NETWORK)
    assert [len(nodes.get_offsets()) for nodes in ax.collections] == [2, 3, 1]
    assert len(ax.get_lines()) == 2 * 3 + 3 * 1
    shown = {text.get_text() for text in ax.texts}
    assert shown >= {"$W_1$ alone: no degree", "$W_2$: degree 1", "all together: degree 2", "$x$"}
    assert ax.get_title(loc="left") == "with a bias"


@pytest.mark.parametrize("panels", [1, 2])
def test_no_label_covers_another_or_leaves_the_axes(panels):
    from planted import certificate

    axes = np.ravel(st.plot(certificate(figure=(NETWORK,) * panels)))
    figure = axes[0].figure
    figure.draw_without_rendering()
    for ax in axes:
        boxes = [text.get_window_extent() for text in ax.texts]
        for i, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[:i])
            assert figure.bbox.fully_overlaps(box)


def test_the_alternative_text_says_every_degree():
    text = describe(NETWORK)
    assert text.startswith("with a bias: a network with columns of 2, 3, 1 nodes; W_1 alone: no")
    assert text.endswith("W_2: degree 1; all together: degree 2.")
