"""What holds for every policy: sampling, likelihood and rollouts are one distribution."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.cnn import CNNConfig, CNNDiscriminator, CNNOptions
from textgan.estimators.rollout import rollout_values
from textgan.generators import GENERATORS, Generator
from textgan.generators.base import NEVER
from textgan.generators.draws import blocks, pick, weigh_
from textgan.generators.likelihood import token_log_prob
from textgan.methods.seqgan import SeqGAN, SeqGANOptions

PAD, BOS, EOS, V, T = 0, 1, 2, 13, 9
CPU = torch.device("cpu")
ALMOST_ONE = 1 - 2**-24
"""The largest number that torch.rand gives."""


RECURRENT = {"embedding_size": 12, "hidden_size": 12, "layers": 2, "init_std": 0.7}
LEAKED = {"embedding_size": 3, "widths": [1, 2, 4], "filters": [3, 2, 3]}
SIZES = {
    "lstm": RECURRENT,
    "gru": RECURRENT,
    "transformer": {"hidden_size": 12, "layers": 2, "heads": 2},
    "leakgan": {
        "hidden_size": 12,
        "goal_size": 3,
        "horizon": 3,
        "features": LEAKED,
        "init_std": 0.7,
    },
    "relational_memory": {"embedding_size": 12, "slots": 2, "heads": 2, "head_size": 6},
}
each_policy = pytest.mark.parametrize("name", list(SIZES))


def make(eos: int | None = EOS, name: str = "lstm", **options: object) -> Generator:
    """A peaked policy in training mode, with dropout, which sampling must switch off."""
    runtime.seed(0, "laws")
    model = GENERATORS[name]
    options = {"name": name, **SIZES[name], "dropout": 0.3, **options}
    settings = model.config_class(
        vocab_size=V,
        length=T,
        never=[PAD, BOS],
        options=model.Options.model_validate(options).model_dump(mode="json"),
        pad_token_id=PAD,
        bos_token_id=BOS,
        eos_token_id=eos,
    )
    generator = model(settings).train()
    if name in ("transformer", "relational_memory"):
        with torch.no_grad():
            for part in generator.parameters():
                part.mul_(15 if part.dim() > 1 else 1)
    return generator


def make_discriminator() -> CNNDiscriminator:
    runtime.seed(0, "laws' judge")
    options = CNNOptions(embedding_size=6, widths=[1, 3, 20], filters=[4, 4, 4], dropout=0.5)
    settings = CNNConfig(vocab_size=V, options=options.model_dump(mode="json"))
    return CNNDiscriminator(settings).train()


def teacher_forced(generator: Generator, s: Sequences) -> Tensor:
    """One token after another through `advance`: the slow, obvious likelihood."""
    state, columns = generator.initial_state(len(s)), []
    token = torch.full((len(s),), BOS)
    with runtime.evaluating(generator), torch.no_grad():
        for t in range(s.ids.shape[1]):
            logits, state = generator.advance(token, state)
            token = s.ids[:, t]
            columns.append(logits.log_softmax(dim=1).gather(1, token[:, None]))
    return torch.cat(columns, dim=1) * s.mask


# Sampling and likelihood


@pytest.mark.parametrize("eos", [EOS, None])
@each_policy
def test_sampled_log_probabilities_are_the_teacher_forced_ones(eos: int | None, name: str) -> None:
    generator = make(eos, name)
    runtime.seed(1)
    s = generator.sample(300)
    assert s.log_prob is not None
    assert s.given is not None
    assert not s.given.any()
    assert eos is None or len(set(s.lengths.tolist())) > 3, "texts of several lengths"
    torch.testing.assert_close(s.log_prob, teacher_forced(generator, s), rtol=1e-4, atol=1e-5)
    with runtime.evaluating(generator):
        torch.testing.assert_close(s.log_prob, generator.log_prob(s), rtol=1e-4, atol=1e-5)
        everything = generator.logits(s).log_softmax(dim=2)
    chosen = everything.gather(2, s.ids[..., None]).squeeze(2) * s.mask
    torch.testing.assert_close(s.log_prob, chosen, rtol=1e-4, atol=1e-5)


@each_policy
def test_a_prefix_is_given_and_what_follows_has_its_teacher_forced_log_probability(
    name: str,
) -> None:
    generator = make(name=name)
    prefix = torch.tensor([[5, 6, 7], [8, EOS, PAD]]).repeat(50, 1)
    runtime.seed(1)
    s = generator.sample(100, prefix=prefix)
    assert s.ids.shape == (100, T)
    assert torch.equal(s.ids[:, :3], prefix)
    assert s.given is not None
    assert s.given.tolist() == [[True] * 3 + [False] * (T - 3)] * 100
    assert s.log_prob is not None
    assert not s.log_prob[:, :3].any()
    expected = teacher_forced(generator, s)
    torch.testing.assert_close(s.log_prob[:, 3:], expected[:, 3:], rtol=1e-4, atol=1e-5)
    assert s.ids[1::2, 3:].unique().tolist() == [PAD], "a text that ended in its prefix stays so"
    assert not s.log_prob[1::2].any()


@each_policy
def test_behind_eos_stand_padding_and_zeros(name: str) -> None:
    runtime.seed(1)
    s = make(name=name).sample(300)
    assert s.log_prob is not None
    assert set(s.ids[~s.mask].tolist()) == {PAD}
    assert set(s.log_prob[~s.mask].tolist()) == {0.0}
    assert not torch.isin(s.ids[s.mask], torch.tensor([PAD, BOS])).any()


def test_under_a_processor_the_log_probability_is_the_processed_distributions() -> None:
    generator = make()
    processors = LogitsProcessorList([TemperatureLogitsWarper(1.7), TopKLogitsWarper(3)])
    runtime.seed(1)
    s = generator.sample(200, logits_processor=processors)
    with runtime.evaluating(generator), torch.no_grad():
        logits = generator.logits(s) / 1.7
    third = logits.topk(3, dim=2).values[..., -1:]
    kept = logits.masked_fill(logits < third, -torch.inf).log_softmax(dim=2)
    expected = kept.gather(2, s.ids[..., None]).squeeze(2).masked_fill(~s.mask, 0.0)
    torch.testing.assert_close(s.log_prob, expected, rtol=1e-4, atol=1e-5)
    assert (s.log_prob - teacher_forced(generator, s)).abs().max() > 0.1, "not the plain policy's"


def test_processors_see_bos_and_the_tokens_so_far() -> None:
    seen: list[Tensor] = []

    def spy(ids: Tensor, logits: Tensor) -> Tensor:
        seen.append(ids.clone())
        return logits

    prefix = torch.tensor([[5, 6]] * 3)
    s = make(eos=None).sample(3, 5, prefix=prefix, logits_processor=LogitsProcessorList([spy]))
    whole = torch.cat([torch.full((3, 1), BOS), s.ids], dim=1)
    assert [ids.tolist() for ids in seen] == [whole[:, :t].tolist() for t in (3, 4, 5)]


def test_sampling_restores_the_mode_it_found() -> None:
    generator = make()
    generator.recurrent.eval()
    generator.sample(3)
    assert generator.training
    assert generator.dropout.training
    assert not generator.recurrent.training


@each_policy
def test_the_chunks_of_a_batch_do_not_change_its_texts(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = []
    for held, rows in ((1000, 1000), (1000, 7), (7, 7), (7, 2), (1, 1)):
        monkeypatch.setattr(runtime, "rows_at_once", lambda *_, held=held: held)
        monkeypatch.setattr(runtime, "rows_in_cache", lambda *_, rows=rows: rows)
        runtime.seed(1)
        samples.append(make(name=name).sample(50))
    for other in samples[1:]:
        assert torch.equal(other.ids, samples[0].ids)
        torch.testing.assert_close(other.log_prob, samples[0].log_prob, rtol=1e-4, atol=1e-5)


def test_a_texts_chance_depends_on_its_row_alone() -> None:
    generator, texts = make(), []
    for others in (5, 6):
        prefix = torch.full((20, 1), others)
        prefix[7] = 8
        runtime.seed(1)
        texts.append(generator.sample(20, prefix=prefix).ids)
    assert torch.equal(texts[0][7], texts[1][7])
    runtime.seed(1)
    same = generator.sample(20, prefix=torch.full((20, 1), 8)).ids
    assert torch.equal(same[7], texts[0][7])
    assert len({tuple(ids) for ids in same.tolist()}) > 10, "rows differ in their chance"


def test_the_seed_decides_the_texts() -> None:
    generator = make()
    draws = []
    for keys in ((3, 1), (3, 1), (3, 2)):
        runtime.seed(*keys)
        draws.append(generator.sample(20).ids.tolist())
    assert draws[0] == draws[1] != draws[2]


# One draw


def draw(logits: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
    weight, sums = logits.clone(), torch.empty(len(logits), blocks(logits.shape[1]))
    weigh_(weight, sums)
    return pick(weight, sums, uniform)


def frequencies(logits: Tensor, draws: int) -> tuple[Tensor, Tensor]:
    """Counts of so many draws, and what softmax expects: (V,), (V,)."""
    runtime.seed(5, logits.numel())
    numbers = runtime.uniform(draws, 1, CPU).squeeze(1)
    counts = torch.zeros(logits.numel(), dtype=torch.float64)
    for part in numbers.split(2048):
        token, log_prob = draw(logits.expand(len(part), -1), part)
        torch.testing.assert_close(log_prob, logits.log_softmax(0)[token], rtol=1e-4, atol=1e-5)
        counts += torch.bincount(token, minlength=logits.numel())
    return counts, draws * logits.double().softmax(0)


@pytest.mark.parametrize("vocabulary", [1, 7, 100, 5003])
def test_draws_are_as_frequent_as_softmax_says(vocabulary: int) -> None:
    torch.manual_seed(vocabulary)
    logits = torch.randn(vocabulary) * 2
    counts, expected = frequencies(logits, 20_000)
    assert counts.sum() == 20_000
    common = expected >= 5
    observed = torch.cat([counts[common], counts[~common].sum()[None]])
    wanted = torch.cat([expected[common], expected[~common].sum()[None]])
    if wanted[-1] == 0:
        observed, wanted = observed[:-1], wanted[:-1]
    chi_square = float(((observed - wanted) ** 2 / wanted).sum())
    freedom = len(wanted) - 1
    assert chi_square <= freedom + 4 * (2 * freedom) ** 0.5


@pytest.mark.parametrize("vocabulary", [1, 2, 7, 100, 5003])
def test_at_the_edges_stand_the_first_and_the_last_possible_token(vocabulary: int) -> None:
    torch.manual_seed(0)
    logits = torch.randn(vocabulary)
    edges = torch.tensor([0.0, ALMOST_ONE])
    token, _ = draw(logits.expand(2, -1), edges)
    assert token.tolist() == [0, vocabulary - 1]
    possible = torch.arange(vocabulary // 3, vocabulary - vocabulary // 3)
    masked = torch.full_like(logits, -torch.inf)
    masked[possible] = logits[possible]
    token, log_prob = draw(masked.expand(2, -1), edges)
    assert token.tolist() == [possible[0], possible[-1]]
    torch.testing.assert_close(log_prob, masked.log_softmax(0)[token])


@pytest.mark.parametrize("impossible", [-torch.inf, NEVER])
@pytest.mark.parametrize("vocabulary", [7, 100, 5003])
def test_an_impossible_token_is_never_drawn(vocabulary: int, impossible: float) -> None:
    torch.manual_seed(vocabulary)
    rows = 200_000 // vocabulary + 500
    logits = torch.randn(rows, vocabulary) * 3
    logits[torch.rand(rows, vocabulary) < 0.7] = impossible
    logits[:, vocabulary // 2] = 0.0
    p = logits.softmax(dim=1)
    # Where rounding is most likely to miss: on the border between two tokens.
    border = p.cumsum(dim=1).gather(1, torch.randint(vocabulary, (rows, 1))).squeeze(1)
    for shift in (-(2**-24), 0.0, 2**-24):
        token, log_prob = draw(logits, (border + shift).clamp(0, ALMOST_ONE))
        assert (p.gather(1, token[:, None]) > 0).all()
        assert log_prob.isfinite().all()


def test_rounding_at_a_border_reaches_no_impossible_token() -> None:
    torch.manual_seed(0)
    logits = torch.full((4000, 5003), -torch.inf)
    possible = torch.arange(129, 5003, 130)  # far apart: all that stands before each is impossible
    logits[:, possible] = torch.randn(4000, len(possible))
    weight = (logits - logits.amax(dim=1, keepdim=True)).exp()[:, possible]
    above = weight.cumsum(dim=1)
    border = above.gather(1, torch.randint(len(possible) - 1, (4000, 1))) / above[:, -1:]
    token, log_prob = draw(logits, border.squeeze(1).clamp(max=ALMOST_ONE))
    assert torch.isin(token, possible).all()
    assert log_prob.isfinite().all()


def test_a_draw_is_the_inverse_of_the_cumulative_distribution() -> None:
    logits = torch.tensor([0.5, 0.25, 0.0, 0.125, 0.125]).log()
    numbers = torch.tensor([0.0, 0.49, 0.5, 0.74, 0.75, 0.87, 0.875, 0.99])
    token, log_prob = draw(logits.expand(8, -1), numbers)
    assert token.tolist() == [0, 0, 1, 1, 3, 3, 4, 4]
    torch.testing.assert_close(log_prob, logits[token])


# Likelihood in few passes


def linear(n: int, h: int, v: int, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    torch.manual_seed(n)
    shapes = [(n, h), (v, h), (v,)]
    return [torch.randn(shape, dtype=dtype).requires_grad_() for shape in shapes]


def plain(hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    logits = hidden @ weight.t() + bias
    return logits.log_softmax(dim=1).gather(1, targets[:, None]).squeeze(1)


@pytest.mark.parametrize("n", [1, 7, 8, 19])
def test_token_log_prob_is_log_softmax_at_the_targets(
    n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "rows_in_cache", lambda *_: 8)
    inputs, targets = linear(n, 5, 300), torch.randint(300, (n,))
    values = [f(*inputs, targets) for f in (token_log_prob, plain)]
    torch.testing.assert_close(values[0], values[1], rtol=1e-5, atol=1e-5)
    weights = torch.randn(n)
    gradients = [torch.autograd.grad((value * weights).sum(), inputs) for value in values]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_token_log_probs_gradient_is_the_numerical_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "rows_in_cache", lambda *_: 8)
    inputs, targets = linear(10, 2, 3, torch.float64), torch.randint(3, (10,))
    assert torch.autograd.gradcheck(lambda *x: token_log_prob(*x, targets), inputs)


@pytest.mark.parametrize("scale", [0.1, 1.0, 40.0])
def test_a_bounded_softmax_is_the_same_as_one_with_a_maximum(scale: float) -> None:
    """Known logits of up to 40, either way: likelihood, gradients, weights and their sums."""
    torch.manual_seed(0)
    hidden = torch.rand(30, 4) * 2 - 1
    weight = torch.randn(200, 4)
    weight = (weight / weight.abs().sum(dim=1, keepdim=True) * scale).requires_grad_()
    bias, targets = torch.zeros(200).index_fill(0, torch.tensor([0]), NEVER), torch.arange(30) + 1
    found = [token_log_prob(hidden, weight, bias, targets, bounded) for bounded in (False, True)]
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-4)
    gradients = [torch.autograd.grad(value.sum(), weight)[0] for value in found]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)
    numbers, drawn = torch.rand(30), []
    for bounded in (False, True):
        logits, sums = (hidden @ weight.t() + bias).detach(), torch.empty(30, blocks(200))
        weigh_(logits, sums, bounded)
        drawn.append(pick(logits, sums, numbers))
    assert torch.equal(drawn[0][0], drawn[1][0])
    torch.testing.assert_close(drawn[0][1], drawn[1][1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_no_logit_of_a_bounded_policy_is_larger(name: str) -> None:
    generator = make(name=name)
    assert generator.bounded()
    spoken = generator.logits(generator.sample(50))[..., 3:]
    assert float(spoken.detach().abs().max()) < 40
    with torch.no_grad():
        generator.output.weight.mul_(1e3)
    assert not generator.bounded()
    assert generator.sample(50).log_prob.isfinite().all()
    assert not make(name="transformer").bounded(), "nothing bounds its outputs"


def test_token_log_prob_stands_extreme_logits() -> None:
    hidden = torch.tensor([[1.0], [1.0], [1.0]], requires_grad=True)
    weight = torch.tensor([[200.0], [-200.0], [0.0], [NEVER]])
    targets = torch.tensor([0, 1, 2])
    value = token_log_prob(hidden, weight, torch.zeros(4), targets)
    torch.testing.assert_close(value, torch.tensor([0.0, -400.0, -200.0]))
    value.sum().backward()
    assert hidden.grad is not None
    assert hidden.grad.isfinite().all()


# Rollouts


def as_number(s: Sequences, *_: int) -> Tensor:
    """A reward that tells every text from every other: its real tokens as digits after the dot."""
    digits = (s.ids * s.mask).double()
    places = 13.0 ** -torch.arange(1, s.ids.shape[1] + 1, dtype=torch.float64)
    return digits @ places


def slow_values(
    generator: Generator, reward: Callable[[Sequences], Tensor], s: Sequences, rollouts: int
) -> Tensor:
    """Text by text, prefix by prefix, rollout by rollout: fresh samples from that prefix."""
    values = torch.zeros(s.ids.shape)
    for b in range(len(s)):
        length = int(s.lengths[b])
        for t in range(1, length):
            prefix = s.ids[b : b + 1, :t].expand(rollouts, -1)
            completed = generator.sample(rollouts, s.ids.shape[1], prefix=prefix)
            values[b, t - 1] = reward(Sequences(completed.ids, s.eos)).mean()
        values[b, length - 1] = reward(s[b : b + 1])
    return values


def some_texts() -> Sequences:
    """All lengths from 1 to T, in no order."""
    torch.manual_seed(0)
    ids = torch.randint(3, V, (T + 1, T))
    for row, length in enumerate([4, 9, 1, 7, 3, 2, 8, 5, 6]):
        ids[row, length - 1] = EOS
        ids[row, length:] = PAD
    return Sequences(ids, EOS)


@each_policy
def test_the_value_of_text_b_and_prefix_t_stands_in_row_b_and_column_t_minus_1(name: str) -> None:
    generator, s = make(name=name), some_texts()
    runtime.seed(1)
    fast = rollout_values(generator, as_number, s, rollouts=400)
    assert fast.shape == s.ids.shape
    assert not fast[~s.mask].any()
    torch.testing.assert_close(fast.gather(1, s.lengths[:, None] - 1).squeeze(1), as_number(s))
    # The digits of the prefix are in the reward: a value of any other cell is far off.
    slow = slow_values(generator, as_number, s, rollouts=50)
    spread = 13.0 ** -torch.arange(1, T + 1)
    assert ((fast - slow).abs() <= 0.5 * spread + 1e-6).all()
    assert (fast - slow)[:, 0].abs().max() > 0, "rollouts are draws of their own"


@each_policy
def test_values_are_means_over_rollouts_within_four_standard_errors(name: str) -> None:
    generator, s, n = make(name=name), some_texts(), 1000
    seen: list[Tensor] = []

    def reward(texts: Sequences, *_: int) -> Tensor:
        value = (texts.ids * texts.mask).sum(dim=1).float()
        seen.append(value)
        return value

    runtime.seed(1)
    fast = rollout_values(generator, reward, s, rollouts=n)
    slow = slow_values(generator, reward, s, rollouts=100)
    deviation = max(float(value.std()) for value in seen if len(value) == 100)
    assert (fast - slow).abs().max() < 4 * deviation * (1 / 100 + 1 / n) ** 0.5


def test_without_an_end_token_completions_have_their_teacher_forced_log_probability() -> None:
    generator = make(eos=None)
    prefix = torch.tensor([[5, EOS, PAD], [6, 7, 8]]).repeat(100, 1)  # words like any other
    begin = torch.cat([torch.full((200, 1), BOS), prefix], dim=1)
    state, output = generator.initial_state(200), torch.empty(0)
    runtime.seed(1)
    with runtime.evaluating(generator), torch.no_grad():
        for t in range(begin.shape[1]):
            output, state = generator.step(begin[:, t], state)
        draws = runtime.uniform(200, T - 3, CPU)
        ids, log_prob = generator.complete(begin, output, state, draws)
    assert not torch.isin(ids, torch.tensor([PAD, BOS])).any(), "nothing ends, nothing is padding"
    assert (ids[:, :-1] == EOS).any()
    s = Sequences(torch.cat([prefix, ids], dim=1), eos=None)
    torch.testing.assert_close(log_prob, teacher_forced(generator, s)[:, 3:], rtol=1e-4, atol=1e-5)
    with runtime.evaluating(generator):
        expected = generator.log_prob(s)[:, 3:]
    torch.testing.assert_close(log_prob, expected, rtol=1e-4, atol=1e-5)
    runtime.seed(1)
    sampled = generator.sample(200, prefix=prefix)
    assert torch.equal(sampled.ids, s.ids), "sample and complete are one distribution"


def test_without_an_end_token_values_are_expectations_under_the_likelihood() -> None:
    generator, n = make(eos=None), 4000
    runtime.seed(1)
    s = generator.sample(6)
    s.ids[0, 4] = EOS  # a word like any other: what stands behind it counts
    words = torch.randn(V, generator=torch.Generator().manual_seed(0))
    lengths: list[int] = []

    def reward(texts: Sequences, *_: int) -> Tensor:
        lengths.extend(texts.lengths.unique().tolist())
        return words[texts.ids[:, -1]]

    values = rollout_values(generator, reward, s, rollouts=n)
    with runtime.evaluating(generator), torch.no_grad():
        p = generator.logits(s)[:, -1].softmax(dim=1)
    mean = p @ words
    deviation = (p @ words.square() - mean.square()).sqrt()
    assert set(lengths) == {T}
    torch.testing.assert_close(values[:, -1], words[s.ids[:, -1]])
    assert ((values[:, -2] - mean).abs() < 4 * deviation / n**0.5).all()
    slow = slow_values(generator, reward, s, rollouts=400)
    spread = words.max() - words.min()
    assert ((values - slow).abs() < 4 * spread / 2 * (1 / 400 + 1 / n) ** 0.5).all()


def test_a_rollout_of_a_full_prefix_changes_nothing() -> None:
    generator, s = make(), some_texts()
    begin = torch.cat([torch.full((len(s), 1), BOS), s.ids], dim=1)
    state, output = generator.initial_state(len(s)), torch.empty(0)
    for t in range(begin.shape[1]):
        output, state = generator.step(begin[:, t], state)
    ids, log_prob = generator.complete(begin, output, state, torch.empty(len(s), 0))
    assert ids.shape == log_prob.shape == (len(s), 0)
    ended = s.lengths < T
    ids, log_prob = generator.complete(begin, output, state, torch.rand(len(s), 4))
    assert set(ids[ended].flatten().tolist()) == {PAD}
    assert not log_prob[ended].any()
    one = rollout_values(generator, as_number, s[2:3], rollouts=3)  # <eos> alone
    assert one.tolist() == [[pytest.approx(2 / 13)] + [0.0] * (T - 1)]
    full = Sequences(s.ids[-1:, :1], EOS)  # texts of one token have no prefix to complete
    assert rollout_values(generator, as_number, full, rollouts=3).tolist() == [
        [pytest.approx(float(as_number(full)))]
    ]


def test_a_sure_policys_rollouts_are_its_texts() -> None:
    generator = make()
    with torch.no_grad():
        generator.output.weight.mul_(1e4)
    runtime.seed(1)
    s = generator.sample(6)
    values = rollout_values(generator, as_number, s, rollouts=2)
    torch.testing.assert_close(values, as_number(s)[:, None] * s.mask)


@each_policy
def test_rollouts_in_chunks_are_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = []
    for rows in (10_000, 3):
        monkeypatch.setattr(runtime, "rows_at_once", lambda *_, rows=rows: rows)
        runtime.seed(1)
        values.append(rollout_values(make(name=name), as_number, some_texts(), rollouts=4))
    torch.testing.assert_close(values[0], values[1])


def test_a_rollouts_chance_depends_on_its_row_alone() -> None:
    generator, s = make(), some_texts()
    other = Sequences(s.ids.clone(), EOS)
    other.ids[0] = other.ids[1]
    values = []
    for texts in (s, other):
        runtime.seed(1)
        values.append(rollout_values(generator, as_number, texts, rollouts=4))
    torch.testing.assert_close(values[0][1:], values[1][1:])
    assert not torch.equal(values[0][0], values[1][0])


# Dropout


def test_dropout_is_off_in_rewards_and_back_on_behind_them() -> None:
    discriminator, s = make_discriminator(), some_texts()
    rewards = [discriminator.probability(s) for _ in range(2)]
    assert torch.equal(*rewards)
    assert all(part.training for part in discriminator.modules())
    discriminator.eval()
    torch.testing.assert_close(rewards[0], discriminator(s).sigmoid())
    discriminator.train()
    assert not torch.equal(discriminator(s), discriminator(s)), "dropout is on while it learns"


def test_seqgans_generator_loss_has_no_dropout_in_it() -> None:
    generator, discriminator = make(), make_discriminator()
    method = SeqGAN(SeqGANOptions(rollouts=2), generator, discriminator).train()
    s, losses = some_texts(), []
    for dropout_seed in (1, 2):
        runtime.seed(7)
        torch.manual_seed(dropout_seed)  # torch's own stream is dropout's alone
        losses.append(method.generator_loss(s, s, 0.0).total)
    assert torch.equal(*losses)
    assert losses[0].requires_grad
    assert all(part.training for part in method.modules())


def test_rewards_in_chunks_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    discriminator, s = make_discriminator(), some_texts()
    whole = discriminator.probability(s)
    monkeypatch.setattr(runtime, "rows_at_once", lambda *_: 3)
    torch.testing.assert_close(discriminator.probability(s), whole)


@pytest.mark.parametrize("at_once", [3, 8, 1000])
@pytest.mark.parametrize("prefix", range(1, T))
def test_a_prefix_that_is_looked_at_once_gives_the_same_rewards(
    prefix: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "rows_at_once", lambda *_: at_once)
    discriminator, copies = make_discriminator(), 4
    torch.manual_seed(0)
    ids = torch.randint(3, V, (5, prefix)).repeat_interleave(copies, dim=0)
    ids = torch.cat([ids, torch.randint(3, V, (5 * copies, T - prefix))], dim=1)
    for row, length in enumerate(torch.randint(prefix + 1, T + 2, (5 * copies,)).tolist()):
        ids[row, length - 1 : length] = EOS  # none where a text fills all T places
        ids[row, length:] = PAD
    s = Sequences(ids, EOS)
    shared, whole = discriminator.probability(s, prefix, copies), discriminator.probability(s)
    torch.testing.assert_close(shared, whole)
    assert len(whole.unique()) > 5, "the judge tells texts from each other"
