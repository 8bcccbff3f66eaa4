"""English forms as they are asked for: of the shipped model, and of any causal model."""

import re

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from textgan.data.tokenizers import TokenizerOptions, train_tokenizer
from textgan.errors import UserError
from textgan.forms import FormOptions, open_form
from textgan.forms.phones import sound
from textgan.forms.processor import FormProcessor
from textgan.metrics.form_english import is_iambic, lines_of
from tools.english_judge import FORMS, WORD, judge
from tools.prove_english import drawn

POEM = (
    "shall i compare thee to a summer day ?\nthou art more lovely and more temperate :\n"
    "rough winds do shake the darling buds of may ,\nand summer lease hath all too short a date ;\n"
    "the eye of heaven shines at night so bright ,\nand often is his gold complexion dimmed .\n"
    "away with love , above the sea of light"
)


def tokenizer(name: str = "word", text: str = POEM) -> PreTrainedTokenizerFast:
    return train_tokenizer([text], TokenizerOptions(name=name, size=300))  # type: ignore[arg-type]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_stands_before_the_judge(form: str) -> None:
    poems = [*drawn(8, form=form)]
    assert len({*poems}) == 8
    assert all(fault.disputed for poem in poems for fault in judge(poem, form))


def test_all_that_can_be_asked_for_is_kept_together() -> None:
    poems = drawn(
        6,
        form="Quatrain",
        rhyme="a-b a".replace("b", "-"),
        syllables="8-9",
        acrostic="L. ö—v!e",
        use=("night", "Beauty"),
        avoid=("the", "AND"),
        metre=2.0,
    )
    for poem in poems:
        lines = [WORD.findall(line) for line in poem.split("\n")]
        words = [word for line in lines for word in line]
        assert "".join(line[0][0] for line in lines) == "love"
        assert "night" in re.split(r"\W", poem) and "beauty" in re.split(r"\W", poem)
        assert not {"the", "and"} & {*words}
        first, last = (sound(lines[i][-1]) for i in (0, 3))
        assert first and last and first.rhyme and last.rhyme
        assert first.rhyme.rhyme == last.rhyme.rhyme and first.rhyme.onset != last.rhyme.onset


def test_gaps_are_filled_and_the_rest_stays_as_it_is() -> None:
    template = "Shall I _ thee to the rose's ___? /\n_ art more _, and _"
    poems = [*drawn(6, fill=template, rhyme="AA", acrostic="st", use=("day",))]
    shown = r"shall i \w+ thee to the rose's \w+\?\n(t\w*) art more \w+, and \w+"
    assert len({*poems}) == 6
    for poem in poems:
        assert re.fullmatch(shown, poem) and "day" in re.split(r"\W", poem)
        first, last = (sound(WORD.findall(line)[-1]) for line in poem.split("\n"))
        assert first and last and first.rhyme and last.rhyme
        assert first.rhyme.rhyme == last.rhyme.rhyme
    for clitic in ("'s", "’s", "’S"):
        assert all(re.fullmatch(r"\w+'s \w+", poem) for poem in drawn(2, fill=f"_{clitic} _"))
    assert all(poem.startswith("rose's ") for poem in drawn(2, fill="Rose’s _"))
    assert all(poem.count("\n") == 1 for poem in drawn(2, fill="_ / / _"))
    for poem in drawn(6, form="couplet", fill="the rose's _ by the _"):
        assert all(fault.disputed for fault in judge(poem, "couplet"))
    assert all(poem.count("\n") == 3 for poem in drawn(2, fill="the _ of the _ ,", form="quatrain"))


def test_metre_makes_iambic_lines_likelier() -> None:
    def share(metre: float) -> float:
        lines = [line for poem in drawn(24, form="couplet", metre=metre) for line in lines_of(poem)]
        return sum(map(is_iambic, lines)) / len(lines)

    assert share(0.0) + 0.05 < share(1.0)


