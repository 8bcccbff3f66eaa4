"""Texts that a checkpoint's discriminator has a say in."""

from pathlib import Path

import pytest

from tests.short_run import given
from textgan import api
from textgan.errors import UserError
from textgan.resampling import resampled


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resampling")
    tree = given(
        folder,
        method={"name": "residual_ebm"},
        pretrain=[{"method": "mle", "steps": 20}],
        adversarial=[{"steps": 60}],
        optimizers={"discriminator": {"lr": 3e-3}},
    )
    tree["method"] = {"name": "residual_ebm"}
    source = api.train("pretrain", tree, folder / "pretrain")
    return api.train("adversarial", tree, folder / "adversarial", source)


def test_texts_follow_from_the_seed_and_the_candidates(run: Path) -> None:
    texts, effective = resampled(run, count=20, candidates=8, seed=1)
    assert len(texts) == 20
    assert 1 < effective < 8
    assert resampled(run, count=20, candidates=8, seed=1) == (texts, effective)
    assert resampled(run, count=20, candidates=8, seed=2)[0] != texts
    alone, one = resampled(run, count=20, candidates=1, seed=1)
    assert one == pytest.approx(1.0)
    assert alone != texts


@pytest.mark.parametrize(("count", "candidates"), [(0, 8), (3, 0)])
def test_nothing_can_be_chosen_from_nothing(run: Path, count: int, candidates: int) -> None:
    with pytest.raises(UserError) as caught:
        resampled(run, count=count, candidates=candidates)
    assert str(caught.value) == (
        f"count and candidates must be 1 or more, got {count} and {candidates}"
    )
