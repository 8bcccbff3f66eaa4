"""Two processes end with what one ends with, whatever they play, and agree bit for bit."""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import Command
from tests.several import apart, double, ended, together
from tests.short_run import given, write_corpus
from tests.test_resume import watch
from tests.test_resume_methods import recipe
from textgan import api, config, experiment, processes, runs, runtime, trainer
from textgan.data import cache
from textgan.errors import Diverged, UserError
from textgan.estimators.advantage import Baseline
from textgan.figures import Figures
from textgan.interrupts import Interrupted
from textgan.losses.adversarial import LossName
from textgan.methods import METHODS
from textgan.phases import Turn
from textgan.sampling_report import SamplingReport
from textgan.trainer import Trainer
from textgan.wish import Wish, form_options

FAST = ("taylorgan",)
"""Draws, a batch's means, and penalties that one process counts alone."""
OF_SEQGAN: dict[str, dict[str, Any]] = {
    **{f"baseline {name}": {"baseline": name} for name in get_args(Baseline) if name != "none"},
    **{f"loss {name}": {"loss": name} for name in get_args(LossName)},
    **{name: {name: 0.5} for name in ("gradient_penalty", "simplex_penalty", "r1", "r2")},
    "noise, entropy, mean": {"instance_noise": 0.1, "entropy_bonus": 0.1, "reduction": "mean"},
    "prefixes": {"rollout_every": 2},
}
"""Those whose statistics or draws are a batch's."""
SWITCHES: dict[str, config.Tree] = {
    **{name: {"method": options} for name, options in OF_SEQGAN.items()},
    "spectral norm": {"discriminator": {"spectral_norm": True}},
}
"""The last one's buffers are each process's own, and move with every look at a batch."""
LOGGED = {"parts", "alarms", "stopping", "best"}
"""What a run shows and decides by: rewards are fp32."""
CPU = torch.device("cpu")
STOP = 9
"""A turn inside a pool."""


def still(tree: config.Tree) -> config.Tree:
    """The same recipe without dropout, which differs between processes."""
    players = {player: {"dropout": 0.0} for player in ("generator", "discriminator")}
    return config.merge(without_dropout(tree), players)


def without_dropout(tree: Any) -> Any:
    if isinstance(tree, list):
        return [without_dropout(part) for part in tree]
    if not isinstance(tree, dict):
        return tree
    return {k: 0.0 if "dropout" in k else without_dropout(part) for k, part in tree.items()}


def everything(texts: Path) -> config.Tree:
    """Pools, earlier samples, averages, parts, patience; an epoch whose last batch has one text."""
    pool = {"discriminator": {"pool": 16, "epochs": 2, "replay": {"size": 12}}}
    tree = given(
        texts,
        pretrain=[
            {"method": "mle", "epochs": 1, "players": {"generator": {"batch_size": 37}}},
            {"repeat": 2, "phases": [{"players": pool}, {"method": "mle"}]},
            {"method": "mle", "steps": 9, "patience": 1, "optimizers": {"generator": {"lr": 9.0}}},
            {"players": {"discriminator": {"updates": 2, "replay": {}}, "generator": {}}},
        ],
        optimizers={
            "generator": {"accumulation": 2, "average": 0.7},
            "discriminator": {"accumulation": 3},
        },
        trainer={"batch_size": 7},
    )
    return still(tree)


def played(trees: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What each recipe's last stage ends with, as it is saved."""
    found = {}
    for name, tree in trees.items():
        stage, source = "adversarial" if tree["adversarial"] else "pretrain", None
        if stage == "adversarial" and tree["pretrain"]:
            source = experiment.start("pretrain", tree, folder / f"{name}-pretrained", None)
        found[name] = ended(stage, tree, folder / name, source)
    return found


def compare(one: Any, two: list[Any], least: float = 1e-9) -> None:
    """Ranks are equal; what was learnt is one process's to ``least``, what is logged to 1e-6."""
    assert apart(*two) == 0.0
    for key in one:
        assert apart(one[key], two[0][key]) < (1e-6 if key in LOGGED else least), key


class Games:
    """Every method on one process and on two; those that are asked for together play together."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.found = folder, {}

    def of(self, names: tuple[str, ...]) -> dict[str, Any]:
        if names not in self.found:
            work = partial(played, {name: self.tree(name) for name in names})
            place = self.folder / names[0]
            place.mkdir()
            self.found[names] = together(1, place / "1", work), together(2, place / "2", work)
        return self.found[names]

    def tree(self, name: str) -> config.Tree:
        """The recipe of a method, or of a switch of seqgan's."""
        tree = still(recipe(self.folder, name if name in METHODS else "seqgan"))
        config.merge(tree, SWITCHES.get(name, {}))
        tree["trainer"]["batch_size"] = 7
        return tree


@pytest.fixture(scope="module")
def games(tmp_path_factory: pytest.TempPathFactory) -> Games:
    folder = tmp_path_factory.mktemp("games")
    write_corpus(folder / "corpus.txt")
    return Games(folder)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in METHODS],
)
def test_two_processes_play_a_method_as_one_does(games: Games, name: str) -> None:
    rest = tuple(name for name in METHODS if name not in FAST)
    [one], two = games.of(FAST if name in FAST else rest)
    compare(one[name], [found[name] for found in two])