def generated(names: PreTrainedTokenizerFast, count: int, **asked: object) -> list[str]:
    """Poems of a random GPT-2 through transformers' own `generate`."""
    lines = asked.pop("read", ())
    form = open_form(FormOptions(**asked), names, lines)  # type: ignore[arg-type]
    torch.manual_seed(0)
    size, bos, eos, pad = len(names), names.bos_token_id, names.eos_token_id, names.pad_token_id
    config = GPT2Config(vocab_size=size, n_positions=200, n_embd=8, n_layer=1, n_head=1)
    config.bos_token_id, config.eos_token_id, config.pad_token_id = bos, eos, pad
    rows = GPT2LMHeadModel(config).generate(
        torch.full((count, 1), bos),
        do_sample=True,
        max_new_tokens=form.length,
        logits_processor=[FormProcessor(form, [bos, pad])],
    )
    assert (rows == eos).any(dim=1).all()
    found: list[str] = names.batch_decode(rows, skip_special_tokens=True)
    return found


def test_any_causal_model_writes_in_form() -> None:
    poems = generated(tokenizer(), 8, syllables="6", rhyme="aabb")
    assert all(len(poem.split("\n")) == 4 for poem in poems)
    for poem in poems:
        counts = [
            sum(known.syllables for word in WORD.findall(line) if (known := sound(word)))
            for line in poem.split("\n")
        ]
        assert counts == [6] * 4


