"""A generator that can be asked for poems, and the discriminator that it played against."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from textgan import models, oracle, runs, seal, shipped
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator
from textgan.draft import Draft, Poem, praise
from textgan.errors import UserError
from textgan.sampling import Writer, corpus_options
from textgan.taste import Taste
from textgan.wish import Wish

__all__ = ["Poem", "Poet", "Taste", "Wish"]


class Poet:
    """A writer, and the discriminator of its run.

    Args:
        writer: the generator and its tokenizer.
        checkpoint: where they are from.
    """

    def __init__(self, writer: Writer, checkpoint: runs.Checkpoint) -> None:
        self.writer, self.checkpoint = writer, checkpoint
        self._discriminator: Discriminator | None = None

    @classmethod
    def open(cls, found: str | Path | runs.Checkpoint) -> "Poet":
        """The poet of a run, a checkpoint, or a shipped model's name.

        Raises:
            UserError: there is none, or it is damaged.
        """
        if not isinstance(found, runs.Checkpoint):
            found = runs.open_checkpoint(shipped.resolve(Path(found)))
        return cls(Writer.open(found), found)

    def poems(self, wish: Wish, count: int, seed: int = 0) -> Iterator[Poem]:
        """``count`` poems one after the other; the same seed gives the same ones, however many.

        Raises:
            UserError: the wish can't be met; before the first is asked for.
        """
        return (poem for part in self.draft(wish).write(count, seed) for poem in part)

    def draft(self, wish: Wish) -> "Draft":
        """What is needed to write by a wish, and counts what it costs.

        Raises:
            UserError: it can't be met.
        """
        weighed = wish.candidates is not None
        if weighed:
            self._needs_weights()
        judge = self.discriminator if weighed or wish.by == "discriminator" else None
        lines = self.lines("--new-lines") if wish.form.new_lines else ()
        return Draft(self.writer, wish, lines, judge)

    def lines(self, option: str) -> list[str]:
        """The lines that the model was trained on, which an option asks for.

        Raises:
            UserError: they aren't there.
        """
        try:
            texts = oracle.training(corpus_options(self.checkpoint))
            return [line for text in texts for line in text.split("\n")]
        except UserError as error:
            raise UserError(f"{option}: {error}") from None

    def _needs_weights(self) -> None:
        """Raises UserError unless the discriminator was trained to complete the generator."""
        run, stage = self.checkpoint.run, self.checkpoint.stage
        if shipped.holds(self.checkpoint.folder):
            raise UserError(
                f"--candidates: the shipped model {self.checkpoint.folder.name!r} comes without a "
                "discriminator; leave it out, or give a run of residual_ebm"
            )
        method = self.checkpoint.about["recipe"]["method"]["name"]
        if method != "residual_ebm":
            raise UserError(
                f"--candidates: {run} is a run of {method}, whose discriminator is no weight of "
                "texts; leave it out, or give a run of residual_ebm"
            )
        if stage != "adversarial":
            raise UserError(
                f"--candidates: {run} is a run of `{stage}`, its discriminator has learnt nothing "
                "yet; give a run of `adversarial`"
            )

    @property
    def judged(self) -> bool:
        """True if its run has a discriminator that has learnt."""
        found = (self.checkpoint.folder / "discriminator").exists()
        return found and self.checkpoint.stage == "adversarial"

    @property
    def discriminator(self) -> Discriminator:
        """The run's discriminator.

        Raises:
            UserError: it has none, or one that has learnt nothing.
        """
        if self._discriminator is None:
            if not self.judged:
                folder = self.checkpoint.folder
                named = f"the shipped model {folder.name!r}" if shipped.holds(folder) else folder
                raise UserError(
                    f"--by: {named} has no discriminator that has learnt; give a "
                    "run of `adversarial`, or --by likelihood"
                )
            seal.check(self.checkpoint.folder, "discriminator")
            found = models.load_discriminator(self.checkpoint.folder / "discriminator")
            found = found.to(self.writer.generator.device)  # type: ignore[arg-type]
            self._discriminator = found.eval()
        return self._discriminator

    def token_scores(self, poem: Poem) -> list[tuple[str, float]] | None:
        """Each piece of a poem and its score: a logit of its own, or else what it adds to the
        poem's; None where no discriminator has learnt.
        """
        if not self.judged:
            return None
        if not poem.tokens:
            return []
        discriminator = self.discriminator
        config = self.writer.generator.config
        eos, pad = config.eos_token_id, config.pad_token_id or 0
        ids = torch.tensor([poem.tokens], device=self.writer.generator.device)
        if discriminator.per_token:
            scores = discriminator.judge(Sequences(ids, eos))[0]
        else:
            whole = praise(discriminator, Sequences(beginnings(ids[0], eos, pad), eos))
            scores = torch.cat([whole[:1], whole.diff()])
        return list(zip(self.pieces(poem), scores.tolist(), strict=True))

    def pieces(self, poem: Poem) -> list[str]:
        """What each token adds to the text; together they are the text."""
        parts = [list(poem.tokens[: n + 1]) for n in range(len(poem.tokens))]
        ends = self.writer.tokenizer.batch_decode(parts, skip_special_tokens=True)
        return [after[len(before) :] for before, after in pairwise(["", *ends])]


def beginnings(ids: Tensor, eos: int | None, pad: int) -> Tensor:
    """A text's beginnings of 1, 2, ... T tokens, ended and padded: (T,) -> (T, T + 1)."""
    size = len(ids)
    places = torch.arange(size + 1, device=ids.device)
    row = torch.cat([ids, ids.new_full((1,), pad)]).expand(size, size + 1)
    last = places[1:, None]
    found = row.masked_fill(places >= last, pad)
    return found if eos is None else torch.where(places == last, eos, found)
