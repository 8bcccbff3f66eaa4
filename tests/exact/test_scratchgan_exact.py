"""ScratchGAN on the enumerated language: rewards of every prefix, discount, baseline, reduction."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.exact.enumerated import (
    ENDS,
    PREFIXES,
    Array,
    T,
    Text,
    V,
    is_close,
    log_softmax,
    nodes,
    numerical_gradient,
    probability,
    sixteenths,
    texts_of,
    token_log_probs,
)
from tests.exact.tables import TableDiscriminator, TableGenerator, batch_of, gradient, population
from textgan.data.sequences import Sequences
from textgan.methods.scratchgan import ScratchGAN, ScratchGANOptions

GAMMA = 0.23


class PrefixDiscriminator(TableDiscriminator):
    """A score behind every prefix."""

    def __init__(self, eos: int | None) -> None:
        super().__init__(eos)
        torch.manual_seed(5)
        self.scores = nn.Parameter(2 * torch.randn(V * PREFIXES + 1, dtype=torch.float64))

    @property
    def per_token(self) -> bool:
        return True

    def read(self, embedded: Tensor, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        node, columns = torch.zeros(len(s), dtype=torch.long), []
        for token, real in zip(s.ids.t(), s.mask.t(), strict=True):
            node = torch.where(real, V * node + 1 + token, node)
            columns.append(self.scores[node])
        return torch.stack(columns, dim=1)[..., None]

    def head(self, features: Tensor) -> Tensor:
        return self.output[0] * features.squeeze(2) + self.output[1]


def method_with(eos: int | None, **options: object) -> ScratchGAN:
    players = TableGenerator(eos, sixteenths()), PrefixDiscriminator(eos)
    chosen = ScratchGANOptions.model_validate({"discount": GAMMA, **options})
    return ScratchGAN(chosen, *players).double().train()


def rewards_of(method: ScratchGAN, text: Text) -> Array:
    """r_t = 2 D_t - 1, by hand."""
    d = method.discriminator
    after = [V * n + 1 + v for n, v in zip(nodes(text), text, strict=True)]
    logits = d.output[0].item() * d.scores.detach().numpy()[after] + d.output[1].item()
    result: Array = 2 / (1 + np.exp(-logits)) - 1
    return result


def returns_of(rewards: Array, gamma: float) -> Array:
    """R_t = sum_(s >= t) gamma^(s - t) r_s, as the paper writes it."""
    n = len(rewards)
    return np.array([sum(gamma ** (s - t) * rewards[s] for s in range(t, n)) for t in range(n)])


Returns = Callable[[Array, float], Array]


def papers_gradient(method: ScratchGAN, eos: int | None, returns: Returns = returns_of) -> Array:
    """Of -E sum_t R_t log pi(x_t | x_<t) over the expected length, the returns held still."""
    texts = texts_of(eos)
    p = [probability(sixteenths(), text) for text in texts]
    worth = [q * returns(rewards_of(method, x), GAMMA) for q, x in zip(p, texts, strict=True)]
    length = sum(q * len(x) for q, x in zip(p, texts, strict=True))
    at = np.concatenate([nodes(x) for x in texts]), np.concatenate(texts)
    weight = np.concatenate(worth) / length
    return numerical_gradient(lambda x: -float(weight @ log_softmax(x)[at]), sixteenths())


@pytest.mark.parametrize("eos", ENDS)
def test_the_expected_gradient_is_the_papers(eos: int | None) -> None:
    method, fake = method_with(eos), population(sixteenths(), eos)
    found = gradient(method.generator_loss(fake, fake, 0.0).total, method)
    assert np.abs(found).max() > 0.005
    assert is_close(found, papers_gradient(method, eos))
    for wrong in (
        lambda r, g: returns_of(r[::-1], g)[::-1],  # what came before the token
        lambda r, g: r,  # the immediate reward alone
        lambda r, g: np.full_like(r, r.sum()),  # the text's whole reward for every token
        lambda r, g: returns_of((r + 1) / 2, g),  # D instead of 2 D - 1
        lambda r, g: returns_of(r * g ** np.arange(len(r)), 1.0),  # discounted from the beginning
        lambda r, g: returns_of(np.log((r + 1) / 2), g),  # MaskGAN's log D
        lambda r, g: -returns_of(r, g),  # the sign
    ):
        assert not is_close(found, papers_gradient(method, eos, wrong))


@pytest.mark.parametrize("eos", ENDS)
def test_without_a_discount_it_is_the_gradient_of_the_expected_sum_of_rewards(
    eos: int | None,
) -> None:
    method, fake, texts = (
        method_with(eos, discount=1.0),
        population(sixteenths(), eos),
        texts_of(eos),
    )
    sums = {text: rewards_of(method, text).sum() for text in texts}
    length = sum(probability(sixteenths(), text) * len(text) for text in texts)
    expected = -numerical_gradient(
        lambda x: sum(probability(x, text) * r for text, r in sums.items()), sixteenths()
    )
    found = gradient(method.generator_loss(fake, fake, 0.0).total, method)
    assert is_close(found * length, expected)


def test_the_baseline_is_mostly_the_last_batchs_mean_and_padding_is_not_in_it() -> None:
    method, fake, b = method_with(3), population(sixteenths(), 3), 0.0
    with_padding, swapped = 0.0, 0.0
    for i in range(3):
        batch = fake[torch.arange(20 * i, 20 * i + 20)]
        texts = [tuple(ids[:n]) for ids, n in zip(batch.ids.tolist(), batch.lengths, strict=True)]
        worth = [returns_of(rewards_of(method, text), GAMMA) for text in texts]
        terms = [
            (r - b) * token_log_probs(sixteenths(), x) for r, x in zip(worth, texts, strict=True)
        ]
        loss = method.generator_loss(batch, batch, 0.0)
        assert loss.total.item() == pytest.approx(-np.concatenate(terms).mean(), rel=1e-9)
        method.after_step("generator")
        flat = np.concatenate(worth)
        b = 0.08 * b + 0.92 * flat.mean()
        swapped = 0.92 * swapped + 0.08 * flat.mean()
        with_padding = 0.08 * with_padding + 0.92 * flat.sum() / (20 * T)
        assert method.baseline.item() == pytest.approx(b, rel=1e-9)
        assert loss.parts["reward"].item() == pytest.approx(flat.mean(), rel=1e-6)
        each = [r.mean() for r in worth]
        assert loss.parts["reward_std"].item() == pytest.approx(np.std(each), rel=1e-6)
    assert abs(b - swapped) > 0.005 and abs(b - with_padding) > 0.005


@pytest.mark.parametrize("eos", ENDS)
def test_the_discriminator_is_paid_for_every_real_token_and_for_no_padding(
    eos: int | None,
) -> None:
    method, texts = method_with(eos), texts_of(eos)
    real, fake = texts[3:9], texts[10:13]
    terms = [-np.log((1 + rewards_of(method, text)) / 2) for text in real]
    terms += [-np.log((1 - rewards_of(method, text)) / 2) for text in fake]
    loss = method.discriminator_loss(batch_of(real, eos), batch_of(fake, eos), 0.0)
    assert loss.total.item() == pytest.approx(np.concatenate(terms).mean(), rel=1e-9)
