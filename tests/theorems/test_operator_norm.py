import numpy as np
import pytest
from hypothesis import given, strategies as st_

import steepest as st
from random_problems import SEEDS
from steepest.errors import ArgumentError


@given(SEEDS, st_.integers(1, 6))
def test_random_matrices(seed, d):
    A = np.random.default_rng(seed).standard_normal((d, d))
    c = st.theorems.operator_norm(A)
    assert c.holds
    assert c.bound[0] == pytest.approx(np.linalg.norm(A, 2))
    assert c.with_bound(0.999 * c.bound).holds is False
    symmetric = st.theorems.operator_norm(A + A.T)
    assert symmetric.with_bound(np.max(np.abs(np.linalg.eigvalsh(A + A.T)))).holds


@pytest.mark.parametrize("A", [np.ones((2, 3)), np.ones(3), [[np.nan]], np.zeros((0, 0))])
def test_what_is_no_square_matrix(A):
    with pytest.raises(ArgumentError, match="A has shape"):
        st.theorems.operator_norm(A)


def test_entries_of_any_size():
    for size in (1e-310, 1e-160, 1e160, 8e307):
        assert st.theorems.operator_norm(np.full((2, 2), size)).holds
    with pytest.raises(ArgumentError, match="beyond float64"):
        st.theorems.operator_norm(np.full((2, 2), 1e308))
