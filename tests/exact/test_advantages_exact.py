"""Values, baselines and steps of a policy gradient: what they leave of the true gradient."""

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
    log_softmax,
    nodes,
    numerical_gradient,
    probability,
    sixteenths,
    texts_of,
)
from tests.exact.tables import batch_of, gradient, method_of
from textgan.estimators.advantage import discounted, flat_groups, group_relative, leave_one_out
from textgan.losses.policy_gradient import clipped_ratio


def true_gradient(method: Any, eos: int | None) -> Array:
    """Of minus the expected reward, by finite differences."""
    rewards = method.discriminator.table()
    return -numerical_gradient(lambda x: expected_reward(x, rewards), sixteenths())


def expected_gradient(method: Any, eos: int | None, size: int) -> Array:
    """Of the method's loss a text, over every batch of ``size`` texts (1 or 2)."""
    texts = texts_of(eos)
    p = np.array([probability(sixteenths(), text) for text in texts])
    every = batch_of(texts, eos)
    values = method.values(every)
    weight = torch.zeros_like(values)
    for i in range(len(texts)):
        others = range(len(texts)) if size == 2 else [i]
        for j in others:
            rows = torch.tensor([i, j][:size])
            chance = p[i] * (p[j] if size == 2 else 1.0)
            weight[i] += chance * method.advantage(values[rows], every[rows])[0].detach()
    log_prob = method.generator.log_prob(every)
    return gradient(-(log_prob * weight).sum(), method)


@pytest.mark.parametrize("baseline", ["none", "critic"])
@pytest.mark.parametrize("eos", ENDS)
def test_terminal_values_give_the_true_gradient(eos: int | None, baseline: str) -> None:
    method = method_of("seqgan", eos, values="terminal", baseline=baseline)
    method.double()
    assert is_close(expected_gradient(method, eos, 1), true_gradient(method, eos))


def test_a_critic_that_sees_the_token_it_judges_biases_the_gradient() -> None:
    method = method_of("seqgan", 3, values="terminal", baseline="critic").double()
    method.generator.config.bos_token_id = 1
    right = method.critic.forward

    def one_too_late(s: Any) -> Tensor:
        return right(s).roll(-1, dims=1) * s.mask

    method.critic.forward = one_too_late
    assert not is_close(expected_gradient(method, 3, 1), true_gradient(method, 3))


def test_leave_one_out_gives_the_true_gradient_and_the_groups_mean_half_of_it() -> None:
    """Of two texts each stands for half of the mean: E = (1 - 1/2) times the truth."""
    eos = 3
    method = method_of("seqgan", eos, values="terminal", baseline="leave_one_out").double()
    truth = true_gradient(method, eos)
    assert is_close(expected_gradient(method, eos, 2), truth)
    method = method_of("seqgan", eos, values="terminal", baseline="group").double()
    assert is_close(expected_gradient(method, eos, 2), truth / 2)
    assert method.couples == ("generator",)


def test_the_critic_minimises_the_squared_distance_to_the_values() -> None:
    method = method_of("seqgan", 3, values="terminal", baseline="critic").double()
    texts = texts_of(3)[::3]
    fake, rewards = batch_of(texts, 3), method.discriminator.table()
    with torch.no_grad():
        alone = [method.critic(batch_of([text], 3))[0].numpy() for text in texts]
    squares = [
        (expected[t] - rewards[text]) ** 2
        for text, expected in zip(texts, alone, strict=True)
        for t in range(len(text))
    ]
    loss = method.loss("critic", fake, fake, 0.0)
    assert loss.total.item() == pytest.approx(np.mean(squares), rel=1e-6)
    assert loss.terms == len(squares)
    (slope,) = torch.autograd.grad(loss.total, method.critic.output.bias)
    with torch.no_grad():
        method.critic.output.bias += 1e-6
    moved = method.loss("critic", fake, fake, 0.0).total
    assert slope.item() == pytest.approx((moved - loss.total).item() / 1e-6, rel=1e-3)


