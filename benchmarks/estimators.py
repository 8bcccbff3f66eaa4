"""Bias and noise of every gradient estimator, where the exact gradient is a sum over all texts.

    python benchmarks/estimators.py [--batches N] [--texts B] [--json FILE]

Players and language: benchmarks/solvable.py. Losses are the methods' own, the reward is log D.
docs/estimators.md reads the table:

bias      ‖mean - exact‖ / ‖exact‖, and its standard error: without a bias both are about as large
length    of the mean along the exact gradient: 1 is right
angle     cosine of the mean to the exact gradient
variance  of one batch of B texts: trace of the covariance / ‖exact‖²
cosine    of one batch to the exact gradient, on average
ms        of one thread, a batch, drawn and differentiated; the median
cost      variance / length² x ms, what a signal as strong as its noise takes; none where the
          length could be 0
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import rebar
from benchmarks.solvable import Players, Target, earned, learn
from textgan import runtime

LOO: dict[str, Any] = {"baseline": "leave_one_out"}
WARM = 50
"""Batches before those that count: a moving average has settled by then."""
CRITIC = 300
"""Updates of a critic before it is a baseline."""


@dataclass(frozen=True)
class Row:
    """An estimator, and what its gradient should be."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    method: str = "seqgan"
    judge: str = "cnn"
    target: Target = "text"
    updates: int = 1
    """The gradient is that of the how many-th update on the same texts."""
    rate: float = 1e-2
    """Of the updates before it; the default is SeqGAN's."""


@dataclass(frozen=True)
class Figures:
    """A line of the table."""

    name: str
    target: str
    bias: float
    bias_error: float
    length: float
    angle: float
    variance: float
    cosine: float
    ms: float
    cost: float | None


def score(name: str, method: str = "seqgan", **options: Any) -> Row:
    """A score-function estimator of what texts earn."""
    return Row(name, {"values": "terminal", "reward": "non_saturating", **options}, method)


def rollouts(number: int, every: int, baseline: str) -> Row:
    """SeqGAN's estimator, with completions of every ``every``-th prefix only."""
    name = f"rollouts {number}"
    if every > 1:
        name += f", every {every}"
    if baseline != "none":
        name += f", {'l-o-o' if baseline == 'leave_one_out' else baseline}"
    options: dict[str, Any] = {"rollouts": number, "rollout_every": every, "baseline": baseline}
    return score(name, values="rollout", **options)


def clipped(updates: int, rate: float) -> Row:
    """A gradient by PPO's ratio, on texts that earlier updates learned from."""
    row = score(f"clipped ratio, update {updates}, rate {rate}", clip_ratio=0.2, **LOO)
    return replace(row, updates=updates, rate=rate)


def soft(name: str, **options: Any) -> Row:
    """A gradient through sampling; the next step reads what the discriminator reads."""
    fixed = {"final_temperature": None, "loss": "non_saturating"}
    return Row(name, {"temperature": 1.0, "feed": "soft", **fixed, **options}, "gsgan")


def tokens(name: str, judge: str, target: Target, **options: Any) -> Row:
    """An estimator of what tokens earn."""
    options = {"values": "token", "reward": "non_saturating", **options}
    return Row(name, options, judge=judge, target=target)


TAYLOR: dict[str, Any] = {"method": "taylorgan", "reduction": "sum", "entropy_bonus": 0, **LOO}
ROWS = [
    score("terminal reward"),
    score("moving average", baseline="moving_average"),
    score("learned critic", baseline="critic", critic_size=16),
    score("leave-one-out", **LOO),
    score("group", baseline="group"),
    score("group / std", baseline="group_std"),
    *(rollouts(n, 1, "none") for n in (1, 4, 16)),
    *(rollouts(n, 1, "leave_one_out") for n in (1, 4, 16)),
    *(rollouts(n, 1, "prefix") for n in (1, 4, 16)),
    *(rollouts(4, 2, baseline) for baseline in ("leave_one_out", "prefix")),
    *(clipped(n, rate) for n, rate in ((1, 1e-2), (2, 1e-2), (5, 1e-2), (5, 1e-3))),
    *(score(f"neighbours, h {h}", bandwidth=h, **TAYLOR) for h in (1.0, 2.0)),
    *(Row(f"rebar {tau}", {"temperature": tau}, "rebar") for tau in (0.5, 2.0)),
    *(soft(f"gumbel-softmax {tau}", temperature=tau) for tau in (1.0, 0.5, 0.1)),
    *(soft(name, estimator=name) for name in ("straight_through", "rao_blackwell", "reinmax")),
    *(soft(f"gumbel-softmax {tau}, hard feed", temperature=tau, feed="hard") for tau in (1.0, 0.1)),
    *(soft(f"{e}, hard feed", estimator=e, feed="hard") for e in ("straight_through", "reinmax")),
    *(tokens(f"discount {g}", "rnn", "tokens", discount=g, **LOO) for g in (1.0, 0.95, 0.23)),
    tokens("the drawn word alone", "projection", "next token", discount=1e-12, **LOO),
    tokens("all words", "projection", "next token", values="all_tokens"),
    tokens("all words", "projection", "tokens", values="all_tokens"),
]


