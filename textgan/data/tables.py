"""Tables: .csv, .tsv and .parquet files, and datasets of the Hub, by the library `datasets`.

Everything is streamed: rows come one after the other, and nothing is copied into a cache of the
library's.
"""

import csv
import gzip
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from textgan.data.lines import damaged, lines
from textgan.data.records import Text, Unit, text_of
from textgan.errors import UserError

Row = dict[str, Any]


def table_texts(
    place: Path, name: str, unit: Unit, column: str, label: str | None
) -> Iterator[Text]:
    """The texts of a .csv, .tsv or .parquet file, gzipped or not; a field is a text.

    Raises:
        UserError: a column isn't there, a field is no text, or the file is damaged.
    """
    columns = [column] if label is None else [column, label]
    with TemporaryDirectory() as scratch, quiet():
        read = _parquet if ".parquet" in place.suffixes[-2:] else _csv
        for number, row in enumerate(_one_line(read(place, name, columns, scratch), name), 1):
            if text := text_of(row, f"corpus: '{name}', row {number}", unit, column, label):
                yield text


def _csv(place: Path, name: str, columns: list[str], scratch: str) -> Iterator[Row]:
    from datasets import Features, Value, load_dataset

    separator = "\t" if ".tsv" in place.suffixes[-2:] else ","
    head = _head(place, name, separator)
    if not head:
        return
    check_columns(columns, head, name)
    try:
        yield from load_dataset(
            "csv",
            data_files=escape(str(place.absolute())),
            split="train",
            streaming=True,
            cache_dir=scratch,
            # every field is text: the reader would make numbers of 007, and nothing of NA
            features=Features({column: Value("string") for column in head}),
            keep_default_na=False,
            encoding="utf-8-sig",
            sep=separator,
        )
    except UnicodeDecodeError:
        for _ in lines(place, name):  # names the line
            pass
        raise


def _head(place: Path, name: str, separator: str) -> list[str]:
    """The names of a csv's columns; [] if there is nothing in the file."""
    rows = csv.reader((line for line in lines(place, name) if line.strip()), delimiter=separator)
    try:
        head, first = next(rows, []), next(rows, [])
    except csv.Error as error:
        raise UserError(f"corpus: '{name}' is no {separator!r} table: {error}; mend it") from None
    if len(first) > len(head):  # pandas would take the first of them for an index
        raise UserError(
            f"corpus: '{name}', row 1: has {len(first)} fields under {len(head)} columns; put "
            "fields with a separator or a line break in them between double quotes"
        )
    return head


def _parquet(place: Path, name: str, columns: list[str], scratch: str) -> Iterator[Row]:
    from datasets import load_dataset

    if place.suffix == ".gz":
        place = _unpacked(place, name, Path(scratch))
    files = escape(str(place.absolute()))
    table = load_dataset(
        "parquet", data_files=files, split="train", streaming=True, cache_dir=scratch
    )
    yield from rows_of(table, columns, name)


def _unpacked(place: Path, name: str, scratch: Path) -> Path:
    """A parquet file is read from its end, which a gzipped one doesn't allow."""
    try:
        with gzip.open(place) as packed, (scratch / "unpacked.parquet").open("wb") as file:
            shutil.copyfileobj(packed, file)
    except (EOFError, gzip.BadGzipFile):
        raise UserError(damaged(name)) from None
    return scratch / "unpacked.parquet"


def rows_of(table: Any, columns: list[str], name: str) -> Iterator[Row]:
    """Rows of a streamed dataset, of the named columns only, classes by their names.

    Raises:
        UserError: a column isn't there.
    """
    from datasets import ClassLabel

    check_columns(columns, table.column_names or list(next(iter(table), {})), name)
    table = table.select_columns(columns)
    classes = {
        column: feature.names
        for column, feature in (table.features or {}).items()
        if isinstance(feature, ClassLabel)
    }
    for row in table:
        for column, names in classes.items():
            known = row[column] is not None and 0 <= row[column] < len(names)
            row[column] = names[row[column]] if known else None  # -1 is theirs for no label
        yield row


def check_columns(columns: Iterable[str], there: list[str], name: str) -> None:
    """Refuse a column that isn't there, and say which are."""
    for key, column in zip(("text_column", "label_column"), columns, strict=False):
        if column not in there:
            raise UserError(
                f"corpus: '{name}': no column '{column}' (it has: {', '.join(map(str, there))}); "
                f"set corpus.{key}"
            )


def _one_line(rows: Iterator[Row], name: str) -> Iterator[Row]:
    """The rows; what the libraries below raise, whatever its kind, becomes one line."""
    try:
        yield from rows
    except UserError:
        raise
    except EOFError:
        raise UserError(damaged(name)) from None
    except Exception as error:
        raise UserError(
            f"corpus: '{name}' is damaged or no such table: {short(error)}; mend it or save it anew"
        ) from None


def short(error: BaseException) -> str:
    """An error's text on one line."""
    text = " ".join(str(error).split()).removeprefix("Error tokenizing data. C error: ")
    return text.removesuffix(".")[:300] or type(error).__name__


@contextmanager
def quiet() -> Iterator[None]:
    """The library says nothing inside: what it would say is in the error that follows."""
    import datasets

    level = datasets.logging.get_verbosity()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    try:
        yield
    finally:
        datasets.logging.set_verbosity(level)
