"""Degrees proved and refuted, on closed forms."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st

x = jnp.array([1.0, -2.0, 3.0])
matrix = jnp.array(np.random.default_rng(0).standard_normal((4, 4)), jnp.float32)
positive = jnp.abs(x)


def batch_norm(eps):
    def normalized(w):
        h = jnp.array([[1.0, 2.0], [0.5, -1.0], [2.0, 0.3]]) @ w
        return (h - h.mean(0)) / jnp.sqrt(h.var(0) + eps)

    return normalized


PROVED = {
    "relu": (jax.nn.relu, x, 1),
    "leaky": (jax.nn.leaky_relu, x, 1),
    "where": (lambda x: jnp.where(x > 0, x, 0.1 * x), x, 1),
    "2-norm": (jnp.linalg.norm, x, 1),
    "3-norm": (lambda x: jnp.linalg.norm(x, 3), x, 1),
    "2.5-norm": (lambda x: jnp.linalg.norm(x, 2.5), x, 1),
    "max-norm": (lambda x: jnp.linalg.norm(x, jnp.inf), x, 1),
    "std": (jnp.std, x, 1),
    "det": (jnp.linalg.det, matrix, 4),
    "inverse": (jnp.linalg.inv, matrix, -1),
    "solve": (lambda a: jnp.linalg.solve(a, jnp.ones(4)), matrix, -1),
    "eigenvalues": (lambda a: jnp.linalg.eigvalsh(a + a.T), matrix, 1),
    "nuclear": (lambda a: jnp.linalg.norm(a, "nuc"), matrix, 1),
    "cholesky": (lambda a: jnp.linalg.cholesky(a @ a.T), matrix, 1),
    "median": (jnp.median, x, 1),
    "sort": (jnp.sort, x, 1),
    "top k": (lambda x: jax.lax.top_k(x, 2)[0], x, 1),
    "running product": (lambda x: jnp.cumprod(x)[2], x, 3),
    "product": (jnp.prod, x, 3),
    "monomial": (lambda x: x[0] ** 2 * x[1] ** 3 / x[2], x, 4),
    "einsum": (lambda a: jnp.einsum("ij,jk,ki->", a, a, a), matrix, 3),
    "cosine": (lambda x: x[0] / jnp.linalg.norm(x), x, 0),
    "argmax": (jnp.argmax, x, 0),
    "logsumexp of degree 0": (lambda x: jax.nn.logsumexp(x / jnp.max(x)), x, 0),
    "geometric mean": (lambda x: jnp.exp(jnp.mean(jnp.log(x))), positive, 1),
    "log ratio": (lambda x: jnp.log(x[0]) - jnp.log(x[1]), positive, 0),
    "cube root": (lambda x: x ** (1 / 3), 2.0, Fraction(1, 3)),
    "batch norm": (batch_norm(0.0), jnp.ones((2, 2)), 0),
    "gradient": (jax.grad(lambda x: jnp.sum(jax.nn.relu(x) ** 3)), x, 2),
    "while": (lambda x: jax.lax.fori_loop(0, 3, lambda i, c: c * x, x), 2.0, 4),
    "data-dependent stop": (
        lambda x: jax.lax.while_loop(
            lambda c: c[0] < x[2], lambda c: (c[0] + x[0], 2 * c[1]), (x[0], x[1])
        )[1],
        x,
        1,
    ),
    "layers in a scan": (
        lambda w: jax.lax.scan(lambda h, w: (jax.nn.relu(w @ h), None), jnp.ones(3), w)[0],
        jnp.ones((5, 3, 3)),
        5,
    ),
    "cond": (lambda x: jax.lax.cond(x[0] > x[1], lambda x: 2 * x, lambda x: -x, x), x, 1),
    "masked softmax": (
        lambda x: jax.nn.softmax(jnp.where(jnp.arange(3) < 2, x / jnp.max(x), -jnp.inf)) * x,
        positive,
        1,
    ),
    "mixed, then picked": (lambda x: jnp.stack([x[0], x[1] ** 2, x[2] ** 3])[1], x, 2),
}
REFUTED = {
    "tanh": (jnp.tanh, x),
    "gelu": (jax.nn.gelu, x),
    "softplus": (jax.nn.softplus, x),
    "elu": (jax.nn.elu, x),
    "relu6": (jax.nn.relu6, x),
    "threshold": (lambda x: jnp.where(x > 1, x, 0), x),
    "sum of two degrees": (lambda x: x[0] ** 2 + x[1], x),
    "entries of two degrees": (lambda x: jnp.stack([x[0], x[1] ** 2]), x),
    "periodic in log2": (lambda x: x * (2 + jnp.sin(2 * jnp.pi * jnp.log2(x))), 1.3),
    "bias of 1e-9": (lambda x: x**2 + 1e-9, 1.0),
    "bias of 1e9": (lambda x: x**2 + 1e9, 1.0),
    "batch norm": (batch_norm(1e-5), jnp.ones((2, 2))),
    "log": (jnp.log, positive),
    "zero bias": (lambda p: p[0] * p[1] + p[2], (1.0, 1.0, 0.0)),
}


@pytest.mark.parametrize("name", PROVED)
def test_proved(name):
    f, params, degree = PROVED[name]
    h = st.homogeneity(f)(params)
    assert (h.status, h.degree) == ("proved", degree), h


@pytest.mark.parametrize("name", REFUTED)
def test_refuted(name):
    f, params = REFUTED[name]
    h = st.homogeneity(f)(params)
    assert h.status == "refuted", h
    alpha, p = h.counterexample
    f0, f1, f2 = (
        np.asarray(f(jax.tree.map(lambda leaf, s=s: s * leaf, p)), np.float64)
        for s in (1.0, alpha, alpha**2)
    )
    apart = np.abs(f1**2 - f0 * f2)
    if np.any(apart > 1e-2 * np.maximum(f1**2, np.abs(f0 * f2))) or np.any(f0 * f1 < 0):
        return
    alive = (f0 != 0) & (f1 != 0)
    assert np.ptp(np.log(np.abs(f1[alive] / f0[alive])) / np.log(alpha)) > 1e-2


def test_leaves_alone_and_together():
    def network(p):
        return p["w2"] @ jax.nn.relu(p["w1"] @ jnp.ones(3) + p["b"])

    params = {"w1": jnp.ones((4, 3)), "b": jnp.zeros(4), "w2": jnp.ones((1, 4))}
    h = st.homogeneity(network)(params)
    assert h.degree == 2
    assert h.degrees == {"w1": None, "b": None, "w2": 1}
    assert h.leaves["b"].status == "refuted"
    assert "test_homogeneity.py" in h.leaves["b"].reason


def test_the_zero_function_has_any_degree():
    h = st.homogeneity(lambda p: 0.0 * p[0] * p[1])((1.0, 2.0))
    assert (h.status, h.degree, h.degrees) == ("proved", "any", ("any", "any"))


def test_reasons_name_the_constant():
    reason = st.homogeneity(batch_norm(1e-5))(jnp.ones((2, 2))).reason
    assert "the constant 1e-05" in reason
    assert "test_homogeneity.py" in reason


def test_an_exponent_read_as_a_fraction_is_said():
    assert "read as 1/3" in st.homogeneity(lambda x: x ** (1 / 3))(2.0).reason


def test_unknown_names_what_stopped_it():
    h = st.homogeneity(lambda a: jnp.linalg.eigh(a + a.T)[1])(matrix)
    assert h.status == "unknown"
    assert "eigh" in h.reason


def test_euler_residuals():
    def network(p):
        return p[1] @ jax.nn.relu(p[0] @ jnp.array([1.0, -1.0])) + 0.0 * p[2]

    rng = np.random.default_rng(0)
    params = [rng.standard_normal((4, 2)), rng.standard_normal((1, 4)), np.ones(())]
    residuals = st.euler_residuals(network)(params)
    assert max(residuals) < 1e-12
    assert np.isnan(st.euler_residuals(jnp.tanh)(1.0))


@pytest.mark.parametrize(
    "f",
    [
        lambda w: jnp.linalg.norm(w[:2]) + w[2],
        lambda w: jnp.sqrt(jnp.abs(w[0])) + 3 * jnp.sqrt(jnp.abs(w[2])),
        lambda w: jnp.linalg.norm(w[:2]) * w[2] ** 4 + w[2] ** 5,
    ],
)
def test_euler_residuals_where_a_norm_is_zero_all_along_the_ray(f):
    assert st.euler_residuals(f)(jnp.array([0.0, 0.0, 1.5])) < 1e-10
    assert st.euler_residuals(jnp.linalg.norm)(jnp.zeros(3)) == 0


def test_integers_are_refused():
    with pytest.raises(st.ArgumentError, match="integer"):
        st.homogeneity(abs)(1)
