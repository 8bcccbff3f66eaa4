"""A known language with labels: a mixture of LSTMs, one a label."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from textgan import density, oracle
from textgan.config import check, read_yaml
from textgan.data.corpus import Corpus
from textgan.data.oracle import OracleOptions, draw_weights
from textgan.data.sequences import Sequences
from textgan.data.splits import SPLITS, CorpusOptions
from textgan.data.tokenizers import TokenizerOptions
from textgan.errors import UserError
from textgan.generators.mixture import MixtureGenerator

K = 3
TINY = OracleOptions(
    vocabulary=4, length=3, embedding_size=3, hidden_size=5, texts=6000, categories=K
)
ALL = Sequences(torch.tensor(list(product(range(4), repeat=3))), None)
"""Every text of the tiny language, (64, 3)."""


def opened(options: OracleOptions = TINY) -> Corpus:
    return oracle.open_corpus(CorpusOptions(oracle=options), TokenizerOptions())


def of_label(label: int) -> np.ndarray:
    """(64,) the probability of every text under the LSTM of a label's own weights."""
    expert = oracle.build(draw_weights(TINY, label), TINY.length)
    with torch.no_grad():
        return expert.log_prob(ALL).double().sum(dim=1).exp().numpy()


def place(ids: torch.Tensor) -> np.ndarray:
    """(B,) rows of ALL."""
    rows: np.ndarray = (ids @ torch.tensor([16, 4, 1])).numpy()
    return rows


def test_its_density_is_the_mean_of_its_labels_and_sums_to_one() -> None:
    model = oracle.make_oracle(TINY)
    assert isinstance(model, MixtureGenerator)
    assert not any(weight.requires_grad for weight in model.parameters())
    found = np.exp(density.text_log_prob(model, ALL))
    experts = [of_label(label) for label in range(K)]
    assert found.sum() == pytest.approx(1, abs=1e-6)
    assert found == pytest.approx(np.mean(experts, axis=0), abs=1e-6)
    for one, other in ((0, 1), (1, 2), (0, 2)):
        assert abs(experts[one] - experts[other]).sum() > 0.1, "three languages"
    assert not np.allclose(found, np.prod(experts, axis=0) ** (1 / K), atol=1e-3)


def test_labels_are_equally_frequent_and_say_which_lstm_wrote_a_text() -> None:
    corpus = opened()
    assert corpus.labels == ["0", "1", "2"]
    for split in SPLITS:
        s = corpus.batch(split, range(len(corpus.splits[split])))
        assert s.category is not None
        n = len(s)
        counts = torch.bincount(s.category, minlength=K).numpy()
        assert (abs(counts / n - 1 / K) < 4 * (1 / K * (1 - 1 / K) / n) ** 0.5).all()
        for label in range(K):
            own = place(s.ids[s.category == label])
            wanted = of_label(label)
            share = np.bincount(own, minlength=64) / len(own)
            error = np.sqrt(wanted * (1 - wanted) / len(own))
            assert (abs(share - wanted) < 4.5 * error + 1 / len(own)).all(), (split, label)
            other = of_label((label + 1) % K)
            assert (abs(share - other) > 4.5 * error + 1 / len(own)).any()
    assert corpus.shares == pytest.approx([1 / K] * K, abs=0.03)
    assert corpus.describe() == (
        "labelled oracle of seed 0: 6,000 train, 6,000 validation, 6,000 test texts; 7 kinds of "
        "token, longest text 3; 3 labels"
    )


def test_everything_follows_from_the_seed_and_fewer_texts_are_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, few = opened(), opened(TINY.model_copy(update={"texts": 20}))
    assert few.ids("test") == corpus.ids("test", range(20))
    first = few.splits["train"].category, corpus.splits["train"].category
    assert first[0] is not None and first[1] is not None
    assert first[0].tolist() == first[1][:20].tolist()
    assert opened(TINY.model_copy(update={"seed": 1})).digest != corpus.digest
    monkeypatch.setenv("TEXTGAN_CACHE", str(tmp_path))
    monkeypatch.setattr(oracle, "MUCH", 0)
    for _ in "written", "read":
        kept = opened()
        assert kept.digests == corpus.digests
        assert kept.splits["train"].category is not None
        assert kept.splits["train"].category.tolist() == first[1].tolist()


def test_label_0_writes_the_language_without_labels() -> None:
    alone = oracle.make_oracle(TINY.model_copy(update={"categories": 0}))
    found = np.exp(density.text_log_prob(alone, ALL))
    assert found == pytest.approx(of_label(0), abs=1e-6)
    assert oracle.fingerprint(alone) != oracle.fingerprint(oracle.make_oracle(TINY))


def test_the_shipped_file_is_oracle_yaml_s_with_two_labels() -> None:
    plain, labelled = (read_yaml(f"configs/data/{n}.yaml") for n in ("oracle", "oracle_labelled"))
    assert labelled["corpus"]["oracle"].pop("categories") == 2
    assert labelled == plain


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"categories": 2, "path": "x.npz"},
            "corpus.oracle: path is one language without labels; set categories to 0",
        ),
        (
            {"categories": 2, "grammar": "corpora/grammar_en.pcfg"},
            "corpus.oracle: grammar is one language without labels; set categories to 0",
        ),
        (
            {"categories": 1},
            "corpus.oracle: categories: one class is none; set it to 2 or more, or to 0",
        ),
    ],
    ids=["path", "grammar", "one"],
)
def test_what_makes_no_labelled_language_is_told_in_a_line(given: Any, told: str) -> None:
    with pytest.raises(UserError) as caught:
        check(CorpusOptions, {"oracle": given}, "corpus")
    assert str(caught.value) == told
