"""RelGAN whole, along the path: memory, Gumbel noise, R representations, in loops of NumPy."""

from typing import Any

import numpy as np
import pytest

from tests.exact.enumerated import ENDS
from tests.exact.soft_players import (
    Array,
    B,
    Relax,
    T,
    Weights,
    agree,
    chance,
    differences,
    drawn,
    gradients_of,
    make,
    make_generator,
    mask_of,
    one_hots,
    real_texts,
    roughened,
    sigmoid,
    softmax,
    softplus,
    weights_of,
    with_gumbel,
)
from textgan.discriminators.multi_representation import (
    MultiRepresentationConfig,
    MultiRepresentationDiscriminator,
    MultiRepresentationOptions,
)

both_languages = pytest.mark.parametrize("eos", ENDS)
SEED, HEADS, R, WIDTHS = 3, 2, 2, [2, 3]


def judge() -> Any:
    sizes = {"embedding_size": 4, "representations": R, "widths": WIDTHS, "filters": [3, 2]}
    options = MultiRepresentationOptions.model_validate(
        {**sizes, "hidden_size": 3, "dropout": 0.0}
    ).model_dump(mode="json")
    settings = MultiRepresentationConfig(vocab_size=5, options=options)
    return roughened(MultiRepresentationDiscriminator(settings), seed=2)


def game(eos: int | None, **options: Any) -> Any:
    generator = make_generator(eos, "relational_memory", slots=1, heads=HEADS, head_size=2)
    return make("relgan", eos, generator, judge(), **options)


def layer_norm(x: Array, w: Weights, name: str) -> Array:
    normal = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return normal * w[f"{name}.weight"] + w[f"{name}.bias"]


def memory_step(w: Weights, memory: Array, words: Array) -> Array:
    """One slot: memory (B, S), word vectors (B, E)."""
    x = words @ w["input.weight"].T + w["input.bias"]
    (q, k, v), (_, kx, vx) = (
        np.split(layer_norm(row @ w["attention.weight"].T, w, "attention_norm"), 3, axis=1)
        for row in (memory, x)
    )
    found = np.zeros_like(memory)
    for part in np.split(np.arange(memory.shape[1]), HEADS):
        scores = [(q * keys)[:, part].sum(1) / np.sqrt(len(part)) for keys in (k, kx)]
        share = softmax(np.stack(scores, axis=1))
        found[:, part] = share[:, :1] * v[:, part] + share[:, 1:] * vx[:, part]
    learnt = layer_norm(memory + found, w, "attended_norm")
    inner = np.maximum(learnt @ w["mlp.0.weight"].T + w["mlp.0.bias"], 0)
    learnt = layer_norm(learnt + inner @ w["mlp.2.weight"].T + w["mlp.2.bias"], w, "mlp_norm")
    gates = x @ w["input_gates.weight"].T + np.tanh(memory) @ w["memory_gates.weight"].T
    taken, kept = np.split(gates, 2, axis=1)
    return sigmoid(taken) * np.tanh(learnt) + sigmoid(kept + 1) * memory


def memory_texts(w: Weights, relax: Relax, eos: int | None, feed: str = "hard") -> Array:
    """Relaxed one-hots (B, T, V), 0 behind the end."""
    size = w["mlp.0.weight"].shape[0]
    memory, words = np.eye(1, size).repeat(B, axis=0), w["embedding.weight"][:1].repeat(B, axis=0)
    ids, softs = [], []
    for t in range(T):
        memory = memory_step(w, memory, words)
        token, soft = relax(memory @ w["output.weight"].T + w["output.bias"], t)
        ids.append(token)
        softs.append(soft)
        words = soft @ w["embedding.weight"] if feed == "soft" else w["embedding.weight"][token]
    mask: Array = mask_of(np.stack(ids, axis=1), eos)
    return np.stack(softs, axis=1) * mask[..., None]


def representations(w: Weights, soft: Array, ends: Array) -> Array:
    """Logits (B, R), part by part, window by window; ``ends``: how long each text is."""
    words, logits = soft @ w["embedding.weight"], np.zeros((B, R))
    for b, r in np.ndindex(B, R):
        part = words[b, : ends[b], 2 * r : 2 * r + 2]
        pooled = []
        for i, width in enumerate(WIDTHS):
            filled = np.concatenate([part, np.zeros((max(0, width - len(part)), 2))])
            weight, bias = (w[f"convolution.convolutions.{i}.{n}"] for n in ("weight", "bias"))
            windows = [
                weight @ filled[t : t + width].flatten() + bias
                for t in range(len(filled) - width + 1)
            ]
            pooled.append(np.maximum(np.max(windows, axis=0), 0))
        x = np.concatenate(pooled)
        highway = w["convolution.highway.weight"] @ x + w["convolution.highway.bias"]
        transform, gate = np.split(highway, 2)
        x = sigmoid(gate) * np.maximum(transform, 0) + (1 - sigmoid(gate)) * x
        x = w["between.weight"] @ x + w["between.bias"]
        logits[b, r] = (w["output.weight"] @ x + w["output.bias"])[0]
    return logits


