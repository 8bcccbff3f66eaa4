"""Every command and option, in the process, in an empty folder."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from tests.conftest import Command, write_poems
from textgan import config, evaluation, runs, runtime, trainer
from textgan.data.splits import CorpusOptions, Division
from textgan.errors import UserError
from textgan.recipe import Recipe
from textgan.sampling_report import SamplingReport
from textgan.tracking import command

ROOT = Path(__file__).parent.parent


def recipe_of(run: Path) -> Recipe:
    about = yaml.safe_load((run / "last" / "run.yaml").read_text("utf-8"))
    return config.check(Recipe, about["recipe"])


def weights(run: Path) -> dict[str, Any]:
    return dict(load_file(run / "last" / "generator" / "model.safetensors"))


def same_weights(one: Path, other: Path) -> bool:
    mine, theirs = weights(one), weights(other)
    return mine.keys() == theirs.keys() and all(bool((mine[k] == theirs[k]).all()) for k in mine)


# pretrain, adversarial


def test_without_words_the_commands_take_the_default_config(
    textgan: Command, tmp_path: Path
) -> None:
    write_poems(tmp_path / "poems.txt")
    shrink = [
        *("--corpus.path", "poems.txt", "--generator.embedding_size", 4),
        *("--generator.hidden_size", 8, "--discriminator.widths", "[1]"),
        *("--discriminator.filters", "[2]", "--discriminator.embedding_size", 4),
        *("--trainer.validation_samples", 2),
    ]
    phases = "--pretrain=[{method: mle, steps: 2}]"
    first = textgan("pretrain", *shrink, phases)
    assert (first.code, first.out) == (0, "")
    assert first.err.splitlines()[-1] == "run: runs/default-pretrain-1"
    recipe = recipe_of(tmp_path / "runs/default-pretrain-1")
    assert recipe.corpus.unit == "stanza" and recipe.method.model_dump()["rollouts"] == 4
    assert [phase.steps for phase in recipe.pretrain] == [2]

    game = "--adversarial=[{steps: 1}]"
    second = textgan("adversarial", "--method.rollouts", 1, game)
    assert (second.code, second.out) == (0, "")
    assert second.err.splitlines()[0] == "going on from runs/default-pretrain-1"
    assert second.err.splitlines()[-1] == "run: runs/default-adversarial-1"
    played = recipe_of(tmp_path / "runs/default-adversarial-1")
    assert played.corpus == recipe.corpus and played.generator == recipe.generator
    assert played.method.model_dump()["rollouts"] == 1


def test_the_game_goes_on_from_the_newest_pretraining_of_its_config(
    textgan: Command, copied: Path, small: Path
) -> None:
    for name, run in (("small", "newest"), ("another", "of-another-config")):
        words = ("--name", name, "--run", f"runs/{run}", "--pretrain=[{method: mle, steps: 1}]")
        assert textgan("pretrain", small, *words).code == 0
    result = textgan("adversarial", small)
    assert result.err.splitlines()[0] == "going on from runs/newest"
    assert result.err.splitlines()[-1] == "run: runs/small-adversarial-2"


def test_from_and_run_and_a_key(textgan: Command, pretrained: Path, tmp_path: Path) -> None:
    result = textgan("adversarial", "--from", pretrained, "--run", "mine", "--trainer.seed", 7)
    assert (result.code, result.out) == (0, "")
    assert result.err.splitlines()[-1] == "run: mine"
    about = yaml.safe_load((tmp_path / "mine/last/run.yaml").read_text("utf-8"))
    assert about["recipe"]["trainer"]["seed"] == 7
    assert about["from"] == str((pretrained / "last").resolve())
    theirs = recipe_of(pretrained)
    for section in ("corpus", "tokenizer", "generator", "discriminator", "adversarial"):
        assert getattr(recipe_of(tmp_path / "mine"), section) == getattr(theirs, section)
    assert (tmp_path / "mine/checkpoint-000000").is_dir()  # its state before the first update
    assert not same_weights(tmp_path / "mine", pretrained)


def test_ctrl_c_saves_and_resume_ends_where_it_would_have(
    textgan: Command, small: Path, pretrained: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    update = trainer.Trainer.update

    def interrupted(self: trainer.Trainer, turn: Any) -> None:
        update(self, turn)
        if turn.number == 1:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(trainer.Trainer, "update", interrupted)
        stopped = textgan("pretrain", small, "--run", "half a run")
    assert (stopped.code, stopped.out) == (130, "")
    words = "textgan pretrain --resume 'half a run'"
    assert stopped.err.endswith(f"saved. Go on with:\n  {words}\n")
    assert "Traceback" not in stopped.err
    assert (tmp_path / "half a run/last").resolve().name == "checkpoint-000002"

    resumed = textgan(*shlex.split(words)[1:])
    assert (resumed.code, resumed.out) == (0, "")
    assert "going on with half a run after turn 2" in resumed.err.splitlines()
    assert (tmp_path / "half a run/last").resolve().name == (pretrained / "last").resolve().name
    assert same_weights(tmp_path / "half a run", pretrained)


def test_tracker_tensorboard(textgan: Command, small: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    words = ("--tracker", "tensorboard", "--pretrain=[{method: mle, steps: 1}]")
    assert textgan("pretrain", small, "--run", "seen", *words).code == 0
    [events] = (tmp_path / "seen/tensorboard").iterdir()
    assert events.name.startswith("events.out.tfevents")
    assert events.stat().st_size > 0
    assert b"validation_nll" in events.read_bytes()


def test_runs_go_to_textgan_runs_on_the_device_that_is_named(
    textgan: Command, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXTGAN_RUNS", "elsewhere")
    words = ("--trainer.device", "cpu", "--pretrain=[{method: mle, steps: 1}]")
    result = textgan("pretrain", small, *words)
    assert result.err.splitlines()[-1] == "run: elsewhere/small-pretrain-1"
    assert recipe_of(tmp_path / "elsewhere/small-pretrain-1").trainer.device == "cpu"
    assert not (tmp_path / "runs").exists()
    assert textgan("sample").err == "from elsewhere/small-pretrain-1\n"


def test_run_yaml_loads_back_to_the_recipe(small: Path, pretrained: Path) -> None:
    tree = {"name": "small"} | config.read_yaml(str(small))
    assert recipe_of(pretrained) == config.check(Recipe, tree)


# --print-config, --list-config


def test_print_config_loads_back_to_the_same_recipe(textgan: Command, tmp_path: Path) -> None:
    files = ("configs/data/shi.yaml", "configs/methods/mle.yaml", "configs/methods/seqgan.yaml")
    words = ("--generator.hidden_size", 64, "--corpus.path=诗.txt")
    result = textgan("pretrain", *files, *words, "--print-config")
    assert (result.code, result.err) == (0, "")
    recipe = config.check(Recipe, yaml.safe_load(result.out))
    assert recipe.name == "shi-mle-seqgan"
    # left to right, then the command line
    assert recipe.method.model_dump()["name"] == "seqgan"
    assert recipe.generator.model_dump()["hidden_size"] == 64
    assert recipe.corpus.path == "诗.txt"
    (tmp_path / "again.yaml").write_text(result.out, "utf-8")
    assert textgan("pretrain", "again.yaml", "--print-config").out == result.out
    assert not (tmp_path / "runs").exists()


def test_print_config_of_a_game_needs_no_run(textgan: Command) -> None:
    result = textgan("adversarial", "configs/tiny.yaml", "--print-config")
    assert (result.code, result.err) == (0, "")
    recipe = config.check(Recipe, yaml.safe_load(result.out))
    assert recipe.name == "tiny" and recipe.adversarial[0].steps == 3


def test_print_config_of_a_game_shows_what_it_inherits(textgan: Command, pretrained: Path) -> None:
    words = ("--from", pretrained, "--trainer.seed", 3, "--print-config")
    recipe = config.check(Recipe, yaml.safe_load(textgan("adversarial", *words).out))
    theirs = recipe_of(pretrained)
    assert recipe.corpus == theirs.corpus and recipe.generator == theirs.generator
    assert recipe.trainer.seed == 3


@pytest.mark.parametrize("stage", ["pretrain", "adversarial"])
def test_print_config_of_a_run_trains_nothing(
    textgan: Command, copied: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(trainer.Trainer, "train")
    run = copied / f"small-{stage}-1"
    (run / "best").unlink()
    result = textgan(stage, "--resume", run, "--print-config")
    assert (result.code, result.err) == (0, "")
    assert config.check(Recipe, yaml.safe_load(result.out)) == recipe_of(run)


@pytest.mark.parametrize("stage", ["pretrain", "adversarial"])
def test_list_config_shows_every_key_with_its_meaning(textgan: Command, stage: str) -> None:
    result = textgan(stage, "--list-config")
    assert (result.code, result.err) == (0, "")
    rows = list(config.explain(Recipe))
    shown = iter(result.lines)
    assert next(shown).startswith("# Without a config file, configs/default.yaml is taken: ")
    for path, kind, default, meaning in rows:
        assert next(shown) == path
        line, _, _ = next(shown).partition("; without a config file ")
        assert line == f"    {kind}" + (f", default {default}" if default else "")
        assert meaning, path
        assert next(shown) == f"    {meaning}"
    assert list(shown) == []


def test_list_config_shows_what_a_command_without_words_takes(textgan: Command) -> None:
    lines = textgan("pretrain", "--list-config").lines
    shown = dict(zip(lines[1::3], lines[2::3], strict=True))
    assert shown["trainer.batch_size"] == "    int, default 64; without a config file 16"
    assert shown["method(seqgan).rollouts"] == "    int, default 16; without a config file 4"
    assert shown["method(random_reward).rollouts"] == "    int, default 16"
    taken = {path: line.partition("; without a config file ")[2] for path, line in shown.items()}
    recipe = yaml.safe_load(textgan("pretrain", "--print-config").out)
    for path in (path for path in shown if path.count(".") == 1 and not set("[<(") & set(path)):
        section, key = path.split(".")
        default = shown[path].partition(", default ")[2]
        assert recipe[section][key] == yaml.safe_load(taken[path] or default), path
    assert yaml.safe_load(taken["pretrain"])[0]["epochs"] == recipe["pretrain"][0]["epochs"]


# sample


def texts(out: str) -> list[str]:
    return [json.loads(line)["text"] for line in out.splitlines()]


def test_sample_prints_texts_with_a_blank_line_between(textgan: Command, pretrained: Path) -> None:
    jsonl = textgan("sample", pretrained, "--format", "jsonl")
    assert (jsonl.code, jsonl.err) == (0, "")
    poems = texts(jsonl.out)
    assert len(poems) == 5
    plain = textgan("sample", pretrained, "--format", "text")
    lines = [[line for line in poem.split("\n") if line] for poem in poems]
    assert plain.out == "\n\n".join("\n".join(poem) for poem in lines) + "\n"
    assert plain.err == ""
    assert textgan("sample", pretrained).out == plain.out


def test_sample_with_everything(textgan: Command, pretrained: Path) -> None:
    words = [*("sample", pretrained, "--count", 3, "--prefix", "the moon", "--format", "jsonl")]
    once = textgan(*words, "--temperature", 0.9, "--seed", 7)
    assert (once.code, once.err) == (0, "")
    poems = texts(once.out)
    assert len(poems) == 3
    assert all(poem.startswith("the moon") for poem in poems)
    assert textgan(*words, "--temperature", 0.9, "--seed", 7).out == once.out
    assert textgan(*words, "--temperature", 0.9, "--seed", 8).out != once.out
    assert textgan(*words, "--temperature", 5, "--seed", 7).out != once.out


def test_sample_takes_a_run_or_a_checkpoint_best_or_last(textgan: Command, copied: Path) -> None:
    run = copied / "small-adversarial-1"
    (run / "best").unlink()
    (run / "best").symlink_to("checkpoint-000000")
    outputs = {}
    for which in ("best", "last"):
        outputs[which] = textgan("sample", run, "--checkpoint", which).out
        assert textgan("sample", run / which).out == outputs[which]
        assert textgan("sample", (run / which).resolve()).out == outputs[which]
    assert outputs["best"] != outputs["last"]
    assert textgan("sample", run).out == outputs["last"]  # after the game
    newest = textgan("sample")
    assert (newest.out, newest.err) == (outputs["last"], "from runs/small-adversarial-1\n")


def test_after_pretraining_sample_takes_the_best(textgan: Command, copied: Path) -> None:
    run = copied / "small-pretrain-1"
    (run / "best").unlink()
    (run / "best").symlink_to("../small-adversarial-1/last")
    assert textgan("sample", run).out == textgan("sample", run / "best").out
    assert textgan("sample", run).out != textgan("sample", run, "--checkpoint", "last").out


def test_report_says_on_stderr_how_much_is_copied(
    textgan: Command, pretrained: Path, made: Path
) -> None:
    result = textgan("sample", pretrained, "--count", 8, "--report", "--format", "jsonl")
    poems = texts(result.out)
    known = {line.strip() for line in (made / "poems.txt").read_text("utf-8").splitlines()}
    lines = [line for poem in poems for line in poem.split("\n") if line.strip()]
    copied = sum(line in known for line in lines) / len(lines)
    four = sum(poem.count("\n") == 3 for poem in poems) / 8
    assert result.err.splitlines() == [
        f"{copied:.0%} of the {len(lines)} lines stand in the training text ({made / 'poems.txt'})",
        f"{four:.0%} of the 8 poems have four lines",
    ]


def test_report_counts_no_line_that_was_held_out(tmp_path: Path) -> None:
    path, own = tmp_path / "lines.txt", tmp_path / "own.txt"
    lines = [f"line {i}" for i in range(40)]
    path.write_text("\n".join(lines), "utf-8")
    own.write_text("another line", "utf-8")

    def shares(**options: object) -> tuple[str, str]:
        tree = {"path": str(path), "test_share": 0.25} | options
        corpus = config.check(CorpusOptions, tree)
        checkpoint = runs.Checkpoint(tmp_path, {"recipe": {"corpus": corpus.model_dump()}})
        train, held = set(Division(corpus).training()), {*lines, "another line"}
        reports = [SamplingReport(checkpoint) for _ in range(2)]
        for told, part in zip(reports, (train, held - train), strict=True):
            told.add(sorted(part))
        return reports[0].said()[0], reports[1].said()[0]

    told = f"lines stand in the training text ({path})"
    assert shares() == (f"100% of the 28 {told}", f"0% of the 13 {told}")
    own_files = {"validation_path": str(own), "test_path": str(own)}
    assert shares(**own_files) == (f"100% of the 40 {told}", f"0% of the 1 {told}")


def own_text(run: Path, path: Path) -> None:
    """Let a run's text lie elsewhere."""
    place = run / "last/run.yaml"
    about = yaml.safe_load(place.read_text("utf-8"))
    about["recipe"]["corpus"]["path"] = str(path)
    place.write_text(config.to_yaml(about), "utf-8")


