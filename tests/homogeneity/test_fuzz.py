"""Random programs against their values at αp, up and down: not one false statement."""

import os

import jax
import numpy as np
import pytest

import steepest as st
from clarke.exact_oracle import random_expression, run_jax

from .random_programs import LEAVES, LENGTH, random_program

LONG = os.environ.get("STEEPEST_PROFILE") == "long"
SHAPES, DRAWS = (500, 20) if LONG else (30, 10)
FACTORS = (0.37, 1.9, 7.3)
CONSTANTS = (0.0, 1.0, -1.0, 0.5, 2.0, -0.3)


def evaluated(f, leaves):
    with jax.enable_x64(True):
        return np.asarray(f(leaves))


def steady(f, leaves, rng):
    """Whether rounding leaves f nearly what it is: else a comparison of values says nothing."""
    value = evaluated(f, leaves)
    if not np.all(np.isfinite(value)) or np.any((abs(value) < 1e-100) & (value != 0)):
        return False
    moved = [leaf * (1 + 1e-13 * rng.choice([-1, 1], LENGTH)) for leaf in leaves]
    return np.allclose(evaluated(f, moved), value, rtol=1e-7, atol=1e-9 * np.max(abs(value)))


def check_proved(f, degree, which, rng):
    power = 0.0 if degree == "any" else float(degree)
    for _ in range(2):
        leaves = [
            rng.uniform(0.2, 1.5, LENGTH) * rng.choice([-1, 1], LENGTH) for _ in range(LEAVES)
        ]
        for factor in FACTORS:
            scaled = [factor * leaf if i in which else leaf for i, leaf in enumerate(leaves)]
            if steady(f, leaves, rng) and steady(f, scaled, rng):
                wanted = factor**power * evaluated(f, leaves)
                size = np.max(abs(wanted))
                np.testing.assert_allclose(evaluated(f, scaled), wanted, 1e-5, 1e-6 * size)


def check_refuted(f, counterexample):
    alpha, leaves = counterexample
    scaled = lambda k: jax.tree.map(lambda leaf: alpha**k * leaf, leaves)
    f0, f1, f2 = (evaluated(f, scaled(k)) for k in range(3))
    if np.any(abs(f1**2 - f0 * f2) > 0.01 * np.maximum(f1**2, abs(f0 * f2))) or np.any(f0 * f1 < 0):
        return
    alive = (f0 != 0) & (f1 != 0)
    assert np.ptp(np.log(abs(f1[alive] / f0[alive])) / np.log(alpha)) > 0.01


@pytest.mark.parametrize("shape", range(SHAPES))
def test_random_programs(shape):
    rng = np.random.default_rng(shape)
    program = random_program(rng, int(rng.integers(2, 9)))
    jitted = jax.jit(program)
    statuses = []
    for draw in range(DRAWS):
        constants = rng.choice(CONSTANTS, len(program.steps))
        leaves = [rng.standard_normal(LENGTH) for _ in range(LEAVES)]
        f = lambda leaves, c=constants: jitted(c, leaves)
        h = st.homogeneity(lambda leaves, c=constants: program(c, leaves))(leaves)
        message = f"{program} with {constants}: {h}"
        statuses.append(h.status)
        try:
            if h.status == "proved":
                check_proved(f, h.degree, range(LEAVES), rng)
            elif h.status == "refuted":
                assert program.degree is None
                check_refuted(f, h.counterexample)
            if draw < 2:
                for i, degree in enumerate(h.degrees):
                    if degree is not None:
                        check_proved(f, degree, [i], rng)
        except AssertionError as error:
            raise AssertionError(message) from error
    counts = [statuses.count(status) for status in ("proved", "refuted", "unknown")]
    print("proved, refuted, unknown:", *counts, "meant:", program.degree is not None)


@pytest.mark.parametrize("shape", range(SHAPES))
def test_the_piecewise_linear_programs_of_the_clarke_fuzz(shape):
    rng = np.random.default_rng(shape)
    d = int(rng.integers(1, 4))
    expression, count = random_expression(rng, d, int(rng.integers(1, 6)))
    constants = rng.choice([-2, -1, -0.5, 0.5, 1, 2], size=max(count, 1))
    f = lambda x: run_jax(expression, x, constants)
    h = st.homogeneity(f)(rng.standard_normal(d))
    if h.status == "refuted":
        check_refuted(f, h.counterexample)
    if h.status != "proved":
        return
    power = 0.0 if h.degree == "any" else float(h.degree)
    for x in rng.choice([0.0, 1.0, -1.0, 0.5], size=(3, d)):  # ties among them
        for factor in FACTORS:
            wanted = factor**power * evaluated(f, x)
            np.testing.assert_allclose(evaluated(f, factor * x), wanted, atol=1e-9)