def slow_columns(values: Array, counts: Array, kind: str) -> Array:
    """Column by column, text by text."""
    result = np.zeros_like(values)
    for t in range(values.shape[1]):
        rows = [b for b in range(len(values)) if counts[b, t]]
        for b in rows:
            others = [values[o, t] for o in rows if o != b]
            group = [values[o, t] for o in rows]
            if kind == "leave_one_out":
                result[b, t] = values[b, t] - (np.mean(others) if others else 0.0)
            else:
                result[b, t] = values[b, t] - np.mean(group)
                if kind == "group_std":
                    result[b, t] /= np.std(group) + 1e-4
    return result


@pytest.mark.parametrize("kind", ["leave_one_out", "group", "group_std"])
def test_baselines_over_unfinished_texts(kind: str) -> None:
    chance = np.random.default_rng(0)
    values = chance.normal(size=(5, 4))
    counts = np.arange(4) < np.array([4, 1, 3, 2, 2])[:, None]
    tensors = torch.tensor(values), torch.tensor(counts)
    if kind == "leave_one_out":
        found = leave_one_out(*tensors)
    else:
        found = group_relative(*tensors, std=kind == "group_std")
    np.testing.assert_allclose(found, slow_columns(values, counts, kind), atol=1e-12)


@pytest.mark.parametrize("kind", ["leave_one_out", "group", "group_std"])
def test_a_method_compares_texts_of_one_value_also_where_they_ended(kind: str) -> None:
    s = batch_of(texts_of(3)[::3], 3)
    mask = s.mask.numpy()
    values = torch.tensor(np.random.default_rng(5).normal(size=mask.shape)) * s.mask
    by_prefix = method_of("seqgan", 3, baseline=kind).advantage(values, s)
    np.testing.assert_allclose(by_prefix, slow_columns(values.numpy(), mask, kind), atol=1e-12)
    method = method_of("seqgan", 3, values="terminal", baseline=kind)
    assert method.couples == ("generator",)
    rewards = np.repeat(values.numpy()[:, :1], mask.shape[1], axis=1)
    expected = slow_columns(rewards, np.ones_like(mask), kind) * mask
    found = method.advantage(torch.tensor(rewards) * s.mask, s)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert np.abs(found.numpy() - slow_columns(rewards, mask, kind)).max() > 0.01


def test_a_critics_expectation_is_subtracted_where_there_is_a_token() -> None:
    method = method_of("seqgan", 3, values="terminal", baseline="critic").double()
    s = batch_of(texts_of(3)[::3], 3)
    values = torch.ones(s.ids.shape, dtype=torch.float64) * s.mask
    with torch.no_grad():
        expected = np.where(s.mask.numpy(), 1 - method.critic(s).numpy(), 0.0)
    np.testing.assert_allclose(method.advantage(values, s), expected, atol=1e-12)


def test_a_group_without_spread_has_no_advantage() -> None:
    same = torch.full((4, 3), 0.7, dtype=torch.float64)
    assert group_relative(same, torch.ones(4, 3), std=True).abs().max() < 1e-8


def test_a_flat_group_is_one_of_several_texts_of_one_value() -> None:
    values = torch.tensor([[0.7, 0.7, 0.2, 0.7, 1.0], [0.7, 0.9, 0.3, 0.7001, 1.0003]])
    values = torch.cat([values, torch.full((1, 5), 9.0)]).double()
    counts = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 1, 1], [0, 0, 0, 0, 0]], dtype=torch.bool)
    # flat, not, alone, flat (a deviation of 0.5e-4), not (1.5e-4)
    assert flat_groups(values, counts).item() == pytest.approx(2 / 4)
    assert flat_groups(values[:, 2:4], counts[:, 2:4]).item() == 1
    assert flat_groups(values[:, 2:3], counts[:, 2:3]).item() == 0


