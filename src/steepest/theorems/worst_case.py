"""The tight worst case over a theorem's whole class, by performance estimation.

After n steps, the worst that a method does on any function of a class, in any dimension, is the
value of a semidefinite program (Drori, Teboulle 2014; Taylor, Hendrickx, Glineur 2017), which PEPit
writes down and a solver solves. Solvers call wrong values optimal where the program is badly
scaled, so it is posed with smoothness one, and a value is believed only if primal and dual agree
and it lies between the theorem's bound and the worst of some functions of the class.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from steepest.errors import ArgumentError, MissingExtraError
from steepest.theorems.certificate import Certificate

_AGREE = 1e-5  # relative: primal and dual, the value and its two brackets
_LEAST = 1e-4  # ratios below this are at the solver's own tolerance

Iterates = Callable[[Callable[[Any], Any], Any, int], list[Any]]


@dataclass(frozen=True)
class _Question:
    """A theorem's worst case, with smoothness one: the largest ratio after n steps, a number.

    Attributes:
        words: the class of functions.
        most: the largest n that is asked for.
        solve: (PEPit, constants, n) → (ratio, whether it is to be believed, what the solver says).
        lower: the worst ratio of some functions of the class.
        upper: the theorem's ratio.
        scale: (certificate, index of the step) → what the ratio multiplies.
    """

    words: str
    most: int
    solve: Callable[[Any, dict[str, float], int], tuple[float, bool, str]]
    lower: Callable[[dict[str, float], int], float]
    upper: Callable[[dict[str, float], int], float]
    scale: Callable[[Certificate, int], float]


def with_worst_case(c: Certificate) -> Certificate:
    """The certificate with the worst case at its latest step for which that can be had.

    `worst_case` is the number to put beside `measured` and `bound` at `worst_case_step`; a note
    names the three, or says why there is none.

    Raises:
        ArgumentError: not one of the theorems D1 to D5.
        MissingExtraError: PEPit is not installed.
    """
    question = _QUESTIONS.get(c.statement.id)
    if question is None:
        known = ", ".join(_QUESTIONS)
        raise ArgumentError(f"worst_case: none is known for {c.statement.id}; it is for {known}.")
    try:
        import PEPit
        import PEPit.functions
    except ImportError as error:
        raise MissingExtraError(
            "worst cases are computed with PEPit, which is not installed: "
            "pip install 'steepest[worst-case]'"
        ) from error
    if c.violated or not len(c.steps) or not c.constants:
        why = "a hypothesis is violated" if c.violated else "nothing was compared"
        return replace(c, notes=(*c.notes, f"no worst case was asked for: {why}"))
    tried = []
    for index in _candidates(c, question):
        n = int(c.steps[index]) if c.statement.id != "D1" else 1
        lower, upper = question.lower(c.constants, n), question.upper(c.constants, n)
        ratio, good, said = question.solve(PEPit, c.constants, n)
        if good and lower * (1 - _AGREE) <= ratio <= upper * (1 + _AGREE):
            return _with(c, question, index, ratio, said)
        tried.append(f"n = {n}: {said}, {ratio:.6g} where [{lower:.6g}, {upper:.6g}] brackets it")
    why = "; ".join(tried[:3]) or "every compared step is below the solver's precision"
    return replace(c, notes=(*c.notes, f"no worst case that can be believed ({why})"))


def _candidates(c: Certificate, question: _Question) -> list[int]:
    """Indices into the steps: the largest that can be asked for, then halves of it."""
    if c.statement.id == "D1":
        return [] if c.worst is None else [c.worst]
    fits = [
        i
        for i, n in enumerate(c.steps)
        if 1 <= n <= question.most and question.upper(c.constants, int(n)) >= _LEAST
    ]
    chosen = []
    while fits:
        chosen.append(fits[-1])
        fits = fits[: len(fits) // 2]
    return chosen


def _with(c: Certificate, question: _Question, index: int, ratio: float, said: str) -> Certificate:
    value = ratio * question.scale(c, index)
    run, theorem = float(c.measured[index]), float(c.bound[index])
    if c.statement.id == "D1":  # there the run is the right side
        run, theorem = theorem, run
    note = (
        f"at step {c.steps[index]:g}: your run {run:.6g}, the worst of {question.words} "
        f"{value:.6g}, the theorem {theorem:.6g} ({said})"
    )
    step = float(c.steps[index])
    return replace(c, worst_case=value, worst_case_step=step, notes=(*c.notes, note))


def _iterates(constants: dict[str, float], *, lookahead: bool = False) -> Iterates:
    """x_0 … x_n with smoothness one, on numbers, arrays, or PEPit's points."""
    eta = constants["learning_rate"] * constants["smoothness"]
    m = constants.get("momentum", 0.0)

    def run(gradient: Callable[[Any], Any], x0: Any, n: int) -> list[Any]:
        xs, x, before = [x0], x0, x0
        for _ in range(n):
            ahead = x + m * (x - before)
            x, before = ahead - eta * gradient(ahead if lookahead else x), x
            xs.append(x)
        return xs

    return run


