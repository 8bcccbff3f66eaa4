"""`evaluate --sweep`: quality and diversity of a generator over all its ways of sampling.

Temperature, top-p and top-k change single tokens' chances; *tempered* changes whole texts': of a
pool of samples those are kept that the generator itself finds likely, with weights p^(a - 1), so
that texts come near p^a (the stronger baseline on news; see docs/metrics.md). Quality is the LM
score of the texts, diversity their reverse LM score; of a known language NLL_oracle and NLL_test,
by temperature alone: under top-k and top-p NLL_test is infinite, under a choice among samples
unknown. Beside the runs of a corpus stand the curves of counted n-grams and the point of real text.
``textgan.beside_mle`` says what they show. Several processes share a curve's settings.
"""

from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch.nn.functional as F
from torch import Tensor
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from textgan import density, floor, processes, runtime, validation
from textgan.config import check
from textgan.data.sequences import Sequences
from textgan.errors import UserError
from textgan.evaluation import Scorer, Wanted, opened
from textgan.generators import Generator
from textgan.methods import METHODS
from textgan.metrics.bootstrap import Scores, Sweep, curves
from textgan.metrics.language_model import Nats, model_of
from textgan.over_seeds import Group
from textgan.phases import moves, walk
from textgan.recipe import Recipe, method_of
from textgan.report import Line
from textgan.runs import Checkpoint, is_run, open_checkpoint
from textgan.sampling import Writer
from textgan.tracking import say

TEXTS = 2_000
"""Texts a setting."""
POOL = 10
"""Samples that a tempered text is chosen from."""
TEMPERATURES = np.geomspace(0.4, 1.6, 20).round(3).tolist()
TOP_P = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0)
TOP_K = (2, 5, 10, 20, 50, 100, 300, 1000)
POWERS = (1.0, 1.02, 1.05, 1.1, 1.2, 1.4, 2.0)
Array = np.ndarray


class Curve(NamedTuple):
    """One way of sampling one generator."""

    model: str
    kind: str
    """``temperature`` and so on; empty for real text, which is a point."""
    seed: int
    """Of the run; a baseline has no such thing, and stands beside the runs of every seed."""
    settings: list[str]
    sweep: Sweep
    test: str = ""
    """Which texts the held-out ones are: only curves of the same compare."""
    role: Literal["run", "mle", "floor", "real"] = "run"
    """``mle``: a run that others are held against."""

    @property
    def line(self) -> Line:
        """For the page."""
        name = f"{self.model}, {self.kind}" if self.kind else self.model
        return Line(name, self.seed, self.settings, curves(self.sweep)[0])


class Point(NamedTuple):
    """Nats and tokens of own texts, and of held-out ones."""

    setting: str
    own: tuple[Array, Array]
    held_out: tuple[Array, Array]


def of_groups(found: list[Group], wanted: Wanted) -> list[Curve]:
    """The curves of every run of some groups; before a corpus's first one those of baselines."""
    runs = [
        (group.name, seed, row.checkpoint)
        for group in found
        for seed, row in group.rows.items()
        if row.checkpoint
    ]
    curves_found: list[Curve] = []
    seen: set[int] = set()
    parts = opened([checkpoint for *_, checkpoint in runs], wanted)
    for (name, seed, _), (checkpoint, scorer, writer) in zip(runs, parts, strict=True):
        if id(scorer) not in seen:
            seen.add(id(scorer))
            curves_found += baselines(scorer, len(seen))
        say(f"sweeping over {checkpoint.run.name}")
        role: Literal["run", "mle"] = "mle" if by_likelihood(checkpoint) else "run"
        curves_found += [curve._replace(role=role) for curve in swept(scorer, writer, name, seed)]
    return curves_found


def by_likelihood(checkpoint: Checkpoint) -> bool:
    """True if `mle` alone moved a run's generator, other methods' pretraining counts as well, and
    that of each run before it; a model that is no run's counts as likelihood's.
    """
    recipe = check(Recipe, checkpoint.about["recipe"])
    phases = walk(getattr(recipe, checkpoint.stage), checkpoint.stage)
    played = [(phase, method_of(recipe, phase)) for _, phase in phases]
    movers = {
        method.name
        for phase, method in played
        if moves(phase, METHODS[method.name].players(method), "generator")
    }
    own = checkpoint.stage == "pretrain" and movers == {"mle"}
    return own and _from_likelihood(checkpoint.about.get("from"))


def _from_likelihood(source: str | None) -> bool:
    """The same of what a run went on from; False if that is gone, so that nobody knows."""
    if source is None:
        return True
    folder = Path(source)
    # a checkpoint, a checkpoint's generator, or a checkpoint that its run has since replaced
    near = (folder, folder.parent)
    found = [place for place in near if (place / "run.yaml").is_file() or is_run(place)]
    if not found:
        return folder.is_dir()
    try:
        return by_likelihood(open_checkpoint(found[0]))
    except UserError:
        return False


def baselines(scorer: Scorer, number: int) -> list[Curve]:
    """The point of real text and the curves of counted n-grams, of the ``number``-th corpus."""
    say(f"sweeping over {floor.NAME}")
    name = floor.NAME if number == 1 else f"{floor.NAME} ({number})"
    corpus, seed = scorer.corpus, scorer.wanted.seed
    counted = swept(scorer, Writer(floor.of_corpus(corpus), corpus.tokenizer), name, seed)
    return [real(scorer), *(curve._replace(role="floor") for curve in counted)]


