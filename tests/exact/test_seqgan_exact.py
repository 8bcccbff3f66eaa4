"""SeqGAN, MLE and the controls on a language small enough to be solved: V 4, T 3.

What is expected stands here, in NumPy over probability tables, and imports nothing from textgan:
texts are enumerated, gradients are finite differences. Known mistakes of other ports are run
through the same checks, which must reject them.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.exact.enumerated import (
    ENDS,
    PREFIXES,
    Array,
    T,
    Text,
    V,
    discriminator_loss,
    is_close,
    is_unbiased,
    nll,
    numerical_gradient,
    prefix_values,
    probability,
    sixteenths,
    texts_of,
    token_log_probs,
)
from tests.exact.tables import (
    TableGenerator,
    batch_of,
    gradient,
    method_of,
    population,
    true_gradient,
)
from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.estimators.rollout import rollout_values
from textgan.losses.policy_gradient import policy_gradient
from textgan.methods import METHODS, MLE, SeqGAN
from textgan.methods.seqgan import SeqGANOptions

# ---------------------------------------------------------------- the language itself


@pytest.mark.parametrize("eos", ENDS)
def test_the_language_is_whole(eos: int | None) -> None:
    texts = texts_of(eos)
    assert len(texts) == (64 if eos is None else 1 + 3 + 9 * 4)
    assert sum(probability(sixteenths(), text) for text in texts) == pytest.approx(1)


@pytest.mark.parametrize("eos", ENDS)
def test_the_tables_log_probability_is_numpys(eos: int | None) -> None:
    generator, texts = TableGenerator(eos, sixteenths()), texts_of(eos)
    found = generator.log_prob(batch_of(texts, eos)).detach().numpy()
    for row, text in zip(found, texts, strict=True):
        expected = np.zeros(T)
        expected[: len(text)] = token_log_probs(sixteenths(), text)
        np.testing.assert_allclose(row, expected, atol=1e-12)


@pytest.mark.parametrize("eos", ENDS)
def test_texts_are_sampled_as_often_as_the_table_says(eos: int | None) -> None:
    generator, texts, n = TableGenerator(eos, sixteenths()), texts_of(eos), 40_000
    runtime.seed(2)
    s = generator.sample(n)
    counts = dict.fromkeys(texts, 0)
    for ids, length in zip(s.ids.tolist(), s.lengths.tolist(), strict=True):
        counts[tuple(ids[:length])] += 1
    expected = {text: n * probability(sixteenths(), text) for text in texts}
    chi_square = sum((counts[x] - expected[x]) ** 2 / expected[x] for x in texts)
    freedom = len(texts) - 1
    assert chi_square < freedom + 4 * np.sqrt(2 * freedom)


# ---------------------------------------------------------------- the policy gradient


@pytest.mark.parametrize("eos", ENDS)
def test_with_exact_values_the_expected_gradient_is_that_of_the_expected_reward(
    eos: int | None,
) -> None:
    method = method_of("seqgan", eos)
    rewards, generator = method.discriminator.table(), method.generator
    total, as_mean = np.zeros((PREFIXES, V)), np.zeros((PREFIXES, V))
    for text in rewards:
        s, p = batch_of([text], eos), probability(sixteenths(), text)
        values = torch.zeros(1, T)
        values[0, : len(text)] = torch.tensor(prefix_values(sixteenths(), rewards, text))
        for sums, reduction in ((total, "sum"), (as_mean, "mean")):
            loss = policy_gradient(generator.log_prob(s), values, s.mask, reduction)
            scale = 1 if reduction == "sum" else len(text)
            sums += p * scale * gradient(loss, method)
    expected = true_gradient(eos)
    assert np.abs(expected).max() > 0.01
    assert is_close(total, expected)
    assert is_close(as_mean, expected)


def seqgan_gradient(method: Any, loss: Callable[[Any, Sequences], Tensor]) -> Any:
    """A function of the seed: the loss's gradient on the population, a text on average."""
    fake = population(sixteenths(), method.generator.config.eos_token_id)

    def estimate(seed: int) -> Array:
        runtime.seed("exact", seed)
        return gradient(loss(method, fake), method) / len(fake)

    return estimate


