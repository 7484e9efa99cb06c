"""Ids and prefixes select claims; anything else is told the nearest."""

import pytest

from planted import certificate, planted_claim
from steepest.errors import ArgumentError
from steepest.lecture.selection import select

IDS = ("A1", "C1", "C2", "D1", "D2", "D10", "X1", "X2")
CLAIMS = tuple(planted_claim(id, lambda setting: certificate()) for id in IDS)


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        ([], IDS),
        (["D1"], ("D1",)),
        (["d10"], ("D10",)),
        (["D"], ("D1", "D2", "D10")),
        (["x", "C2", "X1"], ("C2", "X1", "X2")),
        (["D1", "d1", "D"], ("D1", "D2", "D10")),
        ([" a1 "], ("A1",)),
    ],
)
def test_selection_keeps_the_slides_order(names, ids):
    assert tuple(claim.id for claim in select(CLAIMS, names)) == ids


def test_a_prefix_does_not_cut_a_number():
    without = tuple(claim for claim in CLAIMS if claim.id != "D1")
    with pytest.raises(ArgumentError, match=r"'D1'.*D10"):
        select(without, ["D1"])


@pytest.mark.parametrize(
    ("name", "nearest"), [("C3", "C1, C2"), ("D11", "D10"), ("zz", "A, C, D, X"), ("", "A, C")]
)
def test_an_unknown_name_is_told_the_nearest(name, nearest):
    with pytest.raises(ArgumentError) as caught:
        select(CLAIMS, ["D1", name])
    message = str(caught.value)
    assert repr(name) in message
    assert nearest in message
    assert "--list" in message
