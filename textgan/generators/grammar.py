"""A grammar as a generator: a known language that people can read. Nothing trains it.

It writes whole texts and scores whole texts, word by word; it has no state to go on from. A text
that it can't write has probability 0 from the word on at which it stops being one.
"""

from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from transformers import LogitsProcessorList

from textgan import runtime
from textgan.context_free import ContextFree, read_rules
from textgan.data.sequences import Sequences
from textgan.errors import UserError
from textgan.generators.base import Generator
from textgan.generators.config import GeneratorConfig, GeneratorOptions


class GrammarOptions(GeneratorOptions):
    """A probabilistic context-free grammar."""

    name: Literal["grammar"] = "grammar"
    """Which generator."""
    rules: str
    """The grammar as NLTK writes it."""


class GrammarConfig(GeneratorConfig):  # type: ignore[no-untyped-call]
    """config.json of a grammar; the ids of its words, in the order of their spelling, are the last
    ones of the vocabulary.
    """

    model_type = "textgan_grammar"


class GrammarGenerator(Generator):  # type: ignore[no-untyped-call]
    """``textgan/context_free.py`` does the work, on the CPU."""

    config_class = GrammarConfig
    Options = GrammarOptions

    def __init__(self, config: GrammarConfig) -> None:
        super().__init__(config)
        self.options = GrammarOptions.model_validate(config.options)
        spelt = np.frombuffer(self.options.rules.encode(), dtype=np.uint8)
        self.spelt = nn.Parameter(torch.from_numpy(spelt.astype(np.float32)), requires_grad=False)
        self.post_init()  # type: ignore[no-untyped-call]

    @cached_property
    def grammar(self) -> ContextFree:
        """The rules."""
        return ContextFree(read_rules(self.options.rules, "the grammar"))

    @property
    def first(self) -> int:
        """The id of the first word."""
        return self.config.vocab_size - len(self.grammar.words)

    def log_prob(self, s: Sequences) -> Tensor:
        """Log-probability of every token given those before it, (B, T), in double precision."""
        ids, inverse = np.unique(
            s.plain(s.ids.shape[1]).ids.cpu().numpy(), axis=0, return_inverse=True
        )
        mask = Sequences(torch.from_numpy(ids), s.eos).mask.numpy()
        ends = mask & (ids == s.eos)
        inside = mask & ~ends
        words = np.where(inside & (ids >= self.first), ids - self.first, -1)
        begins, wholes = self.grammar.chances(words, inside.sum(axis=1))
        begins = np.where(ends, wholes[:, None], begins)
        before = np.concatenate([np.ones((len(ids), 1)), begins[:, :-1]], axis=1)
        possible = before > 0  # behind the first impossible token nothing more is lost
        with np.errstate(divide="ignore"):
            found = np.log(np.where(mask & possible, begins / np.where(possible, before, 1), 1))
        return torch.from_numpy(found[inverse.reshape(-1)]).to(s.ids.device)

    def texts(self, uniform: np.ndarray) -> list[list[int]]:
        """Texts as ids with their ends, by (B, ``grammar.nodes``) numbers in [0, 1)."""
        end = self.config.eos_token_id
        assert end is not None, "a grammar's texts end"
        return [[*(text + self.first).tolist(), end] for text in self.grammar.draw(uniform)]

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
        if prefix is not None or logits_processor:
            raise UserError(
                "a grammar writes whole texts, as probable as they are: no prefix, no temperature"
            )
        uniform = runtime.uniform(size, self.grammar.nodes, torch.device("cpu")).double().numpy()
        texts = self.texts(uniform)
        ids = torch.full((size, length or self.config.length), self.config.pad_token_id or 0)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = torch.tensor(text[: ids.shape[1]])
        found = Sequences(ids=ids, eos=self.config.eos_token_id)
        return Sequences(ids, found.eos, log_prob=self.log_prob(found)).to(self.device)
