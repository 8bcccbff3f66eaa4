"""SeqGAN's discriminator: padding never counts, short texts work, ids and one-hots agree."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.cnn import CNNConfig, CNNDiscriminator, CNNOptions
from textgan.features import FILTERS, WIDTHS, ConvolutionFeatures

PAD, EOS, V = 0, 2, 17


def make(**options: object) -> CNNDiscriminator:
    runtime.seed(0, "cnn")
    small = {"embedding_size": 6, "filters": [3] * len(WIDTHS), **options}
    settings = CNNConfig(
        vocab_size=V, options=CNNOptions.model_validate(small).model_dump(mode="json")
    )
    return CNNDiscriminator(settings).eval()


def some_texts(width: int) -> Sequences:
    """A text of every length from 1 to width, and one that never ends."""
    torch.manual_seed(width)
    ids = torch.randint(3, V, (width + 1, width))
    for row in range(width):
        ids[row, row] = EOS
        ids[row, row + 1 :] = PAD
    return Sequences(ids, EOS)


def slow_logit(d: CNNDiscriminator, text: Tensor) -> Tensor:
    """One text alone, cut at its end, filter by filter, window by window: a scalar."""
    embedded = d.embedding.weight[text]  # (length, E)
    pooled = []
    for width, convolution in zip(d.options.widths, d.convolution.convolutions, strict=True):
        short = max(0, width - len(embedded))
        padded = F.pad(embedded, (0, 0, 0, short))
        kernel = convolution.weight.unflatten(1, (width, -1)).transpose(1, 2)  # (filters, E, width)
        windows = [
            F.conv1d(padded[i : i + width].t()[None], kernel, convolution.bias).flatten()
            for i in range(len(padded) - width + 1)
        ]
        pooled.append(torch.stack([F.relu(window) for window in windows]).amax(dim=0))
    features = torch.cat(pooled)
    transform, gate = d.convolution.highway(features).chunk(2)
    gate = gate.sigmoid()
    features = gate * F.relu(transform) + (1 - gate) * features
    return d.output(features).squeeze()


@pytest.mark.parametrize("width", [1, 5, 19, 20, 26])
def test_it_agrees_with_a_loop_over_texts_filters_and_windows(width: int) -> None:
    d, s = make(), some_texts(width)
    with torch.no_grad():
        slow = torch.stack(
            [slow_logit(d, text[:n]) for text, n in zip(s.ids, s.lengths, strict=True)]
        )
        torch.testing.assert_close(d(s), slow, rtol=1e-4, atol=1e-4)
    assert slow.std() > 1e-3, "texts differ in their score"


@pytest.mark.parametrize("eos", [EOS, None])
def test_ids_and_one_hots_have_one_score(eos: int | None) -> None:
    d, ids = make(), some_texts(8).ids
    hard = Sequences(ids, eos)
    soft = Sequences(ids, eos, soft=F.one_hot(ids, V).float())
    torch.testing.assert_close(d(soft), d(hard), rtol=1e-5, atol=1e-5)


def test_a_gradient_reaches_the_relaxed_one_hots_but_not_behind_the_end() -> None:
    d, ids = make(), some_texts(8).ids
    soft = F.one_hot(ids, V).float().requires_grad_()
    s = Sequences(ids, EOS, soft=soft)
    d(s).sum().backward()
    assert soft.grad is not None
    assert (soft.grad[s.mask].abs().sum(dim=1) > 0).float().mean() > 0.9
    assert not soft.grad[~s.mask].any()


@pytest.mark.parametrize("more", [1, 7, 30])
def test_more_columns_of_padding_change_nothing(more: int) -> None:
    d, s = make(), some_texts(8)
    s = s[slice(0, 8)]  # the last text has no end and would grow
    padded = Sequences(F.pad(s.ids, (0, more), value=PAD), EOS)
    torch.testing.assert_close(d(padded), d(s), rtol=1e-5, atol=1e-5)


def test_junk_behind_the_end_changes_nothing() -> None:
    d, s = make(), some_texts(25)
    torch.manual_seed(1)
    junk = torch.where(s.mask, s.ids, torch.randint(0, V, s.ids.shape))
    assert not torch.equal(junk, s.ids)
    assert torch.equal(d(Sequences(junk, EOS)), d(s))


def test_the_vector_of_padding_changes_nothing_and_learns_nothing() -> None:
    d, s = make(), some_texts(8)
    before = d(s)
    before.sum().backward()
    assert d.embedding.weight.grad is not None
    assert not d.embedding.weight.grad[PAD].any()
    with torch.no_grad():
        d.embedding.weight[PAD] = 100.0
        torch.testing.assert_close(d(s), before)


def test_a_text_scores_alone_as_it_does_in_a_batch() -> None:
    d, s = make(), some_texts(24)
    together = d(s)
    for row in range(len(s)):
        alone = Sequences(s.ids[row : row + 1, : int(s.lengths[row])], EOS)
        torch.testing.assert_close(d(alone)[0], together[row], rtol=1e-4, atol=1e-4)


def short_texts_have_a_score(score: Callable[[Tensor], Tensor]) -> None:
    """The check that a convolution without padding fails."""
    assert score(torch.randint(3, V, (4, 7))).isfinite().all()


def test_texts_shorter_than_the_widest_filter_have_a_score() -> None:
    d = make()
    short_texts_have_a_score(lambda ids: d(Sequences(ids, None)))

    def without_padding(ids: Tensor) -> Tensor:
        kernel = torch.randn(3, 6, max(WIDTHS))
        return F.conv1d(d.embedding(ids).transpose(1, 2), kernel).amax(dim=2)

    with pytest.raises(RuntimeError, match="size"):
        short_texts_have_a_score(without_padding)


def test_the_gradient_through_the_windows_is_the_numerical_one() -> None:
    torch.manual_seed(0)
    features = ConvolutionFeatures(2, [1, 2, 4], [2, 2, 2]).double()
    embedded = torch.randn(3, 3, 2, dtype=torch.float64, requires_grad=True)
    weights = list(features.parameters())
    lengths = torch.tensor([1, 2, 3])

    def f(*x: Tensor) -> Tensor:
        return features(x[0], lengths)

    assert torch.autograd.gradcheck(f, [embedded, *weights])


def test_the_gradient_of_word_vectors_is_that_of_the_slow_version() -> None:
    d, s = make(), some_texts(22)
    ours = torch.autograd.grad(d(s).sum(), list(d.parameters()))
    slow = torch.stack([slow_logit(d, text[:n]) for text, n in zip(s.ids, s.lengths, strict=True)])
    theirs = torch.autograd.grad(slow.sum(), list(d.parameters()))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def test_the_twelve_filters_make_1720_features() -> None:
    assert (len(WIDTHS), sum(FILTERS)) == (12, 1720)
    assert dict(zip(WIDTHS, FILTERS, strict=True)) == {
        1: 100, 2: 200, 3: 200, 4: 200, 5: 200, 6: 100, 7: 100, 8: 100, 9: 100, 10: 100,
        15: 160, 20: 160,
    }  # fmt: skip
    d = make(filters=FILTERS, embedding_size=64)
    s = some_texts(3)
    assert d.features(s).shape == (4, 1720)
    assert d(s).shape == (4,)
    assert (d.convolution.highway.bias[1720:] == -2).all()


def test_the_probability_is_sigmoid_of_the_logit() -> None:
    d, s = make(), some_texts(8)
    torch.testing.assert_close(d.probability(s), d(s).sigmoid())
    assert not d.probability(s).requires_grad


def test_reloaded_it_gives_the_same_scores(tmp_path: Path) -> None:
    d, s = make(widths=[1, 4, 9], filters=[3, 4, 5], dropout=0.4), some_texts(8)
    d.save_pretrained(tmp_path)
    again = CNNDiscriminator.from_pretrained(tmp_path)
    assert again.options == d.options
    assert not again.training
    with torch.no_grad():
        assert torch.equal(again(s), d(s))


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"widths": [1, 2], "filters": [3]}, "widths and filters must be lists of one length"),
        ({"widths": [], "filters": []}, "widths and filters must be lists of one length"),
        ({"widths": [0], "filters": [3]}, "widths and filters must be 1 or more"),
    ],
)
def test_filters_that_fit_no_width_are_an_error(wrong: dict[str, list[int]], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        CNNOptions.model_validate(wrong)
