"""From a wish to poems: a form, a taste, a choice among several, and what they cost.

Masks bend the distribution. A poem is drawn, token by token, from

    q(v | x_<t) ∝ pi(v | x_<t) f(v | x_<t)

with pi the model at the asked temperature and f the form's factors (and what top-k, top-p or
typical decoding leave). What is meant is pi(x) f(x) / Z, whose poems are as likely among each other
as the model has them. The weight of a poem, pi(x) f(x) / q(x), is known exactly,

    log w(x) = sum_t log sum_v pi(v | x_<t) f(v | x_<t),

so that its mean estimates Z, the share of the model's own texts that keep the form, and resampling
by it corrects the distribution. So does the discriminator of a residual EBM, which means
pi(x) f(x) e^{d(x)}: its logit adds to log w.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import LogitsProcessorList

from textgan import processes, runtime, validation
from textgan.cost import Cost
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator
from textgan.errors import UserError
from textgan.estimators.resampling import chosen, effective_sample_size
from textgan.forms import open_form
from textgan.forms.base import Form
from textgan.forms.processor import FormProcessor
from textgan.masks import Masks
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
        log_weight: log w of the masks alone, nats; 0 where nothing was masked.
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
        discriminator: by whose praise the best are chosen, or by whose weights; None: by
            likelihood, or by the masks' weights alone.

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
        form = [] if self.form is None else [FormProcessor(self.form, [bos])]
        self.law = [*writer.processors(1.0), *wish.taste.scaling()]
        """What makes pi of the model's logits."""
        self.masks = LogitsProcessorList([*form, *wish.taste.truncation()])
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
        runtime.seed(seed, "write")
        size = max(1, BLOCK // self.wish.each)
        for start in range(0, count, size):
            yield self._block(size)[: count - start]

    def _block(self, size: int) -> list[Poem]:
        """So many poems, drawn with all their candidates at once."""
        rows = size * self.wish.each
        ((s, log_weight),) = [self._draw(r.stop - r.start) for r in runtime.portions(rows, rows)]
        log_prob = self._log_prob(s, log_weight)
        self.cost.add(log_weight, int(s.chosen.sum()))
        kept = self._choose(s, log_prob, log_weight)
        plain = validation.plain(s[kept])
        texts = self.writer.tokenizer.batch_decode(plain, skip_special_tokens=True)
        numbers = zip(log_prob[kept].tolist(), log_weight[kept].tolist(), strict=True)
        return [
            Poem(text, tuple(ids), *both)
            for text, ids, both in zip(texts, plain, numbers, strict=True)
        ]

    def _draw(self, size: int) -> tuple[Sequences, Tensor]:
        """Texts, and log w of each: (B,)."""
        generator = self.writer.generator
        masks = Masks(self.masks, generator.config.eos_token_id)
        prefix = torch.tensor([self.prefix], device=generator.device, dtype=torch.long)
        kind = None if self.category is None else prefix.new_full((size,), self.category)
        s = generator.sample(
            size,
            self.length,
            prefix=prefix.expand(size, -1) if self.prefix else None,
            category=kind,
            logits_processor=LogitsProcessorList([*self.law, *([masks] if self.masks else [])]),
        )
        log_weight = masks.log_mass() if self.masks else torch.zeros(size, device=s.ids.device)
        return s.each(runtime.gather), runtime.gather(log_weight)

    def _log_prob(self, s: Sequences, log_weight: Tensor) -> Tensor:
        """log pi of each text, which is log w + log q - log f: (B,)."""
        assert s.log_prob is not None, "drawn by nobody"
        log_prob = log_weight + (s.log_prob * s.chosen).sum(dim=1)
        if self.form is None or not self.form.weighted:
            return log_prob
        texts = zip(s.ids.tolist(), s.lengths.tolist(), strict=True)
        factors = [self._log_factor(ids[:length]) - self.before for ids, length in texts]
        return log_prob - log_prob.new_tensor(factors)

    def _choose(self, s: Sequences, log_prob: Tensor, log_weight: Tensor) -> Tensor:
        """The row that is kept of each poem's candidates."""
        many = self.wish.each
        if self.wish.weighs:
            d = 0.0 if self.discriminator is None else praise(self.discriminator, s)
            weights = (log_weight + d).view(-1, many)
            self.cost.choose(effective_sample_size(weights))
            with processes.alike():  # each has all rows by now
                return chosen(weights)
        first = torch.arange(0, len(s), many, device=s.ids.device)
        if many == 1:
            return first
        score = log_prob if self.discriminator is None else praise(self.discriminator, s)
        return first + score.view(-1, many).argmax(dim=1)

    def said(self) -> list[str]:
        """What masks and choices by weight cost, in a line each; none where there were none."""
        masked = [self.cost.of_masks(self.wish.taste.truncates)] if self.masks else []
        return masked + ([self.cost.of_choices(self.wish.each)] if self.wish.weighs else [])
