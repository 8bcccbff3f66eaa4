"""The sentence encoder against its definition, read by transformers alone."""

import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from textgan.errors import UserError
from textgan.metrics import encoder
from textgan.metrics.base import Evaluation
from textgan.metrics.encoder import Encoder, embedded, open_encoder, unknown_language

TEXTS = ["A dog sleeps.", "a man rides a wave on his surfboard", "", "snow", "A dog sleeps."]
CHINESE = ["床前明月光,疑是地上霜。", "舉頭望明月,低頭思故鄉。"]

needs_encoder = pytest.mark.skipif(not encoder.installed(), reason="no textgan[embeddings]")


def evaluation(texts: list[str], references: list[str], folder: str | None = None) -> Evaluation:
    return Evaluation(texts, [], references, [], embeddings=folder)


@pytest.fixture(scope="module")
def installed() -> Encoder:
    return open_encoder()


@needs_encoder
def test_mean_of_word_pieces_of_length_one(installed: Encoder) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = Path(str(find_spec(encoder.PACKAGE).origin)).parent / "model"  # type: ignore[union-attr]
    pieces = AutoTokenizer.from_pretrained(folder)(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = AutoModel.from_pretrained(folder).eval()(**pieces).last_hidden_state
    mask = pieces["attention_mask"][..., None]
    mean = (hidden * mask).sum(1) / mask.sum(1)
    expected = (mean / mean.norm(dim=1, keepdim=True)).numpy()
    found = installed.encode(TEXTS)
    assert found.dtype == np.float32 and found.shape == (5, 384)
    assert found == pytest.approx(expected, abs=1e-5)
    padding_inside = hidden.mean(1)
    wrong = (padding_inside / padding_inside.norm(dim=1, keepdim=True)).numpy()
    assert found != pytest.approx(wrong, abs=1e-2)
    assert (found[4] == found[0]).all()
    assert (installed.encode(TEXTS[::-1]) == found[::-1]).all()


@needs_encoder
def test_it_sees_order_and_meaning(installed: Encoder) -> None:
    dog, man, shuffled, boy = installed.encode(
        ["a dog bites a man", "a man bites a dog", "bites man a dog a", "a boy is bitten by a dog"]
    )
    assert dog @ shuffled < 0.99 and dog @ man < 0.999
    assert dog @ boy > 0.6 > dog @ installed.encode(["the parliament voted on the budget"])[0]


@needs_encoder
def test_name_and_digest(installed: Encoder) -> None:
    assert (installed.name, installed.digest) == ("all-MiniLM-L6-v2", "b6c92c3a")
    assert open_encoder() is installed


@needs_encoder
def test_a_folder_by_name(tmp_path: Path, installed: Encoder) -> None:
    """Another folder with its own pooling: cls in place of the mean, and no division."""
    folder = tmp_path / "mine"
    shutil.copytree(Path(str(find_spec(encoder.PACKAGE).origin)).parent / "model", folder)  # type: ignore[union-attr]
    config = folder / "1_Pooling" / "config.json"
    text = config.read_text("utf-8").replace('tokens": true', 'tokens": false')
    config.write_text(text.replace('cls_token": false', 'cls_token": true'), "utf-8")
    found = open_encoder(str(folder))
    assert (found.name, found.digest) == ("mine", installed.digest)
    assert found.encode(TEXTS) != pytest.approx(installed.encode(TEXTS), abs=1e-2)


@needs_encoder
def test_a_language_it_has_not_learnt() -> None:
    reason = unknown_language(evaluation(TEXTS, CHINESE))
    assert reason is not None
    assert reason.startswith("the encoder all-MiniLM-L6-v2 doesn't know ")
    assert embedded(evaluation(TEXTS, CHINESE)) is None
    assert unknown_language(evaluation(CHINESE, TEXTS)) is None  # bad texts of a known language
    assert unknown_language(evaluation(TEXTS, ["", " "])) is None


@needs_encoder
def test_texts_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []
    whole = Encoder.encode

    def count(self: Encoder, texts: list[str]) -> np.ndarray:
        reads.append(len(texts))
        return whole(self, texts)

    monkeypatch.setattr(Encoder, "encode", count)
    first = embedded(evaluation(["one text", "two texts"], ["a reference"]))
    again = embedded(evaluation(["one text", "two texts"], ["a reference"]))
    other_run = embedded(evaluation(["a third text"], ["a reference"]))
    assert reads == [2, 1, 1]
    assert first is not None and again is not None and other_run is not None
    assert again[0] is first[0] and other_run[1] is first[1]
    assert not first[0].flags.writeable


def test_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "find_spec", lambda name: None)
    assert not encoder.installed()
    message = (
        "metrics: FED, MAUVE, precision, recall, density, coverage and Vendi need a sentence "
        "encoder; pip install 'textgan[embeddings]'"
    )
    for folder in (None, "anywhere"):
        with pytest.raises(UserError) as problem:
            open_encoder(folder)
        assert str(problem.value) == message


def test_no_such_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "find_spec", lambda name: object())
    with pytest.raises(UserError) as problem:
        open_encoder(str(tmp_path))
    assert str(problem.value) == (
        f"--encoder: {tmp_path} is no folder of sentence-transformers (it has no modules.json); "
        "give one that `SentenceTransformer.save` wrote"
    )


@needs_encoder
@pytest.mark.parametrize(
    ("modules", "why"),
    [
        ("{", "Expecting property name"),
        ("[]", "An empty modules list"),
        ('[{"idx": 0, "name": "0", "path": "", "type": "evil.Module"}]', "evil.Module"),
    ],
)
def test_a_damaged_folder_is_one_line_and_none_of_its_code_runs(
    modules: str, why: str, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    (tmp_path / "modules.json").write_text(modules, "utf-8")
    (tmp_path / "evil.py").write_text(f"open({str(made)!r}, 'w')\nclass Module: pass\n", "utf-8")
    with pytest.raises(UserError) as problem:
        open_encoder(str(tmp_path))
    [line] = str(problem.value).splitlines()
    assert line.startswith(f"--encoder: {tmp_path} can't be read (") and why in line
    assert not made.exists()
