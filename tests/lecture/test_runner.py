"""Claims run in order, each timed, drawn and written, whatever becomes of the others."""

import json
from dataclasses import replace
from io import BytesIO
from xml.etree import ElementTree

import jax
import numpy as np
import pytest
from PIL import Image

import steepest.lecture
from planted import (
    DRAWS_BADLY,
    ENDING,
    FALSE,
    INTERRUPTED,
    RAISING,
    TRUE,
    UNCOMPARED,
    certificate,
    draw_stand_ins,
    planted_claim,
)
from steepest.errors import ArgumentError
from steepest.lecture import outcome as outcomes, runner
from steepest.lecture.claim import Setting
from steepest.lecture.runner import run_claims

SCHEMA = {
    "id": str,
    "title": str,
    "source": str,
    "status": str,
    "measured": float | None,
    "bound": float | None,
    "slack": float | None,
    "seconds": float,
    "seed": int,
    "figure": str | None,
}


def refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


def records(folder):
    return json.loads((folder / "claims.json").read_text("utf-8"), parse_constant=refuse)


@pytest.fixture
def undrawn(monkeypatch):
    """Figures are stand-ins: what is tested is what becomes of the claims."""
    draw_stand_ins(monkeypatch)


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """A run of claims that hold, fail, raise and compare nothing, and its callbacks' order."""
    calls = []
    run = run_claims(
        ENDING,
        Setting(seed=7),
        tmp_path_factory.mktemp("out") / "made" / "here",
        on_start=lambda claim, position: calls.append((position, claim.id)),
        on_end=lambda outcome: calls.append(outcome.status),
    )
    return run, calls


def test_each_claim_runs_in_order_and_the_others_go_on(ended):
    run, calls = ended
    assert calls == [
        *[(1, "C1"), "holds", (2, "C2"), "holds", (3, "D1"), "fails"],
        *[(4, "D2"), "error", (5, "D10"), "fails"],
    ]
    assert (run.state, run.exit_status) == ("ended", 1)
    assert run.seconds > sum(outcome.seconds for outcome in run.outcomes) > 0


def test_claims_json_has_exactly_these_keys_and_kinds(ended):
    run, _ = ended
    entries = records(run.folder)
    assert [list(entry) for entry in entries] == [list(SCHEMA)] * len(ENDING)
    for entry in entries:
        for key, kind in SCHEMA.items():
            assert isinstance(entry[key], kind), (key, entry[key])
    assert [entry["status"] for entry in entries] == ["holds", "holds", "fails", "error", "fails"]
    assert {entry["seed"] for entry in entries} == {7}


def test_the_numbers_are_those_of_the_worst_step(ended):
    true, _, false, raising, uncompared = records(ended[0].folder)
    assert (true["measured"], true["bound"], true["slack"]) == (1.0, 1.25, 0.8)
    assert (false["measured"], false["bound"], false["slack"]) == (0.5, 0.4, 1.25)
    for entry in (raising, uncompared):
        assert (entry["measured"], entry["bound"], entry["slack"]) == (None, None, None)


def test_figures_are_valid_files_where_the_records_say(ended):
    folder = ended[0].folder
    drawn = [entry for entry in records(folder) if entry["figure"] is not None]
    assert [entry["figure"] for entry in drawn] == [
        f"figures/{id}.svg" for id in ("C1", "C2", "D1", "D10")
    ]
    for entry in drawn:
        path = folder / entry["figure"]
        ElementTree.fromstring(path.read_bytes())
        with Image.open(BytesIO(path.with_suffix(".png").read_bytes())) as image:
            image.load()
        assert path.with_suffix(".pdf").read_bytes().startswith(b"%PDF-")
    assert len(list((folder / "figures").iterdir())) == 12


def test_the_page_has_the_verdicts_the_details_and_the_traceback(ended):
    html = (ended[0].folder / "index.html").read_text("utf-8")
    assert html.count("data:image/svg+xml;base64,") == 4
    assert "5 claims: 2 hold, 2 fail, 1 raised. Size quick, seed 7." in html
    assert "ValueError: the images are &lt;not&gt; there" in html
    assert "Nothing was compared" in html
    assert "f is β-smooth" in html
    assert "[b]plainly[/b] &amp; &lt;i&gt;safely&lt;/i&gt;" in html
    assert "steepest lecture D1 --size quick --seed 7" in html
    for claim in ENDING:
        assert html.count(f'id="{claim.id}"') == 1
        assert f'href="#{claim.id}"' in html


def test_no_part_of_a_file_is_left(ended):
    assert not [path for path in ended[0].folder.rglob("*") if path.name.endswith(".part")]


def test_ctrl_c_leaves_the_page_of_what_ended(undrawn, tmp_path):
    run = run_claims((TRUE, INTERRUPTED, FALSE), Setting(), tmp_path)
    assert (run.state, run.exit_status) == ("interrupted", 130)
    assert [entry["id"] for entry in records(tmp_path)] == ["C1"]
    assert "The run was interrupted: 2 of 3 did not end." in run.page.read_text("utf-8")


