"""What a loss must know of a text, the discriminator reads once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor

from textgan.data.sequences import Sequences
from textgan.discriminators import DISCRIMINATORS, Discriminator
from textgan.generators import GENERATORS
from textgan.methods import METHODS, Method

B, T, V = 4, 5, 7


def make(name: str, discriminator: str, **options: Any) -> Method:
    kind, judge, writer = METHODS[name], DISCRIMINATORS[discriminator], GENERATORS["lstm"]
    torch.manual_seed(0)
    player = judge.Options(name=discriminator).model_dump(mode="json")
    lstm = writer.Options(name="lstm").model_dump(mode="json")
    return kind(
        kind.Options(name=name, **options),
        writer(writer.config_class(vocab_size=V, length=T, eos_token_id=2, options=lstm)),
        judge(judge.config_class(vocab_size=V, options=player)),
    )


@contextmanager
def read(method: Method, name: str) -> Iterator[list[int]]:
    """How many texts the discriminator reads each time."""
    found: list[int] = []
    own = getattr(method.discriminator, name)

    def noted(embedded: Tensor, *rest: Any) -> Tensor:
        found.append(len(embedded))
        return own(embedded, *rest)  # type: ignore[no-any-return]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(method.discriminator, name, noted)
        yield found


def some(method: Method) -> tuple[Sequences, Sequences]:
    ids = torch.randint(3, V, (B, T - 1))
    ids[:, -1] = 2  # shorter than generated texts may be
    real = Sequences(ids, 2)
    return real, method.generator.sample(B)


def test_all_tokens_reads_the_prefixes_once() -> None:
    method = make("scratchgan", "projection", values="all_tokens", baseline="none")
    real, fake = some(method)
    with read(method, "prefixes") as found:
        loss = method.loss("generator", real, fake, 0.0)
    assert found == [B]
    judged = method.discriminator.judge(fake)  # the reward that is shown is that of what came
    expected = ((2 * torch.sigmoid(judged) - 1) * fake.mask).sum() / fake.mask.sum()
    assert loss.parts["reward"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_residual_ebm_reads_real_and_generated_texts_in_one_pass() -> None:
    method = make("residual_ebm", "cnn")
    real, fake = some(method)
    with read(method, "read") as found:
        parts = method.loss("discriminator", real, fake, 0.0).parts
    assert found == [2 * B]
    weight = method.discriminator.judge(fake).double().exp()  # without dropout
    assert parts["log_z"].item() == pytest.approx(weight.mean().log().item(), rel=1e-4)
    share = weight.sum().square() / weight.square().sum() / B
    assert parts["ess"].item() == pytest.approx(share.item(), rel=1e-4)


def test_textgail_judges_a_pair_in_one_pass() -> None:
    method = make("textgail", "rnn")
    real, fake = some(method)
    with read(method, "read") as found:
        method.loss("generator", real, fake, 0.0)
    assert found == [2 * B]
    judge: Discriminator = method.discriminator
    expected = torch.sigmoid(judge.judge(fake) - judge.judge(real))
    preferred = method.preferred(fake, real)  # type: ignore[operator]
    torch.testing.assert_close(preferred, expected)
