"""Does a method that contains another come out no worse? Else its tuning is at fault.

Choi, Shallue, Nado, Lee, Maddison, Dahl (2019), "On empirical comparisons of optimizers for deep
learning": where one method is a special case of another, the more general one, tuned over a space
that holds the special case, can only do better; an experiment that finds it worse has tuned badly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

from steepest.study.comparison import Comparison
from steepest.study.plan import MethodPlan

LARGE_EPS = 1.0
"""From here on ε counts as large against the roots that it is added to."""

Values = Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Inclusion:
    """One check of a study.

    Attributes:
        general, special: the methods' labels.
        where: at which hyperparameters the general method is the special one.
        exact: whether it is exactly so, or only in a limit.
        absent: why what was searched does not hold the special case, so that the check does not
            apply; empty where it does.
        worse: the comparisons in which the general method is worse by more than the noise.
    """

    general: str
    special: str
    where: str
    exact: bool
    absent: str = ""
    worse: tuple[Comparison, ...] = ()

    @property
    def applies(self) -> bool:
        """Whether the space that was searched holds the special case."""
        return not self.absent

    @property
    def at_fault(self) -> bool:
        """Whether the general method's tuning must be at fault."""
        return self.applies and bool(self.worse)

    def __str__(self) -> str:
        is_it = "is" if self.exact else "is nearly"
        said = f"{self.general} {is_it} {self.special} {self.where}"
        if self.absent:
            return f"{said}; the check does not apply: {self.absent}."
        if not self.worse:
            return f"{said}, and does not come out worse by more than the noise."
        metrics = " and ".join(comparison.metric for comparison in self.worse)
        return (
            f"{said}, and yet comes out worse in {metrics} by more than the noise: the tuning of "
            f"{self.general} is at fault, and no conclusion should be drawn against it."
        )


@dataclass(frozen=True)
class _Rule:
    """`absent` looks at the values searched by the general and by the special method."""

    where: str
    exact: bool
    absent: Callable[[Values, Values], str]


def inclusions(
    methods: tuple[MethodPlan, ...], comparisons: tuple[Comparison, ...]
) -> tuple[Inclusion, ...]:
    """Every pair of a study's methods of which one is known to contain the other.

    Args:
        methods: the study's; those of `steepest.methods` are known by their names.
        comparisons: of the fresh runs, in any metrics.
    """
    found = []
    for general in methods:
        for special in methods:
            rule = _RULES.get((general.name, special.name))
            if rule is None:
                continue
            pair = {general.label, special.label}
            worse = tuple(
                c for c in comparisons if {c.first, c.second} == pair and c.worse(general.label)
            )
            absent = rule.absent(searched(general), searched(special))
            found.append(
                Inclusion(general.label, special.label, rule.where, rule.exact, absent, worse)
            )
    return tuple(found)


def searched(method: MethodPlan) -> dict[str, tuple[Any, ...]]:
    """The values that each hyperparameter took: tuned, fixed, or the method's default."""
    from steepest import methods

    parameters = signature(getattr(methods, method.name)).parameters.values()
    defaults = {p.name: (p.default,) for p in parameters if p.default is not p.empty}
    return defaults | {name: (value,) for name, value in method.fixed.items()} | dict(method.tune)


def _without_momentum(general: Values, special: Values) -> str:
    return (
        "" if 0 in general["momentum"] else f"momentum 0 was not tried{_tried(general, 'momentum')}"
    )


def _with_large_eps(general: Values, special: Values) -> str:
    if max(general["eps"]) >= LARGE_EPS:
        return ""
    return f"no ε of {LARGE_EPS:g} or more was tried{_tried(general, 'eps')}"


def _adam_as_gradient_descent(general: Values, special: Values) -> str:
    if 0 not in general["b1"]:
        return f"b1 = 0 was not tried{_tried(general, 'b1')}"
    return _with_large_eps(general, special)


def _adam_as_heavy_ball(general: Values, special: Values) -> str:
    lacking = [value for value in special["momentum"] if value not in general["b1"]]
    if lacking:
        return f"b1 = {_list(lacking)} was not tried{_tried(general, 'b1')}"
    return _with_large_eps(general, special)


def _adam_as_rmsprop(general: Values, special: Values) -> str:
    if 0 not in general["b1"]:
        return f"b1 = 0 was not tried{_tried(general, 'b1')}"
    if False not in general["bias_correction"]:
        return "with bias correction its first steps are others"
    for mine, theirs in (("b2", "decay"), ("eps", "eps"), ("eps_in_sqrt", "eps_in_sqrt")):
        lacking = [value for value in special[theirs] if value not in general[mine]]
        if lacking:
            return f"{mine} = {_list(lacking)} was not tried{_tried(general, mine)}"
    return ""


def _tried(values: Values, name: str) -> str:
    return f" (only {_list(values[name])})"


def _list(values: Any) -> str:
    return ", ".join(str(v) if isinstance(v, bool) else f"{v:g}" for v in values)


_AT_MOMENTUM_0 = _Rule("at momentum 0", True, _without_momentum)
_AT_LARGE_EPS = _Rule(
    "as ε and with it the step grow",
    False,
    _with_large_eps,
)
_RULES: dict[tuple[str, str], _Rule] = {
    ("heavy_ball", "gradient_descent"): _AT_MOMENTUM_0,
    ("nesterov", "gradient_descent"): _AT_MOMENTUM_0,
    ("adagrad", "gradient_descent"): _AT_LARGE_EPS,
    ("rmsprop", "gradient_descent"): _AT_LARGE_EPS,
    ("adam", "gradient_descent"): _Rule(
        f"with b1 = 0, {_AT_LARGE_EPS.where}", False, _adam_as_gradient_descent
    ),
    ("adam", "heavy_ball"): _Rule(
        f"with b1 the momentum, {_AT_LARGE_EPS.where}", False, _adam_as_heavy_ball
    ),
    ("adam", "rmsprop"): _Rule(
        "with b1 = 0, b2 its decay, the same ε and no bias correction", True, _adam_as_rmsprop
    ),
}
