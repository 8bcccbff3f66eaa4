"""The order in which texts are gone through, without a list of it."""

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.uint64]

ROUNDS = 12
"""Fewer leave some orders of five or six texts likelier than others."""


class Order:
    """The order of texts: a new one every epoch, the same in every process and after a resume.

    It depends on ``seed``, the stream's name and the epoch alone, so that a position in the data
    is one number: how many batches were taken. A place's row is computed, by a permutation that is
    a cipher of the numbers below ``texts``, so that no order is ever held in memory.
    """

    def __init__(self, texts: int, seed: int) -> None:
        self.texts, self.seed = texts, seed

    def take(self, stream: str, start: int, count: int) -> np.ndarray:
        """``count`` rows from the ``start``-th text of a stream on, into the next epochs."""
        found = [np.arange(0)]
        while count > 0:
            epoch, place = divmod(start, self.texts)
            found.append(self._at(stream, epoch, place, place + count))
            start, count = start + len(found[-1]), count - len(found[-1])
        return np.concatenate(found)

    def rows(self, stream: str, index: int, batch_size: int) -> np.ndarray:
        """Rows of the ``index``-th batch of a stream; an epoch's last batch may be smaller."""
        batches = -(-self.texts // batch_size)
        epoch, place = divmod(index, batches)
        return self._at(stream, epoch, place * batch_size, (place + 1) * batch_size)

    def _at(self, stream: str, epoch: int, start: int, stop: int) -> np.ndarray:
        """The rows at some places of an epoch, as far as it has them."""
        places = np.arange(start, min(stop, self.texts), dtype=np.uint64)
        keys = _keys(repr((self.seed, stream, epoch)))
        return permute(places, self.texts, keys).astype(np.int64)


def permute(numbers: Numbers, size: int, keys: Numbers) -> Numbers:
    """Where a permutation of the numbers below ``size`` takes some of them, (N,) uint64 -> (N,).

    The generalized Feistel cipher with cycle walking of Black and Rogaway, *Ciphers with Arbitrary
    Finite Domains*, CT-RSA 2002: a Feistel network on pairs, below (a, b), permutes the numbers
    below a·b; one that comes out at ``size`` or above goes through it again, until it is below.
    """
    a = math.isqrt(size - 1) + 1 if size > 1 else 1
    sides = np.array([a, -(-size // a)], dtype=np.uint64)
    found = _feistel(numbers, sides, keys)
    while (outside := found >= size).any():
        found[outside] = _feistel(found[outside], sides, keys)
    return found


def _feistel(numbers: Numbers, sides: Numbers, keys: Numbers) -> Numbers:
    """An even number of rounds, after which either half is below its own side again."""
    left, right = numbers % sides[0], numbers // sides[0]
    for number, key in enumerate(keys):
        side = sides[number % 2]
        left, right = right, (left + _mix(right + key) % side) % side
    joined: Numbers = sides[0] * right + left
    return joined


def _mix(x: Numbers) -> Numbers:
    """splitmix64's finalizer (Steele, Lea and Flood 2014): every bit depends on every other."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Numbers = x ^ (x >> np.uint64(31))
    return mixed


def _keys(name: str) -> Numbers:
    """A number of 64 bits for each round."""
    digest = hashlib.shake_128(name.encode()).digest(8 * ROUNDS)
    return np.frombuffer(digest, dtype="<u8").astype(np.uint64)
