"""Arrays of the host (NumPy's) and of JAX: which is which, and who computes with them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer


def is_host(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic)


def namespace(*values: Any) -> ModuleType:
    """NumPy for NumPy's arrays, `jax.numpy` as soon as one is JAX's (or is being traced)."""
    return jnp if any(isinstance(value, jax.Array) for value in values) else np


def to_host(value: Any) -> Any:
    """As a NumPy array; what is being traced, and random keys, as they are."""
    return value if isinstance(value, Tracer) or is_key(value) else np.asarray(value)


def is_key(value: Any) -> bool:
    dtype = getattr(value, "dtype", None)
    return dtype is not None and jnp.issubdtype(dtype, jax.dtypes.extended)
