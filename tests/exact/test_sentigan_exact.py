"""SentiGAN on a language small enough to be solved: two generators, three classes.

The paper states an update, so what is expected is its gradient: texts and penalties are held,
probabilities move. Known mistakes run through the same checks, which reject them.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.exact.enumerated import (
    ENDS,
    PREFIXES,
    Array,
    Text,
    V,
    is_close,
    is_unbiased,
    numerical_gradient,
    prefix_values,
    probability,
    sixteenths,
    texts_of,
    token_log_probs,
)
from tests.exact.tables import (
    TableDiscriminator,
    TableGenerator,
    batch_of,
    gradient,
    population,
)
from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.errors import UserError
from textgan.estimators.rollout import rollout_values
from textgan.generators.causal import State
from textgan.methods import METHODS

K = 2
POLICIES = np.stack([sixteenths(seed) for seed in range(K)])  # (k, prefixes, V)


class TableMixture(TableGenerator):
    """A table for each category, which rides behind the prefix in the state."""

    @property
    def categories(self) -> int:
        return K

    def conditioned(self, state: State, noise: Tensor | None, category: Tensor | None) -> State:
        assert category is not None
        return *state, category

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        node = torch.where(state[0] < 0, 0, V * state[0] + 1 + token)
        return self.table[state[1], node.clamp(max=PREFIXES - 1)], (node, state[1])

    def logits(self, s: Sequences) -> Tensor:
        state, columns = self.start_of(s), []
        for token in self.shifted(s).t():
            logits, state = self.advance(token, state)
            columns.append(logits)
        return torch.stack(columns, dim=1)


class TableClassifier(TableDiscriminator):
    """k + 1 scores a text, dropout on them, and an output layer of two numbers."""

    def __init__(self, eos: int | None, dropout: float = 0.0) -> None:
        super().__init__(eos, dropout)
        self.config.options = {"classes": K + 1}
        torch.manual_seed(5)
        scores = 2 * torch.randn(len(self.texts), K + 1, dtype=torch.float64)
        self.scores = torch.nn.Parameter(scores)

    def head(self, features: Tensor) -> Tensor:
        return self.output[0] * self.dropout(features).squeeze(1) + self.output[1]

    def classes(self) -> dict[Text, Array]:
        """D of every text: (k + 1,)."""
        d = (self.output[0] * self.scores + self.output[1]).detach().numpy()
        return dict(zip(self.texts, softmax(d), strict=True))


def softmax(d: Array) -> Array:
    result: Array = np.exp(d) / np.exp(d).sum(axis=-1, keepdims=True)
    return result


def make(eos: int | None, dropout: float = 0.0, **options: Any) -> Any:
    kind = METHODS["sentigan"]
    players = TableMixture(eos, POLICIES), TableClassifier(eos, dropout)
    return kind(kind.Options(**options), *players).train()


def texts_of_both(eos: int | None) -> Sequences:
    """4096 texts of each generator, each as often as its policy says."""
    fakes = [population(POLICIES[i], eos) for i in range(K)]
    category = torch.arange(K).repeat_interleave(4096)
    return Sequences(torch.cat([fake.ids for fake in fakes]), eos, category=category)


def penalties(eos: int | None, label: int) -> dict[Text, float]:
    return {x: 1 - float(d[label]) for x, d in TableClassifier(eos).classes().items()}


@functools.cache
def papers_gradient(eos: int | None) -> Array:
    """Of sum_t pi_i(x_t) V_t over texts of generator i, texts and V held fixed: a mean over i."""
    found = []
    for i, old in enumerate(POLICIES):
        worth = penalties(eos, i)
        values = {x: prefix_values(old, worth, x) for x in texts_of(eos)}

        def loss(new: Array, old: Array = old, values: Any = values) -> float:
            return sum(
                probability(old, x) * float(np.exp(token_log_probs(new, x)) @ v)
                for x, v in values.items()
            )

        found.append(numerical_gradient(loss, old))
    return np.stack(found) / K


def estimate(method: Any, loss: Callable[[Any, Sequences], Tensor]) -> Callable[[int], Array]:
    fake = texts_of_both(method.generator.config.eos_token_id)

    def of(seed: int) -> Array:
        runtime.seed("sentigan", seed)
        return gradient(loss(method, fake), method) / len(fake)

    return of


def own(method: Any, fake: Sequences) -> Tensor:
    total: Tensor = method.generator_loss(fake, fake, 0.0).total
    return total


@pytest.mark.parametrize("eos", ENDS)
def test_the_expected_gradient_is_the_papers(eos: int | None) -> None:
    expected = papers_gradient(eos)
    assert np.abs(expected).max() > 0.005
    method = make(eos, dropout=0.5, rollouts=4)
    assert is_unbiased(estimate(method, own), expected)


# Wrong ones


def weighed(method: Any, fake: Sequences) -> tuple[Tensor, Tensor, Tensor]:
    """log pi, penalties through rollouts, mask."""
    values = rollout_values(method.generator, method.penalty, fake, 4)
    return method.generator.log_prob(fake), values, fake.mask


def opposite_sign(method: Any, fake: Sequences) -> Tensor:
    """One port has it: what the discriminator sees through becomes likelier."""
    return -own(method, fake)


def on_the_logarithm(method: Any, fake: Sequences) -> Tensor:
    """REINFORCE on the penalty: sum log pi V."""
    log_prob, values, mask = weighed(method, fake)
    return (log_prob * values * mask).sum()


def seqgans_reward(method: Any, fake: Sequences) -> Tensor:
    """-sum log pi D_i."""
    log_prob, values, mask = weighed(method, fake)
    return -(log_prob * (1 - values) * mask).sum()


def the_generated_class(method: Any, fake: Sequences) -> Tensor:
    """D_k+1 for 1 - D_i: a text of another label costs nothing."""

    def judged(s: Sequences, *_: int) -> Tensor:
        found: Tensor = method.discriminator.judge(s).softmax(dim=1)[:, K]
        return found

    values = rollout_values(method.generator, judged, fake, 4)
    return (method.generator.log_prob(fake).exp() * values * fake.mask).sum()


def another_label(method: Any, fake: Sequences) -> Tensor:
    """The classes are rotated: generator i is to write texts of i + 1."""

    def judged(s: Sequences, *_: int) -> Tensor:
        assert s.category is not None
        found = method.discriminator.judge(s).softmax(dim=1)
        return 1 - found.gather(1, (s.category[:, None] + 1) % K).squeeze(1)

    values = rollout_values(method.generator, judged, fake, 4)
    return (method.generator.log_prob(fake).exp() * values * fake.mask).sum()


def dropout_in_the_penalty(method: Any, fake: Sequences) -> Tensor:
    def judged(s: Sequences, *_: int) -> Tensor:
        assert s.category is not None
        found = method.discriminator(s).softmax(dim=1)
        return 1 - found.gather(1, s.category[:, None]).squeeze(1)

    values = rollout_values(method.generator, judged, fake, 4)
    return (method.generator.log_prob(fake).exp() * values * fake.mask).sum()


WRONG = [
    opposite_sign,
    on_the_logarithm,
    seqgans_reward,
    the_generated_class,
    another_label,
    dropout_in_the_penalty,
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda f: f.__name__)
def test_a_wrong_sentigan_fails_the_check(wrong: Callable[[Any, Sequences], Tensor]) -> None:
    method = make(3, dropout=0.5, rollouts=4)
    assert not is_unbiased(estimate(method, wrong), papers_gradient(3), seeds=5)


def test_it_is_not_the_gradient_of_the_expected_penalty() -> None:
    """The update goes along grad pi V, and not along that of E V: it is no policy gradient."""

    def expected(new: Array) -> float:
        return sum(probability(new, x) * v for x, v in penalties(3, 0).items())

    assert not is_close(papers_gradient(3)[0], numerical_gradient(expected, POLICIES[0]) / K)


def test_the_mean_is_the_sum_over_the_number_of_real_tokens() -> None:
    fake, losses = texts_of_both(3), {}
    for reduction in ("sum", "mean"):
        runtime.seed(1)
        method = make(3, rollouts=1, reduction=reduction)
        losses[reduction] = method.generator_loss(fake, fake, 0.0)
    tokens = int(fake.mask.sum())
    assert losses["sum"].terms is None and losses["mean"].terms == tokens
    assert losses["mean"].total.item() * tokens == pytest.approx(losses["sum"].total.item())


# The discriminator


def labelled(eos: int | None) -> tuple[list[Text], list[int], list[Text]]:
    """Real texts, their labels, generated ones."""
    texts, chance = texts_of(eos), np.random.default_rng(0)
    rows = chance.integers(len(texts), size=18)
    return (
        [texts[i] for i in rows[:10]],
        chance.integers(K, size=10).tolist(),
        [texts[i] for i in rows[10:]],
    )


def papers_loss(scores: Array, eos: int | None, output: Array, l2: float, fake_class: int) -> float:
    """Mean over all texts of -log D_class, and the output layer's penalty."""
    real, labels, fake = labelled(eos)
    place = {x: i for i, x in enumerate(texts_of(eos))}
    d = softmax(output[0] * scores + output[1])
    chosen = [d[place[x], c] for x, c in zip(real, labels, strict=True)]
    chosen += [d[place[x], fake_class] for x in fake]
    return float(-np.log(chosen).mean() + l2 * 0.5 * (output**2).sum())


