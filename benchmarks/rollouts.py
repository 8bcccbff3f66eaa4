"""How much noise a second of rollouts takes away: gradient variance against seconds, drawn.

    python benchmarks/rollouts.py [--batches N] [--large N] [--folder FOLDER]

Twice. On a language of 3 words, 10 to a text, whose exact gradient is a sum over 59,049 texts
(benchmarks/solvable.py): bias and variance of each estimator, N batches. And at the size of
SeqGAN's experiment on its oracle (V 5,000, T 20, 64 texts, LSTM 32, twelve-filter CNN), where the
exact gradient is out of reach, the variance alone. FOLDER (docs/performance) gets
gradient_variance.png, .json and .txt.

variance  of one batch, trace of the covariance: as a share of the exact gradient's square, and of
          the variance of SeqGAN's own estimator, 16 rollouts of each prefix without a baseline
seconds   of one thread, a batch, drawn, rolled out, judged and differentiated
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from benchmarks.estimators import LOO, Row, measure, rollouts, score, tokens
from benchmarks.solvable import Players, learn
from textgan import runtime
from textgan.data.oracle import OracleOptions
from textgan.data.sequences import Sequences
from textgan.discriminators.cnn import CNNConfig, CNNDiscriminator
from textgan.generators.lstm import LSTMConfig, LSTMGenerator
from textgan.methods.mle import MLE, MLEOptions
from textgan.methods.seqgan import SeqGAN, SeqGANOptions
from textgan.oracle import make_oracle

BASELINES = ["none", "leave_one_out", "prefix"]
SMALL = [
    score("terminal, none"),
    score("terminal, leave_one_out", **LOO),
    score("terminal, critic", baseline="critic", critic_size=16),
    *(rollouts(n, 1, "none") for n in (1, 4, 16)),
    *(rollouts(n, k, b) for n in (1, 4, 16) for k in (1, 2, 5) for b in BASELINES[1:]),
    score("rollouts 4, critic", values="rollout", rollouts=4, baseline="critic", critic_size=16),
    tokens("a logit a token, leave_one_out", "rnn", "tokens", discount=1.0, **LOO),
]
LARGE = [(16, 1), (4, 1), (1, 1), (16, 4), (4, 4), (1, 4), (16, 10)]
"""Rollouts, and at every how many-th prefix."""
TEXTS = 64


@dataclass(frozen=True)
class Point:
    """An estimator's figures on one of the two languages."""

    language: str
    name: str
    seconds: float
    variance: float
    bias: float | None = None
    bias_error: float | None = None

    @property
    def cost(self) -> float:
        """Seconds of batches until the noise has the size that variance is a share of."""
        return self.variance * self.seconds


def small(batches: int) -> Iterator[Point]:
    """Every estimator against the exact gradient."""
    players = Players(words=3, length=10)
    for row in SMALL:
        f = measure(row, players, batches, TEXTS)
        yield Point("small", label(row), f.ms / 1000, f.variance, f.bias, f.bias_error)


def label(row: Row) -> str:
    """Values and baseline, as the options call them."""
    o = row.options
    if o["values"] != "rollout":
        return row.name
    name = f"rollouts {o['rollouts']}"
    name += f", every {o['rollout_every']}" if o.get("rollout_every", 1) > 1 else ""
    return f"{name}, {o['baseline']}"


# ---------------------------------------------------------------- at SeqGAN's size


def paper_players() -> tuple[LSTMGenerator, CNNDiscriminator]:
    """Both players on SeqGAN's oracle, by some likelihood and some updates of the discriminator."""
    runtime.seed("paper")
    oracle = make_oracle(OracleOptions())
    known = ("vocab_size", "length", "never", "bos_token_id", "eos_token_id", "pad_token_id")
    settings: dict[str, Any] = {name: getattr(oracle.config, name) for name in known}
    generator = LSTMGenerator(LSTMConfig(options={"name": "lstm"}, **settings))
    judge = CNNDiscriminator(CNNConfig(vocab_size=settings["vocab_size"], options={}))

    def real_texts(count: int) -> Sequences:
        return Sequences(oracle.sample(count).ids, None)

    learn(MLE(MLEOptions(), generator, judge), "generator", 800, 1e-2, real_texts)
    game = SeqGAN(SeqGANOptions(values="terminal"), generator, judge)
    learn(game, "discriminator", 100, 1e-3, real_texts)
    return generator, judge


def large(batches: int) -> Iterator[Point]:
    """Rollouts under each baseline; SeqGAN's own, 16 of each prefix and no baseline, come first."""
    players = paper_players()
    found = [noise(players, batches, BASELINES, rollouts=n, rollout_every=k) for n, k in LARGE]
    found.append(noise(players, batches, BASELINES[:2], values="terminal"))
    (_, _, seqgan), *_ = found[0]
    for name, seconds, trace in chain(*found):
        yield Point("large", name, seconds, trace / seqgan)