def lengths(soft: Array) -> Array:
    result: Array = (soft.sum(axis=2) > 0.5).sum(axis=1)
    return result


def some(w: Weights, *names: str) -> Weights:
    return {name: w[name] for name in names}


GENERATORS_SOME = ("embedding.weight", "input.bias", "mlp.0.bias", "output.weight")
JUDGES_SOME = ("embedding.weight", "convolution.convolutions.0.weight", "between.bias")


def generators_objective(
    method: Any, eos: int | None, tau: float, feed: str = "hard", sign: float = 1.0
) -> Any:
    """softplus(d(real) - d(fake)), the mean over pairs and representations."""
    uniforms, _ = chance(SEED)
    relax = with_gumbel(uniforms, tau)
    d, all_weights = weights_of(method.discriminator), weights_of(method.generator)
    real = one_hots(real_texts(eos).ids.numpy(), eos)
    d_real = representations(d, real, lengths(real))

    def objective(w: Weights) -> float:
        soft = memory_texts({**all_weights, **w}, relax, eos, feed)
        d_fake = representations(d, soft, lengths(soft))
        return float(softplus(sign * (d_real - d_fake)).mean())

    return objective


def found_and_expected(eos: int | None, tau: float, **wrong: Any) -> tuple[Weights, Weights]:
    method, real = game(eos, final_temperature=0.25), real_texts(eos)
    loss = method.generator_loss(real, drawn(method, real, SEED, 0.5), 0.5).total
    found = some(gradients_of(loss, method.generator), *GENERATORS_SOME)
    objective = generators_objective(method, eos, tau, **wrong)
    weights = some(weights_of(method.generator), *GENERATORS_SOME)
    if not wrong and tau == 0.5:
        assert loss.item() == pytest.approx(objective(weights))
    return found, differences(objective, weights)


@both_languages
def test_the_generators_loss_and_gradient(eos: int | None) -> None:
    """beta_max 4, half way: beta 2, tau 1/2."""
    assert agree(*found_and_expected(eos, 0.5))


@pytest.mark.parametrize(
    ("tau", "wrong"),
    [
        (2.0, {}),  # beta divides
        (1.0, {}),  # beta never grows
        (1 / 4**0.2, {}),  # N is 5,000 in a run of 2,000
        (0.5, {"feed": "soft"}),  # the next input is the relaxed one's vector
        (0.5, {"sign": -1.0}),  # the discriminator's loss
    ],
    ids=["upside down", "constant", "as coded", "soft feed", "sign"],
)
def test_a_wrong_relgan_fails_the_check(tau: float, wrong: dict[str, Any]) -> None:
    assert not agree(*found_and_expected(None, tau, **wrong), tolerance=1e-4)


@both_languages
def test_the_discriminators_loss_and_gradient(eos: int | None) -> None:
    method, real = game(eos), real_texts(eos)
    fake = drawn(method, real, SEED)
    texts = one_hots(real.ids.numpy(), eos), fake.soft.detach().numpy()
    ends = [mask.sum(dim=1).numpy() for mask in (real.mask, fake.mask)]
    weights = weights_of(method.discriminator)

    def objective(w: Weights, how: str = "") -> float:
        d = [
            representations({**weights, **w}, text, end)
            for text, end in zip(texts, ends, strict=True)
        ]
        if how == "mean first":
            d = [part.mean(axis=1) for part in d]
        terms = softplus(d[1] - d[0])
        return float(terms.sum(axis=1).mean() if how == "sum" else terms.mean())

    loss = method.discriminator_loss(real, fake, 0.0).total
    some_weights = some(weights, *JUDGES_SOME)
    assert loss.item() == pytest.approx(objective(some_weights))
    found = some(gradients_of(loss, method.discriminator), *JUDGES_SOME)
    assert agree(found, differences(objective, some_weights))
    for how in ("mean first", "sum"):
        expected = differences(lambda w, how=how: objective(w, how), some_weights)
        assert not agree(found, expected)


def test_beta_reaches_its_maximum_at_the_end_and_as_coded_it_does_not() -> None:
    steps, beta_max = 2000, 100.0
    ours, as_coded = game(None), game(None, horizon=2.5)
    for n in (0, 1, 500, 1999, 2000):
        beta = 1 / ours.tau(n / steps)
        assert beta == pytest.approx(beta_max ** (n / steps))
        assert 1 / as_coded.tau(n / steps) == pytest.approx(beta_max ** (n / 5000))
    assert 1 / ours.tau(1.0) == pytest.approx(100)
    assert 1 / as_coded.tau(1.0) == pytest.approx(100**0.4)  # 6.3
    assert 1 / game(None, final_temperature=1.0).tau(0.7) == 1
