"""The recurrent discriminator: its end is the text's end, ids and one-hots agree, it learns."""

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from textgan import models, runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.positions import waves
from textgan.discriminators.rnn import RNNConfig, RNNDiscriminator, RNNOptions
from textgan.losses.adversarial import discriminator_loss

PAD, EOS, V = 0, 2, 17
each_cell = pytest.mark.parametrize("cell", ["lstm", "gru"])


def make(cell: str, layers: int = 2) -> RNNDiscriminator:
    runtime.seed(0, "rnn")
    sizes = {"cell": cell, "layers": layers, "embedding_size": 6, "hidden_size": 8}
    options = RNNOptions.model_validate(sizes).model_dump(mode="json")
    return RNNDiscriminator(RNNConfig(vocab_size=V, options=options)).eval()


def some_texts(width: int = 7) -> Sequences:
    """A text of every length from 1 to width, and one that never ends."""
    torch.manual_seed(width)
    ids = torch.randint(3, V, (width + 1, width))
    for row in range(width):
        ids[row, row] = EOS
        ids[row, row + 1 :] = PAD
    return Sequences(ids, EOS)


@each_cell
def test_it_agrees_with_every_text_read_alone_and_cut_at_its_end(cell: str) -> None:
    d, s = make(cell), some_texts()
    for row, length in enumerate(s.lengths.tolist()):
        outputs, _ = d.recurrent(d.embedding(s.ids[row : row + 1, :length]))
        torch.testing.assert_close(d(s)[row], d.output(outputs[0, -1]).squeeze())
    assert len(d(s).unique()) == len(s)


@each_cell
def test_junk_behind_the_end_and_more_padding_change_nothing(cell: str) -> None:
    d, s = make(cell), some_texts()
    junk = torch.where(s.mask, s.ids, torch.full_like(s.ids, 5))
    torch.testing.assert_close(d(Sequences(junk, EOS)), d(s))
    ended = s[:-1]  # a text without an end goes on through what stands behind it
    wider = Sequences(F.pad(ended.ids, (0, 4)), EOS)
    torch.testing.assert_close(d(wider), d(ended))


@each_cell
def test_ids_and_one_hots_have_one_score_and_a_gradient(cell: str) -> None:
    d, s = make(cell), some_texts()
    soft = F.one_hot(s.ids, V).float().requires_grad_()
    scores = d(Sequences(s.ids, EOS, soft=soft))
    torch.testing.assert_close(scores, d(s))
    (gradient,) = torch.autograd.grad(scores.sum(), soft)
    assert gradient[s.mask].abs().sum() > 0
    assert not gradient[~s.mask].any()


@each_cell
def test_it_learns_what_only_the_order_tells(cell: str) -> None:
    d = make(cell, layers=1).train()
    torch.manual_seed(0)
    ascending = torch.randint(3, V, (64, 5)).sort(dim=1).values
    real, fake = Sequences(ascending, EOS), Sequences(ascending.flip(1), EOS)
    optimizer = torch.optim.Adam(d.parameters(), 1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss = discriminator_loss("minimax", d(real), d(fake))
        loss.backward()
        optimizer.step()
    fresh = Sequences(torch.randint(3, V, (200, 5)).sort(dim=1).values, EOS)
    assert (d.probability(fresh) > 0.5).float().mean() > 0.9


@each_cell
def test_reloaded_it_gives_the_same_scores(cell: str, tmp_path: Path) -> None:
    d = make(cell)
    d.save_pretrained(tmp_path)
    again = models.load_discriminator(tmp_path).eval()
    assert type(again) is RNNDiscriminator
    assert torch.equal(again(some_texts()), d(some_texts()))


@each_cell
def test_with_places_and_normalised_it_still_ends_with_the_text(cell: str, tmp_path: Path) -> None:
    runtime.seed(0, "rnn")
    sizes = {"cell": cell, "embedding_size": 6, "hidden_size": 8, "positions": 5}
    options = RNNOptions.model_validate({**sizes, "layer_norm": True, "per_token": True})
    config = RNNConfig(vocab_size=V, options=options.model_dump(mode="json"))
    d, s = RNNDiscriminator(config).eval(), some_texts()
    for row, length in enumerate(s.lengths.tolist()):
        alone = d(Sequences(s.ids[row : row + 1, :length], EOS))[0]
        torch.testing.assert_close(d(s)[row, :length], alone)
    features = d.features(s)[0, 0]
    assert features.mean().item() == pytest.approx(0, abs=1e-5)
    assert features.var(correction=0).item() == pytest.approx(1, abs=1e-2)
    plain = make(cell, layers=1)
    assert d.recurrent.input_size == plain.recurrent.input_size + 5
    d.save_pretrained(tmp_path)
    assert torch.equal(models.load_discriminator(tmp_path).eval()(s), d(s))


def test_waves_tell_places_apart_and_stay_between_minus_one_and_one() -> None:
    found = waves(torch.zeros(2, 64, 3), 5)
    assert found.shape == (64, 5)
    angles = [t / 10_000 ** (2 * i / 5) for t in (7,) for i in range(3)]
    by_hand = [f(a) for a in angles for f in (math.sin, math.cos)][:5]
    assert found[7].tolist() == pytest.approx(by_hand, abs=1e-5)
    assert torch.cdist(found, found).fill_diagonal_(1).min() > 0.1
