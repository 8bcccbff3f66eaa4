import gzip
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import pytest
import yaml

from textgan import config
from textgan.data import cards, download
from textgan.data.splits import CorpusOptions, Division
from textgan.errors import UserError

ROOT = Path(__file__).resolve().parent.parent.parent
TEXT = "".join(f"the moon is low, line {i}\n" for i in range(40)).encode()
LOCAL = Path("/work/shared/data")
SAME = {
    ("image_coco", "train"): "image_coco/train.txt",
    ("image_coco", "test"): "image_coco/test.txt",
    ("emnlp_news", "validation"): "emnlp_news/train.txt",  # named so there; its README says what
    ("emnlp_news", "test"): "emnlp_news/test.txt",
    ("shi", "train"): "shi/all.txt",
}
"""Card and split -> the same texts where they are at hand."""

Answer = bytes | Callable[[BaseHTTPRequestHandler], None]


class Server:
    """A web server of this machine: its answers by path, and what was asked for."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                answer = outer.answers.get(self.path)
                if answer is None:
                    self.send_error(404)
                elif callable(answer):
                    answer(self)
                else:
                    send(self, answer)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.at = f"http://127.0.0.1:{self.http.server_port}"
        serve = {"target": self.http.serve_forever, "kwargs": {"poll_interval": 0.01}}
        threading.Thread(**serve, daemon=True).start()

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()


def send(handler: BaseHTTPRequestHandler, body: bytes, size: int | None = None) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(size or len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working folder and cache, and no proxy between us and the server."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TEXTGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


def write_card(name: str = "my.yaml", *, split: dict[str, Any], **changed: Any) -> str:
    card = {
        "title": "Moons",
        "licence": "CC0-1.0",
        "citation": "nobody",
        "tried": True,
        "found": "here",
        "tokenization": "none",
        "splits": {"train": {"file": "train.txt", "lines": None, "sha256": None} | split},
    }
    Path(name).write_text(yaml.safe_dump(card | changed), "utf-8")
    return name


def get(card: str) -> Path:
    """The training file, fetched."""
    return Path(cards.resolve(CorpusOptions(card=card)).path)


def mistake(card: str) -> str:
    """The one line that is said when a card can't be had; nothing half-done stays."""
    with pytest.raises(UserError) as raised:
        get(card)
    assert list(Path("cache").rglob("*.part")) == []
    assert len(str(raised.value).splitlines()) == 1
    return str(raised.value)


def by_hand(card: str) -> str:
    """The place that a message must name."""
    folder, _ = cards.read_card(card)
    return f"put the file by hand at {Path.cwd() / 'cache/cards' / folder / 'train.txt'}"


