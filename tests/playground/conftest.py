"""The page, served once for all tests that talk to it, with two small runs to choose from."""

import shutil
import socket
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if find_spec("gradio") is None:  # pip install '.[playground]'
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def home(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs, the page's own: it writes there."""
    folder = tmp_path_factory.mktemp("page") / "runs"
    shutil.copytree(made / "runs", folder, symlinks=True)
    return folder


@pytest.fixture(scope="session")
def blocks(home: Path) -> Iterator[Any]:
    """The page, served; whatever it asks of other machines fails the tests' end."""
    from textgan.playground.server import start

    called: list[Any] = []
    connect = socket.socket.connect

    def note(self: socket.socket, to: Any) -> None:
        called.append(to[0] if self.family in (socket.AF_INET, socket.AF_INET6) else "127.0.0.1")
        connect(self, to)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEXTGAN_RUNS", str(home))
        patch.setattr(socket.socket, "connect", note)
        blocks = start()
        yield blocks
        blocks.close(verbose=False)
    assert {*called} == {"127.0.0.1"}


@pytest.fixture(scope="session")
def address(blocks: Any) -> str:
    """Where the page is served."""
    return str(blocks.local_url)
