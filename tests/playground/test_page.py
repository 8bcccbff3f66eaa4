"""The page's words, and mistakes beside their fields."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
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
from textgan.playground.mistakes import worded
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


def written(tab: WriteTab, language: str = "en", **wish: Any) -> list[Any]:
    """What a click on Write sends to the page, part by part."""
    defaults = {name: field.value for name, field in tab.fields.all.items()}
    given = defaults | {"model": "shi", "beside": None} | wish
    return [*tab.write(language, *given.values())]


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


@pytest.mark.parametrize(("form", "lines"), [("haiku", 3), ("couplet", 2)])
def test_english_forms_are_written(tab: WriteTab, form: str, lines: int) -> None:
    poems = written(tab, model="sonnets", form=form, count=2)[-1][tab.written]
    assert [len(one.poem.text.strip().split("\n")) for one in poems] == [lines] * 2


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
    beside, rest = tab.fields.told(error, "en")
    assert [*beside] == [tab.fields.all["count"]]
    assert rest == '<p class="wrong">/tmp/run: is damaged</p>'


@pytest.mark.parametrize(
    ("wish", "english", "chinese"),
    [
        (
            {"acrostic": "春夏秋冬春夏"},
            "Acrostic: 春夏秋冬春夏 has 6",
            "藏头：“春夏秋冬春夏”有 6 字，",
        ),
        ({"acrostic": "春a"}, "Acrostic: 'a' is no", "藏头：“a”不是汉字，请去掉。"),
        ({"acrostic": "sea"}, "Acrostic: sea isn't Chinese", "藏头：“sea”不是汉字，而诗用中文；"),
        ({"acrostic": "春龘秋冬"}, "Acrostic: this model doesn't", "藏头：模型不认识“龘”，但认识"),
        (
            {"rhyme": "月亮"},
            "Rhyme: 平水韵 has no",
            "韵：平水韵没有韵部“月亮”；请写一个韵字，或选：",
        ),
        ({"rhyme": "龘"}, "Rhyme: in 平水韵 龘", "韵：平水韵中不能用“龘”；请选："),
        ({"prefix": "春風"}, "Begins with: '春風' can't", "开头：此体裁的诗不能以“春風”开头；"),
        (
            {"avoid": "春", "acrostic": "春夏秋冬"},
            "Words to avoid: without 春",
            "不用的词：其他要求少不了",
        ),
        (
            {"use": "春夏秋冬风花雪月"},
            "Words to use: 春夏秋冬风花雪月 has 8",
            "必用的词：“春夏秋冬风花雪月”有 8",
        ),
        ({"lines": 5}, "Lines: 五绝 has 4 lines", "行数：五绝有 4 句，不是 5 句。"),
        ({"form": "haiku"}, "Form: this model's", "体裁：此模型不写英文诗；请换英文模型，"),
        ({"metre": 2.0}, "Iambic metre: is for", "抑扬格：仅用于英文诗。"),
        ({"count": 21}, "Poems: Input should", "首数：不得大于 20；现为 21。"),
        ({"top_k": 0}, "Top-k: must be 1", "Top-k：不得小于 1；现为 0。"),
        ({"top_p": 2.0}, "Top-p: must be between", "Top-p：须大于 0 且小于 1；"),
        ({"by": "discriminator"}, "Chosen by: chooses", "由谁选：用于多中选优；"),
        ({"new_lines": True}, "No line copied from the", "不抄训练文本中的句子：自带模型"),
    ],
)
def test_a_mistake_is_told_in_the_reader_s_words(
    tab: WriteTab, wish: dict[str, Any], english: str, chinese: str
) -> None:
    for language, said in (("en", english), ("zh", chinese)):
        told = written(tab, language, **{"form": "wujue"} | wish)[-1]
        (info,) = (one["info"] for one in told.values() if isinstance(one, dict) and "info" in one)
        assert info.startswith(said)
        assert not {*re.findall(r"--([a-z-]+)", info)} & {*tab.fields.all}


def test_a_mistake_without_a_chinese_wording_names_its_field_at_least() -> None:
    assert worded("--best-of: is odd beside --top-k", "zh") == "多中选优: is odd beside Top-k"
    assert worded("/tmp/--run: is damaged", "zh") == "/tmp/--run: is damaged"


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


def test_a_run_called_real_is_not_held_for_people_s(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").symlink_to(made / "runs" / "small-pretrain-1")
    monkeypatch.setenv("TEXTGAN_RUNS", str(tmp_path))
    assert "real" not in Poets().places()
    assert Poets().places()["real (run)"] == tmp_path / "real"


def test_a_taken_port_is_one_line(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    port = int(address.rstrip("/").rsplit(":", 1)[1])
    with pytest.raises(UserError, match=f"^--port: {port} is taken"):
        server.start(port)


def test_ctrl_c_ends_it_with_130_and_frees_the_port(
    textgan: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    threading.Timer(3, os.kill, (os.getpid(), signal.SIGINT)).start()
    done = textgan("playground")
    assert (done.code, done.out) == (130, "")
    said = re.fullmatch(r"playground: http://127.0.0.1:(\d+)/ \(Ctrl-C ends it\)\n", done.err)
    assert said
    with socket.create_server(("127.0.0.1", int(said[1]))):
        pass


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
