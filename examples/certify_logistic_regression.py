"""Which step size is safe? Logistic regression with a ridge on the breast-cancer data.

β and μ are found by hand and measured; the descent lemma (D1) says which steps lower the loss,
Nesterov's theorem (D5) how fast momentum gets there, and `st.rate` what gradient descent did.

python examples/certify_logistic_regression.py
"""

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_breast_cancer

import steepest as st

RIDGE = 1e-2

X, labels = load_breast_cancer(return_X_y=True)
X = np.asarray(X)
X = (X - X.mean(axis=0)) / X.std(axis=0)
y = np.where(np.asarray(labels) == 1, 1.0, -1.0)
w0 = np.zeros(X.shape[1])


def loss(w):
    return jnp.mean(jax.nn.softplus(-y * (X @ w))) + RIDGE / 2 * jnp.sum(w**2)


# The Hessian is Xᵀ D X / n + ridge with 0 ≤ D ≤ 1/4: these two hold everywhere.
beta = float(np.linalg.norm(X, 2) ** 2 / (4 * len(X))) + RIDGE
mu = RIDGE
kappa = beta / mu
print(f"β = {beta:.4g}, μ = {mu:.4g}, κ = {kappa:.4g}: a step of 1/β = {1 / beta:.4g} is safe\n")

# The descent lemma: with β known, with β measured along the run, and with one that is too small.
for claimed in (beta, None, beta / 50):
    c = st.certify("D1", st.Problem(loss, w0, smoothness=claimed, minimum=0.0), steps=300)
    given = "measured" if claimed is None else f"{claimed:.4g} given"
    step = 1 / next(h.value for h in c.hypotheses if h.value)
    safe = {True: "safe on this run", False: "NOT safe", None: "not known"}[c.holds]
    print(f"β {given}: a step of {step:.4g} is {safe}\n{c}\n")

# Gradient descent with η = 1/β shrinks the distance to x* by 1 − μ/β a step, and f − min f by its
# square (Taylor, Hendrickx, Glineur 2018).
p = st.Problem(loss, w0, smoothness=beta, strong_convexity=mu)
fast = st.certify("D5", p, steps=400)
print(fast, end="\n\n")
least = fast.trajectory.values[0] - fast.measured[0]
with jax.enable_x64(True):
    plain = st.descend(loss, w0, st.methods.gradient_descent(1 / beta), steps=4000)
measured = st.rate(plain, minimum=least)
print(f"gradient descent, f − min f: {measured}")
print(f"  the theory's factor is at most (1 − μ/β)² = {(1 - mu / beta) ** 2:.6g}")
print(f"  steps to 1e-6 of the gap: {measured.iterations(1e-6)}")
print(f"  and with Nesterov's momentum: {st.rate(fast.trajectory, minimum=least).iterations(1e-6)}")