def noise(
    players: Any, batches: int, baselines: list[str], **options: Any
) -> list[tuple[str, float, float]]:
    """The same values under several baselines: name, seconds a batch, the covariance's trace."""
    games = [SeqGAN(SeqGANOptions.model_validate({**options, "baseline": b}), *players)
             for b in baselines]  # fmt: skip
    gradients: list[list[Tensor]] = [[] for _ in games]
    seconds = [0.0 for _ in games]
    for i in range(batches):
        runtime.seed("batch", i)
        begun = time.process_time()
        fake = games[0].generator.sample(TEXTS)
        values = games[0].values(fake)
        shared = time.process_time() - begun
        for j, game in enumerate(games):
            begun = time.process_time()
            gradients[j].append(slope(game, values, fake))
            seconds[j] += shared + time.process_time() - begun
    return [
        (label_of({**options, "baseline": b}), t / batches, float(torch.stack(g).var(dim=0).sum()))
        for b, t, g in zip(baselines, seconds, gradients, strict=True)
    ]


def slope(game: SeqGAN, values: Tensor, fake: Sequences) -> Tensor:
    """The gradient of a game's loss a text, where values are known: (P,)."""
    loss = game.loss_of(values, game.advantage(values, fake), fake).total / len(fake)
    parts = torch.autograd.grad(loss, list(game.generator.parameters()))
    return torch.cat([part.flatten() for part in parts])


def label_of(options: dict[str, Any]) -> str:
    """As ``label``."""
    return label(Row("terminal, " + options["baseline"], {"values": "rollout", **options}))


# ---------------------------------------------------------------- the plot


COLOURS = {
    "none": "#888888",
    "leave_one_out": "#3388cc",
    "prefix": "#d55e00",
    "critic": "#009e73",
}
TITLES = {
    "small": "3 words, 10 to a text; exact gradient known",
    "large": "SeqGAN's oracle: 5,000 words, 20 to a text",
}


SHARES = {"small": "its square", "large": "that of SeqGAN's own"}


def draw(points: list[Point]) -> Figure:
    """Variance against seconds, one panel a language; along a grey line the cost stays the same."""
    figure = Figure(figsize=(11, 5), layout="constrained")
    for axes, language in zip(figure.subplots(1, 2), TITLES, strict=True):
        panel(axes, [point for point in points if point.language == language])
        axes.set_title(TITLES[language], fontsize=10)
        axes.set_ylabel(f"variance of a batch's gradient / {SHARES[language]}")
    return figure


def panel(axes: Axes, points: list[Point]) -> None:
    """One language's estimators, N/k beside those with N rollouts at every k-th prefix."""
    axes.set(xscale="log", yscale="log", xlabel="seconds a batch, one thread")
    for name, colour in COLOURS.items():
        those = [p for p in points if p.name.endswith(name) and "logit" not in p.name]
        x, y = [p.seconds for p in those], [p.variance for p in those]
        axes.scatter(x, y, color=colour, s=22, label=name.replace("_", "-"))
    for p in points:
        axes.annotate(mark(p), (p.seconds, p.variance), fontsize=6, xytext=(3, 2),
                      textcoords="offset points")  # fmt: skip
    others = [p for p in points if "logit" in p.name]
    if others:
        x, y = [p.seconds for p in others], [p.variance for p in others]
        axes.scatter(x, y, color="black", marker="x", s=22, label="another gradient")
    bounds = axes.get_xlim(), axes.get_ylim()
    for cost in (10.0**n for n in range(-5, 4)):
        axes.plot(bounds[0], [cost / x for x in bounds[0]], color="#dddddd", lw=0.8, zorder=0)
    axes.set(xlim=bounds[0], ylim=bounds[1])
    axes.legend(fontsize=8, title="baseline", title_fontsize=8)


def mark(point: Point) -> str:
    """N, N/k, or a letter for values without rollouts."""
    words = point.name.replace(",", "").split()
    if words[0] != "rollouts":
        return {"terminal": "T", "a": "t"}[words[0]]
    return words[1] + (f"/{words[3]}" if "every" in words else "")


def table(points: list[Point]) -> str:
    """Points in lines, a language after the other."""
    lines = []
    for language, title in TITLES.items():
        lines += [title, "", "| estimator | bias | variance | seconds | cost |"]
        lines.append("| --- | --- | --- | --- | --- |")
        for p in (p for p in points if p.language == language):
            bias = "" if p.bias is None else f"{p.bias:.3f} ± {p.bias_error:.3f}"
            figures = f"{p.variance:.3g} | {p.seconds:.3g} | {p.cost:.2g}"
            lines.append(f"| {p.name} | {bias} | {figures} |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=200, help="of each on the small language")
    parser.add_argument("--large", type=int, default=24, help="of each at SeqGAN's size")
    parser.add_argument("--folder", type=Path, default=Path("docs/performance"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    points = [*small(options.batches), *large(options.large)]
    told = table(points) + f"\n{options.batches} and {options.large} batches of {TEXTS} texts, "
    told += f"torch {torch.__version__}\n"
    print(told)
    options.folder.mkdir(parents=True, exist_ok=True)
    place = options.folder / "gradient_variance"
    place.with_suffix(".txt").write_text(told)
    figures = json.dumps([asdict(point) for point in points], indent=1)
    place.with_suffix(".json").write_text(figures + "\n")
    draw(points).savefig(place.with_suffix(".png"), dpi=120)


if __name__ == "__main__":
    main()