@pytest.mark.slow
@pytest.mark.parametrize("name", SWITCHES)
def test_two_processes_play_a_switch_as_one_does(games: Games, name: str) -> None:
    [one], two = games.of(tuple(SWITCHES))
    compare(one[name], [found[name] for found in two])


def test_a_penalty_that_both_count_fails_the_check(
    games: Games, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [one], _ = games.of(FAST)
    monkeypatch.setattr(runtime, "once", lambda term: term)
    tree = games.tree("taylorgan")
    two = together(2, tmp_path / "2", partial(played, {"taylorgan": tree}))
    with pytest.raises(AssertionError, match="< "):
        compare(one["taylorgan"], [found["taylorgan"] for found in two])


# ---------------------------------------------------------------- a run's every kind of turn

CHANGES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.truncate"}


def changes(folder: Path) -> list[str]:
    """Notes from now on what this process changes below a folder."""
    found: list[str] = []

    def note(event: str, args: tuple[Any, ...]) -> None:
        if event not in CHANGES or not isinstance(args[0], str | os.PathLike):
            return
        writes = event != "open" or args[2] & (os.O_WRONLY | os.O_RDWR)
        if writes and str(args[0]).startswith(str(folder)):
            found.append(f"{event} {args[0]}")

    sys.addaudithook(note)
    return found


def life(tree: config.Tree, folder: Path) -> dict[str, Any]:
    """A run to its end, one that a signal to the last process alone stops, texts and figures."""
    changed = changes(folder)
    found: dict[str, Any] = {"whole": ended("pretrain", tree, folder / "whole")}

    def note(trainer: Trainer, turn: Turn) -> None:
        trainer.interrupted = turn.number == STOP and processes.rank() == processes.count() - 1

    with double(), pytest.MonkeyPatch.context() as patch:
        watch(patch, note)
        with pytest.raises(Interrupted):
            experiment.start("pretrain", tree, folder / "stopped", None)
    torch.set_default_dtype(torch.float32)
    found["texts"] = api.sample(folder / "whole", 259, seed=3)  # in the last draw are three
    found["figures"] = [
        {name: e and (e.value, e.stderr) for name, e in row.figures.items()}
        for row in api.evaluate(folder / "whole")
    ]
    return found | {"changed": list(changed)}


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[int, list[Any]]]]:
    """On one process and on two."""
    folder = tmp_path_factory.mktemp("lives")
    tree = everything(folder)
    yield folder, {n: together(n, folder / str(n), partial(life, tree)) for n in (1, 2)}


def test_two_processes_play_every_kind_of_turn_as_one_does(lives: Any) -> None:
    folder, found = lives
    compare(found[1][0]["whole"], [each["whole"] for each in found[2]])
    said = (folder / "2" / "whole" / "metrics.jsonl").read_text("utf-8")
    assert "no better for 1 evaluations" in said, "nothing was decided"


def test_the_first_process_alone_writes(lives: Any) -> None:
    first, second = (each["changed"] for each in lives[1][2])
    assert any("metrics.jsonl" in change for change in first)
    assert second == []


def test_two_processes_write_and_score_the_same_texts(lives: Any) -> None:
    _, found = lives
    for each in found[2]:
        assert each["texts"] == found[1][0]["texts"]
        assert apart(each["figures"], found[1][0]["figures"]) < 1e-6


def resampled(folder: Path) -> list[str]:
    wish = Wish(form_options(form="五绝"), resample=True)
    return [poem.text for poem in api.poems("shi", wish, 5, seed=3)]  # four are drawn together


def test_two_processes_choose_the_same_poems(tmp_path: Path) -> None:
    (one,), both = (together(n, tmp_path / str(n), resampled) for n in (1, 2))
    assert both == [one, one]


