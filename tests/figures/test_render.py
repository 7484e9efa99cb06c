"""Figures as files: valid in three formats, and the same bytes from the same data."""

from io import BytesIO
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from planted import certificate, panel
from steepest.figures import FORMATS, plot, render_figure
from steepest.theorems.curves import Curve, Curves


def rendered():
    axes = plot(certificate(figure=(panel("one"), panel("two"))))
    return render_figure(axes[0].figure)


def test_the_same_data_give_the_same_bytes_in_valid_files():
    first = rendered()
    assert tuple(first) == FORMATS
    assert first == rendered()
    assert ElementTree.fromstring(first["svg"]).tag == "{http://www.w3.org/2000/svg}svg"
    assert first["pdf"].startswith(b"%PDF-")
    assert first["pdf"].rstrip().endswith(b"%%EOF")
    assert b"CreationDate" not in first["pdf"]
    with Image.open(BytesIO(first["png"])) as image:
        image.load()
        assert image.width > image.height > 300


def test_the_figure_keeps_its_layout_engine():
    ax = plot(panel())
    engine = ax.figure.get_layout_engine()
    render_figure(ax.figure)
    assert ax.figure.get_layout_engine() is engine


def test_many_markers_do_not_make_a_heavy_file():
    x = np.linspace(0.0, 1.0, 20_000)
    ax = plot(Curves((Curve(x, np.sin(40 * x), "points", "points"),), "t", "f"))
    assert len(render_figure(ax.figure)["svg"]) < 500_000
