"""Random programs of homogeneous building blocks, with some that break homogeneity mixed in.

A program is a list of steps; each takes earlier values, arrays of one length, and makes another.
Beside it stands the degree in each leaf that the author of the program would write down, None once
something may have broken it: an inference of its own, on the blocks and not on the primitives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

LENGTH, LEAVES = 4, 3
Degree = tuple[Fraction, ...] | None


def _rolled_sum(c, u):
    return lax.conv(u[None, None], jnp.asarray([[[1.0, 2.0, -1.0]]], u.dtype), (1,), "SAME")[0, 0]


def _scan_sum(c, u):
    return lax.scan(lambda s, x: (jnp.maximum(0.5 * s, x), s + x), jnp.zeros_like(u[0]), u)[1]


def _scan_back(c, u):
    return lax.scan(lambda s, x: (s - x, jnp.abs(s)), jnp.zeros_like(u[0]), u, reverse=True)[1]


def _loop(c, u):
    return lax.fori_loop(0, 3, lambda i, s: s.at[i].set(s[i + 1] + u[i]), u)


def _doubled_until(c, u):
    size = jnp.max(jnp.abs(u))
    go_on = lambda s: jnp.max(jnp.abs(s)) < 5 * size
    return lax.while_loop(go_on, lambda s: 2 * s, u + 0.1 * size)


def _grown(c, u):
    """Degree 1 + LENGTH: the carry grows."""
    return lax.scan(lambda s, x: (s * x, None), u, jnp.abs(u))[0]


def _softmax_of_quotient(c, u):
    return jax.nn.softmax(u / jnp.max(jnp.abs(u)))


# name → (how many arguments, function of a constant and them, power)
KEEPING: dict[str, tuple[Callable[..., Any], Fraction]] = {
    name: (f, Fraction(power))
    for name, f, power in [
        ("abs", lambda c, u: jnp.abs(u), 1),
        ("relu", lambda c, u: jax.nn.relu(u), 1),
        ("leaky", lambda c, u: jax.nn.leaky_relu(u, 0.1), 1),
        ("scale", lambda c, u: c * u, 1),
        ("square", lambda c, u: u**2, 2),
        ("cube", lambda c, u: u**3, 3),
        ("root", lambda c, u: jnp.sqrt(jnp.abs(u)), Fraction(1, 2)),
        ("third", lambda c, u: jnp.abs(u) ** (1 / 3), Fraction(1, 3)),
        ("norm", lambda c, u: u[::-1] + jnp.linalg.norm(u), 1),
        ("normalized", lambda c, u: u / jnp.linalg.norm(u), 0),
        ("safely", lambda c, u: u / jnp.where(jnp.max(jnp.abs(u)) > 0, jnp.max(jnp.abs(u)), 1), 0),
        ("sort", lambda c, u: jnp.sort(u), 1),
        ("ranked", lambda c, u: u[jnp.argsort(-jnp.abs(u))], 1),
        ("running sum", lambda c, u: jnp.cumsum(u), 1),
        ("running max", lambda c, u: lax.cummax(u), 1),
        ("median", lambda c, u: u - jnp.median(u), 1),
        ("std", lambda c, u: u * 0 + jnp.std(u), 1),
        ("product", lambda c, u: jnp.prod(u) * jnp.ones(LENGTH), LENGTH),
        ("one of a running product", lambda c, u: jnp.cumprod(u)[1] * u, 3),
        ("powers, then one", lambda c, u: (jnp.abs(u) ** jnp.arange(1.0, 5.0))[2] + 0 * u, 3),
        ("padded", lambda c, u: jnp.pad(u, 1)[: LENGTH + 2][1:-1], 1),
        ("rolled", lambda c, u: jnp.roll(u, 1), 1),
        ("convolved", _rolled_sum, 1),
        ("pooled", lambda c, u: lax.reduce_window(u, -jnp.inf, lax.max, (3,), (1,), "SAME"), 1),
        ("sign", lambda c, u: jnp.sign(u), 0),
        ("scan", _scan_sum, 1),
        ("scan back", _scan_back, 1),
        ("loop", _loop, 1),
        ("doubled", _doubled_until, 1),
        ("grown", _grown, 1 + LENGTH),
        ("softmax", _softmax_of_quotient, 0),
        ("geometric mean", lambda c, u: jnp.exp(jnp.mean(jnp.log(jnp.abs(u)))) + 0 * u, 1),
        ("derivative", lambda c, u: jax.grad(lambda v: jnp.sum(jax.nn.relu(v) ** 3))(u), 2),
        ("determinant", lambda c, u: jnp.linalg.det(u.reshape(2, 2)) * jnp.ones(LENGTH), 2),
        ("mapped", lambda c, u: jax.vmap(lambda v: v * jnp.max(u))(u), 2),
    ]
}
JOINING: dict[str, Callable[..., Any]] = {
    "add": lambda c, u, v: u + v,
    "subtract": lambda c, u, v: u - c * v,
    "max": lambda c, u, v: jnp.maximum(u, v),
    "min": lambda c, u, v: jnp.minimum(u, c * v),
    "where": lambda c, u, v: jnp.where(u > v, u, c * v),
    "cond": lambda c, u, v: lax.cond(u[0] > v[1], lambda: u, lambda: v),
    "masked": lambda c, u, v: jnp.where(jnp.arange(LENGTH) < 2, u, v),
    "halves": lambda c, u, v: jnp.concatenate([u[:2], v[2:]]),
    "set": lambda c, u, v: u.at[1].set(v[0]),
    "added": lambda c, u, v: u.at[jnp.array([0, 0])].add(v[:2]),
    "stacked": lambda c, u, v: jnp.max(jnp.stack([u, v]), 0),
    "median": lambda c, u, v: jnp.median(jnp.stack([u, v, u - v]), 0),
}
MULTIPLYING: dict[str, tuple[Callable[..., Any], int]] = {
    "times": (lambda c, u, v: u * v, 1),
    "over": (lambda c, u, v: u / (jnp.abs(v) + jnp.max(jnp.abs(v))), -1),
    "inner": (lambda c, u, v: (u @ v) * jnp.ones(LENGTH), 1),
    "outer": (lambda c, u, v: jnp.max(jnp.outer(u, v), 0), 1),
    "matrix": (lambda c, u, v: jnp.tile(u.reshape(2, 2) @ v.reshape(2, 2)[0], 2), 1),
}
BREAKING: dict[str, Callable[..., Any]] = {
    "tanh": lambda c, u: jnp.tanh(u),
    "exp": lambda c, u: jnp.exp(-jnp.abs(u)),
    "bias": lambda c, u: u + c,
    "threshold": lambda c, u: jnp.where(u > c, u, 0),
    "floor": lambda c, u: jnp.maximum(u, c),
    "one entry": lambda c, u: u.at[0].set(c),
    "padded": lambda c, u: jnp.pad(u[1:], (0, 1), constant_values=c),
    "epsilon": lambda c, u: u / jnp.sqrt(jnp.mean(u**2) + jnp.abs(c)),
    "sine": lambda c, u: u * (2 + jnp.sin(jnp.log(jnp.sum(u**2)))),
}


@dataclass(frozen=True)
class Program:
    """steps: (name, function, which earlier values); degree: in each leaf, as its author thinks."""

    steps: tuple[tuple[str, Callable[..., Any], tuple[int, ...]], ...]
    degree: Degree

    def __call__(self, constants: Any, leaves: Any) -> jax.Array:
        values = list(leaves)
        for k, (_, f, places) in enumerate(self.steps):
            values.append(f(constants[k], *(values[i] for i in places)))
        return values[-1]

    def __str__(self) -> str:
        return " | ".join(f"{name}{places}" for name, _, places in self.steps)


def random_program(rng: np.random.Generator, size: int) -> Program:
    degrees: list[Degree] = [tuple(Fraction(i == j) for j in range(LEAVES)) for i in range(LEAVES)]
    steps = []
    while len(steps) < size:
        kind = rng.choice(4, p=[0.45, 0.3, 0.2, 0.05])
        u, v = (int(i) for i in rng.integers(max(0, len(degrees) - 4), len(degrees), 2))
        if kind == 0:
            name = str(rng.choice(list(KEEPING)))
            f, power = KEEPING[name]
            places, degree = (u,), _times(degrees[u], power)
        elif kind == 1:
            alike = [i for i, d in enumerate(degrees) if d == degrees[u]]
            v = int(rng.choice(alike)) if rng.random() < 0.85 else v
            name = str(rng.choice(list(JOINING)))
            f, places = JOINING[name], (u, v)
            degree = degrees[u] if degrees[u] == degrees[v] else None
        elif kind == 2:
            name = str(rng.choice(list(MULTIPLYING)))
            f, sign = MULTIPLYING[name]
            places, degree = (u, v), _plus(degrees[u], _times(degrees[v], Fraction(sign)))
        else:
            name = str(rng.choice(list(BREAKING)))
            f, places, degree = BREAKING[name], (u,), None
        if degree is not None and max(map(abs, degree)) > 12:
            continue
        steps.append((name, f, places))
        degrees.append(degree)
    return Program(tuple(steps), degrees[-1])


def _times(a: Degree, power: Fraction) -> Degree:
    return a and tuple(power * x for x in a)


def _plus(a: Degree, b: Degree) -> Degree:
    return None if a is None or b is None else tuple(x + y for x, y in zip(a, b, strict=True))
