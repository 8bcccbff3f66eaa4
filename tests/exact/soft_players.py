"""Small players for relaxed texts, and the same players again in NumPy.

What stands under "NumPy" imports nothing from textgan: weights come as arrays by name, chance as
uniform and normal numbers, so that a loss is a function whose differences can be taken.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator, DiscriminatorConfig
from textgan.generators import GENERATORS
from textgan.methods import METHODS

V, T, B, E, F = 5, 3, 6, 2, 4
Array = np.ndarray[Any, np.dtype[Any]]
Weights = dict[str, Array]

# ---------------------------------------------------------------- NumPy


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softplus(x: Array) -> Array:
    return np.log1p(np.exp(x))


def softmax(x: Array) -> Array:
    weight = np.exp(x - x.max(axis=-1, keepdims=True))
    result: Array = weight / weight.sum(axis=-1, keepdims=True)
    return result


def gumbel(uniform: Array) -> Array:
    return -np.log(-np.log(uniform))


def mask_of(ids: Array, eos: int | None) -> Array:
    """True up to and including the first <eos>."""
    mask = np.ones(ids.shape, dtype=bool)
    for row, text in zip(mask, ids.tolist(), strict=True):
        if eos in text:
            row[text.index(eos) + 1 :] = False
    return mask


def lstm_step(w: Weights, x: Array, h: Array, c: Array) -> tuple[Array, Array]:
    gates = x @ w["recurrent.weight_ih_l0"].T + w["recurrent.bias_ih_l0"]
    gates = gates + h @ w["recurrent.weight_hh_l0"].T + w["recurrent.bias_hh_l0"]
    i, f, g, o = np.split(gates, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


Relax = Callable[[Array, int], tuple[Array, Array]]
"""Logits (B, V) of step t -> the ids that were chosen, and their relaxed one-hots."""


def with_gumbel(uniforms: Array, tau: float) -> Relax:
    """softmax((o + g) / tau); uniforms (T, B, V)."""

    def relax(logits: Array, t: int) -> tuple[Array, Array]:
        noisy = logits + gumbel(uniforms[t])
        return noisy.argmax(axis=1), softmax(noisy / tau)

    return relax


def without_noise(tau: float) -> Relax:
    return lambda logits, t: (logits.argmax(axis=1), softmax(logits / tau))


def lstm_texts(
    w: Weights, relax: Relax, feed: str, eos: int | None, z: Array | None = None
) -> tuple[Array, Array]:
    """Ids (B, T) and relaxed one-hots (B, T, V), 0 behind the end."""
    h = c = np.zeros((B, w["recurrent.weight_hh_l0"].shape[1]))
    every = np.zeros((1, E))
    if z is not None:
        both = z @ w["condition.weight"].T + w["condition.bias"]
        every, h = both[:, :E], np.tanh(both[:, E:])
    x, ids, softs = np.repeat(w["embedding.weight"][:1], B, axis=0), [], []
    for t in range(T):
        h, c = lstm_step(w, x + every, h, c)
        token, soft = relax(h @ w["output.weight"].T + w["output.bias"], t)
        ids.append(token)
        softs.append(soft)
        x = soft @ w["embedding.weight"] if feed == "soft" else w["embedding.weight"][token]
    texts = np.stack(ids, axis=1)
    return texts, np.stack(softs, axis=1) * mask_of(texts, eos)[..., None]


def one_hots(ids: Array, eos: int | None) -> Array:
    result: Array = np.eye(V)[ids] * mask_of(ids, eos)[..., None]
    return result


def tiny_features(w: Weights, soft: Array) -> Array:
    """(B, T, V) -> (B, F)."""
    words = soft @ w["embedding.weight"]
    features: Array = np.tanh(words.reshape(len(words), -1) @ w["reading.weight"].T)
    return features


def tiny_logits(w: Weights, soft: Array) -> Array:
    logits: Array = (tiny_features(w, soft) @ w["output.weight"].T + w["output.bias"])[:, 0]
    return logits


def differences(f: Callable[[Weights], float], w: Weights, step: float = 1e-6) -> Weights:
    """The gradient of f with respect to every weight, by central differences."""
    gradient = {}
    for name, values in w.items():
        gradient[name] = np.zeros_like(values)
        for i in np.ndindex(values.shape):
            sides = []
            for sign in (1, -1):
                moved = values.copy()
                moved[i] += sign * step
                sides.append(f({**w, name: moved}))
            gradient[name][i] = (sides[0] - sides[1]) / (2 * step)
    return gradient


def agree(found: Weights, expected: Weights, tolerance: float = 1e-6) -> bool:
    """True if every weight's gradient is the same; something must move."""
    assert found.keys() == expected.keys()
    assert max(np.abs(value).max() for value in expected.values()) > 1e-3, "nothing moves"
    return all(np.abs(found[k] - expected[k]).max() < tolerance for k in expected)


