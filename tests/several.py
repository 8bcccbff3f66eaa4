"""Processes that work together, forked from a test, and what a run on them ends with."""

import multiprocessing
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from textgan import api, experiment, models, processes
from textgan.trainer import Trainer

Work = Callable[[Path], Any]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _one(rank: int, count: int, port: int, folder: Path, work: Work) -> None:
    """In the fork: what a launcher sets, then the work, in float64."""
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    with api.quiet():  # they meet here
        torch.save(work(folder), folder / f"found-{rank}")
    processes.leave()


def together(count: int, folder: Path, work: Work) -> list[Any]:
    """What ``work(folder)`` gives on each of so many processes; on one: in a fork of its own."""
    fork, port = multiprocessing.get_context("fork"), free_port()
    folder.mkdir(exist_ok=True)
    children = [
        fork.Process(target=_one, args=(rank, count, port, folder, work)) for rank in range(count)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(500)
    assert [child.exitcode for child in children] == [0] * count
    return [torch.load(folder / f"found-{rank}", weights_only=False) for rank in range(count)]


@contextmanager
def double() -> Iterator[list[Trainer]]:
    """Inside, players are read in float64, and trainers noted."""
    trainers: list[Trainer] = []
    train = Trainer.train

    def note(trainer: Trainer) -> None:
        trainers.append(trainer)
        train(trainer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "train", note)
        for name in ("load_generator", "load_discriminator"):
            load = getattr(models, name)
            patch.setattr(models, name, lambda place, load=load: load(place).double())
        yield trainers


def ended(stage: Any, tree: Any, run: Path, source: Path | None = None) -> dict[str, Any]:
    """Play a run, or with no tree go on with it, and give all that it ends with."""
    with double() as trainers:
        if tree is None:
            experiment.resume(run, stage)
        else:
            experiment.start(stage, tree, run, source)
    [trainer] = trainers
    players = {"g": trainer.cast.generator, "d": trainer.cast.discriminator}
    return {"players": {k: v.state_dict() for k, v in players.items()}, **trainer.state()}


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """A tree's values by their paths."""
    if not isinstance(tree, dict | list | tuple):
        yield path, tree
        return
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield from leaves(value, f"{path}/{key}")


def apart(a: Any, b: Any) -> float:
    """The largest difference between two trees' numbers; infinite where they differ otherwise."""
    left, right = dict(leaves(a)), dict(leaves(b))
    if left.keys() != right.keys():
        return float("inf")
    return max((_distance(left[key], right[key]) for key in left), default=0.0)


def _distance(a: Any, b: Any) -> float:
    if isinstance(a, Tensor):
        if a.shape != b.shape:
            return float("inf")
        return float((a.double() - b.double()).abs().max()) if a.numel() else 0.0
    if isinstance(a, float):
        return abs(a - b)
    return 0.0 if a == b else float("inf")
