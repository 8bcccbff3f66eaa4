"""A grammar's chances by NLTK's parser and by enumeration, its draws, and texts it can't write."""

import itertools
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from nltk import PCFG
from nltk.parse import InsideChartParser

from textgan import grammar_oracle, oracle, runtime, validation
from textgan.context_free import ContextFree, read_rules
from textgan.data.corpus import Corpus
from textgan.data.oracle import OracleOptions
from textgan.data.sequences import Sequences
from textgan.data.splits import SPLITS, CorpusOptions
from textgan.data.tokenizers import TokenizerOptions, pieces
from textgan.errors import UserError
from textgan.generators.grammar import GrammarGenerator

ENGLISH = "corpora/grammar_en.pcfg"
SMALL = """
S -> A B [0.5] | B [0.2] | A 'x' B [0.3]
A -> 'a' [0.4] | B 'y' [0.25] | C [0.35]
B -> 'b' [0.5] | 'a' [0.1] | C C [0.4]
C -> 'c' [0.6] | 'a' [0.3] | 'x' 'x' 'y' [0.1]
"""
"""Unit rules and chains of them, rules of three, texts with several trees."""


def expanded(grammar: PCFG) -> dict[tuple[str, ...], float]:
    """Every text and its chance, by writing out every tree."""

    def of(symbol: object) -> list[tuple[tuple[str, ...], float]]:
        if isinstance(symbol, str):
            return [((symbol,), 1.0)]
        found = []
        for rule in grammar.productions(lhs=symbol):
            for parts in itertools.product(*(of(part) for part in rule.rhs())):
                text = tuple(word for part, _ in parts for word in part)
                found.append((text, rule.prob() * math.prod(p for _, p in parts)))
        return found

    total: Counter[tuple[str, ...]] = Counter()
    for text, p in of(grammar.start()):
        total[text] += p  # type: ignore[assignment]
    return dict(total)