# ---------------------------------------------------------------- textgan's


class TinyDiscriminator(Discriminator):
    """A word vector a place, one layer, one logit."""

    config_class = DiscriminatorConfig
    row_bytes = 8

    def __init__(self) -> None:
        super().__init__(DiscriminatorConfig(vocab_size=V))
        self.embedding = nn.Embedding(V, E)
        self.reading = nn.Linear(T * E, F, bias=False)
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(F, 1)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        pass

    def read(self, embedded: Tensor, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        return torch.tanh(self.reading(embedded.flatten(1)))


def roughened(module: nn.Module, seed: int) -> Any:
    """The module in double precision, its weights normal with deviation 0.8."""
    draws = torch.Generator().manual_seed(seed)
    module.double()
    with torch.no_grad():
        for part in module.parameters():
            part.copy_(0.8 * torch.randn(part.shape, generator=draws, dtype=torch.float64))
    return module


def make_generator(eos: int | None, name: str = "lstm", **options: Any) -> Any:
    model = GENERATORS[name]
    options = {"embedding_size": E, **options}
    settings = model.config_class(
        vocab_size=V,
        length=T,
        never=[],
        options=model.Options.model_validate(options).model_dump(mode="json"),
        bos_token_id=0,
        pad_token_id=0,
        eos_token_id=eos,
    )
    return roughened(model(settings), seed=1)


def make(
    name: str, eos: int | None, generator: Any = None, discriminator: Any = None, **options: Any
) -> Any:
    """A method between small players, training."""
    generator = generator or make_generator(eos, hidden_size=3)
    discriminator = discriminator or roughened(TinyDiscriminator(), seed=2)
    kind = METHODS[name]
    return kind(kind.Options(**options), generator, discriminator).double().train()


def weights_of(module: nn.Module) -> Weights:
    return {k: v.detach().numpy().copy() for k, v in module.named_parameters()}


def gradients_of(loss: Tensor, module: nn.Module) -> Weights:
    """Of every weight; one that the loss doesn't touch has 0."""
    names, parts = zip(*module.named_parameters(), strict=True)
    found = torch.autograd.grad(loss, parts, retain_graph=True, allow_unused=True)
    return {
        k: np.zeros(p.shape) if g is None else g.numpy()
        for k, p, g in zip(names, parts, found, strict=True)
    }


def real_texts(eos: int | None) -> Sequences:
    """B texts of one to T tokens."""
    ids = np.random.default_rng(3).integers(1, V, size=(B, T))
    padding = ~torch.from_numpy(mask_of(ids, eos))
    return Sequences(torch.from_numpy(ids).masked_fill(padding, 0), eos)


def chance(seed: int, latent: int = 0) -> tuple[Array, Array]:
    """The numbers that a draw of B texts uses behind that seed: uniform (T, B, V), (B, Z)."""
    cpu = torch.device("cpu")
    runtime.seed("soft", seed)
    z = runtime.normal(B, latent, cpu).double().numpy() if latent else np.zeros((B, 0))
    uniforms = np.stack([runtime.uniform(B, V, cpu).double().numpy() for _ in range(T)])
    return uniforms, z


def drawn(method: Any, real: Sequences, seed: int, progress: float = 0.0) -> Sequences:
    """Generated texts behind that seed."""
    runtime.seed("soft", seed)
    with as_double():
        fake: Sequences = method.play(real, progress)
    return fake


@contextmanager
def as_double() -> Iterator[None]:
    """Draws in double precision: noise z goes straight into a generator's layers."""
    normal = runtime.normal
    runtime.normal = lambda *arguments: normal(*arguments).double()
    try:
        yield
    finally:
        runtime.normal = normal
