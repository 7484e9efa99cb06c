"""Labels with LaTeX between dollar signs, as far as Matplotlib's own mathematics goes."""

from __future__ import annotations

import re

from matplotlib.mathtext import MathTextParser

# Spellings of amsmath that mathtext lacks, and what says the same there.
_SPELLINGS = {
    r"\lVert": r"\|",
    r"\rVert": r"\|",
    r"\lvert": r"|",
    r"\rvert": r"|",
    r"\tfrac": r"\frac",
    r"\bigl": "",
    r"\bigr": "",
    r"\Bigl": "",
    r"\Bigr": "",
    r"\le": r"\leq",
    r"\ge": r"\geq",
}
_SPELLED = re.compile(f"(?:{'|'.join(map(re.escape, _SPELLINGS))})(?![A-Za-z])")


def label(text: str) -> str:
    r"""Make `text` safe to draw: what mathtext cannot read is shown as its source.

    A label that cannot be typeset must not cost the reader the whole figure.

    Example:
        >>> label(r"$\lVert x \rVert$ against $t$")
        '$\\| x \\|$ against $t$'
        >>> label(r"$\unknowncommand$ and $t$")
        '\\$\\unknowncommand\\$ and \\$t\\$'
    """
    text = _SPELLED.sub(lambda found: _SPELLINGS[found.group()], text)
    if text.replace(r"\$", "").count("$") == 0:
        return text
    try:
        MathTextParser("path").parse(text)
    except ValueError:
        return re.sub(r"(?<!\\)\$", r"\\$", text)
    return text
