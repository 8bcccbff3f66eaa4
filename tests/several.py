"""Processes that train together, forked from a test: what each of them ends with."""

import multiprocessing
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from textgan import experiment, models, processes
from textgan.config import Tree
from textgan.trainer import Trainer

Work = Callable[[Path], Any]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _one(rank: int, count: int, port: int, folder: Path, work: Work) -> None:
    """In the fork: what a launcher sets, then the work."""
    torch.set_num_threads(1)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    processes.join()
    torch.save(work(folder), folder / f"found-{rank}")
    processes.part()


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


def ended(stage: Any, tree: Tree, run: Path, source: Path | None = None) -> dict[str, Any]:
    """Play a run in float64 and give all that it ends with, by name."""
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
        experiment.start(stage, tree, run, source)
    [trainer] = trainers
    cast = trainer.cast
    players = {"g": cast.generator.state_dict(), "d": cast.discriminator.state_dict()}
    return {"players": players, **trainer.state()}
