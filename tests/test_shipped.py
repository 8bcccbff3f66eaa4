"""The models that come with textgan: small, with a card, and they speak at once."""

from pathlib import Path

import pytest

from tests.conftest import Command, write_poems
from textgan import api, models, runs, shipped
from textgan.errors import UserError

each_model = pytest.mark.parametrize("name", shipped.NAMES)


@each_model
def test_it_is_small_and_has_a_card(name: str) -> None:
    place = shipped.place(name)
    assert sum(file.stat().st_size for file in place.rglob("*")) <= 5_000_000
    card = (place / "README.md").read_text("utf-8")
    for title in ("## Data", "## How it was trained", "## Figures", "## Licence"):
        assert title in card
    assert not [file for file in place.rglob("*") if file.suffix in (".bin", ".pt", ".pkl")]


@each_model
def test_its_weights_are_read_at_full_precision(name: str) -> None:
    generator = models.load_generator(shipped.place(name) / "generator")
    assert {str(part.dtype) for part in generator.parameters()} == {"torch.float32"}


@each_model
def test_it_writes_quatrains(textgan: Command, name: str) -> None:
    done = textgan("sample", "--model", name, "--count", 20, "--seed", 3)
    assert done.code == 0, done.err
    assert f"from the shipped model '{name}'" in done.err
    poems = done.out.strip().split("\n\n")
    assert len(poems) == len(set(poems)) == 20
    if name == "shi":  # four lines of five characters, each with its mark
        whole = [
            poem
            for poem in poems
            if [poem[i] in "，。？！；、" for i in (5, 11, 17, 23)] == [True] * 4
        ]
    else:
        whole = [poem for poem in poems if poem.count("\n") == 3]
    assert len(whole) >= 14


def test_without_a_run_the_first_one_speaks(textgan: Command) -> None:
    done = textgan("sample", "--count", 1)
    assert done.code == 0, done.err
    assert f"from the shipped model '{shipped.NAMES[0]}'" in done.err


def test_a_run_of_ones_own_comes_first(textgan: Command, copied: Path) -> None:
    assert "from runs/small-adversarial-1" in textgan("sample", "--count", 1).err


def test_five_hundred_lines_are_enough_to_go_on_from_it(textgan: Command, tmp_path: Path) -> None:
    write_poems(tmp_path / "own.txt", 60)
    (tmp_path / "own.yaml").write_text(
        "corpus: {path: own.txt, unit: stanza, max_length: 40}\n"
        "trainer: {batch_size: 32}\n"
        "pretrain:\n"
        "  - {method: mle, epochs: 6, optimizers: {generator: {lr: 3e-3}}}\n"
    )
    done = textgan("pretrain", "own.yaml", "--from", "sonnets", "--run", "own")
    assert done.code == 0, done.err
    shown = textgan("sample", "own", "--count", 5, "--report")
    assert "lines stand in the training text (own.txt)" in shown.err
    assert {"moon", "river", "dog", "snow"} & set(shown.out.split())


def without_text(name: str) -> str:
    return (
        f"the shipped model '{name}' comes without the text it was trained on, and can't be "
        "compared with it; train on a text of yours, or `textgan pretrain --from "
        f"{name} --corpus.path mine.txt` goes on from the model, and take that run"
    )


@each_model
def test_its_text_does_not_come_with_it(textgan: Command, tmp_path: Path, name: str) -> None:
    for text in ("all.txt", "sonnet_quatrains.txt"):  # what its run.yaml names, but not that text
        write_poems(tmp_path / text, 60)
    done = textgan("sample", "--model", name, "--count", 2, "--report")
    assert (done.code, done.out) == (2, "")  # a million texts aren't drawn for nothing
    assert done.err.splitlines()[-1] == f"error: {without_text(name)}"
    for called in (name, shipped.place(name)):
        done = textgan("evaluate", called)
        assert (done.code, done.out, done.err) == (2, "", f"error: {without_text(name)}\n")
        with pytest.raises(UserError) as error:
            api.evaluate(called)
        assert str(error.value) == without_text(name)


@pytest.mark.parametrize("words", [("--model", "haiku"), ("here", "--model", "shi")])
def test_a_wrong_model_is_one_line(textgan: Command, words: tuple[str, ...]) -> None:
    done = textgan("sample", *words)
    assert done.code == 2
    assert done.err.startswith("error: --model: ")
    assert len(done.err.splitlines()) == 1


def test_names_and_places() -> None:
    assert all(
        runs.open_checkpoint(shipped.place(name)).stage == "pretrain" for name in shipped.NAMES
    )
    with pytest.raises(UserError, match="--model: must be sonnets or shi, got 'ode'"):
        shipped.place("ode")
