"""A batch worked through in parts, or by several processes, gives the whole batch's update."""

import multiprocessing
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from tests.short_run import given
from textgan import experiment, processes, runtime
from textgan.methods.seqgan import SeqGAN
from textgan.trainer import Trainer

BATCH = 7
"""Not a multiple of 2 or 3: parts, and processes, get unequal numbers of texts."""
LOSSES: dict[str, dict[str, Any]] = {
    "mle": {"method": "mle"},
    "seqgan, sum": {"method": {"name": "seqgan", "rollouts": 2, "reduction": "sum"}},
    "seqgan, mean": {"method": {"name": "seqgan", "rollouts": 2, "reduction": "mean"}},
    "random reward": {"method": {"name": "random_reward", "reduction": "mean"}},
    "discriminator": {
        "method": {"name": "seqgan", "output_l2": 3.0},
        "players": {"discriminator": {}},
    },
    "discriminator, pool": {
        "method": {"name": "seqgan", "output_l2": 3.0},
        "players": {"discriminator": {"pool": 16}},
    },
}
PLAIN = {"algorithm": "sgd", "clip": None}
"""Moves by the gradient itself: a wrong size isn't scaled away, as Adam would."""


def played(folder: Path, name: str, parts: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The weights before and after three steps, without dropout, saving or scores."""
    phase = {"steps": 3, "players": {"generator": {}}} | LOSSES[name]
    rate = 0.02 if name == "seqgan, sum" else 0.5
    optimizers = {player: PLAIN | {"lr": rate} for player in ("generator", "discriminator")}
    tree = given(
        folder,
        pretrain=[phase],
        generator={"dropout": 0.0},
        discriminator={"dropout": 0.0},
        optimizers={key: o | {"accumulation": parts} for key, o in optimizers.items()},
        trainer={"batch_size": BATCH},
    )
    weights: list[dict[str, Tensor]] = []

    def note(trainer: Trainer) -> None:
        players = {"g": trainer.cast.generator, "d": trainer.cast.discriminator}
        named = [(f"{p}.{n}", w) for p, m in players.items() for n, w in m.named_parameters()]
        weights.append({name: weight.detach().clone() for name, weight in named})

    def train(trainer: Trainer) -> None:
        note(trainer)
        for turn in trainer.turns():
            trainer.update(turn)
        note(trainer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "train", train)
        experiment.start("pretrain", tree, folder / f"{name}-{parts}-{runtime.rank()}", None)
    return weights[0], weights[1]


def apart(a: dict[str, Tensor], b: dict[str, Tensor]) -> float:
    """The largest difference between two sets of weights."""
    return max((a[name] - b[name]).abs().max().item() for name in a)


def assert_one_trajectory(folder: Path, name: str, parts: int) -> None:
    before, whole = played(folder, name, 1)
    assert apart(before, whole) > 1e-2, "nothing to compare"
    assert apart(whole, played(folder, name, parts)[1]) < 2e-6


@pytest.mark.parametrize("parts", [2, 3, 100])
@pytest.mark.parametrize("name", LOSSES)
def test_parts_give_the_whole_batchs_update(tmp_path: Path, name: str, parts: int) -> None:
    assert_one_trajectory(tmp_path, name, parts)


@pytest.mark.parametrize("name", ["mle", "seqgan, mean", "discriminator"])
def test_parts_that_all_weigh_the_same_fail_the_check(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts are of unequal length, or a penalty would be counted once a part."""
    loss = "textgan.methods.base.Method.loss"
    right = SeqGAN.loss

    def wrong(*arguments: Any) -> Any:
        return right(*arguments)._replace(terms=torch.tensor(1.0))

    monkeypatch.setattr(loss, wrong)
    with pytest.raises(AssertionError, match="< 2e-06"):
        assert_one_trajectory(tmp_path, name, 2)


def test_draws_of_the_parts_own_fail_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "share", lambda rows: (0, rows))
    with pytest.raises(AssertionError, match="< 2e-06"):
        assert_one_trajectory(tmp_path, "seqgan, sum", 2)


# ---------------------------------------------------------------- chance

CPU = torch.device("cpu")


def draws_in_parts(bounds: list[int]) -> tuple[Tensor, Tensor, list[float]]:
    """Two draws of a batch's rows, one behind it, and torch's own numbers in each part."""
    runtime.seed(0, "parts")
    found, own = [], []
    for start, stop in pairwise(bounds):
        with runtime.part(start, stop, bounds[-1]):
            first = runtime.uniform(stop - start, 3, CPU)
            found.append(torch.cat([first, runtime.uniform(stop - start, 2, CPU)], dim=1))
        own.append(torch.rand(()).item())
    return torch.cat(found), runtime.uniform(1, 1, CPU), own


def test_each_row_gets_the_draws_it_would_have_got_in_the_whole() -> None:
    whole, behind, _ = draws_in_parts([0, 7])
    for bounds in ([0, 3, 7], [0, 1, 2, 7]):
        parts, after, own = draws_in_parts(bounds)
        assert torch.equal(parts, whole)
        assert torch.equal(after, behind)
        assert len(set(own)) == len(own), "dropout must not repeat"


def test_a_part_lies_in_its_processes_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "rank", lambda: 1)
    monkeypatch.setattr(processes, "numbers", lambda number: [4, number])
    with runtime.part(1, 3, 5):
        assert runtime.share(2) == (5, 9)
    assert runtime.share(5) == (4, 9)
    assert runtime.fewest(5) == 4


def test_draws_that_are_not_one_a_text_are_a_fault() -> None:
    with runtime.part(0, 2, 5), pytest.raises(ValueError, match="6 rows in a part of 2 texts"):
        runtime.uniform(6, 1, CPU)


# ---------------------------------------------------------------- several processes


def one_of_two(rank: int, folder: Path) -> None:
    """In the fork: play as one of two processes, and leave the weights behind."""
    torch.set_num_threads(1)
    meeting = f"file://{folder / 'meeting'}"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2)
    found = {name: played(folder, name, 3)[1] for name in LOSSES if "pool" not in name}
    torch.save(found, folder / f"weights-{rank}")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def by_two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    """What either of two processes ends with, three parts each."""
    folder = tmp_path_factory.mktemp("two")
    given(folder)  # writes the corpus
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=one_of_two, args=(rank, folder)) for rank in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join(120)
    assert [child.exitcode for child in children] == [0, 0]
    yield [torch.load(folder / f"weights-{rank}", weights_only=True) for rank in range(2)]


@pytest.mark.parametrize("name", [name for name in LOSSES if "pool" not in name])
def test_two_processes_with_parts_give_one_trajectory(
    tmp_path: Path, by_two: list[dict[str, Any]], name: str
) -> None:
    assert apart(by_two[0][name], by_two[1][name]) == 0.0
    assert apart(played(tmp_path, name, 1)[1], by_two[0][name]) < 2e-6
