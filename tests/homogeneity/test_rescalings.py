"""Rescalings: found, and they leave f as it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st

rng = np.random.default_rng(0)
inputs = jnp.array(rng.standard_normal((5, 3)), jnp.float32)
image = jnp.array(rng.standard_normal((1, 2, 6, 6)), jnp.float32)
kept = jnp.array(rng.random((5, 4)) < 0.5)
relu = jax.nn.relu


def attention(p):
    q, k, v = ((inputs @ p[name]).reshape(5, 2, 2) for name in "qkv")
    weights = jax.nn.softmax(jnp.einsum("the,she->hts", q, k) / np.sqrt(2))
    return jnp.einsum("hts,she->the", weights, v).reshape(5, 4) @ p["o"]


def convolution(p):
    h = relu(jax.lax.conv(image, p[0], (1, 1), "SAME"))
    return jnp.mean(jax.lax.conv(h, p[1], (1, 1), "SAME"), (2, 3))


def depthwise(p):
    h = relu(jax.lax.conv(image, p[0], (1, 1), "SAME"))
    h = jax.lax.conv_general_dilated(h, p[1], (1, 1), "SAME", feature_group_count=4)
    return jnp.mean(h, (2, 3)) @ p[2]


CASES = {
    "three layers": (
        lambda p: relu(relu(inputs @ p[0]) @ p[1]) @ p[2],
        [(3, 4), (4, 5), (5, 2)],
        9,
    ),
    "rows": (lambda p: p[1] @ relu(p[0] @ inputs.T), [(4, 3), (2, 4)], 4),
    "biases": (lambda p: relu(inputs @ p[0] + p[1]) @ p[2] + p[3], [(3, 2), (2,), (2, 2), (2,)], 2),
    "max pool": (
        lambda p: jnp.max((inputs @ p[0]).reshape(5, 3, 2), -1) @ p[1],
        [(3, 6), (3, 2)],
        3,
    ),
    "convolution": (convolution, [(3, 2, 3, 3), (2, 3, 3, 3)], 3),
    "depthwise": (depthwise, [(4, 2, 3, 3), (8, 1, 3, 3), (8, 1)], 12),
    "weight norm": (
        lambda p: relu(inputs @ (p[0] / jnp.linalg.norm(p[0], axis=0) * p[1])) @ p[2],
        [(3, 4), (4,), (4, 1)],
        8,
    ),
    "stacked layers": (
        lambda p: jax.lax.scan(lambda h, w: (relu(w @ h), None), jnp.ones(3), p[0])[0],
        [(3, 3, 3)],
        2,
    ),
    "dropped units": (
        lambda p: jnp.where(kept, relu(inputs @ p[0]), 0) @ p[1],
        [(3, 4), (4, 2)],
        4,
    ),
    "a masked diagonal": (
        lambda p: jnp.sum(jnp.where(jnp.eye(3, dtype=bool), jnp.outer(p[0], 1 / p[0]), 0)),
        [(3,)],
        3,
    ),
    "tanh": (lambda p: jnp.tanh(inputs @ p[0]) @ p[1], [(3, 4), (4, 1)], 0),
}


@pytest.mark.parametrize("name", CASES)
def test_rescalings_leave_f_unchanged(name):
    f, shapes, count = CASES[name]
    params = [jnp.array(rng.standard_normal(shape), jnp.float32) for shape in shapes]
    found = st.homogeneity(f)(params).rescalings
    assert len(found) == count
    value = f(params)
    for rescaling in found:
        moved = rescaling.apply(params, 1.7)
        assert any(np.any(a != b) for a, b in zip(moved, params, strict=True))
        np.testing.assert_allclose(f(moved), value, rtol=1e-3, atol=1e-4)


def test_attention_pairs_queries_with_keys_and_values_with_outputs():
    shapes = {"q": (3, 4), "k": (3, 4), "v": (3, 4), "o": (4, 3)}
    params = {name: jnp.ones(shape) for name, shape in shapes.items()}
    found = [str(r) for r in st.homogeneity(attention)(params).rescalings]
    assert len(found) == 8
    assert "params['k'][:, 2] · c, params['q'][:, 2] / c" in found
    assert "params['o'][1, :] · c, params['v'][:, 1] / c" in found


def test_each_hidden_unit_has_its_own():
    f, shapes, _ = CASES["rows"]
    found = st.homogeneity(f)([jnp.ones(shape) for shape in shapes]).rescalings
    wanted = {f"params[0][{i}, :] · c, params[1][:, {i}] / c" for i in range(4)}
    assert {str(r) for r in found} == wanted
