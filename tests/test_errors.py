"""A user's mistake: one clear line each on stderr, exit code 2, no traceback."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.conftest import Command, Result, write_poems
from textgan import api
from textgan.errors import UserError


def mistakes(result: Result) -> list[str]:
    """What is wrong, after checking that it was told as it should be."""
    assert result.code == 2
    assert result.out == ""
    assert "Traceback" not in result.err
    lines = result.err.splitlines()
    said = [line for line in lines if line.startswith("error: ")]
    assert said and lines[-len(said) :] == said  # nothing behind them
    return [line.removeprefix("error: ") for line in said]


# Configuration


def test_unknown_and_mistyped_keys_all_at_once(textgan: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("generatr: {}\ntrainer: {seeed: 1}\n", "utf-8")
    words = ("--generator.hiden_size", 3, "--method.rolouts=4", "--xyzzy", 1)
    result = textgan("pretrain", "configs/tiny.yaml", "mine.yaml", *words)
    assert sorted(mistakes(result)) == [
        "generator: unknown key 'hiden_size'; did you mean 'hidden_size'?",
        "method: unknown key 'rolouts'; did you mean 'rollouts'?",
        "trainer: unknown key 'seeed'; did you mean 'seed'?",
        "unknown key 'generatr'; did you mean 'generator'?",
        "unknown key 'xyzzy'; --list-config shows every key",
    ]
    assert not (tmp_path / "runs").exists()


def test_values_out_of_range(textgan: Command, small: Path) -> None:
    words = ("--trainer.batch_size", 0, "--trainer.device", "tpu", "--generator.hidden_size", "x")
    assert sorted(mistakes(textgan("pretrain", small, *words))) == [
        "generator.hidden_size: Input should be a valid integer, unable to parse string as an "
        "integer, got 'x'",
        "trainer.batch_size: Input should be greater than or equal to 1, got 0",
        "trainer.device: Input should be 'auto', 'cpu', 'cuda' or 'mps', got 'tpu'",
    ]


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="this machine has the device")
def test_a_device_that_is_not_there(textgan: Command, small: Path) -> None:
    best = torch.accelerator.current_accelerator(check_available=True) or "cpu"
    assert mistakes(textgan("pretrain", small, "--trainer.device", "mps")) == [
        f"trainer.device: 'mps' is not on this machine; use 'auto', which takes '{best}'"
    ]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--count", 0], "--count: must be 1 or more, got 0"),
        (["--temperature", 0], "--temperature: must be from 0.01 to 100, got 0.0"),
        (["--format", "xml"], "--format: must be text or jsonl, got 'xml'"),
        (["--checkpoint", "first"], "--checkpoint: must be best or last, got 'first'"),
        (
            ["--prefix", "the moon " * 12],
            "--prefix: has 24 tokens, the model's texts at most 21; shorten it",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_an_option_of_sample_out_of_range(
    textgan: Command, pretrained: Path, words: list[object], text: str
) -> None:
    assert mistakes(textgan("sample", pretrained, *words)) == [text]


def test_a_key_without_a_value(textgan: Command) -> None:
    assert mistakes(textgan("pretrain", "--trainer.seed")) == [
        "--trainer.seed: needs a value, as in --trainer.seed VALUE"
    ]


def test_a_config_file_that_is_not_there(textgan: Command) -> None:
    [line] = mistakes(textgan("pretrain", "no.yaml"))
    assert line.startswith("no.yaml: no such config file; shipped ones: configs/")
    assert "configs/tiny.yaml" in line


def test_nothing_to_pretrain(textgan: Command, small: Path) -> None:
    assert mistakes(textgan("pretrain", small, "--pretrain", "[]")) == [
        "pretrain: the recipe's list of phases is empty; it needs no pretraining"
    ]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["pretend"], "error: No such command 'pretend'."),
        (["sample", "--bogus"], "error: No such option: --bogus"),
        (
            ["sample", "--count", "many"],
            "error: Invalid value for '--count': Input should be a valid integer, unable to parse "
            "string as an integer",
        ),
        *(
            (
                [command, "--seed", "-1"],
                "error: Invalid value for '--seed': Input should be greater",
            )
            for command in ("sample", "evaluate")
        ),
    ],
)
def test_a_line_that_is_no_command(textgan: Command, words: list[str], line: str) -> None:
    result = textgan(*words)
    assert (result.code, result.out) == (2, "")
    (said,) = result.err.splitlines()
    assert said.startswith(line)


def test_a_seed_below_zero_in_python(pretrained: Path) -> None:
    for scored in (api.sample, api.evaluate):
        with pytest.raises(UserError, match=r"^seed: must be 0 or more, got -1$"):
            scored(pretrained, seed=-1)


# Texts


def test_a_corpus_that_is_missing_or_an_empty_folder(textgan: Command, small: Path) -> None:
    kinds = "(.txt, .md, .py …, .jsonl, .csv, .tsv, .parquet, also .gz)"
    for path, what in (
        ("no.txt", "file 'no.txt' is not there"),
        (".", f"folder '.' has no file in it that can be read {kinds}"),
    ):
        assert mistakes(textgan("pretrain", small, "--corpus.path", path)) == [
            f"corpus: {what}; give a text file, as in --corpus.path FILE"
        ]
    assert not Path("runs").exists()


@pytest.mark.parametrize("content", ["", "\n \n\n"])
def test_an_empty_corpus(textgan: Command, small: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "empty.txt").write_text(content, "utf-8")
    assert mistakes(textgan("pretrain", small, "--corpus.path", "empty.txt")) == [
        "corpus: 'empty.txt' has no text in it; give a file with some"
    ]


def test_a_corpus_too_small_to_divide(textgan: Command, small: Path, tmp_path: Path) -> None:
    (tmp_path / "two.txt").write_text("one\n\ntwo\n", "utf-8")
    assert mistakes(textgan("pretrain", small, "--corpus.path", "two.txt")) == [
        "corpus.path: 'two.txt' has 2 different text(s) (unit: stanza), too few to train, validate "
        "and test on; add texts; --corpus.unit line makes each line a text"
    ]


def test_a_line_that_is_not_utf_8_is_named(textgan: Command, small: Path, tmp_path: Path) -> None:
    lines = ["eins\n", "\n", "zwei\n", "\n", "fünf\n"]
    (tmp_path / "latin.txt").write_bytes("".join(lines).encode("latin-1"))
    assert mistakes(textgan("pretrain", small, "--corpus.path", "latin.txt")) == [
        "corpus: 'latin.txt', line 5: not UTF-8; save the file as UTF-8"
    ]


def test_fewer_texts_than_a_batch_train_all_the_same(
    textgan: Command, small: Path, tmp_path: Path
) -> None:
    write_poems(tmp_path / "few.txt", count=12)
    words = ("--corpus.path", "few.txt", "--trainer.batch_size", 64)
    result = textgan("pretrain", small, *words)
    assert result.code == 0
    said = "trainer.batch_size: 64 is more than the 10 training texts; batches have 10"
    assert said in result.err.splitlines()
    assert textgan("sample").code == 0


# Checkpoints


@pytest.mark.parametrize("command", ["sample", "evaluate"])
def test_a_run_that_is_missing(textgan: Command, command: str) -> None:
    assert mistakes(textgan(command, "runs/none")) == [
        "runs/none: is not there; `textgan runs` lists what is"
    ]


def test_a_shipped_model_by_a_name_that_is_nearly_right(textgan: Command) -> None:
    assert mistakes(textgan("sample", "sonnet")) == [
        "sonnet: is not there; `textgan runs` lists what is, and sonnets and shi are shipped"
    ]


def test_no_run_at_all(textgan: Command) -> None:
    assert mistakes(textgan("evaluate")) == ["no run in runs/; `textgan pretrain` makes one"]


def test_a_folder_that_is_no_run(textgan: Command, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    assert mistakes(textgan("sample", "photos")) == [
        "photos: is neither a run that saved something nor a checkpoint (it has no run.yaml)"
    ]


@pytest.fixture
def copied(copied: Path) -> Path:
    """Without sums, which would tell of any damage first (test_seal.py)."""
    for sums in copied.glob("*/checkpoint-*/SHA256SUMS"):
        sums.unlink()
    return copied


@pytest.mark.parametrize(
    ("missing", "text"),
    [
        ("generator/config.json", "{}/generator: has no config.json; give a run or a checkpoint"),
        ("generator", "{}/generator: has no config.json; give a run or a checkpoint"),
        (
            "run.yaml",
            "{}: is neither a run that saved something nor a checkpoint (it has no run.yaml)",
        ),
    ],
)
def test_a_checkpoint_with_a_part_missing(
    textgan: Command, copied: Path, missing: str, text: str
) -> None:
    folder = (copied / "small-pretrain-1/last").resolve()
    place = folder / missing
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    assert mistakes(textgan("sample", folder)) == [text.format(folder)]


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def test_weights_cut_short(textgan: Command, copied: Path) -> None:
    folder = (copied / "small-pretrain-1/last").resolve() / "generator"
    cut(folder / "model.safetensors")
    [line] = mistakes(textgan("sample", folder.parent))
    assert line.startswith(f"{folder}: damaged (")
    assert line.endswith("); use another checkpoint")
    cut(folder / "config.json")
    [line] = mistakes(textgan("sample", folder.parent))
    assert line.startswith(f"{folder}: damaged (") and line.endswith("; use another checkpoint")


def test_weights_with_a_tensor_missing(textgan: Command, copied: Path) -> None:
    folder = (copied / "small-pretrain-1/last").resolve() / "generator"
    tensors = load_file(folder / "model.safetensors")
    gone = sorted(tensors)[0]
    rest = {name: tensor for name, tensor in tensors.items() if name != gone}
    save_file(rest, folder / "model.safetensors", metadata={"format": "pt"})
    assert mistakes(textgan("sample", folder.parent)) == [
        f"{folder}: damaged (weights lack {gone}); use another checkpoint"
    ]


def test_a_state_cut_short(textgan: Command, copied: Path) -> None:
    folder = (copied / "small-pretrain-1/last").resolve()
    cut(folder / "state.safetensors")
    [line] = mistakes(textgan("pretrain", "--resume", "runs/small-pretrain-1"))
    assert line.startswith(f"{folder}: state is damaged (")
    assert line.endswith("); use another checkpoint")
    (folder / "state.safetensors").unlink()
    [line] = mistakes(textgan("pretrain", "--resume", "runs/small-pretrain-1"))
    assert line == f"{folder}: has no state.safetensors; it is no whole checkpoint"


def test_a_tokenizer_cut_short(textgan: Command, copied: Path) -> None:
    folder = (copied / "small-pretrain-1/last").resolve() / "generator"
    cut(folder / "tokenizer.json")
    [line] = mistakes(textgan("sample", folder.parent))
    assert line.startswith(f"{folder}: tokenizer can't be read (")


def test_a_checkpoint_of_another_vocabulary(
    textgan: Command, copied: Path, small: Path, tmp_path: Path
) -> None:
    words = ("--tokenizer.size", 9, "--pretrain=[{method: mle, steps: 1}]", "--run", "other")
    assert textgan("pretrain", small, *words).code == 0
    folder = (copied / "small-pretrain-1/last").resolve() / "generator"
    shutil.copy(tmp_path / "other/last/generator/tokenizer.json", folder)
    text = (
        f"{folder}: the tokenizer has 9 kinds of token, the generator 17; they are of different "
        "runs"
    )
    assert mistakes(textgan("sample", folder.parent)) == [text]
    assert mistakes(textgan("adversarial", "--from", "runs/small-pretrain-1")) == [text]


def test_no_best_checkpoint_yet(textgan: Command, copied: Path) -> None:
    (copied / "small-pretrain-1/best").unlink()
    assert mistakes(textgan("sample", "runs/small-pretrain-1")) == [
        "runs/small-pretrain-1: has no 'best' checkpoint yet; try last, or train on"
    ]


def test_unknown_words_in_a_prefix_are_warned_about(textgan: Command, pretrained: Path) -> None:
    result = textgan("sample", pretrained, "--prefix", "the purple moon sings", "--count", 2)
    assert result.code == 0
    assert result.err == "warning: --prefix: the model doesn't know 'purple', 'sings'\n"
    assert result.out.startswith("the ")


def test_figures_that_can_not_be_written(textgan: Command, pretrained: Path) -> None:
    [line] = mistakes(textgan("evaluate", pretrained, "--json", "no/out.json"))
    assert line == "--json: no/out.json can't be written (No such file or directory)"


# Going on


@pytest.mark.parametrize(
    ("words", "name", "command"),
    [
        ([], "default", "textgan pretrain"),
        (["configs/tiny.yaml"], "tiny", "textgan pretrain configs/tiny.yaml"),
        (
            ["configs/tiny.yaml", "configs/methods/seqgan.yaml", "--corpus.path", "my poems.txt"],
            "tiny-seqgan",
            "textgan pretrain configs/tiny.yaml configs/methods/seqgan.yaml --corpus.path "
            "'my poems.txt'",
        ),
    ],
)
def test_no_run_to_go_on_from_names_the_command_that_makes_one(
    textgan: Command, copied: Path, words: list[str], name: str, command: str
) -> None:
    assert mistakes(textgan("adversarial", *words)) == [
        f"adversarial: no pretraining run of config '{name}' in runs/ to go on from; `{command}` "
        "makes one"
    ]


def test_no_run_to_go_on_from_in_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTGAN_RUNS", str(tmp_path))
    with pytest.raises(UserError) as caught:
        api.train("adversarial", api.load("configs/tiny.yaml"))
    assert str(caught.value) == (
        f"adversarial: no pretraining run of config 'tiny' in {tmp_path}/ to go on from; "
        "`textgan pretrain` with the same config makes one"
    )


def test_a_key_that_contradicts_the_run_to_go_on_from(textgan: Command, pretrained: Path) -> None:
    words = ("--generator.hidden_size", 64, "--tokenizer.name", "character")
    result = textgan("adversarial", "--from", pretrained, *words)
    assert mistakes(result) == [
        f"tokenizer.name: 'character' contradicts 'word' of {pretrained}, which this run goes on "
        "from",
        f"generator.hidden_size: 64 contradicts 8 of {pretrained}, which this run goes on from",
    ]
    assert not Path("runs").exists()


def test_an_unknown_key_beside_from(textgan: Command, pretrained: Path) -> None:
    words = ("--generator.hiden_size", 64, "--trainer.sede", 1)
    assert mistakes(textgan("adversarial", "--from", pretrained, *words)) == [
        "generator: unknown key 'hiden_size'; did you mean 'hidden_size'?",
        "trainer: unknown key 'sede'; did you mean 'seed'?",
    ]


def test_resume_of_the_other_stage(textgan: Command, copied: Path) -> None:
    for stage, other in (("pretrain", "adversarial"), ("adversarial", "pretrain")):
        run = f"runs/small-{other}-1"
        assert mistakes(textgan(stage, "--resume", run)) == [
            f"--resume: {run} is a run of `{other}`; use that command"
        ]


def test_resume_goes_alone(textgan: Command, copied: Path) -> None:
    text = "--resume: goes with no other argument; the run knows its config"
    for words in (["--trainer.seed", 1], ["configs/tiny.yaml"], ["--run", "new"]):
        result = textgan("pretrain", "--resume", "runs/small-pretrain-1", *words)
        assert mistakes(result) == [text]


def test_a_run_that_exists_is_not_written_over(textgan: Command, copied: Path, small: Path) -> None:
    run = "runs/small-pretrain-1"
    assert mistakes(textgan("pretrain", small, "--run", run)) == [
        f"--run: {run} holds a run already; take another name, or --resume {run} to go on"
    ]


def test_nan_stops_and_keeps_the_last_good_checkpoint(
    textgan: Command, small: Path, tmp_path: Path
) -> None:
    wild = "{method: mle, steps: 9, optimizers: {generator: {lr: 1e38}}}"
    phases = f"[{{method: mle, steps: 1}}, {wild}]"
    result = textgan("pretrain", small, "--run", "wild", "--pretrain", phases)
    assert mistakes(result) == [
        "pretrain: a loss or weight became NaN or infinite by turn 2; the last good checkpoint is "
        f"{tmp_path}/wild/checkpoint-000001. Try a smaller optimizers.<player>.lr or clip, or "
        "another trainer.seed"
    ]
    assert [p.name for p in tmp_path.glob("wild/checkpoint-*")] == ["checkpoint-000001"]
    assert textgan("sample", "wild").code == 0


# Tables, labels, the Hub


def test_mistakes_of_a_table(textgan: Command, small: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("poem,mood\na moon,sad\na sun,sad\na dog,sad\n", "utf-8")
    words = ("pretrain", small, "--corpus.path", "rows.csv")
    assert mistakes(textgan(*words)) == [
        "corpus: 'rows.csv': no column 'text' (it has: poem, mood); set corpus.text_column"
    ]
    words = (*words, "--corpus.text_column", "poem", "--corpus.label_column", "mood")
    assert mistakes(textgan(*words)) == [
        "corpus.label_column: every text of 'rows.csv' has the label 'sad'; one class is none, "
        "leave corpus.label_column out"
    ]


def test_a_dataset_of_the_hub_without_a_network(
    textgan: Command, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr("huggingface_hub.dataset_info", offline)
    monkeypatch.setenv("TEXTGAN_CACHE", str(tmp_path / "cache"))
    assert mistakes(textgan("pretrain", small, "--corpus.path", "owner/name")) == [
        "corpus: no file or folder 'owner/name', and the Hugging Face Hub can't be reached for a "
        "dataset of that name (Name or service not known); download it and give a file, as in "
        "--corpus.path FILE"
    ]
