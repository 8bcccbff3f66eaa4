"""What recurrent generators have in common: embedding, cells, projection."""

from abc import abstractmethod
from typing import ClassVar, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from textgan import runtime
from textgan.data.vectors import VectorOptions
from textgan.first_weights import normal_
from textgan.generators.base import Generator, Projection, Step
from textgan.generators.causal import State
from textgan.generators.config import GeneratorConfig, GeneratorOptions
from textgan.precision import widened

LARGEST = 40.0
"""Logits up to this, either way: exp, times any vocabulary, stays well inside of float32."""


class RecurrentOptions(GeneratorOptions, VectorOptions):
    """Sizes of a recurrent generator; the defaults are SeqGAN's official ones."""

    embedding_size: int = Field(default=32, ge=1)
    """Size of a word vector."""
    hidden_size: int = Field(default=32, ge=1)
    """Units a layer."""
    layers: int = Field(default=1, ge=1)
    """Recurrent layers, one above the other."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of word vectors' and outputs' elements that are dropped while training."""
    tied: bool = False
    """One matrix for word vectors and output; embedding_size must equal hidden_size."""
    init_std: float = Field(default=0.1, gt=0)
    """Standard deviation of the first weights; they are normal, as in SeqGAN's official code."""
    latent_size: int = Field(default=0, ge=0)
    """Numbers of normal noise z that a text is made from: in the first state and in every input."""
    categories: int = Field(default=0, ge=0)
    """Kinds of text that can be asked for; 0: the texts' labels make no difference."""

    @model_validator(mode="after")
    def _one_matrix(self) -> Self:
        if self.tied and self.embedding_size != self.hidden_size:
            raise ValueError(
                f"tied needs embedding_size {self.embedding_size} to equal hidden_size "
                f"{self.hidden_size}; give both the same value or set tied to false"
            )
        return self


class RecurrentGenerator(Generator):  # type: ignore[no-untyped-call]
    """Embedding, recurrent layers, projection. A subclass names its ``network`` and ``cell``.

    The state is a tuple of what a cell hands on, each (B, layers, H), and behind it, where there is
    noise or a category, what that adds to every word vector, (B, E).
    """

    Options: ClassVar[type[RecurrentOptions]]
    network: ClassVar[type[nn.LSTM] | type[nn.GRU]]
    parts: ClassVar[int]
    """Tensors in the state."""
    _input_embed_layer = "embedding"

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__(config)
        o = self.options = self.Options.model_validate(config.options)
        config.tie_word_embeddings = o.tied
        self._tied_weights_keys = {"output.weight": "embedding.weight"}
        self.embedding = nn.Embedding(config.vocab_size, o.embedding_size)
        self.dropout = nn.Dropout(o.dropout)
        self.recurrent = self.network(
            o.embedding_size,
            o.hidden_size,
            num_layers=o.layers,
            dropout=o.dropout if o.layers > 1 else 0.0,
            batch_first=True,
        )
        self.output = nn.Linear(o.hidden_size, config.vocab_size)
        if o.latent_size or o.categories:
            self.condition = nn.Linear(
                o.latent_size + o.categories, o.embedding_size + o.layers * o.hidden_size
            )
        self.post_init()  # type: ignore[no-untyped-call]

    @staticmethod
    @abstractmethod
    def cell(x: Tensor, state: State, weights: list[Tensor]) -> State:
        """One step of one layer: input (B, E) and its state, each (B, H) -> the new state."""

    def get_output_embeddings(self) -> nn.Linear:
        return self.output

    def _init_weights(self, module: nn.Module) -> None:
        normal_(module, self.options.init_std)

    def initial_state(self, size: int) -> State:
        o = self.options
        zeros = self.output.weight.new_zeros(size, o.layers, o.hidden_size)
        return (zeros,) * self.parts

    @property
    def latent_size(self) -> int:
        return self.options.latent_size

    @property
    def categories(self) -> int:
        return self.options.categories

    def conditioned(self, state: State, noise: Tensor | None, category: Tensor | None) -> State:
        if noise is None and category is None:
            return state
        o = self.options
        every, first = self.condition(self.side_by_side(noise, category)).split(
            [o.embedding_size, o.layers * o.hidden_size], dim=1
        )
        return torch.tanh(first).view_as(state[0]), *state[1:], every

    def hidden(self, embedded: Tensor, state: State) -> tuple[Tensor, State]:
        every = state[self.parts :]
        for condition in every:
            embedded = embedded + condition[:, None]
        before = [part.transpose(0, 1).contiguous() for part in state[: self.parts]]
        with torch.backends.cudnn.flags(enabled=self.training):  # else it has no gradient
            output, behind = self.recurrent(
                self.dropout(embedded), tuple(before) if self.parts > 1 else before[0]
            )
        behind = behind if self.parts > 1 else (behind,)
        states = (widened(part).transpose(0, 1) for part in behind)
        return self.dropout(output), (*states, *every)

    @torch.no_grad()
    def bounded(self) -> bool:
        """Outputs are at most 1, or what dropout makes of that: so are logits, in small models."""
        if not runtime.passes_count(self.output.weight.device):
            return False
        largest = (self.output.weight.abs().sum(dim=1) + self.output.bias.abs()).max()
        return float(largest) < LARGEST * (1 - self.options.dropout)

    def stepper(self) -> tuple[Step, Projection]:
        general = super().stepper()
        if self.training:
            return general

        def step(token: Tensor, state: State) -> tuple[Tensor, State]:
            x, layers, every = self.embedding(token), [], state[self.parts :]
            for condition in every:
                x = x + condition
            for layer, weights in enumerate(self.recurrent.all_weights):
                below = tuple(part[:, layer] for part in state[: self.parts])
                layers.append(self.cell(x, below, list(weights)))
                x = layers[-1][0]
            behind = (torch.stack(part, dim=1) for part in zip(*layers, strict=True))
            return x, (*behind, *every)

        return step, general[1]
