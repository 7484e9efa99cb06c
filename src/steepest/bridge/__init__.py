"""Networks written in PyTorch, as JAX functions."""

from steepest.bridge._from_torch import from_torch as from_torch
from steepest.bridge._model import TorchModel as TorchModel
