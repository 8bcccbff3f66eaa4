"""The expectation over every next token, under a projection discriminator; spreads of rewards."""

from typing import Any

import numpy as np
import pytest
import torch

from tests.exact.enumerated import (
    ENDS,
    Array,
    Text,
    V,
    is_close,
    log_softmax,
    nodes,
    numerical_gradient,
    probability,
    sixteenths,
    texts_of,
)
from tests.exact.tables import TableGenerator, batch_of, gradient, method_of, population
from textgan import runtime
from textgan.discriminators.projection import (
    ProjectionConfig,
    ProjectionDiscriminator,
    ProjectionOptions,
)
from textgan.errors import UserError
from textgan.estimators.advantage import flat_groups, spread
from textgan.methods import METHODS


def projection() -> ProjectionDiscriminator:
    sizes = {"embedding_size": 3, "hidden_size": 4}
    options = ProjectionOptions.model_validate(sizes).model_dump(mode="json")
    runtime.seed(9)
    return ProjectionDiscriminator(ProjectionConfig(vocab_size=V, options=options)).double()


def method_with(eos: int | None, **options: Any) -> Any:
    kind = METHODS["seqgan"]
    players = TableGenerator(eos, sixteenths()), projection()
    return kind(kind.Options(**options), *players).double().train()


def immediate_rewards(method: Any, eos: int | None) -> dict[Text, float]:
    """By prefix, D of the last token: one text at a time, cut behind it."""
    prefixes = {text[:t] for text in texts_of(eos) for t in range(1, len(text) + 1)}
    d = method.discriminator
    return {
        x: d.probability(batch_of([x], None if x[-1] != eos else eos))[0, len(x) - 1].item()
        for x in prefixes
    }


def expected_gradient(method: Any, eos: int | None) -> Array:
    """Of -sum over prefixes of p(prefix) sum_v pi(v | prefix) r(v | prefix), p held still."""
    factor = np.zeros_like(sixteenths())
    rewards = immediate_rewards(method, eos)
    for text in texts_of(eos):
        p = probability(sixteenths(), text)
        for t, node in enumerate(nodes(text)):
            factor[node] += p * np.array([rewards[(*text[:t], v)] for v in range(V)])
    return numerical_gradient(
        lambda x: -float((factor * np.exp(log_softmax(x))).sum()), sixteenths()
    )


@pytest.mark.parametrize("eos", ENDS)
def test_its_gradient_is_that_of_immediate_rewards_and_so_is_the_sampled_ones(
    eos: int | None,
) -> None:
    method, sampled = (
        method_with(eos, values="all_tokens"),
        method_with(eos, values="token", discount=1e-12),
    )
    fake = population(sixteenths(), eos)
    expected = expected_gradient(method, eos)
    assert np.abs(expected).max() > 0.001
    for each in (method, sampled):
        found = gradient(each.generator_loss(fake, fake, 0.0).total, each) / len(fake)
        assert is_close(found, expected)
    later = method_with(eos, values="token")
    found = gradient(later.generator_loss(fake, fake, 0.0).total, later) / len(fake)
    assert not is_close(found, expected), "rewards of later tokens"


@pytest.mark.parametrize("eos", ENDS)
def test_it_is_quieter_than_the_sampled_gradient(eos: int | None) -> None:
    fake, noise = population(sixteenths(), eos), {}
    for values in ("all_tokens", "token"):
        method = method_with(
            eos, values=values, **({"discount": 1e-12} if values == "token" else {})
        )
        draws = [
            gradient(method.generator_loss(batch, batch, 0.0).total, method) / 64
            for batch in fake.split(64)
        ]
        noise[values] = np.stack(draws).var(axis=0).sum()
    assert noise["all_tokens"] < 0.1 * noise["token"]


@pytest.mark.parametrize("eos", ENDS)
def test_the_mean_and_what_is_told(eos: int | None) -> None:
    method = method_with(eos, values="all_tokens", reduction="mean")
    fake = population(sixteenths(), eos)[:100]
    loss = method.generator_loss(fake, fake, 0.0)
    rewards = immediate_rewards(method, eos)
    texts = [tuple(i[:n]) for i, n in zip(fake.ids.tolist(), fake.lengths, strict=True)]
    rows, came = [], []
    for text in texts:
        for t, node in enumerate(nodes(text)):
            options = np.array([rewards[(*text[:t], v)] for v in range(V)])
            rows.append(np.exp(sixteenths()[node]) @ options)
            came.append(options[text[t]])
    assert loss.total.item() == pytest.approx(-np.mean(rows), rel=1e-9)
    assert loss.parts["reward"].item() == pytest.approx(np.mean(came), rel=1e-6)


def test_who_it_needs_and_what_it_excludes() -> None:
    with pytest.raises(UserError) as caught:
        method_of("seqgan", None, values="all_tokens")
    assert str(caught.value) == (
        "method.values: 'all_tokens' needs a discriminator that scores every next token; set "
        "discriminator.name to projection"
    )
    with pytest.raises(UserError) as caught:
        method_with(None, values="rollout")
    assert str(caught.value) == (
        "method.values: 'rollout' needs a discriminator with one logit a text; set "
        "discriminator.name to rnn"
    )
    with pytest.raises(UserError) as caught:
        method_of("seqgan", None, values="token")
    assert str(caught.value) == (
        "method.values: 'token' needs a discriminator with one logit a token; set "
        "discriminator.per_token to true"
    )
    for extra in ({"baseline": "group"}, {"clip_ratio": 0.2}):
        with pytest.raises(ValueError, match="draws nothing: leave out baseline and clip_ratio"):
            METHODS["seqgan"].Options(values="all_tokens", **extra)  # type: ignore[call-arg]


def test_spreads() -> None:
    values = torch.tensor([[1.0, 2.0, 0.0], [1.0, 5.0, 9.0], [1.0, 8.0, 0.0]])
    mask = torch.tensor([[1, 1, 0], [1, 1, 1], [1, 1, 0]]).bool()
    assert spread(values, mask).item() == pytest.approx(np.std([1.5, 5.0, 4.5]))
    # The first column is flat, the second not; in the third a text is alone, which is no group.
    assert flat_groups(values, mask).item() == 0.5
    assert flat_groups(values[:1], mask[:1]).item() == 0.0
    saturated = torch.ones_like(values) - 1e-6 * torch.rand(3, 3)
    assert flat_groups(saturated, mask).item() == 1.0


@pytest.mark.parametrize("values", ["terminal", "rollout"])
def test_the_share_of_flat_groups_is_told(values: str) -> None:
    method = method_of("seqgan", 3, values=values, baseline="group_std", rollouts=2)
    fake = population(sixteenths(), 3)
    same = fake[torch.zeros(8, dtype=torch.long)]
    runtime.seed(1)
    some = method.generator_loss(fake[:64], fake[:64], 0.0).parts
    assert some["flat_groups"].item() == 0
    assert some["reward_std"] > 0.01
    if values == "terminal":
        parts = method.generator_loss(same, same, 0.0).parts
        assert (parts["flat_groups"].item(), parts["reward_std"].item()) == (1, 0)
