"""How likely a text is under a generator g, whatever category and noise z it was made from.

    g(x) = sum over c of share_c * E_z g(x | z, c),  z standard normal

The sum over categories is exact, one pass a category. The integral over z is estimated by the mean
over K draws, and the logarithm of a mean is biased, by a known sign:

* of a text that something else wrote, over K fresh draws: E log mean <= log g(x), a lower bound
  (Burda et al. 2016, arXiv 1509.00519, theorem 1);
* of the generator's own text, with the z that made it among K + 1: that z is an exact draw from
  the posterior, 1 / mean is unbiased for 1 / g(x), so E log mean >= log g(x), an upper bound
  (Grosse et al. 2015, arXiv 1511.02543).

So none of the divergences from a known language is underestimated: NLL_test and KL(p||g) take the
lower bound with a minus, KL(g||p) the upper one; JSD's two halves are convex in the mean and in
1 / mean. H(g) is underestimated. Both bounds close in with K, slowly where z decides the text.

Shapes: B texts, T positions, V vocabulary, K draws, Z numbers of noise. All in nats.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.generators import Generator

DRAWS = 64
"""K: fresh draws of z a text."""
TEXTS = 2_000
"""Texts of either side by which a generator with noise is scored, at most: each is K passes."""
NOTE = (
    f"the generator has noise z, and its density is estimated by {DRAWS} draws a text: NLL_test, "
    "NLL_train, KL and JSD are upper bounds, H(g) is a lower one"
)
"""What a user must know of the figures, in one line."""
STAMP = f"|noise:{DRAWS} draws|bounds:NLL_test, NLL_train, KL and JSD from above, H(g) from below"
"""The same for a fingerprint."""
Score = Callable[[Generator, Sequences], Tensor]
"""(B,) log-probabilities of texts, given the noise and the category that they carry."""


def whole(generator: Generator, s: Sequences) -> Tensor:
    """(B,) log g(x | z, c): a ``Score`` at temperature 1."""
    return generator.log_prob(s).double().sum(dim=1)


@torch.no_grad()
def text_log_prob(generator: Generator, s: Sequences, score: Score = whole) -> np.ndarray:
    """(B,) log-probabilities of whole texts; their own categories make no difference.

    Of a generator with noise they are bounds (see above): lower ones, or upper ones if the texts
    carry the noise that it made them from. The draws follow from runtime's seed, row by row.
    """
    s = s.to(next(generator.parameters()).device)
    marginal = _over_noise if generator.latent_size else _over_categories
    # of a text's logits in one pass, and of its draws, each of which is a pass of its own
    numbers = max(s.ids.shape[1] * generator.config.vocab_size, DRAWS * generator.latent_size)
    few = runtime.rows_at_once(4 * numbers, s.ids.device)
    with runtime.evaluating(generator):
        parts = [
            runtime.gather(marginal(generator, s[rows], score))
            for rows in runtime.portions(len(s), few)
        ]
    return torch.cat(parts).cpu().numpy()


def next_word(generator: Generator, s: Sequences) -> Tensor:
    """(B, T, V) log-probabilities of the next word behind each prefix, over categories exactly:
    of each the share counts, times how likely it finds the prefix.

    The generator has no noise.
    """
    assert not generator.latent_size, "an integral, no sum"
    joint, prefix = [], []
    for share, kind in _kinds(generator, s):
        words = generator.logits(kind).log_softmax(dim=2)
        chosen = words.gather(2, s.ids[..., None]).squeeze(2)  # (B, T)
        before = F.pad(chosen.cumsum(dim=1)[:, :-1], (1, 0)) + math.log(share)
        joint.append(words + before[..., None])
        prefix.append(before)
    if len(joint) == 1:
        return words
    return torch.stack(joint).logsumexp(dim=0) - torch.stack(prefix).logsumexp(dim=0)[..., None]


def _over_noise(generator: Generator, s: Sequences, score: Score) -> Tensor:
    """(B,) the logarithm of the mean over draws of z, the texts' own among them if they have it."""
    size = generator.latent_size
    z = runtime.normal(len(s), DRAWS * size, s.ids.device).view(len(s), DRAWS, size)
    if s.noise is not None:
        z = torch.cat([s.noise[:, None], z], dim=1)
    found = [_over_categories(generator, replace(s, noise=one), score) for one in z.unbind(dim=1)]
    return torch.stack(found).logsumexp(dim=0) - math.log(len(found))


def _over_categories(generator: Generator, s: Sequences, score: Score) -> Tensor:
    """(B,) the logarithm of the mean over categories, by their shares."""
    found = [math.log(share) + score(generator, kind) for share, kind in _kinds(generator, s)]
    return torch.stack(found).logsumexp(dim=0)


def _kinds(generator: Generator, s: Sequences) -> Iterator[tuple[float, Sequences]]:
    """The share of each category that is drawn at all, and the texts as if they were of it."""
    if not generator.categories:
        yield 1.0, s
    for category, share in enumerate(generator.shares):
        if share:
            yield share, replace(s, category=torch.full_like(s.ids[:, 0], category))
