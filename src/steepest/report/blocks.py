"""What a page is made of. Blocks hold content only; how it looks is the template's business.

Every `str` is plain text with LaTeX between dollar signs; it is escaped and typeset on rendering.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

Tone = Literal["good", "bad", "neutral"]


@dataclass(frozen=True)
class Badge:
    """A verdict in a word or two."""

    text: str
    tone: Tone = "neutral"
    kind: ClassVar[str] = "badge"


@dataclass(frozen=True)
class Link:
    """A link to an anchor of the page, such as "#C1", or to a file beside it."""

    text: str
    target: str
    kind: ClassVar[str] = "link"


@dataclass(frozen=True)
class Code:
    """Something to type or to find in a program, shown letter by letter."""

    text: str
    kind: ClassVar[str] = "code"


Cell = str | Badge | Link | Code


@dataclass(frozen=True)
class Text:
    """Prose; an empty line begins a new paragraph."""

    text: str
    kind: ClassVar[str] = "text"


@dataclass(frozen=True)
class Column:
    """A column's header; `number` aligns its cells for comparing."""

    name: str
    number: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under headers; the first cell of a row is that row's header."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Facts:
    """Named values, side by side."""

    items: tuple[tuple[str, Cell], ...]
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True)
class Notes:
    """A list under a small heading."""

    title: str
    items: tuple[str, ...]
    kind: ClassVar[str] = "notes"


@dataclass(frozen=True)
class Figure:
    """An SVG image, kept inside the page, with what it shows in words."""

    svg: bytes = field(repr=False)
    alt: str
    caption: str = ""
    kind: ClassVar[str] = "figure"


@dataclass(frozen=True)
class Listing:
    """Text of a machine (a traceback, a command), shown as it is."""

    title: str
    text: str
    kind: ClassVar[str] = "listing"


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading of its own; sections nest."""

    title: str
    blocks: tuple[Block, ...]
    anchor: str = ""
    label: str = ""
    badge: Badge | None = None
    card: bool = False
    kind: ClassVar[str] = "section"


Block = Text | Table | Facts | Notes | Figure | Listing | Section


@dataclass(frozen=True)
class Page:
    """A whole page.

    Attributes:
        title: the heading, and the title of the browser's window.
        lede: one or two sentences below it.
        blocks: the content.
        footer: how the page was made.
        badge: the page's verdict, beside the lede.
    """

    title: str
    lede: str
    blocks: tuple[Block, ...]
    footer: tuple[str, ...] = ()
    badge: Badge | None = None
