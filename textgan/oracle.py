"""A known language as a corpus: the oracle is a frozen generator, and its texts are drawn from it.

It is an LSTM, one LSTM a label or a grammar: whatever samples, and knows its texts' chances.
``open_corpus`` is how commands open any corpus, of files or of an oracle.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from textgan import grammar_oracle, models, new_players, runs, seal
from textgan.config import find
from textgan.data import cache
from textgan.data.corpus import Corpus, load_corpus
from textgan.data.ids import Ids, flat_kind
from textgan.data.oracle import (
    SPECIALS,
    OracleOptions,
    Weights,
    draw_chances,
    draw_weights,
    word_tokenizer,
)
from textgan.data.splits import MOST_HELD, SPLITS, CorpusOptions, Division, Split
from textgan.data.tokenizers import TokenizerOptions
from textgan.data.weights import read_weights
from textgan.errors import UserError
from textgan.generators import Generator
from textgan.generators.grammar import GrammarGenerator
from textgan.generators.lstm import LSTMGenerator, LSTMOptions
from textgan.generators.mixture import MixtureGenerator, MixtureOptions

Oracle = LSTMGenerator | MixtureGenerator | GrammarGenerator

MUCH = 1e8
"""Logits above which to draw the training texts takes seconds."""
GATES = ("i", "f", "c", "og")
"""In torch's order."""


def open_corpus(
    options: CorpusOptions,
    tokenizer_options: TokenizerOptions,
    tokenizer: PreTrainedTokenizerFast | None = None,
) -> Corpus:
    """A corpus of files (``load_corpus``), or the texts of ``corpus.oracle``.

    Raises:
        UserError: as ``load_corpus``; or the oracle can't be read, or ``tokenizer`` is another's.
    """
    if options.oracle is None:
        return load_corpus(options, tokenizer_options, tokenizer)
    oracle = make_oracle(options.oracle)
    own = tokenizer_of(oracle)
    if tokenizer is not None and tokenizer.get_vocab() != own.get_vocab():
        known = sorted(own.get_vocab(), key=own.get_vocab().__getitem__)
        known = [word for word in known if word not in own.all_special_tokens]
        raise UserError(
            f"corpus.oracle: its texts are of the words {known[0]} to {known[-1]}, and the model "
            "to go on from has others; train a new one, or give the corpus that it was trained on"
        )
    drawn = texts_of(oracle, options.oracle)
    return Corpus(
        options,
        tokenizer or own,
        drawn,
        length=oracle.config.length,
        labels=oracle.config.labels or [],
        digests={split: _digest(found.flat) for split, found in drawn.items()},
        oracle=oracle,
    )


def make_oracle(options: OracleOptions) -> Oracle:
    """The oracle, frozen: drawn from its seed, or read.

    Raises:
        UserError: there is nothing at ``path`` or ``grammar``, or no oracle.
    """
    oracle: Oracle
    if options.grammar is not None:
        oracle = grammar_oracle.read(options.grammar)
    elif options.categories:
        oracle = mix(options)
    elif options.path is None:
        oracle = build(draw_weights(options), options.length)
    elif options.path.endswith((".npz", ".pkl")):
        oracle = build(read_weights(options.path), options.length)
    else:
        oracle = _open(options.path)
    if isinstance(oracle, LSTMGenerator):
        oracle.config.length = options.length
    oracle.requires_grad_(False)
    oracle.train(False)
    return oracle


def tokenizer_of(oracle: Generator) -> PreTrainedTokenizerFast:
    """The tokenizer of an oracle's own words."""
    if isinstance(oracle, GrammarGenerator):
        return grammar_oracle.tokenizer_of(oracle.grammar.words)
    return word_tokenizer(words(oracle))


def build(weights: Weights, length: int) -> LSTMGenerator:
    """A generator of these weights, whose ``<bos>`` is read as word 0."""
    vocabulary, embedding_size = weights["embedding"].shape
    sizes = LSTMOptions(embedding_size=embedding_size, hidden_size=len(weights["bi"]))
    oracle = new_players.make_generator(sizes, word_tokenizer(vocabulary), length, seed=0)
    assert isinstance(oracle, LSTMGenerator)
    start = weights["embedding"][:1].repeat(len(SPECIALS), axis=0)
    bias = np.concatenate([weights[f"b{gate}"] for gate in GATES])
    arrays = {
        "embedding.weight": np.concatenate([weights["embedding"], start]),
        "recurrent.weight_ih_l0": np.concatenate([weights[f"W{gate}"].T for gate in GATES]),
        "recurrent.weight_hh_l0": np.concatenate([weights[f"U{gate}"].T for gate in GATES]),
        "recurrent.bias_ih_l0": bias,
        "recurrent.bias_hh_l0": np.zeros_like(bias),
        "output.weight": np.pad(weights["Wo"].T, ((0, len(SPECIALS)), (0, 0))),
        "output.bias": np.pad(weights["bo"], (0, len(SPECIALS))),
    }
    oracle.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    return oracle


def mix(options: OracleOptions) -> MixtureGenerator:
    """A generator that holds an LSTM for each label; the labels are called 0, 1, ..."""
    sizes = MixtureOptions(
        categories=options.categories,
        embedding_size=options.embedding_size,
        hidden_size=options.hidden_size,
    )
    tokenizer = word_tokenizer(options.vocabulary)
    oracle = new_players.make_generator(sizes, tokenizer, options.length, seed=0)
    assert isinstance(oracle, MixtureGenerator)
    for label, expert in enumerate(oracle.lstms):
        expert.load_state_dict(build(draw_weights(options, label), options.length).state_dict())
    oracle.config.labels = [str(label) for label in range(options.categories)]
    return oracle


