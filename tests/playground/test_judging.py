"""Nothing that a judge sees gives the source of a text away."""

import random
from collections import Counter
from pathlib import Path

import pytest

from textgan.errors import UserError
from textgan.playground.exhibits import REAL, TEXTS, Exhibit, generated, read_again, real
from textgan.playground.judge_tab import exhibited
from textgan.playground.judging import Judging, Task, begin
from textgan.playground.poets import Poets
from textgan.poet import Poet, Wish


@pytest.fixture(scope="module")
def poet(made: Path) -> Poet:
    return Poet.open(made / "runs" / "small-adversarial-1")


def exhibits(source: str, lengths: dict[int, int]) -> list[Exhibit]:
    every = [n for n, count in lengths.items() for _ in range(count)]
    return [Exhibit(f"{source} {number}", n, source, 1, number) for number, n in enumerate(every)]


def asked(judging: Judging) -> list[tuple[Exhibit, ...]]:
    """What a whole session shows."""
    shown = [judging.question.shown]
    while judging.lengths:
        shown.append(judging.next().shown)
    return shown


def judged(task: Task, seed: int) -> Judging:
    # Real texts are longer: by their length alone three of four could be told.
    own = exhibits("run", {3: 60, 4: 20, 5: 5})
    held_out = exhibits(REAL, {3: 5, 4: 20, 5: 60, 6: 10})
    return Judging(task, own, held_out, ["run"], random.Random(seed))


def test_length_says_nothing_of_the_source() -> None:
    found: Counter[tuple[int, str]] = Counter()
    for seed in range(400):
        for (one,) in asked(judged("real", seed))[:10]:
            found[one.length, one.source] += 1
    assert {length for length, _ in found} == {3, 4, 5}
    for length in (3, 4, 5):
        own, held_out = found[length, "run"], found[length, REAL]
        assert abs(own - held_out) < 4 * (own + held_out) ** 0.5  # 4 standard errors of a coin


def test_two_texts_are_as_long_and_in_either_order() -> None:
    pairs = [pair for seed in range(100) for pair in asked(judged("better", seed))[:5]]
    assert all(a.length == b.length and a.source != b.source for a, b in pairs)
    first = sum(a.source == REAL for a, _ in pairs)
    assert abs(first - len(pairs) / 2) < 2 * len(pairs) ** 0.5


def test_no_text_is_shown_twice() -> None:
    shown = [one for question in asked(judged("real", 1)) for one in question]
    assert len(shown) == len({*shown})


def test_a_text_that_a_source_has_twice_is_shown_once() -> None:
    own = [Exhibit("own", 1, "run", 1, number) for number in range(3)]
    other = [Exhibit(f"other {number}", 1, REAL, 1, number) for number in range(3)]
    for task, questions in (("real", 3), ("better", 1)):
        judging = Judging(task, own, other, ["run"], random.Random(0))
        shown = [one.text for question in asked(judging) for one in question]
        assert shown.count("own") <= 1
        assert len(asked(judging)) <= questions


def test_a_text_that_both_have_is_not_asked_about() -> None:
    own = [Exhibit("same", 1, "run", 1, 0), Exhibit("own", 1, "run", 1, 1)]
    other = [Exhibit("same", 1, REAL, 1, 0), Exhibit("other", 1, REAL, 1, 1)]
    judging = Judging("better", own, other, ["run"], random.Random(0))
    assert {one.text for one in judging.question.shown} == {"own", "other"}
    with pytest.raises(UserError, match="begin anew"):
        judging.next()


def test_the_browser_gets_the_text_and_nothing_else() -> None:
    assert exhibited(["a\nb"], "en") == exhibited(["a\nb"], "en")
    page = exhibited(["first <text>", "second"], "zh")
    for hidden in ("run", "real", "generated", "seed", "title=", "data-"):
        assert hidden not in page
    assert "&lt;text&gt;" in page


def test_both_sources_come_the_same_way(poet: Poet) -> None:
    tokenizers = [poet.writer.tokenizer]
    own, held_out = (draw(poet, tokenizers, 3) for draw in (generated, real))
    assert own
    assert held_out
    for one in own + held_out:
        assert read_again(one.text, tokenizers) == (one.text, one.length)  # no more to do
        assert one.text == one.text.strip()
        assert "\n\n" not in one.text
        assert not any(line != line.strip() for line in one.text.split("\n"))
        assert 0 < one.length < poet.writer.generator.config.length


def test_capitals_quotes_and_blanks_of_real_texts_are_the_tokenizer_s(poet: Poet) -> None:
    tokenizers = [poet.writer.tokenizer]
    plain = read_again("the moon is low\nthe river was far", tokenizers)
    assert plain is not None
    assert read_again("the  moon is low \n\n the river was far\n", tokenizers) == plain
    assert read_again("the zebra is low", tokenizers) is None


def test_a_text_that_the_model_broke_off_is_left_out(poet: Poet) -> None:
    config = poet.writer.generator.config
    poems = [*poet.poems(Wish(), TEXTS, 3)]
    broken_off = {poem.text for poem in poems if len(poem.tokens) == config.length}
    assert broken_off
    shown = generated(poet, [poet.writer.tokenizer], 3)
    assert not {one.text for one in shown} & broken_off
    for one in shown:  # found again by seed and number
        again = read_again(poems[one.number].text, [poet.writer.tokenizer])
        assert again == (one.text, one.length)


def test_held_out_texts_only(poet: Poet, made: Path) -> None:
    from textgan.data.splits import Division
    from textgan.sampling import corpus_options

    split = {text.text: of for of, text in Division(corpus_options(poet.checkpoint)).texts()}
    assert {split[one.text] for one in real(poet, [poet.writer.tokenizer], 1)} == {"test"}


@pytest.mark.parametrize(
    ("task", "model", "against", "said"),
    [
        ("real", "shi", REAL, "--judged: the shipped model 'shi' comes without"),
        ("better", "shi", "shi", "--against: is the model itself"),
        ("real", "../x", REAL, "--model: no '../x'"),
        ("better", "shi", "sonnets", "judge: no texts of the same length"),
    ],
)
def test_what_can_t_be_judged(task: Task, model: str, against: str, said: str) -> None:
    with pytest.raises(UserError) as found:
        begin(Poets(), task, model, against, 0)
    assert said in str(found.value)
