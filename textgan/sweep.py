"""`evaluate --sweep`: quality and diversity of a generator over all its ways of sampling.

Temperature, top-p and top-k change single tokens' chances; *tempered* changes whole texts': of a
pool of samples those are kept that the generator itself finds likely, with weights p^(a - 1), so
that texts come near p^a (the stronger baseline on news; see docs/metrics.md). Quality is the LM
score of the texts, diversity their reverse LM score; of a known language NLL_oracle and NLL_test,
by temperature alone: under top-k and top-p NLL_test is infinite, under a choice among samples
unknown.
"""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

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

from textgan import density, runtime, validation
from textgan.data.sequences import Sequences
from textgan.evaluation import Scorer, Wanted, opened
from textgan.generators import Generator
from textgan.metrics.bootstrap import Scores, Sweep, bootstrap, curves
from textgan.metrics.curves import hypervolume, signed_area
from textgan.metrics.language_model import Nats, model_of
from textgan.metrics.rounding import with_error
from textgan.metrics.seeds import Interval
from textgan.over_seeds import Group
from textgan.report import Line
from textgan.sampling import Writer
from textgan.tracking import say

TEXTS = 2_000
"""Texts a setting."""
CORNER = 12.0, 12.0
"""Nats a token from which hypervolumes are taken: more than uniform words of any text cost."""
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
    seed: int
    settings: list[str]
    sweep: Sweep
    test: str = ""
    """Which texts the held-out ones are: only curves of the same compare."""

    @property
    def line(self) -> Line:
        """For the page."""
        return Line(f"{self.model}, {self.kind}", self.seed, self.settings, curves(self.sweep)[0])


class Point(NamedTuple):
    """Nats and tokens of own texts, and of held-out ones."""

    setting: str
    own: tuple[Array, Array]
    held_out: tuple[Array, Array]


def of_groups(found: list[Group], wanted: Wanted) -> list[Curve]:
    """The curves of every run of some groups."""
    curves_found: list[Curve] = []
    for group in found:
        seeds = {row.checkpoint.folder: s for s, row in group.rows.items() if row.checkpoint}
        checkpoints = [row.checkpoint for row in group.rows.values() if row.checkpoint]
        for checkpoint, scorer, writer in opened(checkpoints, wanted):
            say(f"sweeping over {checkpoint.run.name}")
            curves_found += swept(scorer, writer, group.name, seeds[checkpoint.folder])
    return curves_found


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
        points = []
        for setting, warper in settings:
            runtime.seed(scorer.wanted.seed, "sweep")
            s = validation.sampled(writer.generator, TEXTS, LogitsProcessorList([warper]))
            points.append(_point(scorer, writer, of_real, setting, validation.plain(s)))
        found.append(made(kind, points))
    return [*found, made("tempered", list(_tempered(scorer, writer, of_real)))]


def _tempered(scorer: Scorer, writer: Writer, of_real: Nats) -> Iterator[Point]:
    """Whole texts by p^a: drawn from a pool with weights p^(a - 1), without replacement."""
    runtime.seed(scorer.wanted.seed, "sweep")
    pool = validation.sampled(writer.generator, POOL * TEXTS)
    assert pool.log_prob is not None
    log_prob = pool.log_prob.double().sum(dim=1).cpu().numpy()
    texts = validation.plain(pool)
    # Gumbel's trick: the largest of log-weights plus noise are a draw without replacement.
    noise = np.random.default_rng(scorer.wanted.seed).gumbel(size=len(texts))
    for power in POWERS:
        kept = np.argsort(-((power - 1) * log_prob + noise))[:TEXTS]
        yield _point(scorer, writer, of_real, f"power {power:g}", [texts[i] for i in kept])


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
    real, points = corpus.batch("test", range(count)), []
    for t in TEMPERATURES:
        runtime.seed(scorer.wanted.seed, "sweep")
        fake = validation.sampled(
            generator, count, LogitsProcessorList([TemperatureLogitsWarper(t)])
        )
        own = -density.text_log_prob(oracle, fake)
        held_out = -density.text_log_prob(generator, real, partial(at_temperature, t))
        points.append(Point(f"temperature {t:g}", (own, _tokens(fake)), (held_out, _tokens(real))))
    return points


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


def together(found: list[Curve]) -> Sweep:
    """The curves of one model and kind over seeds."""
    return Sweep(
        *(
            Scores(*(np.concatenate(part) for part in zip(*axis, strict=True)))
            for axis in zip(*(curve.sweep for curve in found), strict=True)
        )
    )


def said(found: list[Curve], seed: int) -> list[str]:
    """A line for each model and kind: its hypervolume to CORNER, and how far it lies below the
    curve of that kind of the first model of the same texts, on the seeds of both.
    """
    groups: dict[tuple[str, str], list[Curve]] = {}
    for curve in found:
        groups.setdefault((curve.model, curve.kind), []).append(curve)
    lines = []
    for (model, kind), group in groups.items():

        def volume(curve: Array) -> float:
            return hypervolume(curve, CORNER)

        covered = bootstrap(volume, [together(group)], seed)
        assert covered is not None
        text = f"{model}, {kind}: hypervolume {with_error(*covered.estimate[:2])}"
        base = next(g for (_, k), g in groups.items() if (k, g[0].test) == (kind, group[0].test))
        lines.append(text if base is group else f"{text}; {_beside(group, base, seed)}")
    return lines


def _beside(group: list[Curve], base: list[Curve], seed: int) -> str:
    """A model's curves against another's, paired by seed."""
    ours, theirs = ({curve.seed: curve for curve in each} for each in (group, base))
    common, first = sorted(ours.keys() & theirs.keys()), base[0].model
    if not common:
        return f"no seed in common with {first}, nothing can be paired"
    pairs = [together([each[s] for s in common]) for each in (ours, theirs)]
    below = bootstrap(signed_area, pairs, seed)
    text = _below(below, first) if below else f"reaches nothing that {first} does"
    if len(common) == max(len(group), len(base)):
        return text
    seeds = "seed" if len(common) == 1 else "seeds"
    return f"{text}, on the {seeds} that both have: {', '.join(map(str, common))}"


def _below(found: Interval, first: str) -> str:
    mean = with_error(*found.estimate[:2])
    return (
        f"below {first}'s curve by {mean} nats a token, 95 % interval {found.low:.4f} to "
        f"{found.high:.4f}"
    )
