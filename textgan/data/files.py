"""A path as texts: a file, a folder of files, or a dataset of the Hub."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from textgan.config import find
from textgan.data import hub
from textgan.data.lines import json_texts, lines, plain_texts
from textgan.data.records import Text, Unit
from textgan.data.tables import table_texts
from textgan.errors import UserError

TABLES = (".jsonl", ".csv", ".tsv", ".parquet")
PLAIN = (
    *(".txt", ".text", ".md", ".rst", ".tex", ".org", ".html", ".xml", ".css", ".abc"),
    *(".yaml", ".yml", ".toml", ".ini", ".py", ".pyi", ".js", ".ts", ".java", ".kt", ".scala"),
    *(".c", ".h", ".cc", ".cpp", ".hpp", ".cs", ".go", ".rs", ".rb", ".php", ".pl", ".lua"),
    *(".sh", ".sql", ".r", ".jl", ".swift", ".hs", ".ml", ".clj", ".el"),
)
"""Of a folder's other files only these are text; a file that is named may have any extension."""


@dataclass(frozen=True)
class File:
    """A file to read, and what errors call it."""

    place: Path
    name: str

    @property
    def kind(self) -> str:
        """Its extension, without that of gzip."""
        return kind(self.place)


def kind(place: PurePath) -> str:
    """The extension that says how a file is read: ``poems.CSV.gz`` -> ``.csv``."""
    return PurePath(place.name.lower().removesuffix(".gz")).suffix


def files_of(path: str, column: str = "text", label: str | None = None) -> list[File]:
    """The files that a path stands for, a folder's in sorted order.

    Args:
        path: a file, a folder, or ``owner/name`` of a dataset on the Hub.
        column: the text's column, of which a dataset of the Hub is read.
        label: the label's column, likewise.

    Raises:
        UserError: there is none.
    """
    place = find(path)
    if place.is_file():
        return [File(place, path)]
    if place.is_dir():
        return _inside(place, path)
    if is_on_hub(path):
        return [File(hub.fetch(path, column, label), path)]
    if "/" not in path and not PurePath(path).suffix:
        raise UserError(
            f"corpus: no file or folder '{path}' is there, nor can it be a dataset of the Hugging "
            "Face Hub, which is OWNER/NAME; give a text file, as in --corpus.path FILE"
        )
    raise UserError(
        f"corpus: file '{path}' is not there; give a text file, as in --corpus.path FILE"
    )


def is_on_hub(path: str) -> bool:
    """True if a path that isn't there can be a dataset's id: ``owner/name``, and no file's name."""
    return hub.is_id(path) and kind(PurePath(path)) not in PLAIN + TABLES


def _inside(folder: Path, path: str) -> list[File]:
    inside = [place.relative_to(folder) for place in folder.rglob("*") if place.is_file()]
    usable = sorted(
        place
        for place in inside
        if kind(place) in PLAIN + TABLES and not any(p.startswith(".") for p in place.parts)
    )
    if not usable:
        raise UserError(
            f"corpus: folder '{path}' has no file in it that can be read (.txt, .md, .py …, "
            f"{', '.join(TABLES)}, also .gz); give a text file, as in --corpus.path FILE"
        )
    return [File(folder / place, str(PurePath(path) / place)) for place in usable]


def read_texts(path: str, unit: Unit, column: str, label: str | None = None) -> Iterator[Text]:
    """The texts of a path, one after the other; a field of a table is one text.

    Args:
        path: a file, a folder, or ``owner/name`` of a dataset on the Hub.
        unit: what a text is in a text file.
        column: the field of a table or .jsonl object that holds the text.
        label: the field that holds its label, if texts have labels.

    Raises:
        UserError: there is no such file, no text, or something in a file is wrong.
    """
    empty = True
    for file in files_of(path, column, label):
        for text in _texts(file, unit, column, label):
            empty = False
            yield text
    if empty:
        raise UserError(f"corpus: '{path}' has no text in it; give a file with some")


def _texts(file: File, unit: Unit, column: str, label: str | None) -> Iterator[Text]:
    if file.kind == ".jsonl":
        yield from json_texts(lines(file.place, file.name), file.name, unit, column, label)
    elif file.kind in TABLES:
        yield from table_texts(file.place, file.name, unit, column, label)
    elif label is not None:
        raise UserError(
            f"corpus.label_column: '{file.name}' is a text file and has no columns; give a "
            f"{', '.join(TABLES)} file or leave corpus.label_column out"
        )
    else:
        for text in plain_texts(lines(file.place, file.name), unit):
            if text.text.strip():
                yield text
