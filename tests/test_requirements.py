"""What a method asks of its players is said before anything is trained."""

from typing import Any

import pytest

from textgan.config import check
from textgan.discriminators import DISCRIMINATORS, Discriminator
from textgan.errors import UserError
from textgan.generators import GENERATORS, Generator
from textgan.methods import METHODS
from textgan.recipe import Recipe

SIZES: dict[str, dict[str, Any]] = {
    "cnn": {"embedding_size": 2, "widths": [1], "filters": [2]},
    "multi_representation": {
        "embedding_size": 4,
        "representations": 2,
        "widths": [1],
        "filters": [2],
    },
}


def discriminator(name: str, **options: Any) -> Discriminator:
    kind = DISCRIMINATORS[name]
    section = kind.Options(name=name, **SIZES.get(name, {}) | options)
    return kind(kind.config_class(vocab_size=6, options=section.model_dump(mode="json")))


def generator(name: str = "lstm") -> Generator:
    kind = GENERATORS[name]
    features = {"features": SIZES["cnn"]} if name == "leakgan" else {}
    options = kind.Options(name=name, **features).model_dump(mode="json")
    return kind(kind.config_class(vocab_size=6, length=4, eos_token_id=2, options=options))


TEXT, TOKEN = (f"needs a discriminator with one logit a {unit}; set " for unit in ("text", "token"))


@pytest.mark.parametrize(
    ("method", "player", "message"),
    [
        (
            {"name": "seqgan"},
            {"name": "multi_representation"},
            f"method.values: 'rollout' {TEXT}discriminator.representations to 1",
        ),
        (
            {"name": "ppo_gan"},
            {"name": "cnn", "classes": 3},
            f"method.values: 'terminal' {TEXT}discriminator.classes to 1",
        ),
        (
            {"name": "frozen_discriminator"},
            {"name": "multi_representation"},
            f"method.values: 'rollout' {TEXT}discriminator.representations to 1",
        ),
        (
            {"name": "scratchgan"},
            {"name": "cnn"},
            f"method.values: 'token' {TOKEN}discriminator.name to rnn and its per_token to true",
        ),
        (
            {"name": "scratchgan"},
            {"name": "rnn"},
            f"method.values: 'token' {TOKEN}discriminator.per_token to true",
        ),
        (
            {"name": "maligan"},
            {"name": "rnn", "per_token": True},
            f"method.name: maligan {TEXT}discriminator.per_token to false",
        ),
        (
            {"name": "gcn"},
            {"name": "projection"},
            f"method.name: gcn {TEXT}discriminator.name to rnn",
        ),
        (
            {"name": "residual_ebm"},
            {"name": "multi_representation"},
            f"method.name: residual_ebm {TEXT}discriminator.representations to 1",
        ),
        (
            {"name": "leakgan"},
            {"name": "cnn", "classes": 2},
            f"method.name: leakgan {TEXT}discriminator.classes to 1",
        ),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else "",
)
def test_a_reward_is_made_of_one_logit(
    method: dict[str, Any], player: dict[str, Any], message: str
) -> None:
    kind = METHODS[method["name"]]
    writer = generator("leakgan" if method["name"] == "leakgan" else "lstm")
    with pytest.raises(UserError) as error:
        kind(kind.Options(**method), writer, discriminator(**player))
    assert str(error.value) == message


def test_one_representation_and_one_class_are_one_logit() -> None:
    kind = METHODS["seqgan"]
    for one in (
        discriminator("multi_representation", representations=1),
        discriminator("cnn", classes=1),
        discriminator("rnn"),
    ):
        assert kind(kind.Options(), generator(), one).discriminator is one  # type: ignore[call-arg]


SOFT = [name for name, method in METHODS.items() if method.relaxes]


@pytest.mark.parametrize("name", SOFT)
def test_a_relaxed_text_serves_one_update_of_the_generator(name: str) -> None:
    section = {"name": name, "estimator": "gumbel"}
    players = {"generator": {"pool": 16}, "discriminator": {"pool": 16}}
    tree = {"adversarial": [{"method": section, "players": players}]}
    with pytest.raises(UserError) as error:
        check(Recipe, tree)
    assert str(error.value) == (
        f"adversarial[0].players.generator.pool: {name}'s texts carry the gradient of the draw, "
        "which serves one update; give updates instead"
    )
    players["generator"] = {"updates": 2}
    check(Recipe, tree)


def test_the_soft_methods_are_these() -> None:
    assert SOFT == ["relgan", "gsgan", "textgan", "wgan_gp"]
