"""Tensors as NumPy arrays, and the types of their numbers."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.bridge._torch import pytorch
from steepest.errors import ArgumentError


def numpy_dtype(dtype: Any) -> np.dtype:
    """NumPy's type of a PyTorch type, bfloat16 among them.

    Raises:
        ArgumentError: there is none (quantized numbers).
    """
    name = str(dtype).removeprefix("torch.")
    try:
        return jnp.dtype(name)
    except TypeError as error:
        raise ArgumentError(f"the module holds numbers of type {name}, which JAX lacks.") from error


def to_numpy(tensor: Any, name: str) -> np.ndarray:
    """A copy of a dense tensor, in its own type.

    Raises:
        ArgumentError: it is sparse or quantized.
    """
    torch = pytorch()
    if tensor.layout != torch.strided or tensor.is_quantized:
        raise ArgumentError(
            f"{name} is a sparse or quantized tensor; call .to_dense() or .dequantize() on it."
        )
    plain = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    dtype = numpy_dtype(plain.dtype)
    if plain.dtype == torch.bfloat16:  # NumPy's own types have none
        return plain.view(torch.int16).numpy().view(dtype).copy()
    return plain.numpy().copy()


def to_tensor(array: Any) -> Any:
    """A tensor with the numbers of an array, in its own type."""
    torch = pytorch()
    array = np.array(array)
    if array.dtype == jnp.bfloat16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def as_examples(example_inputs: Any) -> tuple[Any, ...]:
    """The user's example inputs as tensors of their own, which a module may overwrite.

    Raises:
        ArgumentError: there are none, or one is no array of numbers.
    """
    torch = pytorch()
    several = isinstance(example_inputs, (tuple, list))
    given = tuple(example_inputs) if several else (example_inputs,)
    if not given:
        raise ArgumentError("example_inputs is empty; give a tensor, or a tuple of tensors.")
    found = []
    for i, value in enumerate(given):
        name = f"example_inputs[{i}]" if several else "example_inputs"
        if isinstance(value, torch.Tensor):
            found.append(value.detach().clone())
        elif isinstance(value, (np.ndarray, np.generic, jax.Array)):
            found.append(to_tensor(value))
        else:
            raise ArgumentError(
                f"{name} is {value!r:.60} ({type(value).__name__}); give a tensor or a NumPy array "
                "for each argument of the module's forward, and wrap the module in one of your own "
                "where an argument is anything else."
            )
    return tuple(found)
