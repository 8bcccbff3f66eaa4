"""What every generator is: a causal language model with a state, readable by transformers.

Shapes: B texts, T positions, V vocabulary, P prefix tokens. A *state* is a tuple of tensors with
one row a text along dimension 0, so that it can be indexed, repeated and reordered.
"""

from collections.abc import Callable
from itertools import accumulate
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import LogitsProcessorList

from textgan import runtime, threads
from textgan.data.sequences import Sequences
from textgan.generators.causal import CausalModel, State
from textgan.generators.config import GeneratorOptions
from textgan.generators.draws import blocks, pick, weigh_
from textgan.generators.likelihood import token_log_prob
from textgan.precision import in_fp32, widened

Step = Callable[[Tensor, State], tuple[Tensor, State]]
Projection = Callable[[Tensor, Tensor], object]
NEVER = -1e9
"""Logit of a token that is never an outcome (padding, ``<bos>``); finite, so that p log p is 0."""


class Generator(CausalModel):  # type: ignore[no-untyped-call]
    """A policy over texts. A subclass gives ``initial_state``, ``hidden`` and output embeddings."""

    Options: ClassVar[type[GeneratorOptions]]

    @property
    def positions(self) -> int | None:
        """Tokens that a text can have, if there is a limit."""
        return None

    @property
    def shares(self) -> list[float]:
        """How often each category is drawn: as often as training texts have it, or all alike."""
        return self.config.shares or [1 / self.categories for _ in range(self.categories)]

    # What a subclass gives

    def initial_state(self, size: int) -> State:
        """The state before any token, ``<bos>`` included: one row a text."""
        raise NotImplementedError

    def conditioned(self, state: State, noise: Tensor | None, category: Tensor | None) -> State:
        """The first state of texts made from noise (B, Z) and of a category (B,)."""
        return state

    def state_bytes(self, tokens: int) -> int:
        """Memory that a text's state takes behind so many tokens, in bytes (about)."""
        return sum(part.nbytes for part in self.initial_state(1))

    # Where texts begin

    def start(
        self, size: int, noise: Tensor | None = None, category: Tensor | None = None
    ) -> State:
        """The first state of ``size`` texts; noise and categories that aren't given are drawn."""
        noise, category = self.conditions(size, noise, category)
        return self.conditioned(self.initial_state(size), noise, category)

    def start_of(self, s: Sequences) -> State:
        """The first state of texts that are there already."""
        return self.start(len(s), s.noise, s.category)

    def conditions(
        self, size: int, noise: Tensor | None, category: Tensor | None
    ) -> tuple[Tensor | None, Tensor | None]:
        """Noise (B, Z) and categories (B,), drawn if the generator has them and none are given."""
        if noise is None and self.latent_size:
            noise = runtime.normal(size, self.latent_size, self.device)
        if category is None and self.categories:
            draws = runtime.uniform(size, 1, self.device).squeeze(1)
            below = torch.tensor(list(accumulate(self.shares))[:-1], dtype=draws.dtype)
            below = below.to(draws.device, non_blocking=True)
            category = torch.bucketize(draws, below, right=True)
        return noise if self.latent_size else None, category if self.categories else None

    def side_by_side(self, noise: Tensor | None, category: Tensor | None) -> Tensor:
        """Noise (B, Z) and one-hot categories, where there are any: (B, Z + categories)."""
        given = [] if noise is None else [noise]
        if category is not None:
            given.append(F.one_hot(category, self.categories).to(self.dtype))
        return torch.cat(given, dim=1)

    # From outputs to tokens

    def output_layer(self) -> tuple[Tensor, Tensor]:
        """Weights (V, H) and bias (V,), which is NEVER for tokens that are never an outcome."""
        layer: nn.Linear = self.get_output_embeddings()  # type: ignore[no-untyped-call]
        bias: Tensor | None = layer.bias
        bias = layer.weight.new_zeros(len(layer.weight)) if bias is None else bias
        return layer.weight, self.without_never(bias)

    def without_never(self, bias: Tensor) -> Tensor:
        """The bias (V,) of what can be an outcome, and NEVER for all other tokens."""
        bias = bias.clone()
        for token in self.config.never or []:  # filled one by one: a list would have to travel
            bias[token] = NEVER
        return bias

    def bounded(self) -> bool:
        """True if exp of every logit is known to be a number: a softmax then needs no maximum."""
        return False

    @in_fp32
    def project(self, hidden: Tensor) -> Tensor:
        """Outputs (..., H) -> logits (..., V)."""
        return F.linear(hidden, *self.output_layer())

    # One step at a time

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        """Token (B,) -> output (B, H) and the state behind it."""
        output, state = self.hidden(self.get_input_embeddings()(token[:, None]), state)
        return widened(output.squeeze(1)), state

    def advance(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        """Token (B,) -> logits of the next token (B, V) and the state behind it."""
        output, state = self.step(token, state)
        return self.project(output), state

    def stepper(self) -> tuple[Step, Projection]:
        """``step``, and ``project`` into a given (B, V), for many steps without gradient.

        What the steps share may be prepared here.
        """
        weight, bias = self.output_layer()
        # The bias rides in the product, as a unit that is always 1: to add it is another pass
        # over (B, V).
        with_bias = torch.cat([weight, bias[:, None]], dim=1).t()

        def project(output: Tensor, logits: Tensor) -> Tensor:
            return torch.mm(F.pad(output, (0, 1), value=1.0), with_bias, out=logits)

        return self.step, project

    # Likelihood

    def shifted(self, s: Sequences) -> Tensor:
        """What the policy saw before each token: ``<bos>`` and all tokens but the last, (B, T)."""
        bos = s.ids.new_full((len(s), 1), self.config.bos_token_id)
        return torch.cat([bos, s.ids[:, :-1]], dim=1)

    def logits(self, s: Sequences) -> Tensor:
        """Teacher-forced logits of every token: (B, T, V)."""
        embedded = self.get_input_embeddings()(self.shifted(s))
        return self.project(self.hidden(embedded, self.start_of(s))[0])

    def log_prob(self, s: Sequences) -> Tensor:
        """Teacher-forced log-probability of every token, 0 at padding: (B, T)."""
        embedded = self.get_input_embeddings()(self.shifted(s))
        output, _ = self.hidden(embedded, self.start_of(s))
        log_prob = token_log_prob(
            output.flatten(0, 1), *self.output_layer(), s.ids.flatten(), self.bounded()
        )
        return log_prob.view_as(s.ids) * s.mask

    # Sampling

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
        """Draw ``size`` texts of ``length`` tokens (default: the model's), dropout off.

        Args:
            size: B.
            length: T, prefix included.
            prefix: (B, P) tokens each text begins with.
            noise: (B, Z) what they are made from; default: drawn.
            category: (B,) which kinds; default: drawn.
            logits_processor: transformers' processors; they get ``<bos>`` and the tokens so far.

        Returns:
            Sequences with ``given`` (the prefix) and ``log_prob`` of the sampler, and the noise
            and the categories, where the generator has them.
        """
        length = length or self.config.length
        given = 0 if prefix is None else prefix.shape[1]
        begin = torch.full((size, 1), self.config.bos_token_id, device=self.device)
        begin = begin if prefix is None else torch.cat([begin, prefix], dim=1)
        noise, category = self.conditions(size, noise, category)
        with runtime.evaluating(self):
            state = self.start(size, noise, category)
            for t in range(given + 1):
                output, state = self.step(begin[:, t], state)
            draws = runtime.uniform(size, length - given, self.device)
            ids, log_prob = self.complete(begin, output, state, draws, logits_processor)
        chosen = torch.arange(length, device=self.device) >= given
        return Sequences(
            ids=torch.cat([begin[:, 1:], ids], dim=1),
            eos=self.config.eos_token_id,
            given=(~chosen).expand(size, length),
            log_prob=F.pad(log_prob, (given, 0)),
            noise=noise,
            category=category,
        )

    @torch.no_grad()
    def complete(
        self,
        begin: Tensor,
        output: Tensor,
        state: State,
        draws: Tensor,
        logits_processor: LogitsProcessorList | None = None,
        origin: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Go on from the stored state of a prefix, for as many tokens as there are draws.

        Args:
            begin: (B, 1 + P) ``<bos>`` and the prefix; a text that ended in it stays ended.
            output: (B, H) behind the prefix, as ``step`` gave it with ``state``.
            draws: (C, S) uniform numbers in [0, 1).
            origin: (C,) the row that each text goes on from; default: its own. Only as many rows'
                states are copied at a time as memory bears.

        Returns:
            ids (C, S) and their log-probability (C, S), padding behind ``<eos>``.
        """
        tokens = begin.shape[1] + draws.shape[1]
        held = 4 * self.config.vocab_size, 3 * self.state_bytes(tokens)  # before, behind, a copy
        size = min(runtime.rows_at_once(part, output.device) for part in held)
        size = threads.shared(len(draws), size, output.device)
        stepper = self.stepper()

        def part(rows: slice) -> tuple[Tensor, Tensor]:
            start = rows if origin is None else origin[rows]
            states = tuple(part[start] for part in state)
            return self._complete(
                begin[start], output[start], states, draws[rows], stepper, logits_processor
            )

        chunks = runtime.chunks(len(draws), size)
        if logits_processor:  # they may remember what they saw: one after the other
            parts = [part(rows) for rows in chunks]
        else:
            parts = threads.each(part, chunks, output.device)
        ids, log_prob = zip(*parts, strict=True)
        return torch.cat(ids), torch.cat(log_prob)

    def _complete(
        self,
        begin: Tensor,
        output: Tensor,
        state: State,
        draws: Tensor,
        stepper: tuple[Step, Projection],
        logits_processor: LogitsProcessorList | None,
    ) -> tuple[Tensor, Tensor]:
        (step, project), vocabulary = stepper, self.config.vocab_size
        eos, pad, steps = self.config.eos_token_id, self.config.pad_token_id or 0, draws.shape[1]
        ids = begin.new_full((len(begin), steps), pad)
        log_prob = output.new_zeros(len(begin), steps)
        ended = torch.zeros_like(begin[:, 0], dtype=torch.bool)
        if eos is not None:
            ended = (begin[:, 1:] == eos).any(dim=1)
        # Logits, and then weights, of every row; worked on a few rows at a time, in the cache.
        weight = output.new_empty(len(begin), vocabulary)
        sums = output.new_empty(len(begin), blocks(vocabulary))
        few = runtime.rows_in_cache(4 * vocabulary, output.device)
        bounded = not logits_processor and self.bounded()
        looks = runtime.passes_count(output.device)
        for t in range(steps):
            for rows in runtime.chunks(len(begin), few):
                project(output[rows], weight[rows])
                if logits_processor:
                    so_far = torch.cat([begin[rows], ids[rows, :t]], dim=1)
                    weight[rows] = logits_processor(cast(torch.LongTensor, so_far), weight[rows])
                weigh_(weight[rows], sums[rows], bounded)
            token, chosen = pick(weight, sums, draws[:, t])
            ids[:, t] = token.masked_fill_(ended, pad)
            log_prob[:, t] = chosen.masked_fill_(ended, 0.0)
            if eos is not None:
                ended = ended | (token == eos)
                # Now and then only: to ask is to look at every row.
                if looks and t % 4 == 3 and ended.all():
                    break
            if t + 1 < steps:
                output, state = step(token, state)
        return ids, log_prob

    @staticmethod
    def select(state: State, rows: Tensor) -> State:
        """The state of some rows, in that order, repetitions allowed."""
        return tuple(part.index_select(0, rows) for part in state)
