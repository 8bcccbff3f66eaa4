"""RelGAN's generator against the equations of a relational memory, in loops of NumPy."""

from typing import Any

import numpy as np
import pytest
import torch

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.generators import GENERATORS

V, T, B, SIZE = 7, 5, 3, 6
Array = np.ndarray[Any, np.dtype[Any]]


def make(slots: int = 2, heads: int = 3, head_size: int = 2, **options: Any) -> Any:
    runtime.seed(0, "memory")
    model = GENERATORS["relational_memory"]
    sizes = {"embedding_size": 4, "slots": slots, "heads": heads, "head_size": head_size}
    settings = model.config_class(
        vocab_size=V,
        length=T,
        never=[0, 1],
        options=model.Options.model_validate(sizes | options).model_dump(mode="json"),
        bos_token_id=1,
        pad_token_id=0,
        eos_token_id=2,
    )
    generator = model(settings).eval().double()
    torch.manual_seed(1)
    with torch.no_grad():
        for part in generator.parameters():
            part.copy_(0.7 * torch.randn_like(part))
    return generator


def weights_of(generator: Any) -> dict[str, Array]:
    return {k: v.detach().numpy() for k, v in generator.named_parameters()}


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def layer_norm(x: Array, w: dict[str, Array], name: str) -> Array:
    normal = (x - x.mean()) / np.sqrt(x.var() + 1e-5)
    return normal * w[f"{name}.weight"] + w[f"{name}.bias"]


def slow_step(
    w: dict[str, Array],
    memory: Array,
    word: Array,
    heads: int,
    scale: float | None = None,
    forget_bias: float = 1.0,
    squash: bool = True,
) -> Array:
    """One text, one step: memory (N, S), word vector (E,) -> the new memory, slot by slot."""
    size = memory.shape[1]
    d = size // heads
    x = w["input.weight"] @ word + w["input.bias"]
    rows = [*memory, x]
    qkv = [layer_norm(w["attention.weight"] @ row, w, "attention_norm") for row in rows]
    after = []
    for n, slot in enumerate(memory):
        found = np.zeros(size)
        for h in range(heads):
            part = slice(h * d, (h + 1) * d)
            query = qkv[n][:size][part]
            keys = [row[size : 2 * size][part] for row in qkv]
            values = [row[2 * size :][part] for row in qkv]
            scores = np.array([query @ key for key in keys]) * (scale or d**-0.5)
            shares = np.exp(scores) / np.exp(scores).sum()
            found[part] = sum(share * value for share, value in zip(shares, values, strict=True))
        learnt = layer_norm(slot + found, w, "attended_norm")
        inner = np.maximum(w["mlp.0.weight"] @ learnt + w["mlp.0.bias"], 0)
        learnt = layer_norm(learnt + w["mlp.2.weight"] @ inner + w["mlp.2.bias"], w, "mlp_norm")
        gates = w["input_gates.weight"] @ x + w["memory_gates.weight"] @ (
            np.tanh(slot) if squash else slot
        )
        taken, kept = sigmoid(gates[:size]), sigmoid(gates[size:] + forget_bias)
        after.append(taken * np.tanh(learnt) + kept * slot)
    return np.stack(after)


def slow_logits(generator: Any, ids: Array, every: Array | None = None, **wrong: Any) -> Array:
    """Teacher-forced logits of texts (B, T), one text and one word after the other."""
    w, o = weights_of(generator), generator.options
    found = np.zeros((*ids.shape, V))
    for b, text in enumerate(ids):
        memory = np.eye(o.slots, o.heads * o.head_size)
        for t, token in enumerate([1, *text[:-1]]):
            word = w["embedding.weight"][token] + (0 if every is None else every[b])
            memory = slow_step(w, memory, word, o.heads, **wrong)
            found[b, t] = w["output.weight"] @ memory.flatten() + w["output.bias"]
    return found[..., 2:]  # the others are never an outcome


def texts() -> Array:
    return np.random.default_rng(0).integers(2, V, size=(B, T))


@pytest.mark.parametrize("sizes", [(1, 2, 3), (2, 3, 2), (4, 1, 3)], ids=str)
def test_logits_are_those_of_a_loop_over_the_equations(sizes: tuple[int, int, int]) -> None:
    generator, ids = make(*sizes), texts()
    found = generator.logits(Sequences(torch.from_numpy(ids), 2))[..., 2:].detach().numpy()
    np.testing.assert_allclose(found, slow_logits(generator, ids), atol=1e-10)
    assert found.std(axis=(0, 1)).min() > 0.01, "they depend on the text"


@pytest.mark.parametrize(
    "wrong",
    [
        {"scale": (3 * 2) ** -0.5},  # of queries, keys and values together, as in official code
        {"forget_bias": 0.0},
        {"squash": False},
    ],
    ids=str,
)
def test_a_wrong_memory_fails_the_check(wrong: dict[str, Any]) -> None:
    generator, ids = make(), texts()
    found = generator.logits(Sequences(torch.from_numpy(ids), 2))[..., 2:].detach().numpy()
    assert np.abs(found - slow_logits(generator, ids, **wrong)).max() > 1e-3


def test_many_steps_at_once_are_one_after_the_other() -> None:
    generator, ids = make(), torch.from_numpy(texts())
    embedded = generator.embedding(ids)
    at_once, last = generator.hidden(embedded, generator.initial_state(B))
    state, outputs = generator.initial_state(B), []
    for token in ids.t():
        output, state = generator.step(token, state)
        outputs.append(output)
    torch.testing.assert_close(torch.stack(outputs, dim=1), at_once)
    torch.testing.assert_close(state[0], last[0])


def test_noise_and_category_add_to_every_word_vector() -> None:
    generator, ids = make(latent_size=3, categories=2), texts()
    noise = torch.randn(B, 3, dtype=torch.float64)
    category = torch.tensor([0, 1, 0])
    s = Sequences(torch.from_numpy(ids), 2, noise=noise, category=category)
    given = np.concatenate([noise.numpy(), np.eye(2)[category]], axis=1)
    w = weights_of(generator)
    every = given @ w["condition.weight"].T + w["condition.bias"]
    found = generator.logits(s)[..., 2:].detach().numpy()
    np.testing.assert_allclose(found, slow_logits(generator, ids, every), atol=1e-10)
    assert np.abs(found - slow_logits(generator, ids)).max() > 0.01


def test_slots_begin_as_rows_of_the_unit_matrix() -> None:
    for slots, size in ((2, 6), (4, 3)):
        state = make(slots, 1, size).initial_state(2)[0]
        assert state.tolist() == [np.eye(slots, size).tolist()] * 2


def test_the_official_sizes_and_first_weights() -> None:
    model = GENERATORS["relational_memory"]
    options = model.Options()
    runtime.seed(0)
    generator = model(model.config_class(vocab_size=V, length=T, options=options.model_dump()))
    assert generator.initial_state(1)[0].shape == (1, 1, 512)
    assert generator.output.in_features == 512
    weight = generator.attention.weight
    assert weight.std().item() == pytest.approx(0.88 / 512**0.5, rel=0.02), "cut at two deviations"
    assert (generator.mlp_norm.weight == 1).all()
