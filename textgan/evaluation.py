"""`evaluate`: runs side by side on the test split, with the training text as the ceiling row.

Where the language is known, its distance takes the place of BLEU, and the oracle is the ceiling.
"""

from dataclasses import dataclass
from typing import Any

import textgan
from textgan import config, oracle, runs, runtime, validation
from textgan.data.corpus import Corpus, Order
from textgan.generators import Generator
from textgan.metrics import known_language
from textgan.metrics.bleu import ORDERS, References, bleu, self_bleu
from textgan.metrics.estimate import Estimate
from textgan.recipe import Recipe
from textgan.sampling import Writer, corpus_options, warn_of_change
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
        corpus_options(checkpoint)
        recipe = config.check(Recipe, checkpoint.about["recipe"])
        writer = Writer.open(checkpoint)
        corpus = oracle.open_corpus(recipe.corpus, recipe.tokenizer, writer.tokenizer)
        warn_of_change(checkpoint, corpus)
        key = recipe.corpus.model_dump_json() + recipe.tokenizer.model_dump_json() + corpus.digest
        if key not in seen:
            rows.append(ceiling(corpus, recipe.tokenizer.name))
            seen.add(key)
        rows.append(score(checkpoint, writer, corpus, recipe.tokenizer.name))
    names: dict[str, Estimate | None] = dict.fromkeys(name for row in rows for name in row.figures)
    for row in rows:
        row.figures = names | row.figures  # those of texts and of an oracle may stand in one table
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
    if corpus.oracle is not None:
        return distance("the oracle itself", corpus.oracle, corpus)
    _warn_of_few(corpus)
    test = corpus.tokens("test")
    count = min(max(2, len(test)), MOST, len(corpus))
    chosen = Order(len(corpus), SEED).take("ceiling", 0, count)
    real = corpus.tokens("train", chosen.tolist())
    return Row(
        f"training text ({corpus.options.path})",
        {**_bleus(real, test), "NLL_test": None},
        protocol(corpus, tokenizer, count),
    )


def score(checkpoint: runs.Checkpoint, writer: Writer, corpus: Corpus, tokenizer: str) -> Row:
    """One checkpoint."""
    name = f"{checkpoint.run.name}/{checkpoint.folder.name}"
    if corpus.oracle is not None:
        return distance(name, writer.generator, corpus)
    test = corpus.tokens("test")
    count = max(2, min(len(test), MOST))
    runtime.seed(SEED, "evaluate")
    ids = validation.sample_ids(writer.generator, count)
    texts = [list(writer.tokenizer.convert_ids_to_tokens(text)) for text in ids]
    nll = validation.nll(writer.generator, corpus, "test")
    return Row(name, {**_bleus(texts, test), "NLL_test": nll}, protocol(corpus, tokenizer, count))


def distance(name: str, generator: Generator, corpus: Corpus) -> Row:
    """A generator of a known language: nats a token, JSD nats a text."""
    assert corpus.oracle is not None
    count = len(corpus.splits["test"])
    runtime.seed(SEED, "evaluate")
    found = validation.log_probs(generator, corpus, "test", count)
    return Row(
        name,
        {**known_language.figures(found, corpus.length)},
        f"hypotheses:{count}|references:{count}|unit:nats/token, JSD nats/text|"
        f"length:{corpus.length}|temperature:1|oracle:{oracle.fingerprint(corpus.oracle)}|"
        f"seed:{SEED}|test:{corpus.fingerprint}|textgan:{textgan.__version__}",
    )


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
