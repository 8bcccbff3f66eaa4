"""The language model that judges; its surprises are worked out anew in tests/exact."""

from pathlib import Path

import pytest
import torch

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators import DISCRIMINATORS, Discriminator
from textgan.discriminators.language_model import LanguageModelConfig, LanguageModelOptions
from textgan.models import load_discriminator

EOS, V, T = 2, 11, 6


def make(per_token: bool) -> Discriminator:
    runtime.seed(0)
    sizes = {"embedding_size": 4, "hidden_size": 5, "layers": 2, "dropout": 0.5, "init_std": 0.9}
    options = LanguageModelOptions(**sizes, per_token=per_token).model_dump(mode="json")
    config = LanguageModelConfig(vocab_size=V, options=options)
    return DISCRIMINATORS["language_model"](config).train()


def texts() -> Sequences:
    torch.manual_seed(1)
    ids = torch.randint(3, V, (40, T))
    for row, length in enumerate(torch.randint(1, T + 1, (40,)).tolist()):
        ids[row, length - 1] = EOS
        ids[row, length:] = 0
    return Sequences(ids, EOS)


@pytest.mark.parametrize("per_token", [True, False])
def test_judging_has_no_dropout_and_no_gradient_and_chunks_change_nothing(
    per_token: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge, s = make(per_token), texts()
    found = judge.judge(s)
    assert judge.training and not found.requires_grad
    assert not torch.equal(judge(s), judge(s)), "dropout is on while it learns"
    torch.testing.assert_close(judge.eval()(s).detach(), found)
    monkeypatch.setattr(runtime, "rows_at_once", lambda *_: 7)
    torch.testing.assert_close(judge.judge(s), found)


@pytest.mark.parametrize("per_token", [True, False])
def test_padding_is_not_looked_at(per_token: bool) -> None:
    judge, s = make(per_token).eval(), texts()
    other = Sequences(torch.where(s.mask, s.ids, 5), EOS)
    wider = s.plain(T + 3)
    found = [judge.judge(x) for x in (s, other, wider)]
    if per_token:
        found = [words[:, :T] * s.mask for words in found]
    torch.testing.assert_close(found[1], found[0])
    torch.testing.assert_close(found[2], found[0])


def test_a_reload_judges_alike(tmp_path: Path) -> None:
    judge = make(True)
    judge.save_pretrained(tmp_path)
    again = load_discriminator(tmp_path)
    assert type(again) is type(judge)
    assert torch.equal(again.judge(texts()), judge.judge(texts()))
