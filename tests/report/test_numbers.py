"""Numbers are short and say which side of 1 they are on."""

import json
import math

from hypothesis import given, strategies as st

from steepest.report import duration, short, strict_number


@given(st.floats())
def test_a_number_fits_its_column(value):
    assert len(short(value)) <= 10


@given(st.floats(min_value=1e-16, max_value=1e-3))
def test_beyond_one_never_reads_one(excess):
    value = 1.0 + excess
    assert (short(value) == "1") == (value == 1.0)
    assert short(1.0 - excess) != "1" or 1.0 - excess == 1.0


@given(st.floats())
def test_what_json_cannot_hold_is_none(value):
    kept = strict_number(value)
    assert kept == (value if math.isfinite(value) else None)
    json.dumps(kept, allow_nan=False)


def test_durations_carry():
    assert [duration(s) for s in (59.96, 119.7, 3599.6)] == ["1 min 0 s", "2 min 0 s", "1 h 0 min"]
