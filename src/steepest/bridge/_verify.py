"""The program beside the module: the same numbers, on the example inputs.

A rule with a slip would otherwise be a wrong answer that looks like any other. The module itself is
run on copies of its state, so that nothing of the user's changes.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.bridge._arrays import to_numpy
from steepest.bridge._program import Program
from steepest.bridge._torch import pytorch
from steepest.errors import UnsupportedPrimitiveError

# It runs once or twice: the compiler's time is all that counts.
_QUICKLY = {"xla_backend_optimization_level": 0}


def torch_values(module: Any, inputs: tuple[Any, ...]) -> list[Any]:
    """The numbers that the module returns, leaf by leaf in JAX's order.

    Raises:
        UnsupportedPrimitiveError: a `torch.autograd.Function` with a backward of its own is at
            work, which an exported graph knows nothing of.
    """
    torch = pytorch()
    state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    copies = {
        name: tensor.detach().clone().requires_grad_(tensor.requires_grad)
        for name, tensor in state.items()
    }
    with torch.enable_grad(), torch.random.fork_rng(devices=[]):
        # Copies of leaves: a leaf that wants a gradient may not be overwritten, and a copy may.
        fresh = [x.detach().clone().requires_grad_(x.is_floating_point()).clone() for x in inputs]
        out = torch.func.functional_call(module, copies, tuple(fresh), tie_weights=True)
    leaves = jax.tree.leaves(_containers(out))
    tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
    _refuse_own_backward(tensors)
    return [
        to_numpy(leaf, "a result") if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves
    ]


def _containers(tree: Any) -> Any:
    if hasattr(tree, "items"):
        return {key: _containers(item) for key, item in tree.items()}
    if isinstance(tree, (tuple, list)):
        return [_containers(item) for item in tree]
    return tree


def _refuse_own_backward(tensors: list[Any]) -> None:
    torch = pytorch()
    waiting = [tensor.grad_fn for tensor in tensors]
    seen: set[Any] = set()
    while waiting:
        function = waiting.pop()
        if function is None or function in seen:
            continue
        seen.add(function)
        if isinstance(function, torch.autograd.function.BackwardCFunction):
            name = type(function).__name__.removesuffix("Backward")
            raise UnsupportedPrimitiveError(
                f"the module uses the torch.autograd.Function {name!r}, whose backward is its own; "
                "an exported graph has only its forward, and JAX would differentiate that. Write "
                "it with operators (x + (g(x) - x).detach() for a straight-through estimator)."
            )
        waiting += [parent for parent, _ in function.next_functions]


def jax_values(program: Program, params: dict[str, Any], inputs: tuple[Any, ...]) -> list[Any]:
    """The numbers that the program returns, leaf by leaf."""
    with jax.default_matmul_precision("highest"):
        out = jax.jit(program, compiler_options=_QUICKLY)(params, tuple(inputs))
    return [np.asarray(leaf) for leaf in jax.tree.leaves(out)]


def difference(ours: list[Any], theirs: list[Any]) -> str | None:
    """What differs, in words, beyond half the digits of the numbers' type; None if nothing does."""
    if len(ours) != len(theirs):
        return f"{len(ours)} results instead of {len(theirs)}"
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if np.shape(a) != np.shape(b):
            return f"result {i} has shape {np.shape(a)} instead of {np.shape(b)}"
        worst = _worst(np.asarray(a), np.asarray(b))
        if worst is not None:
            return f"result {i}{worst}"
    return None


def _worst(a: np.ndarray, b: np.ndarray) -> str | None:
    if not a.size:
        return None
    real = [d for d in (a.dtype, b.dtype) if jnp.issubdtype(d, jnp.inexact)]
    room = max((float(jnp.finfo(d).eps) for d in real), default=0.0) ** 0.5
    wide = np.complex128 if jnp.issubdtype(b.dtype, jnp.complexfloating) else np.float64
    a, b = a.astype(wide), b.astype(wide)
    finite = np.abs(b[np.isfinite(b)])
    largest = finite.max() if finite.size else 0.0
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        near = same | (np.abs(a - b) <= room * (np.abs(b) + largest))
    if near.all():
        return None
    place = tuple(int(k) for k in np.argwhere(~near)[0])
    return f"{list(place)} is {a[place]} instead of {b[place]}"


def varied(inputs: tuple[np.ndarray, ...], seed: int) -> tuple[np.ndarray, ...]:
    """At least two rows that differ from each other, made of the rows of the inputs."""
    rng = np.random.default_rng(seed)
    found = []
    for x in inputs:
        rows = x if x.shape[0] > 1 else np.concatenate([x, x])
        if jnp.issubdtype(rows.dtype, jnp.floating):
            by = 0.3 * rng.random(rows.shape)
            rows = (rows * (1 + by) + np.where(rows == 0, by, 0)).astype(rows.dtype)
        elif rows.ndim > 1:
            rows = np.stack([np.roll(row, i + seed) for i, row in enumerate(rows)])
        found.append(rows)
    return tuple(found)
