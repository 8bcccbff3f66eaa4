"""TaylorGAN on the enumerated language: advantages of all tokens, kernel, weights, penalties."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.exact.enumerated import (
    ENDS,
    PREFIXES,
    Array,
    T,
    Text,
    V,
    is_close,
    log_softmax,
    nodes,
    numerical_gradient,
    probability,
    sixteenths,
    texts_of,
)
from tests.exact.tables import TableGenerator, batch_of, gradient, population
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator, DiscriminatorConfig
from textgan.losses.regularizers import largest_singular_value
from textgan.methods.taylorgan import TaylorGAN, TaylorGANOptions

H = 0.9
"""A bandwidth at which the vectors of V words are neither one nor strangers."""


class SmoothDiscriminator(Discriminator):
    """d = y + curve * y², y = sum_t w_t · e_(x_t) over real tokens: word vectors of two numbers."""

    config_class = DiscriminatorConfig
    row_bytes = 8

    def __init__(self, curve: float) -> None:
        super().__init__(DiscriminatorConfig(vocab_size=V))
        torch.manual_seed(3)
        self.curve = curve
        self.embedding = nn.Embedding(V, 2, dtype=torch.float64)
        self.weight = nn.Parameter(torch.randn(T, 2, dtype=torch.float64))
        self.dropout = nn.Dropout(0.0)

    def read(self, embedded: Tensor, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        return (embedded * self.weight[: embedded.shape[1]]).sum(dim=(1, 2))

    def head(self, features: Tensor) -> Tensor:
        return features + self.curve * features**2


def method_with(
    eos: int | None, curve: float = 0.5, logits: Array | None = None, **options: Any
) -> TaylorGAN:
    table = sixteenths() if logits is None else logits
    plain = {"bandwidth": H, "spectral": 0, "entropy_bonus": 0, **options}
    chosen = TaylorGANOptions.model_validate(plain)
    method = TaylorGAN(chosen, TableGenerator(eos, table), SmoothDiscriminator(curve))
    return method.double().train()


# ---------------------------------------------------------------- the paper's update, slowly


class ByHand:
    """The paper's equations in loops; ``wrong`` names a mistake to make."""

    def __init__(self, method: TaylorGAN, wrong: str = "") -> None:
        d = method.discriminator
        self.e = d.embedding.weight.detach().numpy()
        self.w, self.curve = d.weight.detach().numpy(), d.curve
        self.h, self.wrong = method.options.bandwidth, wrong

    def reward(self, vectors: Array) -> float:
        """Of a text's word vectors (n, 2)."""
        y = float((vectors * self.w[: len(vectors)]).sum())
        return y + self.curve * y * y

    def kernel(self, x: int, v: int) -> float:
        square = float(((self.e[x] - self.e[v]) ** 2).sum())
        width = self.h if self.wrong == "h, not its square" else self.h**2
        return float(np.exp(-square / (width * (1 if self.wrong == "no half" else 2))))

    def weight(self, p: Array, x: int, v: int) -> float:
        if self.wrong == "sum at x":
            return self.kernel(x, v) / sum(p[u] * self.kernel(x, u) for u in range(V))
        if self.wrong == "not normalised":
            return self.kernel(x, v)
        if self.wrong == "only pi":
            return self.kernel(x, v) / p[x]
        return self.kernel(x, v) / sum(p[u] * self.kernel(u, v) for u in range(V))

    def weights(self, logits: Array, text: Text, b: float) -> list[Array]:
        """For each t the factor of pi(v), (V,)."""
        vectors = self.e[list(text)]
        slope = numerical_gradient(self.reward, vectors)
        rows = []
        for t, (node, x) in enumerate(zip(nodes(text), text, strict=True)):
            p = np.exp(log_softmax(logits[node]))
            row = np.zeros(V)
            for v in range(V):
                step = self.e[v] - (0 if self.wrong == "no difference" else self.e[x])
                step = -step if self.wrong == "backwards" else step
                first = 0.0 if self.wrong == "no first order" else float(slope[t] @ step)
                row[v] = self.weight(p, x, v) * (self.reward(vectors) - b + first)
            rows.append(row)
        return rows

    def gradient(self, method: TaylorGAN, texts: list[Text], b: float) -> Array:
        """Of the mean over tokens, the factors held still."""
        factor = np.zeros((PREFIXES, V))
        for text in texts:
            for node, row in zip(nodes(text), self.weights(sixteenths(), text, b), strict=True):
                factor[node] += row
        factor /= sum(len(text) for text in texts)

        def objective(logits: Array) -> float:
            return -float((factor * np.exp(log_softmax(logits))).sum())

        return numerical_gradient(objective, sixteenths())


