"""A run killed with SIGKILL at any instant, resumed, ends where it would have ended anyway.

A server (this file, run as a program) imports torch once and forks a process for every case. The
process that shall die wraps what it writes with, and kills itself before, in the middle of or
behind the n-th operation.
"""

import builtins
import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
UNIFORM = 6
"""Kills at the starts of turns, and as many by the clock, for each stage."""
BRIEF: dict[str, Any] = {
    "pretrain": [{"method": "mle", "steps": 3, "every": {"evaluate": 1}}],
    "adversarial": [{"steps": 1, "players": {"generator": {}, "discriminator": {"pool": 16}}}],
    "trainer": {"keep": 1, "shown_samples": 1},
}
"""So few turns that every operation of a save can have a run of its own."""


class Case(NamedTuple):
    """A run to play in a process of its own."""

    stage: str
    run: str
    brief: bool = False
    """Play few turns."""
    source: str | None = None
    resume: bool = False
    turn: int | None = None
    """Count operations in this turn (-1: before the first one); without one, none are counted."""
    operation: int | None = None
    """Die at this operation; with None at the turn's start, with -1 never."""
    when: str = "before"
    seconds: float | None = None
    """Or die after so long."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Operations:
    """Counts what changes the disk, and dies at one of them."""

    def __init__(self, operation: int | None, when: str) -> None:
        self.operation, self.when = operation, when
        self.active = False
        self.names: list[str] = []

    def wrap(self, owner: Any, name: str) -> None:
        old = getattr(owner, name)

        def wrapped(*args: Any, **keys: Any) -> Any:
            with self.around(name):
                return old(*args, **keys)

        setattr(owner, name, wrapped)

    @contextlib.contextmanager
    def around(self, name: str, torn: Callable[[], object] | None = None) -> Iterator[None]:
        if not self.active:
            yield
            return
        mine = len(self.names) == self.operation
        self.names.append(name)
        if mine and self.when == "before":
            if torn is not None:
                torn()
            die()
        try:
            yield
        finally:
            if mine and self.when == "after":
                die()

    def install(self) -> None:
        import safetensors.torch
        from transformers import PreTrainedTokenizerFast

        for owner, names in {
            os: ("replace", "fsync", "symlink", "unlink", "mkdir", "rmdir"),
            shutil: ("rmtree",),
            safetensors.torch: ("serialize_file",),
            PreTrainedTokenizerFast: ("_save_pretrained",),
        }.items():
            for name in names:
                self.wrap(owner, name)
        real = builtins.open

        def opened(file: Any, mode: str = "r", *args: Any, **keys: Any) -> Any:
            if not self.active or mode[0] not in "wax":
                return real(file, mode, *args, **keys)
            with self.around("open"):
                handle = real(file, mode, *args, **keys)
            write = handle.write

            def written(text: Any) -> Any:
                def half() -> None:
                    write(text[: len(text) // 2])
                    handle.flush()

                with self.around("write", half):
                    count = write(text)
                    handle.flush()
                return count

            handle.write = written
            return handle

        builtins.open = io.open = opened  # type: ignore[assignment]


def play(case: Case, folder: Path) -> None:
    """In the fork: train, and die if the case says so."""
    from tests.short_run import given
    from textgan import experiment
    from textgan.scores import Scores
    from textgan.trainer import Trainer

    operations = Operations(case.operation, case.when)
    if case.turn is not None:
        operations.install()
        turn, judge, save = Trainer.turn, Scores.judge, Trainer.save

        def turned(trainer: Trainer, now: Any) -> None:
            here = now.number == case.turn
            if here and case.operation is None:
                die()
            operations.active = here
            turn(trainer, now)
            operations.active = False

        def judged(scores: Scores, position: int, phase: str) -> bool:
            operations.active |= case.turn == -1 and position == 0
            return judge(scores, position, phase)

        def saved(trainer: Trainer) -> None:
            save(trainer)
            operations.active &= case.turn != -1

        Trainer.turn, Scores.judge, Trainer.save = turned, judged, saved  # type: ignore[method-assign]
    stage: Any = case.stage
    if case.resume:
        experiment.resume(Path(case.run), stage)
    else:
        source = Path(case.source) if case.source else None
        tree = given(folder, **(BRIEF if case.brief else {}))
        experiment.start(stage, tree, Path(case.run), source)
    Path(f"{case.run}.operations").write_text(json.dumps(operations.names), encoding="utf-8")


def fork(case: Case, folder: Path) -> int:
    """Play a case in a process of its own; its exit status, negative if a signal ended it."""
    process = os.fork()
    if process == 0:
        code = 1
        with open(f"{case.run}.log", "w", encoding="utf-8") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            try:
                play(case, folder)
                code = 0
            except ValueError as error:
                print(f"error: {error}", file=sys.stderr, flush=True)
                code = 2
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
    if case.seconds is not None:
        time.sleep(case.seconds)
        os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def serve(folder: Path) -> None:
    """Cases on stdin, exit statuses on stdout, one a line."""
    import torch

    torch.set_num_threads(1)
    import numpy.ma  # noqa: F401
    import transformers.models.auto.tokenization_auto  # noqa: F401

    import textgan.experiment
    import textgan.validation  # noqa: F401

    for line in sys.stdin:
        print(fork(Case(**json.loads(line)), folder), flush=True)


class Server:
    """The server's other end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment | {"TOKENIZERS_PARALLELISM": "false"},
        )

    def play(self, case: Case) -> int:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(case._asdict()) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def end(self) -> None:
        self.process.communicate()


