"""LeakGAN against slow loops over its paper's equations, text by text, token by token.

What is expected stands here in NumPy and imports nothing from textgan. Mistakes of public copies
are run through the same loops, which must then give something else.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.exact.enumerated import Array, Text, numerical_gradient
from tests.short_run import differences, end_state, given
from textgan import experiment, runtime
from textgan.config import Tree
from textgan.data.sequences import Sequences
from textgan.discriminators.cnn import CNNConfig, CNNDiscriminator
from textgan.discriminators.rnn import RNNConfig, RNNDiscriminator
from textgan.errors import UserError
from textgan.estimators.rollout import rollout_values
from textgan.generators.leakgan import LeakGANConfig, LeakGANGenerator
from textgan.generators.lstm import LSTMConfig, LSTMGenerator
from textgan.methods import leakgan
from textgan.methods.leakgan import LeakGAN, LeakGANMLE
from textgan.models import load_discriminator, load_generator
from textgan.trainer import Interrupted, Trainer

V, T, BOS, EOS = 6, 7, 1, 2
E, H, K, C, DELTA = 3, 3, 2, 3, 16.0
FEATURES = {"embedding_size": 2, "widths": [1, 2, 4], "filters": [2, 3, 2]}
TEXTS: list[Text] = [(3, 4, 5, 3, 3, 5, 4), (4, 2), (2,), (5, 3, 4, 2), (3, 3, 5, 4, 2), (4, 5, 2)]
VALUES = np.random.default_rng(0).random((len(TEXTS), T)).round(1)
"""Q of every prefix; rounded, so that some are equal."""
GOAL = {"goal_size": K, "horizon": C}


def sequences(texts: list[Text], eos: int | None = EOS) -> Sequences:
    return Sequences(torch.tensor([[*text, *[0] * (T - len(text))] for text in texts]), eos)


def players(**options: Any) -> tuple[LeakGANGenerator, CNNDiscriminator]:
    """In double precision, with weights large enough to be told apart."""
    runtime.seed("leakgan exact")
    ids = {"pad_token_id": 0, "bos_token_id": BOS, "eos_token_id": EOS}
    sizes = {"embedding_size": E, "hidden_size": H, **GOAL, "init_std": 0.7, "features": FEATURES}
    settings = LeakGANConfig(
        vocab_size=V, length=T, never=[0, BOS], options={"name": "leakgan", **sizes}, **ids
    )
    d = CNNConfig(vocab_size=V, options={"name": "cnn", **FEATURES, "init_std": 0.8, **options})
    generator = LeakGANGenerator(settings).double()
    torch.nn.init.normal_(generator.goal.bias)
    torch.nn.init.normal_(generator.manager.weight_ih_l0, std=0.2)  # else its gates are all shut
    return generator, CNNDiscriminator(d).double()


def method(kind: type[Any] = LeakGAN, **options: Any) -> Any:
    made = kind(kind.Options(**options), *players()).train()
    made.begin()
    return made


def weights(module: torch.nn.Module) -> dict[str, Array]:
    return {name: value.numpy().copy() for name, value in module.state_dict().items()}


# ---------------------------------------------------------------- the equations, slowly


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def cosine(a: Array, b: Array) -> float:
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / length if length else 0.0


def features_of(d: dict[str, Array], text: Text) -> Array:
    """F(s): each filter's largest response to a text filled up to its width, then the highway."""
    pooled: list[float] = []
    for i, width in enumerate(FEATURES["widths"]):
        vectors = [d["embedding.weight"][token] for token in text]
        vectors += [np.zeros(FEATURES["embedding_size"])] * (width - len(text))
        kernel = d[f"convolution.convolutions.{i}.weight"]
        bias = d[f"convolution.convolutions.{i}.bias"]
        windows = [np.concatenate(vectors[j : j + width]) for j in range(len(vectors) - width + 1)]
        pooled += [
            max(max(0.0, k @ x + b) for x in windows) for k, b in zip(kernel, bias, strict=True)
        ]
    p = np.array(pooled)
    both = d["convolution.highway.weight"] @ p + d["convolution.highway.bias"]
    transform, gate = both[: len(p)], sigmoid(both[len(p) :])
    result: Array = gate * np.maximum(transform, 0) + (1 - gate) * p
    return result


