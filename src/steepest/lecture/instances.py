"""The instances that the lecture's claims are run on."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from steepest.losses import MeanLoss, mean_loss
from steepest.study.problems.digits import images_of_digits
from steepest.theorems.problem import Problem

Layers = list[Float[Array, "_ _"]]  # each of its own size


class Digits(NamedTuple):
    """The 8×8 digit images that scikit-learn ships: pixels in [0, 1], labels one-hot."""

    images: Float[np.ndarray, "n 64"]
    labels: Float[np.ndarray, "n 10"]


@cache
def digits() -> Digits:
    """All 1,797 images, in float64.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    pixels, targets = images_of_digits()
    return Digits(pixels / 16.0, np.eye(10)[targets])


def relu_network(W: Layers, x: Float[Array, " in"]) -> Float[Array, " out"]:
    """f(x; W_1 … W_L) = W_L σ(… σ(W_1 x)), σ = ReLU, no biases."""
    for layer in W[:-1]:
        x = jax.nn.relu(layer @ x)
    return W[-1] @ x


def network_at_kinks(
    key: Array, widths: tuple[int, ...]
) -> tuple[list[np.ndarray], Float[np.ndarray, " in"]]:
    """Layers of a ReLU network and an input at which two units of the first lie on their kink.

    Layers are drawn again while the network is 0 at the input, where its identities say little.
    """
    norms = tuple(float(np.sqrt(2 * fan_out)) for fan_out in widths[1:])  # signals keep their size
    x = np.resize([1.0, -2.0, 0.5], widths[0])
    while True:
        key, drawn = jax.random.split(key)
        W = [np.array(layer, np.float64) for layer in random_layers(drawn, widths, norms)]
        # Sums of few bits: zero in any order of summation.
        W[0][:2] = 0.0
        W[0][0, :2] = [2.0, 1.0]
        W[0][1, :3] = [0.5, 0.5, 1.0]
        if np.any(relu_network([jnp.asarray(layer) for layer in W], jnp.asarray(x))):
            return W, x


NORMS: dict[str, Callable[[Any], Any]] = {
    r"$p = 1$": lambda x: jnp.sum(jnp.abs(x)),
    r"$p = 3/2$": lambda x: jnp.linalg.norm(x, 1.5),
    r"$p = 2$": jnp.linalg.norm,
    r"$p = 3$": lambda x: jnp.linalg.norm(x, 3),
    r"$p = \infty$": lambda x: jnp.max(jnp.abs(x)),
    "nuclear": lambda A: jnp.linalg.norm(A, "nuc"),
}


def monomial(powers: Sequence[Fraction]) -> Callable[[Float[Array, " d"]], Float[Array, ""]]:
    """∏ xᵢ^pᵢ; whole powers are taken as such, at any signs."""
    exponents = [p.numerator if p.denominator == 1 else float(p) for p in powers]
    return lambda x: reduce(operator.mul, [x[i] ** p for i, p in enumerate(exponents)])


def quadratic_loss(prediction: Float[Array, " out"], y: Float[Array, " out"]) -> Float[Array, ""]:
    """½‖prediction − y‖²."""
    return 0.5 * jnp.sum((prediction - y) ** 2)


def random_layers(key: Array, widths: tuple[int, ...], norms: tuple[float, ...]) -> Layers:
    """Gaussian layers, each scaled to a Frobenius norm."""
    keys = jax.random.split(key, len(norms))
    layers = []
    for k, fan_in, fan_out, size in zip(keys, widths[:-1], widths[1:], norms, strict=True):
        W = jax.random.normal(k, (fan_out, fan_in))
        layers.append(W * (size / jnp.linalg.norm(W)))
    return layers


def digits_loss(examples: int) -> MeanLoss:
    """The quadratic loss of a ReLU network on the first so many digits."""
    data = digits()
    X, Y = data.images[:examples], data.labels[:examples]
    return mean_loss(relu_network, quadratic_loss, X.astype(np.float32), Y.astype(np.float32))


def small_network(
    key: Array, norms: tuple[float, ...] | None = None, *, examples: int = 12
) -> Problem:
    """The quadratic loss of a 3–8–8–1 ReLU network on random data, kept in double.

    Layers are Gaussian, of variance one over what comes in, or scaled to these Frobenius norms.
    """
    rng = np.random.default_rng(int(jax.random.randint(key, (), 0, 2**31 - 1)))
    X, Y = rng.standard_normal((examples, 3)), rng.standard_normal((examples, 1))
    W = [rng.standard_normal(s) / np.sqrt(s[1]) for s in ((8, 3), (8, 8), (1, 8))]
    if norms is not None:
        W = [w * (size / np.linalg.norm(w)) for w, size in zip(W, norms, strict=True)]
    with jax.enable_x64(True):  # else the data are rounded to single precision
        return Problem(mean_loss(relu_network, quadratic_loss, X, Y), W)


def random_quadratic(key: Array, dimension: int, condition: float) -> Problem:
    """½(x − c)ᵀA(x − c) with eigenvalues of A spread geometrically from 1/condition to 1."""
    rng = np.random.default_rng(int(jax.random.randint(key, (), 0, 2**31 - 1)))
    rotation, _ = np.linalg.qr(rng.standard_normal((dimension, dimension)))
    eigenvalues = np.geomspace(1 / condition, 1.0, dimension)
    A = (rotation * eigenvalues) @ rotation.T
    center = rng.standard_normal(dimension)
    f = lambda x: 0.5 * (x - center) @ A @ (x - center)
    return Problem(f, rng.standard_normal(dimension) * 3)
