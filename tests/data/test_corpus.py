"""From a file to three splits of ids: what comes back, what is counted, what is refused."""

import json
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from textgan.data import files
from textgan.data.corpus import Corpus, load_corpus
from textgan.data.splits import SPLITS, CorpusOptions, Division, Split
from textgan.data.tokenizers import TokenizerOptions
from textgan.errors import UserError

BLANKS = TokenizerOptions(name="whitespace")
LINES = [f"w{i} said word{i % 7} to all" for i in range(40)]
"""40 different texts of five tokens; with the end, six."""
STANZAS = [f"line one of {i}\nline two\nline three and the end of {i}" for i in range(20)]


def write(place: Path, text: str | bytes) -> str:
    place.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(place)


def load(path: str, **options: Any) -> Corpus:
    return load_corpus(CorpusOptions(path=path, **options), BLANKS)


def read_back(corpus: Corpus, split: Split) -> list[str]:
    """The split's texts as they read after tokenisation."""
    ids, decode = corpus.splits[split], corpus.tokenizer.decode
    return [str(decode(ids.text(i), skip_special_tokens=True)) for i in range(len(ids))]


def all_texts(corpus: Corpus) -> list[str]:
    return sorted(text for split in SPLITS for text in read_back(corpus, split))


def error(path: str, **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        load(path, **options)
    return str(caught.value)


# What comes back


def lines_file(tmp_path: Path, lines: list[str] = LINES, name: str = "lines.txt") -> str:
    return write(tmp_path / name, "\n".join(lines) + "\n")


def test_a_line_is_a_text(tmp_path: Path) -> None:
    # At 5 % of 40 texts each, two validate and two test.
    corpus = load(lines_file(tmp_path))
    assert [len(corpus.splits[s]) for s in SPLITS] == [36, 2, 2]
    assert len(corpus) == 36
    assert set(read_back(corpus, "train")) <= set(LINES)
    assert corpus.tokens("train")[0] == read_back(corpus, "train")[0].split()
    again = load_corpus(corpus.options, BLANKS, whole_vocabulary(corpus.options.path))
    assert all_texts(again) == sorted(LINES)


def whole_vocabulary(path: str) -> Any:
    """A tokenizer that knows every word of a file, so that held-out texts can be read too."""
    one = write(Path(path).parent / "one.txt", "one\n")
    return load(path, validation_path=one, test_path=one).tokenizer


def test_stanzas_keep_their_line_breaks(tmp_path: Path) -> None:
    text = "\n\n" + "\n \n\n".join(s.replace("\n", "  \n  ") for s in STANZAS) + "\n"
    corpus = load(write(tmp_path / "poems.txt", text), unit="stanza")
    assert [len(corpus.splits[s]) for s in SPLITS] == [18, 1, 1]
    assert len(set(read_back(corpus, "train")) & set(STANZAS)) == 18
    assert corpus.tokens("train")[0].count("\n") == 2
    assert read_back(corpus, "test")[0].count("\n") == 2


def test_one_json_object_a_line(tmp_path: Path) -> None:
    rows = [json.dumps({"label": "x", "poem": text}) for text in LINES]
    path = write(tmp_path / "poems.jsonl", "\n\n".join(rows))
    corpus = load(path, text_column="poem")
    assert read_back(corpus, "train") == read_back(load(lines_file(tmp_path)), "train")


def test_byte_order_mark_and_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    plain = load(lines_file(tmp_path))
    raw = b"\xef\xbb\xbf" + "\r\n".join(LINES).encode() + b"\r\n"
    windows = load(write(tmp_path / "windows.txt", raw))
    for split in SPLITS:
        assert windows.splits[split].flat.tolist() == plain.splits[split].flat.tolist()


def test_a_batch_is_as_wide_as_its_longest_text(tmp_path: Path) -> None:
    lines = [f"{'a ' * (1 + i % 3)}w{i}" for i in range(20)]
    corpus = load(lines_file(tmp_path, lines))
    lengths = [len(tokens) + 1 for tokens in corpus.tokens("train")]
    rows = [lengths.index(2 + 1), lengths.index(4 + 1)]
    batch = corpus.batch("train", rows)
    assert batch.ids.shape == (2, 5)
    assert batch.lengths.tolist() == [3, 5]
    assert batch.ids[0, 3:].tolist() == [corpus.tokenizer.pad_token_id] * 2
    assert corpus.length == 5


# Division


def test_division_is_the_files_text_and_nothing_else(tmp_path: Path) -> None:
    shuffled = random.Random(1).sample(LINES, len(LINES))
    first, again = load(lines_file(tmp_path)), load(lines_file(tmp_path))
    other = load(lines_file(tmp_path, shuffled, "shuffled.txt"))
    for split in SPLITS:
        texts = first.splits[split]
        assert texts.flat.tolist() == again.splits[split].flat.tolist()
        assert len(texts) == len(other.splits[split])
    assert sorted(read_back(first, "train")) == sorted(read_back(other, "train"))
    assert len(first.tokenizer) == len(other.tokenizer)
    assert first.tokenizer.get_vocab() == other.tokenizer.get_vocab()


def test_shares_are_of_the_different_texts(tmp_path: Path) -> None:
    corpus = load(lines_file(tmp_path), validation_share=0.1, test_share=0.25)
    assert [len(corpus.splits[s]) for s in SPLITS] == [40 - 4 - 10, 4, 10]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=20, max_size=80))