def numbers(
    grammar: ContextFree, texts: list[tuple[str, ...]], width: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    lengths = np.array([len(text) for text in texts])
    words = np.full((len(texts), width or lengths.max()), -1)
    for row, text in enumerate(texts):
        words[row, : len(text)] = [
            grammar.words.index(w) if w in grammar.words else -1 for w in text
        ]
    return words, lengths


@pytest.fixture(scope="module")
def small() -> ContextFree:
    return ContextFree(read_rules(SMALL, "small"))


@pytest.fixture(scope="module")
def every() -> dict[tuple[str, ...], float]:
    return expanded(PCFG.fromstring(SMALL))


def test_the_chance_of_every_text_and_of_every_beginning(
    small: ContextFree, every: dict[tuple[str, ...], float]
) -> None:
    texts, p = list(every), np.array(list(every.values()))
    assert p.sum() == pytest.approx(1)
    begins, wholes = small.chances(*numbers(small, texts))
    assert wholes == pytest.approx(p, abs=1e-14)
    for row, text in enumerate(texts):
        for end in range(1, len(text) + 1):
            wanted = sum(q for other, q in every.items() if other[:end] == text[:end])
            assert begins[row, end - 1] == pytest.approx(wanted, abs=1e-14)
    one_tree = {t: max(q for o, q in every.items() if o == t) for t in texts[:3]}
    assert len(one_tree) == 3


def test_nltks_parser_agrees(small: ContextFree, every: dict[tuple[str, ...], float]) -> None:
    parser = InsideChartParser(PCFG.fromstring(SMALL))
    texts = sorted(every, key=every.__getitem__)[-6:]
    _, wholes = small.chances(*numbers(small, texts))
    trees = [[tree.prob() for tree in parser.parse(list(text))] for text in texts]
    assert wholes == pytest.approx([sum(p) for p in trees], abs=1e-12)
    best = [max(p) for p in trees]
    assert not np.allclose(wholes, best, rtol=1e-3, atol=0)  # a text's best tree isn't all of it


def test_what_the_grammar_cannot_write_has_no_chance(small: ContextFree) -> None:
    texts = [("y",), ("a", "a", "x"), ("a", "unknown"), ("b", "b"), ()]
    begins, wholes = small.chances(*numbers(small, texts, width=4))
    assert (wholes == 0).all()
    assert begins[0, 0] == 0
    assert begins[2, 0] > 0 and begins[2, 1] == 0


def test_draws_have_their_chances(small: ContextFree, every: dict[tuple[str, ...], float]) -> None:
    count = 40_000
    uniform = np.random.RandomState(0).random_sample((count, small.nodes))
    drawn = Counter(tuple(small.words[w] for w in text) for text in small.draw(uniform))
    assert set(drawn) <= set(every)
    for text, p in every.items():
        assert abs(drawn[text] / count - p) < 5 * math.sqrt(p * (1 - p) / count) + 1e-4
    assert max(map(len, every)) == small.length
    mean = sum(len(text) * p for text, p in every.items())
    assert small.mean_length() == pytest.approx(mean)
    entropy = -sum(p * math.log(p) for p in every.values())
    assert small.tree_entropy() > entropy + 0.01  # texts with several trees


def english() -> GrammarGenerator:
    return grammar_oracle.read(ENGLISH)


def corpus_of(texts: int = 300) -> Corpus:
    options = CorpusOptions(oracle=OracleOptions(grammar=ENGLISH, texts=texts))
    return oracle.open_corpus(options, TokenizerOptions())


def test_the_english_grammar_has_one_tree_a_text_and_its_entropy() -> None:
    model = english()
    grammar = model.grammar
    assert (len(grammar.words), grammar.length, model.config.length) == (183, 19, 20)
    runtime.seed(0)
    drawn = model.sample(1500)
    assert drawn.log_prob is not None
    nats = -drawn.log_prob.sum(dim=1).numpy()
    assert abs(nats.mean() - grammar.tree_entropy()) < 4 * nats.std() / len(nats) ** 0.5
    words = drawn.lengths.double().numpy() - 1
    assert abs(words.mean() - grammar.mean_length()) < 4 * words.std() / len(words) ** 0.5
    parser = InsideChartParser(PCFG.fromstring(model.options.rules))
    for ids, wanted in list(zip(validation.plain(drawn), nats, strict=True))[:4]:
        trees = list(parser.parse([grammar.words[i - model.first] for i in ids]))
        assert len(trees) == 1
        assert -math.log(trees[0].prob()) == pytest.approx(wanted, abs=1e-6)


def test_word_by_word_the_first_impossible_one_is_found() -> None:
    corpus, model = corpus_of(), english()
    lines = ["the girls by the table have a book.", "the girls by the table has a book.", "we"]
    texts = [corpus.tokenizer(line, add_special_tokens=False)["input_ids"] for line in lines]
    ids = torch.full((3, 12), 0)
    for row, text in enumerate(texts):
        ids[row, : len(text) + 1] = torch.tensor([*text, corpus.tokenizer.eos_token_id])
    found = model.log_prob(Sequences(ids, corpus.tokenizer.eos_token_id))
    assert torch.isfinite(found[0]).all()
    assert found[0, len(texts[0]) + 1 :].sum() == 0
    assert (found[1] == -math.inf).nonzero().flatten().tolist() == [5]  # has
    assert found[1, 6:].sum() == 0
    assert found[2, 1] == -math.inf  # ends too soon
    cut = Sequences(ids[:1, :4], corpus.tokenizer.eos_token_id)
    assert torch.allclose(model.log_prob(cut), found[:1, :4])


def test_a_corpus_of_it() -> None:
    corpus = corpus_of()
    assert corpus.describe() == (
        f"{ENGLISH}: 300 train, 300 validation, 300 test texts; 187 kinds of token, longest text 20"
    )
    assert isinstance(corpus.oracle, GrammarGenerator)
    grammar, first = corpus.oracle.grammar, corpus.oracle.first
    spelt = corpus.tokenizer.convert_ids_to_tokens(list(range(first, len(corpus.tokenizer))))
    assert spelt == grammar.words
    decoded = [corpus.tokenizer.decode(ids) for ids in corpus.ids("train")]
    assert decoded == list(oracle.training(corpus.options))
    assert all(text[-1] in ".?" and " ," not in text for text in decoded)
    again = corpus.tokenizer(decoded, add_special_tokens=False)["input_ids"]
    assert again == corpus.ids("train")
    assert corpus_of().digests == corpus.digests
    assert len({corpus.digests[split] for split in SPLITS}) == 3
    assert validation.tokens_a_text(corpus, "train") == pytest.approx(
        np.mean([len(text) + 1 for text in corpus.ids("train")])
    )
    sides = validation.sides(corpus.oracle, corpus, "test", 50)
    own = validation.log_probs(sides)
    assert np.allclose(own.p_of_p, own.g_of_p) and np.isfinite(own.p_of_g).all()
    scored = validation.divergence(corpus.oracle, corpus, 50)
    assert list(scored) == ["possible", "nll_test", "jsd"]
    assert scored["possible"] == 1 and scored["jsd"] == pytest.approx(0, abs=1e-9)
    assert scored["nll_test"] == pytest.approx(1.75, abs=0.2)  # a token, 11.2 of them a text
    assert set(validation.prefix_divergences(sides, 5.0).values()) == {None}


def refused(rules: str, tmp_path: Path) -> str:
    place = tmp_path / "rules.pcfg"
    place.write_text(rules, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        grammar_oracle.read(str(place))
    return str(caught.value).replace(str(place), "FILE")


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ("S -> 'a' S [0.5] | 'b' [0.5]", "is endless: a symbol comes back to itself; write the "
         "rules out to the depth that you want"),
        ("S -> 'a' [0.5] | 'b' [0.2]", "is no grammar (Productions for S do not sum to 1)"),
        ("S -> A [1.0]", "has no rule for A"),
        ("S -> 'a b' [1.0]", "'a b' is not one word"),
        ("S -> 'a' B [1.0]\nB -> [1.0]", "B may be empty"),
        ("S -> \"don't\" [1.0]", "\"don't\" is cut into ['do', \"n't\"]; a word in quotation marks "
         "must be one as NLTK cuts them"),
    ],
    ids=["recursion", "sum", "unknown", "blank", "empty", "cut"],
)  # fmt: skip
def test_what_is_no_grammar_is_told(rules: str, told: str, tmp_path: Path) -> None:
    found = refused(rules, tmp_path).removeprefix("corpus.oracle.grammar: 'FILE'")
    assert found.removeprefix(":").strip() == told