@pytest.mark.parametrize(("before", "after"), [(2, 1), pytest.param(1, 2, marks=pytest.mark.slow)])
def test_a_run_goes_on_with_another_number_of_processes(
    lives: Any, tmp_path: Path, before: int, after: int
) -> None:
    folder, found = lives
    run = folder / str(before) / "stopped"
    assert (run / f"checkpoint-{STOP + 1:06d}").is_dir()
    ends = together(after, tmp_path / "after", lambda _: ended("pretrain", None, run))
    compare(found[1][0]["whole"], [ends[0], ends[-1]], least=1e-5)  # players are read in fp32


def reading(run: Path, folder: Path) -> list[str]:
    """What this process writes into caches of a run's corpus, the first time it is read."""
    changed = changes(folder)
    torch.set_default_dtype(torch.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "SMALL", 0)
        patch.setenv("TEXTGAN_CACHE", str(folder / "evaluate"))
        api.evaluate(run)
        patch.setenv("TEXTGAN_CACHE", str(folder / "report"))
        SamplingReport(runs.open_checkpoint(run))
    return [change for change in changed if "/evaluate/" in change or "/report/" in change]


def test_a_corpus_is_stored_once_for_all_processes(lives: Any, tmp_path: Path) -> None:
    first, second = together(2, tmp_path / "2", partial(reading, lives[0] / "1" / "whole"))
    for command in ("evaluate", "report"):
        assert any(f"/{command}/" in change for change in first)
    assert second == []


# ---------------------------------------------------------------- fewer rows than processes


def one_by_one(folder: Path) -> dict[str, Any]:
    """A run whose batches have one text, of two machines that couldn't round more differently."""
    tree = given(
        folder.parent,
        pretrain=[
            {"method": "mle", "steps": 3},
            {"players": {"discriminator": {"pool": 1, "replay": {"size": 4}}}},
            {"steps": 2, "players": {"discriminator": {"updates": 2}, "generator": {}}},
        ],
        trainer={"batch_size": 1},
    )
    with pytest.MonkeyPatch.context() as patch:
        if processes.rank():
            round_otherwise(patch)
        return ended("pretrain", still(tree), folder / "run")


def round_otherwise(patch: pytest.MonkeyPatch) -> None:
    """Where a process has a batch to itself, other texts and other gradients come of it."""
    uniform, backward = runtime.uniform, trainer.backward

    def mirrored(rows: int, columns: int, device: torch.device) -> torch.Tensor:
        drawn = uniform(rows, columns, device)
        alone = processes.count() == 1 and columns > 1  # the places of earlier samples are exact
        return (1 - 2**-24) - drawn if alone else drawn

    def doubled(turn: Turn, method: Any, *rest: Any) -> None:
        backward(turn, method, *rest)
        for parameter in method.parameters():
            if parameter.grad is not None:
                parameter.grad *= 2

    patch.setattr(runtime, "uniform", mirrored)
    patch.setattr(trainer, "backward", doubled)


def test_of_a_batch_with_too_few_rows_the_first_processs_update_counts(tmp_path: Path) -> None:
    [one], two = (together(n, tmp_path / str(n), one_by_one) for n in (1, 2))
    compare(one, two)


# ---------------------------------------------------------------- how they agree


def agree(folder: Path) -> None:
    """On each of two processes; what is not as it should be ends it."""
    rank = processes.rank()
    assert processes.count() == 2
    assert processes.of_first(lambda: (rank, processes.count())) == (0, 1)
    assert processes.anyone(rank == 1, False) == [True, False]
    assert processes.shared_out("abc", lambda s: s + str(processes.count())) == ["a1", "b1", "c1"]
    with pytest.raises(UserError, match="of the first"):
        processes.of_first(lambda: fail("of the first"))
    with pytest.raises(UserError, match="of b"):
        processes.shared_out("abc", lambda s: s if s != "b" else fail("of b"))
    figures = Figures(folder, "pretrain", CPU)
    figures.check_finite(0)
    figures.broken = torch.tensor(rank == 1)
    with pytest.raises(Diverged):
        figures.check_finite(1)
    with pytest.raises(
        RuntimeError, match="scalar type"
    ):  # a fault of ours is no process that is gone
        processes.reduce(torch.zeros(2, dtype=torch.uint16))
    if rank == 1:
        processes.leave()
    else:
        with pytest.raises(processes.Lost, match="can't be reached"):
            processes.wait()