def test_a_text_never_stands_in_two_splits(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int]
) -> None:
    assume(len(set(numbers)) >= 5)
    path = lines_file(tmp_path_factory.mktemp("c"), [f"n{n} is a number" for n in numbers])
    corpus = load(path, test_share=0.3, validation_share=0.3)
    assert corpus.notes["texts twice"] == len(numbers) - len(set(numbers))
    assert sum(len(corpus.splits[s]) for s in SPLITS) == len(numbers)
    held = [tokens[0] for tokens in [*corpus.tokens("validation"), *corpus.tokens("test")]]
    assert set(held) == {"<unk>"}  # what is held out was never seen in training
    legible = load_corpus(corpus.options, BLANKS, whole_vocabulary(path))
    splits = [set(read_back(legible, s)) for s in SPLITS]
    assert sum(map(len, splits)) == len(set.union(*splits)) == len(set(numbers))


def test_duplicates_are_counted_and_kept_together(tmp_path: Path) -> None:
    corpus = load(lines_file(tmp_path, LINES * 3))
    assert corpus.notes["texts twice"] == 80
    assert [len(corpus.splits[s]) for s in SPLITS] == [3 * 36, 3 * 2, 3 * 2]
    assert "; 80 texts twice" in corpus.describe()


def test_own_validation_and_test_files(tmp_path: Path) -> None:
    path = lines_file(tmp_path)
    validation = lines_file(tmp_path, [*LINES[:3], "quite new"], "validation.txt")
    test = lines_file(tmp_path, [LINES[0], "also new", "new once more"], "test.txt")
    corpus = load(path, validation_path=validation, test_path=test)
    assert [len(corpus.splits[s]) for s in SPLITS] == [40, 4, 3]
    assert read_back(corpus, "train") == LINES  # nothing is taken from the file
    assert read_back(corpus, "validation")[:3] == LINES[:3]
    assert corpus.notes == {
        "texts twice": 0,
        "validation texts that stand in the training file": 3,
        "test texts that stand in the training file": 1,
        "texts cut off at corpus.max_length": 0,
        "unknown tokens": 2 + 2 + 3,
    }


def test_one_own_file_leaves_the_other_share(tmp_path: Path) -> None:
    test = lines_file(tmp_path, ["new"], "test.txt")
    corpus = load(lines_file(tmp_path), test_path=test)
    assert [len(corpus.splits[s]) for s in SPLITS] == [38, 2, 1]


def test_long_texts_are_cut_and_still_end(tmp_path: Path) -> None:
    corpus = load(lines_file(tmp_path, [*LINES, " ".join("abcdef")]), max_length=6)
    assert corpus.length == 6
    assert (
        corpus.notes["texts cut off at corpus.max_length"] == 1
    )  # six tokens and an end; five and one fit
    shorter = load(lines_file(tmp_path), max_length=4)
    assert shorter.notes["texts cut off at corpus.max_length"] == 40
    assert shorter.tokens("train")[0] == load(lines_file(tmp_path)).tokens("train")[0][:3]
    eos = shorter.tokenizer.eos_token_id
    assert {shorter.splits["train"].text(i)[-1] for i in range(len(shorter))} == {eos}


def test_what_the_corpus_says_of_itself(tmp_path: Path) -> None:
    path = lines_file(tmp_path)
    # 36 training texts of one word of their own, seven wordN, "said to all", four special tokens
    kinds = 36 + 7 + 3 + 4
    assert load(path).describe() == (
        f"{path}: 36 train, 2 validation, 2 test texts; {kinds} kinds of token, "
        "longest text 6; 4 unknown tokens"
    )


def test_training_texts_are_those_of_the_training_split(tmp_path: Path) -> None:
    options = CorpusOptions(path=lines_file(tmp_path), test_share=0.2)
    training = list(Division(options).training())
    assert training == read_back(load_corpus(options, BLANKS), "train")
    own = CorpusOptions(path=options.path, validation_path=options.path, test_path=options.path)
    assert list(Division(own).training()) == LINES


