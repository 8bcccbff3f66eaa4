"""In which precision matrix products are computed: fp32, or bf16 where a recipe asks for it.

bf16 has fp32's range and 8 of its 24 binary digits, so that no loss has to be scaled. Weights and
optimizers stay fp32, and so does what players tell: logits and log-probabilities (LeakGAN's states
and a transformer's cache are bf16). A policy's last product, too: where it is rounded, the
log-probabilities of a draw and of its likelihood disagree, and ratios of policies with them (Chen
et al. 2025, 2506.13585, found the same).
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Literal, ParamSpec, TypeVar

import torch
from torch import Tensor

Precision = Literal["fp32", "bf16"]
P = ParamSpec("P")
T = TypeVar("T")


def computing(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Inside, players multiply in this precision. Gradients are taken outside: theirs follows."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def narrowed(x: Tensor) -> Tensor:
    """``x`` as a product would take it: before it is copied about, so that less is."""
    kind = x.device.type
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        return x.to(torch.get_autocast_dtype(kind))
    return x


def widened(x: Tensor) -> Tensor:
    """``x`` in fp32, or as it is where it has as many digits."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def in_fp32(function: Callable[P, T]) -> Callable[P, T]:
    """A function that computes in fp32 wherever it is called, and gets its tensors so."""

    @wraps(function)
    def exact(*args: P.args, **kwargs: P.kwargs) -> T:
        device = next(value.device for value in args if isinstance(value, Tensor))
        if not torch.amp.is_autocast_available(device.type):
            return function(*args, **kwargs)
        wide = (widened(value) if isinstance(value, Tensor) else value for value in args)
        with torch.autocast(device.type, enabled=False):
            return function(*wide, **kwargs)  # type: ignore[arg-type]

    return exact
