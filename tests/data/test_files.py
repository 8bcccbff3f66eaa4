"""What people have: tables, folders, compressed files, code, the Hub; and what is wrong with it."""

import csv
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import pytest
import torch

from textgan import api
from textgan.data import hub
from textgan.data.corpus import Corpus, load_corpus
from textgan.data.files import read_texts
from textgan.data.splits import SPLITS, CorpusOptions
from textgan.data.tokenizers import TokenizerOptions
from textgan.errors import UserError

BLANKS = TokenizerOptions(name="whitespace")
LINES = [f"w{i} said word{i % 7} to all" for i in range(38)] + ["007", "NA"]
"""40 different texts; a reader that guesses would make a number and a gap of two."""
ROWS = [{"text": text, "mood": ("sad", "glad")[i % 2], "one": "x"} for i, text in enumerate(LINES)]
COMMA, TAB = ",", "\t"


def load(path: object, **options: Any) -> Corpus:
    return load_corpus(CorpusOptions(path=str(path), **options), BLANKS)


def error(path: object, **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        load(path, **options)
    return str(caught.value)


def texts(path: Path, unit: Any = "line", column: str = "text") -> list[str]:
    return [text.text for text in read_texts(str(path), unit, column)]


def put(place: Path, content: str | bytes) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content.encode() if isinstance(content, str) else content)
    return place


def table(place: Path, rows: list[dict[str, Any]]) -> Path:
    """The rows in the format that the name says."""
    place.parent.mkdir(parents=True, exist_ok=True)
    name = place.name.removesuffix(".gz")
    plain = place.with_name(f"plain-{name}")
    if name.endswith(".parquet"):
        datasets.Dataset.from_list(rows).to_parquet(plain)
    elif name.endswith(".jsonl"):
        put(plain, "\n".join(map(json.dumps, rows)))
    else:
        with plain.open("w", newline="") as file:
            separator = TAB if name.endswith(".tsv") else COMMA
            writer = csv.DictWriter(file, list(rows[0]), delimiter=separator)
            writer.writeheader()
            writer.writerows(rows)
    content = plain.read_bytes()
    plain.unlink()
    return put(place, gzip.compress(content) if place.suffix == ".gz" else content)


TABLES = ["rows.jsonl", "rows.csv", "rows.tsv", "rows.parquet"]
ALL = TABLES + [f"{name}.gz" for name in TABLES]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the user's."""
    monkeypatch.setenv("TEXTGAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


# Formats


@pytest.mark.parametrize("name", ALL)
def test_a_field_of_a_table_is_a_text(tmp_path: Path, name: str) -> None:
    assert texts(table(tmp_path / name, ROWS)) == LINES


def test_a_name_with_the_signs_of_a_pattern(tmp_path: Path) -> None:
    assert texts(table(tmp_path / "a[1]*.csv", ROWS)) == LINES


@pytest.mark.parametrize("name", TABLES)
def test_a_field_with_line_breaks_stays_whole(tmp_path: Path, name: str) -> None:
    rows = [{"text": "  one,\n\ttwo\n"}, {"text": ""}, {"text": 'say "three"'}]
    path = table(tmp_path / name, rows)
    assert texts(path) == texts(path, "stanza") == ["one,\n\ttwo", 'say "three"']
    assert texts(path, "document") == ["  one,\n\ttwo", 'say "three"']


@pytest.mark.parametrize("name", ["lines.txt", "lines.txt.gz", "lines", "lines.xyz", "lines.TXT"])
def test_any_other_file_is_text(tmp_path: Path, name: str) -> None:
    content = "\n".join(LINES).encode()
    path = put(tmp_path / name, gzip.compress(content) if name.endswith("gz") else content)
    assert texts(path) == LINES


@pytest.mark.parametrize("name", TABLES)
def test_labels_become_categories(tmp_path: Path, name: str) -> None:
    corpus = load(table(tmp_path / name, ROWS), label_column="mood")
    assert corpus.labels == ["glad", "sad"]
    assert "; 2 labels" in corpus.describe()
    batch = corpus.batch("train", range(len(corpus)))
    assert batch.category is not None and batch.category.dtype == torch.int64
    moods = {row["text"]: row["mood"] for row in ROWS}
    trained = load(tmp_path / name).tokens("train")
    assert [corpus.labels[c] for c in batch.category] == [moods[" ".join(t)] for t in trained]
    assert load(tmp_path / name).batch("train", [0]).category is None


def test_the_names_of_classes_in_a_parquet_file(tmp_path: Path) -> None:
    rows = [{"text": text, "mood": i % 2} for i, text in enumerate(LINES)]
    features = {"text": datasets.Value("string"), "mood": datasets.ClassLabel(names=["no", "yes"])}
    made = datasets.Dataset.from_list(rows, features=datasets.Features(features))
    made.to_parquet(tmp_path / "rows.parquet")
    assert load(tmp_path / "rows.parquet", label_column="mood").labels == ["no", "yes"]


def test_a_folder_is_all_its_files_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    put(folder / "b.txt", "two\nthree\n")
    table(folder / "a" / "rows.csv", [{"text": "one"}])
    put(folder / "c" / "more.md.gz", gzip.compress(b"four"))
    put(folder / "c" / "empty.py", "")
    put(folder / ".git" / "no.txt", "no")
    put(folder / "no.png", b"\0\xff")
    assert texts(folder) == ["one", "two", "three", "four"]


def test_an_error_in_a_folder_names_the_file(tmp_path: Path) -> None:
    put(tmp_path / "texts" / "bad.txt", b"fine\ncaf\xe9\n")
    assert error(tmp_path / "texts") == (
        f"corpus: '{tmp_path}/texts/bad.txt', line 2: not UTF-8; save the file as UTF-8"
    )


# Documents


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("\n  a\n\n\tb  \n", "\n  a\n\n\tb  "),
        ("a\n\n", "a\n"),
        ("a", "a"),
        ("\ufeffa\r\nb\r\n", "a\nb"),
    ],
)
def test_a_document_keeps_its_white_space(tmp_path: Path, content: str, text: str) -> None:
    assert texts(put(tmp_path / "a.txt", content), "document") == [text]


