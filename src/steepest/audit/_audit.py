"""`audit`: everything that can be said of a network at one point, on one batch."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from steepest.audit._kinks import Kinks
from steepest.audit._network import Network
from steepest.audit._report import AuditReport, HomogeneityFacts, KinkFacts, LeafFacts
from steepest.audit._smoothness import smoothness
from steepest.autodiff import check_autodiff
from steepest.errors import ArgumentError, DataError, NotLocallyLipschitzError, SteepestError
from steepest.homogeneity import Homogeneity, Rescaling, homogeneity
from steepest.inputs import function
from steepest.laws import balance
from steepest.pieces import Program, trace
from steepest.pieces._closed import detached

# ∂f is computed at most for so many variables and tied numbers.
_MOST_VARIABLES, _MOST_TIES = 200_000, 5_000
_MOST_SLICES = 20_000


def audit(
    model: Callable[..., Any],
    params: PyTree,
    batch: PyTree,
    loss: Callable[..., Any] | None = None,
    *,
    progress: Callable[[str, float], None] | None = None,
) -> AuditReport:
    """Audit a network: homogeneity, layer norms, kinks met on the batch, and curvature.

    Args:
        model: (params, inputs) → predictions; called on the whole batch where it takes one, else on
            one input at a time.
        params: a pytree of floats (an Equinox module is one).
        batch: (inputs, targets), or inputs alone: arrays with one leading axis of examples.
        loss: (predictions, targets) → a number, of one example or the mean of all. Without one,
            what needs a loss (curvature, the gradient's validity) is said to be missing.
        progress: called with a few words as each part begins, and the share that is done.

    Returns:
        An `AuditReport`: print it, or take `.to_json()`, `.to_html()`, or its fields.

    Raises:
        ArgumentError: params holds integers or no floats, or a loss has no targets.
        DataError: the batch is malformed, or the model or the loss is not finite on it; the message
            names the line that made the first NaN.
        NotScalarError: the loss gives neither one number nor one for each example.

    References: Du, Hu, Lee 2018 (norm preservation); van Laarhoven 2017 (weight decay under
    normalisation); Lee, Yu, Rival, Yang 2020 (autodiff at kinks).

    Example:
        >>> import jax, jax.numpy as jnp
        >>> model = lambda w, x: jax.nn.relu(x @ w[0]) @ w[1]
        >>> report = audit(model, [jnp.ones((2, 3)), jnp.ones((3, 1))], jnp.eye(2))
        >>> report.homogeneity.status, str(report.homogeneity.degree)
        ('proved', '2')
    """
    _require_function(model, "model", "(params, inputs)")
    if loss is not None:
        _require_function(loss, "loss", "(prediction, target)")
    said = progress or (lambda words, done: None)
    unsaid: list[str] = []
    said("the model on the batch", 0.0)
    network = Network(model, params, batch, loss)
    said("homogeneity", 0.05)
    with np.errstate(all="ignore"):
        h = homogeneity(lambda p: network.predictions_at(p))(params)
    said("kinks on the batch", 0.15)
    kinks = _kinks_of(network, params)
    value, curvature, autodiff = None, None, (None, "it needs a loss")
    if loss is None:
        unsaid.append("Curvature and step sizes, and whether jax.grad is right: they need a loss.")
    else:
        program = trace(network.loss_at, params, name="params")
        value, loss_kinks = _loss_of(network, program)
        said("the gradient against the kinks", 0.25)
        autodiff = _autodiff(network, params, loss_kinks, program)
        try:
            curvature = smoothness(
                network.mean_loss,
                program.closed,
                list(network.point.leaves),
                loss_kinks.tied > 0,
                lambda words, done: said(words, 0.3 + 0.65 * done),
            )
        except FloatingPointError as error:
            unsaid.append(f"Curvature and step sizes: {error}.")
        if loss_kinks.tied and curvature is not None:
            unsaid.append(
                f"{loss_kinks.tied} numbers are on a kink, where f may have no second derivative: "
                "gradient, curvature and step sizes are those of one piece that meets there."
            )
        kinks = loss_kinks
    unsaid += [f"Kinks of {step}: there is no rule for it." for step in kinks.not_read]
    with jax.enable_x64(True):  # squares leave the range of narrower types
        norms = balance([np.asarray(leaf, np.float64) for leaf in network.point.leaves])
    leaves = _leaves(network, h, np.asarray(norms.squared_norms))
    open_leaves = [leaf.name for leaf in leaves if leaf.degree is None]
    if open_leaves:
        unsaid.append(
            f"Whether the predictions have a degree in {_listed(open_leaves)} alone: the rules "
            "prove none, and no counterexample was looked for."
        )
    if h.status == "unknown":
        unsaid.append(f"Whether the predictions are homogeneous: {h.reason}.")
    if loss is not None and autodiff[0] is None:
        unsaid.append(f"Whether jax.grad is a Clarke subgradient here: {autodiff[1]}.")
    said("rescalings", 0.97)
    count = sum(sum(np.shape(leaf)) for leaf in network.point.leaves)
    rescalings = h.rescalings if count <= _MOST_SLICES else None
    if rescalings is None:
        unsaid.append(f"Rescalings: {count} slices are too many to look at one by one.")
    return AuditReport(
        parameters=network.point.dimension,
        examples=network.examples,
        called="on the whole batch" if network.whole else "on one input at a time",
        loss=value,
        homogeneity=HomogeneityFacts(
            h.status,
            h.degree,
            h.reason,
            None if rescalings is None else len(rescalings),
            _consequences(h, leaves, rescalings or ()),
        ),
        leaves=leaves,
        differences=tuple(map(float, norms.differences)),
        kinks=KinkFacts(tuple(kinks.lines), kinks.singular, *autodiff),
        smoothness=curvature,
        unsaid=tuple(dict.fromkeys(unsaid)),
    )


def _require_function(value: Any, name: str, takes: str) -> None:
    function(value, name, takes)
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):  # some functions written in C have none
        return
    try:
        signature.bind(None, None)
    except TypeError as error:
        raise ArgumentError(
            f"{name} takes {signature}; it is called with two arguments, {takes}."
        ) from error


def _listed(names: list[str], most: int = 4) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def _kinks_of(network: Network, params: PyTree) -> Kinks:
    """Of the predictions; they must be finite."""
    point = network.point
    double = any(leaf.dtype == np.float64 for leaf in point.leaves)
    with jax.enable_x64(double or bool(jax.config.jax_enable_x64)):  # pyright: ignore
        leaves = [jnp.asarray(leaf) for leaf in point.leaves]
        closed = detached(jax.make_jaxpr(network.predictions)(leaves))
    kinks = Kinks(network.examples)
    with jax.enable_x64(True):
        outs = kinks.run_program(closed, list(point.leaves))
    for out in outs:
        _require_finite(out, "the model's prediction", kinks)
    return kinks


def _loss_of(network: Network, program: Program) -> tuple[float, Kinks]:
    kinks = Kinks(network.examples)
    with jax.enable_x64(True):
        (value,) = kinks.run_program(program.closed, list(program.point.leaves))
    _require_finite(value, "the loss", kinks)
    return float(value), kinks


def _require_finite(out: np.ndarray, what: str, kinks: Kinks) -> None:
    bad = np.argwhere(~np.isfinite(out)) if out.dtype.kind == "f" else []
    if len(bad):
        place = f"{bad[0].tolist()}" if out.ndim else ""
        made = f"; the first NaN comes from {kinks.first_nan}" if kinks.first_nan else ""
        raise DataError(f"{what}{place} is {out[tuple(bad[0])]}{made}.")


def _autodiff(
    network: Network, params: PyTree, kinks: Kinks, program: Program
) -> tuple[bool | None, str]:
    """Whether jax.grad of the mean loss is a Clarke subgradient here, and why."""
    if not kinks.tied and not kinks.singular and not kinks.not_read:
        return _smooth_gradient(network, program)
    d = network.point.dimension
    if d > _MOST_VARIABLES or kinks.tied > _MOST_TIES:
        return None, f"{kinks.tied} tied numbers and {d} variables are too many to compute ∂f"
    try:
        check = check_autodiff(network.loss_at)(params)
    except NotLocallyLipschitzError as error:
        return False, f"there is none: {error}"
    except SteepestError as error:
        return None, str(error).rstrip(".")
    return check.valid, check.reason


def _smooth_gradient(network: Network, program: Program) -> tuple[bool | None, str]:
    """Away from kinks the gradient is the only subgradient, if the rules in it do not lie."""
    leaves = [jnp.asarray(leaf) for leaf in network.point.leaves]
    gradient = jax.jit(jax.grad(network.mean_loss))(leaves)
    rng = np.random.default_rng(0)
    directions = [np.asarray(rng.standard_normal(leaf.shape)) for leaf in leaves]
    length = np.sqrt(sum(float(np.sum(d**2)) for d in directions))
    directions = [d / length for d in directions]
    claimed = sum(
        float(np.vdot(np.asarray(g, np.float64), d))
        for g, d in zip(gradient, directions, strict=True)
    )
    size = np.sqrt(sum(float(np.sum(np.asarray(g, np.float64) ** 2)) for g in gradient))
    scale = np.sqrt(sum(float(np.sum(leaf**2)) for leaf in program.start)) + 1.0
    with jax.enable_x64(True), np.errstate(all="ignore"):
        slopes = [
            float(
                program([x + h * d for x, d in zip(program.start, directions, strict=True)])
                - program([x - h * d for x, d in zip(program.start, directions, strict=True)])
            )
            / (2 * h)
            for h in (1e-6 * scale, 1e-7 * scale)
        ]
    if not np.isfinite(size):
        return (
            False,
            "the gradient is not finite: it leaves the range of the type it is computed in",
        )
    off = abs(slopes[0] - claimed)
    if off <= 1e-3 * size + 10 * abs(slopes[0] - slopes[1]):
        return True, "no kink is within rounding: the gradient is the only subgradient"
    if off <= 16 * program.eps * size:
        return None, f"the gradient is off by {off / size:.1g} of itself, as rounding may be"
    return False, (
        "no kink is within rounding, but the slope along a random direction is "
        f"{slopes[0]:.6g} and the gradient says {claimed:.6g}: a custom derivative rule or a "
        "stop_gradient changes it"
    )


def _leaves(network: Network, h: Homogeneity, norms: np.ndarray) -> tuple[LeafFacts, ...]:
    facts = []
    for i, (name, leaf) in enumerate(zip(network.point.names, network.point.leaves, strict=True)):
        degree, reason = h.alone(i)
        facts.append(LeafFacts(name, tuple(np.shape(leaf)), degree, reason, float(norms[i])))
    return tuple(facts)


def _consequences(
    h: Homogeneity, leaves: tuple[LeafFacts, ...], rescalings: tuple[Rescaling, ...]
) -> tuple[str, ...]:
    positive = [leaf for leaf in leaves if isinstance(leaf.degree, Fraction) and leaf.degree > 0]
    said = []
    ones = [leaf.name for leaf in positive if leaf.degree == 1]
    others = [leaf for leaf in positive if leaf.degree != 1]
    if len(ones) == len(leaves) > 1:
        said.append(
            "Norm preservation holds: gradient flow on any loss of these predictions keeps "
            "‖W_i‖² − ‖W_j‖² for every two leaves (Du, Hu, Lee 2018)."
        )
    elif len(positive) > 1:
        names = ", ".join(ones + [f"{leaf.name} (divided by {leaf.degree})" for leaf in others])
        said.append(
            "Norm preservation holds in part: gradient flow on any loss of these predictions keeps "
            f"the differences of the squared norms of {names}; for the other leaves it is not "
            "proved."
        )
    else:
        said.append("Norm preservation is not proved between any two leaves.")
    if rescalings:
        # d/dt Σ eⱼwⱼ² = −2 Σ eⱼwⱼ ∂f/∂wⱼ, the derivative of f along the rescaling with exponents e.
        said.append(
            f"Each of the {len(rescalings)} rescalings gives a number that gradient flow keeps, "
            f"the sum of exponent · entry². The first: {rescalings[0]}."
        )
    fixed = [leaf.name for leaf in leaves if leaf.degree == 0 and leaf.squared_norm > 0]
    if fixed:
        said.append(
            f"The predictions do not depend on the length of {', '.join(fixed)}: gradient flow "
            "keeps it, and weight decay acts as a schedule of the effective step η/‖W‖² alone (van "
            "Laarhoven 2017)."
        )
    if isinstance(h.degree, Fraction) and h.degree > 0:
        said.append(
            f"Weight decay acts as a scale: shrinking all leaves by 1 − ηλ multiplies the "
            f"predictions by (1 − ηλ)^{h.degree} and changes no ranking of them."
        )
    elif h.degree == 0:
        said.append("Weight decay on all leaves changes no prediction, only the effective step.")
    elif h.status == "refuted":
        said.append("Weight decay acts on the function itself, not only on its scale.")
    return tuple(said)