def real(scorer: Scorer) -> Curve:
    """Real text in a generator's stead: a point of training texts, or a known language's own."""
    corpus, seed = scorer.corpus, scorer.wanted.seed
    if corpus.oracle is not None:
        texts = corpus.batch("test", range(min(TEXTS, len(corpus.splits["test"]))))
        nats = -density.text_log_prob(corpus.oracle, texts), _tokens(texts)
        name, point = "the oracle itself", Point(f"{len(texts)} texts", nats, nats)
    else:
        train, test = (split.tokens for split in scorer.real)
        rows = np.random.default_rng(seed).permutation(len(train))[:TEXTS].tolist()
        texts_read = [train[i] for i in rows]
        own, held_out = model_of(test, test)(texts_read), model_of(texts_read, test)(test)
        name = f"training text ({corpus.options.path})"
        point = Point(f"{len(rows)} texts", own, held_out)
    return _curve(name, seed, corpus.fingerprint, "", [point])._replace(role="real")


def swept(scorer: Scorer, writer: Writer, model: str, seed: int) -> list[Curve]:
    """A generator's curves."""
    made = partial(_curve, model, seed, scorer.corpus.fingerprint)
    if scorer.corpus.oracle is not None:
        return [made("temperature", _of_oracle(scorer, writer.generator))]
    kinds: dict[str, list[tuple[str, LogitsProcessor]]] = {
        "temperature": [(f"temperature {t:g}", TemperatureLogitsWarper(t)) for t in TEMPERATURES],
        "top-p": [(f"top-p {p:g}", TopPLogitsWarper(p)) for p in TOP_P],
        "top-k": [(f"top-k {k}", TopKLogitsWarper(k)) for k in TOP_K],
    }
    references, found = scorer.real[1].tokens, []
    of_real = model_of(references, references)
    for kind, settings in kinds.items():
        points = processes.shared_out(settings, partial(_drawn, scorer, writer, of_real))
        found.append(made(kind, points))
    if writer.generator.latent_size:
        say(f"{model}: left out: tempered; whole texts' chances are an integral over the noise z")
        return found
    return [*found, made("tempered", _tempered(scorer, writer, of_real))]


def _drawn(
    scorer: Scorer, writer: Writer, of_real: Nats, way: tuple[str, LogitsProcessor]
) -> Point:
    """Texts by the chances that a setting's processor leaves."""
    setting, warper = way
    runtime.seed(scorer.wanted.seed, "sweep")
    s = validation.sampled(writer.generator, TEXTS, LogitsProcessorList([warper]))
    return _point(scorer, writer, of_real, setting, validation.plain(s))


def _tempered(scorer: Scorer, writer: Writer, of_real: Nats) -> list[Point]:
    """Whole texts by p^a: drawn from a pool with weights p^(a - 1), without replacement. p is over
    all categories.
    """
    runtime.seed(scorer.wanted.seed, "sweep")
    pool = validation.sampled(writer.generator, POOL * TEXTS)
    log_prob = validation.own_log_prob(writer.generator, pool)
    texts = validation.plain(pool)
    # Gumbel's trick: the largest of log-weights plus noise are a draw without replacement.
    noise = np.random.default_rng(scorer.wanted.seed).gumbel(size=len(texts))

    def point(power: float) -> Point:
        kept = np.argsort(-((power - 1) * log_prob + noise))[:TEXTS]
        return _point(scorer, writer, of_real, f"power {power:g}", [texts[i] for i in kept])

    return processes.shared_out(POWERS, point)


def _point(
    scorer: Scorer, writer: Writer, of_real: Nats, setting: str, ids: list[list[int]]
) -> Point:
    e = scorer.holding(ids, writer)
    held_out = model_of(e.tokens, e.references)(e.references)
    return Point(setting, of_real(e.tokens), held_out)


def _of_oracle(scorer: Scorer, generator: Generator) -> list[Point]:
    oracle, corpus = scorer.corpus.oracle, scorer.corpus
    assert oracle is not None
    count = min(TEXTS, len(corpus.splits["test"]))
    real = corpus.batch("test", range(count))

    def point(t: float) -> Point:
        runtime.seed(scorer.wanted.seed, "sweep")
        fake = validation.sampled(
            generator, count, LogitsProcessorList([TemperatureLogitsWarper(t)])
        )
        own = -density.text_log_prob(oracle, fake)
        held_out = -density.text_log_prob(generator, real, partial(at_temperature, t))
        return Point(f"temperature {t:g}", (own, _tokens(fake)), (held_out, _tokens(real)))

    return processes.shared_out(TEMPERATURES, point)


def at_temperature(temperature: float, generator: Generator, s: Sequences) -> Tensor:
    """(B,) log-probabilities of texts drawn at a temperature, a ``density.Score``."""
    every = F.log_softmax(generator.logits(s).double() / temperature, dim=-1)
    chosen: Tensor = every.gather(2, s.ids[..., None]).squeeze(2) * s.mask
    return chosen.sum(dim=1)


def _tokens(s: Sequences) -> Array:
    tokens: Array = s.mask.sum(dim=1).double().cpu().numpy()
    return tokens


def _curve(model: str, seed: int, test: str, kind: str, points: list[Point]) -> Curve:
    def scores(pairs: list[tuple[Array, Array]]) -> Scores:
        totals, counts = (np.stack(part)[None] for part in zip(*pairs, strict=True))
        return Scores(totals, counts.astype(np.float64))

    sweep = Sweep(scores([p.own for p in points]), scores([p.held_out for p in points]))
    return Curve(model, kind, seed, [p.setting for p in points], sweep, test)
