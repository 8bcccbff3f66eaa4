"""Earlier samples for the discriminator: an even sample of all, and part of a checkpoint."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.short_run import differences, end_state, given
from tests.test_resume import stopped
from textgan import checkpoint, experiment, runtime
from textgan.batches import Batches
from textgan.config import check
from textgan.data.sequences import Sequences
from textgan.errors import UserError
from textgan.phases import Turn
from textgan.recipe import Recipe
from textgan.replay import Reservoir

SIZE, ALL, TRIALS = 4, 12, 300


def numbered(first: int, count: int) -> Sequences:
    """Texts that are their own numbers."""
    ids = torch.arange(first, first + count)[:, None]
    return Sequences(ids=ids, eos=None, log_prob=-ids.float())


def kept(trial: int, batches: list[int]) -> list[int]:
    runtime.seed("reservoir", trial)
    reservoir, first = Reservoir(0), 0
    for count in batches:
        reservoir.add(numbered(first, count), SIZE)
        first += count
    assert reservoir.texts is not None and reservoir.texts.log_prob is not None
    assert torch.equal(reservoir.texts.log_prob, -reservoir.texts.ids.float())
    return reservoir.texts.ids.flatten().tolist()


@pytest.mark.parametrize("batches", [[3, 5, 4], [12]], ids=str)
def test_each_text_is_kept_with_the_same_probability(batches: list[int]) -> None:
    counts = np.zeros(ALL)
    for trial in range(TRIALS):
        found = kept(trial, batches)
        assert len(found) == len(set(found)) == SIZE
        counts[found] += 1
    expected = SIZE / ALL
    error = np.sqrt(expected * (1 - expected) / TRIALS)
    assert np.abs(counts / TRIALS - expected).max() < 4 * error
    # The wrong reservoir, in which a new text always takes a place, forgets the first ones:
    assert expected - 4 * error > (1 - 1 / SIZE) ** (ALL - SIZE)


def test_some_are_different_and_follow_from_the_turn() -> None:
    runtime.seed("some")
    reservoir = Reservoir(0)
    assert reservoir.some("s", 0, 2) == []
    reservoir.add(numbered(0, 30), 20)
    assert reservoir.some("s", 0, 21) == [] == reservoir.some("s", 0, 0)
    drawn = [reservoir.some("s", turn, 10)[0].ids.flatten().tolist() for turn in (5, 5, 6)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert all(len(set(rows)) == 10 for rows in drawn)


def drawn(folder: Path, name: str, phase: dict[str, Any]) -> list[tuple[Turn, Sequences, Any]]:
    """The discriminator's turns of a run: generated texts, and what the reservoir held before."""
    found: list[tuple[Turn, Sequences, Any]] = []
    draw = Batches.draw

    def noted(batches: Batches, turn: Turn, rows: Any, method: Any) -> tuple[Sequences, Sequences]:
        held = batches.reservoirs.get(turn.phase)
        before = None if held is None or held.texts is None else held.texts.ids.clone()
        real, fake = draw(batches, turn, rows, method)
        if turn.player == "discriminator":
            assert len(real) == len(fake)
            found.append((turn, fake, before))
        else:
            assert turn.replay is None
        return real, fake

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Batches, "draw", noted)
        experiment.start("pretrain", given(folder, pretrain=[phase]), folder / name, None)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("replay")


FRESH = {
    "steps": 3,
    "players": {"discriminator": {"replay": {"size": 10, "share": 0.5}}, "generator": {}},
}
POOL = {
    "steps": 3,
    "players": {
        "discriminator": {"pool": 16, "epochs": 2, "replay": {"size": 12, "share": 0.25}},
        "generator": {},
    },
}


def test_half_of_a_batch_are_earlier_samples(folder: Path) -> None:
    first, *later = drawn(folder, "fresh", FRESH)
    assert first[2] is None and len(first[1]) == 8
    for turn, fake, before in later:
        old = fake.ids[4:].tolist()
        assert len(fake) == 8 and all(row in before.tolist() for row in old)
        assert turn.replay is not None and len(before) == min(10, 8 + 4 * (turn.step - 1))


def test_a_quarter_of_a_pool_are_earlier_samples(folder: Path) -> None:
    turns = drawn(folder, "pool", POOL)
    for start in range(4, len(turns), 4):  # two batches, twice over
        before = turns[start][2].tolist()
        pool = [row for _, fake, _ in turns[start : start + 2] for row in fake.ids.tolist()]
        again = [row for _, fake, _ in turns[start + 2 : start + 4] for row in fake.ids.tolist()]
        assert len(before) == 12 and sorted(pool) == sorted(again) and len(pool) == 16
        assert sum(row in before for row in pool) >= 4


@pytest.mark.parametrize("phase", [FRESH, POOL], ids=["fresh", "pool"])
@pytest.mark.parametrize("stops", [[2], [0, 3]], ids=str)
def test_three_updates_a_resume_and_three_more_are_six(
    folder: Path, phase: dict[str, Any], stops: list[int]
) -> None:
    tree = given(folder, pretrain=[phase])
    name = "pool" if phase is POOL else "fresh"
    whole = folder / f"whole-{name}"
    if not whole.exists():
        experiment.start("pretrain", tree, whole, None)
    run = stopped("pretrain", tree, folder / f"{name}-{stops}", None, stops)
    assert differences(end_state(run), end_state(whole)) == []
    [saved] = checkpoint.load_state(run / "last")["replay"].values()
    assert saved["seen"] == (16 + 2 * 12 if phase is POOL else 8 + 2 * 4)


@pytest.mark.parametrize(
    ("phase", "message"),
    [
        (
            {"players": {"generator": {"replay": {}}}},
            "pretrain[0].players.generator.replay: only a discriminator may learn from old samples",
        ),
        (
            {"method": "mle", "players": {"discriminator": {"replay": {}}, "generator": {}}},
            "pretrain[0].players: the method draws no texts; leave out replay",
        ),
        (
            {"method": "relgan", "players": {"discriminator": {"replay": {}}, "generator": {}}},
            "pretrain[0].players.discriminator.replay: this method's texts are relaxed, too large "
            "to keep; leave it out",
        ),
    ],
)
def test_who_may_not_replay(phase: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        check(Recipe, {"pretrain": [phase]})
    assert str(error.value) == message
