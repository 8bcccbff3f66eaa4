"""The HTTP API: what it gives, and what it refuses."""

import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from textgan.playground import page
from textgan.playground.ask import LETTERS, POEMS


@pytest.fixture(scope="module")
def client(address: str) -> Client:
    return Client(address, verbose=False)


def poems(client: Client, **wish: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.predict(wish, api_name="/poems")
    return found


def test_poems_follow_from_their_seed(client: Client) -> None:
    first = poems(client, model="shi", count=3, seed=5)
    assert [one["number"] for one in first] == [0, 1, 2]
    assert len({one["text"] for one in first}) == 3
    assert poems(client, model="shi", count=3, seed=5) == first
    assert poems(client, model="shi", count=1, seed=6)[0]["text"] != first[0]["text"]


def test_a_form_is_kept(client: Client) -> None:
    (poem,) = poems(client, model="shi", form="wujue", acrostic="春夏秋冬", seed=1)
    assert [line[0] for line in poem["text"].replace("。", "，").split("，") if line] == [
        *"春夏秋冬"
    ]
    assert poem["log_weight"] < 0


def test_runs_and_their_checkpoints_have_names(client: Client, home: Path) -> None:
    run = home / "small-adversarial-1"
    for place in run.glob("checkpoint-*"):
        found = poems(client, model=f"{run.name}/{place.name}")
        assert found[0]["checkpoint"] == place.name
    assert poems(client, model=run.name)[0]["checkpoint"] == (run / "last").resolve().name


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "small-adversarial-1/../small-pretrain-1",
        "small-adversarial-1/last",
        "runs/small-adversarial-1",
        "gpt2",
        "",
        ".",
        "shi\0",
    ],
)
def test_a_name_is_looked_up_and_never_opened(client: Client, name: str) -> None:
    if not name:
        assert poems(client, model=name)[0]["model"] == "shi"  # empty: not asked for
        return
    with pytest.raises(AppError, match=r"^--model: no "):
        poems(client, model=name)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"count": POEMS + 1}, "count: "),
        ({"count": 0}, "count: "),
        ({"count": "many"}, "count: "),
        ({"count": POEMS, "best_of": 64}, "--count: 20 poems from 64 each"),
        ({"lines": 33}, "lines: "),
        ({"prefix": "x" * (LETTERS + 1)}, "prefix: "),
        ({"use": ["月"] * 21}, "use: "),
        ({"seed": -1}, "seed: "),
        ({"temperature": 0}, "--temperature: "),
        ({"modle": "shi"}, "unknown key 'modle'; did you mean 'model'?"),
        ({"form": "wujue", "acrostic": "春夏秋冬春夏"}, "--acrostic: "),
        ({"form": "sestina"}, "--form: no 'sestina'"),
    ],
)
def test_a_mistake_is_one_line(client: Client, wish: dict[str, Any], said: str) -> None:
    with pytest.raises(AppError) as found:
        poems(client, **wish)
    assert str(found.value).startswith(said)
    assert "\n" not in str(found.value)
    assert len(str(found.value)) <= 300


@pytest.mark.parametrize("wish", [[], "shi", None, 1])
def test_a_request_is_an_object(client: Client, wish: Any) -> None:
    with pytest.raises(AppError, match=r"^poems: a request is one JSON object"):
        client.predict(wish, api_name="/poems")


def test_who_finds_the_queue_full_is_told_in_a_line(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, begun, go = page.write, threading.Event(), threading.Event()

    def slow(*wish: Any) -> Any:
        begun.set()
        go.wait(60)
        return written(*wish)

    monkeypatch.setattr(page, "write", slow)
    with httpx.Client(base_url=address, timeout=60) as client:

        def ask() -> httpx.Response:
            return client.post("gradio_api/call/poems", json={"data": [{"top_k": 0}]})

        calls = [ask()]
        begun.wait(30)
        calls += [ask() for _ in range(page.WAITING)]
        assert {call.status_code for call in calls} == {200}
        refused = ask()
        go.set()
        last = client.get(f"gradio_api/call/poems/{calls[-1].json()['event_id']}").text
    assert refused.status_code == 503
    assert refused.json() == {"detail": "Queue is full. Max size is 200 and size is 200."}
    assert "--top-k: must be 1 or more" in last  # whoever waited gets an answer


def test_a_program_leaves_no_session_behind(client: Client, blocks: Any) -> None:
    before = {*blocks.state_holder.session_data}
    poems(client, model="shi")
    with pytest.raises(AppError):
        poems(client, model="../x")
    assert {*blocks.state_holder.session_data} <= before


def test_nothing_else_can_be_called(client: Client) -> None:
    assert [*client.view_api(return_format="dict")["named_endpoints"]] == ["/poems"]


def test_no_file_comes_in_or_goes_out(address: str, home: Path) -> None:
    secret = home / "judgements.jsonl"
    secret.write_text("secret")
    for place in (secret, "/etc/passwd", "../../../../etc/passwd", home / "small-pretrain-1"):
        got = httpx.get(f"{address}gradio_api/file={place}")
        assert got.status_code in (403, 404), place
    sent = httpx.post(f"{address}gradio_api/upload", files={"files": ("a.txt", b"x" * 2000)})
    assert sent.status_code == 413
    secret.unlink()
