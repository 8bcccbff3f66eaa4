"""MPO on every next token: its target and its gradient by enumeration."""

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
from tests.exact.tables import TableDiscriminator, TableGenerator, gradient, population
from tests.exact.test_all_tokens_exact import projection
from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.pairs import PairsConfig, PairsDiscriminator
from textgan.errors import UserError
from textgan.methods import METHODS

each_judge = pytest.mark.parametrize("judge", ["pairs", "projection"])
each_end = pytest.mark.parametrize("eos", ENDS)


def judge_of(name: str) -> Any:
    if name == "projection":
        return projection()
    runtime.seed(9)
    options = {"name": "pairs", "length": 3, "heads": 2, "head_size": 2, "dropout": 0.0}
    judge = PairsDiscriminator(PairsConfig(vocab_size=V, options=options)).double()
    with torch.no_grad():  # tilts that differ
        judge.embedding.weight.mul_(4)
        judge.output.weight.mul_(8)
    return judge


def method_with(judge: str, eos: int | None, **options: Any) -> Any:
    """The generator has moved since the discriminator learned: the reference is the older one."""
    kind = METHODS["mpo"]
    method = kind(kind.Options(**options), TableGenerator(eos, older()), judge_of(judge)).double()
    with torch.no_grad():
        method.generator.table.copy_(torch.tensor(sixteenths()))
    return method.train()


def older() -> Array:
    """The logits of the reference."""
    return sixteenths()[::-1].copy()


@torch.no_grad()
def part(judge: Any, text: Text, eos: int | None) -> float:
    """What the last token of a text is to the discriminator, by its forward pass."""
    logits = judge(Sequences(torch.tensor([text]), eos))
    if judge.per_token:
        return float(logits[0, -1])
    before = judge(Sequences(torch.tensor([text[:-1]]), eos)) if text[:-1] else judge.output.bias
    return float(logits - before)


def targets(judge: Any, eos: int | None, temperature: float) -> Array:
    """log q behind every prefix: the older policy, tilted, one token after the other."""
    tilt = np.zeros_like(older())
    for text in texts_of(eos):
        for t, node in enumerate(nodes(text)):
            tilt[node] = [part(judge, (*text[:t], v), eos) / temperature for v in range(V)]
    return log_softmax(older() + tilt)


def expected_gradient(log_q: Array, eos: int | None) -> Array:
    """Of sum over texts of p(x) sum_t KL(q || pi) / mean length, p held still."""
    weight, length = np.zeros(len(log_q)), 0.0
    for text in texts_of(eos):
        p = probability(sixteenths(), text)
        length += p * len(text)
        for node in nodes(text):
            weight[node] += p

    def loss(logits: Array) -> float:
        distance = (np.exp(log_q) * (log_q - log_softmax(logits))).sum(axis=1)
        return float((weight * distance).sum() / length)

    return numerical_gradient(loss, sixteenths())


@each_judge
@each_end
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_its_gradient_is_that_of_the_distance_to_the_tilted_policy(
    judge: str, eos: int | None, temperature: float
) -> None:
    method = method_with(judge, eos, temperature=temperature)
    expected = expected_gradient(targets(method.discriminator.eval(), eos, temperature), eos)
    fake = population(sixteenths(), eos)
    found = gradient(method.generator_loss(fake, fake, 0.0).total, method)
    assert np.abs(expected).max() > 0.001
    assert is_close(found, expected)
    other = expected_gradient(targets(method.discriminator, eos, 0.5 * temperature), eos)
    assert not is_close(found, other)


@each_judge
def test_the_reference_is_what_the_discriminator_knew_last(judge: str) -> None:
    method = method_with(judge, None)
    assert not torch.equal(method.reference.table, method.generator.table)
    method.after_step("generator")
    assert not torch.equal(method.reference.table, method.generator.table)
    method.after_step("discriminator")
    assert torch.equal(method.reference.table, method.generator.table)


def test_where_the_discriminator_sees_no_difference_nothing_moves() -> None:
    method = method_with("pairs", None)
    method.begin()
    with torch.no_grad():
        method.discriminator.output.weight.zero_()
    fake = population(sixteenths(), None)
    loss = method.generator_loss(fake, fake, 0.0).total
    assert abs(loss.item()) < 1e-12
    assert np.abs(gradient(loss, method)).max() < 1e-12


def test_a_discriminator_of_texts_alone_is_refused() -> None:
    kind = METHODS["mpo"]
    with pytest.raises(UserError) as error:
        kind(kind.Options(), TableGenerator(None, sixteenths()), TableDiscriminator(None))
    assert str(error.value) == (
        "method.name: mpo needs a discriminator that scores every next token; set "
        "discriminator.name to pairs or projection"
    )


def test_parts_of_a_logit_are_no_rewards() -> None:
    kind = METHODS["seqgan"]
    players = TableGenerator(None, sixteenths()), judge_of("pairs")
    with pytest.raises(UserError, match="name to projection"):
        kind(kind.Options(values="all_tokens"), *players)
