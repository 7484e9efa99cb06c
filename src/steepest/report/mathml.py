"""LaTeX between dollar signs, typeset as MathML, which browsers show without a script."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal
from xml.etree import ElementTree

from steepest.errors import MissingExtraError

try:
    from latex2mathml.converter import convert
    from markupsafe import Markup, escape
except ImportError as error:
    raise MissingExtraError(
        f"pages need Jinja2 and latex2mathml, which cannot be imported here ({error}).\n"
        "Install them with:  pip install 'steepest[lecture]'"
    ) from error

# $$…$$ stands on a line of its own, $…$ in the text; \$ is a dollar sign.
_MATHS = re.compile(
    r"(?<!\\)\$\$(?P<block>.+?)\$\$|(?<!\\)\$(?P<inline>[^$]+?)(?<!\\)\$", re.DOTALL
)
_NAMESPACE = "{http://www.w3.org/1998/Math/MathML}"


def typeset(text: str) -> Markup:
    r"""Escape `text` for HTML, with its LaTeX typeset.

    What the converter cannot read is shown as its source: one odd formula must not cost the page.

    Example:
        >>> str(typeset("a < b"))
        'a &lt; b'
        >>> str(typeset(r"$\unknown$ costs 5 \$"))
        '<code class="tex">\\unknown</code> costs 5 $'
    """
    parts, end = [], 0
    for found in _MATHS.finditer(text):
        parts.append(_plain(text[end : found.start()]))
        block = found["block"]
        parts.append(_mathml(block, "block") if block else _mathml(found["inline"], "inline"))
        end = found.end()
    parts.append(_plain(text[end:]))
    return Markup("").join(parts)


def _plain(text: str) -> Markup:
    return escape(text.replace(r"\$", "$"))


@lru_cache(maxsize=4096)
def _mathml(latex: str, display: Literal["inline", "block"]) -> Markup:
    """The formula, or its source where it cannot be typeset faithfully."""
    try:
        maths = convert(latex, display=display)
        root = ElementTree.fromstring(maths)
    except Exception:  # the converter raises errors of a dozen kinds, IndexError among them
        return _source(latex)
    if not all(_is_harmless(element) for element in root.iter()):
        return _source(latex)
    return Markup(maths.replace("<math ", f'<math alttext="{escape(latex)}" ', 1))


def _is_harmless(element: ElementTree.Element) -> bool:
    """MathML only, without links, and without a command that was passed through unread."""
    return (
        element.tag.startswith(_NAMESPACE)
        and not any(name == "href" or name.startswith("on") for name in element.attrib)
        and "\\" not in (element.text or "")
    )


def _source(latex: str) -> Markup:
    return Markup('<code class="tex">{}</code>').format(latex)
