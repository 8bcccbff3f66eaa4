"""The players of the enumerated language, as tables, and textgan's methods between them."""

import functools
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tests.exact.enumerated import (
    PREFIXES,
    Array,
    T,
    Text,
    V,
    expected_reward,
    nodes,
    numerical_gradient,
    probability,
    sixteenths,
    texts_of,
)
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator, DiscriminatorConfig
from textgan.generators.base import Generator, Projection, Step
from textgan.generators.causal import State
from textgan.generators.config import GeneratorConfig
from textgan.methods import METHODS


class TableGenerator(Generator):
    """A softmax per prefix; the state is the prefix, -1 before <bos>."""

    config_class = GeneratorConfig

    def __init__(self, eos: int | None, logits: Array, dropout: float = 0.0) -> None:
        super().__init__(
            GeneratorConfig(
                vocab_size=V, length=T, never=[], bos_token_id=0, pad_token_id=0, eos_token_id=eos
            )
        )
        self.table = nn.Parameter(torch.tensor(logits))
        self.dropout = nn.Dropout(dropout)
        self.embedding = nn.Embedding(V, 1)
        self.post_init()

    def get_input_embeddings(self) -> nn.Embedding:
        return self.embedding

    def _init_weights(self, module: nn.Module) -> None:
        pass

    def initial_state(self, size: int) -> State:
        return (torch.full((size,), -1),)

    def project(self, hidden: Tensor) -> Tensor:
        return hidden

    def stepper(self) -> tuple[Step, Projection]:
        return self.step, lambda output, logits: logits.copy_(output)

    def log_prob(self, s: Sequences) -> Tensor:
        log_prob = self.logits(s).log_softmax(dim=2).gather(2, s.ids[..., None]).squeeze(2)
        return log_prob * s.mask

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        node = torch.where(state[0] < 0, 0, V * state[0] + 1 + token)
        # Behind <eos> and after the last token stand prefixes that the table doesn't have.
        return self.dropout(self.table[node.clamp(max=PREFIXES - 1)]), (node,)

    def logits(self, s: Sequences) -> Tensor:
        state, columns = self.initial_state(len(s)), []
        for token in self.shifted(s).t():
            logits, state = self.advance(token, state)
            columns.append(logits)
        return torch.stack(columns, dim=1)


class TableDiscriminator(Discriminator):
    """A score a text, dropout on it, and an output layer of two numbers."""

    config_class = DiscriminatorConfig
    row_bytes = 8

    def __init__(self, eos: int | None, dropout: float = 0.0) -> None:
        super().__init__(DiscriminatorConfig(vocab_size=V))
        self.embedding = nn.Embedding(V, 1, dtype=torch.float64)
        torch.manual_seed(11)
        texts = texts_of(eos)
        self.texts = texts
        self.scores = nn.Parameter(2 * torch.randn(len(texts), dtype=torch.float64))
        self.output = nn.Parameter(torch.tensor([0.8, 0.3], dtype=torch.float64))
        self.dropout = nn.Dropout(dropout)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        pass

    def read(self, embedded: Tensor, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        node = torch.zeros(len(s), dtype=torch.long)
        for token, real in zip(s.ids.t(), s.mask.t(), strict=True):
            node = torch.where(real, V * node + 1 + token, node)
        place = torch.full((V * PREFIXES + 1,), -1)
        place[[V * nodes(text)[-1] + 1 + text[-1] for text in self.texts]] = torch.arange(
            len(self.texts)
        )
        assert (place[node] >= 0).all(), "a text that is none of the language"
        return self.scores[place[node]][:, None]

    def head(self, features: Tensor) -> Tensor:
        return self.output[0] * self.dropout(features).squeeze(1) + self.output[1]

    def output_parameters(self) -> list[Tensor]:
        return [self.output]

    def table(self) -> dict[Text, float]:
        """D(x) of every text."""
        d = self.output[0] * self.scores + self.output[1]
        return dict(zip(self.texts, d.sigmoid().tolist(), strict=True))


@functools.cache
def true_gradient(eos: int | None) -> Array:
    """Of minus the expected reward under the table discriminator, by finite differences."""
    rewards = TableDiscriminator(eos).table()
    return -numerical_gradient(lambda x: expected_reward(x, rewards), sixteenths())


def batch_of(texts: list[Text], eos: int | None) -> Sequences:
    return Sequences(torch.tensor([[*text, *[0] * (T - len(text))] for text in texts]), eos)


def population(logits: Array, eos: int | None) -> Sequences:
    """4096 texts, each as often as the policy says: their mean is an expectation, without noise."""
    texts = [x for x in texts_of(eos) for _ in range(round(4096 * probability(logits, x)))]
    assert len(texts) == 4096
    np.random.default_rng(1).shuffle(texts)
    return batch_of(texts, eos)


def method_of(name: str, eos: int | None, dropout: float = 0.0, **options: Any) -> Any:
    kind = METHODS[name]
    players = TableGenerator(eos, sixteenths(), dropout), TableDiscriminator(eos, dropout)
    return kind(kind.Options(**options), *players).train()


def gradient(loss: Tensor, method: Any) -> Array:
    (found,) = torch.autograd.grad(loss, [method.generator.table])
    result: Array = found.numpy()
    return result
