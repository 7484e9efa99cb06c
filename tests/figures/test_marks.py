"""Bands, marks with notes, and infinite values on a panel of curves."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, strategies as st

from steepest.figures import describe, plot
from steepest.figures.marks import spread
from steepest.theorems.curves import Curve, Curves, Mark

X = np.arange(1.0, 6.0)


def test_a_band_has_its_curves_colour_and_its_sides():
    curve = Curve(X, X, "a", band=(X - 0.5, X + 1))
    ax = plot(Curves((Curve(X, 2 * X, "b"), curve), "t", "f"))
    (band,) = ax.collections
    assert tuple(band.get_facecolor()[0][:3]) == pytest.approx((0xD5 / 255, 0x5E / 255, 0.0))
    corners = band.get_paths()[0].vertices
    assert {(1.0, 0.5), (5.0, 6.0)} <= {tuple(corner) for corner in corners}


def test_a_mark_is_a_ring_and_its_note_stands_beside_the_axes():
    curves = [Curve(X, X + k / 50, f"m{k}", mark=Mark(3.0, 3 + k / 50, f"{k} %")) for k in range(5)]
    ax = plot(Curves(tuple(curves), "t", "f"))
    ax.figure.draw_without_rendering()
    texts = sorted(ax.texts, key=lambda text: text.get_position()[1])
    assert [text.get_text() for text in texts] == [f"{k} %" for k in range(5)]
    boxes = [text.get_window_extent() for text in texts]
    assert all(low.y1 <= high.y0 for low, high in pairwise(boxes))
    assert all(box.x0 > ax.get_window_extent().x1 for box in boxes)
    assert all(box.x1 <= ax.figure.bbox.x1 for box in boxes)
    lines = {line.get_label(): line.get_color() for line in ax.get_lines()}
    assert [text.get_color() for text in texts] == [lines[f"m{k}"] for k in range(5)]
    rings = [line for line in ax.get_lines() if line.get_marker() == "o"]
    assert [tuple(ring.get_xydata()[0]) for ring in rings] == [(3, 3 + k / 50) for k in range(5)]
    assert len(ax.get_legend().get_texts()) == 5
    assert "m2 (marked: 2 %)" in describe(Curves(tuple(curves), "t", "f"))


def test_a_mark_without_a_note_is_a_ring_alone():
    ax = plot(Curves((Curve(X, X, "a", mark=Mark(2.0, 2.0)),), "t", "f"))
    assert not ax.texts
    assert len(ax.get_lines()) == 2


@pytest.mark.parametrize("yscale", ["linear", "log"])
def test_infinite_values_stand_above_all_finite_ones_a_row_a_curve(yscale):
    y = np.array([4.0, 0.5, 9.0, np.inf, np.inf])
    curves = (
        Curve(X, y, "a", infinite="diverged"),
        Curve(X, y[::-1], "b", infinite="diverged"),
        Curve(X, X, "c", infinite="diverged"),
        Curve(X, y, "not shown"),
    )
    ax = plot(Curves(curves, "t", "f", yscale=yscale))
    crosses = [line for line in ax.get_lines() if line.get_marker() == "x"]
    assert [list(line.get_xdata()) for line in crosses] == [[4.0, 5.0], [1.0, 2.0]]
    to_axes = ax.transAxes.inverted()
    finite = to_axes.transform(ax.transData.transform((1.0, 9.0)))[1]
    heights = [line.get_ydata()[0] for line in crosses]
    assert finite < heights[0] < heights[1] < 1
    colours = [line.get_color() for line in ax.get_lines()[:2]]
    assert [line.get_color() for line in crosses] == colours
    assert [text.get_text() for text in ax.texts] == ["diverged"]
    assert not plot(Curves((Curve(X, X, "c", infinite="diverged"),), "t", "f")).texts


def test_an_axis_of_powers_of_two_names_them():
    x = 2.0 ** np.arange(-12, 3)
    ax = plot(Curves((Curve(x, x, "a"),), "step", "f", xscale="log2"))
    ax.figure.draw_without_rendering()
    exponents = np.log2(ax.get_xticks())
    assert np.all(exponents == np.round(exponents))
    inside = [t for t in ax.get_xticks() if x[0] <= t <= x[-1]]
    assert 4 <= len(inside) <= 9
    ax = plot(Curves((Curve(x[:0], x[:0], "a"),), "step", "f", xscale="log2"))
    ax.figure.draw_without_rendering()


def test_values_that_fall_to_zero_are_on_a_scale_that_has_it():
    y = np.array([50.0, 5.0, 0.5, 0.0, 0.0])
    ax = plot(Curves((Curve(X, y, "a"),), "epoch", "error", yscale="symlog"))
    ax.figure.draw_without_rendering()
    assert ax.get_yscale() == "symlog"
    to_axes = ax.transData + ax.transAxes.inverted()
    heights = [to_axes.transform((1.0, value))[1] for value in y]
    assert 0.0 < heights[3] < heights[2] < heights[1] < heights[0] < 1.0
    shown = [tick.get_text() for tick in ax.get_yticklabels()]
    assert {"0", "1", "10"} <= set(shown)


def test_a_band_does_not_stretch_a_logarithmic_axis():
    y = np.array([50.0, 5.0, 2.0, 2.0, 2.0])
    low = y - np.array([1.0, 1.0, 1.99, 2.5, 1.0])
    ax = plot(Curves((Curve(X, y, "a", band=(low, y + 1)),), "epoch", "error", yscale="log"))
    assert 1.0 < ax.get_ylim()[0] < 2.0


def test_beyond_six_curves_colours_come_again_dashed():
    ax = plot(Curves(tuple(Curve(X, X * k, f"m{k}") for k in range(12)), "t", "f"))
    assert len({(line.get_color(), line.get_linestyle()) for line in ax.get_lines()}) == 12


@given(st.lists(st.floats(0, 1), max_size=12), st.floats(0.01, 0.08))
def test_notes_are_moved_apart_in_their_order_and_no_more_than_needed(heights, apart):
    heights = np.array(heights)
    places = spread(heights, apart)
    order = np.argsort(heights, kind="stable")
    assert np.all(np.diff(places[order]) >= apart - 1e-9)
    assert np.all((places >= -1e-9) & (places <= 1 + 1e-9))
    if np.all(np.diff(np.sort(heights)) >= apart):
        np.testing.assert_allclose(places, heights, atol=1e-9)
