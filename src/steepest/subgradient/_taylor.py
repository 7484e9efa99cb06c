"""Taylor coefficients along a line, one equation at a time.

A value x(t) = c_0 + c_1 t + … + c_n tⁿ is its array c_0 and the stack of c_1 … c_n. Linear steps
act on the stack as one batch, bilinear ones on the pairs of coefficients, elementary functions by
their differential equations (Griewank and Walther 2008, chapter 13), and the rest by nested
derivatives.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

ORDER = 4

Apply = Callable[[list[Any]], list[Any]]
Coefficients = list[Any]


def padded(series: Any, shape: tuple[int, ...], n: int, dtype: Any) -> Any:
    """The stack with zeros up to n coefficients."""
    if series is None:
        return jnp.zeros((n, *shape), dtype)
    if series.shape[0] == n:
        return series
    return jnp.concatenate([series, jnp.zeros((n - series.shape[0], *shape), dtype)])


def linear(apply: Apply, arrays: list[Any], stacks: list[Any]) -> list[Any]:
    """A step linear in its varying inputs; `stacks` holds None for what is held as it is."""
    axes = [None if s is None else 0 for s in stacks]
    inputs = [a if s is None else s for a, s in zip(arrays, stacks, strict=True)]
    return jax.vmap(lambda *v: apply(list(v)), in_axes=tuple(axes))(*inputs)


def bilinear(apply: Apply, arrays: list[Any], stacks: list[Any], order: int = ORDER) -> Any:
    """The coefficients of a product of two varying inputs."""
    if order == 1:
        (a, b), (da, db) = arrays, stacks
        return (apply([da[0], b])[0] + apply([a, db[0]])[0])[None]
    a, b = (jnp.concatenate([x[None], s]) for x, s in zip(arrays, stacks, strict=True))
    pairs = [(i, j) for i in range(len(a)) for j in range(len(b)) if 1 <= i + j <= ORDER]
    left, right = (jnp.asarray(side) for side in zip(*pairs, strict=True))
    terms = jax.vmap(lambda x, y: apply([x, y])[0])(a[left], b[right])
    top = max(i + j for i, j in pairs)
    return jnp.stack(
        [sum(terms[p] for p, (i, j) in enumerate(pairs) if i + j == k) for k in range(1, top + 1)]
    )


def product(a: Coefficients, b: Coefficients) -> Coefficients:
    """Coefficients 0 … ORDER of an elementwise product; short lists end in zeros."""
    top = min(ORDER, len(a) + len(b) - 2)
    return [
        sum(a[i] * b[k - i] for i in range(len(a)) if 0 <= k - i < len(b)) for k in range(top + 1)
    ]


def quotient(a: Coefficients, b: Coefficients) -> Coefficients:
    q: Coefficients = []
    for k in range(ORDER + 1):
        rest = a[k] if k < len(a) else jnp.zeros_like(a[0])
        for j in range(max(0, k - len(b) + 1), k):
            rest = rest - q[j] * b[k - j]
        q.append(rest / b[0])
    return q


def root(a: Coefficients) -> Coefficients:
    """√a(t), from y² = a."""
    y: Coefficients = [jnp.sqrt(a[0])]
    for k in range(1, ORDER + 1):
        rest = a[k] if k < len(a) else jnp.zeros_like(a[0])
        for i in range(1, k):
            rest = rest - y[i] * y[k - i]
        y.append(rest / (2 * y[0]))
    return y


def root_at_zero(a: Coefficients) -> Coefficients:
    """√(a_2 t² + a_3 t³ + …) = t √(a_2 + a_3 t + …): one coefficient is lost, it becomes NaN."""
    nothing = jnp.zeros_like(a[0])
    shifted = [*a[2:], *[nothing] * (ORDER + 1 - len(a))]
    y = root(shifted)
    return [nothing, *y[: ORDER - 1], jnp.full_like(nothing, jnp.nan)]


def _follow(x: Coefficients, y0: Any, slope: Callable[[Coefficients, int], Any]) -> Coefficients:
    """y with y' = w(y, x) x'; `slope(y, k)` gives coefficient k of w once y_0 … y_k are known."""
    y: Coefficients = [y0]
    w: Coefficients = []
    for k in range(1, ORDER + 1):
        w.append(slope(y, k - 1))
        terms = [j * x[j] * w[k - j] for j in range(1, min(k, len(x) - 1) + 1)]
        y.append(sum(terms) / k)
    return y


def _coefficient(a: Coefficients, b: Coefficients, k: int) -> Any:
    return sum(a[i] * b[k - i] for i in range(k + 1) if i < len(a) and k - i < len(b))


def _exp(x: Coefficients) -> Coefficients:
    return _follow(x, jnp.exp(x[0]), lambda y, k: y[k])


def _expm1(x: Coefficients) -> Coefficients:
    e = jnp.exp(x[0])
    return _follow(x, jnp.expm1(x[0]), lambda y, k: e if k == 0 else y[k])


def _tanh(x: Coefficients) -> Coefficients:
    def slope(y: Coefficients, k: int) -> Any:
        square = _coefficient(y, y, k)
        return 1 - square if k == 0 else -square

    return _follow(x, jnp.tanh(x[0]), slope)


def _logistic(x: Coefficients) -> Coefficients:
    return _follow(x, jax.nn.sigmoid(x[0]), lambda y, k: y[k] - _coefficient(y, y, k))


def _log(x: Coefficients) -> Coefficients:
    return _integral(x, jnp.log(x[0]), x)


def _log1p(x: Coefficients) -> Coefficients:
    return _integral(x, jnp.log1p(x[0]), [1 + x[0], *x[1:]])


def _integral(x: Coefficients, y0: Any, below: Coefficients) -> Coefficients:
    """y with y' = x' / below."""
    slope = [k * c for k, c in enumerate(x)][1:]
    over = quotient(slope, below) if slope else [jnp.zeros_like(y0)]
    return [y0, *[over[k - 1] / k for k in range(1, ORDER + 1)]]


def _erf(x: Coefficients) -> Coefficients:
    bell = _exp([-c for c in product(x, x)])
    return _follow(x, jax.scipy.special.erf(x[0]), lambda y, k: 2 / math.sqrt(math.pi) * bell[k])


def _rsqrt(x: Coefficients) -> Coefficients:
    return quotient([jnp.ones_like(x[0])], root(x))


# Elementary functions of one variable: coefficients in, coefficients 0 … ORDER out.
ELEMENTARY: dict[str, Callable[[Coefficients], Coefficients]] = {
    "exp": _exp,
    "expm1": _expm1,
    "tanh": _tanh,
    "logistic": _logistic,
    "log": _log,
    "log1p": _log1p,
    "erf": _erf,
    "sqrt": root,
    "rsqrt": _rsqrt,
    "square": lambda x: product(x, x),
}


def power(x: Coefficients, n: int) -> Coefficients:
    """x(t)ⁿ for a whole n > 0."""
    result = x
    for _ in range(n - 1):
        result = product(result, x)
    return result


def slopes(apply: Apply, arrays: list[Any], stacks: list[Any]) -> list[Any]:
    """First coefficients of any smooth step: [(1, *out) for each output]."""
    moving = [i for i, s in enumerate(stacks) if s is not None]

    def of_moving(*some: Any) -> list[Any]:
        filled = list(arrays)
        for i, value in zip(moving, some, strict=True):
            filled[i] = value
        return apply(filled)

    _, tangents = jax.jvp(of_moving, [arrays[i] for i in moving], [stacks[i][0] for i in moving])
    return [t[None] for t in tangents]


def general(apply: Apply, arrays: list[Any], stacks: list[Any]) -> list[Any]:
    """Any smooth step, by ORDER nested derivatives in t: [(1 + ORDER, *out) for each output]."""

    def at(t: Any) -> list[Any]:
        moved = []
        for a, s in zip(arrays, stacks, strict=True):
            if s is not None:
                for k in range(s.shape[0], 0, -1):
                    a = a + s[k - 1] * (t**k).astype(s.dtype)
            moved.append(a)
        return apply(moved)

    def derivative(g: Callable[[Any], list[Any]]) -> Callable[[Any], list[Any]]:
        return lambda t: jax.jvp(g, (t,), (jnp.ones_like(t),))[1]

    zero = jnp.zeros((), jnp.result_type(*[s for s in stacks if s is not None]))
    levels, g = [], at
    for k in range(ORDER + 1):
        levels.append([o / math.factorial(k) for o in g(zero)])
        g = derivative(g)
    return [jnp.stack(rows) for rows in zip(*levels, strict=True)]