def _open(path: str) -> LSTMGenerator:
    """An LSTM that has learnt an oracle, from its run or folder."""
    if not find(path).exists():
        raise UserError(f"corpus.oracle.path: '{path}' is not there; give an .npz, a .pkl or a run")
    folder = find(path)
    if not (folder / "config.json").is_file():
        checkpoint = runs.open_checkpoint(folder)
        seal.check(checkpoint.folder, "generator")
        folder = checkpoint.generator
    oracle = models.load_generator(folder)
    ends = oracle.config.eos_token_id is not None
    if not isinstance(oracle, LSTMGenerator) or ends or oracle.latent_size or oracle.categories:
        raise UserError(
            f"corpus.oracle.path: '{path}' is no LSTM without end token, noise and categories; "
            "give one that was trained on a corpus.oracle"
        )
    models.load_tokenizer(folder, oracle)
    return oracle


def words(oracle: Generator) -> int:
    """V: the words of LSTMs' language, without what is never an outcome."""
    return oracle.config.vocab_size - len(SPECIALS)


def texts_of(oracle: Oracle, options: OracleOptions) -> dict[Split, Ids]:
    """The texts of every split; a large oracle's are drawn once, into the cache."""
    if isinstance(oracle, GrammarGenerator):
        return {
            split: grammar_oracle.draw(
                oracle, count_of(options, split), options.seed, SPLITS.index(split)
            )
            for split in SPLITS
        }
    if options.texts * options.length * words(oracle) < MUCH:
        drawn = {split: draw(oracle, options, split) for split in SPLITS}
    else:
        drawn = _kept(oracle, options)
    size = oracle.config.vocab_size
    return {split: _as_ids(ids, size, _labels(options, split)) for split, ids in drawn.items()}


def _labels(options: OracleOptions, split: Split) -> np.ndarray | None:
    """A split's labels; the numbers that they come with are drawn only where there are some."""
    return chances(options, split)[1] if options.categories else None


def _kept(oracle: LSTMGenerator | MixtureGenerator, options: OracleOptions) -> dict[Split, Any]:
    """The ids of every split, (N, T), from the cache."""

    def save(folder: Path) -> None:
        for split in SPLITS:
            np.save(folder / f"{split}.npy", draw(oracle, options, split).astype(np.int32))

    key = cache.key("oracle", fingerprint(oracle), options.seed, options.texts)
    folder = cache.entry(key, save, "an oracle's texts")
    return {split: np.load(folder / f"{split}.npy", mmap_mode="r") for split in SPLITS}


def chances(options: OracleOptions, split: Split) -> tuple[np.ndarray, np.ndarray | None]:
    """What the texts of a split are drawn by, and their labels (see ``draw_chances``)."""
    return draw_chances(options, SPLITS.index(split), count_of(options, split))


def count_of(options: OracleOptions, split: Split) -> int:
    """How many texts a split has."""
    return options.texts if split == "train" else min(options.texts, MOST_HELD)


@torch.no_grad()
def draw(
    oracle: LSTMGenerator | MixtureGenerator, options: OracleOptions, split: Split
) -> np.ndarray:
    """The texts of a split, (N, T) ids.

    In double precision on a CPU: in single precision another machine's rounding would now and then
    give another word, and the corpus another digest.
    """
    uniform, category = chances(options, split)
    oracle.to(torch.float64)  # type: ignore[arg-type]
    begin = torch.full((len(uniform), 1), oracle.config.bos_token_id)
    state = oracle.start(
        len(uniform), category=None if category is None else torch.from_numpy(category)
    )
    output, state = oracle.step(begin[:, 0], state)
    ids, _ = oracle.complete(begin, output, state, torch.from_numpy(uniform))
    oracle.to(torch.float32)  # type: ignore[arg-type]
    return ids.numpy()


def _as_ids(ids: np.ndarray, vocabulary: int, category: np.ndarray | None) -> Ids:
    texts, length = ids.shape
    flat, starts = ids.reshape(-1).astype(flat_kind(vocabulary)), np.arange(texts + 1) * length
    return Ids(flat, starts, category)


def _digest(ids: np.ndarray) -> str:
    return hashlib.blake2b(ids.astype("<i8").tobytes(), digest_size=16).hexdigest()


def fingerprint(oracle: Generator) -> str:
    """Eight hexadecimal digits of an oracle's weights and length."""
    digest = hashlib.blake2b(str(oracle.config.length).encode(), digest_size=4)
    for name, weights in sorted(oracle.state_dict().items()):
        digest.update(name.encode() + weights.cpu().numpy().tobytes())
    return digest.hexdigest()


def training(options: CorpusOptions) -> Iterator[str]:
    """The texts that train, of files or of an oracle."""
    if options.oracle is None:
        yield from Division(options).training()
        return
    oracle = make_oracle(options.oracle)
    texts, tokenizer = texts_of(oracle, options.oracle)["train"], tokenizer_of(oracle)
    for i in range(len(texts)):
        yield str(tokenizer.decode(texts.text(i), skip_special_tokens=True))
