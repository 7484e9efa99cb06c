"""Laws of known models; and each law is held against jax.grad of losses on random data."""

import functools

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from unchecked import unchecked

relu = jax.nn.relu
rng = np.random.default_rng(3)


def normal(*shape):
    return jnp.array(rng.standard_normal(shape), jnp.float32)


def attention(p, x):
    q, k, v = x @ p["q"], x @ p["k"], x @ p["v"]
    return jax.nn.softmax(q @ k.T / np.sqrt(2)) @ v @ p["o"]


def layer_norm(y):
    y = y - jnp.mean(y)
    return y / jnp.sqrt(jnp.mean(y**2))


def images(p, x):
    h = relu(jax.lax.conv(x[None], p[0], (1, 1), "SAME"))
    return jnp.mean(jax.lax.conv(h, p[1], (1, 1), "SAME"), (2, 3))[0]


def deep(p, x):
    return p[2] @ relu(p[1] @ relu(p[0] @ x))


# Row 1 of the middle layer is dead behind ReLUs; the others are neither dead nor always on.
DEAD = np.array([[1.0, -1.0, 1.0], [-1.0, -2.0, -1.0], [1.0, 1.0, -1.0]], np.float32)
# (model, params, one input, number of laws, all in closed form)
CASES = {
    "one hidden layer": (
        lambda p, x: p["W2"] @ relu(p["W1"] @ x),
        {"W1": normal(3, 4), "W2": normal(2, 3)},
        normal(4),
        3,
    ),
    "biases": (
        lambda p, x: p["W2"] @ relu(p["W1"] @ x + p["b"]) + p["c"],
        {"W1": normal(3, 2), "W2": normal(2, 3), "b": normal(3), "c": normal(2)},
        normal(2),
        3,
    ),
    "leaky, started at zero": (
        lambda p, x: p[1] @ jax.nn.leaky_relu(p[0] @ x),
        [jnp.zeros((2, 3)), jnp.zeros((2, 2))],
        normal(3),
        2,
    ),
    # ‖·‖² − ‖·‖² of 3 + 2 units, and 3 + 2 entries of no use.
    "a dead unit": (deep, [normal(3, 3), jnp.array(DEAD), normal(2, 3)], normal(3), 10),
    # Two units that are always on are a linear layer: one law more.
    "units always on": (deep, [normal(3, 3), jnp.ones((2, 3)), normal(2, 2)], normal(3), 6),
    "three linear layers": (
        lambda p, x: p[2] @ (p[1] @ (p[0] @ x)),
        [normal(2, 2), normal(2, 2), normal(2, 2)],
        normal(2),
        6,
    ),
    "attention": (
        attention,
        {"q": normal(3, 2), "k": normal(3, 2), "v": normal(3, 2), "o": normal(2, 3)},
        normal(3, 3),
        6,
    ),
    # ‖W‖², and the columns' sums.
    "layer norm": (lambda p, x: layer_norm(p @ x), normal(4, 2), normal(2), 3),
    "softmax at the end": (
        lambda p, x: jax.nn.log_softmax(p["W"] @ x + p["b"]),
        {"W": normal(3, 2), "b": normal(3)},
        normal(2),
        3,
    ),
    "convolutions": (images, [normal(2, 1, 2, 2), normal(2, 2, 2, 2)], normal(1, 4, 4), 2),
    "max pooling": (
        lambda p, x: jnp.max((p[0] @ x).reshape(2, 2), -1) @ p[1],
        [normal(4, 3), normal(2, 3)],
        normal(3),
        2,
    ),
    "a leaf of no use": (
        lambda p, x: p["b"] @ (p["a"] @ x),
        {"a": normal(1, 2), "b": normal(2, 1), "c": normal(2)},
        normal(2),
        3,
    ),
    "squares": (lambda p, x: p[1] @ (p[0] @ x) ** 2, [normal(2, 2), normal(1, 2)], normal(2), 2),
    "shared weights": (lambda p, x: p @ relu(p @ x), normal(3, 3), normal(3), 0),
    "tanh": (lambda p, x: p[1] @ jnp.tanh(p[0] @ x), [normal(3, 2), normal(2, 3)], normal(2), 0),
    "gelu": (
        lambda p, x: p[1] @ jax.nn.gelu(p[0] @ x),
        [normal(3, 2), normal(1, 3)],
        normal(2),
        0,
    ),
    "a sum": (lambda p, x: (p[0] + p[1]) * p[2] * x, [normal(), normal(), normal()], normal(), 2),
}


@functools.cache
def laws_of(name):
    model, params, x, count = CASES[name]
    return st.conservation_laws(model, params, x[None]), model, params, x, count


