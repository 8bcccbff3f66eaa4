"""Divergences by prefix, of two LSTM languages, against sums over all texts."""

from itertools import product

import numpy as np
import torch

from textgan import oracle, runtime, validation
from textgan.data.oracle import OracleOptions
from textgan.data.sequences import Sequences
from textgan.data.splits import CorpusOptions
from textgan.data.tokenizers import TokenizerOptions
from textgan.metrics import known_language

TINY = OracleOptions(vocabulary=4, length=3, embedding_size=3, hidden_size=5, texts=3000)
ALL = Sequences(torch.tensor(list(product(range(4), repeat=3))), None)


def test_they_are_those_of_all_texts_with_smaller_errors() -> None:
    corpus = oracle.open_corpus(CorpusOptions(oracle=TINY), TokenizerOptions())
    other = oracle.make_oracle(TINY.model_copy(update={"seed": 7, "init_std": 0.7}))
    assert corpus.oracle is not None
    log_p, log_g = (model.log_prob(ALL).double().sum(dim=1) for model in (corpus.oracle, other))
    wanted = {
        "KL(p||g) by prefix": float((log_p.exp() * (log_p - log_g)).sum()) / 3,
        "KL(g||p) by prefix": float((log_g.exp() * (log_g - log_p)).sum()) / 3,
    }
    runtime.seed(0)
    sides = validation.sides(other, corpus, "test", 3000)
    found = validation.prefix_divergences(sides, 3)
    plain = known_language.figures(validation.log_probs(sides), 3)
    assert list(found) == list(wanted)
    for name, value in wanted.items():
        estimate = found[name]
        assert estimate is not None and estimate.n == 3000
        assert abs(estimate.value - value) < 4 * estimate.stderr
        assert estimate.stderr < 0.7 * plain[name.removesuffix(" by prefix")].stderr
    itself = validation.prefix_divergences(validation.sides(corpus.oracle, corpus, "test", 50), 3)
    assert all(np.isclose(e.value, 0, atol=1e-6) for e in itself.values() if e is not None)


def test_a_text_has_as_many_tokens_as_the_language_says() -> None:
    corpus = oracle.open_corpus(CorpusOptions(oracle=TINY), TokenizerOptions())
    assert validation.tokens_a_text(corpus, "train") == 3
