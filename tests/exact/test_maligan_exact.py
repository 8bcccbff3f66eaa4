"""MaliGAN on the enumerable language (tests/exact/enumerated.py).

The paper states an update: the slow loops below walk through its equations, text by text. On the
whole population its expectation is known too, the likelihood of texts under q(x) ~ pi(x) e^d(x).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.exact.enumerated import (
    ENDS,
    Array,
    T,
    Text,
    is_close,
    numerical_gradient,
    probability,
    sixteenths,
    texts_of,
    token_log_probs,
)
from tests.exact.tables import batch_of, gradient, method_of, population
from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.losses.policy_gradient import policy_gradient

PROGRESS = 0.3
"""b, as it rises from 0 to 1."""


def ratios(method: Any) -> dict[Text, float]:
    """r = D / (1 - D) of every text."""
    return {x: p / (1 - p) for x, p in method.discriminator.table().items()}


def slow_loss(
    logits: Array, batch: list[Text], given: list[int], r: dict[Text, float], b: float
) -> float:
    """The mixed objective, group by group and token by token; the weights are numbers."""
    groups: dict[Text, list[Text]] = {}
    for text, n in zip(batch, given, strict=True):
        groups.setdefault(text[:n], []).append(text)
    total = 0.0
    for prefix, texts in groups.items():
        whole = sum(r[text] for text in texts)
        for text in texts:
            weight = r[text] / whole - b / len(texts)
            total -= weight * token_log_probs(logits, text)[len(prefix) :].sum()
        if prefix:
            total -= token_log_probs(logits, prefix).sum()
    return total / len(groups)


def mixed_batch(eos: int | None, n: int) -> tuple[list[Text], Sequences]:
    """Some texts in no order, of which the first n tokens were given; several share them."""
    longer = [x for x in texts_of(eos) if len(x) > n]
    batch = [longer[i] for i in np.random.default_rng(6).integers(len(longer), size=24)]
    s = batch_of(batch, eos)
    given = torch.arange(T).expand(len(s), T) < n
    return batch, Sequences(s.ids, eos, given=given)


@pytest.mark.parametrize("n", [0, 1, 2])
@pytest.mark.parametrize("eos", ENDS)
def test_the_update_is_that_of_the_slow_loops(eos: int | None, n: int) -> None:
    method = method_of("maligan", eos, dropout=0.5)
    batch, fake = mixed_batch(eos, n)

    def slow(logits: Array) -> float:
        return slow_loss(logits, batch, [n] * len(batch), ratios(method), PROGRESS)

    loss = method.generator_loss(fake, fake, PROGRESS)
    assert loss.total.item() == pytest.approx(slow(sixteenths()), rel=1e-6)
    assert loss.parts["g_loss"].item() == pytest.approx(loss.total.item())
    expected = numerical_gradient(slow, sixteenths())
    assert np.abs(expected).max() > 0.01
    assert is_close(gradient(loss.total, method), expected)
    for wrong in WRONG if n else WRONG[:-2]:
        assert not is_close(gradient(wrong(method, fake), method), expected), wrong.__name__


# ---------------------------------------------------------------- known mistakes must fail


def weighted(method: Any, fake: Sequences, weight: Tensor, mask: Tensor | None = None) -> Tensor:
    """-sum of weights times log-likelihoods, and nothing else."""
    with runtime.evaluating(method.generator):
        log_prob = method.generator.log_prob(fake)
    return policy_gradient(log_prob, weight[:, None], fake.mask if mask is None else mask, "sum")


def shares(method: Any, fake: Sequences) -> Tensor:
    share: Tensor = method.shares(fake)[0]
    return share


def right(method: Any, fake: Sequences) -> Tensor:
    total: Tensor = method.generator_loss(fake, fake, PROGRESS).total
    return total


def divided_by_the_batch_again(method: Any, fake: Sequences) -> Tensor:
    return right(method, fake) / len(fake)


def the_sign(method: Any, fake: Sequences) -> Tensor:
    return -right(method, fake)


def probabilities_for_ratios(method: Any, fake: Sequences) -> Tensor:
    """Texygen weighs by D, not by D / (1 - D)."""
    p = method.discriminator.probability(fake)
    return weighted(method, fake, p / p.sum() - PROGRESS / len(fake))


def b_not_over_the_batch(method: Any, fake: Sequences) -> Tensor:
    return weighted(method, fake, shares(method, fake) - PROGRESS)


def a_baseline_of_one(method: Any, fake: Sequences) -> Tensor:
    """Public toolkits subtract the mean from the start."""
    share = shares(method, fake)
    return weighted(method, fake, share - share.mean())


def dropout_in_the_ratio(method: Any, fake: Sequences) -> Tensor:
    d = method.discriminator(fake).detach()
    return weighted(method, fake, d.softmax(0) - PROGRESS / len(fake))


def given_tokens_are_weighted(method: Any, fake: Sequences) -> Tensor:
    share, size = method.shares(fake)
    return weighted(method, fake, share - PROGRESS / size) / (1 / size).sum()


def one_normalisation_for_all_prefixes(method: Any, fake: Sequences) -> Tensor:
    d = method.discriminator.judge(fake)
    return weighted(method, fake, d.softmax(0) - PROGRESS / len(fake), fake.chosen)


WRONG: list[Callable[[Any, Sequences], Tensor]] = [
    divided_by_the_batch_again,
    the_sign,
    probabilities_for_ratios,
    b_not_over_the_batch,
    a_baseline_of_one,
    dropout_in_the_ratio,
    given_tokens_are_weighted,
    one_normalisation_for_all_prefixes,
]


# ---------------------------------------------------------------- what it is in expectation


@pytest.mark.parametrize(("eos", "progress"), [(None, 0.0), (3, 1.0)])
def test_in_expectation_it_is_the_likelihood_of_reweighted_texts(
    eos: int | None, progress: float
) -> None:
    """-sum q log pi, q ~ pi e^d: whatever b is, as the score of a policy is 0 on average."""
    method, fake = method_of("maligan", eos), population(sixteenths(), eos)
    r = ratios(method)
    mass = {x: probability(sixteenths(), x) * r[x] for x in r}
    z = sum(mass.values())
    expected = numerical_gradient(
        lambda logits: -sum(m / z * token_log_probs(logits, x).sum() for x, m in mass.items()),
        sixteenths(),
    )
    loss = method.generator_loss(fake, fake, progress)
    assert np.abs(expected).max() > 0.01
    assert is_close(gradient(loss.total, method), expected)
    assert not is_close(gradient(probabilities_for_ratios(method, fake), method), expected)
    effective = z**2 / sum(m**2 / probability(sixteenths(), x) for x, m in mass.items())
    assert loss.parts["ess"].item() == pytest.approx(effective, rel=1e-6)


def test_the_baseline_moves_from_its_start_to_its_end() -> None:
    batch, fake = mixed_batch(3, 1)
    for progress, b in ((0.0, 0.6), (0.5, 0.4), (1.0, 0.2)):
        method = method_of("maligan", 3, baseline_start=0.6, baseline_end=0.2)
        expected = slow_loss(sixteenths(), batch, [1] * len(batch), ratios(method), b)
        found = method.generator_loss(fake, fake, progress).total
        assert found.item() == pytest.approx(expected, rel=1e-6)


def test_the_effective_size_is_a_share_of_each_prefixs_texts() -> None:
    """All weights alike leave everything; one text with all the weight one of M."""
    method = method_of("maligan", 3)
    batch, fake = mixed_batch(3, 1)
    shares = method.shares(fake)[0].numpy()
    kinds = len({text[:1] for text in batch})
    assert kinds > 1
    ess = method.generator_loss(fake, fake, 0.0).parts["ess"].item()
    assert ess == pytest.approx(kinds**2 / (shares**2).sum() / len(batch), rel=1e-6)
    with torch.no_grad():
        method.discriminator.output[0] = 0.0
    even = method.generator_loss(fake, fake, 0.0).parts["ess"].item()
    sizes = [sum(text[:1] == (v,) for text in batch) for v in range(4)]
    expected = kinds**2 / sum(1 / n for n in sizes if n) / len(batch)
    assert even == pytest.approx(expected, rel=1e-6)


def test_few_texts_are_biased_towards_the_policy_as_theory_has_it() -> None:
    """In a batch of two a text of ratio r weighs 2 E r / (r + s), not r / E s."""
    method, texts = method_of("maligan", 3), texts_of(3)
    p, r = np.array([probability(sixteenths(), x) for x in texts]), ratios(method)
    values = np.array([r[x] for x in texts])
    found = np.zeros(len(texts))
    for i in range(len(texts)):
        found[i] += p[i] ** 2  # twice the same text: half a weight each
        for j in range(i):
            first, second = shares(method, batch_of([texts[i], texts[j]], 3)).tolist()
            found[[i, j]] += 2 * p[i] * p[j] * np.array([first, second])
    expected = 2 * p * (p * values[:, None] / (values[:, None] + values)).sum(axis=1)
    assert found.sum() == pytest.approx(1)
    assert is_close(found, expected)
    without_bias = p * values / (p @ values)
    assert np.abs(found - without_bias).max() > 0.01
    assert np.abs(found - without_bias).sum() < np.abs(p - without_bias).sum()


# ---------------------------------------------------------------- prefixes


@pytest.mark.parametrize("eos", ENDS)
def test_texts_begin_as_longer_real_ones_do_and_go_on_as_the_policy_does(eos: int | None) -> None:
    method = method_of("maligan", eos, prefix=2, prefix_step=1, completions=3)
    real = batch_of(texts_of(eos)[::5][:8], eos)
    runtime.seed(1)
    fake = method.play(real, 0.0)
    assert len(fake) == len(real)
    assert fake.given is not None and fake.given.sum(dim=1).tolist() == [2] * len(real)
    longer = [ids for ids in real.ids.tolist() if eos is None or eos not in ids[:2]]
    begun = [ids[:2] for ids in fake.ids.tolist()]
    assert begun == [longer[i // 3 % len(longer)][:2] for i in range(len(real))]
    assert method.shares(fake)[1].tolist() == [begun.count(prefix) for prefix in begun]
    assert len({tuple(prefix) for prefix in begun}) == 3
    lengths = [int(method.play(real, p).given.sum(dim=1)[0]) for p in (0.0, 0.4, 0.6, 1.0)]
    assert lengths == [2, 1, 0, 0]
    at_a_time = method_of("maligan", eos, prefix=2, prefix_step=2)
    lengths = [int(at_a_time.play(real, p).given.sum(dim=1)[0]) for p in (0.0, 0.4, 0.6)]
    assert lengths == [2, 0, 0]


def test_where_no_real_text_is_longer_the_prefix_is_cut() -> None:
    method = method_of("maligan", 3, prefix=2, prefix_step=1)
    real = batch_of([(3,), (1, 3), (2, 3), (3,)], 3)
    fake = method.play(real, 0.0)
    assert fake.ids[:, 0].tolist() == [1] * 4
    assert fake.given is not None and fake.given.sum().item() == 4


@pytest.mark.parametrize("eos", ENDS)
def test_many_completions_of_one_prefix_follow_the_reweighted_conditional(eos: int | None) -> None:
    method, prefix = method_of("maligan", eos), (1,)
    r = ratios(method)
    whole = population(sixteenths(), eos)
    part = whole[whole.ids[:, 0] == 1]
    fake = Sequences(part.ids, eos, given=torch.arange(T).expand_as(part.ids) < 1)
    mass = {x: probability(sixteenths(), x) * r[x] for x in r if x[:1] == prefix}
    z = sum(mass.values())

    def expected(logits: Array) -> float:
        rest = sum(m / z * token_log_probs(logits, x)[1:].sum() for x, m in mass.items())
        return -rest - float(token_log_probs(logits, prefix).sum())

    loss = method.generator_loss(fake, fake, PROGRESS).total
    assert is_close(gradient(loss, method), numerical_gradient(expected, sixteenths()))
