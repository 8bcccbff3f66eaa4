"""What a loss says besides its value, for every method between small networks: the log's figures,
and how much a part of a batch weighs.

Real and generated texts differ in width and length, and the generator has moved since it drew.
"""

from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch

from tests.exact.enumerated import Array, log_softmax
from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators import DISCRIMINATORS
from textgan.generators import GENERATORS
from textgan.methods import METHODS, Loss

V, T, B, EOS = 7, 5, 6, 2
CNN = {"embedding_size": 3, "widths": [1, 2], "filters": [3, 2]}
RNN = {"embedding_size": 3, "hidden_size": 4}
GENERATOR: dict[str, dict[str, Any]] = {
    "leakgan": {"name": "leakgan", **RNN, "goal_size": 2, "horizon": 2, "features": CNN},
    "sentigan": {"name": "mixture", **RNN, "categories": 2},
    "textgan": {"name": "lstm", **RNN, "latent_size": 3},
}
GENERATOR |= {"leakgan_mle": GENERATOR["leakgan"], "wgan_gp": GENERATOR["textgan"]}
DISCRIMINATOR: dict[str, dict[str, Any]] = {
    "sentigan": {"name": "cnn", **CNN, "classes": 3, "dropout": 0.0},
    "dpgan": {"name": "language_model", **RNN, "per_token": True, "dropout": 0.0},
    "scratchgan": {"name": "rnn", **RNN, "per_token": True, "dropout": 0.0},
    "mpo": {"name": "pairs", "length": T, "heads": 2, "head_size": 3, "dropout": 0.0},
}
GAME, POLICY = "d_loss d_accuracy", "g_loss reward reward_std entropy"
FIGURES: dict[tuple[str, str], str] = {
    ("mle", "generator"): "nll",
    ("mle_continued", "generator"): "nll",
    ("scheduled_sampling", "generator"): "nll",
    ("maligan", "generator"): "g_loss ess entropy",
    ("leakgan", "generator"): "manager_loss worker_loss reward reward_std worker_reward entropy",
    ("leakgan_mle", "generator"): "nll manager_loss",
    ("sentigan", "generator"): "g_loss penalty entropy",
    ("sentigan", "discriminator"): f"{GAME} class_accuracy",
    ("dpgan", "discriminator"): "d_loss",
    ("ppo_gan", "discriminator"): f"{GAME} ess",
    ("residual_ebm", "discriminator"): f"{GAME} ess log_z",
    ("cot", "generator"): "g_loss entropy",
    ("cot", "mediator"): "m_loss",
    ("ddo", "generator"): "g_loss accuracy",
    ("dgsan", "generator"): "g_loss accuracy",
    ("spin", "generator"): "g_loss accuracy nll",
    ("gcn", "generator"): "g_loss reward entropy ess",
    ("jsdgan", "generator"): "g_loss nll",
    ("textgail", "generator"): f"{POLICY} flat_groups",
    ("mpo", "generator"): "g_loss",
    ("textgan", "reconstructor"): "reconstruction",
    ("seqgan", "critic"): "critic_loss",
}
FIGURES |= {(name, "generator"): "g_loss temperature" for name in ("relgan", "gsgan", "textgan")}
FIGURES[("wgan_gp", "generator")] = "g_loss temperature"
MINIMISED = {
    "leakgan": {"manager_loss", "worker_loss"},
    "leakgan_mle": {"nll", "manager_loss"},
    "spin": {"g_loss"},
    "jsdgan": {"g_loss"},
}
"""Figures that add up to what is minimised; elsewhere one does."""
ALONE = {"g_loss", "m_loss", "nll", "critic_loss", "reconstruction"}


def player(table: Any, options: dict[str, Any], seed: int, **more: Any) -> Any:
    """A player with rough weights, so that its texts and logits differ."""
    kind = table[options["name"]]
    section = kind.Options(**options).model_dump(mode="json")
    made = kind(kind.config_class(vocab_size=V, options=section, **more))
    return moved(made, seed, 0.7)


def moved(module: Any, seed: int, step: float) -> Any:
    draws = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in module.parameters():
            weight += step * torch.randn(weight.shape, generator=draws)
    return module


