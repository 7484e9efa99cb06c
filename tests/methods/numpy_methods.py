"""The methods once more, in NumPy alone, as the lecture writes them; and problems to run them on.

η and β may be functions of the step number, counted from 0.
"""

import numpy as np


def at(value, t):
    return value(t) if callable(value) else value


def gradient_descent(gradient, x, steps, eta):
    yield x
    for t in range(steps):
        x = x - at(eta, t) * gradient(x)
        yield x


def heavy_ball(gradient, x, steps, eta, beta=0.9):
    v = np.zeros_like(x)
    yield x
    for t in range(steps):
        v = at(beta, t) * v - gradient(x)
        x = x + at(eta, t) * v
        yield x


def nesterov(gradient, x, steps, eta, beta=0.9):
    v = np.zeros_like(x)
    yield x
    for t in range(steps):
        v = at(beta, t) * v - gradient(x + at(eta, t) * at(beta, t) * v)
        x = x + at(eta, t) * v
        yield x


def newton(gradient, x, steps, eta=1.0, damping=0.0):
    yield x
    for t in range(steps):
        H = hessian(gradient, x) + damping * np.eye(len(x))
        x = x - at(eta, t) * np.linalg.solve(H, gradient(x))
        yield x


def adagrad(gradient, x, steps, eta=0.01, eps=1e-8, start=0.0):
    s = np.full_like(x, start)
    yield x
    for t in range(steps):
        g = gradient(x)
        s = s + g * g
        x = x - at(eta, t) * divided(g, np.sqrt(s) + eps)
        yield x


def rmsprop(gradient, x, steps, eta=1e-3, beta=0.9, eps=1e-8, inside=True):
    G = np.zeros_like(x)
    yield x
    for t in range(steps):
        g = gradient(x)
        G = beta * G + (1 - beta) * g * g
        x = x - at(eta, t) * divided(g, root(G, eps, inside))
        yield x


def adadelta(gradient, x, steps, rho=0.9, eps_step=1e-6, eps_gradient=1e-6, start=0.0):
    G, u = np.zeros_like(x), np.full_like(x, start)
    yield x
    for _ in range(steps):
        g = gradient(x)
        G = rho * G + (1 - rho) * g * g
        step = divided(np.sqrt(u + eps_step) * g, np.sqrt(G + eps_gradient))
        x = x - step
        u = rho * u + (1 - rho) * step * step
        yield x


def adam(gradient, x, steps, eta=1e-3, b1=0.9, b2=0.999, eps=1e-8, corrected=True, inside=False):
    m, v = np.zeros_like(x), np.zeros_like(x)
    yield x
    for t in range(steps):
        g = gradient(x)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        m_hat = m / (1 - b1 ** (t + 1)) if corrected else m
        v_hat = v / (1 - b2 ** (t + 1)) if corrected else v
        x = x - at(eta, t) * divided(m_hat, root(v_hat, eps, inside))
        yield x


def root(square, eps, inside):
    return np.sqrt(square + eps) if inside else np.sqrt(square) + eps


def divided(above, below):
    return np.divide(above, below, out=np.zeros_like(above), where=below != 0)


# ---- problems: (value in any array library, gradient in NumPy, start)

RNG = np.random.default_rng(7)
DIAGONAL = np.array([1.0, 3.0, 20.0])
ROTATION = np.linalg.qr(RNG.standard_normal((3, 3)))[0]
A = (ROTATION * DIAGONAL) @ ROTATION.T
INPUTS, LABELS = RNG.standard_normal((2, 8)), RNG.standard_normal((1, 8))


def quadratic(x):
    return 0.5 * x @ A @ x


def rosenbrock(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def network(W1, W2, tanh=np.tanh):
    return 0.5 * ((W2 @ tanh(W1 @ INPUTS) - LABELS) ** 2).sum() / 8


def quadratic_gradient(x):
    return A @ x


def rosenbrock_gradient(x):
    inner = x[1] - x[0] ** 2
    return np.array([-400 * x[0] * inner - 2 * (1 - x[0]), 200 * inner])


def network_gradient(flat):
    W1, W2 = flat[:6].reshape(3, 2), flat[6:].reshape(1, 3)
    hidden = np.tanh(W1 @ INPUTS)
    residual = (W2 @ hidden - LABELS) / 8
    back = (W2.T @ residual) * (1 - hidden**2)
    return np.concatenate([(back @ INPUTS.T).ravel(), (residual @ hidden.T).ravel()])


def all_gradients(x):
    """Of the three side by side: network (9), quadratic (3), Rosenbrock (2)."""
    return np.concatenate(
        [network_gradient(x[:9]), quadratic_gradient(x[9:12]), rosenbrock_gradient(x[12:])]
    )


START = {
    "network": [RNG.standard_normal((3, 2)), RNG.standard_normal((1, 3))],
    "quadratic": np.array([1.0, -2.0, 0.5]),
    "rosenbrock": np.array([-1.2, 1.0]),
}
FLAT_START = np.concatenate(
    [*map(np.ravel, START["network"]), START["quadratic"], START["rosenbrock"]]
)


def hessian(gradient, x):
    """By complex steps, exact to rounding."""
    h = 1e-30
    columns = [gradient(x + 1j * h * e).imag / h for e in np.eye(len(x))]
    H = np.stack(columns, axis=1)
    return (H + H.T) / 2
