"""A small problem and its trials, for the tests of the study."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from steepest.study.configuration import Configuration, Surroundings
from steepest.study.plan import Decay
from steepest.study.problem import JaxProblem

EXAMPLES = (43, 60, 12)  # of the three sets; batches of 8 leave a rest


def data(examples=EXAMPLES):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((sum(examples), 3)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] + 0.3 * X[:, 2] > 0).astype(np.int32)
    ends = np.cumsum(examples)[:-1]
    return list(zip(np.split(X, ends), np.split(y, ends), strict=True))


def init(key):
    first, second = jax.random.split(key)
    return {"V": jax.random.normal(first, (3, 5)), "w": 0.3 * jax.random.normal(second, (5,))}


def score(params, X):
    return jnp.tanh(X @ params["V"]) @ params["w"]


def cross_entropy(params, batch):
    X, y = batch
    return jnp.mean(jax.nn.softplus(score(params, X) * (1 - 2 * y)))


def loss(params, batch, key):
    """With noise on the inputs: the key matters."""
    X, y = batch
    return cross_entropy(params, (X + 0.1 * jax.random.normal(key, X.shape), y))


def metrics(params, batch):
    X, y = batch
    return {
        "loss": cross_entropy(params, batch),
        "error": jnp.mean((score(params, X) > 0) != (y > 0)),
    }


def problem(**changes):
    return replace(JaxProblem("small:problem", init, loss, metrics, *data()), **changes)


def trial(step=0.05, method="heavy_ball", seed=0, width=1, decay=None, **changes):
    hyperparameters = {"learning_rate": step, **changes.pop("hyperparameters", {})}
    return replace(
        Configuration(
            problem="small:problem",
            method=method,
            hyperparameters=tuple(sorted(hyperparameters.items())),
            decay=decay or Decay("on plateau", 0.5),
            select="dev error",
            epochs=3,
            batch=8,
            width=width,
            seed=seed,
            surroundings=Surroundings("0" * 64, None),
        ),
        **changes,
    )


def numbers(result):
    """All that a result says, to the last bit."""
    return (
        {name: values.tobytes() for name, values in result.metrics.items()},
        result.step_sizes.tobytes(),
        result.diverged,
    )
