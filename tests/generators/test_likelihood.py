"""Log-probabilities where logits of all words and places are too much to keep for the gradient."""

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from textgan import runtime
from textgan.generators.likelihood import token_log_prob

N, H, V = 37, 4, 50


def inputs(dtype: torch.dtype = torch.float32) -> list[Tensor]:
    torch.manual_seed(1)
    return [torch.randn(s, dtype=dtype).requires_grad_() for s in ((N, H), (V, H), (V,))]


def found(bounded: bool) -> tuple[Tensor, list[Tensor], int]:
    """Log-probabilities, their gradients, and the bytes kept in between."""
    held = 0

    def keep(tensor: Tensor) -> Tensor:
        nonlocal held
        held += tensor.nbytes
        return tensor

    given, targets = inputs(), torch.arange(N) % V
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        log_prob = token_log_prob(*given, targets, bounded)
    weights = torch.linspace(-1, 1, N)
    return log_prob, list(torch.autograd.grad((log_prob * weights).sum(), given)), held


@pytest.mark.parametrize("bounded", [False, True])
def test_logits_that_are_not_kept_are_worked_out_once_more(
    bounded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, slopes, held = found(bounded)
    assert held > 4 * N * V
    monkeypatch.setattr(runtime, "budget", lambda _: 4 * N * V // runtime.LARGE - 1)
    again, others, less = found(bounded)
    assert torch.equal(again, kept)
    assert less < 4 * N * V
    for ours, theirs in zip(others, slopes, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_their_gradient_is_the_numerical_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "budget", lambda _: 10)
    monkeypatch.setattr(runtime, "rows_at_once", lambda *_: 8)
    targets = torch.arange(N) % V
    assert torch.autograd.gradcheck(
        lambda *x: token_log_prob(*x, targets), inputs(torch.float64), fast_mode=True
    )
