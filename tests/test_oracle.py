"""A known language as a corpus: the oracle's density, its texts, and runs that train on it."""

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.conftest import Command
from tests.short_run import differences, end_state, given
from tests.test_resume import stopped
from textgan import (
    api,
    density,
    evaluation,
    experiment,
    models,
    new_players,
    oracle,
    runs,
    runtime,
    validation,
)
from textgan.config import Tree, merge
from textgan.data.corpus import Corpus
from textgan.data.oracle import OracleOptions, Weights, draw_weights, word_tokenizer
from textgan.data.sequences import Sequences
from textgan.data.splits import SPLITS, CorpusOptions
from textgan.data.tokenizers import TokenizerOptions
from textgan.errors import UserError
from textgan.generators.lstm import LSTMGenerator, LSTMOptions
from textgan.metrics import known_language

CANONICAL = Path(__file__).parents[1] / "../shared/data/oracle/seqgan_target_params.npz"
TINY = OracleOptions(vocabulary=4, length=3, embedding_size=3, hidden_size=5, texts=3000)
ALL = torch.tensor(list(product(range(4), repeat=3)))
"""Every text of the tiny language, (64, 3)."""


def open_corpus(options: OracleOptions, tokenizer: models.Tokenizer | None = None) -> Corpus:
    return oracle.open_corpus(CorpusOptions(oracle=options), TokenizerOptions(), tokenizer)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x)))


def log_prob(w: Weights, text: list[int], gates: str = "i f og c", start: int | None = 0) -> float:
    """A text's log-probability by the LSTM's equations, one number after the other."""
    i, f, og, c = gates.split()
    h = cell = np.zeros(len(w["bi"]))
    total, before = 0.0, start
    for token in text:
        x = np.zeros(w["embedding"].shape[1]) if before is None else w["embedding"][before]
        z = {k: x @ w[f"W{k}"] + h @ w[f"U{k}"] + w[f"b{k}"] for k in ("i", "f", "og", "c")}
        cell = sigmoid(z[f]) * cell + sigmoid(z[i]) * np.tanh(z[c])
        h = sigmoid(z[og]) * np.tanh(cell)
        logits = h @ w["Wo"] + w["bo"]
        total += logits[token] - np.log(np.exp(logits).sum())
        before = token
    return float(total)


def exact(model: LSTMGenerator) -> np.ndarray:
    """(64,) the probability of every text."""
    with torch.no_grad():
        return model.log_prob(Sequences(ALL, None)).double().sum(dim=1).exp().numpy()


# The density


def test_the_density_is_that_of_the_equations_and_sums_to_one() -> None:
    weights = draw_weights(TINY)
    found = np.log(exact(oracle.make_oracle(TINY)))

    def wanted(**variant: Any) -> np.ndarray:
        return np.array([log_prob(weights, text, **variant) for text in ALL.tolist()])

    assert found == pytest.approx(wanted(), abs=1e-5)
    assert np.exp(found).sum() == pytest.approx(1, abs=1e-6)
    for variant in ({"gates": "f i og c"}, {"gates": "i f c og"}, {"start": 1}, {"start": None}):
        assert not np.allclose(found, wanted(**variant), atol=1e-2), variant


def test_nothing_but_words_is_ever_an_outcome() -> None:
    for model in (
        oracle.make_oracle(TINY),
        new_players.make_generator(LSTMOptions(init_std=2.0), word_tokenizer(4), 3, seed=1),
    ):
        assert (model.config.vocab_size, model.config.eos_token_id) == (7, None)
        with torch.no_grad():
            chances = model.logits(Sequences(ALL, None)).softmax(dim=2)
        assert (chances[..., 4:] == 0).all()
        assert (chances[..., :4] > 0).all()


