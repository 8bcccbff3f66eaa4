"""A walk through noise: its ends, its way, and how far the conditionals are apart."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.exact.test_figures_exact import EOS, RNN, player
from tests.test_poet import Letters
from textgan import runtime, validation
from textgan.errors import UserError
from textgan.generators import GENERATORS
from textgan.sampling import Writer
from textgan.walk import TEXTS, Walk, path


class Numbers(Letters):
    """Tokens as they are."""

    def batch_decode(self, texts: list[list[int]], skip_special_tokens: bool) -> list[str]:
        return [" ".join(map(str, ids)) for ids in texts]


def writer(latent_size: int) -> Writer:
    options = {"name": "lstm", **RNN, "latent_size": latent_size}
    language = {"length": 4, "eos_token_id": EOS, "bos_token_id": 1, "pad_token_id": 0}
    tokenizer: Any = Numbers()
    generator = player(GENERATORS, options, 1, **language)
    if latent_size:
        with torch.no_grad():  # noise that matters
            generator.condition.weight.mul_(8)
    return Writer(generator, tokenizer)


def test_the_way_is_an_arc() -> None:
    start, end = torch.tensor([2.0, 0.0, 0.0]), torch.tensor([0.0, 2.0, 0.0])
    way = path(start, end, 5)
    torch.testing.assert_close(way[[0, -1]], torch.stack([start, end]))
    torch.testing.assert_close(way.norm(dim=1), torch.full((5,), 2.0))
    steps = way.diff(dim=0).norm(dim=1)
    torch.testing.assert_close(steps, steps[:1].expand(4))
    same = path(start, 3 * start, 3)
    torch.testing.assert_close(same, start * torch.tensor([[1.0], [2.0], [3.0]]))


def test_it_goes_from_one_end_to_the_other_and_back_the_same_way() -> None:
    walk = Walk(writer(3), 6, seed=2)
    texts = walk.texts()
    assert len(texts) == 6 and walk.texts() == texts
    generator = walk.writer.generator
    for place, noise in ((0, walk.ends[:1]), (-1, walk.ends[1:])):
        runtime.seed(2, "walk", "draws")
        ids = validation.plain(generator.sample(1, noise=noise))
        assert texts[place] == " ".join(map(str, ids[0]))
    walk.ends = walk.ends.flip(0)
    assert walk.texts() == texts[::-1]


def test_the_distance_is_the_divergence_of_the_conditionals() -> None:
    """Estimated anew, text by text, from many more of them."""
    walk = Walk(writer(3), 2, seed=2)
    found = walk.distance()
    runtime.seed(9, "others")
    generator, many = walk.writer.generator, 16 * TEXTS
    with torch.no_grad(), runtime.evaluating(generator):
        s = generator.sample(many, noise=walk.ends[:1].expand(many, -1))
        near = generator.log_prob(s).sum(dim=1)
        other = replace(s, noise=walk.ends[1:].expand(many, -1))
        far = generator.log_prob(other).sum(dim=1)
    assert found.n == TEXTS
    assert abs(found.value - float((near - far).mean())) < 4 * found.stderr
    assert found.value > 0.05
    assert walk.said() == (
        f"{found.value:.2f} ± {found.stderr:.2f} nats a text between the two ends' conditionals"
    )


def test_noise_that_is_not_read_is_said_to_be_unused() -> None:
    made = writer(3)
    with torch.no_grad():
        for name, weight in made.generator.named_parameters():
            if "noise" in name or "condition" in name or "latent" in name:
                weight.zero_()
    walk = Walk(made, 3)
    assert walk.distance().value == pytest.approx(0, abs=1e-6)
    assert walk.said().endswith("z is unused, the texts differ by chance alone")
    assert len({*walk.texts()}) == 1


def test_what_has_no_noise_has_no_way() -> None:
    with pytest.raises(UserError, match=r"^--walk: this model makes its texts of no noise; give a"):
        Walk(writer(0), 5)
    with pytest.raises(UserError, match=r"^--walk: must be 2 or more, got 1$"):
        Walk(writer(3), 1)
