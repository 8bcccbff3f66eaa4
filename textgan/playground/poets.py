"""Which models a request may name, and the few of them that are held in memory."""

import time
from collections import OrderedDict
from pathlib import Path
from threading import Lock

from textgan import api, config, runs, shipped
from textgan.errors import UserError
from textgan.playground.exhibits import REAL
from textgan.poet import Poet

HELD = 3
"""Models in memory."""
NAMED = 10
"""Names in an error."""
SECONDS = 5.0
"""How old the list may be: to make it is to read every run's run.yaml."""


class Poets:
    """The shipped models, the runs and their checkpoints, by name.

    A request's name is looked up here and never made into a path.

    Attributes:
        busy: held by whoever draws; who holds it for good ends the drawing.
    """

    def __init__(self) -> None:
        self._places: dict[str, Path] = {}
        self._read = -SECONDS
        self._open: OrderedDict[Path, Poet] = OrderedDict()
        self.busy = Lock()

    def places(self) -> dict[str, Path]:
        """What can be named: shipped models, then runs, the newest first."""
        if time.monotonic() - self._read >= SECONDS:
            found = {name: shipped.place(name) for name in shipped.NAMES}
            for run in reversed(runs.all_runs()):
                name = run.name if run.name not in {*found, REAL} else f"{run.name} (run)"
                found[name] = run
                checkpoints = sorted(run.glob("checkpoint-*"))
                found |= {f"{name}/{place.name}": place for place in checkpoints}
            self._places, self._read = found, time.monotonic()
        return self._places

    def checkpoint(self, name: str) -> runs.Checkpoint:
        """The checkpoint of that name.

        Raises:
            UserError: none is listed under it, or it is damaged.
        """
        place = self.places().get(name)
        if place is None:
            known = [*self.places()]
            hint = config.did_you_mean(name, known) or f"there are {', '.join(known[:NAMED])}"
            raise UserError(f"--model: no {name!r}; {hint}")
        return runs.open_checkpoint(place)

    def open(self, name: str) -> Poet:
        """The poet of that name, read once for all.

        Raises:
            UserError: as of ``checkpoint``.
        """
        found = self.checkpoint(name)
        if found.folder not in self._open:
            self._open[found.folder] = _read(found)
            if len(self._open) > HELD:
                self._open.popitem(last=False)
        self._open.move_to_end(found.folder)
        return self._open[found.folder]


@api.quiet()
def _read(found: runs.Checkpoint) -> Poet:
    poet = Poet.open(found)
    if poet.judged:
        _ = poet.discriminator  # reads it
    return poet
