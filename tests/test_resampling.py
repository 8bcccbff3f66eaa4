"""Texts that a checkpoint's discriminator has a say in."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command
from tests.short_run import given
from textgan import api
from textgan.errors import UserError
from textgan.poet import Poet, Wish


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


def resampled(run: Path, count: int, candidates: int, seed: int) -> tuple[list[str], float]:
    draft = Poet.open(run).draft(Wish(candidates=candidates))
    texts = [poem.text for part in draft.write(count, seed) for poem in part]
    return texts, draft.cost.effective_candidates


def test_texts_follow_from_the_seed_and_the_candidates(run: Path) -> None:
    texts, effective = resampled(run, count=20, candidates=8, seed=1)
    assert len(texts) == 20
    assert 1 < effective < 8
    assert resampled(run, count=20, candidates=8, seed=1) == (texts, effective)
    assert resampled(run, count=3, candidates=8, seed=1)[0] == texts[:3]
    assert resampled(run, count=20, candidates=8, seed=2)[0] != texts
    alone, one = resampled(run, count=20, candidates=1, seed=1)
    assert one == pytest.approx(1.0)
    assert alone != texts
    assert alone == api.sample(run, 20, seed=1), "one candidate is the generator alone"


def test_the_command_prints_the_same_texts_and_what_they_cost(run: Path, textgan: Command) -> None:
    texts, effective = resampled(run, count=6, candidates=8, seed=1)
    assert api.sample(run, 6, seed=1, candidates=8) == texts
    words = ("sample", run, "--count", 6, "--seed", 1, "--candidates", 8)
    result = textgan(*words, "--report")
    assert (result.code, result.out.strip()) == (0, "\n\n".join(texts))
    assert f"effective sample size: {effective:.1f} of 8 candidates a text" in result.err
    assert "effective" not in textgan(*words).err
    assert "effective" not in textgan("sample", run, "--report").err


def test_candidates_begin_as_they_should(run: Path) -> None:
    texts = api.sample(run, 10, candidates=8, seed=1, prefix="the moon")
    assert all(text.startswith("the moon") for text in texts)
    assert len(set(texts)) > 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"count": 0}, "--count: must be 1 or more, got 0"),
        ({"candidates": 0}, "--candidates: must be from 1 to 1024, got 0"),
        (
            {"temperature": 0.7},
            "--candidates: their weights are for temperature 1; leave --temperature out",
        ),
        ({"category": "sad"}, "--category: this model's texts are all of one kind; leave it out"),
    ],
    ids=str,
)
def test_what_cannot_be_chosen_from(run: Path, given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        api.sample(run, **{"candidates": 4} | given)
    assert str(caught.value) == message


def test_only_a_game_of_residual_ebm_has_weights(run: Path, made: Path, textgan: Command) -> None:
    other, before = made / "runs" / "small-adversarial-1", run.parent / "pretrain"
    result = textgan("sample", other, "--candidates", 4)
    assert (result.code, result.err) == (
        2,
        f"error: --candidates: {other} is a run of seqgan, whose discriminator is no weight of "
        "texts; leave it out, or give a run of residual_ebm\n",
    )
    result = textgan("sample", before, "--candidates", 4)
    assert (result.code, result.err) == (
        2,
        f"error: --candidates: {before} is a run of `pretrain`, its discriminator has learnt "
        "nothing yet; give a run of `adversarial`\n",
    )
