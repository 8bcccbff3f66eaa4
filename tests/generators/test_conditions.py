"""Noise and categories: what holds for every generator that writes under them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.errors import UserError
from textgan.estimators.gumbel import relax
from textgan.estimators.rollout import rollout_values
from textgan.generators import GENERATORS, Generator
from textgan.generators.base import NEVER
from textgan.generators.soft import sample_soft

PAD, BOS, EOS, V, T, K, Z = 0, 1, 2, 13, 7, 3, 2
RECURRENT = {"embedding_size": 6, "hidden_size": 8, "layers": 2, "init_std": 0.9}
SIZES: dict[str, dict[str, Any]] = {
    "lstm": RECURRENT,
    "gru": RECURRENT,
    "mixture": RECURRENT,
    "transformer": {"hidden_size": 12, "layers": 2, "heads": 2},
    "relational_memory": {"embedding_size": 6, "heads": 2, "head_size": 6},
}
each = pytest.mark.parametrize("name", list(SIZES))


def make(name: str, categories: int = K, latent_size: int = Z, eos: int | None = EOS) -> Generator:
    """A peaked policy in training mode, with dropout, which sampling must switch off."""
    runtime.seed(0, "conditions")
    model = GENERATORS[name]
    given = {"name": name, "dropout": 0.3, "categories": categories, "latent_size": latent_size}
    generator = model(
        model.config_class(
            vocab_size=V,
            length=T,
            never=[PAD, BOS],
            options=model.Options.model_validate(SIZES[name] | given).model_dump(mode="json"),
            pad_token_id=PAD,
            bos_token_id=BOS,
            eos_token_id=eos,
        )
    )
    by_how_much = {"transformer": 15, "relational_memory": 3}.get(name, 1)
    with torch.no_grad():
        for part in generator.parameters():
            part.mul_(by_how_much if part.dim() > 1 else 1)
    return generator.train()


def step_by_step(generator: Generator, s: Sequences, rows: Tensor | None = None) -> Tensor:
    """(B, T) one token after the other, under other texts' noise and category if rows are given."""
    rows = torch.arange(len(s)) if rows is None else rows
    assert s.noise is not None and s.category is not None
    state, columns = generator.start(len(s), s.noise[rows], s.category[rows]), []
    token = torch.full((len(s),), BOS)
    with runtime.evaluating(generator), torch.no_grad():
        for t in range(s.ids.shape[1]):
            logits, state = generator.advance(token, state)
            token = s.ids[:, t]
            columns.append(logits.log_softmax(dim=1).gather(1, token[:, None]))
    return torch.cat(columns, dim=1) * s.mask


def drawn(generator: Generator, size: int = 200) -> Sequences:
    runtime.seed(1)
    return generator.sample(size)


@each
def test_categories_are_drawn_as_often_as_the_config_says(name: str) -> None:
    generator, n, shares = make(name), 600, [0.7, 0.0, 0.3]
    generator.config.shares = shares
    s = drawn(generator, n)
    assert s.category is not None
    found = torch.bincount(s.category, minlength=K) / n
    errors = [(share * (1 - share) / n) ** 0.5 for share in shares]
    for each_share, share, error in zip(found.tolist(), shares, errors, strict=True):
        assert abs(each_share - share) <= 4 * error


@each
def test_what_is_not_given_is_drawn_and_stands_in_the_texts(name: str) -> None:
    s = drawn(make(name), 600)
    assert s.noise is not None and s.noise.shape == (600, Z)
    assert abs(s.noise.mean()) < 0.15 and abs(s.noise.std() - 1) < 0.1
    assert s.category is not None
    counts = torch.bincount(s.category, minlength=K)
    assert (counts - 200).abs().max() < 50
    category, noise = torch.tensor([2, 0, 1]), torch.randn(3, Z)
    given = make(name).sample(3, category=category, noise=noise)
    assert torch.equal(given.category, category) and torch.equal(given.noise, noise)


