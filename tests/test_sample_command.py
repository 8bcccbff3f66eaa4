"""`sample` with a form, a taste, a choice and reasons, from the command line."""

import json
from pathlib import Path

import pytest

from tests.conftest import Command
from textgan import api
from textgan.forms import FormOptions
from textgan.metrics.memorisation import nearest
from textgan.poet import Poet, Wish
from textgan.why import Why, lines, words

FORM = ("--model", "shi", "--form", "五绝", "--acrostic", "春夏秋冬")


def poems(out: str) -> list[str]:
    return out.rstrip("\n").split("\n\n")


def test_a_form_is_kept_and_its_price_is_told(textgan: Command) -> None:
    told = textgan("sample", *FORM, "--tones", "strict", "--count", 4, "--report")
    assert told.code == 0, told.err
    found = poems(told.out)
    assert len({*found}) == 4
    for poem in found:
        assert [line[0] for line in lines(poem)] == [*"春夏秋冬"]
        assert {len(line) for line in lines(poem)} == {6}, "five characters and a mark"
    last = told.err.splitlines()[-1]
    assert last.startswith("masks cost ") and " of 64; left to itself the model keeps " in last


def test_the_same_seed_writes_the_same_however_many_and_as_the_api(textgan: Command) -> None:
    few = poems(textgan("sample", *FORM, "--count", 3, "--seed", 5).out)
    many = poems(textgan("sample", *FORM, "--count", 70, "--seed", 5).out)
    assert many[:3] == few and len({*many}) == 70
    wish = Wish(form=FormOptions(form="五绝", acrostic="春夏秋冬"))
    assert [poem.text for poem in api.poems("shi", wish, 3, seed=5)] == few


def test_each_line_stands_beside_the_training_line_most_like_it(
    textgan: Command, pretrained: Path
) -> None:
    told = textgan("sample", pretrained, "--count", 2, "--why", "--format", "jsonl")
    rows = [json.loads(row) for row in told.out.splitlines()]
    training = [line for text in Poet.open(pretrained).lines("--why") for line in lines(text)]
    for row in rows:
        assert [reason["line"] for reason in row["why"]] == lines(row["text"])
        for reason in row["why"]:
            [near] = nearest([words(reason["line"])], [*map(words, training)])
            assert reason["similarity"] == near.similarity
            assert reason["nearest"] in training
            assert reason["score"] is None, "likelihood has no discriminator that has learnt"
    shown = textgan("sample", pretrained, "--count", 1, "--why").out
    first = rows[0]["why"][0]
    assert shown.startswith(f"{first['line']}\n    {first['similarity']:.2f} like: ")


def test_a_discriminator_scores_lines_and_chooses(textgan: Command, made: Path) -> None:
    played = made / "runs" / "small-adversarial-1"
    poet = Poet.open(played)
    [poem] = poet.poems(Wish(), 1)
    scores = poet.token_scores(poem)
    assert scores is not None and "".join(piece for piece, _ in scores) == poem.text
    reasons = Why(poet).of(poem)
    assert sum(reason.score or 0 for reason in reasons) == pytest.approx(sum(s for _, s in scores))
    told = textgan("sample", played, "--count", 2, "--best-of", 4, "--by", "discriminator")
    assert told.code == 0, told.err
    assert len(poems(told.out)) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--tones", "loud"), "--tones: must be 'strict', 'soft' or 'off', got 'loud'"),
        (("--form", "villanelle"), "--form: no 'villanelle'; there are quatrain, couplet, haiku,"),
        (("--acrostic", "春夏秋冬天", "--form", "五绝"), "--acrostic: 春夏秋冬天 has 5 characters"),
        (
            ("--form", "五绝", "--prefix", "春风"),
            "--prefix: '春风' can't begin a poem of that form",
        ),
        (
            ("--best-of", "4", "--by", "discriminator"),
            "--by: the shipped model 'shi' has no discriminator that has learnt; give a run",
        ),
        (("--resample",), "--resample: corrects what a form distorts; give one"),
        (("--new-lines",), "--new-lines: the shipped model 'shi' comes without the text"),
        (("--why",), "--why: the shipped model 'shi' comes without the text it was trained on"),
        (("--walk", "5"), "--walk: this model makes its texts of no noise"),
        (("--candidates", "4"), "--candidates: the shipped model 'shi' comes without a discri"),
        (("--candidates", "4", "--best-of", "2"), "--candidates: corrects the distribution, --be"),
        (("--candidates", "4", "--top-p", ".9"), "--candidates: what --top-k, --top-p and --typi"),
        (("--candidates", "4", "--resample"), "--resample: is part of --candidates; leave it out"),
        (("--count", "0"), "--count: must be 1 or more, got 0"),
    ],
)
def test_what_cannot_be_is_one_line(
    textgan: Command, options: tuple[str, ...], message: str
) -> None:
    if "春风" in options:
        options = (*options, "--acrostic", "秋")
    told = textgan("sample", "--model", "shi", *options)
    assert told.code == 2 and told.out == ""
    last = told.err.splitlines()[-1]
    assert last.startswith(f"error: {message}")
