"""Texts to be judged, real and generated, that have come the same way.

Each is read by the tokenizers and written by them again, so that blanks, quotes and capitals are
theirs whoever wrote it; one with a word that they don't know is left out, and so is one that was
cut off at the model's longest length. Line ends have no blanks.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from textgan.data.splits import Division
from textgan.errors import UserError
from textgan.models import Tokenizer
from textgan.poet import Poet, Wish
from textgan.sampling import corpus_options

REAL = "real"
"""The name of held-out texts."""
TEXTS = 96
"""Texts of each source a session."""
READ = 2000
"""Held-out texts to choose from."""


@dataclass(frozen=True)
class Exhibit:
    """A text, and what mustn't be seen of it.

    Attributes:
        text: as it is shown.
        length: in tokens.
        source: ``real``, or the checkpoint that wrote it.
        seed: of the draws, or of the choice of real texts.
        number: which of them.
    """

    text: str
    length: int
    source: str
    seed: int
    number: int


def named(poet: Poet) -> str:
    """A poet's checkpoint: ``shi``, ``small-adversarial-1/checkpoint-000002``."""
    folder = poet.checkpoint.folder
    return f"{folder.parent.name}/{folder.name}" if "-" in folder.name else folder.name


def generated(poet: Poet, tokenizers: Sequence[Tokenizer], seed: int) -> list[Exhibit]:
    """What a model writes at temperature 1, without any form."""
    poems = poet.poems(Wish(), TEXTS, seed)
    texts = {n: poem.text for n, poem in enumerate(poems) if len(poem.tokens) < longest(poet)}
    return [*_same_way(texts, named(poet), tokenizers, seed)]


def real(poet: Poet, tokenizers: Sequence[Tokenizer], seed: int) -> list[Exhibit]:
    """Test texts of a run's corpus.

    Raises:
        UserError: they aren't there, or the run is of a language without texts of its own.
    """
    try:
        options = corpus_options(poet.checkpoint)
    except UserError as error:
        raise UserError(f"--judged: {error}") from None
    if options.oracle is not None:
        raise UserError(
            "--judged: was trained on an oracle's texts, which nobody can read; take one"
        )
    found = Division(options).texts()
    held_out = [*islice((text.text for split, text in found if split == "test"), READ)]
    chosen = random.Random(seed).sample(held_out, min(TEXTS, len(held_out)))
    lengths = [len(_ids(text, poet.writer.tokenizer)) for text in chosen]
    whole = {n: text for n, text in enumerate(chosen) if lengths[n] < longest(poet)}
    exhibits = [*_same_way(whole, REAL, tokenizers, seed)]
    if not exhibits:
        raise UserError(
            f"--judged: each of the {len(chosen)} held-out texts has a word that the model doesn't "
            "know, or is longer than its own; take another model"
        )
    return exhibits


def longest(poet: Poet) -> int:
    """Tokens that a model's texts have at most; one that has so many didn't end."""
    return poet.writer.generator.config.length


def _same_way(
    texts: Mapping[int, str], source: str, tokenizers: Sequence[Tokenizer], seed: int
) -> Iterator[Exhibit]:
    for number, text in texts.items():
        found = read_again(text, tokenizers)
        if found is not None and found[0]:
            yield Exhibit(*found, source, seed, number)


def read_again(text: str, tokenizers: Sequence[Tokenizer]) -> tuple[str, int] | None:
    """A text as the tokenizers write it, one behind the other, and how long that is in tokens of
    the last; None if one of them doesn't know a word.
    """
    for tokenizer in tokenizers:
        ids = _ids(text, tokenizer)
        if tokenizer.unk_token_id in ids:
            return None
        text = str(tokenizer.decode(ids, skip_special_tokens=True))
    lines = [line.strip() for line in text.split("\n")]
    text = "\n".join(line for line in lines if line)
    return text, len(_ids(text, tokenizers[-1]))


def _ids(text: str, tokenizer: Tokenizer) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