WRONG = [
    "sum at x",
    "not normalised",
    "only pi",
    "no difference",
    "backwards",
    "no first order",
    "no half",
    "h, not its square",
]


@pytest.mark.parametrize("eos", ENDS)
def test_the_gradient_is_the_papers_and_known_mistakes_are_not(eos: int | None) -> None:
    texts = texts_of(eos)
    some = [texts[i] for i in np.random.default_rng(2).integers(len(texts), size=12)]
    method, batch = method_with(eos), batch_of(some, eos)
    method.baseline.fill_(0.7)
    loss = method.generator_loss(batch, batch, 0.0)
    found = gradient(loss.total, method)
    assert np.abs(found).max() > 0.01
    assert is_close(found, ByHand(method).gradient(method, some, 0.7))
    assert not is_close(found, ByHand(method).gradient(method, some, 0.0)), "the baseline"
    for wrong in WRONG:
        assert not is_close(found, ByHand(method, wrong).gradient(method, some, 0.7)), wrong
    rewards = [ByHand(method).reward(ByHand(method).e[list(text)]) for text in some]
    method.after_step("generator")
    lengths = [len(text) for text in some]
    expected = 0.9 * 0.7 + 0.1 * np.average(rewards, weights=lengths)
    assert method.baseline.item() == pytest.approx(expected, rel=1e-9)
    assert loss.parts["reward_std"].item() == pytest.approx(np.std(rewards), rel=1e-6)


@pytest.mark.parametrize("bandwidth", [1e-3, 0.5, 1.0, 1e3])
def test_the_expected_weight_of_every_token_is_one(bandwidth: float) -> None:
    method, fake = method_with(None, bandwidth=bandwidth), population(sixteenths(), None)
    p = torch.tensor(np.exp(sixteenths()[0])).expand(len(fake), T, V)
    mean = method.weights(p, fake)[:, 0].mean(dim=0)  # the first token's law is the first row
    np.testing.assert_allclose(mean.numpy(), np.ones(V), atol=1e-9)
    for wrong in ("sum at x", "not normalised"):
        by_hand = ByHand(method, wrong)
        chance = p[0, 0].numpy()
        means = [sum(chance[x] * by_hand.weight(chance, x, v) for x in range(V)) for v in range(V)]
        assert np.abs(np.array(means) - 1).max() > 0.01 or bandwidth in (1e-3, 1e3)


def forgetful() -> Array:
    """A policy whose tokens don't depend on those before: what comes later is what would have."""
    rows = sixteenths()
    depth = np.array([0, *[1] * V, *[2] * V**2])
    result: Array = rows[:T][depth]
    return result


def expected_reward_gradient(method: TaylorGAN, logits: Array) -> Array:
    by_hand = ByHand(method)
    rewards = {x: by_hand.reward(by_hand.e[list(x)]) for x in texts_of(None)}
    return -numerical_gradient(
        lambda table: sum(probability(table, x) * r for x, r in rewards.items()), logits
    )


