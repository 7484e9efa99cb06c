"""A page as plain text for a terminal: the same blocks as in HTML."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from steepest.report.blocks import (
    Badge,
    Block,
    Cell,
    Facts,
    Figure,
    Listing,
    Notes,
    Page,
    Section,
    Table,
    Text,
)


def render_text(page: Page, width: int = 100) -> str:
    """The page in lines of at most `width` characters (a table's row may be longer).

    Example:
        >>> from steepest.report.blocks import Text
        >>> print(render_text(Page("Descent", "A page.", (Text("It goes down."),))))
        Descent
        =======
        A page.
        <BLANKLINE>
        It goes down.
    """
    lines = [page.title, "=" * len(page.title), *_wrapped(page.lede, width)]
    for block in page.blocks:
        lines += ["", *_block(block, width)]
    for line in page.footer:
        lines += ["", *_wrapped(line, width)]
    return "\n".join(lines)


def _block(block: Block, width: int) -> list[str]:
    if isinstance(block, Text):
        return _wrapped(block.text, width)
    if isinstance(block, Facts):
        lines = []
        for name, cell in block.items:
            lines += _wrapped(f"{name}: {_cell(cell)}", width, "  ")
        return lines
    if isinstance(block, Notes):
        lines = [f"{block.title}:"]
        for item in block.items:
            lines += _wrapped(f"- {item}", width, "  ")
        return lines
    if isinstance(block, Table):
        return _table(block, width)
    if isinstance(block, Listing):
        return [f"{block.title}:", *block.text.splitlines()]
    if isinstance(block, Figure):
        return _wrapped(f"[{block.alt}]", width)
    assert isinstance(block, Section)
    lines = [block.title, "-" * len(block.title)]
    for inner in block.blocks:
        lines += [*_block(inner, width), ""]
    return lines[:-1] if block.blocks else lines


def _cell(cell: Cell) -> str:
    return cell.text if isinstance(cell, Badge) else cell if isinstance(cell, str) else cell.text


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [""]


def _table(table: Table, width: int) -> list[str]:
    rows = [[_cell(cell) for cell in row] for row in table.rows]
    names = [column.name for column in table.columns]
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    # The last column takes what is left, and is wrapped there.
    before = sum(widths[:-1]) + 2 * (len(widths) - 1)
    room = max(20, width - before) if not table.columns[-1].number else widths[-1]

    def line(cells: Sequence[str]) -> list[str]:
        *first, last = cells
        aligned = [
            cell.rjust(w) if column.number else cell.ljust(w)
            for cell, w, column in zip(first, widths, table.columns, strict=False)
        ]
        if table.columns[-1].number:
            return ["  ".join([*aligned, last.rjust(widths[-1])]).rstrip()]
        parts = _wrapped(last, room)
        rest = [" " * before + part for part in parts[1:]]
        return ["  ".join([*aligned, parts[0]]).rstrip(), *rest]

    rules = ["-" * w for w in [*widths[:-1], min(widths[-1], room)]]
    lines = [f"{table.caption}:", *line(names), *line(rules)]
    for row in rows:
        lines += line(row)
    return lines
