"""The jobs that `run.py` times: the engine's inner loops at the sizes of the papers' official code.

V 5,000, T 20, 64 texts an update; SeqGAN with an LSTM of 32 units, the twelve-filter CNN and 16
rollouts; RelGAN with a memory of 1 x 2 x 256 and 64 representations; LeakGAN with 4 rollouts.
Weights are the first ones, so that texts have their full length. A job's GFLOP are those of its
matrix products by the plain algorithm, 2 a multiply and add, a backward pass as two forward ones:
what softmax, draws and optimizers take is missing, and what is computed once for several texts is
counted for each.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

from textgan import runtime
from textgan.discriminators.cnn import CNNConfig, CNNDiscriminator
from textgan.discriminators.multi_representation import (
    MultiRepresentationConfig,
    MultiRepresentationDiscriminator,
)
from textgan.generators.base import Generator
from textgan.generators.config import GeneratorConfig
from textgan.generators.leakgan import LeakGANConfig, LeakGANGenerator
from textgan.generators.lstm import LSTMConfig, LSTMGenerator
from textgan.generators.relational_memory import RelationalMemoryConfig, RelationalMemoryGenerator
from textgan.methods import Method
from textgan.methods.leakgan import LeakGAN, LeakGANMLE, LeakGANMLEOptions, LeakGANOptions
from textgan.methods.mle import MLE, MLEOptions
from textgan.methods.relgan import RelGAN, RelGANOptions
from textgan.methods.seqgan import SeqGAN, SeqGANOptions
from textgan.precision import Precision, computing

V, T, B = 5000, 20, 64
EPOCH, POOL = 10_000, 20_000
"""Texts of an epoch of likelihood, and of one of a discriminator, half of them generated."""


class Job(NamedTuple):
    """Something to time."""

    play: Callable[[], object]
    times: float
    """What is timed is played so often in the job that is reported."""
    gflop: float
    """Of the reported job."""
    tokens: float
    """That are drawn or learned from in it, rollouts not counted."""


def config(kind: type[GeneratorConfig], name: str) -> GeneratorConfig:
    """A generator's configuration at the sizes above."""
    special = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    return kind(vocab_size=V, length=T, never=[0, 1], options={"name": name}, **special)


def lstm() -> LSTMGenerator:
    """SeqGAN's generator."""
    return LSTMGenerator(config(LSTMConfig, "lstm"))


def cnn(**options: object) -> CNNDiscriminator:
    """SeqGAN's discriminator, and LeakGAN's."""
    return CNNDiscriminator(CNNConfig(vocab_size=V, options=options))


def products(weights: list[torch.Tensor]) -> float:
    """GFLOP of a row's product with matrices."""
    return 2e-9 * sum(weight.numel() for weight in weights)


def token_gflop(g: Generator) -> float:
    """Of a token that a generator reads and chooses the next one behind: all its matrices but the
    word vectors, which are looked up. LeakGAN's read a prefix's new windows and its highway.
    """
    every = [w for n, w in g.named_parameters() if w.dim() == 2 and "embedding" not in n]
    leaked = [w for n, w in g.named_buffers() if w.dim() == 2 and "embedding" not in n]
    return products(every + leaked)


def text_gflop(d: CNNDiscriminator) -> float:
    """Of a text that a discriminator reads: filters over its windows, the highway."""
    c = d.convolution
    windows = sum(
        (T - width + 1) * products([layer.weight])
        for width, layer in zip(c.widths, c.filters(), strict=True)
    )
    return windows + products([c.highway.weight])


def rollouts_gflop(g: Generator, d: CNNDiscriminator, each: int, shortest: int = 1) -> float:
    """Of a generator step: drawn texts, ``each`` completions of their prefixes from the
    ``shortest`` on, all of them judged, and an update on the drawn ones.
    """
    added = sum(T - t for t in range(shortest, T))  # tokens, by one completion of each prefix
    drawn = B * (each * added + T + 3 * T)
    return drawn * token_gflop(g) + B * (1 + each * (T - shortest)) * text_gflop(d)


class Player:
    """One player's updates under a method."""

    def __init__(self, method: Method, name: str, lr: float, clip: float | None) -> None:
        self.method, self.name, self.clip = method, name, clip
        self.parameters = list(getattr(method, name).parameters())
        self.optimizer = torch.optim.Adam(self.parameters, lr, fused=True)

    def update(self, real: object, precision: Precision) -> None:
        """Play, loss, gradient, step."""
        method = self.method.train()
        for name in ("generator", "discriminator"):
            getattr(method, name).requires_grad_(name == self.name)
        self.optimizer.zero_grad()
        with computing(precision, torch.device("cpu")):
            fake = method.play(real, 0.5)
            total = method.loss(self.name, real, fake, 0.5).total
        total.backward()
        if self.clip is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.optimizer.step()


