"""How far a generator g is from a language p whose density is known (an oracle).

All estimates are unbiased means over samples of either side, scored under both densities: the
entropies, the cross-entropies NLL_oracle = -E_g log p (Yu et al. 2017, arXiv 1609.05473, eq. 9) and
NLL_test = -E_p log g, the divergences KL(p||g) = NLL_test - H(p) and KL(g||p) = NLL_oracle - H(g),
and the Jensen-Shannon divergence of whole texts. NLL_oracle alone measures how peaked g is.

A language that can't write everything (a grammar) finds other texts impossible: NLL_oracle and
KL(g||p) are infinite then, ``possible`` says how often it isn't so, and JSD stays finite.

``tokens``: how many a text has on average, to have nats a token; 1 for nats a text. The divergences
are means of differences text by text: what is common to both densities adds nothing to their
standard errors.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from textgan.metrics.estimate import Estimate


class LogProbs(NamedTuple):
    """Log-probabilities of whole texts in nats: N texts of p, M of g, each under both."""

    p_of_p: np.ndarray
    """(N,) log p of texts of p."""
    g_of_p: np.ndarray
    """(N,) log g of texts of p; -inf where g never writes them."""
    p_of_g: np.ndarray
    """(M,) log p of texts of g."""
    g_of_g: np.ndarray
    """(M,) log g of texts of g: the density of what sampled, its temperature included."""


def nll_oracle(found: LogProbs, tokens: float = 1) -> Estimate:
    """-E_g log p: how likely the language finds the generator's texts."""
    return _mean(-found.p_of_g, tokens)


def nll_test(found: LogProbs, tokens: float = 1) -> Estimate:
    """-E_p log g: how likely the generator finds the language's texts."""
    return _mean(-found.g_of_p, tokens)


def entropy_p(found: LogProbs, tokens: float = 1) -> Estimate:
    """-E_p log p: the least that NLL_test can be."""
    return _mean(-found.p_of_p, tokens)


def entropy_g(found: LogProbs, tokens: float = 1) -> Estimate:
    """-E_g log g: the least that NLL_oracle can be for so diverse a generator."""
    return _mean(-found.g_of_g, tokens)


def kl_p_g(found: LogProbs, tokens: float = 1) -> Estimate:
    """KL(p||g) = E_p log p/g; infinite where g never writes what p does."""
    return _mean(found.p_of_p - found.g_of_p, tokens)


def kl_g_p(found: LogProbs, tokens: float = 1) -> Estimate:
    """KL(g||p) = E_g log g/p."""
    return _mean(found.g_of_g - found.p_of_g, tokens)


def jsd(found: LogProbs) -> Estimate:
    """Jensen-Shannon divergence of whole texts, in [0, ln 2] nats: (KL(p||m) + KL(g||m)) / 2.

    m = (p + g) / 2, taken from the logarithms, so that no density underflows. It has no meaning a
    token: it isn't a sum over them.
    """
    of_p = _mean(found.p_of_p - _log_mean(found.p_of_p, found.g_of_p))
    of_g = _mean(found.g_of_g - _log_mean(found.p_of_g, found.g_of_g))
    error = math.hypot(of_p.stderr, of_g.stderr) / 2
    return Estimate((of_p.value + of_g.value) / 2, error, of_p.n + of_g.n)


def figures(found: LogProbs, tokens: float) -> dict[str, Estimate]:
    """All of them by name: nats a token, JSD nats a text; ``possible`` where not all texts are."""
    share = possible(found)
    explained = {"possible": share} if share.value < 1 else {}
    return explained | {
        "NLL_oracle": nll_oracle(found, tokens),
        "NLL_test": nll_test(found, tokens),
        "H(p)": entropy_p(found, tokens),
        "H(g)": entropy_g(found, tokens),
        "KL(p||g)": kl_p_g(found, tokens),
        "KL(g||p)": kl_g_p(found, tokens),
        "JSD": jsd(found),
    }


def possible(found: LogProbs) -> Estimate:
    """How large a part of g's texts p can write at all, in [0, 1]."""
    return Estimate.from_scores(np.isfinite(found.p_of_g).astype(float).tolist())


BY_PREFIX = "KL(p||g) by prefix", "KL(g||p) by prefix"


def by_prefix(of_p: np.ndarray, of_g: np.ndarray, tokens: float = 1) -> dict[str, Estimate]:
    """The two divergences again, with smaller errors: of each next token the exact KL.

    By the chain rule KL(p||g) = E_p sum_t KL(p(.|w_<t) || g(.|w_<t)); only the prefixes are drawn.

    Args:
        of_p: (N,) that sum for texts of p.
        of_g: (M,) the same of KL(g||p) for texts of g.
        tokens: as above.
    """
    return dict(zip(BY_PREFIX, (_mean(of_p, tokens), _mean(of_g, tokens)), strict=True))


def _log_mean(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """log((exp(a) + exp(b)) / 2)."""
    mean: np.ndarray = np.logaddexp(a, b) - math.log(2)
    return mean


def _mean(nats: np.ndarray, tokens: float = 1) -> Estimate:
    with np.errstate(invalid="ignore"):  # an infinite mean has no standard error: nan
        return Estimate.from_scores((nats / tokens).tolist())
