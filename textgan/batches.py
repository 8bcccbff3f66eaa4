"""Where a turn's texts come from: the corpus, the generator, or a pool of generated texts."""

from typing import TYPE_CHECKING, Any

import torch

from textgan import runtime
from textgan.data.corpus import Corpus, Order
from textgan.data.sequences import Sequences
from textgan.methods import Method
from textgan.phases import Turn
from textgan.replay import Reservoir

if TYPE_CHECKING:
    import numpy as np


class Batches:
    """Real and generated texts of each turn; they follow from the turn and the seed.

    A pool and earlier samples are whole on every process, a turn's texts its own rows of the batch.
    """

    def __init__(self, corpus: Corpus, seed: int, device: torch.device) -> None:
        self.corpus, self.seed, self.device = corpus, seed, device
        self.order = Order(len(corpus), seed)
        self.pool: Sequences | None = None
        self.shuffled = Order(0, seed)
        self.reservoirs: dict[str, Reservoir] = {}

    def rows(self, turn: Turn) -> "np.ndarray":
        """Which training texts are a turn's, on all processes together."""
        if turn.draw == "fresh":
            return self.order.rows(_stream(turn), turn.index, turn.batch_size)
        return self.order.take(_stream(turn), turn.taken, turn.batch_size)

    def draw(self, turn: Turn, rows: "np.ndarray", method: Method) -> tuple[Sequences, Sequences]:
        """The real texts of a turn, which are these ``rows``, and as many generated ones."""
        whole = self._real(rows)
        real = self._mine(whole)
        if turn.draw == "fresh" and turn.replay is None:
            return real, method.play(real, turn.progress)
        if turn.draw == "fresh":
            old = self._old(turn, len(whole))
            new = self._played(turn, method, whole[: len(whole) - sum(map(len, old))])
            return real, self._mine(self._mixed(turn, new, old))
        if turn.draw == "pool":
            self.keep(self._draw_pool(turn, method))
        return real, self._of_pool(turn)

    def keep(self, pool: Sequences | None) -> None:
        """Go on with this pool."""
        self.pool = pool
        self.shuffled = Order(len(pool) if pool is not None else 0, self.seed)

    def _real(self, rows: "np.ndarray") -> Sequences:
        """Training texts of the whole batch: their width is the same on every process."""
        return self.corpus.batch("train", rows)

    def _mine(self, whole: Sequences) -> Sequences:
        """This process's rows of a batch."""
        return whole[runtime.mine(len(whole))].to(self.device)

    def _played(self, turn: Turn, method: Method, real: Sequences) -> Sequences:
        """As many generated texts as real ones, of all processes."""
        with runtime.divided(len(real)):
            return method.play(self._mine(real), turn.progress).each(runtime.gather)

    def _draw_pool(self, turn: Turn, method: Method) -> Sequences:
        """Generated texts in large batches: small ones would leave the processor waiting."""
        where, size = f"{_stream(turn)}/pool/{turn.index}", min(256, turn.pool_size)
        old = self._old(turn, turn.pool_size)
        count = turn.pool_size - sum(map(len, old))
        batches = []
        for start in range(0, count, size):
            rows = self.order.take(where, start, min(size, count - start))
            batches.append(self._played(turn, method, self._real(rows)))
        return self._mixed(turn, Sequences.cat(batches), old)

    def _old(self, turn: Turn, count: int) -> list[Sequences]:
        """Earlier samples' share of ``count`` generated texts, in one batch or none."""
        if turn.replay is None:
            return []
        share = min(int(turn.replay.share * count), turn.replay.size)
        reservoir = self.reservoirs.setdefault(turn.phase, Reservoir(self.seed))
        return reservoir.some(_stream(turn), turn.number, share)

    def _mixed(self, turn: Turn, new: Sequences, old: list[Sequences]) -> Sequences:
        """New texts and old ones; the new ones may be kept as well."""
        if turn.replay is not None:
            self.reservoirs[turn.phase].add(new, turn.replay.size)
        return Sequences.cat([new, *old])

    def _of_pool(self, turn: Turn) -> Sequences:
        """The turn's batch of the pool, which is shuffled anew for each pass."""
        assert self.pool is not None, "a pool is kept that was never drawn"
        where = f"{_stream(turn)}/pool/{turn.step}/{turn.pool_epoch}"
        rest = len(self.pool) - turn.pool_start
        rows = self.shuffled.take(where, turn.pool_start, min(turn.batch_size, rest))
        mine = rows[runtime.mine(len(rows))]
        return self.pool[torch.from_numpy(mine).to(self.device, non_blocking=True)]

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps: the pool, and the earlier samples."""
        return {
            "pool": self.pool.tensors() if self.pool is not None else None,
            "replay": {phase: reservoir.state() for phase, reservoir in self.reservoirs.items()},
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        eos = self.corpus.tokenizer.eos_token_id
        if state["pool"] is not None:
            self.keep(Sequences(**state["pool"], eos=eos).to(self.device))
        for phase, saved in state["replay"].items():
            self.reservoirs[phase] = Reservoir(self.seed)
            self.reservoirs[phase].load(saved, eos, self.device)


def _stream(turn: Turn) -> str:
    """A player's stream of texts in an occurrence of a phase."""
    return f"{turn.phase}/{turn.occurrence}/{turn.player}"
