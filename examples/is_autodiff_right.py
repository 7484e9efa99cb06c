"""Is automatic differentiation right at this kink? A network trained until units die.

A bias-free ReLU network is trained on a few digits and one image of zeros until most of its hidden
units are dead on every image; on the zeros every unit sits exactly on its kink.

    python examples/is_autodiff_right.py
"""

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits

import steepest as st

X, y = load_digits(n_class=2, return_X_y=True)
X = np.vstack([np.asarray(X)[:12] / 16.0, np.zeros((1, 64))]).astype(np.float32)
y = np.append(2.0 * np.asarray(y)[:12] - 1.0, 1.0).astype(np.float32)


def loss(W):
    hidden = jax.nn.relu(X @ W["in"].T)
    return jnp.mean((hidden @ W["out"] - y) ** 2)


keys = jax.random.split(jax.random.key(0))
W = {"in": jax.random.normal(keys[0], (6, 64)) / 4, "out": jax.random.normal(keys[1], (6,)) / 2}
run = st.descend(loss, W, st.methods.gradient_descent(0.1), steps=200)
trained = run.final
dead = np.sum(np.all(np.asarray(X @ trained["in"].T) <= 0, axis=0))
print(f"loss {run.values[0]:.4f} -> {run.values[-1]:.4f}; {dead} of 6 units dead on all images")

check = st.check_autodiff(loss)(trained)
print("jax.grad is a subgradient of the loss here:", check.valid)
print(check.reason)
print(check.differential)
