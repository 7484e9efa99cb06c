"""The instances that the lecture's claims are run on."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from steepest.errors import MissingExtraError
from steepest.losses import MeanLoss, mean_loss
from steepest.theorems.problem import Problem

Layers = list[Float[Array, "out in"]]


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
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingExtraError(
            "the digits images come with scikit-learn, which is not installed: "
            "pip install 'steepest[lecture]'"
        ) from error
    pixels, targets = load_digits(return_X_y=True)
    return Digits(np.asarray(pixels) / 16.0, np.eye(10)[np.asarray(targets)])


def relu_network(W: Layers, x: Float[Array, " in"]) -> Float[Array, " out"]:
    """f(x; W_1 … W_L) = W_L σ(… σ(W_1 x)), σ = ReLU, no biases."""
    for layer in W[:-1]:
        x = jax.nn.relu(layer @ x)
    return W[-1] @ x


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


def random_quadratic(key: Array, dimension: int, condition: float) -> Problem:
    """½(x − c)ᵀA(x − c) with eigenvalues of A spread geometrically from 1/condition to 1."""
    rng = np.random.default_rng(int(jax.random.randint(key, (), 0, 2**31 - 1)))
    rotation, _ = np.linalg.qr(rng.standard_normal((dimension, dimension)))
    eigenvalues = np.geomspace(1 / condition, 1.0, dimension)
    A = (rotation * eigenvalues) @ rotation.T
    center = rng.standard_normal(dimension)
    f = lambda x: 0.5 * (x - center) @ A @ (x - center)
    return Problem(f, rng.standard_normal(dimension) * 3)
