"""The commands in the process, and one tiny pair of runs for all who only look at it."""

import os

# The models here are tiny: a second thread gains nothing, and waits whenever the machine is busy.
# Before torch is imported, which reads it once.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path

import pytest

from textgan import cli

CONFIG = """
corpus: {path: PATH, unit: stanza, max_length: 24, validation_share: 0.1, test_share: 0.1}
tokenizer: {name: word, size: 100}
generator: {name: lstm, embedding_size: 4, hidden_size: 8}
discriminator: {name: cnn, embedding_size: 4, widths: [1, 2], filters: [2, 2]}
method: {name: seqgan, rollouts: 1}
optimizers: {generator: {lr: 1e-2}, discriminator: {lr: 1e-3}}
trainer: {batch_size: 16, validation_samples: 4, shown_samples: 1}
pretrain:
  - {method: mle, steps: 4, every: {evaluate: 4}}
  - {steps: 1, players: {discriminator: {pool: 16}}}
adversarial:
  - steps: 1
    players: {generator: {}, discriminator: {pool: 16}}
    optimizers: {generator: {lr: 0.5}}  # one update is to be seen in the texts
"""


@dataclass
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


Command = Callable[..., Result]


def write_poems(path: Path, count: int = 60) -> None:
    """``count`` quatrains, all different, a blank line between them."""
    halves = product(["moon", "river", "old dog", "snow"], ["is", "was", "seems"])
    lines = [
        f"the {noun} {verb} {how}" for (noun, verb), how in product(halves, ["low", "far", "gray"])
    ]
    poems = islice(product(lines[:8], lines[8:16], lines[16:24], lines[24:36]), 0, 6000, 101)
    path.write_text("\n\n".join("\n".join(poem) for poem in islice(poems, count)) + "\n", "utf-8")


@pytest.fixture
def textgan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Call a command in an empty folder: its exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TEXTGAN_RUNS", raising=False)

    def call(*words: object) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main([str(word) for word in words])
        out, err = capsys.readouterr()
        return Result(int(ended.value.code or 0), out, err)

    return call


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with poems.txt, small.yaml and runs/small-{pretrain,adversarial}-1, only to read."""
    from textgan import api

    folder = tmp_path_factory.mktemp("made")
    write_poems(folder / "poems.txt")
    config = CONFIG.replace("PATH", str(folder / "poems.txt"))
    (folder / "small.yaml").write_text(config, "utf-8")
    pretrained = folder / "runs" / "small-pretrain-1"
    api.train("pretrain", api.load(folder / "small.yaml"), run=pretrained)
    run = folder / "runs" / "small-adversarial-1"
    api.train("adversarial", api.load(folder / "small.yaml"), run=run, source=pretrained)
    return folder


@pytest.fixture
def small(made: Path) -> Path:
    """A config file of a game that takes a second."""
    return made / "small.yaml"


@pytest.fixture
def pretrained(made: Path) -> Path:
    """A pretraining run, only to read."""
    return made / "runs" / "small-pretrain-1"


@pytest.fixture
def copied(made: Path, tmp_path: Path) -> Path:
    """The runs, in ``runs/`` of the folder where commands are called, to change at will."""
    shutil.copytree(made / "runs", tmp_path / "runs", symlinks=True)
    return tmp_path / "runs"
