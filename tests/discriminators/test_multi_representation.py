"""RelGAN's discriminator: R parts of a word vector, one set of filters; the slow way agrees."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor

from textgan import models, runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.multi_representation import (
    MultiRepresentationConfig,
    MultiRepresentationDiscriminator,
    MultiRepresentationOptions,
    _largest,
)

PAD, EOS, V = 0, 2, 17
parts_of_6 = pytest.mark.parametrize("representations", [1, 2, 3, 6])


def make(representations: int = 3, **options: object) -> MultiRepresentationDiscriminator:
    runtime.seed(0, "multi")
    small = {"embedding_size": 6, "filters": [3, 4, 5, 2], "hidden_size": 4, **options}
    given = {"representations": representations, **small}
    checked = MultiRepresentationOptions.model_validate(given)
    settings = MultiRepresentationConfig(vocab_size=V, options=checked.model_dump(mode="json"))
    d = MultiRepresentationDiscriminator(settings).eval()
    with torch.no_grad():
        for bias in [m.bias for m in d.modules() if isinstance(m, torch.nn.Linear)]:
            bias.normal_(std=0.3)  # zero at first
    return d


def some_texts(width: int = 8) -> Sequences:
    """A text of every length from 1 to width, and one that never ends."""
    torch.manual_seed(width)
    ids = torch.randint(3, V, (width + 1, width))
    for row in range(width):
        ids[row, row] = EOS
        ids[row, row + 1 :] = PAD
    return Sequences(ids, EOS)


def slow_logits(d: MultiRepresentationDiscriminator, text: Tensor) -> list[Tensor]:
    """One text alone, cut at its end: part by part, filter by filter, window by window."""
    o, logits = d.options, []
    size = o.embedding_size // o.representations
    for r in range(o.representations):
        words = d.embedding.weight[text][:, r * size : (r + 1) * size]
        pooled = []
        for width, filters in zip(o.widths, d.convolution.convolutions, strict=True):
            words_or_zeros = F.pad(words, (0, 0, 0, max(0, width - len(words))))
            for weight, bias in zip(filters.weight, filters.bias, strict=True):
                responses = [
                    torch.relu((words_or_zeros[t : t + width].flatten() * weight).sum() + bias)
                    for t in range(len(words_or_zeros) - width + 1)
                ]
                pooled.append(torch.stack(responses).max())
        features = torch.stack(pooled)
        transform, gate = d.convolution.highway(features).chunk(2)
        features = gate.sigmoid() * transform.relu() + (1 - gate.sigmoid()) * features
        logits.append(d.output(d.between(features)).squeeze())
    return logits


@parts_of_6
def test_it_agrees_with_a_loop_over_parts_filters_and_windows(representations: int) -> None:
    d, s = make(representations), some_texts()
    slow = torch.stack(
        [torch.stack(slow_logits(d, text[:n])) for text, n in zip(s.ids, s.lengths, strict=True)]
    )
    found = d(s)
    assert found.shape == ((9, representations) if representations > 1 else (9,))
    torch.testing.assert_close(found, slow.view_as(found), rtol=1e-4, atol=1e-5)
    assert slow.std(dim=0).min() > 1e-4, "texts differ in their scores"
    ours = torch.autograd.grad(found.square().sum(), list(d.parameters()))
    theirs = torch.autograd.grad(slow.square().sum(), list(d.parameters()))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


def test_a_layout_that_mixes_parts_and_texts_fails_the_check() -> None:
    """R folded into the batch one way and out of it the other."""
    d, s = make(3), some_texts()
    features = d.features(s)
    mixed = features.transpose(0, 1).flatten(0, 1).unflatten(0, (len(s), 3))
    assert not torch.allclose(d.head(mixed), d(s), atol=1e-3)


def test_parts_share_their_filters() -> None:
    d = make(3)
    with torch.no_grad():
        d.embedding.weight.copy_(d.embedding.weight[:, :2].repeat(1, 3))
    logits = d(some_texts())
    torch.testing.assert_close(logits, logits[:, :1].expand(-1, 3))


@parts_of_6
def test_in_chunks_it_is_the_same(representations: int, monkeypatch: pytest.MonkeyPatch) -> None:
    d, s = make(representations), some_texts()
    whole = d(s)
    monkeypatch.setattr(runtime, "rows_in_cache", lambda *_: 2)
    torch.testing.assert_close(d(s), whole)


def test_ids_and_one_hots_have_one_score_and_a_gradient() -> None:
    d, s = make(), some_texts()
    soft = F.one_hot(s.ids, V).float().requires_grad_()
    scores = d(Sequences(s.ids, EOS, soft=soft))
    torch.testing.assert_close(scores, d(s))
    (gradient,) = torch.autograd.grad(scores.square().sum(), soft)
    assert gradient[s.mask].abs().sum() > 0
    assert not gradient[~s.mask].any()


def test_junk_and_padding_behind_the_end_change_nothing() -> None:
    d, s = make(), some_texts()
    junk = torch.where(s.mask, s.ids, torch.full_like(s.ids, 5))
    assert torch.equal(d(Sequences(junk, EOS)), d(s))
    ended = s[:-1]
    torch.testing.assert_close(d(Sequences(F.pad(ended.ids, (0, 7)), EOS)), d(ended))


@pytest.mark.parametrize("prefix", range(1, 7))
def test_a_prefix_that_is_looked_at_once_gives_the_same_scores(prefix: int) -> None:
    d, copies = make(), 4
    torch.manual_seed(prefix)
    ids = torch.randint(3, V, (5, prefix)).repeat_interleave(copies, dim=0)
    s = Sequences(torch.cat([ids, torch.randint(3, V, (20, 8 - prefix))], dim=1), None)
    torch.testing.assert_close(d.judge(s, prefix, copies), d.judge(s))


def test_it_has_a_gradient_of_a_gradient() -> None:
    """For penalties on its slope."""
    d, s = make(2, embedding_size=4).double(), some_texts(4)
    torch.manual_seed(0)
    embedded = torch.randn(5, 4, 4, dtype=torch.float64, requires_grad=True)
    weight = d.convolution.convolutions[0].weight

    def f(x: Tensor, _: Tensor) -> Tensor:
        return d.head(d.read(x, s))

    assert torch.autograd.gradcheck(f, (embedded, weight))
    assert torch.autograd.gradgradcheck(f, (embedded, weight))


def test_the_official_sizes() -> None:
    d, s = make(64, embedding_size=64, filters=[300] * 4, hidden_size=100), some_texts(3)
    assert d.features(s).shape == (4, 64, 1200)
    assert d(s).shape == (4, 64)
    assert [c.in_features for c in d.convolution.convolutions] == [2, 3, 4, 5]
    filters = d.convolution.convolutions[3].weight
    assert filters.std().item() == pytest.approx(0.88 * np.sqrt(2 / 5), rel=0.05), "cut at two"
    assert filters.abs().max().item() <= 2 * np.sqrt(2 / 5)


def test_reloaded_it_gives_the_same_scores(tmp_path: Path) -> None:
    d, s = make(), some_texts()
    d.save_pretrained(tmp_path)
    again = models.load_discriminator(tmp_path).eval()
    assert type(again) is MultiRepresentationDiscriminator
    assert torch.equal(again(s), d(s))


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"widths": [1, 2], "filters": [3]}, "widths and filters must be lists of one length"),
        ({"widths": [0], "filters": [3]}, "widths and filters must be 1 or more"),
        (
            {"embedding_size": 10, "representations": 4},
            "embedding_size 10 must be a multiple of representations 4",
        ),
    ],
)
def test_sizes_that_do_not_fit_are_an_error(wrong: dict[str, object], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        MultiRepresentationOptions.model_validate(wrong)


@pytest.mark.parametrize("rows", [1, 2, 31, 32, 33])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_largest_row_is_found_up_to_ties(rows: int, dtype: torch.dtype) -> None:
    response = torch.randn(rows, 40, 30, dtype=dtype, generator=torch.Generator().manual_seed(rows))
    response[rows // 2 :] -= 1e9  # outside a text
    found = _largest(response.clone())
    largest, place = response.max(dim=0)
    chosen = response.gather(0, found[None])[0]
    assert (found == place).float().mean() > 0.999
    torch.testing.assert_close(chosen, largest, rtol=4e-6, atol=0)


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_number_that_is_none_comes_out_as_that(broken: float) -> None:
    found = _largest(torch.full((3, 2, 2), broken))
    assert found.max() < 3  # a row that there is: what breaks a run is told by its loss
