"""`evaluate --sweep`: what a curve's points are, and what is said of curves."""

from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import Command
from tests.several import together
from tests.short_run import given
from textgan import (
    api,
    config,
    density,
    experiment,
    floor,
    over_seeds,
    processes,
    runtime,
    sweep,
    validation,
)
from textgan.beside_mle import said
from textgan.data.sequences import Sequences
from textgan.errors import UserError
from textgan.evaluation import Scorer, Wanted, opened
from textgan.generators import Generator
from textgan.generators.lstm import LSTMOptions
from textgan.metrics import METRICS
from textgan.metrics.bootstrap import Scores, Sweep, curves
from textgan.metrics.language_model import model_of
from textgan.metrics.rounding import with_error
from textgan.new_players import make_generator
from textgan.runs import Checkpoint, open_checkpoint
from textgan.sampling import Writer
from textgan.sweep import Curve, by_likelihood, real, swept

Array = np.ndarray
TEXTS = 12
TEMPERATURES = (0.5, 1.0, 2.0)
SETTINGS = {
    "temperature": ["temperature 0.5", "temperature 1", "temperature 2"],
    "top-p": ["top-p 0.5", "top-p 1"],
    "top-k": ["top-k 1", "top-k 1000"],
    "tempered": ["power 1", "power 1e+06"],
}


@pytest.fixture(autouse=True)
def small_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: dict[str, Any] = {"TEXTS": TEXTS, "TEMPERATURES": TEMPERATURES, "POOL": 3}
    sizes |= {"TOP_P": (0.5, 1.0), "TOP_K": (1, 1000), "POWERS": (1.0, 1e6)}
    for name, value in sizes.items():
        monkeypatch.setattr(sweep, name, value)


@pytest.fixture(scope="module")
def of_text(made: Path) -> tuple[Scorer, Writer]:
    return parts(made / "runs" / "small-pretrain-1")


def trained(folder: Path, **language: Any) -> Path:
    tree = given(folder)
    del tree["tokenizer"]
    config.merge(tree, {"pretrain": [{"method": "mle", "epochs": 1}]})
    recipe = tree | {"corpus": {"oracle": {**language, "texts": 30}}}
    return experiment.start("pretrain", recipe, folder / "run", None)


@pytest.fixture(scope="module")
def of_oracle(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scorer, Writer]:
    sizes = {"vocabulary": 6, "length": 5, "embedding_size": 3, "hidden_size": 3}
    return parts(trained(tmp_path_factory.mktemp("oracle"), **sizes))


def parts(run: Path) -> tuple[Scorer, Writer]:
    [(_, scorer, writer)] = opened([open_checkpoint(run, "best")], Wanted())
    return scorer, writer


def points(curve: Curve) -> Array:
    """(K, 2)."""
    found: Array = curves(curve.sweep)[0]
    return found


def redrawn(writer: Writer, count: int) -> Sequences:
    """The texts that plain sampling gives under the sweep's seed."""
    runtime.seed(0, "sweep")
    return validation.sampled(writer.generator, count)


def noted(run: Path, _: Path) -> tuple[Array, list[str], list[str]]:
    """Points of a run's sweep, what is said of them, and the settings this process worked at."""
    torch.set_default_dtype(torch.float32)
    groups = over_seeds.groups(api.evaluate(run))
    worked: list[str] = []
    shared_out = processes.shared_out

    def note(ways: Any, work: Any) -> list[Any]:
        def one(way: Any) -> Any:
            worked.append(str(way[0] if isinstance(way, tuple) else way))
            return work(way)

        return shared_out(ways, one)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "shared_out", note)
        lines, said = api.sweep(groups, Wanted())
    return np.concatenate([line.points for line in lines]), said, worked


@pytest.mark.parametrize("language", ["text", "oracle"])
def test_two_processes_share_a_sweep(made: Path, tmp_path: Path, language: str) -> None:
    run = made / "runs" / "small-pretrain-1"
    if language == "oracle":
        run = trained(tmp_path, vocabulary=6, length=5, embedding_size=3, hidden_size=3)
    [one], two = (together(n, tmp_path / str(n), partial(noted, run)) for n in (1, 2))
    for points, found, _ in two:
        assert points == pytest.approx(one[0])
        assert found == one[1]
    first, second = (worked for *_, worked in two)
    assert sorted(first + second) == sorted(one[2])
    assert first and second


