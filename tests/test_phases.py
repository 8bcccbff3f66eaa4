"""Phases: the recipes of docs/phases.md, and the law that unrolling is the obvious loop."""

import itertools
import re
from collections import Counter
from math import ceil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from textgan.optimizers import OptimizerOptions
from textgan.phases import (
    Phase,
    PlayerTurns,
    Turn,
    evaluates,
    length,
    moves,
    order,
    unroll,
    walk,
)

PAGE = Path(__file__).parent.parent / "docs" / "phases.md"
TEXTS, BATCH = 10_000, 64
TRAINS = {
    "mle": ("generator",),
    "leakgan_mle": ("generator",),
    "ddo": ("generator",),
    "maskgan": ("generator", "discriminator", "critic"),
}
BOTH = ("generator", "discriminator")


def recipes() -> dict[str, dict[str, Any]]:
    """The page's YAML blocks by the comment in their first line."""
    blocks = re.findall(r"```yaml\n# (\w+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return {name: yaml.safe_load(block) for name, block in blocks}


def phases(recipe: str, stage: str) -> list[Phase]:
    return [Phase.model_validate(tree) for tree in recipes()[recipe].get(stage, [])]


def turns(recipe: str, stage: str, limit: int | None = None) -> list[Turn]:
    """The recipe's turns on 10,000 texts in batches of 64; the first ``limit``, or all."""
    main = recipes()[recipe]["method"]["name"]
    names = {where: phase.method or main for where, phase in walk(phases(recipe, stage), stage)}
    trains = {where: TRAINS.get(str(name), BOTH) for where, name in names.items()}
    unrolled = unroll(phases(recipe, stage), stage, trains, TEXTS, BATCH)
    return list(itertools.islice(unrolled, limit))


def stretches(played: list[Turn], limit: int) -> list[tuple[str, str, int]]:
    """(phase, player, updates in a row), the first ``limit``."""
    groups = itertools.groupby(played, key=lambda t: (t.phase, t.player))
    return [(*key, len(list(group))) for key, group in itertools.islice(groups, limit)]


def assert_laws(played: list[Turn]) -> None:
    """What holds for every run, whatever its recipe."""
    assert [t.number for t in played] == list(range(len(played)))
    occurrence = None
    last: dict[str, float] = {}
    counts: Counter[tuple[str, int, str]] = Counter()
    for before, turn in zip([None, *played], played, strict=False):
        here = (turn.phase, turn.occurrence)
        assert turn.begins == (here != occurrence)
        if before:
            assert before.ends == turn.begins
            assert before.ends_step == (turn.begins or before.step != turn.step)
        occurrence = here
        assert last.get(turn.phase, 0.0) <= turn.progress < 1.0
        last[turn.phase] = turn.progress
        assert turn.index == counts[*here, turn.player]
        counts[*here, turn.player] += 1
        assert turn.step < turn.steps
        assert (turn.draw == "fresh") == (turn.pool_size == 0)
        assert (turn.draw == "pool") == (
            turn.pool_size > 0 and turn.pool_start == turn.pool_epoch == 0
        )
        assert turn.pool_size == 0 or turn.pool_start + turn.batch_size <= turn.pool_size
    assert not played or (played[-1].ends and played[-1].ends_step)


NAMES = ["seqgan", "leakgan", "ppo", "ddo", "catgan", "critic", "steady"]


def test_the_page_holds_five_recipes_and_two_more() -> None:
    assert list(recipes()) == NAMES
    assert PAGE.read_text(encoding="utf-8").count("```yaml") == 7


@pytest.mark.parametrize("recipe", NAMES)
@pytest.mark.parametrize("stage", ["pretrain", "adversarial"])
def test_every_block_parses_and_unrolls(recipe: str, stage: str) -> None:
    assert set(recipes()[recipe]) <= {"method", "optimizers", "pretrain", "adversarial"}
    for section in recipes()[recipe].get("optimizers", {}).values():
        OptimizerOptions.model_validate(section)
    for phase in phases(recipe, stage):
        Phase.model_validate(phase.model_dump(mode="json"))
    assert turns(recipe, stage, 3)[0] == turns(recipe, stage, 1)[0]


def test_seqgan_pretraining() -> None:
    played = turns("seqgan", "pretrain")
    mle = [t for t in played if t.phase == "pretrain[0]"]
    assert len(mle) == 120 * ceil(10_000 / 64)
    assert {t.player for t in mle} == {"generator"}
    negatives = played[len(mle) :]
    assert len(negatives) == 50 * 3 * ceil(10_000 / 32)
    assert {t.player for t in negatives} == {"discriminator"}
    assert sum(t.draw == "pool" for t in negatives) == 50
    assert_laws(played)


def test_an_adversarial_step_of_seqgan_is_one_update_against_4695() -> None:
    updates = 1 + 5 * 3 * ceil(10_000 / 32)
    assert updates == 1 + 4_695  # the official code drops incomplete batches: 15 * 312 = 4,680
    step = turns("seqgan", "adversarial", updates)
    assert [t.player for t in step[:2]] == ["generator", "discriminator"]
    assert Counter(t.player for t in step) == {"generator": 1, "discriminator": 4_695}
    assert [t.ends_step for t in step] == [False] * 4_695 + [True]
    assert sum(t.draw == "pool" for t in step) == 5  # once a round
    assert (step[0].batch_size, step[1].batch_size) == (64, 32)
    epoch = step[1 : 1 + 313]
    assert [t.pool_start for t in epoch] == list(range(0, 10_000, 32))
    assert sum(t.batch_size for t in epoch) == 10_000
    assert epoch[-1].batch_size == 10_000 - 312 * 32 == 16
    assert [t.pool_epoch for t in step[1::313]] == [0, 1, 2] * 5
    assert turns("seqgan", "adversarial", updates + 1)[-1].progress == 1 / 200


def test_leakgan_alternates() -> None:
    d, mle = 5 * 3 * ceil(10_000 / 32), ceil(10_000 / 64)
    played = turns("leakgan", "pretrain")
    assert_laws(played)
    alternation = [
        ("pretrain[0].phases[0]", "discriminator", d),
        ("pretrain[0].phases[1]", "generator", 8 * mle),
    ]
    assert stretches(played, 99) == alternation * 10
    assert [t.occurrence for t in played if t.begins] == [i // 2 for i in range(20)]
    begins = [t.progress for t in played if t.begins and t.phase.endswith("[1]")]
    assert begins == pytest.approx([i / 10 for i in range(10)])

    adversarial = turns("leakgan", "adversarial", 1 + mle + d + 14 * (1 + d) + 1)
    first = [
        ("adversarial[0].phases[0]", "generator", 1),
        ("adversarial[0].phases[1]", "generator", mle),
        ("adversarial[0].phases[2]", "discriminator", d),
        ("adversarial[0].phases[3]", "generator", 1),
        ("adversarial[0].phases[3]", "discriminator", d),
    ]
    assert stretches(adversarial, 5) == first
    assert stretches(adversarial, 99)[-2:] == [first[-1], first[0]]
    again = adversarial[-1]
    assert (again.phase, again.occurrence, again.begins) == ("adversarial[0].phases[0]", 1, True)


def test_ppo_keeps_its_pool_over_epochs() -> None:
    step = 4 * (512 // 64) + 5
    played = turns("ppo", "adversarial")
    assert_laws(played)
    assert len(played) == 500 * step
    generator = [t for t in played[:step] if t.player == "generator"]
    assert [t.draw for t in generator] == ["pool"] + ["keep"] * 31
    assert [t.pool_epoch for t in generator] == [0] * 8 + [1] * 8 + [2] * 8 + [3] * 8
    assert [t.draw for t in played[32:step]] == ["fresh"] * 5
    assert sum(t.draw == "pool" for t in played) == 500


def test_ddo_begins_three_rounds() -> None:
    played = turns("ddo", "adversarial")
    assert_laws(played)
    assert len(played) == 3 * 5 * ceil(10_000 / 64)
    assert [(t.occurrence, t.step, t.progress) for t in played if t.begins] == [
        (0, 0, 0.0),
        (1, 0, pytest.approx(1 / 3)),
        (2, 0, pytest.approx(2 / 3)),
    ]


def test_catgan_is_an_ordinary_schedule_and_a_critic_an_ordinary_player() -> None:
    catgan = turns("catgan", "adversarial")
    assert_laws(catgan)
    assert len(catgan) == 2_000 * (1 + 3)
    critic = turns("critic", "adversarial")
    assert_laws(critic)
    assert [t.player for t in critic[:5]] == ["discriminator"] * 3 + ["critic", "generator"]
    assert "critic" in recipes()["critic"]["optimizers"]


def test_players_that_the_method_does_not_move_rest() -> None:
    phase = Phase(players={"discriminator": PlayerTurns(), "generator": PlayerTurns()}, steps=2)
    played = list(unroll([phase], "p", {"p[0]": ("generator",)}, 100, 10))
    assert [t.player for t in played] == ["generator"] * 2
    assert_laws(played)


def test_batches_are_no_larger_than_the_corpus_and_epochs_follow_the_first_player() -> None:
    played = list(unroll([Phase(epochs=2)], "p", {"p[0]": BOTH}, 30, 64))
    assert [t.batch_size for t in played] == [30] * 4  # 2 epochs of one batch, for two players
    halves = Phase(epochs=1.5, players={"discriminator": PlayerTurns(batch_size=16)})
    assert length(halves, 64, 64) == 6  # 1.5 * 64 / 16


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"steps": 1, "epochs": 1}, "steps and epochs exclude each other: give one of them"),
        (
            {"phases": [{}], "method": "mle", "patience": 3},
            "a phase of phases has no method or patience of its own",
        ),
        (
            {"players": {"generator": {"updates": 5, "pool": 10}}},
            "updates and pool exclude each other: give rounds, fresh pools a step",
        ),
        (
            {"players": {"generator": {"epochs": 3}}},
            "epochs and rounds are those of a pool: give pool, or updates alone",
        ),
    ],
)
def test_what_a_phase_must_not_say(tree: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Phase.model_validate(tree)
    assert [problem["msg"] for problem in caught.value.errors()] == [f"Value error, {message}"]


def test_only_the_turns_of_a_player_with_replay_mix_old_samples_in() -> None:
    played = turns("steady", "adversarial", 6)
    assert [t.replay is not None for t in played] == [False] + [True] * 5
    assert played[1].replay is not None
    assert (played[1].replay.size, played[1].replay.share) == (10_000, 0.5)


# The law: unrolling is the obvious loop.

SMALL = st.integers(1, 3)
PLAYER = st.one_of(
    st.builds(PlayerTurns, updates=st.integers(0, 3), batch_size=st.none() | SMALL),
    st.builds(
        PlayerTurns,
        pool=st.integers(1, 9),
        epochs=SMALL,
        rounds=SMALL,
        batch_size=st.none() | SMALL,
    ),
)
PLAYERS = st.dictionaries(st.sampled_from(["generator", "discriminator", "critic"]), PLAYER)
LENGTH = st.one_of(
    st.fixed_dictionaries({"steps": SMALL}),
    st.fixed_dictionaries({"epochs": st.sampled_from([0.5, 1, 2])}),
)
LEAF = st.builds(
    lambda size, players, repeat: Phase(players=players, repeat=repeat, **size),
    LENGTH,
    PLAYERS,
    SMALL,
)
PHASES = st.lists(
    st.recursive(
        LEAF,
        lambda inside: st.builds(
            Phase, phases=st.lists(inside, min_size=1, max_size=2), repeat=st.integers(1, 2)
        ),
        max_leaves=4,
    ),
    max_size=3,
)


def slowly(phases: list[Phase], moved: tuple[str, ...], texts: int, batch_size: int) -> list[str]:
    """Who moves, turn by turn, as one would write the loop down without thinking."""
    played = []
    for phase in phases:
        for _ in range(phase.repeat):
            if phase.phases:
                played += slowly(phase.phases, moved, texts, batch_size)
                continue
            for _ in range(length(phase, texts, batch_size)):
                for name, player in (phase.players or {n: PlayerTurns() for n in moved}).items():
                    if name not in moved:
                        continue
                    size = min(player.batch_size or batch_size, texts)
                    if player.pool is None:
                        played += [name] * player.updates
                    else:
                        for _ in range(player.rounds):
                            for _ in range(player.epochs):
                                left = player.pool
                                while left > 0:
                                    played.append(name)
                                    left -= size
    return played


@settings(max_examples=150, deadline=None)
@given(phases=PHASES, moved=st.sampled_from([BOTH, ("generator",)]), texts=st.integers(1, 12))
def test_unrolling_is_the_obvious_loop(
    phases: list[Phase], moved: tuple[str, ...], texts: int
) -> None:
    trains = {where: moved for where, _ in walk(phases, "p")}
    played = list(unroll(phases, "p", trains, texts, 4))
    assert played == list(unroll(phases, "p", trains, texts, 4))
    assert [t.player for t in played] == slowly(phases, moved, texts, 4)
    assert_laws(played)
    assert {t.phase for t in played} <= {where for where, _ in order(phases, "p")}


def evaluations(steps: int, **options: Any) -> list[int]:
    """Steps behind which a phase is scored, counted from 1."""
    phase = Phase(steps=None if "epochs" in options else steps, **options)
    played = unroll([phase], "pretrain", {"pretrain[0]": ("generator",)}, steps, 1)
    return [turn.step + 1 for turn in played if evaluates(phase, turn)]


@pytest.mark.parametrize("steps", [*range(1, 41), 95, 99, 100, 101, 1000])
def test_a_phase_is_scored_ten_times_or_at_every_step(steps: int) -> None:
    found = evaluations(steps)
    assert len(found) == min(10, steps)
    assert found[-1] == steps
    gaps = [b - a for a, b in itertools.pairwise([0, *found])]
    assert max(gaps) - min(gaps) <= 1


def test_a_phase_is_scored_each_epoch_or_as_it_says() -> None:
    assert evaluations(7, epochs=3) == [7, 14, 21]
    assert evaluations(7, epochs=0.5) == [4]
    assert evaluations(25, every={"evaluate": 10}) == [10, 20, 25]


@pytest.mark.parametrize(
    ("players", "trains", "expected"),
    [
        ({}, BOTH, True),
        ({}, ("discriminator",), False),
        ({"discriminator": {}}, BOTH, False),
        ({"generator": {"updates": 0}, "discriminator": {}}, BOTH, False),
        ({"generator": {"pool": 4}}, BOTH, True),
        ({"generator": {}}, ("discriminator",), False),
    ],
)
def test_what_a_phase_moves(
    players: dict[str, Any], trains: tuple[str, ...], expected: bool
) -> None:
    phase = Phase.model_validate({"players": players})
    assert moves(phase, trains, "generator") is expected
