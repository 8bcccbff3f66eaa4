"""`evaluate`: runs side by side on the test split, beside real text and an n-gram model.

Real text is the ceiling, the n-gram model the floor: a generator that stays below it has learnt
less than counting. Where the language is known, its distance takes the place of BLEU.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import textgan
from textgan import (
    config,
    density,
    floor,
    likelihoods,
    oracle,
    processes,
    runs,
    runtime,
    validation,
)
from textgan.ceiling import of_real, real_text, warn_of_lack, warn_of_language
from textgan.data.corpus import Corpus
from textgan.data.sequences import Sequences
from textgan.data.splits import Split
from textgan.errors import UserError
from textgan.generators import Generator
from textgan.metrics import (
    DEFAULT,
    Estimate,
    Evaluation,
    figures,
    known_language,
    signature,
)
from textgan.metrics.base import Tokens, TooFew
from textgan.recipe import Recipe
from textgan.sampling import Writer, corpus_options, warn_of_change
from textgan.tracking import say

MOST = 10_000
"""Hypotheses: as many as the test split has, at most so many."""
MOST_READ = 300_000
"""Training texts that are looked at, at most: the first ones."""
FEW = 100
"""Test texts below which a difference in BLEU is mostly chance."""
LABELLED = "categories", "augmentation"
"""Metrics of labelled texts."""
NO_LABELS = "labels, which the texts don't have; name corpus.label_column"
NO_CATEGORIES = "texts of a category, which {} doesn't write; train with generator.categories"
Figures = dict[str, Estimate | None]


@dataclass(frozen=True)
class Wanted:
    """What to score, and by what chance."""

    metrics: tuple[str, ...] = DEFAULT
    """Names of ``textgan.metrics.METRICS``."""
    seed: int = 0
    """Of the texts that are drawn."""
    encoder: str | None = None
    """A folder of sentence-transformers instead of the installed one."""


class Real(NamedTuple):
    """A split as readers see it, as tokens, and its labels if it has any."""

    texts: list[str]
    tokens: list[Tokens]
    labels: list[str]


@dataclass
class Row:
    """One model of the table."""

    name: str
    figures: Figures
    protocol: str
    evaluation: Evaluation | None = None
    """The texts that were scored; none where a language's density says it all."""
    checkpoint: runs.Checkpoint | None = None
    """Of a run that was asked for; none of a baseline."""
    is_ceiling: bool = False
    """True of real text and of an oracle itself: no competitor."""


def evaluate(checkpoints: list[runs.Checkpoint], wanted: Wanted) -> list[Row]:
    """Score checkpoints on their own test splits; each corpus's baselines stand first.

    Hypotheses are sampled at temperature 1, dropout off; references are the whole test split.
    """
    rows: list[Row] = []
    seen: set[int] = set()
    for checkpoint, scorer, writer in opened(checkpoints, wanted):
        if id(scorer) not in seen:
            rows += scorer.baselines()
            seen.add(id(scorer))
        row = scorer.row(f"{checkpoint.run.name}/{checkpoint.folder.name}", writer)
        row.checkpoint = checkpoint
        if scorer.corpus.labels and row.evaluation and not row.evaluation.labels:
            warn_of_lack(wanted.metrics, dict.fromkeys(LABELLED, NO_CATEGORIES.format(row.name)))
        rows.append(row)
    return alike(rows)


def alike(rows: list[Row]) -> list[Row]:
    """The rows of a table: each with all names of figures, and none with the name of another."""
    fullest = sorted(rows, key=lambda row: -len(row.figures))  # it has them in the right order
    names: Figures = dict.fromkeys(name for row in fullest for name in row.figures)
    count: Counter[str] = Counter()
    for row in rows:
        row.figures = names | row.figures  # those of texts and of an oracle may stand in one table
        count[row.name] += 1
        if count[row.name] > 1:  # the n-gram models of two corpora
            row.name = f"{row.name} ({count[row.name]})"
    return rows


