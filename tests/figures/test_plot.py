"""`plot` draws curves and certificates, on the caller's axes or its own."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

import steepest as st
from planted import certificate, panel
from steepest.errors import ArgumentError
from steepest.figures import backend, canvas, describe, plot
from steepest.theorems.curves import Curve, Curves


def test_one_panel_is_drawn_as_its_roles_say():
    ax = plot(panel("a title", xscale="log", yscale="log"))
    data, bound, reference, points = ax.get_lines()
    assert (data.get_linestyle(), reference.get_linestyle()) == ("-", "-")
    assert bound.is_dashed()
    assert points.get_marker() == "o"
    assert points.get_linestyle() == "None"
    assert data.get_color() != points.get_color()
    assert (ax.get_title(loc="left"), ax.get_xlabel()) == ("a title", "iteration")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    np.testing.assert_array_equal(data.get_ydata(), np.arange(1.0, 9.0))


def test_the_legend_covers_no_data():
    ax = plot(panel())
    ax.figure.draw_without_rendering()
    legend, box = ax.get_legend().get_window_extent(), ax.get_window_extent()
    assert legend.y1 < box.y0
    assert legend.y0 > 0
    assert not ax.get_legend().get_frame_on()


def test_the_callers_axes_are_drawn_on_and_returned():
    figure = Figure()
    ax = figure.add_subplot()
    assert plot(panel(), ax) is ax
    assert plot(panel(), ax=[ax]) is ax
    assert len(figure.axes) == 1


@pytest.mark.parametrize(("panels", "shape"), [(1, ()), (2, (2,)), (3, (3,)), (4, (4,))])
def test_a_certificates_panels_make_a_grid(panels, shape):
    axes = plot(certificate(figure=tuple(panel(str(k)) for k in range(panels))))
    assert np.shape(axes) == shape
    titles = [ax.get_title(loc="left") for ax in np.ravel(axes)]
    assert titles == [str(k) for k in range(panels)]
    assert len(np.ravel(axes)[0].figure.axes) == panels


def test_a_certificates_panels_go_on_an_array_of_axes():
    figure = Figure()
    axes = figure.subplots(2, 2)
    drawn = plot(certificate(figure=tuple(panel(str(k)) for k in range(4))), axes)
    assert list(drawn) == list(axes.ravel())


def test_a_certificate_without_panels_shows_its_two_sides():
    ax = plot(certificate())
    assert [len(line.get_xdata()) for line in ax.get_lines()] == [3, 3, 1]
    assert ax.get_yscale() == "log"
    assert plot(certificate((1.0, 2.0), (3.0, 3.0))).get_yscale() == "linear"
    assert plot(certificate((-1.0, 2e3), (3.0, 3e3))).get_yscale() == "linear"
    assert plot(certificate((0.0, 2e-3, 1.0), (3.0, 3.0, 3.0))).get_yscale() == "log"


def test_nothing_compared_is_said():
    ax = plot(certificate((), ()))
    assert ax.get_title(loc="left") == "nothing was compared"
    ax.figure.draw_without_rendering()


def test_what_is_not_finite_or_has_no_logarithm_is_drawn_all_the_same():
    x = np.arange(4.0)
    y = np.array([np.nan, np.inf, -1.0, 0.0])
    ax = plot(Curves((Curve(x, y, "a"), Curve(x[:1], y[2:3], "b")), "t", "f", yscale="log"))
    ax.figure.draw_without_rendering()
    assert ax.get_yscale() == "linear"


@pytest.mark.parametrize(
    ("values", "scale", "labels"),
    [
        ((0.9998, 1.0, 1.0002), "linear", None),
        ((1.7, 2.5, 4.0), "log", {"2", "3", "4"}),
        ((1e-8, 1.0), "log", None),
    ],
)
def test_a_logarithmic_axis_has_ticks_that_name_values(values, scale, labels):
    x = np.arange(float(len(values)))
    ax = plot(Curves((Curve(x, np.array(values), "f"),), "step", "f", yscale="log"))
    ax.figure.draw_without_rendering()
    assert ax.get_yscale() == scale
    shown = {tick.get_text() for tick in ax.get_yticklabels(which="both")}
    assert labels is None or labels <= shown


def test_whole_numbers_have_whole_ticks():
    x = np.array([1.0, 2.0, 3.0])
    ax = plot(Curves((Curve(x, x / 7, "f", "points"),), "layer", "f"))
    assert all(tick == round(tick) for tick in ax.get_xticks())


def test_wrong_axes_are_named():
    four = certificate(figure=tuple(panel() for _ in range(4)))
    with pytest.raises(ArgumentError, match="holds 1 axes and the figure has 4 panels"):
        plot(four, Figure().add_subplot())
    with pytest.raises(ArgumentError, match="not str"):
        plot(panel(), "axes")


def test_an_unknown_object_is_told_what_can_be_drawn():
    with pytest.raises(ArgumentError, match=r"draw a dict; it draws: .*Certificate, .*Curves"):
        plot({})


def test_no_figure_is_left_to_pyplot_and_no_setting_is_changed():
    import matplotlib
    import matplotlib.pyplot as plt

    before = dict(matplotlib.rcParams)
    plot(panel())
    assert plt.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


def test_a_notebook_is_given_a_figure_that_it_shows(monkeypatch):
    import matplotlib.pyplot as plt

    monkeypatch.setattr(canvas, "in_notebook", lambda: True)
    ax = plot(panel())
    assert plt.get_fignums() == [ax.figure.number]
    plt.close(ax.figure)
    assert not backend.in_notebook()


def test_the_alternative_text_names_axes_and_curves():
    assert describe(certificate()).startswith("left and right side, logarithmic against step;")
    text = describe(certificate(figure=(panel("balanced"), panel("unbalanced"))))
    assert text.startswith("Panel 1: balanced: ")
    assert "Panel 2: unbalanced: " in text
    assert "$" not in text


def test_without_matplotlib_the_error_says_what_to_install():
    program = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from steepest.errors import MissingExtraError\n"
        "try: import steepest.figures\n"
        "except MissingExtraError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "pip install 'steepest[lecture]'" in done.stdout, done.stderr


def test_a_trajectory_is_drawn_as_f_against_time():
    run = st.descend(lambda x: x**2, 1.0, st.methods.gradient_descent(0.1), 20)
    ax = st.plot(run)
    (line,) = ax.get_lines()
    assert line.get_xdata()[-1] == 20
    assert ax.get_yscale() == "log"