def the_methods_own(method: Any, fake: Sequences) -> Tensor:
    total: Tensor = method.generator_loss(fake, fake, 0.0).total
    return total


@pytest.mark.parametrize("eos", ENDS)
def test_the_expected_gradient_of_seqgan_is_that_of_the_expected_reward(eos: int | None) -> None:
    method = method_of("seqgan", eos, dropout=0.5, rollouts=4)
    assert is_unbiased(seqgan_gradient(method, the_methods_own), true_gradient(eos))


@pytest.mark.parametrize("eos", ENDS)
def test_the_mean_is_the_sum_over_the_number_of_real_tokens(eos: int | None) -> None:
    losses, gradients = {}, {}
    fake = population(sixteenths(), eos)
    for reduction in ("sum", "mean"):
        method = method_of("seqgan", eos, rollouts=2, reduction=reduction)
        runtime.seed(1)
        losses[reduction] = the_methods_own(method, fake)
        gradients[reduction] = gradient(losses[reduction], method)
    tokens = sum(len(ids[: ids.index(eos) + 1]) if eos in ids else T for ids in fake.ids.tolist())
    assert tokens < 4096 * T or eos is None
    np.testing.assert_allclose(losses["mean"].item() * tokens, losses["sum"].item(), rtol=1e-6)
    np.testing.assert_allclose(gradients["mean"] * tokens, gradients["sum"], atol=1e-4)
    np.testing.assert_raises(  # the number of cells, padding among them, must not pass
        AssertionError,
        np.testing.assert_allclose,
        losses["mean"].item() * 4096 * T * (2 if eos is None else 1),
        losses["sum"].item(),
        rtol=1e-6,
    )


@pytest.mark.parametrize("eos", ENDS)
def test_rollout_values_are_the_exact_ones_within_four_standard_errors(eos: int | None) -> None:
    method, n = method_of("seqgan", eos, dropout=0.5), 2000
    rewards, texts = method.discriminator.table(), texts_of(eos)
    runtime.seed(3)
    found = rollout_values(
        method.generator, method.discriminator.probability, batch_of(texts, eos), n
    )
    assert values_are_exact(found, rewards, texts, n)
    shifted = torch.roll(found, 1, dims=1)
    assert not values_are_exact(shifted, rewards, texts, n), "one column too late"
    assert not values_are_exact(torch.roll(found, 1, dims=0), rewards, texts, n), "another text's"


def values_are_exact(found: Tensor, rewards: dict[Text, float], texts: list[Text], n: int) -> bool:
    for row, text in zip(found.tolist(), texts, strict=True):
        expected = prefix_values(sixteenths(), rewards, text)
        squares = prefix_values(sixteenths(), {x: r * r for x, r in rewards.items()}, text)
        for t in range(T):
            if t >= len(text):
                ok = row[t] == 0.0
            else:
                spread = max(squares[t] - expected[t] ** 2, 0.0)
                ok = abs(row[t] - expected[t]) < 4 * np.sqrt(spread / n) + 1e-6
            if not ok:
                return False
    return True


# ---------------------------------------------------------------- known mistakes must fail


def rewards_by_hand(method: Any, fake: Sequences, n: int, dropout: bool = False) -> Tensor:
    """(n, T, B): every rollout's reward, the slow way, through fresh samples of each prefix."""
    generator, discriminator = method.generator, method.discriminator

    def judge(s: Sequences) -> Tensor:
        if dropout:
            with torch.no_grad():
                judged: Tensor = discriminator(s).sigmoid()
                return judged
        value: Tensor = discriminator.probability(s)
        return value

    columns = []
    for t in range(1, T):
        many = fake.ids[:, :t].repeat(n, 1)
        completed = generator.sample(len(many), T, prefix=many)
        columns.append(judge(Sequences(completed.ids, fake.eos)).view(n, -1))
    columns.append(judge(fake).expand(n, -1))
    return torch.stack(columns, dim=1)