@pytest.mark.skipif(not CANONICAL.exists(), reason="the canonical oracle is not on this machine")
def test_the_canonical_oracle_has_its_known_entropy() -> None:
    options = OracleOptions(path=str(CANONICAL), texts=800)
    model = oracle.make_oracle(options)
    assert (oracle.words(model), model.options.hidden_size) == (5000, 32)
    ids = torch.from_numpy(oracle.draw(model, options, "test"))
    entropies = []
    with torch.no_grad():
        for rows in ids.split(100):  # of the next word behind each prefix: surer than -log p
            log_p = model.logits(Sequences(rows, None)).log_softmax(dim=2)
            entropies.append(-(log_p.exp() * log_p).sum(dim=2).mean(dim=1))
    entropy = torch.cat(entropies)
    error = float(entropy.std()) / len(entropy) ** 0.5
    assert error < 0.01
    assert abs(float(entropy.mean()) - 5.754) < 0.003 + 3 * error
    nll = -density.text_log_prob(model, Sequences(ids, None)).mean() / 20
    assert nll == pytest.approx(5.754, abs=0.07)
    uniform = torch.randint(5000, (300, 20), generator=torch.Generator().manual_seed(0))
    nll = -density.text_log_prob(model, Sequences(uniform, None)).mean() / 20
    assert nll == pytest.approx(11.40, abs=0.08)  # three standard errors


# The texts


def test_texts_are_drawn_from_the_density() -> None:
    corpus = open_corpus(TINY)
    assert isinstance(corpus.oracle, LSTMGenerator)
    wanted = exact(corpus.oracle)
    for split in SPLITS:
        count = len(corpus.splits[split])
        texts = np.array(corpus.ids(split)) @ [16, 4, 1]
        found = np.bincount(texts, minlength=64) / count
        error = np.sqrt(wanted * (1 - wanted) / count)
        assert (abs(found - wanted) < 4.5 * error + 1 / count).all(), split


def test_a_corpus_without_end_token() -> None:
    corpus = open_corpus(TINY)
    assert corpus.describe() == (
        "oracle of seed 0: 3,000 train, 3,000 validation, 3,000 test texts; 7 kinds of token, "
        "longest text 3"
    )
    batch = corpus.batch("test", range(5))
    assert batch.eos is None
    assert batch.ids.shape == (5, 3) and bool(batch.mask.all())
    assert batch.ids.tolist() == corpus.ids("test")[:5] == corpus.ids("test", range(5))
    words = [[str(i) for i in text] for text in batch.ids.tolist()]
    assert corpus.tokens("test")[:5] == words
    decoded = corpus.tokenizer.batch_decode(batch.ids, skip_special_tokens=True)
    assert decoded == [" ".join(text) for text in words]
    read = corpus.tokenizer(decoded, add_special_tokens=False)["input_ids"]
    assert read == batch.ids.tolist()
    assert corpus.tokenizer("<bos> 4 3")["input_ids"] == [4, 6, 6, 6, 3]
    assert validation.plain(batch) == batch.ids.tolist()
    assert list(oracle.training(corpus.options))[:2] == [
        " ".join(map(str, text)) for text in corpus.ids("train")[:2]
    ]


def test_everything_follows_from_the_seed() -> None:
    corpus = open_corpus(TINY)
    runtime.seed(99)
    torch.rand(3)
    again = open_corpus(TINY)
    assert again.digests == corpus.digests
    assert len(set(corpus.digests.values())) == 3
    assert corpus.oracle is not None and again.oracle is not None
    assert oracle.fingerprint(again.oracle) == oracle.fingerprint(corpus.oracle)
    other = open_corpus(TINY.model_copy(update={"seed": 1}))
    assert other.oracle is not None
    assert oracle.fingerprint(other.oracle) != oracle.fingerprint(corpus.oracle)
    fewer = open_corpus(TINY.model_copy(update={"texts": 10}))
    assert [len(fewer.splits[split]) for split in SPLITS] == [10, 10, 10]
    assert fewer.ids("test") == corpus.ids("test", range(10))
    many = open_corpus(TINY.model_copy(update={"texts": 10_001}))
    assert [len(many.splits[split]) for split in SPLITS] == [10_001, 10_000, 10_000]


