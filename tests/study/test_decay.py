"""The rules of decay against brute force."""

import itertools
import math

import pytest
from hypothesis import given, strategies as st_

import steepest as st
from steepest.study.decay import scale
from steepest.study.plan import Decay

HISTORIES = st_.lists(st_.integers(0, 4).map(float), max_size=30)  # with ties


@given(HISTORIES, st_.integers(1, 4), st_.sampled_from([0.1, 0.5, 0.9]))
def test_on_plateau_cuts_after_each_run_of_epochs_without_a_new_best(history, patience, factor):
    """Read from the definition: epoch i brings a new best where it is below all before it."""
    new_best = [i == 0 or value < min(history[:i]) for i, value in enumerate(history)]
    runs, length = 0, 0
    for new in [*new_best, True]:
        if new:
            runs, length = runs + length // patience, 0
        else:
            length += 1
    decay = Decay("on plateau", factor, patience)
    assert scale(decay, history, 30) == factor**runs


@given(HISTORIES, st_.integers(1, 7), st_.floats(0.01, 0.99))
def test_every_multiplies_each_so_many_epochs(history, every, factor):
    expected = 1.0
    for epoch in range(1, len(history) + 1):
        expected *= factor if epoch % every == 0 else 1.0
    assert scale(Decay("every", factor, epochs=every), history, 30) == pytest.approx(expected)


@given(st_.integers(1, 300))
def test_cosine_falls_from_one_to_zero(epochs):
    scales = [scale(Decay("cosine"), [0.0] * done, epochs) for done in range(epochs + 1)]
    assert scales[0] == 1.0
    assert scales[-1] == pytest.approx(0.0, abs=1e-15)
    assert all(a > b for a, b in itertools.pairwise(scales))
    mirrored = [a + b for a, b in zip(scales, scales[::-1], strict=True)]
    assert mirrored == pytest.approx([1.0] * (epochs + 1))


@given(HISTORIES)
def test_none_stays(history):
    assert scale(Decay("none"), history, 30) == 1.0


def test_what_is_no_number_is_no_new_best():
    assert scale(Decay("on plateau", 0.5), [1.0, math.nan, math.inf, 0.5], 9) == 0.25


def test_every_how_many_must_be_said():
    with pytest.raises(st.ArgumentError, match="every how many epochs"):
        scale(Decay("every"), [1.0], 9)