def slopes(model, params, x, laws, draws=2):
    """|⟨∇law, ∇loss⟩| / (‖∇law‖ ‖∇loss‖) for losses on random data, in float64 by jax.grad."""
    noise = np.random.default_rng(8)
    predict = jax.vmap(model, (None, 0))
    flat = lambda tree: jax.flatten_util.ravel_pytree(tree)[0]

    @jax.jit
    def at(p, X, Y):
        step = jax.grad(lambda p: jnp.sum((predict(p, X) - Y) ** 2))(p)
        return flat(step), [flat(jax.grad(law)(p)) for law in laws]

    with jax.enable_x64(True):
        params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
        for _ in range(draws):
            X = noise.standard_normal((4, *x.shape))
            move = lambda leaf: leaf * (1 + 0.05 * noise.standard_normal(leaf.shape))
            near = jax.tree.map(move, params)
            Y = noise.standard_normal(jax.eval_shape(predict, params, X).shape)
            step, gradients = at(near, X, Y)
            for law, slope in zip(laws, gradients, strict=True):
                sizes = np.linalg.norm(slope) * np.linalg.norm(step)
                yield str(law), abs(np.dot(slope, step)) / (sizes + 1e-300)


@pytest.mark.parametrize("name", CASES)
def test_known_models(name):
    laws, model, params, x, count = laws_of(name)
    assert laws.count == count, str(laws)
    assert laws.bounds == (count, count)
    assert laws.complete
    assert len(laws.explicit) == count
    for law, slope in slopes(model, params, x, laws.explicit):
        assert slope < 1e-10, law


def test_words():
    words = lambda name: {str(law) for law in laws_of(name)[0].explicit}
    assert words("one hidden layer") == {f"‖W1[{i},:]‖² − ‖W2[:,{i}]‖²" for i in range(3)}
    assert words("biases") == {f"‖W1[{i},:]‖² + b[{i}]² − ‖W2[:,{i}]‖²" for i in range(3)}
    assert "(kᵀ k − qᵀ q)[0,1]" in words("attention")
    assert words("softmax at the end") == {"ΣW[:,0]", "ΣW[:,1]", "Σb"}
    assert words("a leaf of no use") == {"‖a‖² − ‖b‖²", "c[0]", "c[1]"}
    assert "‖params[0][0,:]‖² − 2 ‖params[1][:,0]‖²" in words("squares")
    report = str(laws_of("one hidden layer")[0])
    assert "in 18 parameters: 3" in report
    assert "‖W1[2,:]‖² − ‖W2[:,2]‖²" in report


def test_what_holds_near_the_parameters_alone_is_said():
    laws = laws_of("a dead unit")[0]
    where = {str(law): law.everywhere for law in laws.explicit}
    assert where["params[1][1,0]"] is False
    assert where["‖params[0][0,:]‖² − ‖params[1][:,0]‖²"] is True
    assert "(near these parameters)" in str(laws)


@pytest.mark.parametrize(("n", "r", "m"), [(2, 2, 1), (1, 4, 1), (1, 3, 2)])
def test_two_linear_layers(n, r, m):
    """Marcotte, Gribonval, Peyré 2023, Proposition 4.2, with (n + m) × r the stacked factors."""
    params = {"U": normal(r, n), "V": normal(m, r)}
    laws = st.conservation_laws(lambda p, x: p["V"] @ (p["U"] @ x), params, normal(2, n))
    few = n + m
    count = r * (r + 1) // 2 if r <= few else few * r - few * (few - 1) // 2
    assert laws.count == count
    assert laws.complete


def test_a_trained_network_keeps_them():
    model = lambda p, x: p[2] @ relu(p[0] @ x + p[1])
    params = [normal(3, 2), normal(3), normal(1, 3)]
    X, Y = normal(6, 2), normal(6, 1)
    laws = st.conservation_laws(model, params, X)
    assert laws.count == 3
    with jax.enable_x64(True):
        wide = [jnp.array(np.asarray(leaf, np.float64)) for leaf in params]
        X, Y = (np.asarray(a, np.float64) for a in (X, Y))
        f = st.mean_loss(model, lambda p, y: jnp.sum((p - y) ** 2), X, Y)
        monitors = {str(law): law for law in laws.explicit}
        run = st.gradient_inclusion(f, wide, 1.0, monitors=monitors)
    assert run.values[-1] < 0.7 * run.values[0]
    for values in run.monitors.values():
        np.testing.assert_allclose(values, values[0], atol=1e-6)