@pytest.mark.parametrize("eos", [EOS, None])
@each
def test_likelihood_sampling_and_steps_agree_under_one_condition(
    name: str, eos: int | None
) -> None:
    generator = make(name, eos=eos)
    s = drawn(generator)
    expected = step_by_step(generator, s)
    assert s.log_prob is not None
    torch.testing.assert_close(s.log_prob, expected, rtol=1e-4, atol=1e-5)
    with runtime.evaluating(generator), torch.no_grad():
        torch.testing.assert_close(generator.log_prob(s), expected, rtol=1e-4, atol=1e-5)
        everything = generator.logits(s)
    chosen = everything.log_softmax(2).gather(2, s.ids[..., None]).squeeze(2) * s.mask
    torch.testing.assert_close(chosen, expected, rtol=1e-4, atol=1e-5)
    assert (everything[..., :2] < NEVER / 2).all()


@each
def test_another_condition_is_another_law(name: str) -> None:
    generator = make(name)
    s = drawn(generator)
    own, others = step_by_step(generator, s), step_by_step(generator, s, torch.arange(200).roll(1))
    assert (own - others).abs().sum(dim=1).median() > 0.1
    assert own.sum() > others.sum() + 20, "a text is likeliest under what it was made from"
    with runtime.evaluating(generator), torch.no_grad():
        for change in ("noise", "category"):
            fields = {"noise": s.noise, "category": s.category}
            fields[change] = s.tensors()[change].roll(1, dims=0)
            found = generator.log_prob(Sequences(s.ids, EOS, **fields))
            assert (found - own).abs().max() > 0.05, change


@each
def test_gradients_reach_everything_that_is_conditioned(name: str) -> None:
    generator = make(name).eval()
    s = drawn(generator, 30)
    generator.log_prob(s).sum().backward()
    for part, weight in generator.named_parameters():
        assert weight.grad is not None and weight.grad.abs().sum() > 0, part


@each
def test_a_prefix_goes_on_under_its_condition(name: str) -> None:
    generator, category = make(name), torch.arange(K).repeat(20)
    prefix = torch.tensor([[5, 6]]).expand(len(category), 2)
    runtime.seed(1)
    s = generator.sample(len(category), prefix=prefix, category=category)
    expected = step_by_step(generator, s)
    assert s.log_prob is not None
    torch.testing.assert_close(s.log_prob[:, 2:], expected[:, 2:], rtol=1e-4, atol=1e-5)


@each
def test_rollouts_keep_the_condition_of_their_prefix(name: str) -> None:
    """The last word's value is an expectation under the text's own law, which is known."""
    generator, n = make(name, eos=None), 3000
    s = drawn(generator, 8)
    words = torch.randn(V, generator=torch.Generator().manual_seed(0))

    def reward(texts: Sequences, *_: int) -> Tensor:
        assert texts.category is not None and s.category is not None
        if len(texts) > len(s):
            assert torch.equal(texts.category, s.category.repeat_interleave(n))
        return words[texts.ids[:, -1]]

    values = rollout_values(generator, reward, s, rollouts=n)
    with runtime.evaluating(generator), torch.no_grad():
        p = generator.logits(s)[:, -1].softmax(dim=1)
        rolled = Sequences(s.ids, None, noise=s.noise, category=(s.category + 1) % K)
        q = generator.logits(rolled)[:, -1].softmax(dim=1)
    deviation = (p @ words.square() - (p @ words).square()).clamp(min=0).sqrt()
    error = (values[:, -2] - p @ words).abs()
    assert (error < 4 * deviation / n**0.5 + 1e-5).all()
    assert ((values[:, -2] - q @ words).abs() > 0.05).any(), "another category's would be noticed"


