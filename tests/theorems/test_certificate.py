import numpy as np
import pytest

from steepest.theorems.certificate import Certificate, Evidence, Hypothesis, Statement, all_of

STATEMENT = Statement("a_theorem", "Z1", "left", "right", "$a \\le b$", "Nobody 1900")


def certificate(measured, bound, evidence=Evidence.PROVED, allowance=0.0):
    measured = np.asarray(measured, float)
    return Certificate(
        STATEMENT,
        (Hypothesis("h", evidence),),
        np.arange(len(measured), dtype=float),
        measured,
        np.broadcast_to(np.asarray(bound, float), measured.shape).copy(),
        np.full(len(measured), float(allowance)),
    )


@pytest.mark.parametrize(
    ("measured", "bound", "slack", "holds"),
    [
        ([1.0, 3.0], [2.0, 4.0], 0.75, True),
        ([1.0, 5.0], [2.0, 4.0], 1.25, False),
        ([0.0], [0.0], 0.0, True),
        ([-1.0], [0.0], 0.0, True),
        ([-1.0], [-2.0], np.inf, False),
        ([1.0], [0.0], np.inf, False),
        ([1.0], [-1.0], np.inf, False),
        ([np.nan], [1.0], np.inf, None),
        ([1.0], [np.nan], np.inf, None),
        ([np.inf], [np.inf], np.inf, None),
        ([np.inf], [1.0], np.inf, False),
        ([5.0, np.inf], [2.0, np.inf], np.inf, False),
        ([1.0], [np.inf], 0.0, True),
        ([0.0], [np.nan], np.inf, None),
        ([5.0, np.nan], [2.0, 1.0], np.inf, False),
        ([], [], None, None),
    ],
)
def test_slack_and_holds(measured, bound, slack, holds):
    c = certificate(measured, bound)
    assert c.slack == slack
    assert c.holds is holds
    assert bool(c) is (holds is True)


def test_the_allowance_is_added_to_the_right_side():
    assert certificate([1.0 + 1e-12], [1.0], allowance=2e-12).holds
    assert not certificate([1.0 + 1e-12], [1.0], allowance=5e-13).holds


def test_a_violated_hypothesis_fails_however_good_the_bound():
    c = certificate([0.0], [1.0], Evidence.VIOLATED)
    assert c.holds is False
    assert "violated: h" in str(c)


def test_the_conjunction_is_as_bad_as_its_worst_part():
    good, bad = certificate([1.0], [2.0]), certificate([1.0], [2.0], Evidence.VIOLATED)
    assert all_of(STATEMENT, [good, good]).holds is True
    assert all_of(STATEMENT, [good, bad]).holds is False
    assert all_of(STATEMENT, [good, certificate([3.0], [2.0])]).slack == 1.5
    assert all_of(STATEMENT, [good, certificate([], [])]).holds is None


def test_another_bound_on_the_same_run():
    c = certificate([1.0, 2.0], [2.0, 3.0])
    assert c.with_bound(1.5).holds is False
    assert c.with_bound([1.0, 2.0]).holds is True


def test_it_reads():
    text = str(certificate([1.0, 3.0], [2.0, 4.0]))
    assert "Z1 a_theorem: holds" in text
    assert "3 ≤ 4, slack 0.75" in text
    assert "proved: h" in text
