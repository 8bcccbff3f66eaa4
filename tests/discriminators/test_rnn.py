"""The recurrent discriminator: its end is the text's end, ids and one-hots agree, it learns."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from textgan import models, runtime
from textgan.data.sequences import Sequences
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
