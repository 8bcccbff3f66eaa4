"""NLL_test, NLL_train and NLL_div: of which texts, by which tokens, and what each tells."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import Command
from textgan import api, density, floor, likelihoods, runtime, validation
from textgan.data.corpus import Corpus
from textgan.data.oracle import OracleOptions
from textgan.data.sequences import Sequences
from textgan.data.splits import CorpusOptions
from textgan.data.tokenizers import TokenizerOptions
from textgan.evaluation import Scorer, Wanted, distance, opened
from textgan.generators import Generator
from textgan.generators.lstm import LSTMOptions
from textgan.metrics import Estimate
from textgan.new_players import make_generator
from textgan.oracle import open_corpus
from textgan.runs import open_checkpoint
from textgan.sampling import Writer

Parts = tuple[Scorer, Writer]


@pytest.fixture(scope="module")
def parts(made: Path) -> Parts:
    """A corpus of sixty poems, and a trained generator."""
    run = open_checkpoint(made / "runs" / "small-pretrain-1", "best")
    [(_, scorer, writer)] = opened([run], Wanted())
    return scorer, writer


def slowly(generator: Generator, texts: list[list[int]], eos: int) -> Estimate:
    """Nats a token, a text at a time without padding, ends counted."""
    totals = []
    for text in texts:
        one = Sequences(torch.tensor([[*text, eos]]), eos)
        with torch.no_grad():
            chances = generator.eval().logits(one)[0].double().log_softmax(dim=-1)
        totals.append(-float(chances.gather(1, one.ids[0, :, None]).sum()))
    return Estimate.ratio(np.array(totals), np.array([len(text) + 1.0 for text in texts]))


def test_training_text_is_scored_as_test_text_is_on_as_many_texts(parts: Parts) -> None:
    scorer, writer = parts
    corpus, generator = scorer.corpus, writer.generator
    found = likelihoods.of_training(generator, corpus, seed=3)
    count = len(corpus.splits["test"])
    assert found.n == count < len(corpus.splits["train"])
    rows = np.random.default_rng(3).choice(len(corpus.splits["train"]), count, replace=False)
    assert len(set(rows.tolist())) == count
    eos = corpus.tokenizer.eos_token_id
    plain = [[i for i in text if i != eos] for text in corpus.ids("train", rows.tolist())]
    assert tuple(found) == pytest.approx(tuple(slowly(generator, plain, eos)), rel=1e-4)
    assert likelihoods.of_training(generator, corpus, seed=3) == found
    assert likelihoods.of_training(generator, corpus, seed=4) != found


def test_the_gap_tells_who_has_learnt_the_texts_by_heart() -> None:
    options = TINY.model_copy(update={"vocabulary": 30, "length": 8})
    corpus = open_corpus(CorpusOptions(oracle=options), TokenizerOptions())
    assert corpus.oracle is not None
    gaps = []
    for generator in (floor.of_corpus(corpus), corpus.oracle):
        train = likelihoods.of_training(generator, corpus, seed=0)
        gaps.append(validation.nll(generator, corpus, "test").value - train.value)
    assert gaps[0] > 0.5 > 0.1 > abs(gaps[1])


def test_what_it_finds_of_its_own_texts_is_an_entropy(parts: Parts) -> None:
    generator = parts[1].generator
    runtime.seed(0, "test")
    own = validation.sampled(generator, 40)
    found = likelihoods.of_own(generator, own)
    assert found is not None and found.n == 40
    with torch.no_grad():
        again = -generator.log_prob(own).double().sum(dim=1).numpy()
    tokens = own.mask.sum(dim=1).double().numpy()
    assert tuple(found) == pytest.approx(tuple(Estimate.ratio(again, tokens)), rel=1e-4)


TINY = OracleOptions(vocabulary=4, length=3, embedding_size=3, hidden_size=5, texts=200)
EVERY = Sequences(torch.tensor(list(product(range(4), repeat=3))), None)
"""Every text of the tiny language, (64, 3)."""


@pytest.fixture(scope="module")
def language() -> Corpus:
    return open_corpus(CorpusOptions(oracle=TINY), TokenizerOptions())


def made_for(corpus: Corpus, **conditions: int) -> Generator:
    options = LSTMOptions(embedding_size=4, hidden_size=6, init_std=1.5, **conditions)
    return make_generator(options, corpus.tokenizer, 3, seed=1)


@pytest.mark.parametrize("categories", [0, 3])
def test_the_entropy_is_that_of_all_texts_whatever_their_category(
    language: Corpus, categories: int
) -> None:
    generator = made_for(language, categories=categories)
    log_g = density.text_log_prob(generator, EVERY)
    assert np.exp(log_g).sum() == pytest.approx(1, abs=1e-6)
    exact = -float((np.exp(log_g) * log_g).sum()) / 3
    runtime.seed(0, "test")
    own = validation.sampled(generator, 4000)
    found = likelihoods.of_own(generator, own)
    assert found is not None and abs(found.value - exact) < 4 * found.stderr < 0.05
    if categories:  # an entropy given the category is smaller
        assert own.log_prob is not None
        given = -float(own.log_prob.sum(dim=1).mean()) / 3
        assert given < exact - 4 * found.stderr


def test_with_noise_there_is_no_such_figure(language: Corpus) -> None:
    generator = made_for(language, latent_size=2)
    assert likelihoods.of_own(generator, validation.sampled(generator, 4)) is None
    assert likelihoods.of_training(generator, language, 0).n == len(language.splits["test"])


def test_with_noise_the_figures_of_text_are_marked_as_bounds(
    parts: Parts, capsys: pytest.CaptureFixture[str]
) -> None:
    scorer, writer = parts
    options = LSTMOptions(embedding_size=4, hidden_size=6, latent_size=2)
    noisy = make_generator(options, scorer.corpus.tokenizer, scorer.corpus.length, seed=1)
    row = scorer.row("noisy", Writer(noisy, scorer.corpus.tokenizer))
    assert "|noise:1 draw|bounds:NLL_test and NLL_train from above|textgan:" in row.protocol
    assert capsys.readouterr().err.splitlines() == [f"noisy: {likelihoods.NOTE}"]
    assert "bounds" not in scorer.row("plain", writer).protocol
    assert capsys.readouterr().err == ""


def test_of_a_known_language_training_text_stands_behind_test_text(language: Corpus) -> None:
    assert language.oracle is not None
    row = distance("itself", language.oracle, language, seed=0)
    assert list(row.figures)[:3] == ["NLL_oracle", "NLL_test", "NLL_train"]
    rows = np.random.default_rng(0).choice(200, 200, replace=False)
    nats = -density.text_log_prob(language.oracle, language.batch("train", rows.tolist()))
    train = row.figures["NLL_train"]
    assert train == pytest.approx((nats.mean() / 3, nats.std(ddof=1) / 3 / 200**0.5, 200))


def test_metrics_that_want_labels_are_told_where_there_are_none(
    textgan: Command, pretrained: Path
) -> None:
    result = textgan("evaluate", pretrained, "--metrics", "bleu,categories,augmentation")
    assert [line for line in result.err.splitlines() if "labels" in line] == [
        f"warning: {metric}: left out; it needs labels, which the texts don't have; name "
        "corpus.label_column"
        for metric in ("categories", "augmentation")
    ]


def test_the_command_shows_them_behind_the_other_figures(
    textgan: Command, pretrained: Path
) -> None:
    result = textgan("evaluate", pretrained, "--metrics", "bleu")
    assert result.code == 0
    assert [line.split()[0] for line in result.lines[5:8]] == ["NLL_test", "NLL_train", "NLL_div"]
    ceiling, below, row = api.evaluate(pretrained, metrics="bleu")
    for name in ("NLL_test", "NLL_train", "NLL_div"):
        assert ceiling.figures[name] is None
        assert below.figures[name] is not None and row.figures[name] is not None