def _mu(constants: dict[str, float]) -> float:
    return constants["strong_convexity"] / constants["smoothness"]


def _solved(problem: Any) -> tuple[float, bool, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the solver doubts is in its status
        dual = problem.solve(wrapper="cvxpy", solver="CLARABEL", verbose=0)
        status = str(problem.wrapper.prob.status)
        primal = float("nan") if dual is None else float(problem.objective.eval())
    if dual is None:
        return float("nan"), False, f"CLARABEL: {status}"
    close = abs(primal - dual) <= _AGREE * abs(dual)
    said = f"PEPit, CLARABEL: {status}" + ("" if close else ", primal and dual apart")
    return float(dual), status == "optimal" and close, said


def _least_decrease(pepit: Any, constants: dict[str, float], n: int) -> tuple[float, bool, str]:
    """min f(x) − f(x⁺), with ‖∇f(x)‖²/2 = 1: how much of it is left."""
    problem = pepit.PEP()
    f = problem.declare_function(pepit.functions.SmoothFunction, L=1.0)
    x = problem.set_initial_point()
    gradient, value = f.oracle(x)
    problem.add_constraint(gradient**2 == 2)
    problem.set_performance_metric(f(x - gradient) - value)
    worst, good, said = _solved(problem)
    return -worst, good, said


def _smallest_gradient(pepit: Any, constants: dict[str, float], n: int) -> tuple[float, bool, str]:
    """max of min_{t<T} ‖∇f(xₜ)‖, with f(x₀) − f(x_T) ≤ 1."""
    problem = pepit.PEP()
    f = problem.declare_function(pepit.functions.SmoothFunction, L=1.0)
    x = problem.set_initial_point()
    start = f(x)
    for _ in range(n):
        gradient = f.gradient(x)
        problem.set_performance_metric(gradient**2)
        x = x - gradient
    problem.set_initial_condition(start - f(x) <= 1)
    squared, good, said = _solved(problem)
    return float(np.sqrt(max(squared, 0.0))), good, said


def _distance(pepit: Any, constants: dict[str, float], n: int) -> tuple[float, bool, str]:
    """max ‖xₙ − x*‖ over quadratics, with ‖x₀ − x*‖ = 1."""
    problem = pepit.PEP()
    f = problem.declare_function(
        pepit.functions.SmoothStronglyConvexQuadraticFunction, mu=_mu(constants), L=1.0
    )
    at, x0 = f.stationary_point(), problem.set_initial_point()
    problem.set_initial_condition((x0 - at) ** 2 <= 1)
    xs = _iterates(constants)(f.gradient, x0, n)
    problem.set_performance_metric((xs[-1] - at) ** 2)
    squared, good, said = _solved(problem)
    return float(np.sqrt(max(squared, 0.0))), good, said


def _gap(pepit: Any, constants: dict[str, float], n: int) -> tuple[float, bool, str]:
    """max f(xₙ) − f*, with f(x₀) − f* + μ‖x₀ − x*‖²/2 = 1."""
    problem, mu = pepit.PEP(), _mu(constants)
    f = problem.declare_function(pepit.functions.SmoothStronglyConvexFunction, mu=mu, L=1.0)
    at, x0 = f.stationary_point(), problem.set_initial_point()
    problem.set_initial_condition(f(x0) - f(at) + mu / 2 * (x0 - at) ** 2 <= 1)
    xs = _iterates(constants, lookahead=True)(f.gradient, x0, n)
    problem.set_performance_metric(f(xs[-1]) - f(at))
    return _solved(problem)


def _distance_on_quadratics(constants: dict[str, float], n: int) -> float:
    """The worst over λ x²/2 with μ ≤ λ ≤ 1, the ends among them."""
    eigenvalues = np.linspace(_mu(constants), 1.0, 1001)
    xs = _iterates(constants)(lambda x: eigenvalues * x, np.ones_like(eigenvalues), n)
    return float(np.max(np.abs(xs[-1])))


def _gap_on_functions(constants: dict[str, float], n: int) -> float:
    """The worst over λx²/2, and over curvature 1 near 0 and μ beyond, and the other way round."""
    mu = _mu(constants)
    run = _iterates(constants, lookahead=True)
    grid = np.linspace(mu, 1.0, 201)
    x0 = np.geomspace(1.0, 1e3, 201)  # in units of where the curvature changes
    near, far = np.array([[1.0], [mu]]), np.array([[mu], [1.0]])

    def kinked(x: Any) -> Any:
        beyond = np.maximum(np.abs(x) - 1, 0.0)
        inside = np.minimum(np.abs(x), 1.0)
        return near * inside**2 / 2 + near * beyond + far * beyond**2 / 2

    def kinked_slope(x: Any) -> Any:
        inside, beyond = np.clip(x, -1, 1), x - np.clip(x, -1, 1)
        return near * inside + far * beyond

    pairs = (
        (lambda x: grid * x**2 / 2, lambda x: grid * x, np.ones_like(grid)),
        (kinked, kinked_slope, np.stack([x0, x0])),
    )
    worst = 0.0
    for value, slope, start in pairs:
        last = run(slope, start, n)[-1]
        worst = max(worst, float(np.max(value(last) / (value(start) + mu / 2 * start**2))))
    return worst


_QUESTIONS: dict[str, _Question] = {
    "D1": _Question(
        "β-smooth functions",
        1,
        _least_decrease,
        # Here the ratio is from below: half a square attains 1, and the theorem says ≥ 1.
        lambda constants, n: 1.0,
        lambda constants, n: 1.0,
        lambda c, i: float(c.measured[i]),
    ),
    "D2": _Question(
        "β-smooth functions",
        20,
        _smallest_gradient,
        # Huber's function from where every gradient but the last has the largest norm.
        lambda constants, n: float(np.sqrt(2 / (2 * n - 1))),
        lambda constants, n: float(np.sqrt(2 / n)),
        lambda c, i: float(c.bound[i] * np.sqrt(c.steps[i] / 2)),
    ),
    "D3": _Question(
        "quadratics with eigenvalues between λₘᵢₙ and λₘₐₓ",
        10,
        _distance,
        _distance_on_quadratics,
        lambda constants, n: (1 - constants["learning_rate"] * constants["strong_convexity"]) ** n,
        lambda c, i: c.constants["initial"],
    ),
    "D4": _Question(
        "quadratics with eigenvalues between λₘᵢₙ and λₘₐₓ",
        10,
        _distance,
        _distance_on_quadratics,
        lambda constants, n: (
            constants["momentum"] ** (n / 2) * (1 + n * (1 + np.sqrt(constants["momentum"])))
        ),
        lambda c, i: c.constants["initial"],
    ),
    "D5": _Question(
        "β-smooth, μ-strongly convex functions",
        20,
        _gap,
        _gap_on_functions,
        lambda constants, n: (1 - np.sqrt(_mu(constants))) ** n,
        lambda c, i: c.constants["initial"],
    ),
}