def samples(precision: Precision) -> Job:
    """10,000 samples of the LSTM."""
    g = lstm()

    def play() -> None:
        with computing(precision, g.device):
            g.sample(EPOCH)

    return Job(play, 1, EPOCH * T * token_gflop(g), EPOCH * T)


def mle(precision: Precision) -> Job:
    """An epoch of likelihood over 10,000 texts."""
    g = lstm()
    real = g.sample(B)
    player = Player(MLE(MLEOptions(name="mle"), g, cnn()), "generator", 1e-2, 5.0)
    gflop = 3 * EPOCH * T * token_gflop(g)
    return Job(lambda: player.update(real, precision), EPOCH / B, gflop, EPOCH * T)


def seqgan_generator(precision: Precision) -> Job:
    """A generator step of SeqGAN: play, 16 rollouts of each prefix, judge, update."""
    g, d = lstm(), cnn()
    options, real = SeqGANOptions(rollouts=16), g.sample(B)
    player = Player(SeqGAN(options, g, d), "generator", 1e-2, 5.0)
    gflop = rollouts_gflop(g, d, options.rollouts)
    return Job(lambda: player.update(real, precision), 1, gflop, B * T)


def seqgan_discriminator(precision: Precision) -> Job:
    """An epoch of SeqGAN's discriminator over 20,000 texts, 64 and 64 an update, already drawn."""
    g, d = lstm(), cnn()
    method, real = SeqGAN(SeqGANOptions(), g, d), g.sample(B)
    method.play = lambda real, progress: real  # type: ignore[method-assign]
    player = Player(method, "discriminator", 1e-4, None)
    gflop = 3 * POOL * text_gflop(d)
    return Job(lambda: player.update(real, precision), POOL / (2 * B), gflop, POOL * T)


def relgan(precision: Precision) -> Job:
    """An iteration of RelGAN: one update of the generator, five of the discriminator."""
    g = RelationalMemoryGenerator(config(RelationalMemoryConfig, "relational_memory"))
    d = MultiRepresentationDiscriminator(MultiRepresentationConfig(vocab_size=V, options={}))
    method, real = RelGAN(RelGANOptions(), g, d), g.sample(B)
    first, second = (Player(method, n, 1e-4, 5.0) for n in ("generator", "discriminator"))

    def play() -> None:
        first.update(real, precision)
        for _ in range(5):
            second.update(real, precision)

    rows = d.options.representations * products([d.convolution.highway.weight, d.between.weight])
    read = rows + T * products([d.embedding.weight])  # of a relaxed text
    drawn = B * T * token_gflop(g)
    gflop = 8 * drawn + B * ((1 + 3) * read + 5 * 2 * 3 * read)
    return Job(play, 1, gflop, 6 * B * T)


def leakgan_generator(precision: Precision) -> Job:
    """A generator step of LeakGAN: play, 4 rollouts of each prefix of 4 words or more, judge,
    update.
    """
    g, d = LeakGANGenerator(config(LeakGANConfig, "leakgan")), cnn(dropout=0.0)
    options, real = LeakGANOptions(), g.sample(B)
    player = Player(LeakGAN(options, g, d), "generator", 1.5e-3, 5.0)
    gflop = rollouts_gflop(g, d, options.rollouts, g.options.horizon)
    return Job(lambda: player.update(real, precision), 1, gflop, B * T)


def leakgan_mle(precision: Precision) -> Job:
    """An epoch of LeakGAN's likelihood over 10,000 texts."""
    g, d = LeakGANGenerator(config(LeakGANConfig, "leakgan")), cnn(dropout=0.0)
    real = g.sample(B)
    options = LeakGANMLEOptions(name="leakgan_mle")
    player = Player(LeakGANMLE(options, g, d), "generator", 1.5e-3, 5.0)
    learnt = products([w for w in g.parameters() if w.dim() == 2])
    gflop = EPOCH * T * (token_gflop(g) + 2 * learnt)
    return Job(lambda: player.update(real, precision), EPOCH / B, gflop, EPOCH * T)


JOBS: dict[str, Callable[[Precision], Job]] = {
    "10,000 samples": samples,
    "MLE epoch, 10,000 texts": mle,
    "SeqGAN generator step": seqgan_generator,
    "SeqGAN discriminator epoch, 20,000": seqgan_discriminator,
    "RelGAN iteration": relgan,
    "LeakGAN generator step": leakgan_generator,
    "LeakGAN MLE epoch, 10,000 texts": leakgan_mle,
}


def made(name: str, precision: Precision) -> Job:
    """A job, whose players and texts follow from a seed."""
    runtime.seed("benchmark", name)
    return JOBS[name](precision)
