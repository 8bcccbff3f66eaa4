"""Texts under a language model of real text, and real text under a language model of the texts.

The LM score and the reverse LM score of Cífka et al. 2018 (arXiv 1804.07972) and Caccia et al. 2020
(arXiv 1811.02549, "Language GANs Falling Short"): nats a token, each text's end counted as one, the
lower the better. The first measures quality: a text that is repeated for ever is cheap, so it also
falls below real text's own value, which is no merit. The second falls with quality and diversity
both; it depends on how many texts the model is fitted to, so compare at one number of them.

Real text is here the references, in both directions: a model of the *training* texts would reward
who copies them. Its words are the references'; every other word counts as one unknown word.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from textgan.kneser_ney import KneserNey
from textgan.metrics.base import Evaluation, Tokens, TooFew
from textgan.metrics.estimate import Estimate

Ids = list[list[int]]
Score = Callable[[Ids], np.ndarray]
"""Texts -> (N,) their log-probabilities in nats, ends included."""
Fit = Callable[[Ids, int, int], Score]
"""Texts, V words (ids 0 to V - 1, no ends) and a seed -> the score of a model fitted to them."""

Nats = Callable[[Sequence[Tokens]], tuple[np.ndarray, np.ndarray]]
"""Texts -> their nats and their tokens, ends among them: (N,) each."""

ORDER = 5
ROWS = 512
"""Texts scored at once."""


def forward(e: Evaluation) -> dict[str, Estimate | None]:
    """The LM score, by a modified Kneser-Ney 5-gram model of the references."""
    return {"LM score": score(e.tokens, e.references, e.references)}


def backward(e: Evaluation) -> dict[str, Estimate | None]:
    """The reverse LM score, by a modified Kneser-Ney 5-gram model of the texts."""
    return {"reverse LM score": score(e.references, e.tokens, e.references)}


def neural(e: Evaluation) -> dict[str, Estimate | None]:
    """Both scores by LSTMs in place of counts: means over models of ``neural_lm.MODELS`` seeds,
    whose spread is in the standard errors.

    Minutes for thousands of texts. The models follow from the evaluation's seed; texts are sorted,
    so that their order changes nothing.
    """
    from textgan.neural_lm import MODELS  # seconds to import, and it is asked for by name alone

    seeds = range(MODELS * e.seed, MODELS * (e.seed + 1))
    texts, references = sorted(e.tokens), sorted(e.references)
    return {
        "neural LM score": _neural_score(texts, references, references, seeds),
        "neural reverse LM score": _neural_score(references, texts, references, seeds),
    }


def _neural_score(
    texts: list[Tokens], fitted: list[Tokens], real: list[Tokens], seeds: Sequence[int]
) -> Estimate:
    if not texts:
        raise TooFew("neural LM score: no texts to score; give at least one")
    frozen = [tuple(map(tuple, side)) for side in (fitted, real)]
    return _mean([_lstm(*frozen, seed)(texts) for seed in seeds])


@lru_cache(maxsize=6)
def _lstm(
    fitted: tuple[tuple[str, ...], ...], real: tuple[tuple[str, ...], ...], seed: int
) -> Nats:
    """Kept, since the references' models score every model of a table."""
    from textgan.neural_lm import fit_lstm

    return model_of([*map(list, fitted)], [*map(list, real)], fit_lstm, seed)


def kneser_ney(texts: Ids, words: int, seed: int = 0) -> Score:
    """A modified Kneser-Ney 5-gram model; nothing about it is drawn."""
    end, begin = words, words + 1
    model = KneserNey.fit([[*text, end] for text in texts], words + 2, begin, order=ORDER)

    def log_probs(scored: Ids) -> np.ndarray:
        found = np.empty(len(scored))
        for i in range(0, len(scored), ROWS):
            some = scored[i : i + ROWS]
            lengths = np.array([len(text) + 1 for text in some])
            ids = np.full((len(some), lengths.max()), end)
            for row, text in enumerate(some):
                ids[row, : len(text)] = text
            p = model.chances(model.start(len(some)), ids)
            inside = np.arange(ids.shape[1]) < lengths[:, None]
            found[i : i + ROWS] = np.log(np.where(inside, p, 1)).sum(axis=1)
        return found

    return log_probs


def score(
    texts: Sequence[Tokens],
    fitted: Sequence[Tokens],
    real: Sequence[Tokens],
    fit: Fit = kneser_ney,
    seeds: Sequence[int] = (0,),
) -> Estimate:
    """Nats a token of texts under a model of other texts; with several seeds, their mean.

    Args:
        texts: what is scored.
        fitted: what the model is fitted to.
        real: whose words are the vocabulary.
        fit: makes the model.
        seeds: one model each. The standard error is that of a mean over texts, and of one over
            seeds where there are several; that ``fitted`` is a sample itself isn't in it.

    Raises:
        UserError: there are no texts on one side.
    """
    if not len(texts):
        raise TooFew("LM score: no texts to score; give at least one")
    return _mean([model_of(fitted, real, fit, seed)(texts) for seed in seeds])


def _mean(found: list[tuple[np.ndarray, np.ndarray]]) -> Estimate:
    """Nats a token, the mean of several models' nats of the same texts."""
    tokens = found[0][1]
    by_text = np.stack([each for each, _ in found])  # (S, N)
    of_texts = Estimate.ratio(by_text.mean(axis=0), tokens)
    by_seed = by_text.sum(axis=1) / tokens.sum()
    spread = float(np.std(by_seed, ddof=1)) / len(found) ** 0.5 if len(found) > 1 else 0.0
    return of_texts._replace(stderr=float(np.hypot(of_texts.stderr, spread)))


def model_of(
    fitted: Sequence[Tokens], real: Sequence[Tokens], fit: Fit = kneser_ney, seed: int = 0
) -> Nats:
    """A model of some texts, for any number of others; arguments as ``score``'s."""
    if not len(fitted):
        raise TooFew("LM score: no texts to fit a model to; give at least one")
    vocabulary = {word: i for i, word in enumerate(dict.fromkeys(w for text in real for w in text))}
    unknown = len(vocabulary)

    def ids(texts: Sequence[Tokens]) -> Ids:
        return [[vocabulary.get(word, unknown) for word in text] for text in texts]

    log_probs = fit(ids(fitted), unknown + 1, seed)

    def nats(texts: Sequence[Tokens]) -> tuple[np.ndarray, np.ndarray]:
        return -log_probs(ids(texts)), np.array([len(text) + 1 for text in texts])

    return nats