@pytest.mark.parametrize("words", [("sample", "--report"), ("evaluate",)])
def test_a_text_that_has_changed_or_gone_is_told(
    textgan: Command, copied: Path, tmp_path: Path, made: Path, words: tuple[str, ...]
) -> None:
    run, path = copied / "small-adversarial-1", tmp_path / "own.txt"
    own_text(run, path)
    poems = (made / "poems.txt").read_text("utf-8")

    def told(text: str) -> list[str]:
        path.write_text(text, "utf-8")
        done = textgan(*words, run)
        assert done.code == 0, done.err
        return [line for line in done.err.splitlines() if "has changed since" in line]

    assert told(poems) == []
    assert told(poems.replace("old dog", "old cat")) == [
        f"warning: {path} has changed since {run} was trained: it is divided otherwise now, and "
        "texts that trained it may be among the test texts"
    ]
    path.unlink()
    done = textgan(*words, run)
    assert done.code == 2
    assert done.err.splitlines()[-1] == (
        f"error: corpus: '{path}', on which {run} was trained, is not there; put it back, or write "
        f"its new place into {(run / 'last').resolve()}/run.yaml"
    )


@pytest.mark.parametrize("command", ["sample", "evaluate"])
@pytest.mark.parametrize(("named", "asked"), [("cpu", ["cpu"]), ("cuda", ["cuda", "auto"])])
def test_a_run_s_device_is_taken_where_it_is_there(
    textgan: Command,
    copied: Path,
    command: str,
    named: str,
    asked: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = copied / "small-pretrain-1/last/run.yaml"
    about = yaml.safe_load(place.read_text("utf-8"))
    about["recipe"]["trainer"]["device"] = named
    place.write_text(config.to_yaml(about), "utf-8")
    seen: list[str] = []

    def pick(name: str) -> torch.device:
        seen.append(name)
        if name == "cuda":
            raise UserError("not on this machine")
        return torch.device("cpu")

    monkeypatch.setattr(runtime, "pick_device", pick)
    assert textgan(command, copied / "small-pretrain-1", "--checkpoint", "last").code == 0
    assert seen == asked


@pytest.mark.parametrize("words", [["sample", "RUN"], ["evaluate", "RUN"], ["pretrain", "-l"]])
def test_a_reader_that_has_enough_is_no_error(
    textgan: Command, pretrained: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    words = [{"RUN": str(pretrained), "-l": "--list-config"}.get(word, word) for word in words]
    with os.fdopen(writer, "w", closefd=False) as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        monkeypatch.setattr(evaluation, "FEW", 0)  # no warning
        result = textgan(*words)
    os.close(writer)
    assert (result.code, result.err) == (0, "")


@pytest.mark.slow
def test_sample_into_head(pretrained: Path) -> None:
    command = f"'{sys.executable}' cli.py sample '{pretrained}' --count 3000 | head -n 2"
    shell = ["bash", "-o", "pipefail", "-c", command]
    done = subprocess.run(shell, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2


# evaluate, runs


def few_texts(path: Path) -> str:
    """What `evaluate` says of the 60 poems, once for all runs."""
    return (
        f"warning: {path}: only 6 test texts; with fewer than 100, BLEU is mostly noise. A larger "
        "corpus, corpus.test_share or corpus.test_path gives more\n"
    )


def test_evaluate_says_nothing_where_there_are_enough_test_texts(
    textgan: Command, pretrained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for few, said in ((6, False), (7, True)):
        monkeypatch.setattr(evaluation, "FEW", few)
        assert bool(textgan("evaluate", pretrained).err) == said


def test_evaluate_shows_runs_side_by_side_and_writes_the_same_figures(
    textgan: Command, made: Path, tmp_path: Path
) -> None:
    both = [made / "runs/small-pretrain-1", made / "runs/small-adversarial-1"]
    result = textgan("evaluate", *both, "--json", "out.json")
    assert (result.code, result.err) == (0, few_texts(made / "poems.txt"))
    rows = json.loads((tmp_path / "out.json").read_text("utf-8"))
    floor, *own = rows[1:]
    assert floor["name"] == "Kneser-Ney 5-gram"
    assert [row["name"] for row in (rows[0], *own)] == [
        f"training text ({made / 'poems.txt'})",
        *(
            f"{run.name}/{(run / which).resolve().name}"
            for run, which in zip(both, ("best", "last"), strict=True)
        ),
    ]
    head, *table = result.lines
    assert re.split(r"  +", head.strip()) == [row["name"] for row in rows]
    names = list(rows[0]["figures"])
    assert {"BLEU-4", "Self-BLEU-4", "harmonic BLEU-4", "LM score", "NLL_test"} <= set(names)
    for name, line in zip(names, table, strict=False):
        assert line.startswith(name)
        found = [row["figures"][name] for row in rows]
        cells = re.findall(r"(\S+) ±(\S+)", line)
        assert cells == [(f"{f['value']:.3f}", f"{f['stderr']:.3f}") for f in found if f]
    assert [row["figures"]["NLL_test"] is None for row in rows] == [True, False, False, False]
    protocols = list(dict.fromkeys(row["protocol"] for row in rows))
    assert table[len(names) :] == protocols
    assert all("temperature:1|tokenizer:word" in line for line in protocols)


def test_evaluate_takes_the_newest_run(textgan: Command, copied: Path, made: Path) -> None:
    result = textgan("evaluate", "--checkpoint", "last")
    assert result.err == "from runs/small-adversarial-1\n" + few_texts(made / "poems.txt")
    assert "  small-adversarial-1/checkpoint-" in result.lines[0]


def test_runs_lists_config_phase_turn_and_figures(textgan: Command, copied: Path) -> None:
    result = textgan("runs")
    assert (result.code, result.err) == (0, "")
    head, first, second = (line.split() for line in result.lines)
    figures = ["validation_nll", "bleu4", "backward_bleu4", "harmonic_bleu4", "jsd"]
    assert head == ["run", "config", "phase", "turn", *figures]
    assert first[:6] == ["runs/small-pretrain-1", "small", "pretrain[1]", "5", "of", "5"]
    assert second[:6] == ["runs/small-adversarial-1", "small", "adversarial[0]", "2", "of", "2"]
    rows = (copied / "small-pretrain-1/metrics.jsonl").read_text("utf-8").splitlines()
    last = [row["validation_nll"] for row in map(json.loads, rows) if "validation_nll" in row][-1]
    assert first[6:] == [f"{last:.3f}"]
    assert len(second) == 9


def test_runs_where_there_is_none(textgan: Command) -> None:
    result = textgan("runs")
    assert (result.code, result.out) == (0, "")
    assert result.err == "no run in runs/; `textgan pretrain` makes one\n"


# Commands to copy


@pytest.mark.parametrize(
    ("script", "program"),
    [
        ("cli.py", "python cli.py"),
        ("/my work/cli.py", "python '/my work/cli.py'"),
        (".venv/bin/textgan", "textgan"),
        ("/usr/lib/ipykernel_launcher.py", "textgan"),
    ],
)
def test_a_hint_begins_as_the_user_s_command(
    textgan: Command, script: str, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [script])
    assert textgan("runs").err == f"no run in runs/; `{program} pretrain` makes one\n"
    assert command("runs", Path("a b")) == f"{program} runs 'a b'"


# Away from the checkout


def test_shipped_configs_and_corpora_are_found_from_an_empty_folder(
    textgan: Command, tmp_path: Path
) -> None:
    phases = "--pretrain=[{method: mle, steps: 1}]"
    result = textgan("pretrain", "configs/tiny.yaml", phases)
    assert result.code == 0
    assert result.err.startswith("corpora/poems_zh.txt: ")
    assert recipe_of(tmp_path / "runs/tiny-pretrain-1").corpus.path == "corpora/poems_zh.txt"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["runs"]


def test_progress_is_plain_lines_without_bars_of_libraries(textgan: Command, small: Path) -> None:
    result = textgan("pretrain", small, "--run", "quiet")
    assert "model shards" not in result.err and "Loading" not in result.err
    assert "\r" not in result.err and "\x1b" not in result.err
    assert any("validation_nll" in line and "tokens/s" in line for line in result.err.splitlines())
