"""From a checkpoint to texts."""

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import (
    LogitsProcessorList,
    SuppressTokensLogitsProcessor,
    TemperatureLogitsWarper,
)

from textgan import config, models, runs, runtime, seal, shipped
from textgan.data.corpus import Corpus
from textgan.data.files import is_on_hub
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
        raise UserError(f"--model: is a shipped model; give it or the run {path}, not both")
    if path is not None:
        return path
    if model is None and (run := runs.newest()):
        say(f"from {run}")
        return run
    found = shipped.place(model or shipped.NAMES[0])
    say(f"from the shipped model '{found.name}'")
    return found