def test_a_large_oracle_s_texts_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = open_corpus(TINY)
    monkeypatch.setenv("TEXTGAN_CACHE", str(tmp_path))
    monkeypatch.setattr(oracle, "MUCH", 0)
    assert open_corpus(TINY).digests == drawn.digests
    monkeypatch.setattr(oracle, "draw", None)  # never called again
    monkeypatch.setattr(oracle, "draw_chances", None)  # there are no labels to draw
    assert open_corpus(TINY).digests == drawn.digests
    assert len(list(tmp_path.iterdir())) == 1


def test_figures_of_two_models_are_those_of_all_texts() -> None:
    corpus = open_corpus(TINY)
    assert isinstance(corpus.oracle, LSTMGenerator)
    other = oracle.make_oracle(TINY.model_copy(update={"seed": 7, "init_std": 0.7}))
    p, g = exact(corpus.oracle), exact(other)
    m = (p + g) / 2
    wanted = {
        "H(p)": -(p * np.log(p)).sum() / 3,
        "H(g)": -(g * np.log(g)).sum() / 3,
        "KL(p||g)": (p * np.log(p / g)).sum() / 3,
        "KL(g||p)": (g * np.log(g / p)).sum() / 3,
        "JSD": ((p * np.log(p / m)).sum() + (g * np.log(g / m)).sum()) / 2,
    }
    runtime.seed(0)
    sides = validation.sides(other, corpus, "test", 3000)
    found = known_language.figures(validation.log_probs(sides), 3)
    for name, value in wanted.items():
        assert abs(found[name].value - value) < 4 * found[name].stderr, name
    nll = validation.nll(other, corpus, "test")
    assert nll.value == pytest.approx(found["NLL_test"].value, abs=1e-6)


# Runs


def recipe(folder: Path, **over: Any) -> Tree:
    """A game on a tiny language."""
    tree = given(folder)
    sizes = {"vocabulary": 6, "length": 5, "embedding_size": 3, "hidden_size": 3, "texts": 30}
    del tree["tokenizer"]
    return merge(tree | {"corpus": {"oracle": sizes}}, over)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("oracle")


@pytest.fixture(scope="module")
def pretrained(folder: Path) -> Path:
    return experiment.start("pretrain", recipe(folder), folder / "pretrained", None)


@pytest.fixture(scope="module")
def game(folder: Path, pretrained: Path) -> Path:
    return experiment.start("adversarial", recipe(folder), folder / "game", pretrained)


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(UserError) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize("stops", [[1], [7, 20]], ids=str)
def test_stopped_and_resumed_pretraining_ends_alike(
    folder: Path, pretrained: Path, stops: list[int]
) -> None:
    run = stopped("pretrain", recipe(folder), folder / f"stopped-{stops}", None, stops)
    assert differences(end_state(run), end_state(pretrained)) == []


@pytest.mark.parametrize("stops", [[0], [4]], ids=str)  # in the second the pool is gone over
def test_stopped_and_resumed_games_end_alike(
    folder: Path, pretrained: Path, game: Path, stops: list[int]
) -> None:
    run = stopped("adversarial", recipe(folder), folder / f"game-{stops}", pretrained, stops)
    assert differences(end_state(run), end_state(game)) == []


def test_best_is_the_lowest_jsd(game: Path, pretrained: Path) -> None:
    rows = [json.loads(line) for line in (game / "metrics.jsonl").read_text().splitlines()]
    scores = {row["turn"]: row["jsd"] for row in rows if "jsd" in row}
    assert len(scores) > 2
    assert all({"nll_oracle", "nll_test"} <= set(row) for row in rows if "jsd" in row)
    best = min(scores, key=scores.__getitem__)
    assert (game / "best").readlink() == Path(f"checkpoint-{best:06d}")
    assert "validation_nll" in (pretrained / "metrics.jsonl").read_text()