def test_a_law_is_a_function_of_params():
    laws, _, params, _, _ = laws_of("one hidden layer")
    law = laws.explicit[1]
    wanted = jnp.sum(params["W1"][1] ** 2) - jnp.sum(params["W2"][:, 1] ** 2)
    np.testing.assert_allclose(jax.jit(law)(params), wanted, rtol=1e-5)
    assert law(params).dtype == jnp.float32
    assert law(jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params)).dtype == jnp.float32
    with pytest.raises(st.ArgumentError, match=r"the law is for \[\(3, 4\), \(2, 3\)\]"):
        law({"W1": params["W1"], "W2": jnp.ones((2, 4))})
    run = st.descend(
        lambda p: jnp.sum(p["W1"]) * jnp.sum(p["W2"]),
        params,
        st.methods.gradient_descent(1e-3),
        3,
        monitors={"law": law},
    )
    assert run.monitors["law"].shape == (4,)


def test_a_law_that_is_no_quadratic_form():
    """1/(3a) + log(b)/2, of (a³ + b²)x: counted, without a closed form."""
    params = {"a": normal(), "b": normal()}
    laws = st.conservation_laws(lambda p, x: (p["a"] ** 3 + p["b"] ** 2) * x, params, normal(1))
    assert laws.count == 1
    assert laws.complete is False
    assert "1 without a closed form" in str(laws)


def test_brackets_count():
    """(1, 0, 0) and (b, a, 1) span two dimensions, with their bracket (0, 1, 0) three."""
    model = lambda p, x: x[0] * p[0] + x[1] * (p[0] * p[1] + p[2])
    laws = st.conservation_laws(model, [normal(), normal(), normal()], normal(1, 2))
    assert laws.count == 0


def test_tiny_weights_make_no_laws():
    params = [normal(2, 2), normal(1, 2) * np.float32(1e-20)]
    laws = st.conservation_laws(lambda p, x: p[1] @ relu(p[0] @ x), params, normal(1, 2))
    assert laws.count in (2, None)
    assert len(laws.explicit) == 2
    laws = st.conservation_laws(lambda p, x: p[1] @ jnp.tanh(p[0] @ x), params, normal(1, 2))
    assert laws.count in (0, None)
    assert not laws.explicit


def test_one_input_number_is_not_known():
    """Units whose weights have one sign are on together: a linear layer, which is not proved."""
    u = jnp.array([[1.0], [2.0], [-1.0]])
    laws = st.conservation_laws(lambda p, x: p[1] @ relu(p[0] @ x), [u, normal(2, 3)], normal(2, 1))
    assert laws.count is None
    assert laws.complete is None
    assert laws.bounds == (3, 4)  # the truth is 4: between the two units with u > 0
    assert "not known" in laws.evidence


def test_steps_without_a_rule_are_not_known():
    model = lambda p, x: jnp.sort(p[0] @ x) @ p[1]
    laws = st.conservation_laws(model, [normal(2, 3), normal(2)], normal(2, 3))
    assert laws.count is None or laws.count == len(laws.explicit)
    assert laws.bounds[0] <= 1 <= laws.bounds[1]  # rescaled together, both layers


def test_a_large_network():
    model = lambda p, x: p["W2"] @ relu(p["W1"] @ x)
    params = {"W1": normal(64, 784), "W2": normal(10, 64)}
    laws = st.conservation_laws(model, params, normal(1, 784))
    assert laws.count is None
    assert "more than 1000 parameters" in laws.evidence
    assert {str(law) for law in laws.explicit} == {
        f"‖W1[{i},:]‖² − ‖W2[:,{i}]‖²" for i in range(64)
    }


def test_tokens_are_taken_as_given():
    params = {"E": normal(5, 2), "out": normal(2, 2)}
    model = lambda p, x: p["out"] @ jnp.sum(p["E"][x], 0)
    laws = st.conservation_laws(model, params, jnp.array([[0, 1], [2, 1], [1, 0], [3, 0]]))
    words = {str(law) for law in laws.explicit}
    assert {"E[4,0]", "E[4,1]"} < words  # a word that is not used
    assert {f"E[0,{k}] − E[1,{k}] + E[2,{k}] − E[3,{k}]" for k in (0, 1)} < words
    assert laws.count == 2 + 2 + 3
    assert "the given inputs" in laws.evidence


def test_saturated_units_are_no_laws():
    """tanh is 1 to rounding in float64, for every input that is likely; its weights do move."""
    params = [normal(2, 2), jnp.full(2, 60.0), normal(1, 2)]
    laws = st.conservation_laws(lambda p, x: p[2] @ jnp.tanh(p[0] @ x + p[1]), params, normal(2, 2))
    assert laws.count in (0, None)
    assert not laws.explicit


