"""A PyTorch network: `st.from_torch` makes a JAX function of it, and of its parameters a dict.

steepest audit examples/audit/pytorch.py:setup
"""

import jax.numpy as jnp
import numpy as np
import torch
from torch import nn

import steepest as st


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        self.last = nn.Linear(64, 3, bias=False)

    def forward(self, x):
        x = torch.relu(self.first(x))
        x = nn.functional.max_pool2d(x, 2)
        return self.last(x.flatten(1))


def squared_error(prediction, target):
    return jnp.sum((prediction - target) ** 2)


def setup():
    """Two layers without biases, on 16 random 8×8 images."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    images = rng.standard_normal((16, 1, 8, 8)).astype(np.float32)
    targets = rng.standard_normal((16, 3)).astype(np.float32)
    model = st.from_torch(Network().eval(), images)
    return model, model.params, (images, targets), squared_error
