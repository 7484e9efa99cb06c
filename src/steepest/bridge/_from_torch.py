"""From a PyTorch module to a JAX function of its parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.bridge._arrays import as_examples, to_numpy
from steepest.bridge._export import export
from steepest.bridge._graph import program_of
from steepest.bridge._model import TorchModel
from steepest.bridge._program import Program
from steepest.bridge._sizes import Sizes
from steepest.bridge._torch import pytorch
from steepest.bridge._verify import difference, jax_values, torch_values, varied
from steepest.errors import ArgumentError, SteepestError, UnsupportedPrimitiveError


def from_torch(module: Any, example_inputs: Any) -> TorchModel:
    """See `steepest.from_torch`."""
    torch = pytorch()
    if not isinstance(module, torch.nn.Module):
        raise ArgumentError(
            f"module is {module!r:.60} ({type(module).__name__}); it must be a torch.nn.Module: "
            "put a function in the forward of one."
        )
    inputs = as_examples(example_inputs)
    names, params = _parameters(module)
    theirs = _values(module, inputs)
    _require_numbers(theirs)
    program, sizes = _translated(module, inputs, names, params, theirs)
    arrays = tuple(to_numpy(x, "an input") for x in inputs)
    sizes.allow_one(_agrees_on_one(module, inputs, program, sizes, params))
    return TorchModel(
        type(module).__name__,
        program,
        params,
        sizes,
        each_alone=_treats_each_alone(program, sizes, params, arrays),
    )


def _values(module: Any, inputs: tuple[Any, ...]) -> list[Any]:
    try:
        return torch_values(module, inputs)
    except SteepestError:
        raise
    except Exception as error:  # a module may raise anything
        shapes = " and ".join(str(tuple(x.shape)) for x in inputs)
        raise ArgumentError(
            f"the module itself raises on example_inputs of shapes {shapes}: "
            f"{type(error).__name__}: {error}"
        ) from error


def _require_numbers(results: list[Any]) -> None:
    """Results that are NaN throughout agree with any other NaN: nothing would be compared."""
    for i, result in enumerate(map(np.asarray, results)):
        if result.size and np.all(result != result):
            raise ArgumentError(
                f"on example_inputs the module's result {i} is NaN throughout, so that nothing can "
                "be compared with it; give inputs, and a module, for which it is a number."
            )


def _parameters(module: Any) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Each name of a trainable parameter → the first name of its tensor; and these, as arrays."""
    first: dict[int, str] = {}
    names, params = {}, {}
    for name, tensor in module.named_parameters(remove_duplicate=False):
        if not tensor.requires_grad:
            continue
        if tensor.is_complex():
            raise ArgumentError(
                f"the parameter {name!r} is complex; keep its real and imaginary parts apart."
            )
        names[name] = first.setdefault(id(tensor), name)
        if names[name] == name:
            params[name] = to_numpy(tensor, name)
    return names, params


def _translated(
    module: Any,
    inputs: tuple[Any, ...],
    names: dict[str, str],
    params: dict[str, np.ndarray],
    theirs: list[Any],
) -> tuple[Program, Sizes]:
    """The program for inputs of any length if there is one, else for those of the example."""
    arrays = tuple(to_numpy(x, "an input") for x in inputs)
    try:
        exported = export(module, _with_two_rows(inputs), any_length=True)
    except UnsupportedPrimitiveError:
        exported = None  # a module that takes one length only; the next call says what else it is
    if exported is not None:
        program, sizes = program_of(exported, names), Sizes(exported, inputs)
        if sizes.take(arrays) and not difference(jax_values(program, params, arrays), theirs):
            return program, sizes
    exported = export(module, inputs, any_length=False)
    program, sizes = program_of(exported, names), Sizes(exported, inputs)
    differs = difference(jax_values(program, params, arrays), theirs)
    if differs:
        raise UnsupportedPrimitiveError(
            f"in JAX the module gives other numbers than in PyTorch on the example inputs "
            f"({differs}). Either its results there turn on rounding (a jump, an integer from a "
            "float), and other inputs will do, or a rule of steepest.bridge is wrong."
        )
    return program, sizes


def _with_two_rows(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Batches of one as batches of two, since `torch.export` takes a length of one for a fact."""
    torch = pytorch()
    return tuple(torch.cat([x, x]) if x.ndim and x.shape[0] == 1 else x for x in inputs)


def _agrees_on_one(
    module: Any, inputs: tuple[Any, ...], program: Program, sizes: Sizes, params: dict[str, Any]
) -> bool:
    """Whether a batch of one means to the module what a longer one does.

    A squeeze, or a branch on the length, makes a difference that the graph cannot show.
    """
    one = tuple(x[:1] if free else x for x, free in zip(inputs, sizes.free, strict=True))
    if not any(sizes.free):
        return False
    arrays = tuple(to_numpy(x, "an input") for x in one)
    try:
        theirs = torch_values(module, one)
    except (RuntimeError, ValueError, IndexError, TypeError):
        return False  # PyTorch refuses it, as batch norm does in training mode
    return sizes.take(arrays) and not difference(jax_values(program, params, arrays), theirs)


def _treats_each_alone(
    program: Program, sizes: Sizes, params: dict[str, Any], inputs: tuple[np.ndarray, ...]
) -> bool:
    """Whether the first row of the results is a function of the first row of the inputs.

    To the last bit it must not move with the other rows, and to rounding not with their number.
    """
    if not all(sizes.free) or not sizes.one_allowed:
        return False
    rows = varied(inputs, 0)
    changed = tuple(
        np.concatenate([x[:1], y[1:]]) for x, y in zip(rows, varied(inputs, 1), strict=True)
    )
    if not sizes.take(rows):
        return False
    results = jax_values(program, params, rows)
    if any(np.ndim(leaf) == 0 or np.shape(leaf)[0] != len(rows[0]) for leaf in results):
        return False
    again = jax_values(program, params, changed)
    same = [np.array_equal(a[0], b[0], equal_nan=True) for a, b in zip(results, again, strict=True)]
    alone = jax_values(program, params, tuple(x[:1] for x in rows))
    return all(same) and not difference([leaf[:1] for leaf in results], alone)
