"""Datasets of the Hugging Face Hub, read once into the cache and from there like a file.

A run on a stream could be resumed only nearly where it stopped; on a file it is resumed exactly,
also without a network.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from textgan.data import cache
from textgan.data.records import text_of
from textgan.data.tables import Row, quiet, rows_of, short
from textgan.errors import UserError

MOST_NAMED = 12
"""Configurations that an error names."""
_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


def is_id(path: str) -> bool:
    """True if a path has the form ``owner/name``."""
    return _ID.fullmatch(path) is not None


def fetch(name: str, column: str, label: str | None) -> Path:
    """A .jsonl file with the texts (and labels) of a dataset's split `train`.

    Raises:
        UserError: the Hub can't be reached, there is no such dataset, split or column, or the
            dataset has several configurations and none for who names none.
    """

    def write(folder: Path) -> None:
        with (folder / "texts.jsonl").open("w", encoding="utf-8") as file, quiet():
            for number, row in enumerate(_rows(name, column, label, str(folder / "scratch")), 1):
                where = f"corpus: '{name}', row {number}"
                if text := text_of(row, where, "document", column, label):
                    kept = {column: text.text} | ({label: text.label} if label else {})
                    file.write(json.dumps(kept, ensure_ascii=False) + "\n")

    key = cache.key("hub", name, column, label)
    if not (cache.home() / key).is_dir():
        _check_there(name)
    return cache.entry(key, write, f"reading '{name}' of the Hugging Face Hub") / "texts.jsonl"


def _check_there(name: str) -> None:
    """Ask for the dataset first: `datasets` goes on trying for half a minute where there is no
    network.
    """
    from huggingface_hub import dataset_info
    from huggingface_hub.errors import HfHubHTTPError

    try:
        dataset_info(name, timeout=10)
    except HfHubHTTPError as error:
        raise UserError(
            f"corpus: no file or folder '{name}', and no dataset of that name on the Hugging Face "
            f"Hub that may be read ({short(error)}); give a file, as in --corpus.path FILE"
        ) from None
    except Exception as error:  # each version of huggingface_hub has another library for HTTP
        raise UserError(
            f"corpus: no file or folder '{name}', and the Hugging Face Hub can't be reached for a "
            f"dataset of that name ({short(error)}); download it and give a file, as in "
            "--corpus.path FILE"
        ) from None


def _rows(name: str, column: str, label: str | None, scratch: str) -> Iterator[Row]:
    from datasets import get_dataset_default_config_name, load_dataset

    columns = [column] if label is None else [column, label]
    try:
        if get_dataset_default_config_name(name, cache_dir=scratch) is None:
            _refuse_several(name, scratch)
        table = load_dataset(name, split="train", streaming=True, cache_dir=scratch)
        yield from rows_of(table, columns, name)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"corpus: the dataset '{name}' of the Hugging Face Hub can't be read: {short(error)}; "
            "try again, or download it and give a file, as in --corpus.path FILE"
        ) from None


def _refuse_several(name: str, scratch: str) -> None:
    from datasets import get_dataset_config_names

    names = get_dataset_config_names(name, cache_dir=scratch)
    shown = ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")
    raise UserError(
        f"corpus: the dataset '{name}' of the Hugging Face Hub has {len(names)} configurations "
        f"({shown}), none of them its default; download one and give its file, as in "
        "--corpus.path FILE"
    )
