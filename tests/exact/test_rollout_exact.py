"""Cheaper values than SeqGAN's, by enumeration: which leave the gradient as it is, and which not.

Values are exact here (a mean of rollouts is linear in their noise), texts and pairs of texts are
enumerated; the methods' own, by drawn rollouts, are held against the same truth.
"""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.exact.enumerated import (
    ENDS,
    Array,
    Text,
    expected_reward,
    is_close,
    is_unbiased,
    prefix_values,
    probability,
    sixteenths,
    texts_of,
)
from tests.exact.tables import (
    TableDiscriminator,
    batch_of,
    gradient,
    method_of,
    population,
    true_gradient,
)
from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.estimators.advantage import leave_one_out
from textgan.estimators.rollout import carried_back


def exact_values(eos: int | None) -> Tensor:
    """Q_t of every text, by enumeration: (N, T)."""
    rewards = TableDiscriminator(eos).table()
    rows = [prefix_values(sixteenths(), rewards, text) for text in texts_of(eos)]
    return torch.tensor([[*row, *[0.0] * (3 - len(row))] for row in rows], dtype=torch.float64)


def expected_gradient(method: Any, advantages: Tensor, texts: list[Text], eos: int | None) -> Array:
    """Of the loss a text, over all texts: (N, T) -> (PREFIXES, V)."""
    p = torch.tensor([probability(sixteenths(), text) for text in texts])
    log_prob = method.generator.log_prob(batch_of(texts, eos))
    return gradient(-(p[:, None] * advantages * log_prob).sum(), method)


@pytest.mark.parametrize("every", [2, 3])
@pytest.mark.parametrize("eos", ENDS)
def test_the_next_completed_prefixes_value_has_no_bias(eos: int | None, every: int) -> None:
    method, texts = method_of("seqgan", eos), texts_of(eos)
    every_text = batch_of(texts, eos)
    values = carried_back(exact_values(eos), every_text, every)
    assert (values - exact_values(eos)).abs().max() > 0.05
    assert is_close(expected_gradient(method, values, texts, eos), true_gradient(eos))


@pytest.mark.parametrize("eos", ENDS)
def test_an_interpolated_value_halves_the_slope_of_the_tokens_in_between(eos: int | None) -> None:
    """(Q_0 + Q_2) / 2 for Q_1: the half that is Q_0 doesn't know x_1. The rest has no bias."""
    method, texts = method_of("seqgan", eos), texts_of(eos)
    rewards = TableDiscriminator(eos).table()
    values = carried_back(exact_values(eos), batch_of(texts, eos), 2)
    values[:, 0] = (values[:, 0] + expected_reward(sixteenths(), rewards)) / 2
    found, truth = expected_gradient(method, values, texts, eos), true_gradient(eos).copy()
    assert not is_close(found, truth)
    truth[0] /= 2  # the row of the empty prefix
    assert is_close(found, truth)


def over_pairs(method: Any, values: Tensor, eos: int | None) -> Tensor:
    """Advantages of each text, over whom it is batched with: (N, T)."""
    texts = texts_of(eos)
    every_text = batch_of(texts, eos)
    p = torch.tensor([probability(sixteenths(), text) for text in texts], dtype=values.dtype)
    found = torch.zeros_like(values)
    for i in range(len(texts)):
        for j in range(len(texts)):
            rows = torch.tensor([i, j])
            found[i] += p[j] * method.advantage(values[rows], every_text[rows])[0]
    return found


@pytest.mark.parametrize("every", [1, 2])
def test_the_value_of_the_prefix_is_a_baseline_without_bias(every: int) -> None:
    method = method_of("seqgan", 3, baseline="prefix", rollout_every=every)
    assert method.couples == ("generator",)
    values = carried_back(exact_values(3), batch_of(texts_of(3), 3), every)
    advantages = over_pairs(method, values, 3)
    plain = leave_one_out(values, values != 0)
    assert advantages[:, -1].square().sum() < plain[:, -1].square().sum()
    assert is_close(expected_gradient(method, advantages, texts_of(3), 3), true_gradient(3))
    assert not is_close(
        expected_gradient(method, advantages.roll(1, dims=1), texts_of(3), 3), true_gradient(3)
    )


def test_a_baseline_of_the_prefix_by_its_own_text_is_biased() -> None:
    """Of what the drawn text earned, instead of fresh completions: it knows x_t."""
    method, texts = method_of("seqgan", 3, baseline="prefix"), texts_of(3)
    mask = batch_of(texts, 3).mask
    values = exact_values(3)
    own = values.gather(1, mask.sum(dim=1, keepdim=True) - 1).expand_as(values) * mask
    advantages = values.clone()
    advantages[:, 1:] -= own[:, :-1] * mask[:, 1:]
    assert not is_close(expected_gradient(method, advantages, texts, 3), true_gradient(3))


@pytest.mark.parametrize(
    ("eos", "options"),
    [
        (3, {"rollout_every": 2}),
        (3, {"baseline": "prefix"}),
        (None, {"rollout_every": 2, "baseline": "prefix"}),
    ],
)
def test_the_methods_own_cheap_values_have_no_bias(
    eos: int | None, options: dict[str, Any]
) -> None:
    method = method_of("seqgan", eos, dropout=0.5, rollouts=2, **options)
    fake = population(sixteenths(), eos)

    def estimate(seed: int) -> Array:
        runtime.seed("rollout", seed)
        return gradient(method.generator_loss(fake, fake, 0.0).total, method) / len(fake)

    assert is_unbiased(estimate, true_gradient(eos), seeds=8)


def test_only_every_second_prefix_is_completed() -> None:
    method = method_of("seqgan", 3, rollouts=3, rollout_every=2)
    seen: list[int] = []
    right = method.reward

    def reward(s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        seen.append(prefix)
        found: Tensor = right(s, prefix, copies)
        return found

    method.reward = reward
    s = batch_of([(3,), (1, 3), (1, 2, 0), (0, 0, 3)], 3)
    values = method.values(s).numpy()
    assert seen == [0, 2]
    ends = right(s).numpy()
    assert np.allclose(values[:2], [[ends[0], 0, 0], [ends[1], ends[1], 0]])
    assert np.array_equal(values[2:, 0], values[2:, 1])
    assert np.allclose(values[2:, 2], ends[2:])
    assert not np.isclose(values[2:, 1], ends[2:]).any()


def test_the_prefixes_value_needs_rollouts() -> None:
    with pytest.raises(ValueError, match="baseline 'prefix' is by rollouts, values 'terminal'"):
        method_of("seqgan", 3, values="terminal", baseline="prefix")