def test_samples_are_the_spelt_ids(game: Path) -> None:
    texts = api.sample(game, count=300, seed=1)
    words = [text.split(" ") for text in texts]
    assert {len(text) for text in words} == {5}
    assert {word for text in words for word in text} == set("012345")
    assert all(text.startswith("3 0 ") for text in api.sample(game, 5, prefix="3 0"))
    shown = sorted((game / "samples").glob("*.txt"))[-1].read_text().split("\n\n")
    assert all(len(text.split()) == 5 for text in shown)


def test_the_report_counts_whole_texts(game: Path) -> None:
    """Without their blanks, 1 23 and 12 3 would be copies of each other."""
    from textgan.sampling_report import SamplingReport

    checkpoint = runs.open_checkpoint(game)
    options = OracleOptions.model_validate(checkpoint.about["recipe"]["corpus"]["oracle"])
    corpus = open_corpus(options)
    copied = corpus.tokenizer.decode(corpus.ids("train")[0])
    told = SamplingReport(checkpoint)
    told.add([copied, copied.replace(" ", ""), "5 5 5 5 5 5"])
    assert told.said() == ["33% of the 3 lines stand in the training text (oracle of seed 0)"]


def test_evaluate_shows_the_distance(game: Path, pretrained: Path) -> None:
    itself, floor, *rows = api.evaluate(game, pretrained)
    names = ["NLL_oracle", "NLL_test", "NLL_train", "H(p)", "H(g)", "KL(p||g)", "KL(g||p)", "JSD"]
    names += ["KL(p||g) by prefix", "KL(g||p) by prefix"]
    assert all(list(row.figures) == names for row in (itself, floor, *rows))
    assert itself.name == "the oracle itself"
    for name in ("KL(p||g)", "KL(g||p)", "JSD"):
        found = itself.figures[name]
        assert found is not None and found.value == pytest.approx(0, abs=1e-6)
    for row in rows:
        f = {name: e.value for name, e in row.figures.items() if e is not None}
        assert f["KL(p||g)"] == pytest.approx(f["NLL_test"] - f["H(p)"], abs=1e-6)
        error = row.figures["JSD"].stderr if row.figures["JSD"] else 0
        assert -3 * error < f["JSD"] < np.log(2)
        options = OracleOptions.model_validate(recipe(game.parent)["corpus"]["oracle"])
        hash_ = oracle.fingerprint(oracle.make_oracle(options))
        assert f"|oracle:{hash_}|" in row.protocol
        assert row.protocol.startswith("hypotheses:30|references:30|")
    assert evaluation.as_json(rows)[0]["figures"]["JSD"]["n"] == 60


def test_a_choice_of_metrics_that_counts_for_nothing_is_told(
    textgan: Command, pretrained: Path
) -> None:
    result = textgan("evaluate", pretrained, "--metrics", "bleu")
    assert (result.code, result.err.splitlines()) == (
        0,
        ["warning: --metrics: left out; of a known language densities are the figures"],
    )
    assert textgan("evaluate", pretrained).err == ""


def test_an_oracle_s_run_and_a_text_s_stand_in_one_table(game: Path, made: Path) -> None:
    rows = api.evaluate(game, made / "runs" / "small-adversarial-1")
    assert len({tuple(row.figures) for row in rows}) == 1
    assert [row.figures["JSD"] is None for row in rows] == [False] * 3 + [True] * 3
    assert [row.figures["BLEU-4"] is None for row in rows] == [True] * 3 + [False] * 3


