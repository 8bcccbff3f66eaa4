"""Penalties that keep a player from running away."""

from collections.abc import Iterable

import torch
from torch import Tensor


def l2(parameters: Iterable[Tensor]) -> Tensor:
    """Half the sum of squares, as TensorFlow's ``l2_loss`` has it: a scalar."""
    return torch.stack([0.5 * parameter.square().sum() for parameter in parameters]).sum()
