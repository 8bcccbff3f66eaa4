"""The projection discriminator: all next tokens at once are those one at a time."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from textgan import models, runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.projection import (
    ProjectionConfig,
    ProjectionDiscriminator,
    ProjectionOptions,
)
from textgan.losses.adversarial import discriminator_loss

PAD, EOS, V = 0, 2, 11
each_cell = pytest.mark.parametrize("cell", ["lstm", "gru"])


def make(cell: str, **options: object) -> ProjectionDiscriminator:
    runtime.seed(0, "projection")
    sizes = {"cell": cell, "embedding_size": 6, "hidden_size": 8, **options}
    chosen = ProjectionOptions.model_validate(sizes).model_dump(mode="json")
    return ProjectionDiscriminator(ProjectionConfig(vocab_size=V, options=chosen)).eval()


def some_texts() -> Sequences:
    torch.manual_seed(1)
    ids = torch.randint(3, V, (4, 5))
    ids[1, 2:] = torch.tensor([EOS, PAD, PAD])
    ids[2, 0:] = torch.tensor([EOS, PAD, PAD, PAD, PAD])
    return Sequences(ids, EOS)


@each_cell
@pytest.mark.parametrize("spectral_norm", [False, True])
def test_every_next_token_has_the_logit_it_would_have_had(cell: str, spectral_norm: bool) -> None:
    d, s = make(cell, spectral_norm=spectral_norm).train(), some_texts()
    every = d.all_tokens(s)
    assert every.shape == (4, 5, V) and not every.requires_grad and d.training
    d.eval()
    for row, n in enumerate(s.lengths.tolist()):
        for t in range(n):
            for v in range(V):
                text = torch.cat([s.ids[row, :t], torch.tensor([v])])[None]
                slow = d(Sequences(text, EOS))[0, t]
                torch.testing.assert_close(every[row, t, v], slow, atol=1e-5, rtol=1e-4)
    came = every.gather(2, s.ids[..., None]).squeeze(2)
    torch.testing.assert_close(came[s.mask], d(s)[s.mask], atol=1e-5, rtol=1e-4)


@each_cell
def test_a_logit_sees_the_token_that_came_and_none_later(cell: str) -> None:
    d, s = make(cell), some_texts()
    changed = s.ids.clone()
    changed[0, 2] = 3 + (s.ids[0, 2] - 2) % (V - 3)
    moved = (d(Sequences(changed, EOS)) - d(s)).abs()[0] > 1e-7
    assert moved.tolist() == [False, False, True, True, True]


@each_cell
def test_ids_and_one_hots_have_one_score_and_padding_no_gradient(cell: str) -> None:
    d, s = make(cell), some_texts()
    soft = F.one_hot(s.ids, V).float().requires_grad_()
    scores = d(Sequences(s.ids, EOS, soft=soft))
    torch.testing.assert_close(scores, d(s))
    (slope,) = torch.autograd.grad((scores * s.mask).sum(), soft)
    assert slope[s.mask].abs().sum() > 0
    assert not slope[~s.mask].any()


def test_it_learns_a_language_of_pairs() -> None:
    """Each token is followed by the next one; the discriminator sees no wrong pair twice."""
    d = make("gru", hidden_size=16, dropout=0.0).train()
    torch.manual_seed(0)
    steps = torch.arange(6)
    optimizer = torch.optim.Adam(d.parameters(), 1e-2)
    for _ in range(150):
        real = Sequences(3 + (torch.randint(8, (32, 1)) + steps) % 8, None)
        fake = Sequences(torch.randint(3, V, (32, 6)), None)
        optimizer.zero_grad()
        discriminator_loss("minimax", d(real), d(fake)).backward()
        optimizer.step()
    text = Sequences(3 + (torch.tensor([[4]]) + steps) % 8, None)
    best = 3 + d.all_tokens(text)[0, 1:, 3:].argmax(dim=1)
    assert best.tolist() == text.ids[0, 1:].tolist()


@each_cell
def test_reloaded_it_gives_the_same_scores(cell: str, tmp_path: Path) -> None:
    d = make(cell)
    d.save_pretrained(tmp_path)
    again = models.load_discriminator(tmp_path).eval()
    assert type(again) is ProjectionDiscriminator
    assert torch.equal(again(some_texts()), d(some_texts()))
