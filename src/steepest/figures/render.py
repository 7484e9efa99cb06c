"""A figure's bytes in the three formats that are kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG

from steepest.figures.backend import Figure
from steepest.figures.style import styled

FORMATS = ("svg", "pdf", "png")
"""The suffixes that `render_figure` makes, without their dots."""

_PNG_DPI = 160


def render_figure(figure: Figure) -> dict[str, bytes]:
    """The figure as SVG, PDF and PNG: suffix → bytes, the same bytes for the same figure.

    Without dates, and with names of ours for the shared parts of an SVG: a figure in version
    control changes only when it changes.

    Example:
        >>> from steepest.theorems.curves import Curves
        >>> from steepest.figures import plot
        >>> ax = plot(Curves((), xlabel="step", ylabel="$f$"))
        >>> sorted(render_figure(ax.figure))
        ['pdf', 'png', 'svg']
    """
    svg, pdf, png = BytesIO(), BytesIO(), BytesIO()
    with styled(svg__hashsalt="steepest", pdf__fonttype=42), _settled(figure):
        # Not `savefig`, which draws each file twice, the first time to find a layout.
        FigureCanvasSVG(figure).print_svg(svg, metadata={"Date": None, "Creator": "steepest"})
        FigureCanvasPdf(figure).print_pdf(
            pdf, metadata={"CreationDate": None, "Creator": "steepest"}
        )
        figure.set_dpi(_PNG_DPI)
        FigureCanvasAgg(figure).print_png(png, metadata={"Software": "steepest"})
    return {"svg": svg.getvalue(), "pdf": pdf.getvalue(), "png": png.getvalue()}


@contextmanager
def _settled(figure: Figure) -> Iterator[None]:
    """Compute the layout once and hold it; give the figure back as it was."""
    canvas, engine, dpi = figure.canvas, figure.get_layout_engine(), figure.get_dpi()
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    try:
        yield
    finally:
        figure.set_layout_engine(engine)
        figure.set_canvas(canvas)
        figure.set_dpi(dpi)