def fail(why: str) -> Any:
    raise UserError(why)


def share(folder: Path) -> None:
    """On each of two processes: rows, draws and gradients."""
    rank = processes.rank()
    assert runtime.mine(7) == (slice(0, 4), slice(4, 7))[rank]
    assert (
        list(runtime.portions(5, 3))
        == ([slice(0, 2), slice(3, 4)], [slice(2, 3), slice(4, 5)])[rank]
    )
    rows = torch.arange(7)[runtime.mine(7)]
    assert runtime.gather(rows).tolist() == list(range(7))
    assert runtime.gather(rows > 4).tolist() == [False] * 5 + [True] * 2
    with runtime.divided(1):  # too few for two
        assert runtime.mine(1) == slice(0, 1) and processes.count() == 1
        assert runtime.gather(torch.tensor([rank])).tolist() == [0]
        assert runtime.global_sum(torch.tensor([1.0 + rank])) == 1
        assert processes.anyone(rank == 0, rank == 1) == [True, False]
        weight = torch.nn.Parameter(torch.zeros(2))
        weight.grad = torch.tensor([1.0, rank])
        runtime.sum_gradients([weight])
        assert weight.grad.tolist() == [1, 0]
        with processes.alone(), runtime.divided(0):  # nobody waits here
            assert runtime.gather(torch.tensor([rank])).tolist() == [rank]
    both, one, none = (torch.nn.Parameter(torch.zeros(2)) for _ in range(3))
    both.grad = torch.tensor([1.0, rank])
    one.grad = torch.ones(2) if rank else None
    runtime.sum_gradients([both, one, none])
    assert both.grad.tolist() == [2, 1] and one.grad.tolist() == [1, 1] and none.grad is None


@pytest.mark.parametrize("work", [agree, share])
def test_two_processes_agree_and_share(tmp_path: Path, work: Any) -> None:
    together(2, tmp_path / "2", work)


def test_a_launcher_that_starts_one_process_only_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("ACCELERATE_USE_CPU", "True")
    with pytest.raises(UserError, match=r"^accelerate launch: started one .*; add --multi_gpu"):
        processes.join()


def test_each_process_has_a_device_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = torch.device("cuda")
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: cuda)
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert runtime.pick_device("auto") == cuda
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(UserError, match="more processes than devices"):
        runtime.pick_device("cuda")
    assert runtime.pick_device("cpu") == CPU


@pytest.mark.parametrize(("rank", "who"), [("0", ""), ("1", "process 1: ")])
def test_a_benchmark_takes_one_process(
    textgan: Command, monkeypatch: pytest.MonkeyPatch, rank: str, who: str
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", rank)
    result = textgan("benchmark", "grid.yaml")
    assert result.code == 2
    assert result.err.startswith(f"{who}error: benchmark: compares by the clock of one process; ")


# ---------------------------------------------------------------- a process that is killed

ROOT = Path(__file__).resolve().parent.parent
DYING = """
import os, signal
from textgan import cli
from textgan.trainer import Trainer

update = Trainer.update


def dying(trainer, turn):
    update(trainer, turn)
    if os.environ["RANK"] == "1" and turn.number == 5:
        os.kill(os.getpid(), signal.SIGKILL)


Trainer.update = dying
cli.main()
"""


@pytest.mark.slow
def test_a_killed_process_ends_the_job_and_the_run_goes_on(tmp_path: Path) -> None:
    """By accelerate's own launcher; what comes out is a run that was never stopped."""
    tree = still(
        given(tmp_path, pretrain=[{"method": "mle", "steps": 8, "every": {"evaluate": 2}}])
    )
    (tmp_path / "recipe.yaml").write_text(config.to_yaml(tree), "utf-8")
    (tmp_path / "dying.py").write_text(DYING, "utf-8")
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu"]
    launch += ["--num_processes", "2", "--main_process_port", "0", "dying.py"]
    words = ["pretrain", "recipe.yaml", "--run", "run"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        launch + words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode != 0
    assert "error: another process has ended, or can't be reached" in done.stderr
    assert "see why, then `textgan pretrain --resume run` goes on\n" in done.stderr
    run = tmp_path / "run"
    assert (run / "last").resolve().name == "checkpoint-000004"
    api.resume(run)
    whole = api.train("pretrain", tree, run=tmp_path / "whole")
    ends = [load_file(r / "last" / "generator" / "model.safetensors") for r in (run, whole)]
    assert 0 < apart(*ends) < 1e-4  # fp32