def test_a_card_is_fetched_with_progress_and_checked(
    server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "SHOWN_SECONDS", 0.0)
    monkeypatch.setattr(download, "BLOCK", -(-len(TEXT) // 4))
    server.answers["/moon.txt"] = TEXT
    address, digest = f"{server.at}/moon.txt", hashlib.sha256(TEXT).hexdigest()
    place = get(write_card(split={"addresses": [address], "lines": 40, "sha256": digest}))
    assert place.read_bytes() == TEXT
    assert [p.name for p in place.parent.iterdir()] == ["train.txt"]
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0] == f"fetching {address}"
    assert f"fetching {address}  50%" in lines and f"fetching {address}  100%" in lines
    assert lines[-1] == f"corpus card: {place} is complete"


def test_the_second_time_needs_no_network(server: Server) -> None:
    server.answers["/moon.txt"] = TEXT
    card = write_card(split={"addresses": [f"{server.at}/moon.txt"], "lines": 40})
    first = get(card)
    server.answers.clear()
    assert get(card) == first
    assert server.asked == ["/moon.txt"]


def test_several_files_are_one_each_line_whole(server: Server) -> None:
    server.answers |= {"/1.txt": b"one\ntwo", "/2.txt": b"three\n"}
    addresses = [f"{server.at}/{n}.txt" for n in (1, 2)]
    card = write_card(split={"addresses": addresses, "lines": 3})
    assert get(card).read_text() == "one\ntwo\nthree\n"
    card = write_card("other.yaml", split={"addresses": addresses, "lines": 4})
    assert mistake(card) == (
        f"corpus.card: {addresses[0]} and 1 more: what came has 3 lines, not the 4 of the card; "
        + by_hand(card)
    )


def test_gzip_is_unpacked(server: Server) -> None:
    server.answers["/moon.txt.gz"] = gzip.compress(TEXT)
    card = write_card(split={"addresses": [f"{server.at}/moon.txt.gz"], "lines": 40})
    assert get(card).read_bytes() == TEXT


def test_lists_of_poems_become_lines_of_objects(server: Server) -> None:
    poems = [{"paragraphs": ["秦川雄帝宅，", "函谷壯皇居。"], "author": "太宗皇帝", "n": 1}]
    server.answers["/%E8%AF%97/0.json"] = json.dumps(poems).encode()
    split = {"file": "train.jsonl", "addresses": [f"{server.at}/诗/0.json"], "lines": 1}
    row = json.loads(get(write_card(split=split, text_column="paragraphs")).read_text("utf-8"))
    assert row == {"paragraphs": "秦川雄帝宅，\n函谷壯皇居。", "author": "太宗皇帝", "n": 1}


def test_a_broken_transfer(server: Server) -> None:
    server.answers["/moon.txt"] = lambda handler: send(handler, TEXT[:100], size=1234)
    address = f"{server.at}/moon.txt"
    card = write_card(split={"addresses": [address]})
    what = f"corpus.card: {address}: broke off after 100 of 1,234 bytes; "
    assert mistake(card) == what + by_hand(card)


def test_a_broken_gzip(server: Server) -> None:
    server.answers |= {"/cut.gz": gzip.compress(TEXT)[:-20], "/no.gz": TEXT}
    for name, what in {
        "cut": "the file is cut off",
        "no": "Error -3 while decompressing data: incorrect header check",
    }.items():
        address = f"{server.at}/{name}.gz"
        card = write_card(split={"addresses": [address]})
        assert mistake(card) == f"corpus.card: {address}: {what}; {by_hand(card)}"


def test_json_that_holds_no_texts(server: Server) -> None:
    server.answers |= {"/a.json": b'{"a": 1}', "/b.json": b"<html>"}
    for name, what in {
        "a": "no list of JSON objects",
        "b": "Expecting value: line 1 column 1 (char 0)",
    }.items():
        address = f"{server.at}/{name}.json"
        card = write_card(split={"addresses": [address]}, text_column="text")
        assert mistake(card) == f"corpus.card: {address}: {what}; {by_hand(card)}"


def test_a_wrong_checksum(server: Server) -> None:
    server.answers["/moon.txt"] = TEXT
    address, digest = f"{server.at}/moon.txt", hashlib.sha256(TEXT).hexdigest()
    card = write_card(split={"addresses": [address], "sha256": "0" * 64})
    assert mistake(card) == (
        f"corpus.card: {address}: what came has the sha256 {digest}, not the card's {'0' * 64}; "
        + by_hand(card)
    )
    assert list(Path("cache").rglob("train.txt")) == []


def test_a_wrong_number_of_lines(server: Server) -> None:
    server.answers["/moon.txt"] = TEXT
    address = f"{server.at}/moon.txt"
    card = write_card(split={"addresses": [address], "lines": 10_000})
    assert mistake(card) == (
        f"corpus.card: {address}: what came has 40 lines, not the 10,000 of the card; "
        + by_hand(card)
    )


def test_no_such_file(server: Server) -> None:
    card = write_card(split={"addresses": [f"{server.at}/no.txt"]})
    what = f"corpus.card: {server.at}/no.txt: 404 Not Found; "
    assert mistake(card) == what + by_hand(card)


def test_no_server() -> None:
    server = Server()
    server.stop()
    card = write_card(split={"addresses": [f"{server.at}/moon.txt"]})
    what = f"corpus.card: {server.at}/moon.txt: Connection refused; "
    assert mistake(card) == what + by_hand(card)


def test_no_answer(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    server.answers["/moon.txt"] = lambda _: done.wait(30) and None
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    card = write_card(split={"addresses": [f"{server.at}/moon.txt"]})
    what = f"corpus.card: {server.at}/moon.txt: no answer for 0.2 seconds; "
    assert mistake(card) == what + by_hand(card)
    done.set()


def test_a_file_put_there_by_hand_is_checked_and_used() -> None:
    card = write_card(split={"addresses": ["http://127.0.0.1:9/moon.txt"], "lines": 40})
    place = Path(by_hand(card).removeprefix("put the file by hand at "))
    place.parent.mkdir(parents=True)
    place.write_bytes(TEXT)
    assert get(card) == place
    place.write_bytes(TEXT + b"one more\n")
    assert mistake(card) == (
        f"corpus.card: {place} has 41 lines, not the 40 of the card; remove it and it is fetched "
        "anew, or put the right file there"
    )


def test_a_cache_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("cache").mkdir()
    Path("cache/cards").write_text("a file")
    card = write_card(split={"addresses": ["http://127.0.0.1:9/moon.txt"]})
    with pytest.raises(UserError, match=r"Not a directory; name another folder in TEXTGAN_CACHE$"):
        get(card)


def test_two_processes_at_once(server: Server) -> None:
    both = threading.Barrier(2)

    def together(handler: BaseHTTPRequestHandler) -> None:
        both.wait(60)
        send(handler, TEXT)

    server.answers["/moon.txt"] = together
    card = write_card(split={"addresses": [f"{server.at}/moon.txt"], "lines": 40})
    code = (
        "from textgan.data import cards; from textgan.data.splits import CorpusOptions; "
        f"print(cards.resolve(CorpusOptions(card={card!r})).path)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    started = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outs = {process.communicate(timeout=90)[0].strip() for process in started}
    assert [process.returncode for process in started] == [0, 0]
    (place,) = map(Path, outs)
    assert place.read_bytes() == TEXT
    assert [p.name for p in place.parent.iterdir()] == ["train.txt"]
    assert server.asked == ["/moon.txt", "/moon.txt"]


def on_the_hub(monkeypatch: pytest.MonkeyPatch, load: Callable[..., Any]) -> None:
    monkeypatch.setattr(huggingface_hub, "dataset_info", lambda name, timeout: None)
    monkeypatch.setattr(datasets, "load_dataset", load)


def test_a_dataset_of_the_hub(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {"text": ["Shares rose.", "A draw."], "label": [1, 0], "more": [1, 2]}
    features = datasets.Features(
        text=datasets.Value("string"),
        label=datasets.ClassLabel(names=["Sports", "Business"]),
        more=datasets.Value("int64"),
    )
    asked: list[tuple[str, str]] = []

    def load(name: str, split: str, streaming: bool) -> datasets.IterableDataset:
        asked.append((name, split))
        return datasets.Dataset.from_dict(rows, features=features).to_iterable_dataset()

    on_the_hub(monkeypatch, load)
    monkeypatch.setattr(download, "SHOWN_SECONDS", 0.0)
    hub = {"hub": "fancyzhx/ag_news", "text_column": "text", "label_column": "label"}
    card = write_card(split={"file": "train.jsonl", "lines": 2}, **hub)
    read = [json.loads(line) for line in get(card).read_text("utf-8").splitlines()]
    assert read == [
        {"text": "Shares rose.", "label": "Business"},
        {"text": "A draw.", "label": "Sports"},
    ]
    assert asked == [("fancyzhx/ag_news", "train")]
    out, err = capsys.readouterr()
    title = "fetching fancyzhx/ag_news (train) from the Hugging Face Hub"
    assert out == "" and err.splitlines()[:3] == [title, f"{title}  1 texts", f"{title}  2 texts"]


def test_a_hub_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, split: str, streaming: bool) -> datasets.IterableDataset:
        raise ConnectionError(f"Couldn't reach '{name}' on the Hub\nsecond line")

    on_the_hub(monkeypatch, load)
    card = write_card(split={"file": "train.jsonl"}, hub="some/news", text_column="story")
    place = by_hand(card).replace("train.txt", "train.jsonl")
    assert mistake(card) == (
        "corpus.card: Hugging Face Hub, some/news, split train: Couldn't reach 'some/news' on the "
        f"Hub second line; {place} (a .jsonl, its text in 'story')"
    )


def test_a_card_says_what_the_options_do_not() -> None:
    test = {"file": "test.jsonl", "addresses": ["http://a/b"], "lines": 7, "sha256": None}
    train = test | {"file": "train.jsonl"}
    own = {"text_column": "s", "label_column": "kind", "unit": "stanza"}
    card = write_card(split={}, splits={"train": train, "test": test}, **own)
    folder, _ = cards.read_card(card)
    filled = CorpusOptions(card=card)
    assert filled.path == f"cards/{folder}/train.jsonl"
    assert filled.test_path == f"cards/{folder}/test.jsonl" and filled.validation_path is None
    assert (filled.text_column, filled.label_column, filled.unit) == ("s", "kind", "stanza")
    given = CorpusOptions(card=card, test_path=None, unit="line", text_column="title")
    assert given.test_path is None and (given.unit, given.text_column) == ("line", "title")
    # What a run saves holds without the cache's place, and says the same when it is read again.
    assert CorpusOptions(**given.model_dump()) == given


def test_a_file_of_ones_own_beside_a_card(server: Server) -> None:
    server.answers["/moon.txt"] = TEXT
    addresses = {"addresses": [f"{server.at}/moon.txt"], "lines": 40, "sha256": None}
    splits = {"train": {"file": "train.txt"} | addresses, "test": {"file": "test.txt"} | addresses}
    card = write_card(split={}, splits=splits)
    resolved = cards.resolve(CorpusOptions(card=card, path="mine.txt"))
    assert resolved.path == "mine.txt"
    assert resolved.test_path is not None and Path(resolved.test_path).read_bytes() == TEXT
    assert len(server.asked) == 1


def test_a_corpus_is_read_from_its_card(server: Server) -> None:
    server.answers["/moon.txt"] = TEXT
    options = CorpusOptions(card=write_card(split={"addresses": [f"{server.at}/moon.txt"]}))
    texts = sum(1 for _ in Division(options).texts())
    assert texts == 40
    server.answers.clear()
    assert sum(1 for _ in Division(options).texts()) == 40


def test_a_run_is_resumed_from_the_cache(
    server: Server, textgan: Callable[..., Any], small: Path, made: Path
) -> None:
    """Its recipe keeps the card; a network is needed once."""
    poems = made / "poems.txt"
    server.answers["/poems.txt"] = poems.read_bytes()
    split = {"addresses": [f"{server.at}/poems.txt"], "lines": len(poems.read_text().splitlines())}
    card = write_card(split=split, unit="stanza")
    tree = yaml.safe_load(small.read_text("utf-8"))
    del tree["corpus"]["path"], tree["corpus"]["unit"]
    Path("carded.yaml").write_text(yaml.safe_dump(tree), "utf-8")
    done = textgan("pretrain", "carded.yaml", "--corpus.card", card, "--run", "run")
    assert (done.code, done.out) == (0, "") and "fetching" in done.err
    corpus = yaml.safe_load(Path("run/last/run.yaml").read_text("utf-8"))["recipe"]["corpus"]
    folder, _ = cards.read_card(card)
    assert (corpus["card"], corpus["path"]) == ("my.yaml", f"cards/{folder}/train.txt")
    assert corpus["unit"] == "stanza"
    server.answers.clear()
    assert textgan("pretrain", "--resume", "run").code == 0
    reported = textgan("sample", "run", "--count", 1, "--report")
    assert reported.code == 0 and f"training text (cards/{folder}/train.txt)" in reported.err
    assert server.asked == ["/poems.txt"]


def test_cards_of_one_name_do_not_share_a_file(server: Server) -> None:
    server.answers |= {"/1.txt": b"one\n", "/2.txt": b"two\n"}
    first = get(write_card(split={"addresses": [f"{server.at}/1.txt"]}))
    second = get(write_card(split={"addresses": [f"{server.at}/2.txt"]}))
    assert (first.read_text(), second.read_text()) == ("one\n", "two\n")
    counted = write_card(split={"addresses": [f"{server.at}/2.txt"], "lines": 1})
    assert get(counted) == second and len(server.asked) == 2


def test_an_unknown_card_names_the_known_ones() -> None:
    known = "ag_news, emnlp_news, gutenberg_poetry, image_coco, shi, tang"
    with pytest.raises(UserError) as raised:
        config.check(CorpusOptions, {"card": "coco"}, "corpus")
    assert str(raised.value) == (
        f"corpus.card: no card 'coco'; there are {known}, or give a .yaml file of your own"
    )
    with pytest.raises(UserError) as raised:
        config.check(CorpusOptions, {"card": "no.yaml"}, "corpus")
    assert str(raised.value) == (
        "corpus.card: file 'no.yaml' is not there; give a card, a YAML file"
    )


@pytest.mark.parametrize(
    ("split", "changed", "said"),
    [
        ({}, {"titel": "x"}, "my.yaml: unknown key 'titel'; did you mean 'title'?"),
        (
            {"addresses": ["ftp://a/b"]},
            {},
            "my.yaml.splits.train.addresses[0]: String should match pattern '^https?://\\S+$', "
            "got 'ftp://a/b'",
        ),
        ({}, {}, "my.yaml: splits.train: needs addresses, or the card a hub; not both"),
        (
            {"addresses": ["http://a/b"]},
            {"hub": "a/b"},
            "my.yaml: splits.train: needs addresses, or the card a hub; not both",
        ),
        (
            {"addresses": ["http://a/b"], "file": "train.jsonl"},
            {},
            "my.yaml: splits.train: is a .jsonl, so the card needs a text_column",
        ),
        ({"addresses": ["http://a/b"], "lines": 0}, {}, "my.yaml.splits.train.lines: "),
        ({"addresses": ["http://a/b"], "file": "../x.txt"}, {}, "my.yaml.splits.train.file: "),
        ({"addresses": ["http://a/b"], "sha256": "abc"}, {}, "my.yaml.splits.train.sha256: "),
    ],
)
def test_a_wrong_card(split: dict[str, Any], changed: dict[str, Any], said: str) -> None:
    write_card(split=split, **changed)
    with pytest.raises(UserError) as raised:
        config.check(CorpusOptions, {"card": "my.yaml"}, "corpus")
    assert str(raised.value).startswith(said) and len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("name", cards.shipped())
def test_a_shipped_card_is_whole(name: str) -> None:
    folder, card = cards.read_card(name)
    assert folder == name
    assert not card.tried, "say in its `found` how"
    assert f"`{name}`" in (ROOT / "corpora" / "README.md").read_text("utf-8")


@pytest.mark.parametrize(("name", "split"), SAME)
@pytest.mark.skipif(not LOCAL.is_dir(), reason="the texts are not part of the project")
def test_a_card_s_count_is_that_of_the_texts_at_hand(name: str, split: str) -> None:
    _, card = cards.read_card(name)
    with (LOCAL / SAME[name, split]).open("rb") as file:
        assert card.parts()[split].lines == sum(1 for _ in file)