def by_hand(method: Any, fake: Sequences) -> Tensor:
    """SeqGAN again, right: the wrong ones below differ from it in one point each."""
    values = rewards_by_hand(method, fake, 4).mean(dim=0).t()
    return policy_gradient(log_prob_of(method, fake), values, fake.mask, "sum")


def log_prob_of(method: Any, fake: Sequences) -> Tensor:
    with runtime.evaluating(method.generator):
        log_prob: Tensor = method.generator.log_prob(fake)
    return log_prob


def layout_misread(method: Any, fake: Sequences) -> Tensor:
    """Filled as (rollout * time, batch), read as (batch, time, rollout)."""
    filled = rewards_by_hand(method, fake, 4).flatten(0, 1)
    values = filled.reshape(len(fake), T, 4).mean(dim=2)
    return policy_gradient(log_prob_of(method, fake), values, fake.mask, "sum")


def dropout_in_rewards(method: Any, fake: Sequences) -> Tensor:
    """Nobody called eval(): the discriminator that pays has its dropout on."""
    values = rewards_by_hand(method, fake, 4, dropout=True).mean(dim=0).t()
    return policy_gradient(log_prob_of(method, fake), values, fake.mask, "sum")


def dropout_in_the_policy(method: Any, fake: Sequences) -> Tensor:
    """The likelihood of another policy than the one that sampled."""
    values = rewards_by_hand(method, fake, 4).mean(dim=0).t()
    return policy_gradient(method.generator.log_prob(fake), values, fake.mask, "sum")


def value_of_the_next_prefix(method: Any, fake: Sequences) -> Tensor:
    """Q_t-1 where Q_t belongs: the token's own choice is not in its value."""
    values = rewards_by_hand(method, fake, 4).mean(dim=0).t().roll(1, dims=1)
    return policy_gradient(log_prob_of(method, fake), values, fake.mask, "sum")


def gradient_ascent_on_the_loss(method: Any, fake: Sequences) -> Tensor:
    """The sign is wrong."""
    return -by_hand(method, fake)


WRONG = [
    layout_misread,
    dropout_in_rewards,
    dropout_in_the_policy,
    value_of_the_next_prefix,
    gradient_ascent_on_the_loss,
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda f: f.__name__)
@pytest.mark.parametrize("eos", ENDS)
def test_a_wrong_seqgan_fails_the_check(
    eos: int | None, wrong: Callable[[Any, Sequences], Tensor]
) -> None:
    method = method_of("seqgan", eos, dropout=0.5)
    assert not is_unbiased(seqgan_gradient(method, wrong), true_gradient(eos), seeds=5)


@pytest.mark.parametrize("eos", ENDS)
def test_seqgan_written_by_hand_passes_the_check(eos: int | None) -> None:
    method = method_of("seqgan", eos, dropout=0.5)
    assert is_unbiased(seqgan_gradient(method, by_hand), true_gradient(eos), seeds=5)


def test_padding_that_counts_fails_the_check() -> None:
    eos = 3
    method = method_of("seqgan", eos)

    def padding_counts(method: Any, fake: Sequences) -> Tensor:
        """Padding is taken for word 0 and earns its text's reward."""
        values = rewards_by_hand(method, fake, 4).mean(dim=0).t()
        log_prob = method.generator.logits(fake).log_softmax(2)
        chosen = log_prob.gather(2, fake.ids[..., None]).squeeze(2)
        return policy_gradient(chosen, values, torch.ones_like(fake.mask), "sum")

    assert not is_unbiased(seqgan_gradient(method, padding_counts), true_gradient(eos), seeds=5)


def test_a_filter_of_20_that_crashes_on_short_texts_fails_the_check() -> None:
    """The check itself stands in tests/discriminators/test_cnn.py."""
    with pytest.raises(RuntimeError, match="Kernel size can't be greater"):
        torch.nn.functional.conv1d(torch.zeros(1, 2, T), torch.zeros(1, 2, 20))


# ---------------------------------------------------------------- maximum likelihood


def mle_batch(eos: int | None) -> list[Text]:
    texts = texts_of(eos)
    return [texts[i] for i in np.random.default_rng(4).integers(len(texts), size=30)] + texts[:1]