def opened(
    checkpoints: Iterable[runs.Checkpoint], wanted: Wanted
) -> Iterator[tuple[runs.Checkpoint, "Scorer", Writer]]:
    """Each checkpoint with what scores it and what writes; one scorer for each corpus."""
    scorers: dict[str, Scorer] = {}
    for checkpoint in checkpoints:
        corpus_options(checkpoint)
        recipe = config.check(Recipe, checkpoint.about["recipe"])
        writer = Writer.open(checkpoint)
        with processes.first_goes_first(), processes.alone():
            corpus = oracle.open_corpus(recipe.corpus, recipe.tokenizer, writer.tokenizer)
        warn_of_change(checkpoint, corpus)
        key = recipe.corpus.model_dump_json() + recipe.tokenizer.model_dump_json() + corpus.digest
        yield (
            checkpoint,
            scorers.setdefault(key, Scorer(corpus, recipe.tokenizer.name, wanted)),
            writer,
        )


class Scorer:
    """One corpus, whose real texts are read once for all that are held against them."""

    def __init__(self, corpus: Corpus, tokenizer: str, wanted: Wanted) -> None:
        self.corpus, self.tokenizer, self.wanted = corpus, tokenizer, wanted

    def row(self, name: str, writer: Writer) -> Row:
        """One generator's."""
        if self.corpus.oracle is not None:
            return distance(name, writer.generator, self.corpus, self.wanted.seed)
        if noisy := bool(writer.generator.latent_size):
            say(f"{name}: {likelihoods.NOTE}")
        own = self.sampled(writer)
        kinds = own.category
        labels = [] if kinds is None else [self.corpus.labels[i] for i in kinds.tolist()]
        e = self.holding(validation.plain(own), writer, labels)
        nll = likelihoods.figures(writer.generator, self.corpus, own, self.wanted.seed)
        try:
            parts = processes.shared_out(self.wanted.metrics, lambda name: figures(e, (name,)))
        except TooFew as error:
            count = len(self.corpus.splits["test"])
            raise UserError(f"{self.place}: too few test texts, {count}: {error}") from None
        found = {key: figure for part in parts for key, figure in part.items()}
        return Row(name, {**found, **nll}, self.stamp(e, likelihoods.STAMP if noisy else ""), e)

    @property
    def place(self) -> str:
        """Where the test texts come from."""
        return str(self.corpus.options.test_path or self.corpus.options.path)

    def baselines(self) -> list[Row]:
        """Real text, and what counting reaches."""
        corpus = self.corpus
        counted = Writer(floor.of_corpus(corpus), corpus.tokenizer)
        if corpus.oracle is not None:
            own = distance("the oracle itself", corpus.oracle, corpus, self.wanted.seed)
            own.is_ceiling = True
            if self.wanted.metrics != DEFAULT:
                say("warning: --metrics: left out; of a known language densities are the figures")
            return [own, self.row(floor.NAME, counted)]
        self._warn_of_few()
        below = self.row(floor.NAME, counted)
        assert below.evaluation is not None
        name, e = real_text(below.evaluation, str(corpus.options.path))
        warn_of_language(e, self.wanted.metrics)
        if not corpus.labels:
            warn_of_lack(self.wanted.metrics, dict.fromkeys(LABELLED, NO_LABELS))
        found = of_real(name, e, self.wanted.metrics)
        above = Row(name, found, self.stamp(e), e, is_ceiling=True)
        return [above, below]

    def _warn_of_few(self) -> None:
        count = len(self.corpus.splits["test"])
        if count < FEW:
            say(
                f"warning: {self.place}: only {count} test texts; "
                f"with fewer than {FEW}, BLEU is mostly noise. A larger corpus, corpus.test_share "
                "or corpus.test_path gives more"
            )

    def sampled(self, writer: Writer) -> Sequences:
        """As many samples as there are test texts."""
        count = max(2, min(len(self.corpus.splits["test"]), MOST))
        runtime.seed(self.wanted.seed, "evaluate")
        return validation.sampled(writer.generator, count)

    def holding(
        self, ids: list[list[int]], writer: Writer, labels: list[str] | None = None
    ) -> Evaluation:
        """Some generated texts beside the real ones."""
        to_tokens, real, test = writer.tokenizer.convert_ids_to_tokens, *self.real
        return Evaluation(
            texts=writer.tokenizer.batch_decode(ids, skip_special_tokens=True),
            tokens=[list(to_tokens(text)) for text in ids],
            labels=labels or [],
            reference_texts=test.texts,
            references=test.tokens,
            reference_labels=test.labels,
            training_texts=real.texts,
            training=real.tokens,
            training_labels=real.labels,
            seed=self.wanted.seed,
            embeddings=self.wanted.encoder,
        )

    @cached_property
    def real(self) -> tuple[Real, Real]:
        """Training and test texts."""
        return self._read("train"), self._read("test")

    def _read(self, split: Split) -> Real:
        rows = range(min(len(self.corpus.splits[split]), MOST_READ))
        ids, category = self.corpus.ids(split, rows), self.corpus.splits[split].category
        labels = [] if category is None else [self.corpus.labels[int(category[i])] for i in rows]
        tokenizer = self.corpus.tokenizer
        tokens = [list(tokenizer.convert_ids_to_tokens(text)) for text in ids]
        return Real(tokenizer.batch_decode(ids), tokens, labels)

    def stamp(self, e: Evaluation, bounds: str = "") -> str:
        """What the figures depend on, and which of them are ``bounds``."""
        corpus = self.corpus.fingerprint
        return stamp(e, self.tokenizer, self.wanted.metrics, "temperature:1|", corpus, bounds)


