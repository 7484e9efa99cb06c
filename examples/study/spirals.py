"""A problem of your own for `steepest study`: a network that tells two spirals apart.

steepest study run examples/study/spirals.toml --store out/spirals
"""

import jax
import jax.numpy as jnp
import numpy as np


class Spirals:
    """Points of two spirals in the plane; an example is (point, which spiral)."""

    def init(self, key):
        """The parameters: any pytree of floats."""
        hidden, out = jax.random.split(key)
        return {
            "W": jax.random.normal(hidden, (2, 32)) / jnp.sqrt(2.0),
            "b": jnp.zeros(32),
            "v": jax.random.normal(out, (32,)) / jnp.sqrt(32.0),
        }

    def loss(self, params, batch, key):
        """The mean over the batch. The key is the step's own, for dropout and the like."""
        _, labels = batch
        return jnp.mean(jnp.logaddexp(0.0, -labels * self._logits(params, batch)))

    def metrics(self, params, batch):
        """Means over the batch; the study takes them on the train, the dev and the test set."""
        _, labels = batch
        wrong = labels * self._logits(params, batch) <= 0
        return {"loss": self.loss(params, batch, None), "error": jnp.mean(wrong)}

    def data(self):
        """The train, dev and test sets: pytrees of arrays with a leading axis of examples."""
        return self._points(400, seed=0), self._points(200, seed=1), self._points(200, seed=2)

    def _logits(self, params, batch):
        points, _ = batch
        return jnp.tanh(points @ params["W"] + params["b"]) @ params["v"]

    def _points(self, count, seed):
        draw = np.random.default_rng(seed)
        labels = np.where(np.arange(count) % 2, 1.0, -1.0)
        turn = draw.uniform(0.5, 5.0, count)
        points = turn * labels * np.stack([np.cos(turn), np.sin(turn)]) / 5.0
        points += 0.08 * draw.normal(size=points.shape)
        return points.T.astype(np.float32), labels.astype(np.float32)
