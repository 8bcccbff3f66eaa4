"""Where a turn's texts come from: the corpus, the generator, or a pool of generated texts."""

from typing import TYPE_CHECKING

import torch

from textgan import runtime
from textgan.data.corpus import Corpus, Order
from textgan.data.sequences import Sequences
from textgan.methods import Method
from textgan.phases import Turn

if TYPE_CHECKING:
    import numpy as np


class Batches:
    """Real and generated texts of each turn; they follow from the turn and the seed."""

    def __init__(self, corpus: Corpus, seed: int, device: torch.device) -> None:
        self.corpus, self.seed, self.device = corpus, seed, device
        self.order = Order(len(corpus), seed)
        self.pool: Sequences | None = None
        self.shuffled = Order(0, seed)

    def draw(self, turn: Turn, method: Method) -> tuple[Sequences, Sequences]:
        """The real and the generated texts of a turn, as many of either."""
        stream = f"{turn.phase}/{turn.occurrence}/{turn.player}"
        if turn.draw == "fresh":
            real = self._real(self.order.rows(stream, turn.index, turn.batch_size))
            return real, method.play(real, turn.progress)
        real = self._real(self.order.take(stream, turn.taken, turn.batch_size))
        if turn.draw == "pool":
            self.keep(self._draw_pool(turn, method, stream))
        return real, self._of_pool(turn, stream)

    def keep(self, pool: Sequences | None) -> None:
        """Go on with this pool."""
        self.pool = pool
        self.shuffled = Order(len(pool) if pool is not None else 0, self.seed)

    def _real(self, rows: "np.ndarray") -> Sequences:
        """Training texts, this process's rows of the global batch."""
        local = runtime.local_rows(torch.from_numpy(rows)).tolist()
        return self.corpus.batch("train", local).to(self.device)

    def _draw_pool(self, turn: Turn, method: Method, stream: str) -> Sequences:
        """Generated texts in large batches: small ones would leave the processor waiting."""
        where, size = f"{stream}/pool/{turn.index}", min(256, turn.pool_size)
        batches = []
        for start in range(0, turn.pool_size, size):
            rows = self.order.take(where, start, min(size, turn.pool_size - start))
            batches.append(method.play(self._real(rows), turn.progress))
        return Sequences.cat(batches)

    def _of_pool(self, turn: Turn, stream: str) -> Sequences:
        """The turn's batch of the pool, which is shuffled anew for each pass."""
        assert self.pool is not None, "a pool is kept that was never drawn"
        where = f"{stream}/pool/{turn.step}/{turn.pool_epoch}"
        rest = len(self.pool) - turn.pool_start
        rows = self.shuffled.take(where, turn.pool_start, min(turn.batch_size, rest))
        return self.pool[torch.from_numpy(rows).to(self.device)]
