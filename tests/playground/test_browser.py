"""The page in a real browser: sample, colour, compare, judge, export."""

import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest
from PIL import Image

from textgan.playground import judge_tab, write_tab

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright isn't installed")
CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}"),
]
RUN = "small-adversarial-1"
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Open]:
    """Opens the page in a browser of its own; whatever it asks of other machines fails the test."""
    contexts, asked = [], []

    def open_page(**how: Any) -> Any:
        contexts.append(browser.new_context(**({"locale": "en-GB"} | how)))
        page = contexts[-1].new_page()
        page.set_default_timeout(60_000)
        page.on("request", lambda request: asked.append(urlparse(request.url)))
        page.goto(address)
        page.wait_for_selector("#write")
        page.wait_for_timeout(1000)  # what is asked at the beginning has come
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert {url.hostname for url in asked if url.scheme.startswith("http")} == {"127.0.0.1"}


def choose(page: Any, field: str, name: str) -> None:
    page.click(f"{field} input")
    page.locator(field).get_by_role("option", name=name, exact=True).click()


def fill(page: Any, field: str, value: str) -> None:
    page.locator(f"{field} input, {field} textarea").first.fill(value)


def write(page: Any, poems: int = 3) -> None:
    page.click("#write")
    page.wait_for_selector(f"#tick input[type=checkbox] >> nth={poems - 1}")


def test_poems_are_written_and_coloured(visit: Open) -> None:
    page = visit()
    choose(page, "#field-model", RUN)
    write(page)
    assert page.locator("#sheet .poem").count() == 3
    tokens = page.locator("#sheet .token")
    assert tokens.count() > 3
    colours = {
        tokens.nth(n).evaluate("token => getComputedStyle(token).backgroundColor")
        for n in range(tokens.count())
    }
    assert len(colours) > 1
    assert "the discriminator takes it for real" in page.inner_text("#sheet")


def test_two_models_stand_side_by_side(visit: Open) -> None:
    page = visit()
    choose(page, "#field-model", RUN)
    choose(page, "#field-beside", "small-pretrain-1")
    fill(page, "#field-prefix", "the moon")
    write(page, 6)
    assert page.locator("#sheet h3").all_inner_texts() == [RUN, "small-pretrain-1"]
    poems = page.locator("#sheet .poem").all_inner_texts()
    assert len(poems) == 6
    assert all(poem.startswith("the moon") for poem in poems)


def test_favourites_are_taken_home(visit: Open) -> None:
    page = visit()
    choose(page, "#field-model", "shi")
    choose(page, "#field-form", "五绝 wujue")
    write(page)
    first = page.locator("#sheet .poem").first.inner_text()
    page.locator("#tick input[type=checkbox]").first.check()
    files = {}
    for name in ("poems.txt", "poems.jsonl", "poems.png"):
        link = page.wait_for_selector(f"#kept a[download='{name}'], #kept .wrong")
        if link.get_attribute("download") != name:
            assert "no font found" in link.inner_text()  # said, where there is none
            continue
        with page.expect_download() as download:
            page.click(f"#kept a[download='{name}']")
        files[name] = download.value.path().read_bytes()
    assert files["poems.txt"].decode() == first + "\n"
    assert json.loads(files["poems.jsonl"])["text"] == first
    if "poems.png" in files:
        assert Image.open(io.BytesIO(files["poems.png"])).format == "PNG"


