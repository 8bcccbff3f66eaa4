"""Whatever bytes a file holds, it is taken or refused in words: no other exception, and no hang."""

import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from textgan import api, config
from textgan.data.corpus import load_corpus
from textgan.data.splits import CorpusOptions
from textgan.data.tokenizers import TokenizerOptions
from textgan.errors import UserError
from textgan.recipe import Recipe

Test = Callable[..., None]
FEW, MANY = 100, 2000


def cases(count: int) -> Callable[[Test], Test]:
    return settings(
        max_examples=count,
        deadline=timedelta(seconds=20),  # a hang; a busy machine is no failure
        suppress_health_check=[HealthCheck.too_slow],
        database=None,
    )


def told(error: UserError) -> None:
    """An error says something, in lines."""
    assert str(error).strip()


def words_of(model: type[Any]) -> list[str]:
    """Every key of the configuration, for trees that come near to a true one."""
    paths = [path for path, *_ in config.explain(model)]
    return sorted({step.split("(")[0].split("[")[0] for path in paths for step in path.split(".")})


KEYS = st.sampled_from(words_of(Recipe)) | st.text(max_size=4)
NAMES = st.sampled_from(["lstm", "gru", "cnn", "rnn", "seqgan", "mle", "adam", "generator", "word"])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**4000, max_value=10**4001)
    | st.floats()
    | st.dates()
    | st.binary(max_size=4)
    | st.text(max_size=8)
    | NAMES
)
NODES = st.recursive(
    LEAVES,
    lambda below: (
        st.lists(below, max_size=4)
        | st.dictionaries(KEYS | st.integers() | st.none(), below, max_size=5)
        | st.sets(st.integers() | st.text(max_size=3), max_size=3)
    ),
    max_leaves=20,
)
TREES = st.dictionaries(KEYS, NODES, max_size=5) | st.fixed_dictionaries(
    {},
    optional={
        name: st.dictionaries(KEYS, LEAVES | NODES, max_size=4) | NODES
        for name in Recipe.model_fields
    },
)
PIECES = st.sampled_from(
    ["a", ": ", "- ", "\n", "  ", "&x ", "*x", "[", "]", "{", "}", "!!", "!!set", "!!timestamp ",
     "!!int ", "2001-99-99", "0x", "1_", "'", '"', "|", ">", "<<: ", "? ", "%", "---\n", "\t",
     "1:2", "trainer: ", "seed: ", "pretrain: ", ".inf", "\x85", "\ufeff", "é"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=30).map(lambda parts: "".join(parts).encode())
BOMB = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} {{{', '.join(f'{i}: *{old}' for i in range(9))}}}\n"
    for old, name in zip("abcdefghi", "bcdefghij", strict=True)
)
HARD = [
    b"a: &a {b: *a}",
    b"pretrain: &a [*a]",
    b"trainer: {seed: &a [*a]}",
    b"a: 2001-99-99",
    b"trainer: {seed: 2001-02-30 25:61:61}",
    b"a: " + b"[" * 5000,
    b"a: " + b"[" * 90 + b"]" * 90,
    b"pretrain: " + b"[{phases: " * 60 + b"[]" + b"}]" * 60,
    b"trainer: {seed: " + b"9" * 5000 + b"}",
    b"trainer: {seed: 0x" + b"f" * 5000 + b"}",
    b"trainer: {seed: " + b"1:" * 3000 + b"1}",
    b"? [a, b]\n: 1",
    b"trainer: {? [a, b] : 1}",
    b"corpus: {1: 2, null: 3}",
    b"corpus: {path: !!binary aGk=}",
    b"!!python/object/apply:os.system ['touch /tmp/never']",
    BOMB.encode(),
    BOMB.replace("{", "[").replace("}", "]").replace("0: ", "").encode(),
]


def check_config(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "config.yaml"
        place.write_bytes(data)
        try:
            recipe = config.check(Recipe, api.load(place))
        except UserError as error:
            told(error)
        else:
            again = yaml.safe_load(config.dump(recipe))
            assert config.dump(config.check(Recipe, again)) == config.dump(recipe)


@pytest.mark.parametrize("data", HARD, ids=lambda data: repr(data[:20]))
def test_config_files_that_are_hard(data: bytes) -> None:
    check_config(data)


def dumped(tree: Any) -> bytes:
    return str(yaml.safe_dump(tree, allow_unicode=True)).encode("utf-8", "surrogatepass")


CONFIGS = TREES.map(dumped) | TEXTS | st.binary(max_size=200)


@cases(FEW)
@given(CONFIGS)
def test_any_config_file(data: bytes) -> None:
    check_config(data)


@pytest.mark.slow
@cases(MANY)
@given(CONFIGS)
def test_many_config_files(data: bytes) -> None:
    check_config(data)


WORDS = st.sampled_from(words_of(Recipe)) | st.text(max_size=6)


@cases(FEW)
@given(st.lists(WORDS | WORDS.map(lambda w: f"--{w}") | TEXTS.map(bytes.decode), max_size=6))
@example(["--trainer.seed", "2001-99-99"])
@example(["--trainer.seed", "[" * 5000])
@example(["--trainer.seed", "&a [*a]"])
@example(["--trainer.seed", "9" * 5000])
def test_any_command_line(words: list[str]) -> None:
    try:
        _, tree = config.parse_overrides(words)
        config.check(Recipe, tree)
    except UserError as error:
        told(error)


# Corpora

LINES = st.lists(
    st.sampled_from([b"the moon", b"a sun", b"", b" ", b"\xe6\x9c\x88", b"x" * 300, b"<eos>"])
    | st.text(max_size=12).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.binary(max_size=12),
    max_size=40,
)
JOINTS = st.sampled_from([b"\n", b"\r\n", b"\n\n", b"\r", "\u2028".encode(), b"\x00", b"\x1c"])
CORPORA = (
    st.binary(max_size=300)
    | st.builds(lambda joint, lines: joint.join(lines), JOINTS, LINES)
    | st.lists(st.text(max_size=20), max_size=40).map(
        lambda x: "\n".join(x).encode(errors="ignore")
    )
)
CORPUS = {
    "data": CORPORA,
    "unit": st.sampled_from(["line", "stanza", "document"]),
    "tokenizer": st.sampled_from(["word", "whitespace", "character", "bpe"]),
    "suffix": st.sampled_from(
        [".txt", ".txt", ".txt", ".jsonl", ".csv", ".tsv", ".txt.gz", ".parquet"]
    ),
    "lowercase": st.booleans(),
}


def check_corpus(data: bytes, unit: Any, tokenizer: Any, suffix: str, lowercase: bool) -> None:
    """A corpus's texts have ids of its vocabulary, and as many as may be."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / f"corpus{suffix}"
        place.write_bytes(data)
        options = CorpusOptions(path=str(place), unit=unit, max_length=8)
        size = 300 if tokenizer == "bpe" else 30
        try:
            corpus = load_corpus(
                options, TokenizerOptions(name=tokenizer, size=size, lowercase=lowercase)
            )
        except UserError as error:
            told(error)
            return
        assert corpus.length <= 8 and len(corpus) >= 1
        for split in corpus.splits.values():
            for i in range(len(split)):
                ids = list(split.text(i))
                assert 1 <= len(ids) <= 8 and max(ids) < len(corpus.tokenizer)
        corpus.describe()


@cases(FEW)
@given(**CORPUS)
def test_any_corpus_file(**given: Any) -> None:
    check_corpus(**given)


@pytest.mark.slow
@cases(MANY)
@given(**CORPUS)
def test_many_corpus_files(**given: Any) -> None:
    check_corpus(**given)
