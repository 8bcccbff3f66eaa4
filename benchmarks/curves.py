"""What a generator step with rollouts costs as texts, vocabulary, rollouts and batch grow.

    python benchmarks/curves.py [--folder FOLDER]

Each point is a process of its own, one thread: play, roll out, judge, update, on texts of full
length. FOLDER (docs/performance) gets curves.png, .json and .txt. Beside the seconds stands what
the algorithm predicts, its products of matrices alone: B N T(T-1)/2 token steps of the generator,
whose cost grows with V, and as many windows of a convolution, less those that rollouts share; MB
are the process's peak above what it held before the step, which parts should keep bounded.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from textgan import runtime
from textgan.discriminators.cnn import CNNConfig, CNNDiscriminator
from textgan.generators import GENERATORS
from textgan.generators.base import Generator
from textgan.methods.seqgan import SeqGAN, SeqGANOptions


@dataclass(frozen=True)
class Size:
    """One point."""

    generator: str = "lstm"
    units: int = 32
    layers: int = 1
    length: int = 20
    vocabulary: int = 5000
    rollouts: int = 4
    every: int = 1
    batch: int = 8

    @property
    def positions(self) -> range:
        """The lengths of the prefixes that are completed."""
        return range(self.every, self.length, self.every)


LSTM = Size()
TRANSFORMER = Size("transformer", units=128, layers=2, length=25, batch=4)
LONG = Size("transformer", 512, 4, length=200, vocabulary=30_000, rollouts=16, every=100, batch=4)
CURVES: dict[str, tuple[Size, str, list[int]]] = {
    "lstm, T": (LSTM, "length", [10, 20, 40, 80, 160]),
    "lstm, V": (LSTM, "vocabulary", [1000, 5000, 30_000, 120_000]),
    "lstm, rollouts": (LSTM, "rollouts", [1, 4, 16, 64]),
    "lstm, batch": (LSTM, "batch", [2, 8, 32, 128]),
    "transformer, T": (TRANSFORMER, "length", [25, 50, 100]),
}
"""By name: the size in common, what grows, and through which values."""


@dataclass(frozen=True)
class Cost:
    """A point's figures."""

    size: Size
    seconds: float
    megabytes: float
    gflop: float


# ---------------------------------------------------------------- one point


def players(size: Size) -> tuple[Generator, CNNDiscriminator]:
    """A generator whose texts have no end, and SeqGAN's twelve-filter discriminator."""
    kind = GENERATORS[size.generator]
    options: dict[str, Any] = {"name": size.generator, "hidden_size": size.units}
    options |= {"layers": size.layers}
    if size.generator == "lstm":
        options["embedding_size"] = size.units
    config = kind.config_class(
        vocab_size=size.vocabulary,
        length=size.length,
        never=[],
        bos_token_id=0,
        options=kind.Options.model_validate(options).model_dump(mode="json"),
    )
    return kind(config), CNNDiscriminator(CNNConfig(vocab_size=size.vocabulary, options={}))


def measure(size: Size) -> Cost:
    """One update, in this process."""
    torch.set_num_threads(1)
    runtime.seed("curves")
    generator, judge = players(size)
    options = SeqGANOptions(rollouts=size.rollouts, rollout_every=size.every)
    method = SeqGAN(options, generator, judge)
    optimizer = torch.optim.Adam(generator.parameters(), 1e-2)
    step(method, optimizer, 1, 4)  # what the first call alone costs
    before, begun = held(), time.process_time()
    step(method, optimizer, size.batch, size.length)
    seconds = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Cost(size, seconds, peak - before, gflop(size, generator, judge))


def step(method: SeqGAN, optimizer: torch.optim.Optimizer, batch: int, length: int) -> None:
    """Play, roll out, judge, update."""
    fake = method.generator.sample(batch, length)
    optimizer.zero_grad()
    method.generator_loss(fake, fake, 0.0).total.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def held() -> float:
    """MB that this process has in memory."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise OSError("/proc/self/status has no VmRSS")


# ---------------------------------------------------------------- what is predicted


def gflop(size: Size, generator: Generator, judge: CNNDiscriminator) -> float:
    """Products of the rollouts' token steps and of what they are judged by."""
    t, n = size.length, size.rollouts
    tokens = size.batch * n * sum(t - prefix for prefix in size.positions)
    # A token goes once through each layer and through V x H, two operations a weight.
    tables = 2 * size.vocabulary * size.units if size.generator == "lstm" else 0
    weights = sum(p.numel() for p in generator.parameters()) - tables // 2
    attended = 4 * size.layers * size.units * t / 2 if size.generator == "transformer" else 0
    texts = size.batch * n * len(size.positions)
    judged = texts * 4 * judge.convolution.size**2  # the highway layer
    return 1e-9 * (tokens * (2 * weights + attended) + judged + windows(size, judge))