def test_every_way_of_sampling_is_a_curve(of_text: tuple[Scorer, Writer]) -> None:
    found = swept(*of_text, "mle", 3)
    assert {curve.kind: curve.settings for curve in found} == SETTINGS
    held_out = len(of_text[0].real[1].tokens)
    for curve in found:
        assert (curve.model, curve.seed) == ("mle", 3)
        quality, diversity = curve.sweep
        assert quality.totals.shape == quality.counts.shape == (1, len(curve.settings), TEXTS)
        assert diversity.totals.shape == (1, len(curve.settings), held_out)
        assert np.isfinite(points(curve)).all()
        line = curve.line
        assert (line.model, line.seed) == (f"mle, {curve.kind}", 3)
        assert (line.points == points(curve)).all()


def test_what_changes_nothing_gives_plain_sampling_s_figures(
    of_text: tuple[Scorer, Writer],
) -> None:
    scorer, writer = of_text
    found = {curve.kind: points(curve) for curve in swept(scorer, writer, "mle", 0)}
    e = scorer.holding(validation.plain(redrawn(writer, TEXTS)), writer)
    expected = [METRICS["lm"](e)["LM score"], METRICS["reverse_lm"](e)["reverse LM score"]]
    plain = [estimate.value for estimate in expected if estimate is not None]
    assert found["temperature"][1] == pytest.approx(plain)
    assert found["top-p"][1] == pytest.approx(plain)
    assert found["top-k"][1] == pytest.approx(plain)
    for kind, changed in (("temperature", 0), ("temperature", 2), ("top-p", 0), ("top-k", 0)):
        assert found[kind][changed] != pytest.approx(plain)


def test_top_k_of_one_writes_one_text(of_text: tuple[Scorer, Writer]) -> None:
    [curve] = [each for each in swept(*of_text, "mle", 0) if each.kind == "top-k"]
    assert len(set(curve.sweep.quality.totals[0, 0])) == 1
    assert len(set(curve.sweep.quality.totals[0, 1])) > 1


def test_tempering_goes_from_any_texts_to_the_likeliest(of_text: tuple[Scorer, Writer]) -> None:
    scorer, writer = of_text
    [curve] = [each for each in swept(scorer, writer, "mle", 0) if each.kind == "tempered"]
    pool = redrawn(writer, 3 * TEXTS)
    texts = validation.plain(pool)
    log_prob = writer.generator.log_prob(pool).double().sum(dim=1).detach().numpy()
    noise = np.random.default_rng(0).gumbel(size=3 * TEXTS)
    for at, weight in ((0, noise), (1, log_prob)):  # power 1 asks nothing of a text's chance
        kept = sorted(range(3 * TEXTS), key=lambda i: -weight[i])[:TEXTS]
        e = scorer.holding([texts[i] for i in kept], writer)
        expected = model_of(e.references, e.references)(e.tokens)[0]
        assert sorted(curve.sweep.quality.totals[0, at]) == pytest.approx(sorted(expected))


