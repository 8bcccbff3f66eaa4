"""The Transformer discriminator: padding is unseen, places count, prefixes see nothing later."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from textgan import models, runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.transformer import (
    TransformerDiscriminator,
    TransformerDiscriminatorConfig,
    TransformerOptions,
)
from textgan.losses.adversarial import discriminator_loss
from textgan.losses.regularizers import squared_slope

PAD, EOS, V = 0, 2, 17
both = pytest.mark.parametrize("per_token", [False, True], ids=["text", "token"])


def make(per_token: bool, **options: object) -> TransformerDiscriminator:
    runtime.seed(0, "transformer")
    sizes = {"layers": 2, "heads": 2, "hidden_size": 8, "per_token": per_token, **options}
    chosen = TransformerOptions.model_validate(sizes).model_dump(mode="json")
    config = TransformerDiscriminatorConfig(vocab_size=V, options=chosen)
    return TransformerDiscriminator(config).eval()


def some_texts(width: int = 6) -> Sequences:
    """A text of every length from 1 to width."""
    torch.manual_seed(width)
    ids = torch.randint(3, V, (width, width))
    for row in range(width):
        ids[row, row] = EOS
        ids[row, row + 1 :] = PAD
    return Sequences(ids, EOS)


@both
@pytest.mark.parametrize("gradient", [False, True])
def test_a_text_has_the_same_logits_alone_and_in_a_batch(per_token: bool, gradient: bool) -> None:
    d, s = make(per_token), some_texts()
    with torch.set_grad_enabled(gradient):
        logits = d(s)
        assert logits.shape == (s.ids.shape if per_token else (len(s),))
        for row, n in enumerate(s.lengths.tolist()):
            alone = d(Sequences(s.ids[row : row + 1, :n], EOS))[0]
            torch.testing.assert_close(logits[row, :n] if per_token else logits[row], alone)
        wide = d(Sequences(F.pad(s.ids, (0, 3)), EOS))
        torch.testing.assert_close(
            wide[:, :6][s.mask] if per_token else wide, logits[s.mask] if per_token else logits
        )


def test_a_tokens_logit_sees_no_later_token_and_every_earlier_one() -> None:
    d = make(True)
    ids = torch.randint(3, V, (1, 6))
    before = d(Sequences(ids, EOS))
    changed = ids.clone()
    changed[0, 3] = 3 + (ids[0, 3] - 2) % (V - 3)
    moved = (d(Sequences(changed, EOS)) - before).abs()[0] > 1e-6
    assert moved.tolist() == [False, False, False, True, True, True]


@both
def test_places_count(per_token: bool) -> None:
    d, ids = make(per_token), torch.tensor([[5, 6, 7, 8], [6, 5, 7, 8]])
    logits = d(Sequences(ids, None))
    assert not torch.allclose(logits[0], logits[1], atol=1e-4)


@both
def test_ids_and_one_hots_have_one_score_and_a_gradient(per_token: bool) -> None:
    d, s = make(per_token), some_texts()
    soft = F.one_hot(s.ids, V).float().requires_grad_()
    scores = d(Sequences(s.ids, EOS, soft=soft))
    torch.testing.assert_close(scores, d(s))
    counted = (scores * s.mask).sum() if per_token else scores.sum()
    (slope,) = torch.autograd.grad(counted, soft)
    assert slope[s.mask].abs().sum() > 0
    assert not slope[~s.mask].any()


def test_a_gradients_gradient_can_be_taken() -> None:
    d, s = make(False).train(), some_texts()
    squared_slope(lambda e: d.head(d.read(e, s)), d.embed(s)).sum().backward()
    assert d.encoder.layers[0].self_attn.in_proj_weight.grad.abs().sum() > 0


def test_it_learns_what_only_the_order_tells() -> None:
    d = make(False, layers=1, hidden_size=16).train()
    torch.manual_seed(0)
    ascending = torch.randint(3, V, (64, 5)).sort(dim=1).values
    real, fake = Sequences(ascending, EOS), Sequences(ascending.flip(1), EOS)
    optimizer = torch.optim.Adam(d.parameters(), 1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        discriminator_loss("minimax", d(real), d(fake)).backward()
        optimizer.step()
    fresh = Sequences(torch.randint(3, V, (200, 5)).sort(dim=1).values, EOS)
    assert (d.probability(fresh) > 0.5).float().mean() > 0.9


@both
@pytest.mark.parametrize("spectral_norm", [False, True])
def test_reloaded_it_gives_the_same_scores(
    per_token: bool, spectral_norm: bool, tmp_path: Path
) -> None:
    d = make(per_token, spectral_norm=spectral_norm)
    d.save_pretrained(tmp_path)
    again = models.load_discriminator(tmp_path).eval()
    assert type(again) is TransformerDiscriminator
    torch.testing.assert_close(again(some_texts()), d(some_texts()))
    for name, weight in again.state_dict().items():
        assert torch.equal(weight, d.state_dict()[name]), name


def test_heads_must_divide_the_size() -> None:
    with pytest.raises(ValueError, match="hidden_size 10 must be a multiple of heads 4"):
        TransformerOptions(hidden_size=10)
