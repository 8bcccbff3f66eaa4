"""The n-gram generator: its texts, its density, its folder, transformers' processors."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import LogitsProcessorList, TemperatureLogitsWarper

from textgan import density, oracle, runtime
from textgan.data.oracle import OracleOptions
from textgan.data.sequences import Sequences
from textgan.data.splits import CorpusOptions
from textgan.data.tokenizers import TokenizerOptions
from textgan.generators.ngram import NGramConfig, NGramGenerator, NGramOptions

CANONICAL = Path(__file__).parents[2] / "../shared/data/oracle/seqgan_target_params.npz"
PAD, BOS, EOS = 0, 1, 2
LENGTH = 3


def fitted(eos: int | None = EOS, order: int = 3, discount: float | None = None) -> NGramGenerator:
    """Words 3 to 5."""
    chance = np.random.RandomState(1)
    texts = [
        (3 + chance.choice(3, p=[0.6, 0.3, 0.1], size=chance.randint(1, 3))).tolist()
        for _ in range(40)
    ]
    config = NGramConfig(
        vocab_size=6,
        length=LENGTH,
        bos_token_id=BOS,
        eos_token_id=eos,
        pad_token_id=PAD,
        never=[PAD, BOS] if eos is not None else [PAD, BOS, EOS],
        options=NGramOptions(order=order, discount=discount).model_dump(),
    )
    return NGramGenerator.fit(config, texts)


def every_text(eos: int | None) -> Sequences:
    """All texts that can be drawn: ended or LENGTH tokens long."""
    texts = []
    for text in product(range(2 if eos is not None else 3, 6), repeat=LENGTH):
        end = text.index(EOS) if EOS in text else LENGTH
        if all(word == PAD for word in text[end + 1 :]) or EOS not in text[:-1]:
            texts.append(text)
        elif all(word == 3 for word in text[end + 1 :]):  # once for all that follows
            texts.append((*text[: end + 1], *[PAD] * (LENGTH - end - 1)))
    return Sequences(torch.tensor(texts), eos)


@pytest.mark.parametrize("eos", [EOS, None])
@pytest.mark.parametrize("way", ["by levels", "by processor", "by prefix"])
def test_texts_are_drawn_from_the_density(eos: int | None, way: str) -> None:
    model, texts, count = fitted(eos), every_text(eos), 20_000
    p = model.log_prob(texts).sum(dim=1).exp().numpy()
    assert p.sum() == pytest.approx(1, abs=1e-6)
    runtime.seed(3)
    prefix = None
    if way == "by prefix":
        prefix = torch.full((count, 1), 4)
        p = np.where(texts.ids[:, 0] == 4, p, 0)
        p /= p.sum()
    warm = LogitsProcessorList([TemperatureLogitsWarper(1.0)]) if way == "by processor" else None
    drawn = model.sample(count, logits_processor=warm, prefix=prefix)
    assert drawn.log_prob is not None
    told = drawn.log_prob.sum(dim=1)
    own = model.log_prob(drawn)[:, 0 if prefix is None else 1 :].sum(dim=1)
    assert torch.allclose(told.double(), own, atol=1e-5)
    number = {tuple(text): i for i, text in enumerate(texts.ids.tolist())}
    found = np.bincount([number[tuple(t)] for t in drawn.ids.tolist()], minlength=len(texts))
    expected = p * count
    often = expected > 5
    chi = ((found - expected)[often] ** 2 / expected[often]).sum()
    freedom = often.sum() - 1
    assert abs(chi - freedom) < 5 * np.sqrt(2 * freedom)
    assert found[~often].sum() < 3 * expected[~often].sum() + 10


def test_logits_are_the_log_of_the_distribution_and_log_prob_is_at_the_words() -> None:
    model, texts = fitted(), every_text(EOS)
    logits = model.logits(texts)
    assert logits.logsumexp(dim=2) == pytest.approx(np.zeros((len(texts), LENGTH)), abs=1e-5)
    at = logits.gather(2, texts.ids[..., None]).squeeze(2)
    assert torch.allclose((at * texts.mask).double(), model.log_prob(texts), atol=1e-5)
    bos = torch.full((2, 1), BOS)
    assert torch.allclose(model(torch.cat([bos, texts.ids[:2]], dim=1)).logits[:, :-1], logits[:2])


def test_a_temperature_sharpens_each_step() -> None:
    model, texts, count = fitted(order=2), every_text(EOS), 20_000
    runtime.seed(5)
    warm = LogitsProcessorList([TemperatureLogitsWarper(0.5)])
    drawn = model.sample(count, logits_processor=warm)
    sharp = (2 * model.logits(texts)).log_softmax(dim=2).gather(2, texts.ids[..., None])
    p = (sharp.squeeze(2) * texts.mask).sum(dim=1).exp().numpy()
    number = {tuple(text): i for i, text in enumerate(texts.ids.tolist())}
    found = np.bincount([number[tuple(t)] for t in drawn.ids.tolist()], minlength=len(texts))
    assert (abs(found / count - p) < 5 * np.sqrt(p * (1 - p) / count) + 1e-4).all()


def test_a_folder_holds_all_of_it(tmp_path: Path) -> None:
    model = fitted()
    model.save_pretrained(tmp_path)
    assert {f.name for f in tmp_path.iterdir()} >= {"config.json", "model.safetensors"}
    again = NGramGenerator.from_pretrained(tmp_path, dtype=torch.float32)
    texts = every_text(EOS)
    assert torch.equal(model.log_prob(texts), again.log_prob(texts))
    runtime.seed(1)
    first = model.sample(50)
    runtime.seed(1)
    assert torch.equal(first.ids, again.sample(50).ids)
    assert again.options == NGramOptions(order=3)
    one = fitted(discount=0.9)
    assert np.allclose(one.table.d, 0.9)


def test_transformers_generate_goes_on_from_a_prompt() -> None:
    model = fitted()
    model.generation_config.update(do_sample=True, top_k=0, pad_token_id=PAD, eos_token_id=EOS)
    torch.manual_seed(0)
    ids = model.generate(torch.tensor([[BOS, 4]] * 30), max_length=6)
    assert (ids[:, 1] == 4).all()
    assert set(ids[:, 2:].flatten().tolist()) <= {PAD, EOS, 3, 4, 5}


def sharpened(rows: np.ndarray, alpha: float) -> np.ndarray:
    """p^alpha, made to sum to 1."""
    p: np.ndarray = rows**alpha
    return p / p.sum(axis=1, keepdims=True)


@pytest.mark.slow
@pytest.mark.skipif(not CANONICAL.exists(), reason="the canonical oracle is not on this machine")
@pytest.mark.parametrize(
    ("alpha", "nll_oracle", "nll_test"),
    [
        (1.0, (9.714, 0.021), (7.586, 0.013)),
        (1.3, (8.474, 0.029), (7.780, 0.016)),
        (1.5, (7.619, 0.033), (8.082, 0.018)),
        (2.0, (6.163, 0.035), (9.342, 0.023)),
    ],
)
def test_the_bigram_of_the_canonical_oracle_has_its_known_figures(
    alpha: float, nll_oracle: tuple[float, float], nll_test: tuple[float, float]
) -> None:
    """Fitted to 10,000 texts with one discount of .95; figures and errors found elsewhere.

    Sampling and scoring by the whole distribution, a few rows at a time.
    """
    options = OracleOptions(path=str(CANONICAL))
    corpus = oracle.open_corpus(CorpusOptions(oracle=options), TokenizerOptions())
    assert corpus.oracle is not None
    config = NGramConfig(
        vocab_size=5003, length=20, bos_token_id=5000, never=[5000, 5001, 5002],
        options=NGramOptions(order=2, discount=0.95).model_dump(),
    )  # fmt: skip
    table = NGramGenerator.fit(config, corpus.ids("train")).table
    count, few, chance = 1500, 250, np.random.RandomState(0)
    state, test = table.start(count), np.array(corpus.ids("test", range(count)))
    before = np.concatenate([table.start(count), test[:, :-1]], axis=1)  # a word is its number
    drawn, log_g = np.empty_like(test), np.zeros(count)
    for t in range(20):
        for rows in [slice(i, i + few) for i in range(0, count, few)]:
            p = sharpened(table.rows(before[rows, t, None]), alpha)
            log_g[rows] += np.log(p[np.arange(few), test[rows, t]])
            above = sharpened(table.rows(state[rows]), alpha).cumsum(axis=1)
            drawn[rows, t] = (above < chance.random_sample((few, 1)) * above[:, -1:]).sum(axis=1)
        state = table.numbers(state, drawn[:, t, None])[:, -1, :-1]
    log_p = density.text_log_prob(corpus.oracle, Sequences(torch.from_numpy(drawn), None))
    for log_prob, (known, its_error) in ((log_p, nll_oracle), (log_g, nll_test)):
        error = np.std(log_prob / 20) / count**0.5
        assert error < 0.04
        assert abs(-np.mean(log_prob / 20) - known) < 3 * np.hypot(error, its_error)
