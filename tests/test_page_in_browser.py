"""The page of a run, opened in a browser: it shows its figures and formulas, and loads nothing."""

import json
import re
import shutil
import subprocess
from html import unescape

import pytest
from PIL import Image

from planted import ENDING
from steepest.lecture.claim import Setting
from steepest.lecture.runner import run_claims

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no Chromium here: neither chromium, chromium-browser nor google-chrome"
)

# Runs in a page around ours, which itself may run no script: a frame of the same origin is read.
PROBE = """<!doctype html><meta charset="utf-8"><title>probe</title>
<iframe id="page" src="index.html" style="width: {width}px; height: 3000px; border: 0"></iframe>
<pre id="report"></pre>
<script>
document.getElementById("page").addEventListener("load", async event => {{
  const page = event.target.contentDocument, view = event.target.contentWindow;
  const images = [...page.images];
  const decoded = await Promise.all(images.map(i => i.decode().then(() => true, () => false)));
  const fraction = page.querySelector("math mfrac, math msup").getBoundingClientRect();
  document.getElementById("report").textContent = JSON.stringify({{
    images: images.length,
    decoded: decoded.filter(Boolean).length,
    widths: images.map(i => i.naturalWidth),
    drawn: images.map(i => i.getBoundingClientRect().width),
    maths: page.querySelectorAll("math").length,
    namespace: page.querySelector("math").namespaceURI,
    fraction: [fraction.width, fraction.height],
    scripts: page.scripts.length,
    requests: view.performance.getEntriesByType("resource").map(r => r.name)
      .filter(name => !name.startsWith("data:")),
    overflow: page.documentElement.scrollWidth - page.documentElement.clientWidth,
    anchors: [...page.querySelectorAll("tbody a")].every(a => page.querySelector(a.hash)),
  }});
}});
</script>
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the page of claims that hold, fail, raise and compare nothing."""
    folder = tmp_path_factory.mktemp("lecture")
    run_claims(ENDING, Setting(), folder)
    return folder


def browse(tmp_path, *arguments):
    """Run the browser without a window; return what it prints and what it complains about."""
    assert BROWSER is not None
    options = [
        *["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
        *["--disable-background-networking", "--disable-component-update", "--disable-sync"],
        *["--hide-scrollbars", "--enable-logging=stderr", "--virtual-time-budget=10000"],
    ]
    done = subprocess.run(
        [BROWSER, *options, f"--user-data-dir={tmp_path / 'profile'}", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, console


@pytest.mark.parametrize("width", [1100, 390])
def test_figures_and_formulas_show_and_nothing_is_loaded(folder, tmp_path, width):
    (folder / "probe.html").write_text(PROBE.format(width=width), "utf-8")
    dom, console = browse(
        tmp_path,
        "--allow-file-access-from-files",  # lets the probe read the frame
        "--dump-dom",
        (folder / "probe.html").as_uri(),
    )
    assert console == []
    found = re.search(r'<pre id="report">(.+?)</pre>', dom, re.DOTALL)
    assert found, dom
    report = json.loads(unescape(found[1]))
    assert report["images"] == report["decoded"] == 4
    assert min(report["widths"]) > 300
    assert min(report["drawn"]) > 300
    assert report["maths"] >= len(ENDING)
    assert report["namespace"] == "http://www.w3.org/1998/Math/MathML"
    assert min(report["fraction"]) > 5
    assert (report["scripts"], report["requests"]) == (0, [])
    assert report["overflow"] <= 0  # only figures and tables are swiped, never the page
    assert report["anchors"]


def test_the_page_paints(folder, tmp_path):
    shot = tmp_path / "shot.png"
    uri = (folder / "index.html").as_uri()
    _, console = browse(tmp_path, "--window-size=1100,1400", f"--screenshot={shot}", uri)
    assert console == []
    with Image.open(shot) as image:
        assert image.size == (1100, 1400)
        colours = image.convert("RGB").getcolors(maxcolors=1 << 24)
    assert colours is not None
    assert len(colours) > 100