def test_rewards_from_a_token_on_are_discounted() -> None:
    rewards, discount = np.random.default_rng(1).normal(size=(3, 5)), 0.7
    lengths = [5, 1, 3]
    expected = np.zeros_like(rewards)
    for b, n in enumerate(lengths):
        for t in range(n):
            expected[b, t] = sum(discount ** (s - t) * rewards[b, s] for s in range(t, n))
    mask = torch.arange(5) < torch.tensor(lengths)[:, None]
    found = discounted(torch.tensor(rewards), mask, discount)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_moving_average_follows_the_mean_value_behind_each_step() -> None:
    eos, decay = 3, 0.08
    method = method_of(
        "seqgan", eos, values="terminal", baseline="moving_average", baseline_decay=decay
    )
    texts, baseline = texts_of(eos)[::3], 0.0
    s = batch_of(texts, eos)
    rewards = method.discriminator.table()
    mean = sum(len(x) * rewards[x] for x in texts) / sum(map(len, texts))
    for _ in range(3):
        values = method.values(s)
        found = method.advantage(values, s)
        assert torch.allclose(found, (values - baseline) * s.mask, atol=1e-6)
        method.after_step("generator")
        baseline = decay * baseline + (1 - decay) * mean
        assert method.baseline.item() == pytest.approx(baseline, rel=1e-5)
        method.after_step("discriminator")
        assert method.baseline.item() == pytest.approx(baseline, rel=1e-5)
    assert "baseline" in method.own_state()


# ---------------------------------------------------------------- steps


def test_the_clipped_ratio_is_papers() -> None:
    chance = np.random.default_rng(2)
    new, old = chance.normal(-2, 0.3, (4, 3)), chance.normal(-2, 0.3, (4, 3))
    advantage = chance.normal(size=(4, 3))
    mask = np.arange(3) < np.array([3, 1, 2, 3])[:, None]

    def loss(new: Array, pick: Any = np.minimum) -> float:
        ratio = np.exp(new - old)
        gain = pick(ratio * advantage, np.clip(ratio, 0.9, 1.1) * advantage)
        return float(-(gain * mask).sum())

    log_prob = torch.tensor(new, requires_grad=True)
    rest = torch.tensor(old), torch.tensor(advantage), torch.tensor(mask), 0.1
    found = clipped_ratio(log_prob, *rest, "sum")
    assert found.item() == pytest.approx(loss(new))
    assert found.item() != pytest.approx(loss(new, np.maximum))
    (slope,) = torch.autograd.grad(found, log_prob)
    assert is_close(slope.numpy(), numerical_gradient(loss, new))
    assert (slope == 0).sum() > (~mask).sum(), "nothing was clipped"
    mean = clipped_ratio(torch.tensor(new), *rest, "mean")
    assert mean.item() * mask.sum() == pytest.approx(found.item())


@pytest.mark.parametrize("eos", ENDS)
def test_on_fresh_texts_the_clipped_ratio_has_the_policy_gradient(eos: int | None) -> None:
    found = []
    for clip in (None, 0.2):
        method = method_of("seqgan", eos, values="terminal", clip_ratio=clip)
        s = batch_of(texts_of(eos), eos)
        with torch.no_grad():
            old = method.generator.log_prob(s)
        fake = type(s)(s.ids, s.eos, log_prob=old)
        found.append(gradient(method.generator_loss(fake, fake, 0.0).total, method))
    assert is_close(found[0], found[1])


@pytest.mark.parametrize("eos", ENDS)
def test_the_entropy_bonus_is_the_entropy_behind_the_prefixes(eos: int | None) -> None:
    texts = texts_of(eos)[:7]
    s = batch_of(texts, eos)

    def entropies(logits: Array, batch: list[Text]) -> float:
        log_p = log_softmax(logits)
        each = -(np.exp(log_p) * log_p).sum(axis=1)
        return float(sum(each[nodes(text)].sum() for text in batch))

    slopes = []
    for bonus in (0.0, 0.5):
        method = method_of("seqgan", eos, values="terminal", entropy_bonus=bonus)
        slopes.append(gradient(method.generator_loss(s, s, 0.0).total, method))
    expected = -0.5 * numerical_gradient(lambda x: entropies(x, texts), sixteenths())
    assert is_close(slopes[1] - slopes[0], expected)
    assert np.abs(expected).max() > 0.01
