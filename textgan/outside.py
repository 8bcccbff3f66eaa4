"""Texts that another program wrote, scored beside real ones: plain files, a text a line."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from textgan import floor, runtime, validation
from textgan.ceiling import of_real, real_text, warn_of_lack, warn_of_language
from textgan.data.lines import lines
from textgan.data.tokenizers import TokenizerOptions, cutter
from textgan.errors import UserError
from textgan.evaluation import Row, Wanted, alike, stamp
from textgan.metrics import Evaluation, figures
from textgan.metrics.base import TooFew
from textgan.tracking import say

GLUED = re.compile(r"\w[.,!?;:](\s|$)")
"""Punctuation that isn't a token of its own."""
MARKS: dict[str, Callable[[str], object]] = {
    "punctuation is glued to words": GLUED.search,
    "there are capitals": lambda text: text != text.lower(),
    "there are blanks": lambda text: " " in text,
}
"""By which two cuts of one text are told apart: what is said, and what lines it is true of."""
NEEDS = {
    "memorisation": "the texts that trained; give --training FILE",
    "categories": "labels, which lines of a file don't have; evaluate a run",
    "augmentation": "labels, which lines of a file don't have; evaluate a run",
}
"""What files may lack for a metric."""
APART = 0.3
"""A difference between two files' shares of such lines that is no chance."""


def score(
    samples: Path,
    reference: Path,
    training: Path | None,
    tokenizer: TokenizerOptions,
    wanted: Wanted,
) -> list[Row]:
    """Real text, an n-gram model if there is training text, and the samples: a row each.

    Raises:
        UserError: a file is missing, empty, or has an empty line; too few texts for a metric.
    """
    cut = cutter(tokenizer)
    texts, references = read(samples, "--samples"), read(reference, "--reference")
    known = read(training, "--training") if training else []
    warn_of_another_cut(texts, references, (samples, reference))
    if training:
        warn_of_another_cut(known, references, (training, reference))
    e = Evaluation(
        texts=texts,
        tokens=[cut(text) for text in texts],
        reference_texts=references,
        references=[cut(text) for text in references],
        training_texts=known,
        training=[cut(text) for text in known],
        seed=wanted.seed,
        embeddings=wanted.encoder,
    )
    name, real = real_text(e, str(training or reference))
    rows = [Row(name, {}, "", real, is_ceiling=True)]
    rows += [Row(floor.NAME, {}, "", counts(e))] if e.training else []
    rows += [Row(samples.name, {}, "", e)]
    warn_of_language(e, wanted.metrics)
    for row in reversed(rows):  # a file that is too small is told before anything else
        assert row.evaluation is not None
        row.protocol = stamp(row.evaluation, tokenizer.name, wanted.metrics)
        if row.is_ceiling:
            row.figures = of_real(row.name, row.evaluation, wanted.metrics)
            continue
        try:
            row.figures = figures(row.evaluation, wanted.metrics)
        except TooFew as error:
            files = f"--samples {samples}, --reference {reference}"
            raise UserError(f"{files}: too few texts: {error}") from None
    asked = [name for name in wanted.metrics if not (training and name == "memorisation")]
    warn_of_lack(tuple(asked), NEEDS)
    return alike(rows)


def counts(e: Evaluation) -> Evaluation:
    """As many texts of an n-gram model of the training text."""
    model, words = floor.of_tokens(e.training)
    runtime.seed(e.seed, "evaluate")
    ids = validation.sample_ids(model, len(e.texts))
    tokens = [[words[i - floor.WORDS] for i in text] for text in ids]
    return replace(e, texts=[" ".join(text) for text in tokens], tokens=tokens)


def read(path: Path, option: str) -> list[str]:
    """A file's lines, stripped.

    Raises:
        UserError: it isn't there, has none, or an empty one.
    """
    if not path.is_file():
        raise UserError(f"{option}: {path} is no file; give a text file, a text a line")
    found = [line.strip() for line in lines(path, str(path))]
    if not found:
        raise UserError(f"{option}: {path} has no text in it; give a text a line")
    if "" in found:
        raise UserError(
            f"{option}: line {found.index('') + 1} of {path} is empty, and would count as a text; "
            "take it out, or write what the generator wrote"
        )
    return found


def warn_of_another_cut(a: list[str], b: list[str], names: tuple[Path, Path]) -> None:
    """Say it if one file has its punctuation glued to words, capitals or blanks, and the other
    hasn't.
    """
    for what, mark in MARKS.items():
        shares = [sum(map(bool, map(mark, texts))) / len(texts) for texts in (a, b)]
        if abs(shares[0] - shares[1]) > APART:
            more, less = (0, 1) if shares[0] > shares[1] else (1, 0)
            with_it = next(text for text in (a, b)[more] if mark(text))
            without = next(text for text in (a, b)[less] if not mark(text))
            say(
                f"warning: {names[more]} and {names[less]} are cut differently: {what} in "
                f"{shares[more]:.0%} and {shares[less]:.0%} of the lines, as in {with_it!r} and "
                f"{without!r}; figures of n-grams mean nothing then"
            )
