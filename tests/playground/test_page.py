"""The page's words, and mistakes beside their fields."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from tests.conftest import Command
from textgan.errors import UserError
from textgan.forms import FormOptions
from textgan.playground import server
from textgan.playground.ask import Ask
from textgan.playground.fields import Fields
from textgan.playground.labels import Labels
from textgan.playground.poets import HELD, Poets
from textgan.playground.sheet import sheets
from textgan.playground.strings import LANGUAGES, STRINGS, text
from textgan.playground.write_tab import WriteTab
from textgan.playground.written import Written
from textgan.poet import Poem


@pytest.fixture(scope="module")
def tab() -> WriteTab:
    with gr.Blocks(analytics_enabled=False):
        language = gr.Radio([*LANGUAGES])
        return WriteTab(Labels("en"), Poets(), language)


def written(tab: WriteTab, **wish: Any) -> list[Any]:
    """What a click on Write sends to the page, part by part."""
    defaults = {name: field.value for name, field in tab.fields.all.items()}
    given = defaults | {"model": "shi", "beside": None} | wish
    return [*tab.write("en", *given.values())]


def test_every_word_is_in_both_languages() -> None:
    for key, (english, chinese) in STRINGS.items():
        assert english.strip() == english and chinese.strip()
        assert not re.search(r"[一-鿿]", re.sub("五绝|七绝|五律|七律|中文", "", english)), key
        holes = [sorted(re.findall(r"{\w*}", words)) for words in (english, chinese)]
        assert holes[0] == holes[1], key
    assert text("write", "zh") == "写"


def test_there_is_a_field_for_every_option(tab: WriteTab) -> None:
    assert {*tab.fields.all} == {*Ask.model_fields} | {"beside"}
    assert {*FormOptions.model_fields} < {*Ask.model_fields}


def test_the_page_speaks_chinese() -> None:
    with gr.Blocks(analytics_enabled=False):
        labels = Labels("en")
        fields = Fields(labels, ["shi"])
    told = labels.updates("zh")
    assert told[fields.all["acrostic"]]["label"] == "藏头"
    assert ("五绝", "wujue") in told[fields.all["form"]]["choices"]


def test_poems_stream_in(tab: WriteTab) -> None:
    parts = written(tab, count=3)
    sheet = [part[tab.sheet] for part in parts if tab.sheet in part]
    assert [html.count('class="poem"') for html in sheet] == [0, 1, 2, 3]
    assert "No colours" in sheet[-1]
    assert len(parts[-1][tab.written]) == 3


@pytest.mark.parametrize(
    ("wish", "field", "folded"),
    [
        ({"form": "wujue", "acrostic": "春夏秋冬春夏"}, "acrostic", False),
        ({"count": 21}, "count", False),
        ({"top_p": 2.0}, "top_p", True),
        ({"by": "discriminator", "best_of": 2}, "by", True),
        ({"lines": 0}, "lines", True),
        ({"form": "wujue", "rhyme": "x"}, "rhyme", False),
        ({"model": "../../etc/passwd"}, "model", False),
    ],
)
def test_a_mistake_stands_beside_its_field(
    tab: WriteTab, wish: dict[str, Any], field: str, folded: bool
) -> None:
    first, last = written(tab, **wish)
    told = last[tab.fields.all[field]]
    assert told["elem_classes"] == ["wrong"]
    assert "\n" not in told["info"]
    assert last[tab.error] == ""
    opened = [section for section in tab.fields.sections if section in last]
    assert bool(opened) == folded
    assert first[tab.fields.all[field]]["elem_classes"] == []  # the next try clears it


def test_a_shipped_model_has_no_lines_to_compare_with(tab: WriteTab) -> None:
    told = written(tab, form="wujue", new_lines=True)[-1][tab.fields.all["new_lines"]]
    assert told["elem_classes"] == ["wrong"]
    assert "comes without the text" in told["info"]


def test_a_mistake_about_no_field_comes_back(tab: WriteTab) -> None:
    error = UserError("--count: too many\n/tmp/run: is damaged")
    beside, rest = tab.fields.told(error)
    assert [*beside] == [tab.fields.all["count"]]
    assert rest == '<p class="wrong">/tmp/run: is damaged</p>'


def test_a_token_has_the_discriminator_s_colour() -> None:
    poem = Poem("a<b c", (1, 2, 3), 0.0, 0.0)
    scores = [("a", 3.0), ("<b", -0.1), (" c", -30.0)]
    html = sheets([("run", [Written(poem, "run", "1", 0, 0, scores)])], "en")
    colours = re.findall(r"--(real|fake)\) / (\d\.\d\d)", html)
    assert colours == [("real", "0.60"), ("fake", "0.12"), ("fake", "0.60")]
    assert "&lt;b" in html
    assert "Blue" in html


def test_few_models_are_held(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTGAN_RUNS", str(made / "runs"))
    poets = Poets()
    assert [*poets.places()][:2] == ["sonnets", "shi"]
    opened = [poets.open(name) for name in poets.places()]
    assert len(opened) > HELD
    assert len(poets._open) <= HELD
    assert poets.open([*poets.places()][-1]) is opened[-1]


def test_a_taken_port_is_one_line(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    port = int(address.rstrip("/").rsplit(":", 1)[1])
    with pytest.raises(UserError, match=f"^--port: {port} is taken"):
        server.start(port)


def test_without_gradio_it_is_one_line(textgan: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    done = textgan("playground")
    assert done.code == 2
    assert done.err == (
        "error: playground: gradio is not installed; pip install 'textgan[playground]'\n"
    )


def test_the_command_line_loads_no_gradio() -> None:
    code = "import sys, textgan.cli, textgan.playground; print('gradio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "False\n", done.stderr
