"""From a wish to poems: a form, a taste, a choice among several, and what they cost.

Masks bend the distribution. A poem is drawn, token by token, from

    q(v | x_<t) ∝ pi(v | x_<t) f(v | x_<t)

with pi the model at the asked temperature and f the form's factors (and what top-k, top-p or
typical decoding leave). What is meant is pi(x) f(x) / Z, whose poems are as likely among each other
as the model has them. The weight of a poem is known exactly,

    log w(x) = sum_t log pi(x_t | x_<t) + log f(x_t | x_<t) - log q(x_t | x_<t),

so that its mean estimates Z, the share of the model's own texts that keep the form, and resampling
by it corrects the distribution.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessorList

from textgan import runtime, validation
from textgan.cost import Cost
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator
from textgan.errors import UserError
from textgan.estimators.resampling import chosen
from textgan.forms import open_form
from textgan.forms.base import Form
from textgan.forms.processor import FormProcessor
from textgan.sampling import Writer
from textgan.wish import Wish

BLOCK = 64
"""Rows that are drawn together, however many are wanted: another number would round otherwise."""


@dataclass(frozen=True)
class Poem:
    """A text that was drawn.

    Attributes:
        text: as it is read.
        tokens: its ids, ``<eos>`` and padding left out.
        log_prob: log pi, nats, of what follows the prefix.
        log_weight: log w, nats; 0 where nothing was masked.
    """

    text: str
    tokens: tuple[int, ...]
    log_prob: float
    log_weight: float


def praise(discriminator: Discriminator, s: Sequences) -> Tensor:
    """A discriminator's logit of each text, the mean where it has several: (B,)."""
    logits = discriminator.judge(s)
    if discriminator.per_token:
        return (logits * s.mask).sum(dim=1) / s.mask.sum(dim=1)
    return logits if logits.ndim == 1 else logits.mean(dim=1)