def test_likelier_texts_are_drawn_by_the_tempered_weights(
    of_text: tuple[Scorer, Writer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One text of a pool of three: each with chance p^(a - 1) over their sum."""
    scorer, writer = of_text
    drawn = {"TEXTS": 1, "POOL": 3, "POWERS": (1.05,)}
    for name, value in drawn.items():
        monkeypatch.setattr(sweep, name, value)
    pool = redrawn(writer, 3)
    monkeypatch.setattr(sweep.validation, "sampled", lambda *_: pool)
    monkeypatch.setattr(sweep, "_point", lambda *arguments: arguments[-1][0])
    found = []
    for seed in range(400):
        monkeypatch.setattr(scorer, "wanted", Wanted(seed=seed))
        found += list(sweep._tempered(scorer, writer, model_of([["a"]], [["a"]])))
    weights = np.exp(0.05 * pool.log_prob.double().sum(dim=1).numpy())  # type: ignore[union-attr]
    chances = weights / weights.sum()
    for text, chance in zip(validation.plain(pool), chances, strict=True):
        share = np.mean([each == text for each in found])
        assert abs(share - chance) < 4 * (chance * (1 - chance) / 400) ** 0.5


def conditioned(scorer: Scorer, **conditions: int) -> Writer:
    """A generator of the same words that has categories or noise."""
    options = LSTMOptions(embedding_size=4, hidden_size=6, init_std=1.5, **conditions)
    tokenizer, length = scorer.corpus.tokenizer, scorer.corpus.length
    return Writer(make_generator(options, tokenizer, length, seed=1).eval(), tokenizer)


def test_a_tempered_text_s_chance_is_that_over_all_categories(
    of_text: tuple[Scorer, Writer], monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer, writer = of_text[0], conditioned(of_text[0], categories=3)
    monkeypatch.setattr(sweep, "_point", lambda *arguments: arguments[-1])
    monkeypatch.setattr(sweep, "POOL", 20)
    kept = list(sweep._tempered(scorer, writer, model_of([["a"]], [["a"]])))[1]
    pool = redrawn(writer, 20 * TEXTS)
    own, known = pool.log_prob, density.text_log_prob(writer.generator, pool)
    assert own is not None
    of_all, of_one = (np.argsort(-each)[:TEXTS] for each in (known, own.sum(dim=1).numpy()))
    texts = validation.plain(pool)
    assert sorted(kept) == sorted(texts[i] for i in of_all)
    assert {*of_all.tolist()} != {*of_one.tolist()}


def test_with_noise_there_are_no_tempered_texts(
    of_text: tuple[Scorer, Writer], capsys: pytest.CaptureFixture[str]
) -> None:
    found = swept(of_text[0], conditioned(of_text[0], latent_size=2), "noisy", 0)
    assert [curve.kind for curve in found] == ["temperature", "top-p", "top-k"]
    assert capsys.readouterr().err.startswith("noisy: left out: tempered; ")


def test_a_baseline_s_curve_that_no_run_has_is_held_against_nothing() -> None:
    tempered = made_by_hand(floor.NAME, 0)._replace(kind="tempered")
    line = said([tempered, made_by_hand("noisy", 0)], 0)[1]
    assert line.startswith(f"{floor.NAME}, tempered: hypervolume ") and "below" not in line


def slow_nll(generator: Generator, s: Sequences, temperature: float, normed: bool = True) -> Array:
    """(N,) nats of each text, a token at a time."""
    nats_of_texts = []
    for ids, mask in zip(s.ids.tolist(), s.mask.tolist(), strict=True):
        one = Sequences(torch.tensor([ids]), eos=s.eos)
        with torch.no_grad():
            logits = generator.eval().logits(one)[0].double().numpy() / temperature
        total = 0.0
        for t, (word, inside) in enumerate(zip(ids, mask, strict=True)):
            row = logits[t][np.isfinite(logits[t])]
            norm = np.log(np.exp(row * (1 if normed else temperature)).sum())
            total += (norm / (1 if normed else temperature) - logits[t][word]) * inside
        nats_of_texts.append(total)
    return np.array(nats_of_texts)


def test_of_a_known_language_the_axes_are_its_likelihoods(
    of_oracle: tuple[Scorer, Writer],
) -> None:
    scorer, writer = of_oracle
    [curve] = swept(scorer, writer, "mle", 0)
    assert (curve.kind, curve.settings) == ("temperature", SETTINGS["temperature"])
    real = scorer.corpus.batch("test", range(TEXTS))
    assert scorer.corpus.oracle is not None
    for at, t in enumerate(TEMPERATURES):
        slow = partial(slow_nll, writer.generator, real, t)
        assert curve.sweep.diversity.totals[0, at] == pytest.approx(slow(), rel=1e-5)
        if t != 1:  # log p / t is no density
            assert curve.sweep.diversity.totals[0, at] != pytest.approx(slow(normed=False))
    assert (curve.sweep.diversity.counts == 5).all()
    fake = redrawn(writer, TEXTS)
    own = slow_nll(scorer.corpus.oracle, fake, 1.0)
    assert curve.sweep.quality.totals[0, 1] == pytest.approx(own, rel=1e-5)
    found = validation.nll(writer.generator, scorer.corpus, "test")
    every = slow_nll(writer.generator, scorer.corpus.batch("test", range(30)), 1.0) / 5
    assert found.stderr == pytest.approx(every.std(ddof=1) / 30**0.5, rel=1e-5)
    assert found.n == 30  # the curve reads the first TEXTS of them
    assert points(curve)[1, 1] == pytest.approx(found.value, abs=4 * found.stderr)


def test_a_grammar_scores_whole_texts(tmp_path: Path) -> None:
    scorer, writer = parts(trained(tmp_path, grammar="corpora/grammar_en.pcfg"))
    [curve] = swept(scorer, writer, "mle", 0)
    fake = redrawn(writer, TEXTS)
    assert scorer.corpus.oracle is not None
    own = -scorer.corpus.oracle.log_prob(fake).double().sum(dim=1).numpy()  # mostly inf
    assert curve.sweep.quality.totals[0, 1] == pytest.approx(own)


def made_by_hand(model: str, shift: float, seed: int = 0, start: float = 2.0) -> Curve:
    """A line from (start, 4) to (start + 1, 3), lowered; every text of 2 tokens costs the same."""
    quality, diversity = np.array([start, start + 0.5, start + 1]), np.array([4, 3.5, 3]) - shift
    totals = [np.repeat(2 * axis[None, :, None], 4, axis=2) for axis in (quality, diversity)]
    ones = np.full((1, 3, 4), 2.0)
    both = Sweep(*(Scores(total, ones) for total in totals))
    role: Any = {"mle": "mle", floor.NAME: "floor"}.get(model, "run")
    return Curve(model, "temperature", seed, ["a", "b", "c"], both, role=role)


def test_what_is_said_of_curves() -> None:
    seeds = range(3)
    found = [made_by_hand("mle", 0, s) for s in seeds]
    found += [made_by_hand("seqgan", 0.25 + 0.05 * s, s) for s in seeds]
    found += [made_by_hand("far", 0, s, start=5.0) for s in seeds]
    mle, seqgan, far = said(found, 0)
    # 12 - 2 wide and 12 - 4 high; half a nat more from 2.5 on, and again from 3 on.
    assert mle.startswith(f"mle, temperature: hypervolume {10 * 8 + 9.5 * 0.5 + 9 * 0.5:.2f}")
    assert seqgan.startswith("seqgan, temperature: hypervolume 92")
    assert "; below mle's curve by 0.300 ± " in seqgan
    assert ", 95 % interval " in seqgan
    assert " nats a token" in seqgan
    assert far.endswith("; reaches nothing that mle does")


def test_models_are_paired_by_seed_where_they_have_some_in_common() -> None:
    lowered = {0: 0.0, 1: 0.1, 2: 0.4, 3: 0.9}
    mle = [made_by_hand("mle", 0, s) for s in (3, 2, 1)]
    seqgan = [made_by_hand("seqgan", lowered[s], s) for s in (0, 1, 2)]
    _, line = said(mle + seqgan, 0)
    assert "; below mle's curve by 0.25 ± " in line  # (.1 + .4) / 2
    assert line.endswith(", on the seeds that both have: 1, 2")
    alone = [made_by_hand("alone", 0.3, 7)]
    assert said(mle + alone, 0)[1].endswith("; no seed in common with mle, nothing can be paired")


def test_seeds_in_another_order_are_the_same_pairs() -> None:
    bend = [made_by_hand("mle", 0.5 * s, s) for s in range(3)]
    same = [made_by_hand("seqgan", 0.5 * s, s) for s in (2, 0, 1)]
    assert (
        "; below mle's curve by 0 nats a token, 95 % interval 0.0000 to 0.0000"
        in said(bend + same, 0)[1]
    )


def test_curves_are_held_against_those_of_their_kind_and_texts() -> None:
    mle = made_by_hand("mle", 0)
    nucleus = [made_by_hand(name, 0.1)._replace(kind="top-p") for name in ("a", "b")]
    others = [made_by_hand(name, 0.2)._replace(test="news") for name in ("c", "d")]
    note, *lines = said([mle, *nucleus, *others], 0)
    assert note == "note: no run of mle is given; curves are held against the first run, c"
    below = [line.partition("; below ")[2].partition("'s")[0] for line in lines]
    assert below == ["", "", "a", "", "c"]


def test_the_run_of_mle_is_the_base_wherever_it_stands() -> None:
    found = [made_by_hand("seqgan", 0.25), made_by_hand("mle", 0), made_by_hand("late", 0.5)]
    seqgan, mle, late = said(found, 0)
    assert "; below mle's curve by 0.25 " in seqgan and "; below mle's curve by 0.5 " in late
    assert mle.startswith("mle, ") and "below" not in mle
    second = made_by_hand("again", 0)._replace(role="mle")
    assert "below mle's curve by 0 " in said([*found, second], 0)[-1]


def test_without_a_run_of_mle_the_first_run_is_the_base_and_is_said_to_be() -> None:
    found = [made_by_hand(name, shift) for name, shift in ((floor.NAME, -1), ("a", 0), ("b", 0.5))]
    note, counted, a, b = said(found, 0)
    assert note == "note: no run of mle is given; curves are held against the first run, a"
    assert "; below a's curve by -1 " in counted and "; below a's curve by 0.5 " in b
    assert a.startswith("a, temperature: ") and "below" not in a


def test_counted_n_grams_stand_beside_every_seed() -> None:
    mle = [made_by_hand("mle", shift, s) for s, shift in ((4, 0.0), (5, 0.3))]
    counted, _ = said([made_by_hand(floor.NAME, 0), *mle], 0)
    assert "; below mle's curve by -0.1" in counted  # (0 - .3) / 2
    assert "on the seed" not in counted


def test_real_text_is_a_point_of_training_texts(of_text: tuple[Scorer, Writer], made: Path) -> None:
    scorer, writer = of_text
    curve = real(scorer)
    chosen = np.random.default_rng(0).permutation(len(scorer.real[0].tokens))[:TEXTS]
    texts = [scorer.real[0].tokens[i] for i in chosen]
    e = replace(scorer.holding([], writer), texts=[""] * TEXTS, tokens=texts)
    quality, diversity = METRICS["lm"](e)["LM score"], METRICS["reverse_lm"](e)["reverse LM score"]
    assert quality is not None and diversity is not None
    assert points(curve).tolist() == [pytest.approx([quality.value, diversity.value])]
    place = made / "poems.txt"
    assert curve.line.model == f"training text ({place})"
    [note, line] = said([curve, made_by_hand("a", 0)], 0)[:2]
    assert note.startswith("note: ")
    assert line == (
        f"training text ({place}): {with_error(quality.value, quality.stderr)} and "
        f"{with_error(diversity.value, diversity.stderr)} nats a token, of {TEXTS} texts"
    )


def test_a_known_language_s_own_point_is_its_entropy(of_oracle: tuple[Scorer, Writer]) -> None:
    scorer, _ = of_oracle
    assert scorer.corpus.oracle is not None
    curve = real(scorer)
    nats = slow_nll(scorer.corpus.oracle, scorer.corpus.batch("test", range(TEXTS)), 1.0) / 5
    assert points(curve).tolist() == [pytest.approx([nats.mean()] * 2, rel=1e-5)]
    assert curve.model == "the oracle itself"


def test_which_runs_are_of_likelihood_alone(made: Path) -> None:
    found = [
        open_checkpoint(made / "runs" / f"small-{stage}-1") for stage in ("pretrain", "adversarial")
    ]
    assert [by_likelihood(each) for each in found] == [True, False]
    tree = deepcopy(found[0].about)
    tree["recipe"]["pretrain"].append({"players": {"generator": {}}})  # SeqGAN's own step
    assert not by_likelihood(Checkpoint(found[0].folder, tree))


def test_a_run_is_of_likelihood_only_if_those_before_it_are(made: Path, tmp_path: Path) -> None:
    pretrained, game = (
        open_checkpoint(made / "runs" / f"small-{stage}-1") for stage in ("pretrain", "adversarial")
    )

    def after(source: Path) -> bool:
        return by_likelihood(Checkpoint(tmp_path, pretrained.about | {"from": str(source)}))

    assert after(pretrained.folder) and after(pretrained.generator)
    assert not after(game.folder) and not after(game.generator)
    assert not after(game.run / "replaced")
    assert after(tmp_path)  # a model of transformers
    assert not after(tmp_path / "gone")


def test_curves_of_runs_and_of_their_corpus_s_baselines(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sweep, "TEMPERATURES", (0.8, 1.0))
    both = [made / "runs" / f"small-{stage}-1" for stage in ("adversarial", "pretrain")]
    rows = api.evaluate(*both, metrics="bleu")
    capsys.readouterr()
    lines, told = api.sweep(over_seeds.groups(rows), Wanted())
    point = f"training text ({made / 'poems.txt'})"
    models = floor.NAME, "small-adversarial", "small-pretrain"
    expected = [point, *(f"{model}, {kind}" for model in models for kind in SETTINGS)]
    assert [line.model for line in lines] == expected
    assert [line.split(": ")[0] for line in told] == expected
    assert all(
        "small-pretrain's curve" in line or "reaches nothing that small-pretrain" in line
        for line in told[1:9]
    )
    assert capsys.readouterr().err.count(f"sweeping over {floor.NAME}") == 1


def test_without_a_run_there_is_nothing_to_sweep(textgan: Command) -> None:
    Path("a.txt").write_text("a b c\nb c d\n", encoding="utf-8")
    words = ("--samples", "a.txt", "--reference", "a.txt", "--metrics", "bleu", "--sweep")
    result = textgan("evaluate", *words)
    assert (result.code, result.out) == (2, "")  # nothing is scored before
    assert result.err.splitlines() == [
        "error: --sweep: draws texts in many ways, for which a run is needed; give one"
    ]


def test_the_table_is_shown_and_stays_where_the_sweep_fails(
    textgan: Command, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise UserError("no sweep today")

    monkeypatch.setattr(api, "sweep", fails)
    run = str(copied / "small-pretrain-1")
    result = textgan("evaluate", run, "--metrics", "bleu", "--sweep", "--json", "out.json")
    assert result.code == 2
    assert "BLEU-4" in result.out
    assert result.err.splitlines()[-1] == "error: no sweep today"