def test_a_killed_run_leaves_what_had_ended(undrawn, tmp_path):
    class KilledError(BaseException):
        """Stands for what no code survives."""

    def kill(setting):
        raise KilledError

    with pytest.raises(KilledError):
        run_claims((TRUE, planted_claim("K1", kill)), Setting(), tmp_path)
    assert [entry["id"] for entry in records(tmp_path)] == ["C1"]
    assert "1 of 2 are to come" in (tmp_path / "index.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("claim", "error"),
    [
        (DRAWS_BADLY, ""),
        (planted_claim("X3", lambda setting: None), "TypeError: the claim X3 returned a NoneType"),
    ],
)
def test_what_cannot_be_drawn_or_is_no_certificate_is_an_error(tmp_path, claim, error):
    run = run_claims((claim,), Setting(), tmp_path)
    assert run.outcomes[0].status == "error"
    assert run.outcomes[0].error.startswith(error)
    assert "Traceback" in run.page.read_text("utf-8")
    assert records(tmp_path)[0]["figure"] is None


def test_numbers_that_are_not_finite_are_null(undrawn, tmp_path):
    diverged = planted_claim("D1", lambda setting: certificate((1.0, np.nan), (2.0, np.inf)))
    run = run_claims((diverged,), Setting(), tmp_path)
    (entry,) = records(tmp_path)
    assert (entry["status"], entry["measured"], entry["bound"]) == ("fails", None, None)
    assert entry["slack"] is None
    assert run.outcomes[0].slack == np.inf


def test_the_same_seed_gives_the_same_numbers_and_figures(tmp_path):
    def draw(setting):
        sides = jax.random.uniform(setting.key, (2, 20))
        return certificate(sides[0], sides[0] + sides[1])

    random = planted_claim("R1", draw)

    def result(name, seed):
        run_claims((random,), Setting(seed=seed), tmp_path / name)
        (entry,) = records(tmp_path / name)
        del entry["seconds"]
        return entry, (tmp_path / name / "figures/R1.svg").read_bytes()

    first = result("first", 3)
    assert first == result("again", 3)
    assert first != result("other", 4)


def test_an_older_run_in_the_folder_does_not_show_in_this_one(undrawn, tmp_path):
    run_claims((TRUE, FALSE), Setting(), tmp_path)
    run_claims((replace(FALSE, run=RAISING.run),), Setting(), tmp_path)
    assert [entry["id"] for entry in records(tmp_path)] == ["D1"]
    html = (tmp_path / "index.html").read_text("utf-8")
    assert 'id="C1"' not in html
    # The old figure of the claim that now raised is gone; the other claim's is not this run's.
    assert not list((tmp_path / "figures").glob("D1.*"))
    assert len(list((tmp_path / "figures").glob("C1.*"))) == 3


def test_a_wrong_folder_is_found_out_before_anything_runs(tmp_path):
    (tmp_path / "file").write_text("mine")
    ran = []
    claim = planted_claim("C1", ran.append)
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ArgumentError, match="is a file"):
            run_claims((claim,), Setting(), folder)
    with pytest.raises(ArgumentError, match="ids of their own"):
        run_claims((claim, claim), Setting(), tmp_path)
    assert ran == []


def test_files_change_together_or_not_at_all(undrawn, tmp_path, monkeypatch):
    run_claims((TRUE,), Setting(), tmp_path)
    before = (tmp_path / "claims.json").read_bytes()

    def fail(page):
        raise RuntimeError("no page")

    monkeypatch.setattr(runner, "render_page", fail)
    with pytest.raises(RuntimeError):
        run_claims((FALSE,), Setting(), tmp_path)
    assert (tmp_path / "claims.json").read_bytes() == before


def test_no_claims_make_no_verdict(tmp_path):
    run = run_claims((), Setting(), tmp_path)
    assert records(tmp_path) == []
    assert "nothing ran" in run.page.read_text("utf-8")


def test_an_outcome_that_compared_nothing_fails():
    outcome = outcomes.Outcome(UNCOMPARED, 0, 0.0, UNCOMPARED.run(Setting()))
    assert outcome.status == "fails"


def test_the_lectures_claims_have_ids_of_their_own_and_a_title_in_one_line():
    claims = steepest.lecture.CLAIMS
    assert len({claim.id for claim in claims}) == len(claims)
    assert all(claim.title and "\n" not in claim.title for claim in claims)


def test_the_lecture_package_has_no_other_lazy_name():
    with pytest.raises(AttributeError, match="no attribute 'claims'"):
        _ = steepest.lecture.claims


def test_the_rounding_allowed_is_shown_where_it_decides():
    def outcome(bound):
        made = certificate((1e-14,), (bound,), allowance=np.array([3e-13]))
        return outcomes.Outcome(TRUE, 0, 0.0, made)

    assert outcome(0.0).right_side == "0+3e-13"
    assert outcome(0.5).right_side == "0.5"
    assert outcome(0.0).record()["bound"] == 0.0
