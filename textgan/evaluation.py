"""`evaluate`: runs side by side on the test split, with the training text as the ceiling row."""

from dataclasses import dataclass
from typing import Any

import textgan
from textgan import config, runs, runtime, validation
from textgan.data.corpus import Corpus, Order, load_corpus
from textgan.metrics.bleu import ORDERS, References, bleu, self_bleu
from textgan.metrics.estimate import Estimate
from textgan.recipe import Recipe
from textgan.sampling import Writer
from textgan.tracking import say

SEED = 0
MOST = 10_000
"""Hypotheses: as many as the test split has, at most so many."""
FEW = 100
"""Test texts below which a difference in BLEU is mostly chance."""


@dataclass
class Row:
    """One line of the table."""

    name: str
    figures: dict[str, Estimate | None]
    protocol: str


def evaluate(checkpoints: list[runs.Checkpoint]) -> list[Row]:
    """Score checkpoints on their own test splits; each corpus's ceiling row stands first.

    Hypotheses are sampled at temperature 1, dropout off; references are the whole test split.
    """
    rows: list[Row] = []
    seen: set[str] = set()
    for checkpoint in checkpoints:
        recipe = config.check(Recipe, checkpoint.about["recipe"])
        writer = Writer.open(checkpoint)
        corpus = load_corpus(recipe.corpus, recipe.tokenizer, writer.tokenizer)
        if checkpoint.about.get("texts", corpus.digest) != corpus.digest:
            say(f"warning: {recipe.corpus.path} has changed since {checkpoint.run}: other splits")
        key = recipe.corpus.model_dump_json() + recipe.tokenizer.model_dump_json() + corpus.digest
        if key not in seen:
            _warn_of_few(corpus)
            rows.append(ceiling(corpus, recipe.tokenizer.name))
            seen.add(key)
        rows.append(score(checkpoint, writer, corpus, recipe.tokenizer.name))
    return rows


def _warn_of_few(corpus: Corpus) -> None:
    count = len(corpus.splits["test"])
    if count < FEW:
        say(
            f"warning: {corpus.options.test_path or corpus.options.path}: only {count} test texts; "
            f"with fewer than {FEW}, BLEU is mostly noise. A larger corpus, corpus.test_share or "
            "corpus.test_path gives more"
        )


def ceiling(corpus: Corpus, tokenizer: str) -> Row:
    """Real text against real text: as many training texts as there are hypotheses elsewhere."""
    test = corpus.tokens("test")
    count = min(max(2, len(test)), MOST, len(corpus))
    chosen = Order(len(corpus), SEED).take("ceiling", 0, count)
    texts = [corpus.splits["train"].text(i)[:-1] for i in chosen]
    real = [list(corpus.tokenizer.convert_ids_to_tokens(ids)) for ids in texts]
    return Row(
        f"training text ({corpus.options.path})",
        {**_bleus(real, test), "NLL_test": None},
        protocol(corpus, tokenizer, count),
    )


def score(checkpoint: runs.Checkpoint, writer: Writer, corpus: Corpus, tokenizer: str) -> Row:
    """One checkpoint."""
    test = corpus.tokens("test")
    count = max(2, min(len(test), MOST))
    runtime.seed(SEED, "evaluate")
    ids = validation.sample_ids(writer.generator, count)
    texts = [list(writer.tokenizer.convert_ids_to_tokens(text)) for text in ids]
    nll = validation.nll(writer.generator, corpus, "test")
    name = f"{checkpoint.run.name}/{checkpoint.folder.name}"
    return Row(name, {**_bleus(texts, test), "NLL_test": nll}, protocol(corpus, tokenizer, count))


def _bleus(texts: list[list[str]], test: list[list[str]]) -> dict[str, Estimate | None]:
    forward = bleu(texts, References(test))
    own = self_bleu(texts)
    named: dict[str, Estimate | None] = {f"BLEU-{n}": forward[n] for n in ORDERS}
    return named | {f"Self-BLEU-{n}": own[n] for n in ORDERS}


def protocol(corpus: Corpus, tokenizer: str, count: int) -> str:
    """What a figure depends on, in one line."""
    references = len(corpus.splits["test"])
    return (
        f"hypotheses:{count}|references:{references}|smoothing:method1(0.1)|weights:uniform|"
        f"temperature:1|tokenizer:{tokenizer}|seed:{SEED}|test:{corpus.fingerprint}|"
        f"textgan:{textgan.__version__}"
    )


def as_json(rows: list[Row]) -> list[dict[str, Any]]:
    """The rows for programs: value, standard error and count of each figure."""
    return [
        {
            "name": row.name,
            "protocol": row.protocol,
            "figures": {
                name: None if e is None else {"value": e.value, "stderr": e.stderr, "n": e.n}
                for name, e in row.figures.items()
            },
        }
        for row in rows
    ]
