"""The lecture's own claims: what they say of themselves, and that they can fail."""

import importlib
import json
import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest import methods
from steepest.lecture import (
    CLAIMS,
    adadelta,
    adagrad,
    condition_numbers,
    homogeneity_and_clarke,
    lookahead,
    positive_homogeneity,
)
from steepest.lecture.claim import Setting
from steepest.lecture.erratum import erratum
from steepest.lecture.runner import run_claims

BY_ID = {claim.id: claim for claim in CLAIMS}


def test_the_claims_come_in_the_order_of_the_slides():
    assert [c.id for c in CLAIMS] == [
        "A1",
        "A2",
        "A3",
        "B1",
        "B2",
        "B3",
        "B4",
        "B5",
        "B6",
        "B7",
        "C1",
        "C2",
        "C3",
        "C5",
        "C4",
        "C6",
        "X1",
        "D1",
        "D2",
        "X5",
        "D3",
        "X2",
        "D4",
        "D5",
        "X7",
        "D6",
        "D7",
        "D8",
        "X4",
        "D9",
        "D10",
        "X6",
        "D11",
        "X3",
        "E1",
        "E2",
    ]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_each_says_what_it_claims_and_where_it_comes_from(claim):
    assert claim.heading
    assert claim.statement.count("$") % 2 == 0
    assert re.search(r"\d{4}", claim.source)
    assert "$" not in claim.title


# The others run for seconds each and are held by the tests of their theorems.
@pytest.mark.parametrize(
    "id",
    ["B1", "B2", "B3", "B4", "B6", "X1", "X5", "D3", "X2", "D4", "D5", "X7", "D7", "D9", "X3"],
)
def test_the_quick_ones_hold_from_another_seed(id):
    c = BY_ID[id].run(Setting(seed=3))
    assert c.holds, str(c)


def test_an_erratum_needs_the_slide_to_fail():
    c = BY_ID["D3"].run(Setting())
    assert erratum(c, c.with_bound(c.bound / 1e6), "too good").holds is True
    assert erratum(c, c, "as good").holds is False


@pytest.mark.parametrize("id", ["X3", "X4", "X6"])
def test_the_slides_of_the_adaptive_methods_are_seen_failing(id):
    """Each hypothesis of the claim that speaks of the slide is measured, with its numbers."""
    c = BY_ID[id].run(Setting(seed=1))
    assert c.holds, str(c)
    seen = [h for h in c.hypotheses if "as the slide has it it fails" in h.name]
    assert len(seen) == (2 if id == "X3" else 1)
    assert all(re.search(r"\d > .* at step \d", h.detail) for h in seen)


def test_x4_needs_a_slide_that_differs(monkeypatch):
    """AdaGrad itself in the place of the slide's form does not fail, and so the erratum does."""
    monkeypatch.setattr(adagrad, "slide_adagrad", methods.adagrad)
    assert BY_ID["X4"].run(Setting()).holds is False


def test_x6_needs_a_slide_that_differs(monkeypatch):
    literal = adadelta.slide_adadelta
    by_coordinates = lambda eta, *, scalar: literal(eta, scalar=False)
    monkeypatch.setattr(adadelta, "slide_adadelta", by_coordinates)
    assert BY_ID["X6"].run(Setting()).holds is False


def test_the_same_seed_gives_the_same_numbers(tmp_path):
    def numbers(folder):
        run_claims([BY_ID["C2"], BY_ID["X2"]], Setting(seed=5), folder)
        rows = json.loads((folder / "claims.json").read_text())
        return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]

    assert numbers(tmp_path / "a") == numbers(tmp_path / "b")


def test_a_planted_false_claim_fails_and_says_which(tmp_path):
    def false(setting):
        c = BY_ID["X1"].run(setting)
        return c.with_bound(0.5 * c.bound)

    planted = replace(BY_ID["X1"], id="Z9", run=false)
    run_claims([BY_ID["X1"], planted], Setting(), tmp_path)
    rows = json.loads((tmp_path / "claims.json").read_text())
    assert [(row["id"], row["status"]) for row in rows] == [("X1", "holds"), ("Z9", "fails")]


def test_b1_fails_where_what_it_calls_not_homogeneous_is(monkeypatch):
    planted = {"a norm": jnp.linalg.norm}
    monkeypatch.setattr(
        positive_homogeneity, "NOT_HOMOGENEOUS", planted | {"2": jnp.max, "3": jnp.sum}
    )
    c = BY_ID["B1"].run(Setting())
    assert c.violated[0].name == "a norm is not positively homogeneous"
    assert c.holds is False


def test_b1_fails_on_another_degree(monkeypatch):
    f, degree = (lambda x: jnp.abs(x[0]) * x[1]), 3
    planted = dict.fromkeys(positive_homogeneity.HOMOGENEOUS, (f, degree))
    monkeypatch.setattr(positive_homogeneity, "HOMOGENEOUS", planted)
    c = BY_ID["B1"].run(Setting())
    assert c.holds is False
    assert c.slack > 1


def test_b6_fails_where_the_gates_are_not_those_of_the_network(monkeypatch):
    """A leaky network is as homogeneous; its closed gates let a tenth through."""

    def leaky(W, x):
        for layer in W[:-1]:
            x = jax.nn.leaky_relu(layer @ x, 0.1)
        return W[-1] @ x

    monkeypatch.setattr(positive_homogeneity, "relu_network", leaky)
    c = BY_ID["B6"].run(Setting())
    assert c.holds is False
    assert not c.violated


def test_b7_fails_on_another_degree(monkeypatch):
    planted = {"max": (jnp.max, np.array([1.0, 1.0]), 2)}
    monkeypatch.setattr(homogeneity_and_clarke, "AT_KINKS", planted)
    small = ([np.array([[1.0, 2.0]]), np.array([[3.0]])], np.array([2.0, -1.0]))
    monkeypatch.setattr(homogeneity_and_clarke, "network_at_kinks", lambda key, widths: small)
    assert BY_ID["B7"].run(Setting()).holds is False


def test_x7_fails_where_the_two_lookaheads_are_one(monkeypatch):
    monkeypatch.setattr(lookahead, "_LEAST", 0.02)
    monkeypatch.setattr(lookahead, "_LARGEST", 1.0)
    c = BY_ID["X7"].run(Setting())
    assert c.holds is False
    assert "but on this instance it holds" in c.violated[0].detail


@pytest.mark.parametrize(("id", "name"), [("D4", "HEAVY_BALL"), ("D5", "NESTEROV")])
def test_d4_and_d5_fail_where_momentum_buys_no_root(monkeypatch, id, name):
    """Gradient descent in momentum's place takes κ steps, not √κ."""
    module = importlib.import_module(BY_ID[id].run.__module__)
    slow = replace(condition_numbers.GRADIENT_DESCENT, name="slow", exponent=0.5)
    monkeypatch.setattr(module, name, slow)
    c = BY_ID[id].run(Setting())
    assert c.holds is False
    assert [h.name[:4] for h in c.violated] == ["slow"]
    assert c.violated[0].value == pytest.approx(1.0, abs=0.05)
