"""Tokenizers of one text corpus: words as NLTK cuts them, white space, characters, or BPE.

Each is a model of the library `tokenizers`, wrapped as transformers' `PreTrainedTokenizerFast`.
Every rule is a pattern inside tokenizer.json, none is Python code, so
`AutoTokenizer.from_pretrained` gives the same ids, pieces and texts in any process.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.decoders import Decoder, Fuse
from tokenizers.decoders import Replace as Rewrite
from tokenizers.decoders import Sequence as Decoders
from tokenizers.models import BPE, WordLevel
from tokenizers.normalizers import Lowercase, Normalizer, Replace
from tokenizers.normalizers import Sequence as Normalizers
from tokenizers.pre_tokenizers import ByteLevel, PreTokenizer, Split
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer, WordLevelTrainer

from textgan.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, BOS, EOS, UNK = SPECIALS = ("<pad>", "<bos>", "<eos>", "<unk>")
"""Their ids are their places here, 0 to 3; a corpus's own words follow."""
BYTES = 256


class TokenizerOptions(BaseModel):
    """How texts become tokens, and how many kinds of token there are."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: Literal["word", "whitespace", "character", "bpe", "pretrained"] = "word"
    """`word` cuts as NLTK does, `whitespace` at blanks only, `character` at every character; `bpe`
    (byte pairs, Sennrich et al. 2016) knows every text and keeps white space as it is;
    `pretrained` is the one that comes with the model of `--from`."""
    size: int = Field(default=5000, ge=5)
    """Largest vocabulary, the four special tokens included."""
    min_count: int = Field(default=1, ge=1)
    """Tokens seen less often than this in the training texts become <unk>; pairs of `bpe` seen
    less often aren't joined."""
    lowercase: bool = False
    """Lower-case every text first."""

    @model_validator(mode="after")
    def _every_byte(self) -> Self:
        if self.name == "bpe" and self.size < BYTES + len(SPECIALS):
            raise ValueError(
                f"size must be {BYTES + len(SPECIALS)} or more for bpe, which knows every byte, "
                f"got {self.size}"
            )
        return self


_CONTRACTIONS = [
    ("can", "not"),
    ("d", "'ye"),
    ("gim", "me"),
    ("gon", "na"),
    ("got", "ta"),
    ("lem", "me"),
    ("more", "'n"),
]
_JOINED = "|".join(rf"\b{a}{b}\b" for a, b in _CONTRACTIONS)
_INSIDE = "|".join(rf"(?<=\b{a})(?={b}\b)" for a, b in _CONTRACTIONS)
_MARKS = r"[;@#$%&?!\u2012-\u2015]"
_BRACKETS = r"[*\[\](){}<>»”’]"

# In NLTK's order, because later rules look at the blanks that earlier ones left. A pattern here
# can't refer to its groups, so where NLTK copies the match between blanks these insert a blank at
# an empty match on either side. `^` and `$` are the ends of each line: Oniguruma knows no other.
# NLTK's second final period is left out, which changes nothing after the first. Differences that
# remain: the second comma or colon of a run is cut off too (NLTK leaves ",and" of ",,and"), and
# 'tis and 'twas stay whole right behind a contraction ("d'ye'tis"), the one place where NLTK still
# finds them.
_NLTK_RULES = [
    (r"(?=[«“‘„])|(?<=[«“‘„])|(?<!`)(?=`)|(?<=`)(?!`)", " "),
    (r'^"', "``"),
    (r"``", " `` "),
    (r"(?<=[ (\[{<])(?:\"|'{2})", " `` "),
    (r"(?i)(?<!\w)'(?!(?:re|ve|ll|m|t|s|d|n)\b)(?=\w)", "' "),
    (r"(?<=[^.\n])\.(?=[\])}>\"'»”’ ]*\s*$)", " . "),
    (r"(?=[:,](?!\d))|(?<=[:,])(?!\d)", " "),
    (r"(?<!\.)(?=\.{2})|(?<=\.{2})(?!\.)", " "),
    (rf"(?={_MARKS})|(?<={_MARKS})", " "),
    (r"(?<=[^'\n])(?=' )", " "),
    (rf"(?={_BRACKETS})|(?<={_BRACKETS})", " "),
    (r"--", " -- "),
    (r"''|\"", " '' "),
    (r"(?<=[^'\s])(?='[sSmMdD]?(?:\s|\z))", " "),
    (r"(?<=[^'\s])(?=(?:'ll|'LL|'re|'RE|'ve|'VE|n't|N'T)(?:\s|\z))", " "),
    (rf"(?i)(?={_JOINED})|(?<={_JOINED})|{_INSIDE}", " "),
    (r"(?i)(?=\bwanna(?!\S))|(?<=\bwan)(?=na(?!\S))", " "),
]
_WHITESPACE_RULES = [(r"(?<!\S)<(?=(?:pad|bos|eos)>(?!\S))", "< ")]
"""A corpus that spells out a special token doesn't get to use it; <unk> means what it says."""