def draws(row: Row, players: Players, texts: int) -> Callable[[], Tensor]:
    """What draws a batch and returns its gradient, (P,)."""
    if row.method == "rebar":
        reward = partial(earned, players.judges["cnn"])
        return rebar.draws(players.generator, reward, texts, row.options["temperature"], WARM)
    method = players.method(row.method, row.judge, **row.options)
    if row.options.get("baseline") == "critic":
        learn(method, "critic", CRITIC, 1e-2, players.real_texts)
    real = players.real_texts(texts)

    def draw() -> Tensor:
        players.restart()
        optimizer = torch.optim.Adam(players.weights, row.rate)
        fake = method.play(real, 0.0)
        for _ in range(row.updates - 1):
            optimizer.zero_grad()
            method.generator_loss(real, fake, 0.0).total.backward()
            optimizer.step()
        loss = method.generator_loss(real, fake, 0.0)
        gradient = players.slope(loss.total)
        method.after_step("generator")
        return gradient / texts if loss.terms is None else gradient  # a sum or a mean over texts

    return draw


def measure(row: Row, players: Players, batches: int, texts: int) -> Figures:
    """Draw that many batches and hold them against the exact gradient."""
    runtime.seed("row")
    draw = draws(row, players, texts)
    truth = exact = players.exact(row.target, row.judge)
    errors, cosines, seconds = [], [], []
    for i in range(-WARM, batches):
        runtime.seed("batch", i)
        begun = time.process_time()
        gradient = draw()
        seconds.append(time.process_time() - begun)
        if row.updates > 1:  # the weights have moved: so has the truth
            truth = players.exact(row.target, row.judge)
        errors.append(gradient - truth)
        cosines.append(F.cosine_similarity(gradient, truth, dim=0))
    players.restart()
    error, size = torch.stack(errors[WARM:]).double(), exact.double().norm()
    mean = exact + error.mean(dim=0)
    variance = float(error.var(dim=0).sum() / size**2)
    bias_error = (variance / batches) ** 0.5
    length, ms = float(mean @ exact.double() / size**2), 1000 * median(seconds[WARM:])
    return Figures(
        row.name,
        row.target,
        bias=float(error.mean(dim=0).norm() / size),
        bias_error=bias_error,
        length=length,
        angle=float(F.cosine_similarity(mean, exact.double(), dim=0)),
        variance=variance,
        cosine=float(torch.stack(cosines[WARM:]).mean()),
        ms=ms,
        cost=variance / length**2 * ms if length > 4 * bias_error else None,
    )


COLUMNS = "| estimator | gradient of | bias | length | angle | variance | cosine | ms | cost |"


def line(f: Figures) -> str:
    """A row of the table."""
    cost = "" if f.cost is None else f"{f.cost:.3g}"
    return (
        f"| {f.name} | {f.target} | {f.bias:.3f} ± {f.bias_error:.3f} | {f.length:.3f} | "
        f"{f.angle:.3f} | {f.variance:.3g} | {f.cosine:.3f} | {f.ms:.1f} | {cost} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=500, help="of each estimator")
    parser.add_argument("--texts", type=int, default=64, help="in a batch")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    options = parser.parse_args()
    torch.set_num_threads(1)
    players = Players()
    print(f"{options.batches} batches of {options.texts} texts, torch {torch.__version__}\n")
    print(f"{COLUMNS}\n" + "| --- " * 9 + "|")
    table = []
    for row in ROWS:
        table.append(measure(row, players, options.batches, options.texts))
        print(line(table[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in table], indent=1) + "\n")


if __name__ == "__main__":
    main()