def test_a_file_is_read_three_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = lines_file(tmp_path)
    read: list[str] = []

    def note(path: str, *how: Any) -> Iterator[str]:
        read.append(path)
        return files.read_texts(path, *how)

    monkeypatch.setattr("textgan.data.splits.read_texts", note)
    corpus = load(path)
    assert read == [path] * 3
    load_corpus(corpus.options, BLANKS, corpus.tokenizer)
    assert read == [path] * 5  # no tokenizer to train


# Mistakes


def test_a_line_that_is_not_utf8(tmp_path: Path) -> None:
    path = write(tmp_path / "latin.txt", b"fine\nalso fine\ncaf\xe9\n")
    assert error(path) == f"corpus: '{path}', line 3: not UTF-8; save the file as UTF-8"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    mend = "give a text file, as in --corpus.path FILE"
    missing = str(tmp_path / "no.txt")
    assert error(missing) == f"corpus: file '{missing}' is not there; {mend}"


def test_a_test_file_that_is_not_there(tmp_path: Path) -> None:
    text = error(lines_file(tmp_path), test_path="no.txt")
    assert text.startswith("corpus: file 'no.txt' is not there; ")


@pytest.mark.parametrize("text", ["", "\n \n\t\n"])
@pytest.mark.parametrize("unit", ["line", "stanza"])
def test_a_file_without_text(tmp_path: Path, text: str, unit: str) -> None:
    path = write(tmp_path / "empty.txt", text)
    expected = f"corpus: '{path}' has no text in it; give a file with some"
    assert error(path, unit=unit) == expected


def test_too_few_texts(tmp_path: Path) -> None:
    path = write(tmp_path / "few.txt", "one\ntwo\ntwo\n")
    assert error(path) == (
        f"corpus.path: '{path}' has 2 different text(s) (unit: line), too few to train, validate "
        "and test on; add texts"
    )
    poem = write(tmp_path / "poem.txt", "\n".join(LINES))
    assert error(poem, unit="stanza").startswith(
        f"corpus.path: '{poem}' has 1 different text(s) (unit: stanza), too few"
    )
    table = write(tmp_path / "one.jsonl", '{"text": "one"}\n')
    assert error(poem, unit="stanza").endswith("; --corpus.unit line makes each line a text")
    assert error(table, unit="stanza").endswith("; add texts")


def test_three_texts_are_enough(tmp_path: Path) -> None:
    corpus = load(write(tmp_path / "few.txt", "one\ntwo\nthree\n"))
    assert [len(corpus.splits[s]) for s in SPLITS] == [1, 1, 1]


def test_what_is_no_json(tmp_path: Path) -> None:
    path = write(tmp_path / "bad.jsonl", '{"text": "a"}\n{"text": \n')
    assert error(path) == f"corpus: '{path}', line 2: not JSON; each line must be one object"


@pytest.mark.parametrize(("row", "has"), [('{"poem": "a", "by": "b"}', "poem, by"), ("3", "int")])
def test_an_object_without_the_text(tmp_path: Path, row: str, has: str) -> None:
    path = write(tmp_path / "rows.jsonl", f'{{"text": "a"}}\n{row}\n')
    assert error(path) == (
        f"corpus: '{path}', line 2: no field 'text' (it has: {has}); set corpus.text_column"
    )


# Memory


def test_fifty_thousand_lines_need_little_more_than_their_ids(tmp_path: Path) -> None:
    words = np.random.default_rng(0).integers(0, 300, size=(50_000, 10))
    path = write(tmp_path / "many.txt", "\n".join(" ".join(f"w{w}" for w in row) for row in words))
    # The tokenizer is given: its training happens outside Python's memory, and isn't what is asked.
    tokenizer = whole_vocabulary(lines_file(tmp_path, [f"w{i}" for i in range(300)]))
    tracemalloc.start()
    corpus = load_corpus(CorpusOptions(path=path), BLANKS, tokenizer)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    ids = sum(part.flat.nbytes + part.starts.nbytes for part in corpus.splits.values())
    # 11 ids of 2 bytes and one place of 8 a text; 30 bytes a text in all
    assert ids == 50_000 * (11 * 2 + 8) + 3 * 8
    assert kept < 1.5 * ids
    # On the way: a block of a thousand texts, hashes by the sixteen thousand (the rest of them lies
    # in a file), ten thousand hashes to find the held-out ones. The texts alone would be 3 MB.
    assert peak < 2.5 * ids