def test_transformers_alone_writes_texts_of_it(game: Path) -> None:
    place = game / "last" / "generator"
    model, tokenizer = (
        auto.from_pretrained(place) for auto in (AutoModelForCausalLM, AutoTokenizer)
    )
    torch.manual_seed(0)
    prompt = tokenizer([""] * 20, return_tensors="pt")
    ids = model.generate(**prompt)[:, 1:]
    assert ids.shape == (20, 5)
    assert int(ids.max()) < 6


def test_a_run_that_learnt_an_oracle_is_one(game: Path) -> None:
    options = OracleOptions(path=str(game), length=4, texts=50)
    corpus = open_corpus(options)
    assert (len(corpus), corpus.length, len(corpus.tokenizer)) == (50, 4, 9)
    assert corpus.describe().startswith(f"{game}: 50 train")
    theirs = models.load_generator(game / "last" / "generator")
    assert corpus.oracle is not None
    batch = corpus.batch("test", range(50))
    with torch.no_grad():
        assert torch.equal(corpus.oracle.log_prob(batch), theirs.log_prob(batch))
    folder = OracleOptions(path=str(game / "last" / "generator"), length=4, texts=50)
    assert open_corpus(folder).digests == corpus.digests


# Mistakes


def test_what_is_no_oracle_is_told(made: Path, tmp_path: Path) -> None:
    text = made / "runs" / "small-pretrain-1"
    assert refused(lambda: oracle.make_oracle(OracleOptions(path=str(text)))) == (
        f"corpus.oracle.path: '{text}' is no LSTM without end token, noise and categories; give "
        "one that was trained on a corpus.oracle"
    )
    gone = tmp_path / "gone"
    assert refused(lambda: oracle.make_oracle(OracleOptions(path=str(gone)))) == (
        f"corpus.oracle.path: '{gone}' is not there; give an .npz, a .pkl or a run"
    )


def test_a_model_goes_on_with_its_own_language_alone(
    made: Path, pretrained: Path, tmp_path: Path
) -> None:
    text = made / "runs" / "small-pretrain-1"
    own = {key: value for key, value in recipe(tmp_path).items() if key != "generator"}
    told = refused(lambda: experiment.start("pretrain", own, tmp_path / "a", text))
    assert told == (
        "corpus.oracle: its texts are of the words 0 to 5, and the model to go on from has others; "
        "train a new one, or give the corpus that it was trained on"
    )
    lines = {"corpus": {"path": str(made / "poems.txt")}, "pretrain": [{"method": "mle"}]}
    told = refused(lambda: experiment.start("pretrain", lines, tmp_path / "b", pretrained))
    assert told == (
        f"corpus.path: the texts of '{made / 'poems.txt'}' end, and the model to go on from knows "
        "no end token; train a new one, or give the corpus.oracle that it was trained on"
    )


def test_another_oracle_contradicts_the_pretraining(pretrained: Path, tmp_path: Path) -> None:
    other = recipe(tmp_path, corpus={"oracle": {"seed": 3}})
    told = refused(lambda: experiment.start("adversarial", other, tmp_path / "run", pretrained))
    assert told == (
        f"corpus.oracle.seed: 3 contradicts 0 of {pretrained}, which this run goes on from"
    )


def test_a_file_that_has_changed_is_told_when_a_run_goes_on(tmp_path: Path) -> None:
    place = tmp_path / "weights.npz"

    def write(seed: int) -> None:
        sizes = OracleOptions(vocabulary=6, embedding_size=3, hidden_size=3, seed=seed)
        np.savez(place, **draw_weights(sizes))  # type: ignore[arg-type]

    write(0)
    own = {"path": str(place), "length": 5, "texts": 30}
    tree = recipe(tmp_path, pretrain=[{"method": "mle", "steps": 1}]) | {"corpus": {"oracle": own}}
    run = experiment.start("pretrain", tree, tmp_path / "run", None)
    write(1)
    told = refused(lambda: experiment.resume(run, "pretrain"))
    assert told.startswith(f"corpus.oracle: '{place}', or the tokenizer in ")
