"""The LSTM generator of SeqGAN (Yu et al. 2017, arXiv 1609.05473) and most text GANs since."""

from typing import Literal, Self

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import init

from textgan.data.sequences import Sequences
from textgan.generators.base import (
    NEVER,
    Generator,
    GeneratorConfig,
    GeneratorOptions,
    Projection,
    State,
    Step,
)
from textgan.generators.likelihood import token_log_prob


class LSTMOptions(GeneratorOptions):
    """A recurrent generator with long short-term memory."""

    name: Literal["lstm"] = "lstm"
    """Which generator."""
    embedding_size: int = Field(default=32, ge=1)
    """Size of a word vector."""
    hidden_size: int = Field(default=32, ge=1)
    """Units a layer."""
    layers: int = Field(default=1, ge=1)
    """Layers of LSTM, one above the other."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of word vectors' and outputs' elements that are dropped while training."""
    tied: bool = False
    """One matrix for word vectors and output; embedding_size must equal hidden_size."""
    init_std: float = Field(default=0.1, gt=0)
    """Standard deviation of the first weights; they are normal, as in SeqGAN's official code."""

    @model_validator(mode="after")
    def _one_matrix(self) -> Self:
        if self.tied and self.embedding_size != self.hidden_size:
            raise ValueError(
                f"tied needs embedding_size {self.embedding_size} to equal hidden_size "
                f"{self.hidden_size}; give both the same value or set tied to false"
            )
        return self


class LSTMConfig(GeneratorConfig):  # type: ignore[no-untyped-call]
    """config.json of an LSTM generator."""

    model_type = "textgan_lstm"


class LSTMGenerator(Generator):  # type: ignore[no-untyped-call]
    """Embedding, LSTM, projection; the state is (h, c), each (B, layers, H)."""

    config_class = LSTMConfig
    Options = LSTMOptions
    _input_embed_layer = "embedding"

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__(config)
        o = self.options = LSTMOptions.model_validate(config.options)
        config.tie_word_embeddings = o.tied
        self._tied_weights_keys = {"output.weight": "embedding.weight"}
        self.embedding = nn.Embedding(config.vocab_size, o.embedding_size)
        self.dropout = nn.Dropout(o.dropout)
        self.lstm = nn.LSTM(
            o.embedding_size,
            o.hidden_size,
            num_layers=o.layers,
            dropout=o.dropout if o.layers > 1 else 0.0,
            batch_first=True,
        )
        self.output = nn.Linear(o.hidden_size, config.vocab_size)
        self.post_init()  # type: ignore[no-untyped-call]

    def get_output_embeddings(self) -> nn.Linear:
        return self.output

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Embedding | nn.LSTM | nn.Linear):
            for name, parameter in module.named_parameters():
                if name.startswith("bias"):
                    init.zeros_(parameter)
                else:
                    init.normal_(parameter, std=self.options.init_std)

    def initial_state(self, size: int) -> State:
        zeros = self.output.weight.new_zeros(size, self.options.layers, self.options.hidden_size)
        return zeros, zeros

    def hidden(self, embedded: Tensor, state: State) -> tuple[Tensor, State]:
        h, c = (part.transpose(0, 1).contiguous() for part in state)
        output, (h, c) = self.lstm(self.dropout(embedded), (h, c))
        return self.dropout(output), (h.transpose(0, 1), c.transpose(0, 1))

    def project(self, hidden: Tensor) -> Tensor:
        return F.linear(hidden, self.output.weight, self._bias())

    def stepper(self) -> tuple[Step, Projection]:
        if self.training:
            return super().stepper()
        # The bias rides in the product, as a unit that is always 1: to add it is another pass
        # over (B, V).
        weight = torch.cat([self.output.weight, self._bias()[:, None]], dim=1).t()

        def step(token: Tensor, state: State) -> tuple[Tensor, State]:
            x, below = self.embedding(token), []
            for layer, weights in enumerate(self.lstm.all_weights):
                below.append(torch.lstm_cell(x, [part[:, layer] for part in state], *weights))
                x = below[-1][0]
            h, c = (torch.stack(part, dim=1) for part in zip(*below, strict=True))
            return x, (h, c)

        def project(output: Tensor, logits: Tensor) -> Tensor:
            return torch.mm(F.pad(output, (0, 1), value=1.0), weight, out=logits)

        return step, project

    def log_prob(self, s: Sequences) -> Tensor:
        embedded = self.embedding(self.shifted(s))
        output, _ = self.hidden(embedded, self.initial_state(len(s)))
        log_prob = token_log_prob(
            output.flatten(0, 1), self.output.weight, self._bias(), s.ids.flatten()
        )
        return log_prob.view_as(s.ids) * s.mask

    def _bias(self) -> Tensor:
        never = torch.tensor(
            self.config.never or [], dtype=torch.long, device=self.output.bias.device
        )
        return self.output.bias.index_fill(0, never, NEVER)
