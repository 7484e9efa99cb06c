"""Closed forms: what must be exact, and what must be refused."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import logsumexp

from steepest.clarke import clarke
from steepest.errors import (
    NotExactError,
    TooManyPiecesError,
)
from steepest.pieces import _compile

relu = jax.nn.relu


def same_points(found: np.ndarray, wanted: list) -> None:
    wanted_array = np.atleast_2d(np.array(wanted, dtype=float))
    assert found.shape == wanted_array.shape, (found, wanted)
    order = lambda a: a[np.lexsort(np.round(a, 6).T)]
    np.testing.assert_allclose(order(found), order(wanted_array), atol=1e-6)


def check(f, x, wanted) -> None:
    D = clarke(f)(x)
    assert D.exact, D
    same_points(D.vertices, wanted)


def zeros(n):
    return jnp.zeros(n)


def cube(n):
    return [[float(b) for b in np.binary_repr(i, n)] for i in range(2**n)]


def unit(n):
    return np.eye(n).tolist()


def sparsemax(z):
    ordered = jnp.sort(z)[::-1]
    count = jnp.arange(1, z.size + 1)
    inside = 1 + count * ordered > jnp.cumsum(ordered)
    size = jnp.max(count * inside)
    threshold = (jnp.sum(jnp.where(inside, ordered, 0.0)) - 1) / size
    return jnp.maximum(z - threshold, 0)


@jax.custom_jvp
def liar(x):
    return relu(x)


liar.defjvp(lambda primals, tangents: (liar(*primals), 7 * tangents[0]))


def recurrence(x):
    def step(h, u):
        h = relu(h * x[0] + u * x[1])
        return h, h

    return jax.lax.scan(step, jnp.zeros(()), jnp.array([1.0, -1.0, 2.0]))[1].sum()


INTERVALS = {
    # every spelling of |x| and relu
    "abs": (abs, -1, 1),
    "jnp.abs": (jnp.abs, -1, 1),
    "sign": (lambda x: x * jnp.sign(x), -1, 1),
    "max of ±x": (lambda x: jnp.maximum(x, -x), -1, 1),
    "root of square": (lambda x: jnp.sqrt(x**2), -1, 1),
    "nn.relu": (relu, 0, 1),
    "maximum": (lambda x: jnp.maximum(x, 0), 0, 1),
    "where": (lambda x: jnp.where(x > 0, x, 0.0), 0, 1),
    "where ≥": (lambda x: jnp.where(x >= 0, x, 0.0), 0, 1),
    "mask": (lambda x: x * (x > 0), 0, 1),
    "half abs": (lambda x: (x + jnp.abs(x)) / 2, 0, 1),
    "cond": (lambda x: jax.lax.cond(x > 0, lambda t: t, lambda t: 0 * t, x), 0, 1),
    "nested where": (lambda x: jnp.where(x > 0, jnp.where(x > 0, x, 1.0), 0.0), 0, 1),
    "liar": (liar, 0, 1),
    "clip": (lambda x: jnp.clip(x, 0.0, 1.0), 0, 1),
    "relu6": (jax.nn.relu6, 0, 1),
    "leaky": (lambda x: jax.nn.leaky_relu(x, 0.25), 0.25, 1),
    "sign of a cube": (lambda x: jnp.where(x**3 > 0, x, -x), -1, 1),
    "or": (lambda x: jnp.where((x > 0) | (x < -1), x, 0.0), 0, 1),
    # cancelling and dependent
    "relu(x) − relu(−x)": (lambda x: relu(x) - relu(-x), 1, 1),
    "the same kink twice": (lambda x: jnp.abs(x) - 2 * jnp.abs(x), -1, 1),
    "max(x, x)": (lambda x: jnp.maximum(x, x), 1, 1),
    "x == 0": (lambda x: jnp.where(x == 0, 0.0, x), 1, 1),
    # smooth at zero
    "softplus": (jax.nn.softplus, 0.5, 0.5),
    "x|x|": (lambda x: x * jnp.abs(x), 0, 0),
    "|x|³": (lambda x: jnp.abs(x) ** 3, 0, 0),
    "elu": (jax.nn.elu, 1, 1),
    "two smooth branches": (lambda x: jnp.where(x > 0, jnp.sin(x), x), 1, 1),
}


@pytest.mark.parametrize("name", INTERVALS)
def test_one_variable_at_zero(name):
    f, low, high = INTERVALS[name]
    check(f, 0.0, [[low]] if low == high else [[low], [high]])


SETS = {
    "|x| − |y|": (lambda x: abs(x[0]) - abs(x[1]), zeros(2), [[1, 1], [1, -1], [-1, 1], [-1, -1]]),
    "l1": (lambda x: jnp.abs(x).sum(), zeros(3), [[2 * b - 1 for b in v] for v in cube(3)]),
    "l∞": (lambda x: jnp.max(jnp.abs(x)), zeros(3), unit(3) + [[-a for a in v] for v in unit(3)]),
    "dependent": (
        lambda x: abs(x[0]) + abs(x[1]) - abs(x[0] + x[1]),
        zeros(2),
        [[2, 0], [0, 2], [-2, 0], [0, -2]],
    ),
    "max and min": (
        lambda x: jnp.maximum(jnp.minimum(x[0], x[1]), jnp.minimum(-x[0], x[2])),
        zeros(3),
        [[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, 0, 1]],
    ),
    "quadratics": (
        lambda x: jnp.maximum(jnp.sum((x - 1) ** 2), jnp.sum((x + 1) ** 2)),
        zeros(2),
        [[-2, -2], [2, 2]],
    ),
    "hinge": (
        lambda w: jnp.maximum(0, 1 - w @ jnp.array([1.0, 2.0])),
        jnp.array([1.0, 0.0]),
        [[0, 0], [-1, -2]],
    ),
    "two largest": (
        lambda x: jax.lax.top_k(x, 2)[0].sum(),
        zeros(3),
        [[1, 1, 0], [1, 0, 1], [0, 1, 1]],
    ),
    "indices of the largest": (
        lambda x: x[jax.lax.top_k(x, 2)[1]].sum(),
        zeros(3),
        [[1, 1, 0], [1, 0, 1], [0, 1, 1]],
    ),
    "median": (jnp.median, zeros(3), unit(3)),
    "argmax": (lambda x: x[jnp.argmax(x)], zeros(3), unit(3)),
    "argmin": (lambda x: x[jnp.argmin(x)], jnp.array([0.0, 0.0, 1.0]), unit(3)[:2]),
    "argsort": (lambda x: x[jnp.argsort(x)][-1], zeros(2), unit(2)),
    "cummax": (lambda x: jax.lax.cummax(x)[-1], zeros(3), unit(3)),
    "pooling": (
        lambda x: jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (2,), (2,), "VALID").sum(),
        zeros(4),
        [[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]],
    ),
    "logsumexp": (logsumexp, zeros(4), [[0.25] * 4]),
    "cross-entropy": (lambda z: -jax.nn.log_softmax(z)[0], zeros(2), [[-0.5, 0.5]]),
    "sparsemax": (
        lambda z: jnp.array([1.0, 2.0, -1.0]) @ sparsemax(z),
        jnp.array([1.0, 0.0, -0.5]),
        [[-0.5, 0.5, 0], [0, 0, 0]],
    ),
    "scan": (recurrence, jnp.array([1.0, 0.0]), [[0, 3], [0, -1]]),
    "second order": (
        lambda w: relu(w[0]) - relu(w[0] + w[1] ** 2),
        zeros(2),
        [[0, 0], [-1, 0]],
    ),
    "a rank test calls these empty": (
        lambda w: relu(w[0]) + jnp.maximum(0.0, jnp.minimum(w[0] + w[1], -w[0] - w[1] + w[0] ** 2)),
        zeros(2),
        [[2, 1], [0, -1], [1, 1], [-1, -1]],
    ),
    "|uv|": (lambda w: jnp.abs(w[0] * w[1]), zeros(2), [[0, 0]]),
    "‖x‖²": (lambda x: jnp.linalg.norm(x) ** 2, zeros(2), [[0, 0]]),
    "stop_gradient": (lambda x: (x * jax.lax.stop_gradient(x)).sum(), jnp.ones(2), [[2, 2]]),
    "straight-through": (
        lambda x: (x + jax.lax.stop_gradient(jnp.round(x) - x)).sum(),
        jnp.array([0.2]),
        [[0]],
    ),
    "under an outer jit": (jax.jit(lambda x: relu(x).sum()), zeros(2), cube(2)),
    "remat": (jax.checkpoint(lambda x: relu(x).sum()), zeros(2), cube(2)),
    "vmapped": (lambda x: jax.vmap(relu)(x).sum(), zeros(2), cube(2)),
}


@pytest.mark.parametrize("name", SETS)
def test_closed_forms(name):
    check(*SETS[name])


@pytest.mark.parametrize("name", ["|x| − |y|", "two largest", "sparsemax"])
def test_double_precision(name):
    f, x, wanted = SETS[name]
    check(f, np.asarray(x, dtype=np.float64), wanted)


def test_two_hundred_cancelling_pairs():
    check(lambda x: (relu(x) - relu(x)).sum() + x.sum(), zeros(200), [[1.0] * 200])


def test_softplus_at_two_hundred_zeros():
    check(lambda x: jax.nn.softplus(x).sum(), zeros(200), [[0.5] * 200])


def triangle(x):
    return jnp.abs(x - jnp.round(x))


def test_distance_to_the_integers():
    check(triangle, 0.5, [[-1], [1]])
    check(triangle, 1.0, [[-1], [1]])


def test_norm_at_zero_is_a_ball():
    D = clarke(jnp.linalg.norm)(zeros(3))
    assert D.exact
    assert D.support(jnp.array([3.0, 0.0, 4.0])) == pytest.approx(5.0)
    assert D.contains(np.array([0.6, 0.8, 0.0])) is True
    assert D.contains(np.array([0.7, 0.8, 0.0])) is False
    with pytest.raises(TooManyPiecesError):
        _ = D.vertices


def test_safe_norm_is_the_norm():
    def safe(x):
        square = jnp.sum(x**2)
        positive = square > 0
        return jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1.0)), 0.0)

    D = clarke(safe)(zeros(2))
    assert D.exact
    assert D.support(jnp.array([3.0, 4.0])) == pytest.approx(5.0)


def test_standard_deviation_at_a_constant():
    D = clarke(jnp.std)(jnp.ones(4))
    assert D.exact
    d = np.array([1.0, -1.0, 2.0, 0.0])
    assert D.support(d) == pytest.approx(np.linalg.norm(d - d.mean()) / 2)


def test_group_lasso_partly_at_zero():
    D = clarke(lambda x: jnp.linalg.norm(x[:2]) + jnp.linalg.norm(x[2:]))(
        jnp.array([0.0, 0.0, 3.0, 4.0])
    )
    assert D.exact
    assert D.support(jnp.array([0.0, 2.0, 1.0, 0.0])) == pytest.approx(2.6)
    np.testing.assert_allclose(D.min_norm(), [0, 0, 0.6, 0.8], atol=1e-7)


def mlp(weights, x):
    for W in weights[:-1]:
        x = relu(W @ x)
    return (weights[-1] @ x).sum()


def random_weights(sizes, seed=0):
    rng = np.random.default_rng(seed)
    return [
        jnp.asarray(rng.standard_normal((b, a)) / np.sqrt(a), jnp.float32)
        for a, b in itertools.pairwise(sizes)
    ]


def test_network_at_zero_weights_has_one_subgradient():
    X = jnp.asarray(np.random.default_rng(0).standard_normal((6, 3)), jnp.float32)
    W = [jnp.zeros_like(w) for w in random_weights([3, 8, 8, 1])]
    D = clarke(lambda w: jnp.mean((jax.vmap(lambda x: mlp(w, x))(X) - 1) ** 2))(W)
    assert D.is_singleton
    assert all(not np.any(g) for g in D.min_norm())


def test_network_at_zero_input():
    W = random_weights([2, 6, 4, 1])
    D = clarke(lambda x: mlp(W, x))(zeros(2))
    assert D.exact
    rng = np.random.default_rng(1)
    # Positively homogeneous: the gradient at any point is that of a piece at 0.
    near = [np.asarray(jax.grad(lambda x: mlp(W, x))(d)) for d in rng.standard_normal((200, 2))]
    V = rng.standard_normal((20, 2))
    for v in V:
        assert D.support(v) == pytest.approx(max(g @ v for g in near), abs=1e-5)


def test_dead_units():
    W = random_weights([3, 4, 1])
    W[0] = W[0].at[0].set(0.0)
    X = jnp.asarray(np.random.default_rng(0).standard_normal((4, 3)), jnp.float32)
    D = clarke(lambda w: jnp.mean(jax.vmap(lambda x: mlp(w, x))(X)))(W)
    assert D.exact
    assert not D.is_singleton


def test_a_root_that_does_no_harm_is_bracketed():
    D = clarke(lambda x: x * jnp.sqrt(jnp.abs(x)))(0.0)
    assert not D.exact
    assert D.contains(0.0) is None
    assert D.is_singleton is None
    assert D.outer.contains(np.zeros(1))
    with pytest.raises(NotExactError, match="inner"):
        D.min_norm()


def test_pytrees_and_pieces():
    D = clarke(lambda p: jnp.abs(p["a"]) + relu(p["b"]).sum())({"a": 0.0, "b": zeros(2)})
    assert len(D.vertices) == 8
    assert D.support({"a": 1.0, "b": jnp.ones(2)}) == pytest.approx(3.0)
    assert set(D.min_norm()) == {"a", "b"}
    assert len(D.pieces) == 8
    for piece in D.pieces:
        # Anyone can check a piece by the gradient a little way along its direction.
        at = jax.tree.map(lambda d: jnp.asarray(1e-3 * d, jnp.float32), piece.direction)
        g = jax.grad(lambda p: jnp.abs(p["a"]) + relu(p["b"]).sum())(at)
        np.testing.assert_allclose(np.append(g["a"], g["b"]), piece.gradient)


def test_argnums_and_other_arguments():
    D = clarke(lambda a, b: jnp.abs(a * b), argnums=1)(2.0, 0.0)
    same_points(D.vertices, [[-2], [2]])


def test_repr_is_readable():
    assert repr(clarke(abs)(0.0)).startswith("ClarkeDifferential([-1, 1], exact")
    assert repr(clarke(jnp.sin)(0.0)).startswith("ClarkeDifferential({1}, exact")


def test_tie_tolerance():
    assert clarke(abs)(1e-3).is_singleton
    assert not clarke(abs, tie_tol=1e-2)(1e-3).is_singleton
    # Not zero in single precision's eyes: what 0.1 + 0.2 − 0.3 leaves.
    x = jnp.asarray(0.1, jnp.float32)
    assert not clarke(lambda x: jnp.abs(x + 0.2 - 0.3))(x).is_singleton


def test_sampling_says_that_it_proves_nothing():
    D = clarke(jnp.abs, samples=50, radius=0.1)(0.0)
    assert not D.exact
    same_points(D.sampled.vertices, [[-1], [1]])
    again = clarke(jnp.abs, samples=50, radius=0.1)(0.0)
    np.testing.assert_array_equal(D.sampled.points, again.sampled.points)


def test_zonotope_is_never_listed():
    D = clarke(lambda x: jnp.abs(x).sum() + 2 * x[0])(zeros(400))
    assert D.exact
    g = D.min_norm()
    assert g[0] == pytest.approx(1.0)
    assert np.abs(g[1:]).max() < 1e-8


def test_a_step_of_a_jump():
    # floor has another threshold on the other side of the sign.
    f = lambda x: x * jnp.floor(2.3 * jnp.sign(x))
    check(f, 0.0, [[-3], [2]])


def test_a_mask_that_is_broadcast():
    f = lambda x: jnp.where((x > 0)[:, None], x[:, None] * jnp.ones(2), 0.0).sum()
    check(f, zeros(3), [[2 * b for b in v] for v in cube(3)])


def test_a_loop_that_multiplies_by_zero_ends():
    # Whether it goes on hangs on the sign of 0·x from the second turn on.
    f = lambda x: jax.lax.while_loop(lambda h: h < 0, lambda h: 0.0 * h, x)
    check(f, 0.0, [[0], [1]])


def test_bfloat16():
    check(lambda x: jnp.abs(x).sum(), jnp.zeros(1, jnp.bfloat16), [[-1], [1]])


def test_arrays_that_f_closes_over_are_not_compiled_in(monkeypatch):
    sizes = []
    plain = _compile.hoisted

    def measured(f, *args):
        run, consts, tree = plain(f, *args)
        leaves = jax.tree.leaves(args)
        sizes.append(len(jax.jit(run).lower(consts, leaves).as_text()))
        return run, consts, tree

    monkeypatch.setattr(_compile, "hoisted", measured)
    A = jnp.asarray(np.random.default_rng(0).standard_normal((20, 10_000)), jnp.float32)
    f = lambda x: jnp.abs(A[:2] @ x).sum() + jnp.where(x[0] > 0, x[0] * (1 + x[1]), 0.0)
    assert clarke(f)(zeros(10_000)).exact
    assert clarke(lambda x: jnp.mean(jnp.abs(A @ x)))(jnp.ones(10_000)).is_singleton
    assert sizes
    assert max(sizes) < 100_000  # the array alone is 200,000 numbers
