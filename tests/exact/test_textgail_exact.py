"""TextGAIL on the enumerated language: comparisons, PPO of whole texts, human demonstrations."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.exact.enumerated import (
    ENDS,
    Array,
    Text,
    expected_reward,
    is_close,
    log_softmax,
    numerical_gradient,
    sixteenths,
    texts_of,
    token_log_probs,
)
from tests.exact.tables import TableDiscriminator, TableGenerator, batch_of, gradient, population
from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.losses.policy_gradient import clipped_ratio
from textgan.methods.textgail import TextGAIL, TextGAILOptions

N = 40


def method_with(eos: int | None, **options: Any) -> TextGAIL:
    players = TableGenerator(eos, sixteenths()), TableDiscriminator(eos)
    chosen = TextGAILOptions.model_validate({"advantage_clip": 1.0, **options})
    return TextGAIL(chosen, *players).double().train()


def tempered() -> Array:
    """The policy that sampled: at another temperature."""
    return log_softmax(sixteenths() / 1.1)


def drawn(eos: int | None, by: Array, texts: list[Text]) -> Sequences:
    """Texts with the log-probability under the policy that drew them."""
    s = batch_of(texts, eos)
    return replace(s, log_prob=TableGenerator(eos, by).log_prob(s).detach())


def pairs(eos: int | None) -> tuple[list[Text], list[Text]]:
    texts, chance = texts_of(eos), np.random.default_rng(7)
    real, fake = (chance.integers(len(texts), size=N) for _ in range(2))
    return [texts[i] for i in real], [texts[i] for i in fake]


def papers_loss(
    method: TextGAIL, real: list[Text], fake: list[Text], share: float, wrong: str = ""
) -> Any:
    """The loss as a function of the policy, in loops; ``wrong`` names a mistake to make."""
    probability = method.discriminator.table()
    d = {text: np.log(p / (1 - p)) for text, p in probability.items()}
    reward = [np.exp(d[y]) / (np.exp(d[x]) + np.exp(d[y])) for x, y in zip(real, fake, strict=True)]
    if wrong == "of the real one":
        reward = [1 - r for r in reward]
    if wrong == "not compared":
        reward = [probability[y] for y in fake]
    a = (np.array(reward) - np.mean(reward)) / (np.std(reward) + 1e-4)
    a = a if wrong == "not clipped" else np.clip(a, -1, 1)
    a = np.array(reward) if wrong == "not normalised" else a
    shown = int(share * N)
    texts = real[:shown] + fake[shown:]
    a = a if wrong == "demonstrations paid like others" else np.r_[np.full(shown, 2.0), a[shown:]]
    by = [sixteenths() if i < shown or wrong == "recomputed" else tempered() for i in range(N)]
    old = [token_log_probs(table, text) for table, text in zip(by, texts, strict=True)]

    def objective(logits: Array) -> float:
        terms = []
        for text, before, gain in zip(texts, old, a, strict=True):
            change = token_log_probs(logits, text) - before
            ratios = np.exp(change if wrong == "token by token" else change.sum(keepdims=True))
            terms.append(np.minimum(ratios * gain, np.clip(ratios, 0.8, 1.2) * gain).mean())
        return -float(np.mean(terms))

    return objective


WRONG = [
    "of the real one",
    "not compared",
    "not clipped",
    "not normalised",
    "demonstrations paid like others",
    "recomputed",
    "token by token",
]


@pytest.mark.parametrize("progress", [0.0, 0.5])
@pytest.mark.parametrize("eos", ENDS)
def test_loss_and_gradient_are_the_papers(eos: int | None, progress: float) -> None:
    method, (real, fake) = method_with(eos), pairs(eos)
    share = 0.3 * (1 - progress)
    loss = method.generator_loss(batch_of(real, eos), drawn(eos, tempered(), fake), progress)
    right = papers_loss(method, real, fake, share)
    assert loss.total.item() == pytest.approx(right(sixteenths()), rel=1e-9)
    assert is_close(gradient(loss.total, method), numerical_gradient(right, sixteenths()))
    d = {text: np.log(p / (1 - p)) for text, p in method.discriminator.table().items()}
    preferred = [1 / (1 + np.exp(d[x] - d[y])) for x, y in zip(real, fake, strict=True)]
    assert loss.parts["reward_std"].item() == pytest.approx(np.std(preferred), rel=1e-6)
    assert loss.parts["flat_groups"].item() == 0


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("eos", ENDS)
def test_a_wrong_textgail_has_another_loss(eos: int | None, wrong: str) -> None:
    method, (real, fake) = method_with(eos), pairs(eos)
    loss = method.generator_loss(batch_of(real, eos), drawn(eos, tempered(), fake), 0.0).total
    other = papers_loss(method, real, fake, 0.3, wrong)
    assert abs(other(sixteenths()) - loss.item()) > 1e-3


def test_demonstrations_fall_to_none_and_are_the_first_of_the_batch() -> None:
    method = method_with(None)
    counts = [int(method.shown(N, progress).sum()) for progress in (0.0, 0.25, 0.5, 0.99, 1.0)]
    assert counts == [12, 9, 6, 0, 0]
    assert method.shown(N, 0.0)[:12].all()
    real, fake = pairs(None)
    mixed = method.demonstrated(
        batch_of(real, None), drawn(None, tempered(), fake), method.shown(N, 0.0)
    )
    assert [tuple(ids) for ids in mixed.ids.tolist()] == real[:12] + fake[12:]


@pytest.mark.parametrize("eos", ENDS)
def test_without_clipping_it_is_unbiased_whatever_policy_sampled(eos: int | None) -> None:
    """E_q[rho D grad log pi] = grad E_pi[D], only if rho's denominator is the sampler's."""
    method, sampler = method_with(eos, clip_ratio=None), sixteenths(3)
    fake = population(sampler, eos)
    fake = replace(fake, log_prob=TableGenerator(eos, sampler).log_prob(fake).detach())
    worth = method.discriminator.probability(fake)[:, None] * fake.mask
    rewards = method.discriminator.table()
    expected = -numerical_gradient(lambda x: expected_reward(x, rewards), sixteenths())
    assert np.abs(expected).max() > 0.01

    def found(texts: Sequences) -> Array:
        log_prob = method.generator.log_prob(texts)
        return gradient(method.step_towards(worth, log_prob, texts), method)

    assert is_close(found(fake), expected)
    now = method.generator.log_prob(fake).detach()
    assert not is_close(found(replace(fake, log_prob=now)), expected), "not the sampler's"
    by_token = clipped_ratio(
        method.generator.log_prob(fake), fake.log_prob, worth, fake.mask, torch.inf, "sum"
    )
    assert not is_close(gradient(by_token, method) / len(fake), expected), "token by token"


@pytest.mark.parametrize("eos", ENDS)
def test_the_discriminator_learns_which_of_two_is_real(eos: int | None) -> None:
    method, (real, fake) = method_with(eos), pairs(eos)
    d = {text: np.log(p / (1 - p)) for text, p in method.discriminator.table().items()}
    p = [np.exp(d[x]) / (np.exp(d[x]) + np.exp(d[y])) for x, y in zip(real, fake, strict=True)]
    loss = method.discriminator_loss(batch_of(real, eos), batch_of(fake, eos), 0.0).total.item()
    assert loss == pytest.approx(-np.log(p).mean(), rel=1e-9)
    assert loss != pytest.approx(-np.log(1 - np.array(p)).mean(), rel=1e-3)


def test_a_demonstration_is_the_real_text_with_its_category_and_nothing_given() -> None:
    method = method_with(3)
    real = replace(batch_of([(1, 3), (2, 0, 1), (0, 3)], 3), category=torch.tensor([0, 1, 2]))
    fake = drawn(3, tempered(), [(2, 2, 3), (1, 1, 0), (0, 1, 3)])
    given = torch.tensor([[True, False, False]]).repeat(3, 1)
    fake = replace(fake, given=given, category=torch.tensor([5, 6, 7]))
    mixed = method.demonstrated(real, fake, torch.tensor([True, False, True]))
    assert mixed.ids.tolist() == [[1, 3, 0], [1, 1, 0], [0, 3, 0]]
    assert mixed.category is not None and mixed.category.tolist() == [0, 6, 2]
    assert mixed.given is not None
    assert mixed.given.tolist() == [[False] * 3, [True, False, False], [False] * 3]
    plain = method.demonstrated(batch_of([(1, 3)] * 3, 3), fake, torch.tensor([True] * 3))
    assert plain.category is fake.category


def test_demonstrations_are_the_first_rows_also_of_a_part_of_the_batch() -> None:
    method = method_with(3, demonstrations=0.5)
    assert method.shown(6, 0.0).tolist() == [True] * 3 + [False] * 3
    with runtime.part(2, 4, 6):
        assert method.shown(2, 0.0).tolist() == [True, False]


def test_a_sum_is_the_mean_times_the_texts() -> None:
    real, fake = pairs(3)
    totals = [
        method_with(3, reduction=reduction)
        .generator_loss(batch_of(real, 3), drawn(3, tempered(), fake), 0.5)
        .total.item()
        for reduction in ("sum", "mean")
    ]
    assert abs(totals[1]) > 1e-3
    assert totals[0] == pytest.approx(N * totals[1], rel=1e-6)
