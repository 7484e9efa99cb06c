import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest.errors import ArgumentError


def test_a_polygon_with_its_gradients_labelled_by_outcomes():
    ax = st.plot(st.clarke(lambda x: jnp.abs(x[0]) - jnp.abs(x[1]))(jnp.zeros(2)))
    assert sorted(text.get_text() for text in ax.texts) == ["00", "01", "10", "11"]
    (polygon,) = ax.patches
    assert np.allclose(np.abs(polygon.get_xy()), 1.0)
    assert "test_clarke_figure.py" in ax.get_legend().get_texts()[0].get_text()


def test_an_interval_a_point_and_a_round_set():
    st.plot(st.clarke(abs)(0.0))
    st.plot(st.clarke(lambda x: jnp.sum(x**2))(jnp.ones(2)))
    (disc,) = st.plot(st.clarke(jnp.linalg.norm)(jnp.zeros(2))).patches
    assert np.allclose(np.linalg.norm(disc.get_xy(), axis=1), 1.0)


def test_what_autodiff_returned_is_marked_beside_the_set():
    check = st.check_autodiff(lambda x: jax.nn.relu(x) - jax.nn.relu(-x))(0.0)
    labels = [text.get_text() for text in st.plot(check).get_legend().get_texts()]
    assert "jax.grad" in labels


def test_more_than_two_variables_cannot_be_drawn():
    with pytest.raises(ArgumentError, match="R\\^3"):
        st.plot(st.clarke(jnp.max)(jnp.zeros(3)))