def test_a_missing_file_and_two_languages_are_told() -> None:
    with pytest.raises(UserError, match=r"^corpus.oracle.grammar: 'gone' can't be read "):
        grammar_oracle.read("gone")
    with pytest.raises(ValueError, match="path and grammar are two languages; give one of them"):
        OracleOptions(path="a.npz", grammar=ENGLISH)


def test_comments_and_line_breaks_make_no_other_language(tmp_path: Path) -> None:
    (tmp_path / "one").write_text(SMALL, encoding="utf-8")
    alone = "\n".join(f"{rule}" for rule in PCFG.fromstring(SMALL).productions())
    (tmp_path / "two").write_text(f"# ours\n{alone}\n", encoding="utf-8")
    (tmp_path / "three").write_text(SMALL.replace("'x' 'x'", "'x' 'z'"), encoding="utf-8")
    one, two, three = (
        grammar_oracle.read(str(tmp_path / name)) for name in ("one", "two", "three")
    )
    assert oracle.fingerprint(one) == oracle.fingerprint(two) != oracle.fingerprint(three)
    one.save_pretrained(tmp_path / "saved")
    again = GrammarGenerator.from_pretrained(tmp_path / "saved", dtype=torch.float32)
    assert oracle.fingerprint(again) == oracle.fingerprint(one)
    drawn = one.sample(20)
    assert torch.equal(again.log_prob(drawn), one.log_prob(drawn))


def test_every_word_is_one_token() -> None:
    model = english()
    tokenizer = grammar_oracle.tokenizer_of(model.grammar.words)
    assert all(pieces(tokenizer, word) == [word] for word in model.grammar.words)