def make(name: str, **options: Any) -> tuple[Any, Sequences, Sequences]:
    """The method, real texts and generated ones."""
    language = {"length": T, "eos_token_id": EOS, "bos_token_id": 1, "pad_token_id": 0}
    kind = METHODS[name]
    torch.manual_seed(0)
    method = kind(
        kind.Options(name=name, **options),
        player(GENERATORS, GENERATOR.get(name, {"name": "lstm", **RNN}), 1, **language),
        player(DISCRIMINATORS, DISCRIMINATOR.get(name, {"name": "cnn", **CNN, "dropout": 0.0}), 2),
    ).train()
    ids = np.random.default_rng(3).integers(3, V, size=(B, T - 1))
    ids[:, -1] = EOS  # narrower than generated texts, so each has its end
    ids[[0, 1, 4], [0, 2, 1]] = EOS
    category = torch.arange(B) % 2 if name == "sentigan" else None
    real = Sequences(torch.tensor(ids), EOS, category=category)
    runtime.seed("draw")
    method.begin()
    fake = method.play(real, 0.25)
    if not method.relaxes:
        moved(method.generator, 4, 0.3)
    return method, real, fake


CRITIC = ("seqgan", "critic")
PLAYED = [(name, p) for name, method in METHODS.items() for p in method.trains if p != "critic"]
PLAYED.append(CRITIC)
COUPLES = {
    "maligan": {"generator"},
    "leakgan": {"generator"},
    "gcn": {"generator"},
    "jsdgan": {"generator"},
    "textgail": {"generator"},
    "pg_bleu": {"generator", "critic"},
    "textgan": {"generator", "discriminator"},
    "ppo_gan": {"generator", "discriminator"},
    "rankgan": {"generator", "discriminator"},
}
COUPLES |= {name: {"discriminator"} for name in ("dpgan", "scratchgan")}
"""A logit a token: means over real tokens and over generated ones, whose numbers differ from part
to part."""


def of(name: str, who: str, **options: Any) -> tuple[Any, Sequences, Sequences]:
    """As ``make``, with the options that give the method that player."""
    critic = {"baseline": "critic", "values": "terminal"} if (name, who) == CRITIC else {}
    calm = {"mediator_dropout": 0.0} if name == "cot" else {}
    return make(name, **critic, **calm, **options)


def lost(method: Any, who: str, real: Sequences, fake: Sequences) -> Loss:
    runtime.seed("loss")
    loss: Loss = deepcopy(method).loss(who, real, fake, 0.25)
    return loss


def log_probs(generator: Any, s: Sequences) -> Array:
    """log pi of every token, from its logits: (B, T)."""
    with torch.no_grad(), runtime.evaluating(generator):
        log_p = log_softmax(generator.logits(s).double().numpy())
    found: Array = np.take_along_axis(log_p, s.ids.numpy()[..., None], axis=2)[..., 0]
    return found


@pytest.mark.parametrize(("name", "who"), PLAYED)
def test_the_log_shows_these_figures(name: str, who: str) -> None:
    method, real, fake = of(name, who)
    loss = lost(method, who, real, fake)
    expected = FIGURES.get((name, who)) or {"generator": POLICY, "discriminator": GAME}[who]
    assert list(loss.parts) == expected.split()
    for figure in loss.parts.values():
        assert figure.shape == () and figure.isfinite() and not figure.requires_grad
    own = [figure for key, figure in loss.parts.items() if key in MINIMISED.get(name, ALONE)]
    if who != "discriminator":  # its penalties are not shown
        assert sum(own).item() == pytest.approx(loss.total.item(), rel=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_knows_its_options_and_players(name: str) -> None:
    method, real, fake = make(name)
    assert method.options.name == name
    for player in (method.generator, method.discriminator):
        assert isinstance(player, torch.nn.Module)
    assert len(fake) == len(real)


@pytest.mark.parametrize(("name", "who"), PLAYED)
def test_parts_of_a_batch_weigh_what_their_terms_say(name: str, who: str) -> None:
    """A sum adds up; a mean over terms is the mean of the parts', by how many terms they have."""
    method, real, fake = of(name, who)
    assert who in method.trains
    assert set(method.couples) & set(method.trains) == COUPLES.get(name, set()) & set(method.trains)
    if who in method.couples:
        return
    whole, parts = lost(method, who, real, fake), []
    for a, b in ((0, 2), (2, B)):
        with runtime.part(a, b, B):
            parts.append(lost(method, who, real[a:b], fake[a:b]))
    totals = [part.total.item() for part in parts]
    if whole.terms is None:
        assert sum(totals) == pytest.approx(whole.total.item(), rel=1e-5)
        return
    weights = [part.terms.item() for part in parts]
    assert weights[0] != weights[1] and sum(weights) == whole.terms.item()
    assert np.average(totals, weights=weights) == pytest.approx(whole.total.item(), rel=1e-5)
    assert np.mean(totals) != pytest.approx(whole.total.item(), rel=1e-4)


SAMPLED = [
    name
    for name, who in PLAYED
    if who == "generator" and "entropy" in FIGURES.get((name, who), POLICY) and name != "cot"
]


@pytest.mark.parametrize("name", SAMPLED)
def test_the_entropy_is_that_of_the_texts_drawn(name: str) -> None:
    method, real, fake = make(name, **({"demonstrations": 0.0} if name == "textgail" else {}))
    found = lost(method, "generator", real, fake).parts["entropy"]
    expected = -log_probs(method.generator, fake)[fake.chosen.numpy()].mean()
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_the_likelihood_is_that_of_the_real_texts() -> None:
    method, real, fake = make("jsdgan")
    expected = -log_probs(method.generator, real)[real.mask.numpy()].mean()
    found = lost(method, "generator", real, fake).parts["nll"]
    assert found.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["seqgan", "gcn", "residual_ebm", "ppo_gan", "scratchgan"])
