"""The figure of a study: what is in its panels, and that no label covers another."""

import math
from itertools import combinations

import numpy as np
import pytest

import steepest as st
from planted_study import HERE, bowl, method, plan, run
from steepest.figures import describe
from steepest.study.figure import panels, write_figures
from steepest.study.outcome import read_outcome

FIVE = (
    method("gradient_descent", (1.0, 2.0, 4.0, 8.0, 16.0)),
    method("heavy_ball", (0.5, 1.0, 2.0, 4.0, 8.0)),
    method("adagrad"),
    method("rmsprop", (0.125, 0.25, 0.5, 1.0, 2.0)),
    method("adam", (0.5, 1.0, 2.0)),
)


@pytest.fixture(scope="module")
def outcome():
    study = plan(*FIVE, seeds=3)
    return read_outcome(study, HERE, run(study, bowl))


def test_the_learning_curves_have_bands_and_their_best_marked(outcome):
    train, test, _, _ = panels(outcome)
    assert (train.ylabel, test.ylabel) == ("train error in %", "test error in %")
    for panel, metric in ((train, "train error"), (test, "test error")):
        assert [curve.label for curve in panel.curves] == [m.label for m in outcome.methods]
        for curve, m in zip(panel.curves, outcome.methods, strict=True):
            values = 100 * np.array([r.metrics[metric] for r in m.fresh])
            np.testing.assert_allclose(curve.y, values.mean(axis=0))
            low, high = curve.band
            np.testing.assert_allclose(high - low, 2 * values.std(axis=0, ddof=1))
            np.testing.assert_allclose((high + low) / 2, curve.y)
            assert curve.mark.y == curve.y.min()
            assert curve.y[int(curve.mark.x) - 1] == curve.mark.y
            assert curve.mark.note == f"{curve.mark.y:.2f} %"


def test_the_tuned_step_is_marked_inside_its_grid_and_what_diverged_is_there(outcome):
    panel = panels(outcome)[2]
    assert panel.xscale == "log2"
    for curve, m in zip(panel.curves, outcome.methods, strict=True):
        assert curve.mark.x == m.tuned.step
        assert curve.x[0] < curve.mark.x < curve.x[-1]
        assert curve.mark.y == np.nanmin(curve.y)
        assert curve.infinite == "diverged"
        assert curve.label == f"{m.label}, 2⁰"
    assert np.isposinf(panel.curves[0].y).tolist() == [False] * 4 + [True] * 2


def test_the_budget_panel_ends_at_the_chosen_configuration(outcome):
    for curve, m in zip(panels(outcome)[3].curves, outcome.methods, strict=True):
        assert len(curve.x) == m.tuned.spent
        assert curve.y[-1] == pytest.approx(100 * m.tuned.chosen.score)
    assert math.isinf(panels(outcome)[3].curves[0].y[0])


def test_it_is_drawn_without_a_label_over_another_or_outside(outcome):
    axes = st.plot(outcome)
    figure = axes[0].figure
    figure.draw_without_rendering()
    for ax in axes:
        texts = [*ax.texts, ax.xaxis.label, ax.title, *ax.get_legend().get_texts()]
        boxes = [text.get_window_extent() for text in texts if text.get_text()]
        assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
        assert all(figure.bbox.x0 <= b.x0 and b.x1 <= figure.bbox.x1 for b in boxes)
        assert all(figure.bbox.y0 <= b.y0 and b.y1 <= figure.bbox.y1 for b in boxes)
    colours = [[line.get_color() for line in ax.get_lines()[:5]] for ax in axes]
    words = describe(outcome)
    assert words.startswith("Panel 1: train error, ± 1 sd over 3 seeds: ")
    assert "heavy_ball (marked: " in words
    assert len({colours[0][0], colours[1][0]}) == 1


def test_a_method_has_one_colour_in_all_panels_whatever_misses():
    study = plan(*FIVE[:3], seeds=2)
    results = run(study, bowl)
    lacks = {
        key: r
        for key, r in results.items()
        if r.configuration.method != "heavy_ball" and r.configuration.seed != 10_001
    }
    axes = st.plot(read_outcome(study, HERE, lacks))
    for ax in axes:
        lines = [line for line in ax.get_lines() if not line.get_label().startswith("_")]
        assert [line.get_color() for line in lines] == ["#0072B2", "#D55E00", "#009E73"]
    labels = [text.get_text() for text in axes[0].get_legend().get_texts()]
    assert labels == [
        "gradient_descent (1 of 2 seeds)",
        "heavy_ball (not run)",
        "adagrad (1 of 2 seeds)",
    ]
    for results in ({}, lacks):
        st.plot(read_outcome(study, HERE, results))[0].figure.draw_without_rendering()


def test_the_files_are_written(outcome, tmp_path):
    paths = write_figures(outcome, tmp_path / "figures")
    assert sorted(path.name for path in paths) == ["study.pdf", "study.png", "study.svg"]
    assert all(path.stat().st_size > 10_000 for path in paths)
