"""Which step size is safe? The descent lemma on logistic regression with the digits 0 and 1.

python examples/certify_logistic_regression.py
"""

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits

import steepest as st

X, y = load_digits(n_class=2, return_X_y=True)
X, y = np.asarray(X) / 16.0, 2.0 * np.asarray(y) - 1.0


def loss(w):
    return jnp.mean(jax.nn.softplus(-y * (X @ w)))


# The Hessian is Xᵀ D X / n with 0 ≤ D ≤ 1/4: a constant that holds everywhere.
beta = float(np.linalg.norm(X, 2) ** 2 / (4 * len(X)))
w0 = np.zeros(X.shape[1])

for claimed in (None, beta, beta / 50):
    p = st.Problem(loss, w0, smoothness=claimed, minimum=0.0)
    print(f"smoothness given: {claimed}")
    print(st.theorems.descent_lemma(p, steps=300))
    print(st.theorems.stationary_point(p, steps=300), end="\n\n")