@pytest.mark.parametrize("bandwidth", [1e-3, 0.5, 1e3])
def test_it_is_unbiased_where_its_expansion_is_exact(bandwidth: float) -> None:
    method = method_with(None, 0.0, forgetful(), bandwidth=bandwidth)
    fake = population(forgetful(), None)
    found = gradient(method.generator_loss(fake, fake, 0.0).total, method) * T
    expected = expected_reward_gradient(method, forgetful())
    assert np.abs(expected).max() > 0.01
    assert is_close(found, expected)


def test_a_narrow_kernel_is_reinforce_and_a_wide_one_is_biased_by_curvature() -> None:
    expected = expected_reward_gradient(method_with(None, 0.5), sixteenths())
    found = {}
    for bandwidth in (1e-3, 1e3):
        method, fake = method_with(None, 0.5, bandwidth=bandwidth), population(sixteenths(), None)
        found[bandwidth] = gradient(method.generator_loss(fake, fake, 0.0).total, method) * T
    assert is_close(found[1e-3], expected)
    assert np.abs(found[1e3] - expected).max() > 0.01


def test_a_sum_is_the_mean_times_the_tokens() -> None:
    batch = batch_of(texts_of(3)[::4], 3)
    losses = {
        reduction: method_with(3, reduction=reduction).generator_loss(batch, batch, 0.0)
        for reduction in ("sum", "mean")
    }
    count = batch.mask.sum().item()
    found = losses["sum"].total.item()
    assert abs(found) > 1e-3
    assert found == pytest.approx(count * losses["mean"].total.item(), rel=1e-6)
    assert losses["sum"].terms is None and losses["mean"].terms == count


def test_without_the_spectral_penalty_no_vectors_are_kept() -> None:
    assert not any(name.startswith("left") for name in method_with(3, spectral=0).own_state())


# ---------------------------------------------------------------- entropy and penalties


def test_the_entropy_bonus_is_the_mean_entropy_over_prefixes() -> None:
    texts = texts_of(3)
    batch = batch_of(texts, 3)
    with_bonus = method_with(3, entropy_bonus=0.02).generator_loss(batch, batch, 0.0).total
    without = method_with(3).generator_loss(batch, batch, 0.0).total
    rows = log_softmax(sixteenths())
    entropy = [-(np.exp(rows[n]) * rows[n]).sum() for text in texts for n in nodes(text)]
    assert (without - with_bonus).item() == pytest.approx(0.02 * np.mean(entropy), rel=1e-6)


def test_penalties_are_spectral_norms_and_long_word_vectors() -> None:
    method = method_with(None, spectral=0.07)
    d, real = method.discriminator, batch_of(texts_of(None)[:5], None)
    for _ in range(200):
        loss = method.discriminator_loss(real, real, 0.0)
    largest = np.linalg.svd(d.weight.detach().numpy())[1][0]
    long = np.maximum((d.embedding.weight.detach().numpy() ** 2).sum(axis=1) - 1, 0)
    assert long.max() > 0
    expected = 0.07 / 2 * largest**2 + 0.2 / 2 * long.mean()
    assert (loss.total - loss.parts["d_loss"]).item() == pytest.approx(expected, rel=1e-9)
    frobenius = (d.weight.detach().numpy() ** 2).sum()
    assert frobenius > 1.05 * largest**2
    assert [k for k in method.own_state() if k.startswith("left")] == ["left_0"]


def test_the_largest_singular_value_and_its_gradient() -> None:
    torch.manual_seed(0)
    matrix = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    left = nn.functional.normalize(torch.randn(5, dtype=torch.float64), dim=0)
    for _ in range(100):
        value = largest_singular_value(matrix, left)
    u, s, vt = np.linalg.svd(matrix.detach().numpy())
    assert value.item() == pytest.approx(s[0], rel=1e-9)
    (slope,) = torch.autograd.grad(value, matrix)
    np.testing.assert_allclose(slope.numpy(), np.outer(u[:, 0], vt[0]), atol=1e-6)