@each
def test_chunks_and_selected_states_keep_each_rows_condition(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = drawn(make(name), 50)
    monkeypatch.setattr(runtime, "rows_at_once", lambda *_: 7)
    assert torch.equal(drawn(make(name), 50).ids, whole.ids)
    generator, rows = make(name).eval(), torch.tensor([3, 0, 3])
    state = generator.start(4, torch.randn(4, Z), torch.tensor([0, 1, 2, 0]))
    token = torch.tensor([4, 5, 6, 7])
    with torch.no_grad():
        logits, _ = generator.advance(token, state)
        some, _ = generator.advance(token[rows], generator.select(state, rows))
    torch.testing.assert_close(some, logits[rows])


@each
def test_soft_samples_have_a_condition(name: str) -> None:
    generator = make(name)
    runtime.seed(1)
    s = sample_soft(generator, 20, relax("straight_through", 1.0), category=torch.arange(20) % K)
    assert s.soft is not None and s.soft.requires_grad
    assert torch.equal(s.category, torch.arange(20) % K) and s.noise is not None
    hard = torch.nn.functional.one_hot(s.ids, V) * s.mask[..., None]
    torch.testing.assert_close(s.soft.detach(), hard.float())


@each
def test_a_reload_gives_the_same_texts(name: str, tmp_path: Path) -> None:
    generator = make(name)
    generator.config.labels = ["a", "b", "c"]
    generator.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert type(again) is type(generator)
    assert again.config.labels == ["a", "b", "c"]
    s, t = drawn(generator), drawn(again)
    assert torch.equal(s.ids, t.ids) and torch.equal(s.category, t.category)


# transformers' own generate


@pytest.mark.parametrize("beams", [1, 3])
@each
def test_generate_writes_under_a_given_condition(name: str, beams: int) -> None:
    generator = make(name, eos=None).eval()
    prompt = torch.tensor([[BOS, 5]]).repeat(K, 1)
    given = {"category": torch.arange(K), "noise": torch.zeros(K, Z)}
    settings: dict[str, Any] = {"do_sample": False, "num_beams": beams, "max_new_tokens": 5}
    found = [
        generator.generate(prompt, **settings, **given, use_cache=cached)
        for cached in (True, False)
    ]
    assert torch.equal(*found)
    if beams == 1:
        s = Sequences(found[0][:, 1:], None, **given)
        with torch.no_grad():
            likeliest = generator.logits(s).argmax(dim=2)
        assert torch.equal(likeliest[:, 1:], s.ids[:, 1:])
    assert len({tuple(text) for text in found[0].tolist()}) > 1, "categories differ"


@each
def test_generate_draws_a_condition_and_stays_with_it(name: str) -> None:
    generator = make(name, latent_size=0, eos=None).eval()
    prompt = torch.tensor([[BOS]]).repeat(40, 1)
    runtime.seed(3)
    found = generator.generate(prompt, do_sample=False, max_new_tokens=5)[:, 1:]
    with torch.no_grad():
        greedy = [
            generator.logits(Sequences(found, None, category=torch.full((40,), c))).argmax(dim=2)
            for c in range(K)
        ]
    agrees = torch.stack([(g == found).all(dim=1) for g in greedy])
    assert agrees.any(dim=0).all(), "each text is one category's"
    assert agrees.any(dim=1).sum() > 1, "and not all are of the same"


@each
def test_generate_without_a_cache_wants_the_condition(name: str) -> None:
    with pytest.raises(UserError) as error:
        make(name).eval().generate(torch.tensor([[BOS]]), use_cache=False, max_new_tokens=2)
    assert str(error.value) == (
        "generate: without a cache every step would draw noise and category anew; give noise and "
        "category, or use_cache=True"
    )


def test_left_padding_changes_no_conditioned_continuation() -> None:
    for name in SIZES:
        generator = make(name, eos=None).eval()
        given = {"category": torch.tensor([1]), "noise": torch.ones(1, Z)}
        alone = generator(torch.tensor([[BOS, 5, 6]]), **given).logits
        padded = torch.tensor([[PAD, PAD, BOS, 5, 6]])
        mask = (padded != PAD).long()
        inside = generator(padded, attention_mask=mask, **given).logits[:, 2:]
        torch.testing.assert_close(inside, alone, rtol=1e-4, atol=1e-4)


# The mixture


def test_an_expert_is_moved_by_its_own_texts_alone() -> None:
    generator = make("mixture", latent_size=0).eval()
    s = Sequences(torch.randint(3, V, (6, T)), None, category=torch.ones(6, dtype=torch.long))
    generator.log_prob(s).sum().backward()
    for name, weight in generator.named_parameters():
        moved = weight.grad is not None and bool(weight.grad.abs().sum() > 0)
        assert moved == name.startswith("experts.1."), name


def test_a_mixture_is_its_experts() -> None:
    generator = make("mixture", latent_size=0).eval()
    ids, texts = torch.randint(3, V, (K, T)), []
    with torch.no_grad():
        found = generator.logits(Sequences(ids, None, category=torch.arange(K)))
        for c, expert in enumerate(generator.experts):
            texts.append(expert.logits(Sequences(ids[c : c + 1], None)))
    torch.testing.assert_close(found[..., 2:], torch.cat(texts)[..., 2:])
