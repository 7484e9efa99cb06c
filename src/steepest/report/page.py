"""The one frame of every page: blocks in, a self-contained HTML document out."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import lru_cache
from typing import Any

from steepest._version import __version__
from steepest.errors import MissingExtraError
from steepest.report.blocks import Page


def render_page(page: Page) -> str:
    """The page as one HTML document: styles and figures inside, no script, no network.

    Raises:
        MissingExtraError: Jinja2 or latex2mathml is not installed.

    Example:
        >>> from steepest.report.blocks import Text
        >>> html = render_page(Page("Descent", "A page.", (Text("It goes down."),)))
        >>> html.startswith("<!doctype html>"), "<p>It goes down.</p>" in html
        (True, True)
    """
    return _environment().get_template("page.html.j2").render(page=page, version=__version__)


@lru_cache(maxsize=1)
def _environment() -> Any:
    # Here and not above: importing `steepest.report` must not need what only pages need.
    from steepest.report.mathml import typeset

    try:
        import jinja2
    except ImportError as error:
        raise MissingExtraError(
            f"pages need Jinja2, which cannot be imported here ({error}).\n"
            "Install it with:  pip install 'steepest[lecture]'"
        ) from error

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("steepest.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["typeset"] = typeset
    environment.filters["paragraphs"] = lambda text: re.split(r"\n\s*\n", text.strip())
    environment.filters["natural_width"] = _natural_width
    environment.filters["base64"] = lambda content: b64encode(content).decode("ascii")
    return environment


def _natural_width(svg: bytes) -> int:
    """The width at which an SVG's letters have their own size, one point drawn as one pixel."""
    width = re.search(rb"<svg[^>]*?\bwidth=\"([\d.]+)", svg)
    return round(float(width[1])) if width else 480