def lstm(g: dict[str, Array], name: str, inputs: list[Array]) -> list[Array]:
    h = c = np.zeros(H)
    outputs = []
    for x in inputs:
        gates = g[f"{name}.weight_ih_l0"] @ x + g[f"{name}.bias_ih_l0"]
        gates = gates + g[f"{name}.weight_hh_l0"] @ h + g[f"{name}.bias_hh_l0"]
        i, f, new, o = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(new)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return outputs


def goals_of(g: dict[str, Array], f: list[Array]) -> list[Array]:
    """g_0 .. g_{L-1} (eqs. 3, 4)."""
    raw = [g["goal.weight"] @ m + g["goal.bias"] for m in lstm(g, "manager", f[:-1])]
    return [x / np.linalg.norm(x) for x in raw]


def log_probs_of(
    g: dict[str, Array], text: Text, goals: list[Array], late: int = 0, unit: bool = False
) -> Array:
    """log pi of every token (eqs. 5 to 7). Wrong: goals one step ``late``, or w of length 1."""
    words = [g["embedding.weight"][token] for token in (BOS, *text[:-1])]
    o = g["output.weight"].reshape(V, K, H + 1)
    log_probs = []
    for t, h in enumerate(lstm(g, "worker", words), start=1):
        w = np.zeros(K)
        for i in range(1 + late, C + 1 + late):
            if t - i >= 0:
                w += g["psi.weight"] @ goals[t - i]
        w = w / np.linalg.norm(w) if unit else w
        logits = (o[:, :, :H] @ h + o[:, :, H]) @ w
        logits[[0, BOS]] = -1e9
        log_probs.append(logits[text[t - 1]] - np.log(np.exp(logits).sum()))
    return np.array(log_probs)


def rank_of(value: float, everyone: list[float], how: str) -> float:
    """1: the largest; equal ones share the mean."""
    if how == "ascending":
        return len(everyone) + 1 - rank_of(value, everyone, "")
    if how == "dictionary":  # the order in which a dictionary happens to list the rewards
        return 1.0 + list(dict.fromkeys(everyone)).index(value)
    places = [n for n, v in enumerate(sorted(everyone, reverse=True), start=1) if v == value]
    return sum(places) / len(places)


def losses(
    d: dict[str, Array],
    g: dict[str, Array],
    wrong: str = "",
    rewards_of: dict[str, Array] | None = None,
) -> tuple[float, float]:
    """The manager's and the worker's loss of TEXTS.

    ``rewards_of``: weights that features' and goals' part in the worker's loss is taken from, which
    its gradient leaves alone.
    """
    n = sum(map(len, TEXTS))
    still = rewards_of or g
    features = [[features_of(d, text[:t]) for t in range(len(text) + 1)] for text in TEXTS]
    goals = [goals_of(g, f) for f in features]
    fixed = [goals_of(still, f) for f in features]
    manager = worker = 0.0
    cosines = [
        [cosine(f[min(t + C, len(x))] - f[t], aims[t]) for t in range(len(x))]
        for x, f, aims in zip(TEXTS, features, goals, strict=True)
    ]
    rewards = [
        [
            sum(cosine(f[t] - f[t - i], aims[t - i]) for i in range(1, C + 1) if t >= i) / C
            for t in range(1, len(x) + 1)
        ]
        for x, f, aims in zip(TEXTS, features, fixed, strict=True)
    ]
    if wrong == "scalar cosine":
        cosines = [[sum(map(sum, cosines)) / n] * len(x) for x in TEXTS]
        rewards = [[sum(map(sum, rewards)) / n] * len(x) for x in TEXTS]
    for b, text in enumerate(TEXTS):
        for t in range(len(text)):
            after = t + C if wrong != "value before the step" else max(t, 1)
            column = [VALUES[a, min(after, len(x)) - 1] for a, x in enumerate(TEXTS)]
            rank = rank_of(column[b], column, wrong)
            q = sigmoid(DELTA * (0.5 - rank / len(TEXTS))) if wrong != "not rescaled" else column[b]
            manager -= q * cosines[b][t]
        log_probs = log_probs_of(g, text, fixed[b])
        worker -= float(np.array(rewards[b]) @ log_probs)
    if wrong == "worker's sign":
        worker = -worker
    size = n if wrong != "padding counts" else len(TEXTS) * T
    return manager / size, worker / size


