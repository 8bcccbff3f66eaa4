"""What to know beside texts that were drawn: how much is copied, and whether poems keep their form.

Texts come a few at a time and are gone again: memory is that of the training text's lines, eight
bytes each, however many texts there are.
"""

from collections.abc import Iterator

import numpy as np

from textgan import models, oracle, processes, runs
from textgan.data.tokenizers import TokenizerOptions
from textgan.errors import UserError
from textgan.sampling import corpus_options, fold, warn_of_change


class SamplingReport:
    """Counts over texts of a checkpoint's generator.

    Raises:
        UserError: the training text can't be compared with.
    """

    def __init__(self, checkpoint: runs.Checkpoint) -> None:
        self.options = corpus_options(checkpoint)
        try:
            with processes.first_goes_first(), processes.alone():
                self._warn(checkpoint)
                self.known = np.unique(np.fromiter(self._training(), dtype=np.int64))
        except UserError as error:
            message = f"--report: the training text can't be compared with; {error}"
            raise UserError(message) from None
        self.texts = self.of_four = self.lines = self.copied = 0
        self.poems = False

    def add(self, texts: list[str]) -> None:
        """Count these, too."""
        lines = [line for text in texts for line in text.split("\n") if line.strip()]
        marks = np.fromiter(map(self._mark, lines), dtype=np.int64, count=len(lines))
        places = np.searchsorted(self.known, marks).clip(max=len(self.known) - 1)
        self.copied += int((self.known[places] == marks).sum())
        self.lines += len(lines)
        self.texts += len(texts)
        self.of_four += sum(text.count("\n") == 3 for text in texts)
        self.poems |= any("\n" in text for text in texts)

    def said(self) -> list[str]:
        """A line for each thing to know."""
        share = self.copied / max(1, self.lines)
        place = self.options.place
        found = [f"{share:.0%} of the {self.lines} lines stand in the training text ({place})"]
        if self.options.unit == "stanza" and self.poems:
            share = self.of_four / self.texts
            found.append(f"{share:.0%} of the {self.texts} poems have four lines")
        return found

    def _mark(self, line: str) -> int:
        """A line's 64 bits, the same for copies of it; blanks part an oracle's words."""
        return hash(fold(line) if self.options.oracle is None else line)

    def _training(self) -> Iterator[int]:
        # Whole texts as well: a tokenizer without line breaks makes one line of a poem.
        for text in oracle.training(self.options):
            yield from map(self._mark, {*text.split("\n"), text})

    def _warn(self, checkpoint: runs.Checkpoint) -> None:
        if "texts" in checkpoint.about:
            own = self.options.oracle is None
            tokenizer = models.read_tokenizer(checkpoint.generator, ends=own)
            corpus = oracle.open_corpus(self.options, TokenizerOptions(), tokenizer)
            warn_of_change(checkpoint, corpus)