_CLITIC = r"s|t|re|ve|ll|m|d|n"
_ELIDED = r"(?i:t[iw]|gainst|mid|neath|em\b)"
_CLOSING = r"[.,:;?!%)\]}»”’]|\.{2,}|…+|--|—+|(?i:'(?:[smd]|ll|re|ve)|n't)"
_CJK = r"\p{Han}\p{Hiragana}\p{Katakana}\u3001-\u303f\uff01-\uffef"
_FULL_WIDTH = r"\u3001-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"

# A token never holds a blank or a tab, so these rules, which only read and remove those two, can't
# change a word. A tab is glue: it removes the blank next to it.
_GLUE_RULES = [
    (r"\A(?:``|\")\z", '"\t'),
    (r"\A''\z", '\t"'),
    (rf"\A(?=(?:{_CLOSING})\z)", "\t"),
    (r"\A(?:[(\[{«“‘„$#]|\t(?:--|—+))\K\z", "\t"),
    (r"\A", " "),
]
_PROSE_RULES = [
    # A text cut before NLTK saw it opens every quotation: the second of a line closes it.
    (r'"\t[^"\n]*\K "\t', '\t"'),
    # An apostrophe alone closes at a line's end or before punctuation, belongs to a plural or to a
    # word that it shortens, else it opens, or closes what has been opened.
    # That of "it ' s" stays alone, or the text would be cut in another way when read again.
    (r"(?<=\S) '(?=\s*(?:\n|\z)| \t)", "\t'"),
    (rf"(?<=[sSxz]|[^\W_]in|\b[Tt]h|\b[Tt]hr?o) '(?= (?!(?:{_CLITIC})\b|{_ELIDED}))", "\t'"),
    (rf"(?<=[ \n])'(?= (?!(?:{_CLITIC})\b)\w)", "'\t"),
    (rf"'\t (?!{_ELIDED})[^'\n]*\K '\t(?! {_ELIDED})", "\t'"),
    (rf"(?<=\w \t’) (?=(?:{_CLITIC}|er|en)\b)", ""),
    (r"\t \t?| \t", ""),
    (rf"(?<=[{_CJK}]) (?=[{_CJK}“”‘’…—])|(?<=[{_FULL_WIDTH}“”‘’…—]) (?=[{_CJK}])", ""),
    (rf"(?<=[{_FULL_WIDTH}]) | (?=[{_FULL_WIDTH}])", ""),
    (r"\t|\A | \z|(?<=\n) | (?=\n)", ""),
]
_REJOIN = "|".join(rf"(?<=\b{a}) (?={b}\b)" for a, b in [*_CONTRACTIONS, ("wan", "na")])


def train_tokenizer(texts: Iterable[str], options: TokenizerOptions) -> "PreTrainedTokenizerFast":
    """A tokenizer whose vocabulary is the commonest tokens of `texts`, read once.

    Ids go by frequency, then by spelling, and so are the same in every process. <bos> comes first
    in every encoded text, so that an empty prompt is a prompt; nothing is added at the end, so that
    a generator goes on from there. Special tokens spelt out in a text are ordinary characters.
    Raises UserError when no token is common enough.
    """
    if options.name == "pretrained":
        raise UserError("tokenizer.name: 'pretrained' comes with a model; give --from FOLDER")
    from transformers import PreTrainedTokenizerFast  # a second to import: not for options alone

    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=train_backend(texts, options),
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        unk_token=UNK,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        split_special_tokens=True,
        model_input_names=["input_ids", "attention_mask"],
    )


