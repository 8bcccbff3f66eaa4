"""From a checkpoint to texts."""

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import (
    LogitsProcessorList,
    SuppressTokensLogitsProcessor,
    TemperatureLogitsWarper,
)

from textgan import config, models, runs, runtime, seal, shipped, validation
from textgan.data.splits import CorpusOptions, Division
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

    def write(
        self, count: int, *, prefix: str = "", temperature: float = 1.0, seed: int = 0
    ) -> list[str]:
        """``count`` texts; the same seed gives the same texts.

        Args:
            count: how many.
            prefix: how each begins; words the model doesn't know are warned about.
            temperature: below 1 likelier words, above 1 rarer ones.
            seed: of the draws.

        Raises:
            UserError: a value out of range, or a prefix that fills the text.
        """
        if count < 1:
            raise UserError(f"--count: must be 1 or more, got {count}")
        if not 0.01 <= temperature <= 100:
            raise UserError(f"--temperature: must be from 0.01 to 100, got {temperature}")
        ids = self.encode(prefix)
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
                size, prefix=given if ids else None, logits_processor=processors
            )
            texts += validation.plain(sample)
        return self.tokenizer.batch_decode(texts, skip_special_tokens=True)

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
    options = config.check(CorpusOptions, checkpoint.about["recipe"]["corpus"], "corpus")
    lines = [line for text in texts for line in text.split("\n") if line.strip()]
    asked = set(map(fold, lines))
    # Whole texts as well: a tokenizer without line breaks makes one line of a poem.
    try:
        training = Division(options).training()
        known = {
            f
            for text in training
            for line in (*text.split("\n"), text)
            if (f := fold(line)) in asked
        }
    except UserError as error:
        raise UserError(f"--report: the training text can't be compared with; {error}") from None
    copied = sum(fold(line) in known for line in lines) / max(1, len(lines))
    found = [f"{copied:.0%} of the {len(lines)} lines stand in the training text ({options.path})"]
    if options.unit == "stanza" and any("\n" in text for text in texts):
        four = sum(text.count("\n") == 3 for text in texts)
        found.append(f"{four / len(texts):.0%} of the {len(texts)} poems have four lines")
    return found


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