class Draft:
    """A wish, ready to be written, and what its texts cost so far.

    Args:
        writer: the generator and its tokenizer.
        wish: what is wished for.
        lines: of the training text, which mustn't be copied if the wish says so.
        discriminator: by whose praise the best are chosen; None: by likelihood.

    Attributes:
        cost: of all texts that were drawn, kept or not.

    Raises:
        UserError: it can't be met.
    """

    def __init__(
        self,
        writer: Writer,
        wish: Wish,
        lines: Iterable[str] = (),
        discriminator: Discriminator | None = None,
    ) -> None:
        self.writer, self.wish, self.discriminator = writer, wish, discriminator
        asked = wish.form.asked
        self.form: Form | None = open_form(wish.form, writer.tokenizer, [*lines]) if asked else None
        self.prefix = writer.encode(wish.prefix)
        self.category = writer.category(wish.category)
        self.before = self._log_factor(self.prefix)
        if self.before == -torch.inf:
            raise UserError(
                f"--prefix: {wish.prefix!r} can't begin a poem of that form; change either"
            )
        self.length = writer.generator.config.length if self.form is None else self.form.length
        limit, bos = writer.generator.positions, int(writer.generator.config.bos_token_id)
        if limit is not None and self.length > limit:
            raise UserError(
                f"--form: has {self.length} tokens, the model's texts at most {limit}; take a "
                "shorter form"
            )
        masks = [] if self.form is None else [FormProcessor(self.form, [bos])]
        scale = [*writer.processors(1.0), *wish.taste.scaling()]
        self.law = LogitsProcessorList(scale)
        """What makes pi of the model's logits."""
        self.processors = LogitsProcessorList([*scale, *masks, *wish.taste.truncation()])
        self.cost = Cost()

    def _log_factor(self, tokens: list[int]) -> float:
        """The log of the form's factors of some tokens; -inf where it doesn't allow them."""
        return 0.0 if self.form is None else self.form.after(tokens)[1]

    def write(self, count: int, seed: int) -> Iterator[list[Poem]]:
        """``count`` poems, a few at a time."""
        if count < 1:
            raise UserError(f"--count: must be 1 or more, got {count}")
        return self._write(count, seed)

    def _write(self, count: int, seed: int) -> Iterator[list[Poem]]:
        runtime.seed(seed, self.writer.draws)
        size = max(1, BLOCK // self.wish.candidates)
        for start in range(0, count, size):
            yield self._block(size)[: count - start]

    def _block(self, size: int) -> list[Poem]:
        """So many poems, drawn with all their candidates at once."""
        rows = size * self.wish.candidates
        (s,) = [self._draw(r.stop - r.start) for r in runtime.portions(rows, rows)]
        log_prob, log_weight = self._weigh(s)
        self.cost.add(log_weight, int(s.chosen.sum()))
        kept = self._choose(s, log_prob, log_weight)
        plain = validation.plain(s[kept])
        texts = self.writer.tokenizer.batch_decode(plain, skip_special_tokens=True)
        numbers = zip(log_prob[kept].tolist(), log_weight[kept].tolist(), strict=True)
        return [
            Poem(text, tuple(ids), *both)
            for text, ids, both in zip(texts, plain, numbers, strict=True)
        ]

    def _draw(self, size: int) -> Sequences:
        device = self.writer.generator.device
        prefix = torch.tensor([self.prefix], device=device, dtype=torch.long)
        kind = None if self.category is None else prefix.new_full((size,), self.category)
        return self.writer.generator.sample(
            size,
            self.length,
            prefix=prefix.expand(size, -1) if self.prefix else None,
            category=kind,
            logits_processor=self.processors,
        ).each(runtime.gather)

    @torch.no_grad()
    def _weigh(self, s: Sequences) -> tuple[Tensor, Tensor]:
        """log pi and log w of each text: (B,) each."""
        assert s.log_prob is not None, "drawn by nobody"
        drawn = (s.log_prob * s.chosen).sum(dim=1)
        if not self.masks:
            return drawn, torch.zeros_like(drawn)
        log_prob = torch.cat([self._log_prob(s[rows]) for rows in self._few(s)])
        factors = [self._log_factor(ids) - self.before for ids in self._with_end(s)]
        return log_prob, log_prob + log_prob.new_tensor(factors) - drawn

    def _few(self, s: Sequences) -> Iterator[slice]:
        """As many texts at a time as their logits may take."""
        config = self.writer.generator.config
        row = 3 * 4 * s.ids.shape[1] * config.vocab_size
        yield from runtime.chunks(len(s), runtime.rows_at_once(row, s.ids.device))

    def _log_prob(self, s: Sequences) -> Tensor:
        """log pi of each text, in one pass: (B,)."""
        generator = self.writer.generator
        with runtime.evaluating(generator):
            logits = generator.logits(s)
        ids: Any = s.ids.flatten()[:, None]
        scaled = self.law(ids, logits.flatten(0, 1)).view_as(logits)
        every = torch.log_softmax(scaled, dim=2).gather(2, s.ids[..., None]).squeeze(2)
        return torch.where(s.chosen, every, 0.0).sum(dim=1)

    def _with_end(self, s: Sequences) -> Iterator[list[int]]:
        """Each text's tokens, ``<eos>`` included."""
        for ids, length in zip(s.ids.tolist(), s.lengths.tolist(), strict=True):
            yield ids[:length]

    def _choose(self, s: Sequences, log_prob: Tensor, log_weight: Tensor) -> Tensor:
        """The row that is kept of each poem's candidates."""
        many = self.wish.candidates
        first = torch.arange(0, len(s), many, device=s.ids.device)
        if many == 1:
            return first
        if self.wish.resample:
            return chosen(log_weight.view(-1, many))
        score = log_prob if self.discriminator is None else praise(self.discriminator, s)
        return first + score.view(-1, many).argmax(dim=1)

    @property
    def masks(self) -> bool:
        """True if some texts can't be drawn."""
        return self.form is not None or self.wish.taste.truncates

    def said(self) -> list[str]:
        """What the masks cost, in a line; none where there were none."""
        if not self.masks:
            return []
        return [self.cost.said(self.wish.taste.truncates)]
