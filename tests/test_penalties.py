"""What a discriminator could do to escape a penalty on its slope, and can't."""

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.test_one_pass import B, make, some
from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.methods import Method
from textgan.methods.game import Game


def penalty(method: Method, real: Sequences, fake: Sequences) -> Tensor:
    """What stands besides the two-player loss."""
    assert isinstance(method, Game)
    runtime.seed(3)
    with runtime.evaluating(method.discriminator):
        both, embedded = method.both(real, fake, 0.0)
        return method.penalties(embedded, both, B)


def rescaled(method: Method, matrix: Tensor) -> None:
    """Word vectors times a matrix, filters times its inverse: the same discriminator."""
    d: Any = method.discriminator
    with torch.no_grad():
        d.embedding.weight.copy_(d.embedding.weight @ matrix)
        inverse = matrix.inverse().t()
        for layer in d.convolution.convolutions:
            windows = layer.weight.view(len(layer.weight), -1, len(matrix))
            layer.weight.copy_((windows @ inverse).flatten(1))


@pytest.mark.parametrize("name", ["seqgan", "ppo_gan", "relgan"])
@pytest.mark.parametrize("kind", ["gradient_penalty", "simplex_penalty"])
def test_word_vectors_of_another_scale_escape_the_one_and_not_the_other(
    name: str, kind: str
) -> None:
    off = {"gradient_penalty": 0.0, "simplex_penalty": 0.0}
    if name == "seqgan":
        off["output_l2"] = 0.0
    method = make(name, "cnn", **off | {kind: 2.0})
    real, _ = some(method)
    fake = method.play(real, 0.0)
    size = method.discriminator.embedding.weight.shape[1]
    before = penalty(method, real, fake)
    judged = method.discriminator.judge(real)
    rescaled(method, torch.diag(torch.linspace(2.0, 4.0, size)))
    torch.testing.assert_close(method.discriminator.judge(real), judged, rtol=1e-3, atol=1e-4)
    after = penalty(method, real, fake)
    if kind == "simplex_penalty":
        torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-5)
    else:
        assert abs(after - before) > 0.05 * before


def test_the_slope_by_one_hots_is_that_of_the_one_hots_themselves() -> None:
    """The Gram matrix of the word vectors instead of V numbers a token."""
    method = make("seqgan", "cnn", output_l2=0.0, simplex_penalty=1.0)
    real, fake = some(method)
    found = penalty(method, real, fake)
    d = method.discriminator
    table = d.embedding.weight
    both = Sequences.joined(real, fake)
    y = torch.eye(len(table))[both.ids] * both.mask[..., None]  # (2 B, T, V)
    runtime.seed(3)
    share = runtime.uniform(B, 1, y.device)[..., None]
    between = (share * y[:B] + (1 - share) * y[B:]).requires_grad_()
    with runtime.evaluating(d):
        logits = d.head(d.read(between @ table, Sequences(both.ids[:B], None)))
    (slope,) = torch.autograd.grad(logits.sum(), between, create_graph=True)
    expected = (slope.flatten(1).norm(dim=1) - 1).square().mean()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    for one, other in zip(
        torch.autograd.grad(found, [table, d.output.weight]),
        torch.autograd.grad(expected, [table, d.output.weight]),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)