@pytest.fixture
def known_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rollouts that find VALUES."""
    mask = sequences(TEXTS).mask
    monkeypatch.setattr(leakgan, "rollout_values", lambda *_, **__: torch.tensor(VALUES) * mask)


# ---------------------------------------------------------------- step equations


def test_features_goals_and_log_probabilities_are_the_papers() -> None:
    made = method()
    d, g = weights(made.discriminator), weights(made.generator)
    with torch.no_grad():
        reading = made.generator.read(sequences(TEXTS))
    again = made.generator.log_prob(sequences(TEXTS)).detach()
    torch.testing.assert_close(reading.log_prob, again)
    assert not reading.log_prob[~sequences(TEXTS).mask].any()
    late, unit = [], []
    for b, text in enumerate(TEXTS):
        f = [features_of(d, text[:t]) for t in range(len(text) + 1)]
        goals = goals_of(g, f)
        np.testing.assert_allclose(reading.features[b, : len(f)].numpy(), f, atol=1e-12)
        np.testing.assert_allclose(reading.goals[b, : len(text)].numpy(), goals, atol=1e-12)
        found = reading.log_prob[b, : len(text)].numpy()
        np.testing.assert_allclose(found, log_probs_of(g, text, goals), atol=1e-12)
        late.append(np.abs(found - log_probs_of(g, text, goals, late=1)).max())
        unit.append(np.abs(found - log_probs_of(g, text, goals, unit=True)).max())
    assert max(late) > 0.1, "goals one step late"
    assert max(unit) > 0.1, "w of length 1"


def test_a_prefix_has_the_features_that_the_discriminator_sees_in_it() -> None:
    made, s = method(), sequences([TEXTS[0]], eos=None)
    with torch.no_grad():
        features = made.generator.read(s).features[0, 1:]
        seen = [made.discriminator.features(Sequences(s.ids[:, :t], None)) for t in range(1, T + 1)]
    torch.testing.assert_close(features, torch.cat(seen))
    assert len(torch.unique(features, dim=0)) == T


# ---------------------------------------------------------------- losses and gradients

WRONG = [
    "ascending",
    "dictionary",
    "scalar cosine",
    "worker's sign",
    "value before the step",
    "not rescaled",
    "padding counts",
]


def test_manager_and_worker_loss_are_the_papers(known_values: None) -> None:
    made, s = method(), sequences(TEXTS)
    loss = made.generator_loss(s, s, 0.0)
    found = loss.parts["manager_loss"].item(), loss.parts["worker_loss"].item()
    d, g = weights(made.discriminator), weights(made.generator)
    assert found == pytest.approx(losses(d, g), abs=1e-7)  # ranks are of single precision
    assert loss.total.item() == pytest.approx(sum(found))
    for wrong in WRONG:
        assert found != pytest.approx(losses(d, g, wrong), abs=1e-3), wrong


def test_each_half_has_its_own_losss_gradient(known_values: None) -> None:
    made, s = method(), sequences(TEXTS)
    d, g = weights(made.discriminator), weights(made.generator)
    parameters = dict(made.generator.named_parameters())
    total = made.generator_loss(s, s, 0.0).total
    gradients = torch.autograd.grad(total, list(parameters.values()))
    found = dict(zip(parameters, gradients, strict=True))
    halves = {"goal.bias": 0, "manager.weight_hh_l0": 0, "psi.weight": 1, "worker.bias_ih_l0": 1}
    for name, half in halves.items():

        def half_loss(x: Array, name: str = name, half: int = half) -> float:
            return losses(d, {**g, name: x}, rewards_of=g)[half]

        expected = numerical_gradient(half_loss, g[name])
        assert np.abs(expected).max() > 1e-4, name
        np.testing.assert_allclose(found[name].numpy(), expected, atol=1e-8, err_msg=name)
    worker_reaches = numerical_gradient(
        lambda x: losses(d, {**g, "goal.bias": x})[1], g["goal.bias"]
    )
    assert np.abs(worker_reaches).max() > 1e-3, "goals that let the worker's gradient through"


def test_pretraining_is_likelihood_and_the_steps_of_real_texts() -> None:
    made, s = method(LeakGANMLE), sequences(TEXTS)
    assert made.trains == ("generator",)
    assert made.play(s, 0.0) is s
    loss = made.generator_loss(s, s, 0.0)
    d, g = weights(made.discriminator), weights(made.generator)
    n, nll, manager = sum(map(len, TEXTS)), 0.0, 0.0
    for text in TEXTS:
        f = [features_of(d, text[:t]) for t in range(len(text) + 1)]
        goals = goals_of(g, f)
        nll -= log_probs_of(g, text, goals).sum() / n
        steps = [f[min(t + C, len(text))] - f[t] for t in range(len(text))]
        manager -= sum(cosine(a, b) for a, b in zip(steps, goals, strict=True)) / n
    assert loss.parts["nll"].item() == pytest.approx(nll)
    assert loss.parts["manager_loss"].item() == pytest.approx(manager)
    assert loss.total.item() == pytest.approx(nll + manager)
    assert loss.terms.item() == n


def test_only_the_order_of_rewards_counts_and_the_largest_is_worth_most() -> None:
    values = torch.tensor([[0.9, 0.2], [0.1, 0.2], [0.5, 0.7], [0.4, 0.1]])
    found = leakgan.rescaled(values, 12.0)
    rank = np.array([[1, 2.5], [4, 2.5], [2, 1], [3, 4]])
    np.testing.assert_allclose(found.numpy(), sigmoid(12 * (0.5 - rank / 4)), rtol=1e-6)
    assert torch.equal(leakgan.rescaled(values**3 / 100, 12.0), found)
    order = torch.tensor([2, 0, 3, 1])
    assert torch.equal(leakgan.rescaled(values[order], 12.0), found[order])
    by_dictionary = [rank_of(v, values[:, 0].tolist(), "dictionary") for v in values[:, 0].tolist()]
    assert by_dictionary == [1, 2, 3, 4], "whatever the discriminator says"


def test_values_are_those_of_the_words_that_a_goal_leads_to() -> None:
    """Rollouts of prefixes shorter than c are never asked for."""
    made, s = method(), sequences(TEXTS)
    runtime.seed(1)
    values = rollout_values(made.generator, made.discriminator.probability, s, 3, shortest=C)
    longer = s.lengths[:, None] > torch.arange(1, T + 1)
    assert not values[:, : C - 1][longer[:, : C - 1]].any()
    finished = made.discriminator.probability(s)
    torch.testing.assert_close(values.gather(1, s.lengths[:, None] - 1).squeeze(1), finished)
    assert (values[:, C - 1 :][s.mask[:, C - 1 :]] > 0).all()
    expected = [[min(t + C, len(text)) for t in range(T)] for text in TEXTS]
    assert leakgan.ahead(s, C).tolist() == expected


# ---------------------------------------------------------------- the leak


def leaks(generator: Any, discriminator: Any) -> bool:
    """True if the generator sees what the discriminator sees now."""
    own = discriminator.state_dict()
    return all(torch.equal(value, own[name]) for name, value in generator.leak.named_buffers())


def test_the_copy_follows_every_step_of_the_discriminator_and_no_other() -> None:
    made = LeakGAN(LeakGAN.Options(), *players())
    assert not leaks(made.generator, made.discriminator)
    made.begin()
    assert leaks(made.generator, made.discriminator)
    with torch.no_grad():
        made.discriminator.convolution.highway.bias += 1
    made.after_step("generator")
    assert not leaks(made.generator, made.discriminator)
    made.after_step("discriminator")
    assert leaks(made.generator, made.discriminator)
    names = [name for name, _ in made.generator.named_parameters()]
    assert names
    assert not any(name.startswith("leak") for name in names), "nothing of it is trained"


def test_a_spectrally_normalised_discriminator_leaks_what_it_sees() -> None:
    generator, discriminator = players(spectral_norm=True)
    made, s = LeakGAN(LeakGAN.Options(), generator, discriminator), sequences([TEXTS[0]])
    made.begin()
    with torch.no_grad(), runtime.evaluating(discriminator):
        seen = discriminator.features(s)
        torch.testing.assert_close(generator.read(s).features[:, -1], seen)


def recipe(folder: Path) -> Tree:
    pool = {"discriminator": {"pool": 16, "epochs": 2}}
    return given(
        folder,
        generator={
            "name": "leakgan",
            "embedding_size": 8,
            "hidden_size": 8,
            "goal_size": 4,
            "horizon": 2,
            "features": {"embedding_size": 8, "widths": [1, 2, 3], "filters": [8, 8, 8]},
        },
        method={"name": "leakgan", "rollouts": 1},
        pretrain=[{"players": pool}, {"method": "leakgan_mle", "steps": 3}],
        adversarial=[{"steps": 2, "players": {"generator": {}, **pool}}],
    )


def test_a_stopped_and_resumed_run_ends_alike_and_leaks_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretrained = experiment.start("pretrain", recipe(tmp_path), tmp_path / "pretrained", None)
    whole = experiment.start("adversarial", recipe(tmp_path), tmp_path / "whole", pretrained)
    run, update = tmp_path / "stopped", Trainer.update

    def stop_in_the_pool(trainer: Trainer, turn: Any) -> None:
        update(trainer, turn)
        trainer.interrupted = turn.number == 3

    monkeypatch.setattr(Trainer, "update", stop_in_the_pool)
    with pytest.raises(Interrupted):
        experiment.start("adversarial", recipe(tmp_path), run, pretrained)
    monkeypatch.setattr(Trainer, "update", update)
    middle = load_generator(run / "last" / "generator")
    assert leaks(middle, load_discriminator(run / "last" / "discriminator"))
    experiment.resume(run, "adversarial")
    assert differences(end_state(run), end_state(whole)) == []
    end = load_generator(run / "last" / "generator")
    assert leaks(end, load_discriminator(run / "last" / "discriminator"))
    assert not leaks(middle, load_discriminator(run / "last" / "discriminator"))


# ---------------------------------------------------------------- who may play


@pytest.mark.parametrize("kind", [LeakGAN, LeakGANMLE])
def test_players_that_do_not_fit_are_named(kind: type[Any]) -> None:
    generator, discriminator = players()
    name = kind.Options().name
    lstm_generator = LSTMGenerator(LSTMConfig(vocab_size=V, length=T, options={"name": "lstm"}))
    rnn = RNNDiscriminator(RNNConfig(vocab_size=V, options={"name": "rnn"}))
    other = players(widths=[1, 2, 3])[1]
    for generator_, discriminator_, words in (
        (
            lstm_generator,
            discriminator,
            f"generator.name: method {name} needs the generator 'leakgan'; set it",
        ),
        (
            generator,
            rnn,
            f"discriminator.name: method {name} needs the discriminator 'cnn'; set it",
        ),
        (
            generator,
            other,
            "generator.features.widths: [1, 2, 4] is not the discriminator's [1, 2, 3], whose "
            "features the generator reads; give both the same",
        ),
    ):
        with pytest.raises(UserError) as error:
            kind(kind.Options(), generator_, discriminator_)
        assert str(error.value) == words
