"""The discriminator of pairs: a double sum over places, all next tokens at once, and rhymes."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from textgan import models, runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.pairs import PairsConfig, PairsDiscriminator, PairsOptions
from textgan.losses.adversarial import discriminator_loss

PAD, EOS, V = 0, 2, 11
LONG, SHORT = 7, 4
"""Places that a discriminator looks at, more and fewer than the texts have."""


def make(length: int = LONG, **options: object) -> PairsDiscriminator:
    runtime.seed(0, "pairs")
    sizes = {"length": length, "heads": 2, "head_size": 3, **options}
    chosen = PairsOptions.model_validate(sizes).model_dump(mode="json")
    return PairsDiscriminator(PairsConfig(vocab_size=V, options=chosen)).double().eval()


def some_texts() -> Sequences:
    torch.manual_seed(1)
    ids = torch.randint(3, V, (4, 6))
    ids[1, 2:] = torch.tensor([EOS, PAD, PAD, PAD])
    ids[2] = torch.tensor([EOS, PAD, PAD, PAD, PAD, PAD])
    return Sequences(ids, EOS)


@torch.no_grad()
def slow(d: PairsDiscriminator, text: list[int]) -> float:
    """The double sum of the module's docstring, term by term."""
    o, total = d.options, float(d.output.bias)
    weight = d.output.weight.view(o.heads, o.length, o.length)
    text = text[: o.length]
    for j in range(len(text)):
        for i in range(j):
            a, b = (d.embedding.weight[text[n]].view(o.heads, o.head_size) for n in (i, j))
            total += float((weight[:, i, j] * (a * b).sum(dim=1)).sum())
    return total


@pytest.mark.parametrize("length", [LONG, SHORT])
@pytest.mark.parametrize("spectral_norm", [False, True])
def test_its_logit_is_the_sum_over_pairs(length: int, spectral_norm: bool) -> None:
    d, s = make(length, spectral_norm=spectral_norm), some_texts()
    texts = [row[:n] for row, n in zip(s.ids.tolist(), s.lengths.tolist(), strict=True)]
    expected = torch.tensor([slow(d, text) for text in texts], dtype=torch.double)
    torch.testing.assert_close(d(s), expected)
    torch.testing.assert_close(d.judge(s), expected)
    assert expected.unique().numel() == 4


@pytest.mark.parametrize("length", [LONG, SHORT])
def test_all_tokens_are_what_the_next_one_adds(length: int) -> None:
    d, s = make(length).train(), some_texts()
    every = d.all_tokens(s)
    assert every.shape == (4, 6, V) and not every.requires_grad and d.training
    d.eval()
    for row, n in enumerate(s.lengths.tolist()):
        for t in range(n):
            prefix = s.ids[row, :t].tolist()
            for v in range(V):
                added = slow(d, [*prefix, v]) - slow(d, prefix)
                assert every[row, t, v].item() == pytest.approx(added, abs=1e-6)
    came = (every.gather(2, s.ids[..., None]).squeeze(2) * s.mask).sum(dim=1)
    torch.testing.assert_close(came + d.output.bias, d(s))


def test_ids_and_one_hots_have_one_score_and_padding_no_gradient() -> None:
    d, s = make(), some_texts()
    soft = F.one_hot(s.ids, V).double().requires_grad_()
    scores = d(Sequences(s.ids, EOS, soft=soft))
    torch.testing.assert_close(scores, d(s))
    (slope,) = torch.autograd.grad(scores.sum(), soft)
    assert slope[0].abs().sum() > 0
    assert not slope[~s.mask].any()


def rhyming(count: int, seed: int, seen: bool) -> torch.Tensor:
    """Texts whose places 1 and 3 are of one class, 3 to 6 or 7 to 10: pairs (a, a + 1 of its class)
    are kept for the test.
    """
    draws = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, V, (count, 4), generator=draws)
    step = torch.randint(0, 3, (count,), generator=draws) if seen else torch.full((count,), 3)
    within, first = (ids[:, 1] - 3) % 4, (ids[:, 1] - 3) // 4
    ids[:, 3] = 3 + 4 * first + (within + step) % 4
    return ids


def test_it_learns_what_rhymes_from_pairs_that_it_never_saw_together() -> None:
    d = make(4, heads=2, head_size=4, dropout=0.0).train()
    optimizer = torch.optim.AdamW(d.parameters(), 1e-2, weight_decay=0.5)
    for step in range(150):
        real = Sequences(rhyming(128, step, seen=True), None)
        fake = Sequences(torch.randint(3, V, (128, 4)), None)
        optimizer.zero_grad()
        discriminator_loss("minimax", d(real), d(fake)).backward()
        optimizer.step()
    d.eval()
    unseen, others = rhyming(200, -1, seen=False), rhyming(200, -1, seen=False)
    others[:, 3] = 3 + (others[:, 3] - 3 + 4) % 8  # the other class
    assert (d(Sequences(unseen, None)) > d(Sequences(others, None))).float().mean() > 0.95


def test_reloaded_it_gives_the_same_scores(tmp_path: Path) -> None:
    d = make().float()
    d.save_pretrained(tmp_path)
    again = models.load_discriminator(tmp_path).eval()
    assert type(again) is PairsDiscriminator
    assert torch.equal(again(some_texts()), d(some_texts()))
