"""From a checkpoint to texts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from transformers import (
    LogitsProcessorList,
    SuppressTokensLogitsProcessor,
    TemperatureLogitsWarper,
)

from textgan import config, models, runs, runtime, seal, shipped, validation
from textgan.data.corpus import Corpus
from textgan.data.files import is_on_hub
from textgan.data.sequences import Sequences
from textgan.data.splits import CorpusOptions
from textgan.data.tokenizers import pieces
from textgan.errors import UserError
from textgan.generators import Generator
from textgan.tracking import say


@dataclass
class Writer:
    """A generator and its tokenizer."""

    generator: Generator
    tokenizer: models.Tokenizer
    draws: ClassVar[str] = "write"
    """Name of the stream of draws."""

    @property
    def at_once(self) -> int:
        """Texts that are drawn together."""
        return 256

    @classmethod
    def open(cls, checkpoint: runs.Checkpoint) -> "Writer":
        """The writer of a checkpoint, on its run's device where this machine has it.

        Raises:
            UserError: the checkpoint is damaged.
        """
        seal.check(checkpoint.folder, "generator")
        generator = models.load_generator(checkpoint.generator)
        tokenizer = models.load_tokenizer(checkpoint.generator, generator)
        return cls(generator.to(device_of(checkpoint)).eval(), tokenizer)  # type: ignore[arg-type]

    def write(self, count: int, **how: Any) -> list[str]:
        """``count`` texts at once; all else as of ``stream``."""
        return [text for texts in self.stream(count, **how) for text in texts]

    def stream(
        self,
        count: int,
        *,
        prefix: str = "",
        temperature: float = 1.0,
        seed: int = 0,
        category: str | None = None,
    ) -> Iterator[list[str]]:
        """``count`` texts, a few at a time, so that memory doesn't grow with their number.

        The same seed gives the same texts, if nobody else draws from ``runtime`` in between.

        Args:
            count: how many.
            prefix: how each begins; words the model doesn't know are warned about.
            temperature: below 1 likelier words, above 1 rarer ones.
            seed: of the draws.
            category: what kind of text, a label's name or number; default: drawn for each.

        Raises:
            UserError: a value out of range, a prefix that fills the text, or no such category;
                before the first text is asked for.
        """
        self.check(count, temperature)
        ids, kind = self.encode(prefix), self.category(category)
        given = torch.tensor([ids], device=self.generator.device, dtype=torch.long)
        return self._parts(count, given, kind, self.processors(temperature), seed)

    def _parts(
        self,
        count: int,
        prefix: Tensor,
        category: int | None,
        processors: LogitsProcessorList,
        seed: int,
    ) -> Iterator[list[str]]:
        runtime.seed(seed, self.draws)

        def draw(size: int) -> Sequences:
            begin = prefix.expand(size, -1) if prefix.shape[1] else None
            kind = None if category is None else prefix.new_full((size,), category)
            return self.sample(size, begin, kind, processors).each(runtime.gather)

        for start in range(0, count, self.at_once):
            size = min(self.at_once, count - start)
            (drawn,) = [draw(r.stop - r.start) for r in runtime.portions(size, size)]
            yield self.tokenizer.batch_decode(validation.plain(drawn), skip_special_tokens=True)

    def sample(
        self,
        size: int,
        prefix: Tensor | None,
        category: Tensor | None,
        processors: LogitsProcessorList,
    ) -> Sequences:
        """Texts that begin with ``prefix`` (size, P), of ``category`` (size,)."""
        return self.generator.sample(
            size, prefix=prefix, category=category, logits_processor=processors
        )

    def check(self, count: int, temperature: float) -> None:
        """Raise a UserError unless so many texts can be drawn so."""
        if count < 1:
            raise UserError(f"--count: must be 1 or more, got {count}")
        if not 0.01 <= temperature <= 100:
            raise UserError(f"--temperature: must be from 0.01 to 100, got {temperature}")

    def processors(self, temperature: float) -> LogitsProcessorList:
        """What changes the chances of words: unknown ones have none."""
        processors = LogitsProcessorList()
        unknown = self.tokenizer.unk_token_id
        if unknown not in (None, self.tokenizer.eos_token_id):  # GPT-2 has one token for both
            device = str(self.generator.device)
            processors.append(SuppressTokensLogitsProcessor([unknown], device))
        if temperature != 1.0:
            processors.append(TemperatureLogitsWarper(temperature))
        return processors

    def category(self, name: str | None) -> int | None:
        """The number of a category, named by its label or by that number."""
        if name is None:
            return None
        count = self.generator.categories
        if not count:
            raise UserError("--category: this model's texts are all of one kind; leave it out")
        labels = self.generator.config.labels or [str(i) for i in range(count)]
        if name in labels:
            return labels.index(name)
        if name.isdecimal() and int(name) < count:
            return int(name)
        known = ", ".join(f"{label} ({i})" for i, label in enumerate(labels))
        raise UserError(f"--category: no '{name}'; there are {known}")

    def encode(self, prefix: str) -> list[int]:
        """A prefix as ids, with a warning for unknown words."""
        if not prefix:
            return []
        ids = list(self.tokenizer(prefix, add_special_tokens=False)["input_ids"])
        unknown = [
            piece
            for piece, i in zip(pieces(self.tokenizer, prefix), ids, strict=True)
            if i == self.tokenizer.unk_token_id
        ]
        if unknown:
            say(f"warning: --prefix: the model doesn't know {', '.join(map(repr, unknown))}")
        if len(ids) >= self.generator.config.length:
            raise UserError(
                f"--prefix: has {len(ids)} tokens, the model's texts at most "
                f"{self.generator.config.length - 1}; shorten it"
            )
        return ids


def device_of(checkpoint: runs.Checkpoint) -> torch.device:
    """The device of the checkpoint's run, else the best there is: a GPU's run samples anywhere."""
    trainer = config.as_tree(checkpoint.about["recipe"].get("trainer"))
    try:
        return runtime.pick_device(trainer.get("device", "auto"))
    except UserError:
        return runtime.pick_device("auto")


def corpus_options(checkpoint: runs.Checkpoint) -> CorpusOptions:
    """Which texts a checkpoint was trained on.

    Raises:
        UserError: they aren't there, or it is a shipped model, which comes without them.
    """
    shipped.refuse(checkpoint.folder)
    options = config.check(CorpusOptions, checkpoint.about["recipe"]["corpus"], "corpus")
    paths = [] if options.card or options.oracle else [options.path, *options.own_files.values()]
    for path in paths:
        if not (config.find(path).exists() or is_on_hub(path)):
            raise UserError(
                f"corpus: '{path}', on which {checkpoint.run} was trained, is not there; put it "
                f"back, or write its new place into {checkpoint.folder}/run.yaml"
            )
    return options


def warn_of_change(checkpoint: runs.Checkpoint, corpus: Corpus) -> None:
    """Say it if a checkpoint was trained on other texts than its corpus has now."""
    if checkpoint.about.get("texts", corpus.digest) != corpus.digest:
        say(
            f"warning: {corpus.options.place} has changed since {checkpoint.run} was trained: it "
            "is divided otherwise now, and texts that trained it may be among the test texts"
        )


def fold(line: str) -> str:
    """Letters only, lower case: copies that differ in blanks or punctuation are copies."""
    return "".join(c for c in line.lower() if c.isalnum())


def default_run(path: Path | None, model: str | None = None) -> Path:
    """The run that is meant: the one given, a shipped model, or the newest, named on stderr.

    Raises:
        UserError: two are given, or there is no such model.
    """
    if path is not None and model is not None:
        raise UserError("--model: is a shipped model; give it or a run, not both")
    if path is not None:
        return path
    if model is None and (run := runs.newest()):
        say(f"from {run}")
        return run
    found = shipped.place(model or shipped.NAMES[0])
    say(f"from the shipped model '{found.name}'")
    return found
