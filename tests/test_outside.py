"""Texts of other programs, scored from plain files."""

import json
import re
from pathlib import Path

import pytest

from textgan import ceiling, floor, outside
from textgan.cli import main
from textgan.data.tokenizers import TokenizerOptions, cutter
from textgan.errors import UserError
from textgan.evaluation import Wanted
from textgan.metrics import Evaluation
from textgan.metrics.bleu import References, bleu

REAL = [f"the {a} is {b} ." for a in ("moon", "sun", "sea") for b in ("red", "far", "old", "low")]
WORDS = TokenizerOptions(name="whitespace")
BLEU = Wanted(("bleu",))


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write("theirs.txt", ["the moon is red .", "the sun is sun .", "a sea is far ."])
    write("test.txt", REAL[::2])
    write("train.txt", REAL[1::2])
    return tmp_path


def write(name: str, texts: list[str]) -> None:
    Path(name).write_text("\n".join(texts) + "\n", encoding="utf-8")


def lines(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str], list[str]]:
    code = 0
    try:
        main(["evaluate", *words])
    except SystemExit as end:
        code = int(end.code or 0)
    out, err = capsys.readouterr()
    return code, out.splitlines(), err.splitlines()


@pytest.mark.usefixtures("files")
def test_samples_stand_beside_real_text_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = lines(
        capsys,
        *("--samples", "theirs.txt", "--reference", "test.txt", "--training", "train.txt"),
        *("--metrics", "bleu,sacrebleu", "--json", "out.json", "--tokenizer", "whitespace"),
    )
    assert (code, err) == (0, [])
    rows = json.loads(Path("out.json").read_text("utf-8"))
    assert [row["name"] for row in rows] == ["training text (train.txt)", floor.NAME, "theirs.txt"]
    theirs = [text.split() for text in Path("theirs.txt").read_text("utf-8").splitlines()]
    expected = bleu(theirs, References([text.split() for text in REAL[::2]]))
    for n, estimate in expected.items():
        assert rows[2]["figures"][f"BLEU-{n}"]["value"] == pytest.approx(estimate.value)
    assert [line.split("  ")[0] for line in out[1:6]] == [
        *(f"BLEU-{n}" for n in (2, 3, 4, 5)),
        "sacreBLEU",
    ]
    assert out[-1].startswith("hypotheses:3|references:6|")
    assert "|weights:uniform|tokenizer:whitespace|seed:0|test:" in out[-1]  # at what temperature?


