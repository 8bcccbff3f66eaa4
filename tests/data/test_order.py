"""The order of texts: a permutation that nobody holds."""

import math
import random
from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textgan.data.order import Order


@settings(max_examples=50, deadline=None)
@given(texts=st.integers(1, 40), batch=st.integers(1, 12), seed=st.integers(0, 3))
def test_each_epoch_is_a_permutation(texts: int, batch: int, seed: int) -> None:
    order = Order(texts, seed)
    batches = -(-texts // batch)
    for epoch in range(3):
        rows = [order.rows("mle", epoch * batches + i, batch) for i in range(batches)]
        assert sorted(np.concatenate(rows).tolist()) == list(range(texts))
        assert [len(r) for r in rows[:-1]] == [batch] * (batches - 1)
        assert len(rows[-1]) == texts - batch * (batches - 1)


def test_a_permutation_for_every_size() -> None:
    for size in [*range(1, 201), 4095, 4096, 4097, 99_991, 1 << 18]:
        rows = Order(size, 1).rows("mle", 0, size)
        assert np.array_equal(np.sort(rows), np.arange(size)), size


def test_epochs_streams_and_seeds_differ() -> None:
    def epoch(seed: int, stream: str, number: int) -> list[int]:
        return list(Order(100, seed).rows(stream, number, 100))

    first = epoch(0, "mle", 0)
    assert first == epoch(0, "mle", 0)
    others = [epoch(0, "mle", 1), epoch(0, "discriminator", 0), epoch(1, "mle", 0)]
    assert all(first != other for other in others)


def test_a_batch_follows_from_its_index_alone() -> None:
    straight = Order(23, 5)
    batches = [straight.rows("a", i, 4).tolist() for i in range(20)]
    jumping = Order(23, 5)
    for i in random.Random(0).sample(range(20), 20):
        jumping.rows("b", i, 7)  # another stream in between
        assert jumping.rows("a", i, 4).tolist() == batches[i]


def test_take_goes_on_into_the_next_epochs() -> None:
    order = Order(10, 0)
    epochs = [order.rows("a", epoch, 10).tolist() for epoch in range(4)]
    assert order.take("a", 7, 25).tolist() == [row for epoch in epochs for row in epoch][7:32]
    assert order.take("a", 7, 0).tolist() == []


def chi_square(counts: list[int]) -> float:
    """Pearson's statistic against equal chances, in standard deviations from what is expected."""
    expected, free = sum(counts) / len(counts), len(counts) - 1
    return (sum((c - expected) ** 2 for c in counts) / expected - free) / math.sqrt(2 * free)


@pytest.mark.parametrize("size", [2, 3, 4, 5, 6])
def test_every_order_of_a_few_texts_is_as_likely(size: int) -> None:
    seen = Counter(tuple(Order(size, seed).rows("a", 0, size).tolist()) for seed in range(4000))
    assert abs(chi_square([seen[order] for order in permutations(range(size))])) < 4


@pytest.mark.parametrize("size", [17, 100, 1000])
def test_every_text_is_as_likely_at_every_place(size: int) -> None:
    orders = np.stack([Order(size, 3).rows("a", epoch, size) for epoch in range(4000)])
    for place in (0, 1, size // 2, size - 1):
        assert abs(chi_square(np.bincount(orders[:, place], minlength=size).tolist())) < 4
    # nor does a text tell which one follows it
    steps = (orders[:, 1] - orders[:, 0]) % size
    assert abs(chi_square(np.bincount(steps, minlength=size)[1:].tolist())) < 4


def test_fifty_million_texts_take_no_memory_and_no_time() -> None:
    rows = Order(50_000_000, 0).take("a", 49_999_990, 20)
    assert len(rows) == 20 and rows.min() >= 0 and rows.max() < 50_000_000
