"""Learning on a language whose density is known: does a method move what it should?"""

import copy
import itertools

import numpy as np
import pytest
import torch

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.cnn import CNNConfig, CNNDiscriminator
from textgan.generators.lstm import LSTMConfig, LSTMGenerator
from textgan.methods import METHODS

WORDS, LENGTH, EOS = 6, 4, 2
"""Ids 3..8 are words; every text has four of them and an end."""


def language():
    """All texts and their probabilities: a word is mostly followed by the next or the one after."""
    texts, p = [], []
    for words in itertools.product(range(WORDS), repeat=LENGTH):
        steps = [(b - a) % WORDS for a, b in itertools.pairwise(words)]
        p.append(
            (0.5 if words[0] < 2 else 0.02)
            * np.prod([{1: 0.6, 2: 0.3}.get(s, 0.025) for s in steps])
        )
        texts.append([3 + w for w in words] + [EOS])
    return torch.tensor(texts), np.array(p) / np.sum(p)


TEXTS, P = language()


def jsd(generator):
    """Exact sequence JSD in nats; what the generator puts outside the language counts log 2."""
    with torch.no_grad(), runtime.evaluating(generator):
        g = generator.log_prob(Sequences(TEXTS, EOS)).sum(dim=1).exp().double().numpy()
    m = (P + g) / 2
    inside = 0.5 * np.sum(P * np.log(P / m)) + 0.5 * np.sum(g * np.log(np.maximum(g, 1e-300) / m))
    return inside + 0.5 * np.log(2) * (1 - g.sum())


def real(rng, count):
    return Sequences(TEXTS[rng.choice(len(P), count, p=P)], EOS)


def train(method, player, lr, steps, rng):
    optimizer = torch.optim.Adam(getattr(method, player).parameters(), lr)
    for step in range(steps):
        runtime.seed("learning", player, step)
        batch = real(rng, 64)
        optimizer.zero_grad()
        method.loss(player, batch, method.play(batch, 0.0), 0.0).total.backward()
        torch.nn.utils.clip_grad_norm_(getattr(method, player).parameters(), 5.0)
        optimizer.step()


@pytest.fixture(scope="module")
def half_trained():
    """A generator whose MLE stopped half-way, and a discriminator trained against it."""
    runtime.seed("half trained")
    options = {"name": "lstm", "hidden_size": 16, "embedding_size": 8}
    special = {"bos_token_id": 1, "eos_token_id": EOS, "pad_token_id": 0}
    generator = LSTMGenerator(
        LSTMConfig(
            vocab_size=3 + WORDS, length=LENGTH + 1, never=[0, 1], options=options, **special
        )
    )
    cnn = {"embedding_size": 16, "widths": [1, 2, 3], "filters": [16, 32, 32], "dropout": 0.0}
    discriminator = CNNDiscriminator(CNNConfig(vocab_size=3 + WORDS, options=cnn))
    rng = np.random.default_rng(0)
    mle = METHODS["mle"](METHODS["mle"].Options(), generator, discriminator)
    before = jsd(generator)
    train(mle, "generator", 1e-2, 60, rng)
    half = jsd(generator)
    seqgan = METHODS["seqgan"]
    game = seqgan(seqgan.Options(output_l2=0.001), generator, discriminator)
    train(game, "discriminator", 2e-3, 200, rng)
    return generator, discriminator, before, half


def play(name, half_trained, steps=60, **options):
    """JSD after some steps of a method's game from the half-trained start."""
    generator, discriminator = (copy.deepcopy(player) for player in half_trained[:2])
    kind = METHODS[name]
    method = kind(kind.Options(**options), generator, discriminator)
    rng = np.random.default_rng(1)
    g = torch.optim.Adam(generator.parameters(), 2e-3)
    d = torch.optim.Adam(discriminator.parameters(), 2e-3)
    for step in range(steps):
        runtime.seed("game", step)
        batch = real(rng, 64)
        g.zero_grad()
        method.generator_loss(batch, method.play(batch, 0.0), 0.0).total.backward()
        g.step()
        if "discriminator" in method.trains:
            for _ in range(5):
                batch = real(rng, 64)
                d.zero_grad()
                method.discriminator_loss(batch, method.play(batch, 0.0), 0.0).total.backward()
                d.step()
    return jsd(generator)


def test_mle_learns_the_language(half_trained):
    generator, _, before, half = half_trained
    assert half < 0.6 * before
    further = copy.deepcopy(generator)
    mle = METHODS["mle"](METHODS["mle"].Options(), further, half_trained[1])
    train(mle, "generator", 1e-2, 300, np.random.default_rng(2))
    assert jsd(further) < 0.3 * half
    assert jsd(further) < 0.05


def test_seqgan_improves_over_random_reward_and_its_own_start(half_trained):
    half = half_trained[3]
    options = {"rollouts": 8, "reduction": "mean", "output_l2": 0.001}
    seqgan = play("seqgan", half_trained, **options)
    random = play("random_reward", half_trained, **options)
    print(f"JSD: start {half:.4f}, seqgan {seqgan:.4f}, random reward {random:.4f}")
    assert seqgan < half - 0.01
    assert seqgan < random - 0.01
