"""LaTeX becomes MathML, everything else is escaped, and nothing kills the page."""

from xml.etree import ElementTree

import pytest

from steepest.report.mathml import typeset


def test_formulas_become_mathml_and_the_rest_is_escaped():
    html = str(typeset(r"a < b & <script> $\|x\|^2 \le \frac{1}{2}$ \$5"))
    assert html.startswith("a &lt; b &amp; &lt;script&gt; <math ")
    assert html.endswith("</math> $5")
    ElementTree.fromstring(f"<p>{html}</p>")
    assert "<mfrac>" in html


def test_display_formulas_stand_alone():
    assert 'display="block"' in typeset("so $$x = 1$$ it is")
    assert 'display="inline"' in typeset("so $x = 1$ it is")


@pytest.mark.parametrize(
    "latex",
    [
        r"\frac{a",
        r"\left( a",
        "a_",
        r"\nosuchcommand x",
        r"\href{javascript:alert(1)}{x}",
        r"\begin{nothing} x",
        "}",
        " ",
    ],
)
def test_what_cannot_be_typeset_is_shown_and_harmless(latex):
    html = str(typeset(f"see ${latex}$ here"))
    ElementTree.fromstring(f"<p>{html}</p>")
    assert "href=" not in html
    assert html.startswith("see ")
    assert html.endswith(" here")


def test_a_lone_dollar_is_a_dollar():
    assert str(typeset("costs 5$ <now>")) == "costs 5$ &lt;now&gt;"


def test_markup_inside_a_formula_stays_text():
    html = str(typeset(r"$\text{<b onclick='x'>}$"))
    root = ElementTree.fromstring(f"<p>{html}</p>")
    assert all(element.tag.rpartition("}")[2] != "b" for element in root.iter())
