"""Features by tables are those of the products, whatever the texts' lengths and prefixes."""

import pytest
import torch

from textgan.data.sequences import Sequences
from textgan.discriminators.cnn import CNNConfig, CNNDiscriminator

WORDS, EOS = 23, 2


def discriminator(**options: object) -> CNNDiscriminator:
    torch.manual_seed(1)
    sizes = {"embedding_size": 6, "widths": [1, 2, 3, 9], "filters": [3, 4, 5, 6]}
    return CNNDiscriminator(CNNConfig(vocab_size=WORDS, options={**sizes, **options})).eval()


def rollouts(prefix: int, copies: int, width: int = 7) -> Sequences:
    """Texts of every length above the prefix's, which ``copies`` in a row share."""
    torch.manual_seed(prefix)
    ids = torch.randint(3, WORDS, (6 * copies, width))
    ids[:, :prefix] = ids[::copies, :prefix].repeat_interleave(copies, dim=0)
    for row, text in enumerate(ids):
        end = prefix + row % (width - prefix + 1)
        text[end : end + 1] = EOS
        text[end + 1 :] = 0
    return Sequences(ids, EOS)


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("prefix", [0, 1, 3, 6])
def test_tables_give_the_features_of_the_products(prefix: int, norm: bool) -> None:
    d, s = discriminator(spectral_norm=norm), rollouts(prefix, 4)
    with torch.no_grad():
        found = d.tables.features(s, prefix, 4)
        expected = d.read(d.embed(s), s, prefix, 4)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("part", ["embedding.weight", "convolution.convolutions.2.weight"])
def test_tables_follow_the_weights(part: str) -> None:
    d, s = discriminator(), rollouts(2, 4)
    with torch.no_grad():
        before = d.tables.features(s, 2, 4)
        d.get_parameter(part).mul_(-2)
        after = d.tables.features(s, 2, 4)
        expected = d.read(d.embed(s), s, 2, 4)
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, expected, rtol=1e-5, atol=1e-6)


def test_many_rollouts_are_judged_by_tables_and_learning_forgets_them() -> None:
    d, s = discriminator(), rollouts(2, 4)
    d.judge(s)
    assert not d.tables.known  # texts without a prefix in common come once
    judged = d.judge(s, 2, 4)
    assert d.tables.known
    torch.testing.assert_close(judged, d(s).detach(), rtol=1e-5, atol=1e-6)
    assert not d.tables.known
