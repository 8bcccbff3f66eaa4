"""Work in parts, a thread each, is the same work."""

import os
import signal
from collections.abc import Iterator

import pytest
import torch

from textgan import threads
from textgan.generators.lstm import LSTMConfig, LSTMGenerator

CPU = torch.device("cpu")


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_each_part_is_one_threads_own_without_gradient() -> None:
    weight = torch.ones(1, requires_grad=True)

    def work(part: int) -> tuple[int, int, bool]:
        return part, torch.get_num_threads(), (part * weight).requires_grad

    assert threads.each(work, range(5), CPU) == [(part, 1, False) for part in range(5)]
    assert torch.get_num_threads() == 2
    assert torch.is_grad_enabled()


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("narrow", [False, True])
def test_the_precision_of_products_is_carried_to_each_thread(narrow: bool) -> None:
    a = torch.ones(3, 3)
    with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
        found = threads.each(lambda _: (a @ a).dtype, range(2), CPU)
    assert set(found) == {torch.bfloat16 if narrow else torch.float32}


@pytest.mark.usefixtures("two_threads")
def test_what_goes_wrong_in_a_thread_comes_out() -> None:
    with pytest.raises(ZeroDivisionError):
        threads.each(lambda part: 1 // part, [1, 0], CPU)


@pytest.mark.usefixtures("two_threads")
def test_texts_are_the_same_with_one_thread_and_with_two() -> None:
    torch.manual_seed(0)
    config = LSTMConfig(vocab_size=40, length=6, options={"name": "lstm"}, bos_token_id=1)
    generator, begin = LSTMGenerator(config).eval(), torch.ones(600, 1, dtype=torch.long)
    output, state = generator.step(begin[:, 0], generator.start(600))
    draws = torch.rand(600, 6)
    with torch.no_grad():
        two = generator.complete(begin, output, state, draws)
        torch.set_num_threads(1)
        one = generator.complete(begin, output, state, draws)
    assert torch.equal(one[0], two[0])
    torch.testing.assert_close(one[1], two[1])


@pytest.mark.usefixtures("two_threads")
def test_a_forked_process_has_threads_of_its_own() -> None:
    assert threads.each(lambda part: part, [1, 2], CPU) == [1, 2]
    if (child := os.fork()) == 0:
        signal.alarm(20)  # where it waits for threads that it hasn't
        found = threads.each(lambda part: part, [3, 4], CPU)
        os._exit(0 if found == [3, 4] else 1)
    assert os.waitpid(child, 0)[1] == 0