@pytest.mark.usefixtures("files")
def test_without_training_text_half_of_the_references_is_the_ceiling() -> None:
    rows = outside.score(Path("theirs.txt"), Path("test.txt"), None, WORDS, BLEU)
    assert [row.name for row in rows] == ["one half of test.txt against the other", "theirs.txt"]
    real = rows[0].evaluation
    assert real is not None
    assert sorted(real.texts + real.reference_texts) == sorted(REAL[::2])


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--samples", "theirs.txt"], "--samples: have to be held against real texts; give"),
        (["--reference", "test.txt"], "--reference, --training: go with --samples FILE; give"),
        (
            ["--samples", "no.txt", "--reference", "test.txt"],
            "--samples: no.txt is no file; give a text file, a text a line",
        ),
        (
            ["--samples", "gap.txt", "--reference", "test.txt"],
            "--samples: line 2 of gap.txt is empty, and would count as a text; take it out",
        ),
        (
            ["--samples", "none.txt", "--reference", "test.txt"],
            "--samples: none.txt has no text in it; give a text a line",
        ),
        (
            ["--samples", "one.txt", "--reference", "test.txt"],
            "--samples one.txt, --reference test.txt: too few texts: Self-BLEU: needs at least 2 "
            "texts, got 1",
        ),
        (
            ["--samples", "theirs.txt", "--reference", "test.txt", "--metrics", "bleu,blue"],
            "--metrics: no 'blue'; there are bleu, self_bleu",
        ),
        (
            ["--samples", "theirs.txt", "--reference", "test.txt", "--tokenizer", "bpe"],
            "tokenizer.name: bpe is learnt from texts; word, whitespace and character cut without",
        ),
        (
            ["--samples", "theirs.txt", "--reference", "test.txt", "--encoder", "folder"],
            "--encoder: none of bleu, self_bleu, backward_bleu, lm, reverse_lm, memorisation "
            "embeds sentences; name fed, mauve, prdc, vendi in --metrics, or leave it out",
        ),
        (
            ["runs/x", "--samples", "theirs.txt", "--reference", "test.txt"],
            "--samples: are scored instead of runs; leave the runs out",
        ),
    ],
)
def test_a_mistake_is_one_line(
    words: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write("gap.txt", ["a", "", "b"])
    write("none.txt", [])
    Path("none.txt").write_text("", encoding="utf-8")
    write("one.txt", ["the moon"])
    code, out, [line] = lines(capsys, *words)
    assert (code, out) == (2, [])
    assert line.startswith(f"error: {error}")


@pytest.mark.usefixtures("files")
def test_files_that_are_cut_differently_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    write("glued.txt", [text.replace(" .", ".").capitalize() for text in REAL])
    outside.score(Path("glued.txt"), Path("test.txt"), None, WORDS, BLEU)
    assert capsys.readouterr().err.splitlines() == [
        "warning: glued.txt and test.txt are cut differently: punctuation is glued to words in "
        "100% and 0% of the lines, as in 'The moon is red.' and 'the moon is red .'; figures of "
        "n-grams mean nothing then",
        "warning: glued.txt and test.txt are cut differently: there are capitals in 100% and 0% of "
        "the lines, as in 'The moon is red.' and 'the moon is red .'; figures of n-grams mean "
        "nothing then",
    ]
    outside.score(Path("theirs.txt"), Path("test.txt"), None, WORDS, BLEU)
    assert capsys.readouterr().err == ""
    write("signs.txt", ["月亮", "明月", "日出"])
    write("apart.txt", ["月 亮", "明 月", "日 出"])
    outside.score(Path("test.txt"), Path("test.txt"), Path("signs.txt"), WORDS, BLEU)
    told = "are cut differently: there are blanks in 100% and 0% of the lines, as in "
    assert [line.partition(told)[2] for line in capsys.readouterr().err.splitlines()][-1:] == [
        "'the moon is red .' and '月亮'; figures of n-grams mean nothing then"
    ]
    outside.score(Path("signs.txt"), Path("apart.txt"), None, WORDS, BLEU)
    assert f"{told}'月 亮' and '月亮'; " in capsys.readouterr().err


@pytest.mark.usefixtures("files")
def test_metrics_that_files_can_t_feed_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--samples", "theirs.txt", "--reference", "test.txt", "--tokenizer", "whitespace")
    _, _, err = lines(capsys, *given, "--metrics", "bleu,memorisation,categories")
    assert err == [
        "warning: memorisation: left out; it needs the texts that trained; give --training FILE",
        "warning: categories: left out; it needs labels, which lines of a file don't have; "
        "evaluate a run",
    ]
    _, _, err = lines(capsys, *given, "--metrics", "memorisation", "--training", "train.txt")
    assert err == []


def test_real_text_is_without_the_figures_for_which_it_is_too_little(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write("two.txt", REAL[:2])
    code, out, err = lines(
        capsys,
        *("--samples", "theirs.txt", "--reference", "two.txt", "--tokenizer", "whitespace"),
        *("--metrics", "self_bleu,bleu,memorisation", "--latex", "table.tex"),
    )
    assert code == 0
    assert err == [
        "warning: one half of two.txt against the other: Self-BLEU: needs at least 2 texts, got 1; "
        "left out",
        "warning: memorisation: left out; it needs the texts that trained; give --training FILE",
    ]
    table = dict(re.split("  +", line, maxsplit=1) for line in out[1:-2])
    assert [name.rstrip("2345") for name in table] == ["Self-BLEU-"] * 4 + ["BLEU-"] * 4
    assert [line.count("±") for line in table.values()] == [1] * 4 + [2] * 4
    latex = (files / "table.tex").read_text("utf-8")
    assert "Self-BLEU-5 & --" in latex
    assert "exact copies" not in latex  # a line that would be empty


def test_a_language_that_the_encoder_does_not_know_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    e = Evaluation(["a"], [["a"]], ["b"], [["b"]])
    monkeypatch.setattr(ceiling, "unknown_language", lambda _: "it reads Greek")
    ceiling.warn_of_language(e, ("bleu", "fed", "vendi"))
    assert capsys.readouterr().err == "warning: fed, vendi: left out; it reads Greek\n"
    ceiling.warn_of_language(e, ("bleu",))
    monkeypatch.setattr(ceiling, "unknown_language", lambda _: None)
    ceiling.warn_of_language(e, ("fed",))
    assert capsys.readouterr().err == ""


def test_what_cuts_without_a_vocabulary_cuts_as_the_tokenizer_does() -> None:
    assert cutter(TokenizerOptions())('Don\'t go, "she" said.')[:3] == ["Do", "n't", "go"]
    assert cutter(TokenizerOptions(name="character"))("ab c") == ["a", "b", " ", "c"]
    with pytest.raises(UserError, match="bpe is learnt from texts"):
        cutter(TokenizerOptions(name="bpe"))
