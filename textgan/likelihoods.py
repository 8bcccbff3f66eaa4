"""How likely a generator finds held-out text, training text, and its own: figures of every table.

Nats a real token, ``<eos>`` included, padding not. NLL_test - NLL_train is what it has learnt of
its texts instead of the language. NLL_div is an estimate of its entropy, so of its diversity; other
toolkits' "NLL_gen" is NLL_train, and their NLL_div is this one (CatGAN, TextGAN-PyTorch). NLL_div
sums over categories while NLL_test is given a text's label, so that with labels the two don't
compare.
"""

import numpy as np

from textgan import density, validation
from textgan.data.corpus import Corpus
from textgan.data.sequences import Sequences
from textgan.generators import Generator
from textgan.metrics import Estimate

NOTE = (
    "the generator has noise z, and of texts NLL_test and NLL_train take one draw of it: they are "
    "upper bounds, and loose ones"
)
"""What a user must know of a generator with noise, in one line."""
STAMP = "|noise:1 draw|bounds:NLL_test and NLL_train from above"
"""The same for a fingerprint."""


def figures(
    generator: Generator, corpus: Corpus, own: Sequences, seed: int
) -> dict[str, Estimate | None]:
    """All three by name; ``own`` are the generator's samples, ``seed`` draws training texts."""
    return {
        "NLL_test": validation.nll(generator, corpus, "test"),
        "NLL_train": of_training(generator, corpus, seed),
        "NLL_div": of_own(generator, own),
    }


def of_training(generator: Generator, corpus: Corpus, seed: int) -> Estimate:
    """-log g a token, of as many training texts, drawn, as there are test texts.

    Scored as the test texts are: given their labels, or of a known language by the density.
    """
    known = len(corpus.splits["train"])
    count = min(known, len(corpus.splits["test"]))
    if corpus.oracle is not None and generator.latent_size:
        count = min(count, density.TEXTS)
    rows = np.random.default_rng(seed).choice(known, count, replace=False).tolist()
    if corpus.oracle is None:
        return validation.nll(generator, corpus, "train", rows)
    s = corpus.batch("train", rows)
    return per_token(density.text_log_prob(generator, s), s)


def of_own(generator: Generator, own: Sequences) -> Estimate | None:
    """-E_g log g(x) a token of the generator's own samples: its entropy, categories summed over.

    None of a generator with noise z, whose density is an integral.
    """
    if generator.latent_size:
        return None
    return per_token(validation.own_log_prob(generator, own), own)


def per_token(log_prob: np.ndarray, s: Sequences) -> Estimate:
    """Nats a token of texts with these log-probabilities (N,)."""
    return Estimate.ratio(-log_prob, s.lengths.double().cpu().numpy())


def with_training(found: dict[str, Estimate], train: Estimate) -> dict[str, Estimate]:
    """The figures of a known language with NLL_train behind NLL_test."""
    shown: dict[str, Estimate] = {}
    for name, figure in found.items():
        shown[name] = figure
        if name == "NLL_test":
            shown["NLL_train"] = train
    return shown
