"""A grammar's file as a known language: the generator, its tokenizer, its texts."""

import numpy as np
from transformers import PreTrainedTokenizerFast

from textgan import new_players
from textgan.config import find
from textgan.context_free import ContextFree, read_rules, spell
from textgan.data.ids import Ids, flat_kind
from textgan.data.oracle import draw_uniform
from textgan.data.tokenizers import TokenizerOptions, pieces, train_tokenizer
from textgan.errors import UserError
from textgan.generators.grammar import GrammarConfig, GrammarGenerator, GrammarOptions


def read(path: str) -> GrammarGenerator:
    """The generator of a grammar's file.

    Raises:
        UserError: it can't be read, or is no grammar whose texts have a greatest length.
    """
    try:
        text = find(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"corpus.oracle.grammar: '{path}' can't be read ({error})") from None
    rules = read_rules(text, path)
    found = ContextFree(rules, path)
    tokenizer = tokenizer_of(found.words)
    cut = [word for word in found.words if pieces(tokenizer, word) != [word]]
    if cut:
        raise UserError(
            f"corpus.oracle.grammar: '{path}': {cut[0]!r} is cut into {pieces(tokenizer, cut[0])}; "
            "a word in quotation marks must be one as NLTK cuts them"
        )
    size = len(tokenizer)
    return GrammarGenerator(
        GrammarConfig(
            vocab_size=size,
            length=found.length + 1,
            options=GrammarOptions(rules=spell(rules)).model_dump(),
            **new_players.special_ids(tokenizer, size),
        )
    )


def tokenizer_of(known: list[str]) -> PreTrainedTokenizerFast:
    """Words with an end token; their ids go by spelling."""
    options = TokenizerOptions(name="word", size=len(known) + 100)
    return train_tokenizer(known, options)


def draw(oracle: GrammarGenerator, count: int, seed: int, stream: int) -> Ids:
    """Texts of a grammar, the same wherever they are drawn."""
    texts = oracle.texts(draw_uniform(seed, stream, count, oracle.grammar.nodes))
    starts = np.concatenate([[0], np.cumsum([len(text) for text in texts])])
    return Ids(np.concatenate(texts).astype(flat_kind(oracle.config.vocab_size)), starts)
