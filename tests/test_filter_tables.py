"""Features by tables are those of the products, whatever the texts' lengths and prefixes."""

import pytest
import torch

from textgan.data.sequences import Sequences
from textgan.discriminators.cnn import CNNConfig, CNNDiscriminator
from textgan.optimizers import OptimizerOptions, make_optimizer

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
        with d.tables.using():
            found = d.features(s, prefix, 4)
        expected = d.features(s, prefix, 4)
    assert not torch.equal(found, expected)  # by another way
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("algorithm", ["adam", "sgd"])
def test_tables_follow_the_weights(algorithm: str) -> None:
    d, s = discriminator(), rollouts(2, 4)
    before = d.judge(s, 2, 4)
    tables = d.tables.tables
    d.judge(s, 2, 4)
    assert d.tables.tables is tables
    for weight in d.parameters():
        weight.grad = torch.randn_like(weight)
    options = OptimizerOptions.model_validate({"algorithm": algorithm, "lr": 0.1})
    make_optimizer(options, d.parameters()).step()
    after = d.judge(s, 2, 4)
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, d.judge(s), rtol=1e-5, atol=1e-5)


def test_many_rollouts_are_judged_by_tables_and_learning_forgets_them() -> None:
    d, s = discriminator(), rollouts(2, 4)
    d.judge(s)
    assert not d.tables.tables  # texts without a prefix in common come once
    judged = d.judge(s, 2, 4)
    assert len(d.tables.tables) == 4
    torch.testing.assert_close(judged, d(s).detach(), rtol=1e-5, atol=1e-6)
    assert not d.tables.tables


def test_judging_leaves_a_learning_discriminator_as_it_is() -> None:
    d, s = discriminator(spectral_norm=True).train(), rollouts(2, 4)
    before = {name: value.clone() for name, value in d.state_dict().items()}
    d.judge(s, 2, 4)
    assert d.tables.tables and d.training
    assert all(torch.equal(value, before[name]) for name, value in d.state_dict().items())
