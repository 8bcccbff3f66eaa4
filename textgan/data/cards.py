"""Corpus cards: where a public corpus lies, what it must hold, and how it gets into the cache."""

import hashlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from textgan.config import SHIPPED, Tree, as_tree, check, find, read_yaml
from textgan.data import cache
from textgan.data.download import Failed, fetch, fetch_from_hub, tell
from textgan.data.records import Unit
from textgan.errors import UserError

M = TypeVar("M", bound=BaseModel)
FIELDS = {"path": "train", "validation_path": "validation", "test_path": "test"}
"""Options that name a file -> the split of a card that it is."""
FROZEN = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class SplitFile(BaseModel):
    """One file of a corpus."""

    model_config = FROZEN

    file: str = Field(pattern=r"^[\w-]+\.(txt|jsonl)$")
    """Its name in the cache."""
    addresses: list[Annotated[str, Field(pattern=r"^https?://\S+$")]] = []
    """Where it is fetched from; several are joined in their order."""
    lines: int | None = Field(ge=1)
    """How many it must have, if known."""
    sha256: str | None = Field(pattern=r"^[0-9a-f]{64}$")
    """Its checksum as it stands in the cache, if known."""


class Splits(BaseModel):
    """The files of a corpus; a split without one is a share of the training file."""

    model_config = FROZEN

    train: SplitFile
    validation: SplitFile | None = None
    test: SplitFile | None = None


class Card(BaseModel):
    """A public corpus."""

    model_config = FROZEN

    title: str = Field(min_length=1)
    licence: str = Field(min_length=1)
    """As known; `unknown` if it isn't."""
    citation: str = Field(min_length=1)
    tried: bool
    """Whether the addresses have been tried."""
    found: str = Field(min_length=1)
    """Where the addresses come from, and what is known of their files."""
    hub: str | None = Field(default=None, pattern=r"^[\w.-]+/[\w.-]+$")
    """Id on the Hugging Face Hub, in place of addresses."""
    unit: Unit = "line"
    text_column: str | None = None
    label_column: str | None = None
    tokenization: str = Field(min_length=1)
    """How the text stands in the files, and which tokenizer it wants."""
    splits: Splits

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        for split, part in self.parts().items():
            if bool(part.addresses) == bool(self.hub):
                raise ValueError(f"splits.{split}: needs addresses, or the card a hub; not both")
            if part.file.endswith(".jsonl") and not self.text_column:
                raise ValueError(f"splits.{split}: is a .jsonl, so the card needs a text_column")
        return self

    def parts(self) -> dict[str, SplitFile]:
        """Split -> file, for the splits that have one."""
        return {split: part for split in FIELDS.values() if (part := getattr(self.splits, split))}


def shipped() -> dict[str, Path]:
    """The cards that come with the package: name -> file."""
    found = {p.stem: p for base in reversed(SHIPPED) for p in base.glob("corpora/cards/*.yaml")}
    return dict(sorted(found.items()))


def read_card(name: str) -> tuple[str, Card]:
    """A card, by its name or as a file of the user's, and its folder's name in the cache.

    Raises:
        UserError: there is no such card, or it is wrong.
    """
    if name in shipped():
        return name, check(Card, read_yaml(str(shipped()[name])), name)
    if not name.endswith((".yaml", ".yml")):
        raise UserError(
            f"corpus.card: no card '{name}'; there are {', '.join(shipped())}, or give a .yaml "
            "file of your own"
        )
    if not find(name).is_file():
        raise UserError(f"corpus.card: file '{name}' is not there; give a card, a YAML file")
    card = check(Card, read_yaml(name), name)
    # Another card of this name, or other addresses in this one, must not share its files.
    sources = card.hub, [(part.file, part.addresses) for part in card.parts().values()]
    return f"{Path(name).stem}-{hashlib.sha256(repr(sources).encode()).hexdigest()[:8]}", card


def fill(tree: Any) -> Any:
    """Options of a corpus, the card's own where they say nothing.

    A file is named ``cards/<folder>/<file>``, not by its place in the cache: a run's recipe holds
    on another machine too.
    """
    if not isinstance(name := as_tree(tree).get("card"), str):
        return tree
    folder, card = read_card(name)
    parts = card.parts()
    said: Tree = {option: _name(folder, parts[s]) for option, s in FIELDS.items() if s in parts}
    columns = {"text_column": card.text_column, "label_column": card.label_column}
    said |= {"unit": card.unit} | {option: name for option, name in columns.items() if name}
    return said | tree


def _name(folder: str, part: SplitFile) -> str:
    return f"cards/{folder}/{part.file}"


def resolve(options: M) -> M:
    """Corpus options with the card's files at their places in the cache, fetched if need be.

    Raises:
        UserError: a file can't be fetched, or isn't what the card says.
    """
    named: str | None = getattr(options, "card", None)
    if named is None:
        return options
    folder, card = read_card(named)
    places = {
        field: str(_in_cache(folder, card, split))
        for field, split in FIELDS.items()
        if (part := card.parts().get(split)) and getattr(options, field) == _name(folder, part)
    }
    return options.model_copy(update=places)


def _in_cache(folder: str, card: Card, split: str) -> Path:
    """The place of a split's file in the cache, where it is and is right."""
    part = card.parts()[split]
    place = cache.home() / "cards" / folder / part.file
    try:
        if not place.exists():
            _fill_cache(place, card, split)
        elif wrong := _wrong(place, part):
            raise UserError(
                f"corpus.card: {place} {wrong}; remove it and it is fetched anew, or put the "
                "right file there"
            )
    except OSError as error:
        raise UserError(
            f"corpus.card: {place}: {error.strerror}; name another folder in TEXTGAN_CACHE"
        ) from None
    return place


def _fill_cache(place: Path, card: Card, split: str) -> None:
    """Fetch beside the place and rename: whoever else looks finds a whole file or none."""
    part = card.parts()[split]
    kind = f" (a .jsonl, its text in '{card.text_column}')" if place.suffix == ".jsonl" else ""
    by_hand = f"put the file by hand at {place}{kind}"
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_name(f"{part.file}.{uuid.uuid4().hex}.part")
    try:
        with beside.open("xb") as file:
            for data in _fetched(card, split):
                file.write(data)
        if wrong := _wrong(beside, part):
            first, *more = [card.hub] if card.hub else part.addresses
            source = first + (f" and {len(more)} more" if more else "")
            raise UserError(f"corpus.card: {source}: what came {wrong}; {by_hand}")
        beside.replace(place)
    except Failed as error:
        raise UserError(f"corpus.card: {error}; {by_hand}") from None
    finally:
        beside.unlink(missing_ok=True)
    tell(f"corpus card: {place} is complete")


def _fetched(card: Card, split: str) -> Iterator[bytes]:
    if card.hub is None:
        return fetch(card.parts()[split].addresses)
    columns = [column for column in (card.text_column, card.label_column) if column]
    return fetch_from_hub(card.hub, split, columns)


def _wrong(place: Path, part: SplitFile) -> str:
    """What a file has otherwise than its card, or nothing."""
    digest, lines = hashlib.sha256(), 0
    with place.open("rb") as file:
        for line in file:
            digest.update(line)
            lines += 1
    if part.lines not in (None, lines):
        return f"has {lines:,} lines, not the {part.lines:,} of the card"
    if part.sha256 not in (None, digest.hexdigest()):
        return f"has the sha256 {digest.hexdigest()}, not the card's {part.sha256}"
    return ""
