"""From a checkpoint to texts."""

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import (
    LogitsProcessorList,
    SuppressTokensLogitsProcessor,
    TemperatureLogitsWarper,
)

from textgan import config, models, oracle, runs, runtime, seal, shipped, validation
from textgan.data.corpus import Corpus
from textgan.data.files import is_on_hub
from textgan.data.splits import CorpusOptions
from textgan.data.tokenizers import TokenizerOptions, pieces
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

    def write(
        self,
        count: int,
        *,
        prefix: str = "",
        temperature: float = 1.0,
        seed: int = 0,
        category: str | None = None,
    ) -> list[str]:
        """``count`` texts; the same seed gives the same texts.

        Args:
            count: how many.
            prefix: how each begins; words the model doesn't know are warned about.
            temperature: below 1 likelier words, above 1 rarer ones.
            seed: of the draws.
            category: what kind of text, a label's name or number; default: drawn for each.

        Raises:
            UserError: a value out of range, a prefix that fills the text, or no such category.
        """
        if count < 1:
            raise UserError(f"--count: must be 1 or more, got {count}")
        if not 0.01 <= temperature <= 100:
            raise UserError(f"--temperature: must be from 0.01 to 100, got {temperature}")
        ids, kind = self.encode(prefix), self.category(category)
        processors = LogitsProcessorList()
        unknown = self.tokenizer.unk_token_id
        if unknown not in (None, self.tokenizer.eos_token_id):  # GPT-2 has one token for both
            device = str(self.generator.device)
            processors.append(SuppressTokensLogitsProcessor([unknown], device))
        if temperature != 1.0:
            processors.append(TemperatureLogitsWarper(temperature))
        runtime.seed(seed, "write")
        texts: list[list[int]] = []
        while len(texts) < count:
            size = min(256, count - len(texts))
            given = torch.tensor([ids] * size, device=self.generator.device, dtype=torch.long)
            sample = self.generator.sample(
                size,
                prefix=given if ids else None,
                category=None if kind is None else given.new_full((size,), kind),
                logits_processor=processors,
            )
            texts += validation.plain(sample)
        return self.tokenizer.batch_decode(texts, skip_special_tokens=True)

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


def report(texts: list[str], checkpoint: runs.Checkpoint) -> list[str]:
    """What to know beside some texts: how much is copied, and whether poems keep their form."""
    options = corpus_options(checkpoint)
    lines = [line for text in texts for line in text.split("\n") if line.strip()]
    same = fold if options.oracle is None else str  # blanks part an oracle's words
    asked = set(map(same, lines))
    # Whole texts as well: a tokenizer without line breaks makes one line of a poem.
    try:
        if "texts" in checkpoint.about:
            tokenizer = models.read_tokenizer(checkpoint.generator, ends=options.oracle is None)
            corpus = oracle.open_corpus(options, TokenizerOptions(), tokenizer)
            warn_of_change(checkpoint, corpus)
        training = oracle.training(options)
        known = {
            f
            for text in training
            for line in (*text.split("\n"), text)
            if (f := same(line)) in asked
        }
    except UserError as error:
        raise UserError(f"--report: the training text can't be compared with; {error}") from None
    copied = sum(same(line) in known for line in lines) / max(1, len(lines))
    found = [f"{copied:.0%} of the {len(lines)} lines stand in the training text ({options.place})"]
    if options.unit == "stanza" and any("\n" in text for text in texts):
        four = sum(text.count("\n") == 3 for text in texts)
        found.append(f"{four / len(texts):.0%} of the {len(texts)} poems have four lines")
    return found


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
