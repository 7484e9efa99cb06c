"""Newton's method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import PyTree

from steepest._raising import raise_if
from steepest.curvature import ritz_ends
from steepest.errors import SolverError
from steepest.methods._arguments import Number, NumberOrSchedule, at_least_zero, step_size
from steepest.methods._precision import in_float32, widened
from steepest.methods._schedule import counted
from steepest.methods._value_fn import function_to_ask

_DENSE = 512  # variables up to which the Hessian is written down
_MOST_STEPS = 20_000  # of conjugate gradients

Product = Callable[[Any], Any]


def newton(
    learning_rate: NumberOrSchedule = 1.0, *, damping: Number = 0.0
) -> optax.GradientTransformationExtraArgs:
    r"""Newton's method (Nocedal, Wright 2006, section 3.3; δ as in Levenberg 1944).

    .. math::

       x_{t+1} = x_t - \eta\, (\nabla^2 f(x_t) + \delta I)^{-1} \nabla f(x_t).

    It needs f, which
    `steepest.descend` passes, and keeps no state but a step count where η is a schedule. For
    d ≤ 512 variables a step takes d Hessian-vector products and a Cholesky factor, O(d³) time and
    O(d²) memory; beyond, conjugate gradients (Lineax) on Hessian-vector products, after 128 of
    Lanczos that look for a direction of negative curvature: O(d) memory.

    The Hessian has to be positive definite, damping included. Up to 512 variables that is decided,
    to rounding; beyond it is refuted where Lanczos sees an eigenvalue that is not positive, and one
    that hides from it passes. With the gradient of another function than f (a clipped one, say) the
    same system is solved.

    =================  =========================  =============================
    here               Optax                      PyTorch
    =================  =========================  =============================
    ``learning_rate``  (no Newton method)         (no Newton method; ``LBFGS``
    ``damping``                                   approximates one)
    =================  =========================  =============================

    Args:
        learning_rate: η, positive: a float, a traced number, or a schedule (count from 0).
        damping: δ ≥ 0, added to every eigenvalue. With δ > 0 the step depends on the coordinates.

    Raises:
        ArgumentError: η ≤ 0, δ < 0; NaN or infinity. At an update: f is not passed as `value_fn`.
        SolverError: at an update, the Hessian is not positive definite (the message has its least
            eigenvalue), or conjugate gradients do not converge. Under the user's own jit XLA's
            error ends in that message.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> f = lambda x: x[0] ** 2 + 1000.0 * (x[1] - 2.0) ** 2
        >>> run = st.descend(f, jnp.ones(2), st.methods.newton(), steps=1)
        >>> bool(jnp.allclose(run.final, jnp.array([0.0, 2.0]), atol=1e-5))
        True
    """
    step_size(learning_rate)
    at_least_zero(damping, "damping")

    def update(
        updates: PyTree,
        state: Any,
        params: PyTree = None,
        *,
        value_fn: Any = None,
        **extra: Any,
    ) -> tuple[PyTree, optax.EmptyState]:
        f = function_to_ask("newton", value_fn, params)
        own, unravel = ravel_pytree(params)
        slope, as_updates = ravel_pytree(updates)
        x = widened(own)
        product = jax.linearize(jax.grad(lambda z: f(unravel(z.astype(own.dtype)))), x)[1]
        damped = lambda v: product(v) + jnp.asarray(damping, x.dtype) * v
        solve = _dense if x.size <= _DENSE else _matrix_free
        step = solve(damped, slope.astype(x.dtype))
        return as_updates(step.astype(slope.dtype)), state

    scale = optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)
    return in_float32(optax.chain(scale, optax.scale_by_learning_rate(counted(learning_rate))))


def _dense(product: Product, slope: Any) -> Any:
    """The solution, with the Hessian written down.

    The factor is that of the Hessian scaled to a diagonal of ones: what it takes for singular does
    not depend on the units of the variables.
    """
    d, dtype = slope.size, slope.dtype
    H = lax.map(product, jnp.eye(d, dtype=dtype), batch_size=64)
    H = (H + H.T) / 2
    diagonal = jnp.diag(H)
    unit = lax.rsqrt(jnp.where(diagonal > 0, diagonal, 1))
    factor = jnp.linalg.cholesky(unit[:, None] * H * unit)
    pivots = jnp.where(diagonal > 0, jnp.diag(factor) ** 2, 0)
    definite = jnp.min(pivots) > d * jnp.finfo(dtype).eps
    bad = ~definite & jnp.isfinite(H).all()  # what is not finite shows as such in the step
    least = lax.cond(bad, lambda: jnp.linalg.eigvalsh(H)[0], lambda: jnp.zeros((), dtype))
    step = unit * jax.scipy.linalg.cho_solve((factor, True), unit * slope)
    return raise_if(bad, _not_definite, (least,), step)


def _matrix_free(product: Product, slope: Any) -> Any:
    """The solution by conjugate gradients."""
    import lineax as lx  # here: it is slow to import

    d, eps = slope.size, float(jnp.finfo(slope.dtype).eps)
    least, largest = ritz_ends(product, d, slope.dtype)
    bad = least <= 8 * eps * jnp.abs(largest)
    # Lineax gives up on curvature below 100 d eps and compares with absolute tolerances; in these
    # units curvatures are about 1 or more, and the right side at most 1.
    unit = jnp.where(bad, 1, least) / max(1.0, 1e4 * eps * d)
    height = jnp.max(jnp.abs(slope))
    height = jnp.where(height > 0, height, 1)
    operator = lx.FunctionLinearOperator(
        lambda v: product(v) / unit, jax.eval_shape(lambda: slope), lx.positive_semidefinite_tag
    )
    tolerance = eps ** (2 / 3)
    solver = lx.CG(tolerance, tolerance, max_steps=_MOST_STEPS)
    found = lx.linear_solve(operator, slope / height, solver, throw=False)
    stuck = ~bad & jnp.isfinite(least) & jnp.isfinite(height)
    stuck &= (found.result != lx.RESULTS.successful) | ~jnp.isfinite(found.value).all()
    step = raise_if(bad, _not_definite, (least,), found.value * (height / unit))
    return raise_if(stuck, _not_solved, (least, largest), step)


def _not_definite(least: Any) -> SolverError:
    least = float(least)
    return SolverError(
        "newton: the Hessian, damping included, is not positive definite: its least eigenvalue is "
        f"{least:.6g}. Add more than {max(-least, 0):.3g} to damping, newton(damping=…), or "
        "start nearer to a minimum."
    )


def _not_solved(least: Any, largest: Any) -> SolverError:
    return SolverError(
        "newton: conjugate gradients did not converge on the Hessian, whose eigenvalues reach from "
        f"{float(least):.3g} or less to {float(largest):.3g} or more; give damping "
        "(methods.newton(damping=…)), or float64."
    )