def test_a_long_document_is_cut_into_pieces_that_join_again(tmp_path: Path) -> None:
    long = "".join(f"def f{i}():\n    return {i}\n\n" for i in range(3000))
    for i in range(3):
        put(tmp_path / "code" / f"{i}.py", f"{long}# {i}\n")
    options = CorpusOptions(path=str(tmp_path / "code"), unit="document", max_length=32)
    corpus = load_corpus(options, TokenizerOptions(name="bpe", size=400))
    ids = corpus.splits["train"]
    pieces = [ids.text(i) for i in range(len(ids))]
    assert {len(piece) for piece in pieces[:-1]} == {32} == {corpus.length}
    assert {piece[-1] for piece in pieces} == {corpus.tokenizer.eos_token_id}
    joined = corpus.tokenizer.decode([i for piece in pieces for i in piece[:-1]])
    assert joined.rsplit("#", 1)[0] == long  # it is longer than what is encoded at a time
    assert corpus.notes["texts cut off at corpus.max_length"] == 0


def test_code_comes_back_with_its_indentation(tmp_path: Path) -> None:
    files = ["def f(x):\n    if x:\n        return 1\n\n    return 2", "class A:\n\tb = 3"]
    for i, content in enumerate(files):
        put(tmp_path / "code" / f"{i}.py", content + "\n")
    path = str(tmp_path / "code")
    recipe = api.load(
        "configs/tiny.yaml",
        corpus={"path": path, "unit": "document", "validation_path": path, "test_path": path},
        tokenizer={"name": "bpe", "size": 280},
        generator={"embedding_size": 16, "hidden_size": 48},
        optimizers={"generator": {"lr": 0.02}},
        trainer={"batch_size": 2},
        pretrain=[{"method": "mle", "steps": 150}],
    )
    run = api.train("pretrain", recipe, run=tmp_path / "run")
    assert set(api.sample(run, count=12, temperature=0.1)) == set(files)


