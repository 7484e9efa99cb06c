"""The frame of every page: self-contained, semantic, escaped."""

import subprocess
import sys
from html.parser import HTMLParser

from steepest.report import (
    Badge,
    Code,
    Column,
    Facts,
    Figure,
    Link,
    Listing,
    Notes,
    Page,
    Section,
    Table,
    Text,
    render_page,
)

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="100pt" height="50pt"/>'
PAGE = Page(
    title="A <page> of $x$",
    lede="With $x^2$.",
    badge=Badge("all hold", "good"),
    blocks=(
        Text("One.\n\nTwo & three."),
        Table(
            "Numbers",
            (Column("id"), Column("value", number=True), Column("verdict")),
            ((Link("C1", "#C1"), "1.5", Badge("fails", "bad")),),
        ),
        Section(
            "Outer",
            (
                Section(
                    "Inner",
                    (
                        Figure(SVG, alt='A "curve" & more', caption="Drawn."),
                        Facts((("command", Code("steepest <lecture>")),)),
                        Notes("Notes", ("a note",)),
                        Listing("It raised:", "ValueError: <b>"),
                    ),
                    anchor="C1",
                    label="C1",
                    badge=Badge("holds", "good"),
                    card=True,
                ),
            ),
        ),
    ),
    footer=("Made with care.",),
)


class Reader(HTMLParser):
    """Collects tags, attributes and text, and checks that elements close in order."""

    void = frozenset({"meta", "link", "img", "br"})

    def __init__(self, html: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_page_is_well_formed_and_speaks_to_a_screen_reader():
    page = Reader(render_page(PAGE))
    assert page.open == []
    assert page.attributes("html") == [{"lang": "en"}]
    assert page.attributes("img")[0]["alt"] == 'A "curve" & more'
    assert [a["scope"] for a in page.attributes("th")] == ["col", "col", "col", "row"]
    headings = [tag for tag, _ in page.tags if tag in {"h1", "h2", "h3", "h4"}]
    assert headings == ["h1", "h2", "h3"]
    for landmark in ("main", "header", "footer", "caption", "figcaption"):
        assert page.attributes(landmark)


def test_the_page_loads_nothing_and_runs_nothing():
    page = Reader(render_page(PAGE))
    assert not page.attributes("script")
    for tag, attributes in page.tags:
        for name in ("src", "href", "srcset", "action", "data"):
            target = attributes.get(name) or "#"
            assert target.startswith(("#", "data:")), (tag, target)
    policy = [a for a in page.attributes("meta") if "http-equiv" in a]
    assert policy[0]["content"].startswith("default-src 'none'")


def test_everything_but_formulas_is_escaped():
    html = render_page(PAGE)
    assert "A &lt;page&gt; of <math" in html
    assert "<title>A &lt;page&gt; of x</title>" in html
    assert "ValueError: &lt;b&gt;" in html
    assert "steepest &lt;lecture&gt;" in html
    assert "<p>One.</p>" in html
    assert "<p>Two &amp; three.</p>" in html


def test_the_same_page_gives_the_same_text():
    assert render_page(PAGE) == render_page(PAGE)


def test_light_dark_narrow_and_print_are_styled():
    html = render_page(PAGE)
    for query in ("prefers-color-scheme: dark", "max-width: 40rem", "@media print"):
        assert query in html


def test_without_the_extra_the_error_says_what_to_install():
    program = (
        "import sys; sys.modules[sys.argv[1]] = None\n"
        "from steepest.errors import MissingExtraError\n"
        "from steepest.report import Page, render_page\n"
        "try: render_page(Page('t', 'l', ()))\n"
        "except MissingExtraError as error: print(error)"
    )
    for package in ("jinja2", "latex2mathml.converter"):
        done = subprocess.run(
            [sys.executable, "-c", program, package], capture_output=True, text=True
        )
        assert "pip install 'steepest[lecture]'" in done.stdout, done.stderr
