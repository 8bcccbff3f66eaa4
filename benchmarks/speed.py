"""Seconds of the engine's four large jobs, beside the rate of a plain matrix product.

    python benchmarks/speed.py [--json FILE]

Each figure is the best of three: what else runs on a machine only ever adds time. A share of peak
is floating-point operations / (seconds x the better of the two GEMM rates). It counts products
alone: what softmax, draws and optimizers take is missing from it, and windows of a prefix that its
rollouts share are counted once a rollout.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.cnn import CNNConfig, CNNDiscriminator
from textgan.generators.lstm import LSTMConfig, LSTMGenerator
from textgan.losses.policy_gradient import negative_log_likelihood
from textgan.methods.seqgan import SeqGAN, SeqGANOptions

VOCABULARY, LENGTH, BATCH, ROLLOUTS = 5000, 20, 64, 16
EPOCH, TEXTS = 10_000, 20_000
MLE_STEPS, D_STEPS = 40, 10
"""Steps that are timed; an epoch is scaled up from them."""


@dataclass
class Row:
    """One line of the table."""

    job: str
    seconds: float
    gflop: float


def seconds(job: Callable[[], object], times: int = 1) -> float:
    """Wall time of one run of the job: the best of three means over several."""
    means = []
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(times):
            job()
        means.append((time.perf_counter() - start) / times)
    return min(means)


def gemm_rate(size: int = 2048) -> float:
    """GFLOP/s of a float32 product of two square matrices."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    a @ b
    return 2e-9 * size**3 / seconds(lambda: a @ b, 2)


def players() -> tuple[LSTMGenerator, CNNDiscriminator]:
    """The generator and the discriminator of SeqGAN at their default sizes."""
    runtime.seed("speed")
    generator = LSTMGenerator(
        LSTMConfig(
            vocab_size=VOCABULARY,
            length=LENGTH,
            never=[0, 1],
            options={"name": "lstm"},
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    )
    return generator, CNNDiscriminator(CNNConfig(vocab_size=VOCABULARY, options={}))


def token_gflop(generator: LSTMGenerator) -> float:
    """2 (E + H) 4H for the cell and 2 H V for the projection."""
    o = generator.options
    cell = 2 * (o.embedding_size + o.hidden_size) * 4 * o.hidden_size
    return 1e-9 * (cell + 2 * o.hidden_size * VOCABULARY)


def text_gflop(discriminator: CNNDiscriminator) -> float:
    """2 F w E for each window of each width, and 2 S 2S for the highway over S features."""
    o, size = discriminator.options, discriminator.convolution.size
    windows = sum(
        2 * count * width * o.embedding_size * (LENGTH - width + 1)
        for width, count in zip(o.widths, o.filters, strict=True)
    )
    return 1e-9 * (windows + 4 * size**2)


def step(module: nn.Module, optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    """One clipped update."""
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(module.parameters(), 5.0)
    optimizer.step()


def generator_step(method: SeqGAN, texts: int) -> None:
    """Play, roll out, judge, update."""
    optimizer = torch.optim.Adam(method.generator.parameters(), 1e-2, fused=True)
    fake = method.generator.sample(texts)
    step(method.generator, optimizer, method.generator_loss(fake, fake, 0.0).total)


def measure() -> list[Row]:
    """The jobs, each once warm."""
    generator, discriminator = players()
    method = SeqGAN(SeqGANOptions(rollouts=ROLLOUTS), generator, discriminator)
    token, text = token_gflop(generator), text_gflop(discriminator)
    g_optimizer = torch.optim.Adam(generator.parameters(), 1e-2, fused=True)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), 1e-4, fused=True)
    real, fake = generator.sample(BATCH), generator.sample(BATCH)

    def mle_step() -> None:
        loss = negative_log_likelihood(generator.log_prob(real), real.mask)
        step(generator, g_optimizer, loss)

    def d_step() -> None:
        step(discriminator, d_optimizer, method.discriminator_loss(real, fake, 0.0).total)

    def sample() -> Sequences:
        return generator.sample(EPOCH)

    # Sampling and rollouts first: a generator that learned would write shorter texts.
    generator_step(method, 4)
    rollouts = BATCH * ROLLOUTS * LENGTH * (LENGTH - 1) // 2
    judged = BATCH * (1 + ROLLOUTS * (LENGTH - 1))
    step_gflop = (rollouts + 5 * BATCH * LENGTH) * token + judged * text
    rows = [Row("10,000 samples", seconds(sample), EPOCH * LENGTH * token)]
    g_step = seconds(lambda: generator_step(method, BATCH))
    rows.append(Row("SeqGAN generator step", g_step, step_gflop))
    mle_step()
    epoch = seconds(mle_step, MLE_STEPS) * EPOCH / BATCH
    rows.append(Row("MLE epoch, 10,000 texts", epoch, 3 * EPOCH * LENGTH * token))
    d_step()
    update = seconds(d_step, D_STEPS)
    rows.append(Row(f"discriminator update, {BATCH}+{BATCH}", update, 6 * BATCH * text))
    many = TEXTS / (2 * BATCH)
    rows.append(Row("discriminator epoch, 20,000", update * many, 3 * TEXTS * text))
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    path = parser.parse_args().json
    before = gemm_rate()
    rows = measure()
    after = gemm_rate()
    peak = max(before, after)
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"GEMM 2048^3 fp32: {before:.0f} GFLOP/s before, {after:.0f} after\n")
    print(f"{'':<30}{'seconds':>9}{'GFLOP':>9}{'GFLOP/s':>9}{'share of peak':>15}")
    for row in rows:
        rate = row.gflop / row.seconds
        print(f"{row.job:<30}{row.seconds:9.2f}{row.gflop:9.0f}{rate:9.0f}{rate / peak:15.0%}")
    if path:
        figures = {"gemm": [before, after], "rows": [asdict(row) for row in rows]}
        path.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