def test_stop_keeps_what_is_there_and_lets_the_next_one_write(
    visit: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    written_fast = write_tab.write

    def slowly(*wish: Any, **how: Any) -> Any:
        for one in written_fast(*wish, **how):
            time.sleep(0.5)
            yield one

    monkeypatch.setattr(write_tab, "write", slowly)
    page, other = visit(), visit()
    for one, count in ((page, "20"), (other, "1")):
        choose(one, "#field-model", "shi")
        choose(one, "#field-form", "七律 qilü")
        fill(one, "#field-count", count)
    page.click("#write")
    page.wait_for_selector("#sheet .poem >> nth=1")
    other.click("#write")
    page.click("#stop")
    other.wait_for_selector("#tick input[type=checkbox]")  # its turn has come
    page.wait_for_timeout(1000)
    written = page.locator("#sheet .poem").all_inner_texts()
    assert 2 <= len(written) < 20
    page.wait_for_timeout(3000)
    assert page.locator("#sheet .poem").all_inner_texts() == written
    page.locator("#tick input[type=checkbox]").nth(1).check()
    page.wait_for_selector("#kept li")
    assert page.locator("#kept li").all_inner_texts() == [written[1]]


def test_english_forms_are_kept(visit: Open) -> None:
    page = visit()
    choose(page, "#field-model", "sonnets")
    for form, lines in (("haiku", 3), ("couplet", 2)):
        choose(page, "#field-form", form)
        write(page)
        page.wait_for_function(
            "lines => [...document.querySelectorAll('#sheet .poem')].filter("
            "poem => poem.innerText.split('\\n').length == lines).length == 3",
            arg=lines,
        )


def test_people_judge(visit: Open, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Six texts are held out: some seeds find none as long as the model's.
    monkeypatch.setattr(judge_tab.secrets, "randbelow", lambda _: 0)
    page = visit()
    page.get_by_role("tab", name="Judge").click()
    choose(page, "#field-judged", RUN)
    page.click("#begin")
    seen = set()
    for answer in ("#answer-real", "#answer-generated"):
        page.wait_for_selector("#question .poem")
        page.wait_for_function(
            "seen => !seen.includes(document.querySelector('#question .poem').innerText)",
            arg=[*seen],
        )
        seen.add(page.inner_text("#question .poem"))
        page.click(answer)
    assert not page.locator("#field-against").is_visible()  # people's texts it is, here
    page.get_by_label("Which of two is better?").check()
    page.wait_for_selector("#field-against")
    page.click("#begin")
    page.wait_for_selector("#answer-first")
    assert page.locator("#question .poem").count() == 2
    page.click("#answer-first")
    page.wait_for_timeout(500)
    page.click("#ask-report")
    report = page.wait_for_selector("#report ul").inner_text()
    assert f"{RUN}/checkpoint-" in report
    rows = [json.loads(line) for line in (home / "judgements.jsonl").read_text().splitlines()]
    assert [row["answer"] for row in rows] == ["real", "generated", "first"]
    assert {row["shown"][0]["text"] for row in rows[:2]} == seen


def test_curves_grow_while_one_looks(visit: Open, home: Path) -> None:
    page = visit()
    log = home / "running" / "metrics.jsonl"
    log.parent.mkdir()
    log.write_text('{"turn": 1, "phase": "pretrain[0]", "nll": 2.5}\n')
    page.get_by_role("tab", name="Training").click()
    page.wait_for_selector("#last :text('turn 1, nll 2.5')")
    with log.open("a") as file:
        file.write('{"turn": 7, "phase": "pretrain[0]", "nll": 1.25}\n')
    page.wait_for_selector("#last :text('turn 7, nll 1.25')")
    assert page.locator("#plot canvas, #plot svg").count()


def test_a_phone_in_chinese_in_the_dark(visit: Open) -> None:
    page = visit(
        viewport={"width": 390, "height": 844}, locale="zh-CN", color_scheme="dark", has_touch=True
    )
    page.wait_for_selector("#write:text('写')")
    choose(page, "#field-model", "shi")
    choose(page, "#field-form", "五绝")
    fill(page, "#field-acrostic", "春夏秋冬春夏")
    page.click("#write")
    told = page.wait_for_selector("#field-acrostic.wrong")
    assert "藏头：“春夏秋冬春夏”有 6 字" in told.inner_text()
    fill(page, "#field-acrostic", "春夏秋冬")
    write(page)
    assert page.locator("#field-acrostic.wrong").count() == 0
    assert page.locator("#sheet .poem").first.inner_text().startswith("春")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for tab in ("训练", "评判"):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    ink, paper = (
        page.evaluate(
            f"getComputedStyle(document.body).{name}.match(/\\d+/g).slice(0, 3).map(Number)"
        )
        for name in ("color", "backgroundColor")
    )
    assert sum(ink) > sum(paper) + 300