def windows(size: Size, judge: CNNDiscriminator) -> float:
    """Of all convolutions: those of a rollout that its prefix's other rollouts don't share."""
    o, total = judge.options, 0
    for width, filters in zip(o.widths, o.filters, strict=True):
        for t in size.positions:
            every, shared = max(1, size.length - width + 1), max(0, t - width + 1)
            count = size.rollouts * (every - min(every, shared)) + shared
            total += 2 * filters * width * o.embedding_size * count
    return float(size.batch * total)


# ---------------------------------------------------------------- all of them


def apart(size: Size) -> Cost:
    """One point, in a fresh process."""
    words = [sys.executable, __file__, "--one", json.dumps(asdict(size))]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    return Cost(size, told["seconds"], told["megabytes"], told["gflop"])


def table(found: dict[str, list[Cost]]) -> str:
    """A line a point."""
    lines = ["| | T | V | rollouts | batch | seconds | GFLOP | GFLOP/s | MB |"]
    lines.append("| --- " * 9 + "|")
    for name, costs in found.items():
        for c in costs:
            s, rate = c.size, c.gflop / c.seconds
            sizes = f"{s.length} | {s.vocabulary} | {s.rollouts} | {s.batch}"
            figures = f"{c.seconds:.2f} | {c.gflop:.1f} | {rate:.0f} | {c.megabytes:.0f}"
            lines.append(f"| {name} | {sizes} | {figures} |")
    return "\n".join(lines)


def draw(found: dict[str, list[Cost]]) -> Figure:
    """A column a curve: seconds beside the prediction, and memory."""
    figure = Figure(figsize=(13, 5.5), layout="constrained")
    rows = figure.subplots(2, len(CURVES), sharey="row")
    for column, (name, (_, grows, _)) in enumerate(CURVES.items()):
        costs, (above, below) = found[name], rows[:, column]
        x = [getattr(c.size, grows) for c in costs]
        middle = costs[1]
        predicted = [middle.seconds * c.gflop / middle.gflop for c in costs]
        above.plot(x, [c.seconds for c in costs], "o-", label="measured")
        above.plot(x, predicted, "--", color="#888888", label="by products, from the 2nd point")
        above.set(yscale="log", title=name)
        below.plot(x, [c.megabytes for c in costs], "o-")
        below.set_xlabel(grows)
        for axes in (above, below):
            axes.set_xscale("log")
            axes.set_xticks(x, [str(value) for value in x])
            axes.minorticks_off()
    rows[0, 0].set_ylabel("seconds a generator step")
    rows[0, 0].legend(fontsize=7)
    rows[1, 0].set_ylabel("peak memory of the step, MB")
    rows[1, 0].set_ylim(bottom=0)
    return figure


def main() -> None:
    """Print the table, write it, draw it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("docs/performance"))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        cost = measure(Size(**json.loads(options.one)))
        print(json.dumps(asdict(cost)))
        return
    found = {
        name: [apart(replace(size, **{grows: value})) for value in values]
        for name, (size, grows, values) in CURVES.items()
    }
    every = found | {"transformer, 512 units, every 100th": [apart(LONG)]}
    text = table(every)
    text += f"\n\nOne thread, torch {torch.__version__}; seconds are processor time.\n"
    print(text)
    options.folder.mkdir(parents=True, exist_ok=True)
    place = options.folder / "curves"
    place.with_suffix(".txt").write_text(text)
    figures = {name: [asdict(c) for c in costs] for name, costs in every.items()}
    place.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n")
    draw(found).savefig(place.with_suffix(".png"), dpi=110)


if __name__ == "__main__":
    main()
