"""The page, served once for all tests that talk to it, with two small runs to choose from."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("gradio", reason="gradio isn't installed: pip install '.[playground]'")


@pytest.fixture(scope="session")
def home(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs, the page's own: it writes there."""
    folder = tmp_path_factory.mktemp("page") / "runs"
    shutil.copytree(made / "runs", folder, symlinks=True)
    return folder


@pytest.fixture(scope="session")
def address(home: Path) -> Iterator[str]:
    """Where the page is served."""
    from textgan.playground.server import start

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEXTGAN_RUNS", str(home))
        blocks = start()
        yield blocks.local_url
        blocks.close(verbose=False)
