"""Poems by a wish on a language small enough to be enumerated: weights, choices, one seed."""

import itertools
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import LogitsProcessorList

from tests.exact.enumerated import T, Text, V, log_softmax, nodes, sixteenths, texts_of
from tests.exact.tables import TableGenerator
from textgan import draft as drafts
from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.pairs import PairsConfig, PairsDiscriminator
from textgan.draft import Draft, Poem, praise
from textgan.errors import UserError
from textgan.forms import FormOptions
from textgan.forms.base import Form, State
from textgan.poet import Poet, beginnings
from textgan.sampling import Writer
from textgan.taste import Taste
from textgan.wish import Wish, form_options

EOS, HALF = 3, math.log(0.5)
FORM = FormOptions(form="haiku")
"""Stands for the form below."""


class Odd(Form):
    """Texts of two words and the end, a 1 among them; every 2 has the factor one half."""

    length, eos, weighted = T, EOS, True

    def start(self) -> State:
        return (0, False)

    def step(self, state: State, token: int) -> State:
        at, found = state  # type: ignore[misc]
        return (at + 1, found or token == 1)

    def factors(self, state: State) -> Tensor:
        at, found = state  # type: ignore[misc]
        if at >= T - 1:
            allowed = {EOS: 0.0}
        elif at == T - 2 and not found:
            allowed = {1: 0.0}
        else:
            allowed = {0: 0.0, 1: 0.0, 2: HALF}
        factors = torch.full((V,), -torch.inf)
        for token, log in allowed.items():
            factors[token] = log
        return factors


class Letters:
    """A tokenizer whose tokens are the letters a, b, c and an end."""

    unk_token_id = None
    eos_token_id = EOS

    def batch_decode(self, texts: list[list[int]], skip_special_tokens: bool) -> list[str]:
        assert skip_special_tokens
        return ["".join("abc"[i] for i in ids if i != EOS) for ids in texts]

    def __call__(self, text: str, add_special_tokens: bool) -> dict[str, list[int]]:
        return {"input_ids": ["abc".index(c) for c in text]}


@pytest.fixture(autouse=True)
def _the_form_is_odd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "open_form", lambda options, tokenizer, lines: Odd())
    monkeypatch.setattr("textgan.sampling.pieces", lambda tokenizer, text: [*text])


def writer() -> Writer:
    tokenizer: Any = Letters()
    generator = TableGenerator(EOS, sixteenths())
    generator.config.bos_token_id = V  # elsewhere it is a word, too
    return Writer(generator, tokenizer)


def draft(**wish: Any) -> Draft:
    return Draft(writer(), Wish(**{"form": FORM} | wish))


def drawn(made: Draft, count: int, seed: int = 0) -> list[Poem]:
    return [poem for part in made.write(count, seed) for poem in part]


def log_factor(text: Text) -> float:
    form = Odd()
    return form.after(text)[1]


def log_probs(temperature: float) -> dict[Text, tuple[float, float]]:
    """log pi f and log q of every text that keeps the form, one token after the other."""
    logits, found = sixteenths() / temperature, {}
    for text in texts_of(EOS):
        if log_factor(text) == -math.inf:
            continue
        form, state, meant, masked = Odd(), Odd().start(), 0.0, 0.0
        for node, token in zip(nodes(text), text, strict=True):
            factors = form.factors(state).numpy()
            meant += float(log_softmax(logits[node])[token] + factors[token])
            masked += float(log_softmax(logits[node] + factors)[token])
            state = form.step(state, token)
        found[text] = meant, masked
    return found


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_weights_are_those_of_the_masks(temperature: float) -> None:
    exact = log_probs(temperature)
    poems = drawn(draft(taste=Taste(temperature)), 256)
    assert {(*poem.tokens, EOS) for poem in poems} == exact.keys()
    for poem in poems:
        meant, masked = exact[*poem.tokens, EOS]
        assert poem.log_weight == pytest.approx(meant - masked, abs=1e-6)
        assert poem.log_prob + log_factor((*poem.tokens, EOS)) == pytest.approx(meant, abs=1e-6)


def test_the_cost_is_what_enumeration_says() -> None:
    exact, made = log_probs(1.0), draft()
    drawn(made, 12_000)
    z = sum(math.exp(meant) for meant, _ in exact.values())
    cost = sum(math.exp(masked) * (masked - meant) for meant, masked in exact.values()) / T
    ess = z**2 / sum(math.exp(2 * meant - masked) for meant, masked in exact.values())
    assert math.exp(made.cost.log_share) == pytest.approx(z, rel=0.03)
    assert made.cost.per_token == pytest.approx(cost, rel=0.03)
    assert made.cost.effective / made.cost.texts == pytest.approx(ess, rel=0.02)
    assert 0.3 < ess < 0.97, "weights that differ"
    [line] = made.said()
    assert line.startswith(f"masks cost {made.cost.per_token:.2f} nats a token over ")
    assert line.endswith(f"the model keeps the form about once in {1 / z:,.0f} texts")