class Checker:
    """Kills runs, resumes them, compares their ends with those of runs that nothing disturbed."""

    def __init__(self, server: Server) -> None:
        from tests.short_run import end_state

        self.server, self.folder = server, server.folder
        self.kills = self.cases = self.fresh = 0
        self.seconds: dict[str, float] = {}
        self.ends: dict[tuple[str, bool], dict[str, bytes]] = {}
        self.source: dict[str, str | None] = {
            "pretrain": None,
            "adversarial": str(self.folder / "whole-pretrain"),
        }
        for stage, brief in product(self.source, (False, True)):
            run = self.folder / f"whole-{stage}{'-brief' * brief}"
            before = time.monotonic()
            assert server.play(self.case(stage, run, brief)) == 0
            self.seconds[stage] = self.seconds.get(stage, time.monotonic() - before)
            self.ends[stage, brief] = end_state(run)

    def case(self, stage: str, run: Path, brief: bool, **how: Any) -> Case:
        """A new run of a stage."""
        return Case(stage, str(run), brief, self.source[stage], **how)

    def count(self, stage: str, turn: int) -> list[str]:
        """The names of the operations in a turn of the brief run."""
        run = self.folder / f"dry-{stage}-{turn}"
        assert self.server.play(self.case(stage, run, True, turn=turn, operation=-1)) == 0
        names: list[str] = json.loads(Path(f"{run}.operations").read_text(encoding="utf-8"))
        return names

    def kill(self, stage: str, brief: bool = False, **how: Any) -> None:
        """One kill, what a user does then, and what must come of it."""
        from tests.short_run import differences, end_state

        self.cases += 1
        run = self.folder / f"{stage}-{self.cases}"
        case = self.case(stage, run, brief, **how)
        status = self.server.play(case)
        log = Path(f"{run}.log")
        assert status == -signal.SIGKILL or how.get("seconds"), (how, log.read_text())
        self.kills += status == -signal.SIGKILL
        again = Case(stage, str(run), resume=True)
        if not (run / "last").exists():
            self.fresh += 1
            assert self.server.play(again) == 2, (how, log.read_text())
            why = "has no run.yaml" if run.exists() else "is not there"
            assert why in log.read_text()
            again = self.case(stage, run, brief)
        assert self.server.play(again) == 0, (how, log.read_text())
        assert differences(end_state(run), self.ends[stage, brief]) == [], how
        shutil.rmtree(run)


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checker]:
    server = Server(tmp_path_factory.mktemp("kill"))
    checker = Checker(server)
    yield checker
    server.end()


SAVES = {
    "a save with a new best, rotating": ("pretrain", 2, ("before", "after"), 1),
    "the first save": ("pretrain", 0, ("after",), 3),
    "the score and save before the first turn": ("adversarial", -1, ("after",), 3),
}


WRITES = ("write", "serialize_file", "_save_pretrained", "fsync", "replace", "symlink", "rmtree")
"""What a kill may come before or after; opening and removing a file come between two of these."""


@pytest.mark.slow
@pytest.mark.parametrize("which", SAVES)
def test_killed_at_every_write_flush_and_rename_of_a_save(checker: Checker, which: str) -> None:
    stage, turn, times, stride = SAVES[which]
    names = checker.count(stage, turn)
    for name in ("open", "write", "serialize_file", "_save_pretrained", "fsync", "replace"):
        assert name in names, names
    assert "symlink" in names
    assert "before" not in times or "rmtree" in names
    for when in times:
        for operation in [i for i, name in enumerate(names) if name in WRITES][::stride]:
            checker.kill(stage, True, turn=turn, operation=operation, when=when)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["pretrain", "adversarial"])
def test_killed_at_the_starts_of_turns(checker: Checker, stage: str) -> None:
    played = {"pretrain": [*range(27), 70, 71, 72], "adversarial": list(range(15))}[stage]
    for i in range(UNIFORM):
        checker.kill(stage, turn=played[round(i * (len(played) - 1) / (UNIFORM - 1))])


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["pretrain", "adversarial"])
def test_killed_by_the_clock(checker: Checker, stage: str) -> None:
    for i in range(UNIFORM):
        checker.kill(stage, seconds=checker.seconds[stage] * (i + 0.5) / UNIFORM)


@pytest.mark.slow
def test_there_were_kills_enough(checker: Checker, request: pytest.FixtureRequest) -> None:
    if len(request.session.items) < 8:
        pytest.skip("counts the kills of all tests in this file")
    assert checker.kills >= 50
    assert 0 < checker.fresh < checker.cases


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