def train_backend(texts: Iterable[str], options: TokenizerOptions) -> Tokenizer:
    """`train_tokenizer` without transformers around it."""
    backend = _bytes(texts, options) if options.name == "bpe" else _words(texts, options)
    backend.add_special_tokens([AddedToken(w, special=True, normalized=False) for w in SPECIALS])
    backend.post_processor = TemplateProcessing(
        single=f"{BOS} $A", special_tokens=[(BOS, SPECIALS.index(BOS))]
    )
    return backend


def _bytes(texts: Iterable[str], options: TokenizerOptions) -> Tokenizer:
    backend = Tokenizer(BPE())
    if options.lowercase:
        backend.normalizer = Lowercase()
    backend.pre_tokenizer = ByteLevel(add_prefix_space=False)
    backend.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=options.size,
        min_frequency=options.min_count,
        special_tokens=list(SPECIALS),
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    return backend


def cutter(options: TokenizerOptions) -> Callable[[str], list[str]]:
    """A text's words, whitespace-separated pieces or characters, whatever their number.

    Raises:
        UserError: the tokens of these options depend on a training text.
    """
    if options.name in ("bpe", "pretrained"):
        raise UserError(
            f"tokenizer.name: {options.name} is learnt from texts; word, whitespace and character "
            "cut without"
        )
    return partial(_cut, _splitter(options))


def _splitter(options: TokenizerOptions) -> Tokenizer:
    backend = Tokenizer(WordLevel({}, unk_token=UNK))
    backend.normalizer = _normalizer(options)
    backend.pre_tokenizer = _pre_tokenizer(options)
    return backend


def _words(texts: Iterable[str], options: TokenizerOptions) -> Tokenizer:
    backend = _splitter(options)
    backend.decoder = _decoder(options)
    # The library counts, on every core; its order, too, is by frequency, then by spelling.
    trainer = WordLevelTrainer(
        vocab_size=options.size,
        min_frequency=options.min_count,
        special_tokens=list(SPECIALS),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    if backend.get_vocab_size() == len(SPECIALS):
        raise UserError(
            f"tokenizer: no token stands {options.min_count} times or more in the texts; "
            "give more text or lower tokenizer.min_count"
        )
    return backend


def pieces(tokenizer: "PreTrainedTokenizerFast", text: str) -> list[str]:
    """The tokens of `text` as spelt, before unknown ones become <unk>; no special tokens."""
    backend = tokenizer.backend_tokenizer
    if isinstance(backend.model, WordLevel):
        return _cut(backend, text)
    return list(backend.encode(text, add_special_tokens=False).tokens)


def _cut(backend: Tokenizer, text: str) -> list[str]:
    normalized = backend.normalizer.normalize_str(text) if backend.normalizer else text
    return [piece for piece, _ in backend.pre_tokenizer.pre_tokenize_str(normalized)]


def _normalizer(options: TokenizerOptions) -> Normalizer:
    rules = {"word": _NLTK_RULES, "whitespace": _WHITESPACE_RULES, "character": []}[options.name]
    steps: list[Normalizer] = [Lowercase()] if options.lowercase else []
    return Normalizers([*steps, *(Replace(Regex(pattern), new) for pattern, new in rules)])


def _pre_tokenizer(options: TokenizerOptions) -> PreTokenizer:
    piece = r"[\s\S]" if options.name == "character" else r"\n|\S+"
    return Split(Regex(piece), behavior="removed", invert=True)


def _decoder(options: TokenizerOptions) -> Decoder:
    if options.name == "character":
        return Fuse()
    rejoin = [(f"(?i){_REJOIN}", "")] if options.name == "word" else []
    glue = [Rewrite(Regex(pattern), new) for pattern, new in _GLUE_RULES]
    prose = [Rewrite(Regex(pattern), new) for pattern, new in [*_PROSE_RULES, *rejoin]]
    return Decoders([*glue, Fuse(), *prose])