# The Hub


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that the library streams as it would a dataset of the Hub."""
    table(tmp_path / "owner" / "name" / "train.parquet", ROWS)
    monkeypatch.setattr(hub, "_check_there", lambda name: None)

    def here(function: Callable[..., Any]) -> Callable[..., Any]:
        def local(name: str, **options: Any) -> Any:
            assert options.get("streaming", True)
            return function(str(tmp_path / name), **options)

        return local

    for name in ("load_dataset", "get_dataset_default_config_name", "get_dataset_config_names"):
        monkeypatch.setattr(datasets, name, here(getattr(datasets, name)))
    yield tmp_path / "owner" / "name"


def test_a_dataset_of_the_hub_is_read_once(
    shelf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = load("owner/name", label_column="mood")
    said = capsys.readouterr().err
    assert said.startswith("corpus: reading 'owner/name' of the Hugging Face Hub into ")
    assert corpus.describe().startswith("owner/name: 36 train, 2 validation, 2 test texts; ")
    assert corpus.labels == ["glad", "sad"]
    monkeypatch.setattr(datasets, "load_dataset", None)  # there is no network any more
    again = load("owner/name", label_column="mood")
    assert again.digest == corpus.digest
    assert capsys.readouterr().err == ""


def test_a_column_that_a_dataset_of_the_hub_lacks(shelf: Path, cache: Path) -> None:
    assert error("owner/name", text_column="poem") == (
        "corpus: 'owner/name': no column 'poem' (it has: text, mood, one); set corpus.text_column"
    )
    assert list(cache.iterdir()) == []


def configurations(shelf: Path, **default: bool) -> None:
    """Make the dataset one of two configurations."""
    table(shelf / "short" / "train.parquet", ROWS[:12])
    names = {"long": "train.parquet", "short": "short/train.parquet"}
    front = [{"config_name": key, "data_files": file} for key, file in names.items()]
    front[1] |= default
    put(shelf / "README.md", f"---\nconfigs: {json.dumps(front)}\n---\n")


def test_a_dataset_of_the_hub_with_several_configurations(shelf: Path, cache: Path) -> None:
    configurations(shelf)
    assert error("owner/name") == (
        "corpus: the dataset 'owner/name' of the Hugging Face Hub has 2 configurations (long, "
        "short), none of them its default; download one and give its file, as in --corpus.path FILE"
    )
    assert list(cache.iterdir()) == []


def test_a_dataset_of_the_hub_with_a_default_configuration(shelf: Path) -> None:
    configurations(shelf, default=True)
    assert sum(len(ids) for ids in load("owner/name").splits.values()) == 12


def test_a_dataset_of_the_hub_that_breaks_off(shelf: Path, cache: Path) -> None:
    (shelf / "train.parquet").write_bytes((shelf / "train.parquet").read_bytes()[:-50])
    line = error("owner/name")
    assert line.startswith("corpus: the dataset 'owner/name' of the Hugging Face Hub can't be read")
    assert line.endswith("try again, or download it and give a file, as in --corpus.path FILE")
    assert "\n" not in line and list(cache.iterdir()) == []


def test_the_hub_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: Any, **__: Any) -> None:
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr(huggingface_hub, "dataset_info", offline)
    assert error("owner/name") == (
        "corpus: no file or folder 'owner/name', and the Hugging Face Hub can't be reached for a "
        "dataset of that name (Name or service not known); download it and give a file, as in "
        "--corpus.path FILE"
    )


def test_a_missing_file_is_no_dataset(tmp_path: Path) -> None:
    for path in ("owner/name.txt", "owner/name.csv", "owner/name.txt.gz", "a/b/c"):
        assert error(path).startswith(f"corpus: file '{path}' is not there; ")


def test_a_name_alone_is_never_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "dataset_info", None)
    assert error("poms") == (
        "corpus: no file or folder 'poms' is there, nor can it be a dataset of the Hugging Face "
        "Hub, which is OWNER/NAME; give a text file, as in --corpus.path FILE"
    )


# Mistakes


def test_a_nul_byte(tmp_path: Path) -> None:
    path = put(tmp_path / "nul.txt", b"fine\nno\0t\n")
    expected = "has a NUL byte, so it is damaged or no text; give a file of UTF-8 text"
    assert error(path) == f"corpus: '{path}', line 2: {expected}"
    path = put(tmp_path / "nul.csv", b"text\nfine\nno\0t\n")
    assert error(path) == f"corpus: '{path}', row 2: {expected}"
    path = put(tmp_path / "nul.jsonl", '{"text": "no\\u0000t"}')
    assert error(path) == f"corpus: '{path}', line 1: {expected}"


def test_half_a_character(tmp_path: Path) -> None:
    path = put(tmp_path / "half.jsonl", '{"text": "\\ud83d"}')
    assert error(path) == (
        f"corpus: '{path}', line 1: has half of a surrogate pair, which is no character; mend the "
        "line"
    )


@pytest.mark.parametrize("name", ["mixed.txt", "mixed.csv", "mixed.jsonl"])
def test_mixed_encodings(tmp_path: Path, name: str) -> None:
    path = put(tmp_path / name, '{"text": "naïve"}\n'.encode() + b"caf\xe9\n")
    if name.endswith("csv"):
        put(path, "text\nnaïve\n".encode() + b"caf\xe9\n")
    number = 3 if name.endswith("csv") else 2
    assert error(path) == f"corpus: '{path}', line {number}: not UTF-8; save the file as UTF-8"


def test_one_line_and_one_line_again_and_again(tmp_path: Path) -> None:
    for count in (1, 500):
        path = put(tmp_path / "same.txt", "the same\n" * count)
        assert error(path) == (
            f"corpus.path: '{path}' has 1 different text(s) (unit: line), too few to train, "
            "validate and test on; add texts"
        )


def test_a_line_of_five_megabytes_is_cut_off(tmp_path: Path) -> None:
    long = "word and " * 600_000
    path = put(tmp_path / "long.txt", "\n".join([*LINES, long, "w" * 5_000_000]))
    corpus = load(path, validation_path=str(path), test_path=str(path))
    assert corpus.length == 64
    assert corpus.notes["texts cut off at corpus.max_length"] == 2 * 3  # it is all splits
    assert corpus.tokens("train")[40][:4] == ["word", "and", "word", "and"]


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet", "rows.tsv.gz"])
def test_a_column_that_is_not_there(tmp_path: Path, name: str) -> None:
    path = table(tmp_path / name, ROWS)
    has = "(it has: text, mood, one)"
    assert error(path, text_column="poem") == (
        f"corpus: '{path}': no column 'poem' {has}; set corpus.text_column"
    )
    assert error(path, label_column="by") == (
        f"corpus: '{path}': no column 'by' {has}; set corpus.label_column"
    )


def test_a_column_without_text(tmp_path: Path) -> None:
    path = table(tmp_path / "rows.parquet", [{"text": "a"}, {"text": None}])
    assert error(path) == (
        f"corpus: '{path}', row 2: field 'text' is no text; mend the line or set corpus.text_column"
    )


def test_a_parquet_file_that_is_cut_off(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = table(tmp_path / "rows.parquet", ROWS)
    put(path, path.read_bytes()[:-50])
    capfd.readouterr()
    assert error(path) == (
        f"corpus: '{path}' is damaged or no such table: Parquet magic bytes not found in footer. "
        "Either the file is corrupted or this is not a parquet file; mend it or save it anew"
    )
    assert capfd.readouterr().err == ""  # the library would say it too


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("a,b\nc,d,e\n", "Expected 2 fields in line 3, saw 3"),
        ('a,b\n"c,d\n', "EOF inside string starting at row 2"),
    ],
)
def test_a_broken_csv(tmp_path: Path, rows: str, problem: str) -> None:
    path = put(tmp_path / "bad.csv", f"text,by\n{rows}")
    assert error(path) == (
        f"corpus: '{path}' is damaged or no such table: {problem}; mend it or save it anew"
    )


def test_a_csv_with_more_fields_than_columns(tmp_path: Path) -> None:
    path = put(tmp_path / "bad.csv", "text,by\nroses, red,me\n")
    assert error(path) == (
        f"corpus: '{path}', row 1: has 3 fields under 2 columns; put fields with a separator or a "
        "line break in them between double quotes"
    )


@pytest.mark.parametrize(
    "name", ["lines.txt.gz", "rows.jsonl.gz", "rows.csv.gz", "rows.parquet.gz"]
)
@pytest.mark.parametrize("damage", ["cut off", "not gzip"])
def test_a_gzip_file_that_is_damaged(tmp_path: Path, name: str, damage: str) -> None:
    path = tmp_path / name
    if name == "lines.txt.gz":
        put(path, gzip.compress("\n".join(LINES).encode()))
    else:
        table(path, ROWS)
    put(path, path.read_bytes()[:-12] if damage == "cut off" else b"plain text")
    assert error(path) == (
        f"corpus: '{path}' is cut off, or no gzip file; fetch or compress it again"
    )


@pytest.mark.parametrize("name", TABLES)
def test_labels_that_say_nothing(tmp_path: Path, name: str) -> None:
    path = table(tmp_path / name, ROWS)
    assert error(path, label_column="one") == (
        f"corpus.label_column: every text of '{path}' has the label 'x'; one class is none, leave "
        "corpus.label_column out"
    )
    where = "line" if name == "rows.jsonl" else "row"
    path = table(tmp_path / name, [*ROWS, {"text": "z", "mood": "", "one": "x"}])
    assert error(path, label_column="mood") == (
        f"corpus: '{path}', {where} 41: no label in 'mood'; give every text one, or leave "
        "corpus.label_column out"
    )


def test_labels_that_are_no_classes(tmp_path: Path) -> None:
    path = table(tmp_path / "rows.csv", [{"text": f"t{i}", "by": i} for i in range(1001)])
    assert error(path, label_column="by") == (
        "corpus.label_column: 'by' has more than 1,000 different labels; name a column of classes"
    )


def test_labels_of_a_text_file(tmp_path: Path) -> None:
    path = put(tmp_path / "lines.txt", "\n".join(LINES))
    assert error(path, label_column="by") == (
        f"corpus.label_column: '{path}' is a text file and has no columns; give a .jsonl, .csv, "
        ".tsv, .parquet file or leave corpus.label_column out"
    )


def test_all_splits_have_texts(tmp_path: Path) -> None:
    corpus = load(table(tmp_path / "rows.csv", ROWS))
    assert [len(corpus.splits[s]) for s in SPLITS] == [36, 2, 2]