def distance(name: str, generator: Generator, corpus: Corpus, seed: int) -> Row:
    """A generator of a known language: nats a token, JSD nats a text.

    What is but a bound, of a generator with noise, is said to be, on stderr and in the protocol.
    """
    assert corpus.oracle is not None
    if generator.latent_size:
        say(f"{name}: {density.NOTE}")
    runtime.seed(seed, "evaluate")
    sides = validation.sides(generator, corpus, "test", len(corpus.splits["test"]))
    count = len(sides.fake)
    tokens = validation.tokens_a_text(corpus, "test")
    found = validation.log_probs(sides)
    by_prefix = validation.prefix_divergences(sides, tokens)
    train = likelihoods.of_training(generator, corpus, seed)
    return Row(
        name,
        {**likelihoods.with_training(known_language.figures(found, tokens), train), **by_prefix},
        f"hypotheses:{count}|references:{count}|unit:nats/token, JSD nats/text|"
        f"length:{corpus.length}|temperature:1|oracle:{oracle.fingerprint(corpus.oracle)}|"
        f"seed:{seed}|test:{corpus.fingerprint}"
        f"{density.STAMP if generator.latent_size else ''}|textgan:{textgan.__version__}",
    )


def stamp(
    e: Evaluation,
    tokenizer: str,
    metrics: tuple[str, ...],
    drawn: str = "",
    test: str = "",
    bounds: str = "",
) -> str:
    """What figures depend on, in one line: ``drawn`` says how the texts were, where it is known,
    ``test`` which texts the references are, ``bounds`` which figures are no more than that.
    """
    return (
        f"hypotheses:{len(e.texts)}|references:{len(e.references)}|smoothing:method1(0.1)|"
        f"weights:uniform|{drawn}tokenizer:{tokenizer}|seed:{e.seed}|"
        f"test:{test or digest(e.reference_texts)}{signature(e, metrics)}{bounds}|"
        f"textgan:{textgan.__version__}"
    )


def digest(texts: list[str]) -> str:
    """Eight hexadecimal digits of some texts."""
    return hashlib.blake2b("\n".join(texts).encode(), digest_size=4).hexdigest()


def as_json(rows: list[Row]) -> list[dict[str, Any]]:
    """The rows for ``json.dumps``: value, standard error and count of each figure."""
    return [
        {
            "name": row.name,
            "protocol": row.protocol,
            "figures": {name: e and e.as_json() for name, e in row.figures.items()},
        }
        for row in rows
    ]
