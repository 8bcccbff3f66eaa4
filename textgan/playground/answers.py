"""What people answered: a file that lines are only ever added to."""

import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from textgan import runs
from textgan.errors import UserError

NAME = "judgements.jsonl"


class Answers:
    """The file of answers, in the folder of runs, an object a line.

    A line has ``time`` (UTC), ``task``, ``judge`` (a random name a session), ``checkpoints``,
    ``shown`` (in the order on the screen: ``source``, ``seed``, ``number``, ``text``), ``answer``
    and ``seconds`` that it took.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or runs.home() / NAME
        self._one_at_a_time = threading.Lock()

    def add(self, answer: dict[str, Any]) -> None:
        """Append a line in one write.

        Raises:
            UserError: the file can't be written.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        line = json.dumps({"time": now, **answer}, ensure_ascii=False) + "\n"
        try:
            with self._one_at_a_time:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with self.path.open("ab+") as file:
                    file.write((self._end(file) + line).encode())
                    file.flush()
                    os.fsync(file.fileno())
        except OSError as error:
            raise UserError(
                f"{self.path}: can't be written ({error.strerror}), the answer is lost; make room"
            ) from None

    @staticmethod
    def _end(file: BinaryIO) -> str:
        """What ends a line that a power cut left unfinished."""
        if not file.tell():
            return ""
        file.seek(-1, os.SEEK_END)
        return "" if file.read() == b"\n" else "\n"

    def read(self) -> list[dict[str, Any]]:
        """All answers; a line that a power cut left unfinished is left out."""
        if not self.path.exists():
            return []
        found = []
        # Not splitlines: a text may have a line separator of Unicode's inside.
        for line in self.path.read_bytes().decode("utf-8", "replace").split("\n"):
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return found