def test_lines_of_the_training_text_are_not_copied() -> None:
    read = ["sea of\nsea at", "night , sea !\nmay sea"]
    asked = {"syllables": "2", "lines": 8, "rhyme": "-" * 8, "avoid": ("and",)}
    bare = {re.sub(r"\W+", " ", line).strip() for text in read for line in text.split("\n")}

    def written(**more: object) -> set[str]:
        poems = generated(tokenizer(), 60, read=read, **asked, **more)
        return {re.sub(r"\W+", " ", line).strip() for p in poems for line in p.split("\n")}

    assert bare & written() and not bare & written(new_lines=True)


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"form": "haiku", "syllables": "10"}, "--syllables: a haiku has 5/7/5, not 10"),
        ({"form": "sonnet", "lines": 5}, "--lines: a sonnet has 14 lines, not 5"),
        ({"form": "limerick", "rhyme": "ABABA"}, "--rhyme: a limerick rhymes AABBA, not ABABA"),
        (
            {"form": "quatrain", "rhyme": "ABA"},
            "--rhyme: has 3 letters, a quatrain 4 lines; give 4",
        ),
        ({"form": "couplet", "rhyme": "東"}, "--rhyme: '東' is no scheme; write a letter a line"),
        ({"form": "couplet", "syllables": "5/5/5"}, "--syllables: has 3 lines, a couplet 2 lines"),
        ({"form": "couplet", "syllables": "ten"}, "--syllables: 'ten' can't be read; write 10"),
        ({"form": "couplet", "syllables": "9-8"}, "--syllables: 9-8 isn't between 1 and 30"),
        ({"rhyme": "A" * 30}, "--rhyme: 30 lines are to rhyme, and of this model's words"),
        (
            {"form": "couplet", "acrostic": "sea"},
            "--acrostic: sea has 3 letters, a couplet has 2 lines; a haiku has 3",
        ),
        (
            {"acrostic": "春"},
            "--acrostic: 春 isn't English, as the poem is to be; give letters, or",
        ),
        (
            {"form": "couplet", "acrostic": "ax"},
            "--acrostic: no word of this model begins with 'x'; 'w' would do",
        ),
        ({"form": "couplet", "acrostic": "a春"}, "--acrostic: '春' is no letter from a to z"),
        ({"form": "couplet", "acrostic": "а"}, "--acrostic: 'а' is no letter from a to z"),
        ({"form": "couplet", "acrostic": "…!"}, "--acrostic: '…!' has no letter from a to z"),
        (
            {"form": "couplet", "use": ("cathedral",)},
            "--use: cathedral: this model doesn't know it",
        ),
        ({"form": "couplet", "use": ("qzx",)}, "--use: qzx: the dictionary hasn't got its sound"),
        ({"form": "couplet", "use": ("my love",)}, "--use: 'my love' is no single word; give each"),
        (
            {"form": "couplet", "use": ("love",) * 2, "avoid": ("love",)},
            "--use: love is to be avoid",
        ),
        ({"syllables": "1", "lines": 1, "use": ("heaven",)}, "--use: heaven finds no place"),
        ({"form": "couplet", "tones": "strict"}, "--tones: is for Chinese verse; --metre"),
        ({"fill": "the love"}, "--fill: has no gap; write _ for each word that is open"),
        ({"fill": "qzx _"}, "--fill: qzx: the dictionary hasn't got its sound; write _ there"),
        ({"fill": "_ guitar"}, "--fill: guitar: this model doesn't know it; write _ there"),
        ({"fill": ", _ love"}, "--fill: ',' can't stand there in ', _ love'; leave it out"),
        ({"fill": "_ '"}, '--fill: "\'" can\'t stand there in "_ \'"; leave it out'),
        ({"fill": "_ 3 day"}, "--fill: '3' can't stand there in '_ 3 day'; leave it out"),
        ({"fill": "_ / _ / _", "form": "couplet"}, "--fill: has 3 lines, a couplet has 2; leave"),
        ({"fill": "_ love", "avoid": ("love",)}, "--avoid: love stands in --fill; leave it out"),
        (
            {"fill": "_ love", "use": ("sea", "day")},
            "--use: sea finds no place with the rest; l",
        ),
        (
            {"fill": "the _", "acrostic": "sh"},
            "--acrostic: begins line 1 with 's', --fill with the; put a gap there",
        ),
        (
            {"form": "couplet", "fill": "the _"},
            "--fill: line 1 makes 4 syllables at most, fewer than 10; put gaps in",
        ),
        (
            {"form": "haiku", "fill": "the darling buds of may and _"},
            "--fill: line 1 makes 8 syllables at least, more than 5; take words out",
        ),
        (
            {"rhyme": "AABB", "fill": "_ _ / _ / the _ light / _ day"},
            "--rhyme: light and day make no rhyme; AAB- would do",
        ),
        (
            {"rhyme": "ABAB", "fill": "_ love / _ above / _ / _"},
            "--rhyme: love and above rhyme, and mustn't; A--- would do",
        ),
        ({"rhyme": "AA", "fill": "_ / _ a"}, "--rhyme: a finds no rhyme among this model's words;"),
        (
            {"form": "couplet", "new_lines": True},
            "--new-lines: the text that the model was trained",
        ),
        (
            {"syllables": "1", "lines": 2, "acrostic": "dh"},
            "--acrostic: 'h' can't begin line 2, of 1 to 1 syllables; allow it 1-2",
        ),
        (
            {"syllables": "1", "lines": 1, "use": ("sea", "love")},
            "--use: sea finds no place with the rest; leave it out, or allow each line 1 more",
        ),
        (
            {"form": "couplet", "syllables": "1", "acrostic": "hh"},
            "--syllables: leave no poem with the rest; allow each line",
        ),
        ({"rhyme": "AAAAAAAA"}, "all of different onsets; AAA----- would do"),
    ],
)
def test_what_cannot_be_had(asked: dict[str, object], line: str) -> None:
    text = POEM.replace("hath", "heaven").replace("his", "heaven")
    with pytest.raises(UserError, match=re.escape(line)) as error:
        open_form(FormOptions(**{"form": None} | asked), english(text), [])  # type: ignore[arg-type]
    assert "\n" not in str(error.value)


def english(text: str) -> PreTrainedTokenizerFast:
    return tokenizer("word", text)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("character", POEM, "its tokens are characters"),
        ("bpe", POEM, "may be a piece of a word"),
        ("word", POEM.replace("\n", " "), "it has no line break"),
        ("word", "kxq zvt qqd\n" * 3 + POEM[:8], "tokens are words whose sound is known"),
    ],
)
def test_tokenizers_that_cannot_carry_verse(name: str, text: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        open_form(FormOptions(form="couplet"), tokenizer(name, text))