@pytest.mark.parametrize("name", ["mle", "mle_continued"])
@pytest.mark.parametrize("eos", ENDS)
def test_mle_is_the_mean_over_real_tokens_and_so_is_its_gradient(
    eos: int | None, name: str
) -> None:
    method, batch = method_of(name, eos), mle_batch(eos)
    real = batch_of(batch, eos)
    assert method.play(real, 0.0) is real
    loss = method.generator_loss(real, real, 0.0)
    assert loss.total.item() == pytest.approx(nll(sixteenths(), batch), rel=1e-6)
    assert loss.parts["nll"].item() == pytest.approx(loss.total.item())
    expected = numerical_gradient(lambda x: nll(x, batch), sixteenths())
    assert is_close(gradient(loss.total, method), expected)
    assert isinstance(method, MLE)
    assert method.trains == ("generator",)


def padding_in_the_sum(log_prob: Tensor, mask: Tensor) -> Tensor:
    return -log_prob.sum() / mask.sum()


def padding_in_the_count(log_prob: Tensor, mask: Tensor) -> Tensor:
    return -(log_prob * mask).sum() / mask.numel()


def padding_in_both(log_prob: Tensor, mask: Tensor) -> Tensor:
    return -log_prob.mean()


def without_eos(log_prob: Tensor, mask: Tensor) -> Tensor:
    inside = mask & mask.roll(-1, dims=1)
    inside[:, -1] = False
    return -(log_prob * inside).sum() / inside.sum()


def mean_of_texts_means(log_prob: Tensor, mask: Tensor) -> Tensor:
    return -((log_prob * mask).sum(dim=1) / mask.sum(dim=1)).mean()


@pytest.mark.parametrize(
    "wrong",
    [padding_in_the_sum, padding_in_the_count, padding_in_both, without_eos, mean_of_texts_means],
    ids=lambda f: f.__name__,
)
def test_a_wrong_mle_fails_the_check(wrong: Callable[[Tensor, Tensor], Tensor]) -> None:
    eos = 3
    method, batch = method_of("mle", eos), mle_batch(eos)
    real = batch_of(batch, eos)
    log_prob = method.generator.logits(real).log_softmax(2)
    chosen = log_prob.gather(2, real.ids[..., None]).squeeze(2)
    loss = wrong(chosen, real.mask)
    assert loss.item() != pytest.approx(nll(sixteenths(), batch), rel=1e-3)
    expected = numerical_gradient(lambda x: nll(x, batch), sixteenths())
    assert not is_close(gradient(loss, method), expected)


# ---------------------------------------------------------------- the discriminator


def players_batches(eos: int | None) -> tuple[Array, Array, Sequences, Sequences]:
    texts, chance = texts_of(eos), np.random.default_rng(5)
    real, fake = chance.integers(len(texts), size=12), chance.integers(len(texts), size=20)
    return real, fake, *(batch_of([texts[i] for i in rows], eos) for rows in (real, fake))


@pytest.mark.parametrize("l2", [0.0, 0.2, 3.0])
@pytest.mark.parametrize("eos", ENDS)
def test_the_discriminators_loss_and_gradient(eos: int | None, l2: float) -> None:
    method = method_of("seqgan", eos, output_l2=l2)
    real, fake, real_texts, fake_texts = players_batches(eos)
    loss = method.discriminator_loss(real_texts, fake_texts, 0.0)
    d = method.discriminator
    scores, output = d.scores.detach().numpy(), d.output.detach().numpy()
    expected = discriminator_loss(scores, real, fake, output, l2)
    assert loss.total.item() == pytest.approx(expected, rel=1e-9)
    plain = discriminator_loss(scores, real, fake, output, 0.0)
    assert loss.parts["d_loss"].item() == pytest.approx(plain, rel=1e-6)
    right = (scores[real] * output[0] + output[1] > 0).sum()
    right += (scores[fake] * output[0] + output[1] <= 0).sum()
    assert loss.parts["d_accuracy"].item() == pytest.approx(right / 32)
    found = torch.autograd.grad(loss.total, [d.scores, d.output])
    by_score = numerical_gradient(lambda x: discriminator_loss(x, real, fake, output, l2), scores)
    by_output = numerical_gradient(lambda x: discriminator_loss(scores, real, fake, x, l2), output)
    np.testing.assert_allclose(found[0].numpy(), by_score, atol=1e-8)
    np.testing.assert_allclose(found[1].numpy(), by_output, atol=1e-8)
    if l2:
        doubled = discriminator_loss(scores, real, fake, output, 2 * l2)  # without the half
        assert loss.total.item() != pytest.approx(doubled, rel=1e-3)
        assert loss.total.item() != pytest.approx(plain, rel=1e-3)