def distance(poems: list[Poem], law: dict[Text, float]) -> float:
    """Total variation between frequencies and a law."""
    counts = Counter((*poem.tokens, EOS) for poem in poems)
    return sum(abs(counts[text] / len(poems) - p) for text, p in law.items()) / 2


@pytest.mark.parametrize("together", [5, 64])
def test_weights_are_put_together_of_any_parts(
    together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = drawn(draft(), 64)
    monkeypatch.setattr(runtime, "rows_in_cache", lambda row_bytes, device: 3)
    monkeypatch.setattr(runtime, "rows_at_once", lambda row_bytes, device: together)
    found = drawn(draft(), 64)
    assert [poem.tokens for poem in found] == [poem.tokens for poem in expected]
    weights = [poem.log_weight for poem in found]
    assert weights == pytest.approx([poem.log_weight for poem in expected], abs=1e-9)


def test_a_discriminators_weights_meet_those_of_the_masks() -> None:
    """Of two candidates, by every pair of them: (pi f e^d) / q weighs."""
    exact, made = log_probs(1.0), draft(candidates=2)
    made.discriminator = judge()
    texts = [*exact]
    d = praise(judge(), Sequences(torch.tensor(texts), EOS)).tolist()
    weight = [math.exp(exact[t][0] - exact[t][1] + d[i]) for i, t in enumerate(texts)]
    chance = [math.exp(exact[t][1]) for t in texts]
    law = dict.fromkeys(texts, 0.0)
    for i, j in itertools.product(range(len(texts)), repeat=2):
        both = chance[i] * chance[j] / (weight[i] + weight[j])
        law[texts[i]] += both * weight[i]
        law[texts[j]] += both * weight[j]
    poems = drawn(made, 4000)
    assert distance(poems, law) < 0.04
    assert distance(poems, dict(zip(texts, chance, strict=True))) > 0.06
    assert 1 < made.cost.effective_candidates < 2
    assert (
        made.said()[1]
        == f"effective sample size: {made.cost.effective_candidates:.1f} of 2 candidates a text"
    )


def test_resampling_corrects_what_masks_distort() -> None:
    exact = log_probs(1.0)
    z = sum(math.exp(meant) for meant, _ in exact.values())
    law = {text: math.exp(meant) / z for text, (meant, _) in exact.items()}
    masked, corrected = drawn(draft(), 2000), drawn(draft(resample=True), 2000)
    assert distance(masked, law) > 0.1
    assert distance(corrected, law) < 0.05


@pytest.mark.parametrize(
    "wish",
    [{}, {"form": FormOptions()}, {"resample": True}, {"best_of": 5}, {"taste": Taste(top_k=2)}],
)
def test_a_seed_gives_the_same_poems_however_many(wish: dict[str, Any]) -> None:
    many = drawn(draft(**wish), 300, seed=4)
    assert drawn(draft(**wish), 3, seed=4) == many[:3]
    assert drawn(draft(**wish), 100, seed=4) == many[:100]
    assert drawn(draft(**wish), 100, seed=5) != many[:100]


def test_without_masks_nothing_is_weighed() -> None:
    made = draft(form=FormOptions(), taste=Taste(0.7))
    poems = drawn(made, 200)
    logits = sixteenths() / 0.7
    for poem in poems:
        text = (*poem.tokens, EOS) if len(poem.tokens) < T else poem.tokens
        log_prob = float(log_softmax(logits)[nodes(text), list(text)].sum())
        assert poem.log_prob == pytest.approx(log_prob, abs=1e-6)
        assert poem.log_weight == 0
    assert made.said() == []


def test_the_best_is_the_likeliest_of_its_candidates() -> None:
    alone, best = drawn(draft(), 64), drawn(draft(best_of=8), 8)
    for number, poem in enumerate(best):
        assert poem.log_prob == max(p.log_prob for p in alone[8 * number : 8 * number + 8])


def judge() -> PairsDiscriminator:
    runtime.seed(3)
    options = {"name": "pairs", "length": 4, "heads": 2, "head_size": 2}
    return PairsDiscriminator(PairsConfig(vocab_size=V, options=options)).double().eval()


def test_the_best_by_the_discriminator_is_what_it_praises() -> None:
    wish = Wish(form=FORM, best_of=8, by="discriminator")
    made = Draft(writer(), wish, discriminator=judge())
    alone = drawn(draft(), 64)
    texts = Sequences(torch.tensor([[*poem.tokens, EOS] for poem in alone]), EOS)
    scores = praise(judge(), texts)
    for number, poem in enumerate(drawn(made, 8)):
        group = scores[8 * number : 8 * number + 8]
        assert poem == alone[8 * number + int(group.argmax())]


def test_a_piece_adds_what_it_adds_to_the_discriminators_logit() -> None:
    poet: Any = Poet.__new__(Poet)
    poet.writer, poet._discriminator = writer(), judge()
    checkpoint: Any = type("", (), {"stage": "adversarial", "folder": _Here()})
    poet.checkpoint = checkpoint
    scores = poet.token_scores(Poem("bca", (1, 2, 0), 0.0, 0.0))
    assert [piece for piece, _ in scores] == ["b", "c", "a"]
    whole = [
        praise(judge(), Sequences(torch.tensor([[*ids, EOS]]), EOS))
        for ids in ([1], [1, 2], [1, 2, 0])
    ]
    expected = np.diff([0.0, *map(float, whole)])
    assert [score for _, score in scores] == pytest.approx(expected.tolist())
    assert poet.token_scores(Poem("", (), 0.0, 0.0)) == []


class _Here:
    """A folder in which everything exists."""

    def __truediv__(self, name: str) -> "_Here":
        return self

    def exists(self) -> bool:
        return True


def test_beginnings_end_where_they_end() -> None:
    found = beginnings(torch.tensor([5, 6, 7]), EOS, 0)
    assert found.tolist() == [[5, EOS, 0, 0], [5, 6, EOS, 0], [5, 6, 7, EOS]]
    found = beginnings(torch.tensor([5, 6]), None, 0)
    assert found.tolist() == [[5, 0, 0], [5, 6, 0]]


def test_a_prefix_must_keep_the_form() -> None:
    assert all(poem.text.startswith("c") for poem in drawn(draft(prefix="c"), 20))
    with pytest.raises(UserError, match=r"^--prefix: 'ca' can't begin a poem of that form"):
        draft(prefix="ca")


def test_a_prefix_has_no_weight() -> None:
    """It was given: neither the model nor the form had a say."""
    exact = log_probs(1.0)
    for poem in drawn(draft(prefix="c"), 20):
        text = (*poem.tokens, EOS)
        logits, state = sixteenths(), Odd().step(Odd().start(), text[0])
        log_weight = 0.0
        for node, token in list(zip(nodes(text), text, strict=True))[1:]:
            factors = Odd().factors(state).numpy()
            masked = log_softmax(logits[node] + factors)[token]
            log_weight += float(log_softmax(logits[node])[token] + factors[token] - masked)
            state = Odd().step(state, token)
        assert text in exact
        assert poem.log_weight == pytest.approx(log_weight, abs=1e-6)


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"best_of": 0}, "--best-of: must be from 1 to 1024, got 0"),
        ({"by": "taste"}, "--by: must be likelihood or discriminator, got 'taste'"),
        ({"by": "discriminator"}, "--by: chooses the best of several; give --best-of"),
        ({"resample": True, "best_of": 2}, "--resample: corrects the distribution, --best-of"),
        ({"resample": True}, "--resample: corrects what a form distorts; give one"),
        (
            {"resample": True, "form": FORM, "taste": Taste(top_p=0.5)},
            "--resample: what --top-k, --top-p and --typical leave out has no weight",
        ),
    ],
)
def test_a_wish_that_cannot_be_is_refused(wish: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        Wish(**wish)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("taste", "message"),
    [
        ({"temperature": 0.0}, "--temperature: must be from 0.01 to 100, got 0.0"),
        ({"top_k": 0}, "--top-k: must be 1 or more, got 0"),
        ({"top_p": 1.5}, "--top-p: must be between 0 and 1, got 1.5"),
        ({"typical": 0.0}, "--typical: must be between 0 and 1, got 0.0"),
    ],
)
def test_a_taste_out_of_range_is_refused(taste: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        Taste(**taste)
    assert str(error.value) == message


def test_an_option_of_a_form_is_named_as_on_the_command_line() -> None:
    with pytest.raises(UserError) as error:
        form_options(rhyme_book="guangyun")
    assert str(error.value) == "--rhyme-book: must be 'pingshui' or 'xinyun', got 'guangyun'"
    assert form_options(form="haiku") == FORM


@pytest.mark.parametrize("taste", [Taste(top_k=2), Taste(top_p=0.6), Taste(typical=0.6)])
def test_truncation_is_transformers_own(taste: Taste) -> None:
    """What is drawn is what the warper leaves, and nothing else."""
    made = draft(form=FormOptions(), taste=taste)
    warp = LogitsProcessorList(taste.truncation())
    left = {}
    for node, logits in enumerate(torch.tensor(sixteenths())):
        scores: Any = warp(torch.tensor([[0]]), logits[None].clone())  # type: ignore[arg-type]
        left[node] = {*torch.isfinite(scores[0]).nonzero().flatten().tolist()}
    seen: dict[int, set[int]] = {}
    for poem in drawn(made, 1000):
        text = (*poem.tokens, EOS) if len(poem.tokens) < T else poem.tokens
        for node, token in zip(nodes(text), text, strict=True):
            seen.setdefault(node, set()).add(token)
    assert all(tokens <= left[node] for node, tokens in seen.items())
    assert seen[0] == left[0] != {*range(V)}