@pytest.mark.parametrize("eos", ENDS)
def test_the_discriminators_loss_is_cross_entropy_over_labels_and_generated(
    eos: int | None,
) -> None:
    method, (real, labels, fake) = make(eos, output_l2=0.3), labelled(eos)
    s = Sequences(batch_of(real, eos).ids, eos, category=torch.tensor(labels))
    f = Sequences(batch_of(fake, eos).ids, eos, category=torch.zeros(len(fake), dtype=torch.long))
    loss = method.discriminator_loss(s, f, 0.0)
    scores = method.discriminator.scores.detach().numpy()
    output = method.discriminator.output.detach().numpy()
    assert loss.total.item() == pytest.approx(papers_loss(scores, eos, output, 0.3, K))
    assert loss.total.item() != pytest.approx(papers_loss(scores, eos, output, 0.3, 0))
    (found,) = torch.autograd.grad(loss.total, [method.discriminator.scores])
    expected = numerical_gradient(lambda x: papers_loss(x, eos, output, 0.3, K), scores)
    assert is_close(found.numpy(), expected)
    place = {x: i for i, x in enumerate(texts_of(eos))}
    told = [int(np.argmax(scores[place[x]])) for x in real + fake]
    classes = labels + [K] * len(fake)
    assert loss.parts["class_accuracy"].item() == pytest.approx(np.equal(told, classes).mean())
    sides = np.equal(np.equal(told, K), np.equal(classes, K))
    assert loss.parts["d_accuracy"].item() == pytest.approx(sides.mean())


# Mistakes of the user


def test_players_that_do_not_fit_are_errors_in_the_users_words() -> None:
    kind, classifier = METHODS["sentigan"], TableClassifier(3)
    with pytest.raises(UserError) as error:
        kind(kind.Options(), TableGenerator(3, POLICIES[0]), classifier)
    assert str(error.value) == (
        "generator.categories: sentigan has a generator for each label of the texts; set "
        "generator.name to mixture and generator.categories to the number of labels"
    )
    with pytest.raises(UserError) as error:
        kind(kind.Options(), TableMixture(3, POLICIES), TableDiscriminator(3))
    assert str(error.value) == (
        "discriminator.classes: 1, but sentigan tells 2 labels (generator.categories) and "
        "generated texts apart; set discriminator.name to cnn and discriminator.classes to 3"
    )
    method, s = make(3), batch_of(texts_of(3)[:4], 3)
    with pytest.raises(UserError) as error:
        method.discriminator_loss(s, s, 0.0)
    assert str(error.value) == (
        "corpus.label_column: sentigan learns from labelled texts; name theirs"
    )
