"""Damaged checkpoints say what is wrong in one line; broken weights are never saved as good."""

import json
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from tests.short_run import differences, end_state, given
from textgan import checkpoint, cli, experiment, models, runs, sampling
from textgan.data.tokenizers import TokenizerOptions, train_tokenizer
from textgan.errors import UserError
from textgan.methods.base import Loss
from textgan.methods.mle import MLE

PHASES = [
    {"method": "mle", "steps": 2, "every": {"evaluate": 1}},
    {"players": {"discriminator": {"pool": 16}}},
]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    return experiment.start("pretrain", given(folder, pretrain=PHASES), folder / "run", None)


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    """A copy without sums, as what reads a checkpoint's files must not count on them."""
    copy = Path(shutil.copytree(whole, tmp_path / "run", symlinks=True))
    for sums in copy.glob("*/SHA256SUMS"):
        sums.unlink(missing_ok=True)
    return copy


def cut(place: Path, share: float = 0.5) -> None:
    data = place.read_bytes()
    place.write_bytes(data[: int(len(data) * share)])


class Bomb:
    """Runs code when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return (Path.touch, (self.mark,))


def message(action: Callable[[], object]) -> str:
    with pytest.raises(UserError) as caught:
        action()
    text = str(caught.value)
    assert len(text.splitlines()) == 1, text
    return text


def resume(run: Path) -> str:
    return message(lambda: experiment.resume(run, "pretrain"))


@pytest.mark.parametrize("player", ["generator", "discriminator"])
@pytest.mark.parametrize("share", [0.0, 0.002, 0.5, 0.999])
def test_weights_that_are_cut_off(run: Path, player: str, share: float) -> None:
    cut(run / "last" / player / "model.safetensors", share)
    text = resume(run)
    assert text.startswith(f"{(run / 'last').resolve() / player}: damaged (")
    assert text.endswith("; use another checkpoint")


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_weights_or_their_config_that_are_missing(run: Path, player: str) -> None:
    folder = (run / "last").resolve() / player
    (folder / "model.safetensors").unlink()
    assert resume(run).startswith(f"{folder}: damaged (")
    (folder / "config.json").unlink()
    assert resume(run) == f"{folder}: has no config.json; give a run or a checkpoint"


@pytest.mark.parametrize("text", ["", "{", "[]", "[1]", "{}", '{"model_type": "lstm"}'])
def test_a_config_that_is_damaged(run: Path, text: str) -> None:
    folder = (run / "last").resolve() / "generator"
    (folder / "config.json").write_text(text, encoding="utf-8")
    said = resume(run)
    assert said.startswith((f"{folder}: damaged (", f"{folder}: can't be read ("))


@pytest.mark.parametrize("name", ["state.json", "state.safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_state_that_is_cut_off(run: Path, name: str, share: float) -> None:
    cut(run / "last" / name, share)
    text = resume(run)
    assert text.startswith(f"{(run / 'last').resolve()}: state is damaged (")
    assert text.endswith("; use another checkpoint")


@pytest.mark.parametrize("name", ["state.json", "state.safetensors"])
def test_a_state_that_is_missing(run: Path, name: str) -> None:
    folder = (run / "last").resolve()
    (folder / name).unlink()
    assert resume(run) == f"{folder}: has no {name}; it is no whole checkpoint"


def test_a_state_of_another_kind(run: Path) -> None:
    folder = (run / "last").resolve()
    for text in ("[]", "{}", "3", '{"dict": [["position", {"value": 1}]]}'):
        (folder / "state.json").write_text(text, encoding="utf-8")
        assert resume(run).startswith(f"{folder}: state is damaged (")


def test_a_state_of_other_tensors(run: Path) -> None:
    folder = (run / "last").resolve()
    from safetensors.torch import save_file

    save_file({}, folder / "state.safetensors")
    assert resume(run).startswith(f"{folder}: state is damaged (")


def test_a_tokenizer_of_another_vocabulary(run: Path) -> None:
    folder = (run / "last").resolve() / "generator"
    words = len(AutoTokenizer.from_pretrained(folder))
    train_tokenizer(["x y z"], TokenizerOptions(name="whitespace")).save_pretrained(folder)
    expected = (
        f"{folder}: the tokenizer has 7 kinds of token, the generator {words}; "
        "they are of different runs"
    )
    assert resume(run) == expected
    shutil.copytree(run / "last", run / "best-copy")
    opened = runs.open_checkpoint(run, "last")
    assert message(lambda: sampling.Writer.open(opened)) == expected


def test_a_tokenizer_of_other_words_but_as_many(run: Path) -> None:
    folder = (run / "last").resolve() / "generator"
    vocabulary = AutoTokenizer.from_pretrained(folder).get_vocab()
    text = (folder / "tokenizer.json").read_text("utf-8")
    one, other = [word for word, number in vocabulary.items() if number in (6, 7)]
    swapped = text.replace(f'"{one}":', '"?":').replace(f'"{other}":', f'"{one}":')
    (folder / "tokenizer.json").write_text(swapped.replace('"?":', f'"{other}":'), "utf-8")
    assert f", or the tokenizer in {folder}, has changed since {run}; " in resume(run)


def test_a_tokenizer_that_is_damaged_or_missing(run: Path) -> None:
    folder = (run / "last").resolve() / "generator"
    cut(folder / "tokenizer.json")
    assert resume(run).startswith(f"{folder}: tokenizer can't be read (")
    (folder / "tokenizer.json").unlink()
    assert resume(run).startswith(f"{folder}: has no tokenizer; ")


def test_missing_folders(run: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert resume(nowhere) == f"{nowhere}: is not there; `textgan runs` lists what is"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert resume(empty) == (
        f"{empty}: is neither a run that saved something nor a checkpoint (it has no run.yaml)"
    )
    shutil.rmtree((run / "last").resolve())
    assert "has no run.yaml" in resume(run)


def test_a_run_yaml_cut_off_anywhere_is_never_taken_for_whole(run: Path) -> None:
    place = run / "last" / "run.yaml"
    whole = place.read_bytes()
    for end in range(0, whole.index(b"\nversions:") + 1, 23):
        place.write_bytes(whole[:end])
        text = resume(run)
        assert text.startswith(str(run / "last" / "run.yaml")), text
        assert text.endswith("use another checkpoint")


def test_a_damaged_checkpoint_is_one_line_and_exit_code_2(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut(run / "last" / "state.json")
    with pytest.raises(SystemExit) as end:
        cli.main(["pretrain", "--resume", str(run)])
    assert end.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("error: ")] == [lines[-1]]
    assert "state is damaged" in lines[-1]


def test_a_pickle_is_never_loaded(run: Path, tmp_path: Path) -> None:
    mark = tmp_path / "exploded"
    bomb = pickle.dumps(Bomb(mark))
    folder = (run / "last").resolve()
    pickle.loads(bomb)
    assert mark.exists()
    mark.unlink()
    good = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    for name in ("state.json", "state.safetensors"):
        (folder / name).write_bytes(bomb)
        assert resume(run).startswith(f"{folder}: state is damaged (")
        (folder / name).write_bytes(good[folder / name])
    for player in ("generator", "discriminator"):
        weights = folder / player / "model.safetensors"
        weights.write_bytes(bomb)
        assert resume(run).startswith(f"{folder / player}: damaged (")
        weights.unlink()
        torch.save({"x": Bomb(mark)}, folder / player / "pytorch_model.bin")
        assert resume(run).startswith(f"{folder / player}: damaged (")
        index = folder / player / "model.safetensors.index.json"
        index.write_text(json.dumps({"metadata": {}, "weight_map": {"x": "pytorch_model.bin"}}))
        assert resume(run).startswith(f"{folder / player}: damaged (")
        index.unlink()
        weights.write_bytes(good[weights])
    assert not mark.exists()


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_code_beside_a_model_is_not_run_and_not_asked_about(
    run: Path, tmp_path: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda *_: "y")  # the library asks by default
    mark = tmp_path / "exploded"
    folder = (run / "last").resolve() / "generator"
    (folder / "evil.py").write_text(
        f"open({str(mark)!r}, 'w')\n"
        "from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast\n"
        "class Config(PretrainedConfig):\n    model_type = 'evil'\n"
        "class Model(PreTrainedModel):\n    config_class = Config\n"
        "class Tokenizer(PreTrainedTokenizerFast):\n    pass\n"
    )
    config = json.loads((folder / file).read_text("utf-8"))
    config |= {"model_type": "evil", "tokenizer_class": "EvilTokenizer"}
    config["auto_map"] = {
        "AutoConfig": "evil.Config",
        "AutoModelForCausalLM": "evil.Model",
        "AutoTokenizer": ["evil.Tokenizer", "evil.Tokenizer"],
    }
    (folder / file).write_text(json.dumps(config), "utf-8")
    resume(run)
    assert not mark.exists()


def test_weights_saved_by_torch_are_not_taken_either(run: Path) -> None:
    """A harmless pytorch_model.bin would load; there is one format, and it holds no code."""
    folder = (run / "last").resolve() / "generator"
    generator = models.load_generator(folder)
    torch.save(generator.state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    assert message(lambda: models.load_generator(folder)).startswith(f"{folder}: damaged (")


def test_a_nan_loss_stops_and_keeps_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss = MLE.generator_loss
    calls: list[int] = []

    def broken(self: MLE, real: Any, fake: Any, progress: float) -> Loss:
        calls.append(1)
        good = loss(self, real, fake, progress)
        return good if len(calls) < 5 else Loss(good.total * float("nan"), good.parts)

    tree = given(tmp_path, pretrain=[{"method": "mle", "steps": 8, "every": {"evaluate": 2}}])
    whole = experiment.start("pretrain", tree, tmp_path / "good", None)
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(MLE, "generator_loss", broken)
        text = message(lambda: experiment.start("pretrain", tree, run, None))
    assert text == (
        "pretrain: a loss or weight became NaN or infinite by turn 6; the last good checkpoint is "
        f"{run / 'checkpoint-000004'}. Try a smaller optimizers.<player>.lr or clip, or another "
        "trainer.seed"
    )
    assert "NaN" not in (run / "metrics.jsonl").read_text(encoding="utf-8")
    saved = models.load_generator(run / "last" / "generator")
    assert all(p.isfinite().all() for p in saved.parameters())
    experiment.resume(run, "pretrain")
    assert differences(end_state(run), end_state(whole)) == []


def test_a_nan_weight_behind_a_finite_loss_is_not_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = MLE.after_step

    def broken(self: MLE, player: str) -> None:
        after(self, player)
        with torch.no_grad():
            next(self.generator.parameters()).fill_(float("nan"))

    monkeypatch.setattr(MLE, "after_step", broken)
    tree = given(tmp_path, pretrain=[{"method": "mle", "steps": 1}])
    text = message(lambda: experiment.start("pretrain", tree, tmp_path / "run", None))
    assert text.startswith(
        "pretrain: a loss or weight became NaN or infinite by turn 1; none saved. Try"
    )
    assert not list((tmp_path / "run").glob("checkpoint-*"))


def test_what_an_unnamed_checkpoint_left_is_not_taken_for_ones_own(tmp_path: Path) -> None:
    """Killed between a checkpoint's rename and its link, then started anew with another seed."""
    mle = [{"method": "mle", "steps": 2}]
    mine, other = (given(tmp_path, pretrain=mle, trainer={"seed": seed}) for seed in (1, 2))
    run = experiment.start("pretrain", other, tmp_path / "run", None)
    for link in ("last", "best"):
        (run / link).unlink()
    experiment.start("pretrain", mine, run, None)
    whole = experiment.start("pretrain", mine, tmp_path / "whole", None)
    assert differences(end_state(run), end_state(whole)) == []