def test_a_logit_above_0_says_real(name: str) -> None:
    method, real, fake = make(name)
    with torch.no_grad():
        method.discriminator.output.bias += 0.2
        right = [(method.discriminator(real) > 0), (method.discriminator(fake) <= 0)]
    if name == "scratchgan":  # a logit a token
        with_padding = torch.cat([side.flatten() for side in right]).double().mean()
        right = [side[s.mask] for side, s in zip(right, (real, fake), strict=True)]
        assert abs(with_padding - torch.cat(right).double().mean()) > 0.01
    expected = torch.cat(right).double().mean().item()
    assert 0 < expected < 1
    found = lost(method, "discriminator", real, fake).parts["d_accuracy"]
    assert found.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("level", ["text", "token", "pair"])
def test_the_accuracy_of_self_play_is_how_often_the_log_ratio_says_right(level: str) -> None:
    name = {"text": "ddo", "token": "dgsan", "pair": "spin"}[level]
    method, real, fake = make(name, **({"level": "token"} if level == "token" else {}))
    ratios = []
    for s in (real, fake):
        ratio = log_probs(method.generator, s) - log_probs(method.reference, s)
        mask = s.mask.numpy()
        ratios.append(ratio[mask] if level == "token" else (ratio * mask).sum(axis=1))
    right = np.concatenate([ratios[0] > 0, ratios[1] <= 0])
    if level == "pair":
        right = ratios[0] > ratios[1]
    assert 0 < right.mean() < 1
    found = lost(method, "generator", real, fake).parts["accuracy"]
    assert found.item() == pytest.approx(right.mean(), rel=1e-5)


@pytest.mark.parametrize(("name", "who"), PLAYED)
def test_a_batch_of_one_text_has_a_loss(name: str, who: str) -> None:
    method, real, fake = of(name, who)
    loss = lost(method, who, real[:1], fake[:1])
    assert all(value.isfinite() for value in (loss.total, *loss.parts.values()))


@pytest.mark.parametrize(
    ("name", "figure", "least"),
    [
        ("seqgan", "reward", 0),
        ("leakgan", "reward", 0),
        ("leakgan", "worker_reward", -1),
        ("sentigan", "penalty", 0),
        ("gcn", "reward", 0),
    ],
)
def test_a_mean_lies_where_what_it_is_a_mean_of_does(name: str, figure: str, least: int) -> None:
    method, real, fake = make(name)
    found = lost(method, "generator", real, fake).parts[figure].item()
    assert least < found < 1 and found != 0


def test_smoothing_moves_the_targets_of_real_texts() -> None:
    method, real, fake = make("seqgan", label_smoothing=0.2)
    with torch.no_grad():
        r, f = (method.discriminator(s).double().numpy() for s in (real, fake))
    terms = np.r_[0.8 * np.logaddexp(0, -r) + 0.2 * np.logaddexp(0, r), np.logaddexp(0, f)]
    found = lost(method, "discriminator", real, fake).parts["d_loss"]
    assert found.item() == pytest.approx(terms.mean(), rel=1e-5)


def penalty(name: str, option: str, weight: float) -> float:
    """What an option adds to the discriminator's loss."""
    totals = []
    for value in (weight, 0.0):
        method, real, fake = make(name, **{option: value})
        totals.append(lost(method, "discriminator", real, fake).total.item())
    return totals[0] - totals[1]


@pytest.mark.parametrize("option", ["r1", "r2"])
@pytest.mark.parametrize("name", ["taylorgan", "ppo_gan"])
def test_a_methods_own_terms_leave_the_penalties_as_they_are(name: str, option: str) -> None:
    expected = penalty("seqgan", option, 2.0)
    assert expected > 1e-3
    assert penalty(name, option, 2.0) == pytest.approx(expected, rel=1e-3)


def test_the_penalty_by_one_hots_has_its_weight_beside_other_terms() -> None:
    once, twice = (penalty("textgan", "simplex_penalty", weight) for weight in (1.0, 2.0))
    assert once > 1e-3
    assert twice == pytest.approx(2 * once, rel=1e-3)
