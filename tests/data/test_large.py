"""Large corpora: ids in files of the cache, the same as those in memory, and made only once."""

import json
import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.short_run import differences, end_state, given
from textgan import api
from textgan.data import cache
from textgan.data.corpus import Corpus, load_corpus
from textgan.data.ids import flat_kind
from textgan.data.splits import SPLITS, CorpusOptions, Division
from textgan.data.tokenizers import TokenizerOptions
from textgan.errors import UserError
from textgan.phases import Turn
from textgan.trainer import Interrupted, Trainer

BLANKS = TokenizerOptions(name="whitespace")
ROWS = [{"text": f"w{i} said word{i % 7} to all", "label": "ab"[i % 2]} for i in (*range(60), 3, 4)]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache's folder; every corpus counts as a large one."""
    monkeypatch.setenv("TEXTGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TEXTGAN_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(cache, "SMALL", 0)
    return tmp_path / "cache"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)))
    return path


def load(path: Path, **options: Any) -> Corpus:
    return load_corpus(CorpusOptions(path=str(path), label_column="label", **options), BLANKS)


def test_ids_in_files_are_those_in_memory(
    rows: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = load(rows)
    monkeypatch.setattr(cache, "SMALL", 1 << 30)
    small = load(rows)
    assert isinstance(large.splits["train"].flat, np.memmap)
    assert not isinstance(small.splits["train"].flat, np.memmap)
    for split in SPLITS:
        for part in ("flat", "starts", "category"):
            a, b = getattr(large.splits[split], part), getattr(small.splits[split], part)
            assert a.dtype == b.dtype and a.tolist() == b.tolist()
    assert (large.digest, large.fingerprint) == (small.digest, small.fingerprint)
    assert large.describe() == small.describe()
    assert large.tokenizer.get_vocab() == small.tokenizer.get_vocab()


def test_a_large_corpus_is_read_once(
    rows: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = load(rows)
    assert [line.split(" into ")[0] for line in capsys.readouterr().err.splitlines()] == [
        f"corpus: a tokenizer of '{rows}'",
        f"corpus: the ids of '{rows}'",
    ]
    monkeypatch.setattr("textgan.data.splits.read_texts", None)
    assert load(rows).digest == first.digest
    load_corpus(first.options, BLANKS, first.tokenizer)
    assert capsys.readouterr().err == ""


def test_other_texts_options_and_tokenizers_are_other_entries(rows: Path, home: Path) -> None:
    digests = {load(rows).digest, load(rows, max_length=4).digest}
    other = TokenizerOptions(name="character")
    digests.add(load_corpus(CorpusOptions(path=str(rows)), other).digest)
    rows.write_text(rows.read_text().replace("w17 ", "w71 "))
    assert len(digests | {load(rows).digest}) == 4


def test_an_entry_that_lost_a_file_is_made_again(rows: Path, home: Path) -> None:
    first = load(rows)
    for name in ("test.flat", "meta.json"):
        next(home.glob(f"*/{name}")).unlink()
        assert load(rows).digest == first.digest


def fill(key: str, home: str, barrier: Any) -> None:
    """What each of two processes does."""

    def write(folder: Path) -> None:
        barrier.wait()
        (folder / "a").write_text("a" * 100_000)
        barrier.wait()

    cache.entry(key, write, "something")


def test_an_entry_that_was_cut_off_is_made_again(rows: Path, home: Path) -> None:
    first = load(rows)
    for name in ("train.flat", "train.starts"):
        place = next(home.glob(f"*/{name}"))
        place.write_bytes(place.read_bytes()[:-8])
        assert load(rows).digest == first.digest


def test_two_processes_write_one_entry(home: Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(2)
    both = [context.Process(target=fill, args=("key", str(home), barrier)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(30)
    assert [process.exitcode for process in both] == [0, 0]
    assert [place.name for place in home.iterdir()] == ["key"]
    assert (home / "key" / "a").read_text() == "a" * 100_000


def test_what_is_stopped_leaves_nothing(home: Path) -> None:
    def write(folder: Path) -> None:
        (folder / "a").write_text("a")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.entry("key", write, "something")
    assert list(home.iterdir()) == []


def test_a_cache_that_cannot_be_written(rows: Path, home: Path, tmp_path: Path) -> None:
    home.write_text("a file where the folder should be")
    with pytest.raises(UserError) as caught:
        load(rows)
    assert str(caught.value) == (
        f"corpus: {home} can't be written (File exists); name another folder in TEXTGAN_CACHE"
    )


def test_a_run_on_mapped_ids_is_the_same_and_resumes_bit_for_bit(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = given(tmp_path, pretrain=[{"method": "mle", "steps": 6}])
    mapped = end_state(api.train("pretrain", dict(tree), run=tmp_path / "mapped"))
    monkeypatch.setattr(cache, "SMALL", 1 << 30)
    assert differences(mapped, end_state(api.train("pretrain", dict(tree)))) == []
    update = Trainer.update

    def stop(trainer: Trainer, turn: Turn) -> None:
        update(trainer, turn)
        trainer.interrupted = turn.number == 2

    monkeypatch.setattr(cache, "SMALL", 0)
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(Trainer, "update", stop)
        api.train("pretrain", dict(tree), run=tmp_path / "stopped")
    assert differences(mapped, end_state(api.resume(tmp_path / "stopped"))) == []


def test_held_out_splits_have_a_ceiling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "many.txt"
    path.write_text("".join(f"t{i}\n" for i in range(400)))
    monkeypatch.setattr("textgan.data.splits.MOST_HELD", 7)
    corpus = load_corpus(CorpusOptions(path=str(path), test_share=0.3), BLANKS)
    assert [len(corpus.splits[s]) for s in SPLITS] == [400 - 7 - 7, 7, 7]


def test_the_smallest_hashes_are_held_out(tmp_path: Path) -> None:
    # Read off before the splits were two thresholds: the same texts stay in the same splits.
    path = tmp_path / "many.txt"
    path.write_text("".join(f"t{i}\n" for i in range(40)) * 2)
    held: dict[str, set[str]] = {"train": set(), "validation": set(), "test": set()}
    for split, text in Division(CorpusOptions(path=str(path))).texts():
        held[split].add(text.text)
    assert (held["validation"], held["test"]) == ({"t10", "t20"}, {"t26", "t39"})


def test_two_bytes_an_id_where_the_vocabulary_allows() -> None:
    assert flat_kind(1 << 16) == np.uint16
    assert flat_kind((1 << 16) + 1) == np.int32
