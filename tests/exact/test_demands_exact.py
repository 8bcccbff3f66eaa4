"""What a method asks of its players, in the words that a user reads."""

import pytest
import torch

from tests.exact.soft_players import make, make_generator, real_texts
from textgan.data.sequences import Sequences
from textgan.errors import UserError

DENSE = ["cot", "ddo", "dgsan", "spin", "jsdgan"]


@pytest.mark.parametrize("name", DENSE)
def test_noise_would_hide_a_texts_probability(name: str) -> None:
    noisy = make_generator(None, hidden_size=3, latent_size=2)
    with pytest.raises(UserError) as error:
        make(name, None, noisy)
    assert str(error.value) == (
        f"generator.latent_size: {name} needs the probability of a text, and noise hides it; set "
        "it to 0"
    )


@pytest.mark.parametrize("name", ["ddo", "dgsan", "spin"])
def test_the_opponent_writes_texts_of_the_real_ones_categories(name: str) -> None:
    method = make(name, 2, make_generator(2, hidden_size=3, categories=3))
    real = real_texts(2)
    category = torch.arange(len(real)) % 3
    fake = method.play(Sequences(real.ids, 2, category=category), 0.0)
    assert torch.equal(fake.category, category)
