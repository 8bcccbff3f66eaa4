"""Smoothed n-grams as a generator: fitted by counting, in seconds; no gradient trains it.

The floor of every table (``textgan/kneser_ney.py`` has the equations). What it hands on from step
to step, as other generators do their outputs, is its state: the numbers of the last words' k-grams.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from transformers import LogitsProcessorList

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.generators.base import NEVER, Generator, Projection, Step
from textgan.generators.causal import State
from textgan.generators.config import GeneratorConfig, GeneratorOptions
from textgan.kneser_ney import KneserNey


class NGramOptions(GeneratorOptions):
    """Interpolated modified Kneser-Ney."""

    name: Literal["ngram"] = "ngram"
    """Which generator."""
    order: int = Field(default=5, ge=1)
    """Words of the longest n-gram."""
    discount: float | None = Field(default=None, ge=0, le=1)
    """What every count loses, at every order; default: three discounts an order, estimated."""


class NGramConfig(GeneratorConfig):  # type: ignore[no-untyped-call]
    """config.json of an n-gram generator."""

    model_type = "textgan_ngram"

    sizes: list[int] | None = None
    """By order: how many n-grams are known."""


class Ids(nn.Module):
    """In place of word vectors: the id itself, (...,) -> (..., 1)."""

    def forward(self, ids: Tensor) -> Tensor:
        """Double precision holds any id, and any n-gram's number."""
        return ids.unsqueeze(-1).double()


class NGramGenerator(Generator):  # type: ignore[no-untyped-call]
    """Counts in buffers; NumPy on the CPU does the work. ``fit`` makes one."""

    config_class = NGramConfig
    Options = NGramOptions

    def __init__(self, config: NGramConfig) -> None:
        super().__init__(config)
        self.options = NGramOptions.model_validate(config.options)
        sizes = config.sizes or [config.vocab_size, *[0] * (self.options.order - 1)]
        self.embedding = Ids()
        self.discounts = nn.Parameter(torch.zeros(len(sizes), 3), requires_grad=False)
        for k, size in enumerate(sizes, start=1):
            self.register_buffer(f"keys_{k}", torch.zeros(size if k > 1 else 0, dtype=torch.long))
            self.register_buffer(f"counts_{k}", torch.zeros(size, dtype=torch.long))
        self.post_init()  # type: ignore[no-untyped-call]

    @classmethod
    def fit(cls, config: NGramConfig, texts: Sequence[Sequence[int]]) -> "NGramGenerator":
        """A model of texts, ids without special ones; the end is added if the config has one."""
        options = NGramOptions.model_validate(config.options)
        end = [] if config.eos_token_id is None else [config.eos_token_id]
        d = options.discount
        found = KneserNey.fit(
            [[*text, *end] for text in texts],
            config.vocab_size,
            config.bos_token_id,
            order=options.order,
            never=config.never or [],
            discounts=None if d is None else np.full((options.order, 3), d),
        )
        config.sizes = [len(counts) for counts in found.counts]
        model = cls(config)
        model.discounts.data = torch.from_numpy(found.d).float()
        for k, (keys, counts) in enumerate(zip(found.keys, found.counts, strict=True), start=1):
            model.get_buffer(f"keys_{k}").copy_(torch.from_numpy(keys))
            model.get_buffer(f"counts_{k}").copy_(torch.from_numpy(counts))
        model.train(False)
        return model

    @cached_property
    def table(self) -> KneserNey:
        """The model that the buffers hold."""
        orders = range(1, len(self.discounts) + 1)
        keys, counts = (
            [self.get_buffer(f"{name}_{k}").cpu().numpy() for k in orders]
            for name in ("keys", "counts")
        )
        d = self.discounts.detach().double().cpu().numpy()
        c = self.config
        return KneserNey(c.bos_token_id, {c.bos_token_id, *(c.never or [])}, keys, counts, d)

    def get_input_embeddings(self) -> nn.Module:
        return self.embedding

    def get_output_embeddings(self) -> None:
        """None: see ``project``."""

    def initial_state(self, size: int) -> State:
        return (torch.full((size, self.options.order - 1), -1, device=self.device),)

    def hidden(self, embedded: Tensor, state: State) -> tuple[Tensor, State]:
        ids = embedded.squeeze(-1).long().cpu().numpy()
        numbers = self.table.numbers(state[0].cpu().numpy(), ids)[:, :, :-1]
        found = torch.from_numpy(numbers).to(embedded.device)
        return found.double(), (found[:, -1],)

    def project(self, hidden: Tensor) -> Tensor:
        """States (..., n - 1) -> log-probabilities (..., V)."""
        states = hidden.flatten(0, -2).long().cpu().numpy()
        p = torch.from_numpy(self.table.rows(states)).to(hidden.device)
        return p.log().clamp_(min=NEVER).float().view(*hidden.shape[:-1], -1)

    def stepper(self) -> tuple[Step, Projection]:
        return self.step, lambda output, logits: logits.copy_(self.project(output))

    def log_prob(self, s: Sequences) -> Tensor:
        ids = s.ids.cpu().numpy()
        chances = self.table.chances(self.table.start(len(ids)), ids)
        p = torch.from_numpy(chances).to(s.ids.device)
        return p.masked_fill(~s.mask, 1.0).log()

    @torch.no_grad()
    def sample(
        self,
        size: int,
        length: int | None = None,
        *,
        prefix: Tensor | None = None,
        noise: Tensor | None = None,
        category: Tensor | None = None,
        logits_processor: LogitsProcessorList | None = None,
    ) -> Sequences:
        if logits_processor or prefix is not None:
            return super().sample(size, length, prefix=prefix, logits_processor=logits_processor)
        steps = length or self.config.length
        # Two numbers of single precision make one of double: falls through orders use up digits.
        draws = runtime.uniform(size, 2 * steps, torch.device("cpu")).double().numpy()
        uniform = draws[:, ::2] + draws[:, 1::2] * 2**-24
        state, eos = self.table.start(size), self.config.eos_token_id
        ids = np.empty((size, steps), dtype=np.int64)
        for t in range(steps):
            ids[:, t] = self.table.draw(state, uniform[:, t])
            state = self.table.numbers(state, ids[:, t, None])[:, -1, :-1]
        found = Sequences(torch.from_numpy(ids), eos)
        padded = found.ids.masked_fill(~found.mask, self.config.pad_token_id or 0)
        return Sequences(padded, eos, log_prob=self.log_prob(found)).to(self.device)