def test_a_model_of_whole_batches():
    model = lambda p, x: jnp.mean(relu(jax.lax.conv(x, p, (1, 1), "SAME")), (2, 3))
    laws = st.conservation_laws(model, normal(1, 1, 2, 2), normal(2, 1, 3, 3))
    assert laws.called == "on all inputs at once"
    assert laws.count == 0


def test_same_key_same_answer():
    laws, model, params, x, _ = laws_of("biases")
    again = st.conservation_laws(model, params, x[None], key=jax.random.key(0))
    assert str(again) == str(laws)


def test_a_model_that_is_rarely_finite():
    """log(x) of two numbers that are seldom both positive: no field is missed for that."""
    model = lambda p, x: jnp.sum(p @ jnp.log(x))
    laws = st.conservation_laws(model, normal(2, 3), jnp.ones((1, 3)))
    assert laws.count == 3
    assert {str(law) for law in laws.explicit} == {
        f"params[0,{k}] − params[1,{k}]" for k in range(3)
    }


def test_wrong_arguments():
    linear = lambda p, x: p @ x
    with pytest.raises(st.ArgumentError, match="model is 3; it must be a function"):
        unchecked(st.conservation_laws)(3, jnp.ones((2, 2)), jnp.ones((1, 2)))
    with pytest.raises(st.ArgumentError, match="params is an integer"):
        st.conservation_laws(linear, jnp.ones((2, 2), int), jnp.ones((1, 2)))
    with pytest.raises(st.ArgumentError, match=r"raised TypeError for the first of the inputs"):
        st.conservation_laws(linear, jnp.ones((2, 3)), jnp.ones((1, 2)))
    with pytest.raises(st.ArgumentError, match="raised TypeError"):
        st.conservation_laws(lambda p: p, jnp.ones(2), jnp.ones((1, 2)))
    with pytest.raises(st.ArgumentError, match=r"returns int32\[2\]"):
        st.conservation_laws(lambda p, x: jnp.argsort(p * x), jnp.ones(2), jnp.ones((1, 2)))
    with pytest.raises(st.DataError, match="not finite"):
        st.conservation_laws(linear, jnp.ones((2, 2)), jnp.array([[1.0, jnp.nan]]))
    with pytest.raises(st.ArgumentError, match="outside jit"):
        jax.jit(lambda p: st.conservation_laws(linear, p, jnp.ones((1, 2))).bounds)(jnp.ones(2))
    with pytest.raises(st.ArgumentError, match="limit"):
        st.conservation_laws(linear, jnp.ones((2, 2)), jnp.ones((1, 2)), limit=-1)


def test_steps_that_cannot_be_differentiated():
    def looped(p, x):
        return jax.lax.while_loop(lambda h: jnp.sum(h) < 9, lambda h: h + p**2, x)

    with pytest.raises(st.UnsupportedPrimitiveError, match="cannot be differentiated"):
        st.conservation_laws(looped, jnp.ones(2), jnp.ones((1, 2)))

    def called_back(p, x):
        return jax.pure_callback(
            lambda a: np.asarray(a), jax.ShapeDtypeStruct((2,), p.dtype), p * x
        )

    with pytest.raises(st.UnsupportedPrimitiveError, match="cannot be differentiated"):
        st.conservation_laws(called_back, jnp.ones(2), jnp.ones((1, 2)))


def test_what_is_rounding_of_a_bracket_is_no_rank():
    """√(a²) is a near a = 0.7, and its second derivative is what cancelling leaves."""
    params = {"a": 0.7, "b": 1.3}
    laws = st.conservation_laws(
        lambda p, x: (jnp.sqrt(p["a"] ** 2) + p["b"]) * x, params, normal(9, 4)
    )
    assert laws.count == 1


def test_what_holds_to_eleven_digits_is_no_law():
    params = {"a": jnp.float32(0.7), "b": jnp.float32(1.3)}
    model = lambda p, x: p["a"] * p["b"] * x + 1e-11 * p["a"] * x**2
    laws = st.conservation_laws(model, params, normal(9, 4))
    assert laws.count is None
    assert not laws.explicit


def test_a_model_that_is_nowhere_finite_is_refused():
    params = {"a": jnp.float32(0.7), "b": jnp.float32(1.3)}
    model = lambda p, x: jnp.log(-(p["a"] ** 2)) * p["b"] * x
    with pytest.raises(st.ArgumentError, match="not finite"):
        st.conservation_laws(model, params, normal(9, 4))