def test_the_discriminators_dropout_is_on_while_it_learns() -> None:
    method = method_of("seqgan", None, dropout=0.5)
    _, _, real, fake = players_batches(None)
    losses = {method.discriminator_loss(real, fake, 0.0).total.item() for _ in range(3)}
    assert len(losses) == 3


# ---------------------------------------------------------------- the controls


@pytest.mark.parametrize("eos", ENDS)
def test_a_constant_rewards_expected_gradient_is_zero(eos: int | None) -> None:
    method, fake = method_of("constant_reward", eos), population(sixteenths(), eos)
    loss = the_methods_own(method, fake)
    assert np.abs(gradient(loss, method) / len(fake)).max() < 1e-7
    values = method.values(fake)
    assert torch.equal(values, fake.mask.float())
    some = gradient(the_methods_own(method, fake[torch.arange(50)]), method) / 50
    assert np.abs(some).max() > 1e-3, "on a batch there is noise"


@pytest.mark.parametrize("eos", ENDS)
def test_a_random_rewards_expected_gradient_is_zero(eos: int | None) -> None:
    method = method_of("random_reward", eos)
    estimate = seqgan_gradient(method, the_methods_own)
    assert np.abs(estimate(0)).max() > 1e-4
    assert is_unbiased(estimate, np.zeros((PREFIXES, V)))
    values = method.values(population(sixteenths(), eos))
    real = values[population(sixteenths(), eos).mask]
    assert 0 <= real.min() < 0.01 < 0.99 < real.max() < 1


def test_a_random_rewards_padding_earns_nothing() -> None:
    fake = population(sixteenths(), 3)
    assert not method_of("random_reward", 3).values(fake)[~fake.mask].any()


@pytest.mark.parametrize("eos", ENDS)
def test_a_frozen_discriminators_generator_loss_is_seqgans(eos: int | None) -> None:
    fake, losses = population(sixteenths(), eos), []
    for name in ("seqgan", "frozen_discriminator"):
        method = method_of(name, eos, dropout=0.5, rollouts=3)
        runtime.seed(8)
        loss = method.generator_loss(fake, fake, 0.0)
        losses.append((loss.total.item(), {k: v.item() for k, v in loss.parts.items()}))
    assert losses[0] == losses[1]


@pytest.mark.parametrize("name", ["constant_reward", "random_reward", "frozen_discriminator"])
def test_a_control_trains_the_generator_alone(name: str) -> None:
    assert METHODS[name].trains == ("generator",)
    assert issubclass(METHODS[name], SeqGAN)
    assert SeqGAN.players(SeqGANOptions()) == ("generator", "discriminator")
    assert METHODS[name].Options().rollouts == SeqGANOptions().rollouts == 16


def test_the_losses_parts_are_means_over_real_tokens() -> None:
    method, fake = method_of("seqgan", 3, rollouts=2), population(sixteenths(), 3)
    runtime.seed(1)
    values = method.values(fake)
    runtime.seed(1)
    parts = method.generator_loss(fake, fake, 0.0).parts
    assert parts["reward"].item() == pytest.approx(values[fake.mask].mean().item(), rel=1e-5)
    log_prob = method.generator.log_prob(fake)[fake.mask]
    assert parts["entropy"].item() == pytest.approx(-log_prob.mean().item(), rel=1e-5)
    assert not any(part.requires_grad for part in parts.values())