def test_rotation_counts_and_does_not_spell(tmp_path: Path) -> None:
    for number in (999_998, 999_999, 1_000_000, 1_000_001):
        checkpoint.save(tmp_path, number, {}, {"number": number})
    checkpoint.link(tmp_path, "best", tmp_path / "checkpoint-999998")
    checkpoint.rotate(tmp_path, 2)
    left = {folder.name for folder in tmp_path.glob("checkpoint-*")}
    assert left == {"checkpoint-999998", "checkpoint-1000000", "checkpoint-1000001"}


def test_leftovers_of_kills_do_not_disturb(tmp_path: Path) -> None:
    for name in (".checkpoint-000003.partial", ".checkpoint-000002.partial"):
        (tmp_path / name / "deep").mkdir(parents=True)
    (tmp_path / ".last.partial").symlink_to("nowhere")
    for number in (1, 2, 3):
        folder = checkpoint.save(tmp_path, number, {}, {"number": number})
        checkpoint.link(tmp_path, "last", folder)
        checkpoint.rotate(tmp_path, 1)
    assert checkpoint.load_state(tmp_path / "last") == {"number": 3}
    assert [folder.name for folder in tmp_path.glob("checkpoint-*")] == ["checkpoint-000003"]
    assert json.loads((tmp_path / "last" / "state.json").read_text()) is not None
