"""Rollouts of long texts: what is held at once has a limit, and changes no draw."""

from typing import Any

import pytest
import torch
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.cnn import CNNConfig, CNNDiscriminator, CNNOptions
from textgan.estimators.rollout import rollout_values
from textgan.generators.causal import State
from textgan.generators.transformer import TransformerConfig, TransformerGenerator

CPU = torch.device("cpu")
V, T = 11, 12
BUDGET = 20_000


def transformer() -> TransformerGenerator:
    runtime.seed(0, "rollout")
    options = {"name": "transformer", "hidden_size": 8, "layers": 2, "heads": 2}
    special: dict[str, Any] = {"never": [0, 1], "pad_token_id": 0, "bos_token_id": 1}
    return TransformerGenerator(
        TransformerConfig(vocab_size=V, length=T, eos_token_id=None, options=options, **special)
    )


def last_word(s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
    return s.ids[:, -1].float() + s.ids[:, 0]


@pytest.mark.parametrize(("texts", "rollouts"), [(1, 1), (10, 1), (10, 8)])
def test_a_caches_memory_grows_with_neither_texts_nor_rollouts(
    texts: int, rollouts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator, held = transformer(), 0
    right = TransformerGenerator.step

    def step(self: TransformerGenerator, token: Tensor, state: State) -> tuple[Tensor, State]:
        nonlocal held
        output, behind = right(self, token, state)
        held = max(held, sum(part.nbytes for part in (*state, *behind)))
        return output, behind

    runtime.seed(1)
    s = generator.sample(texts)
    runtime.seed(2)
    whole = rollout_values(generator, last_word, s, rollouts)
    after = runtime.uniform(1, 1, CPU)
    monkeypatch.setattr(TransformerGenerator, "step", step)
    monkeypatch.setattr(runtime, "rows_at_once", lambda size, _: max(1, BUDGET // size))
    runtime.seed(2)
    assert torch.equal(rollout_values(generator, last_word, s, rollouts), whole)
    assert torch.equal(runtime.uniform(1, 1, CPU), after)
    assert held <= BUDGET
    assert held > BUDGET / 3 or texts == 1


def test_a_states_bytes_are_those_of_the_state() -> None:
    generator, state = transformer(), ()
    for _ in range(5):
        _, state = generator.step(torch.full((2,), 3), state)
    assert generator.state_bytes(4) == sum(part[:1].nbytes for part in state)  # and <bos>


def test_rows_are_fewer_than_32_only_where_they_are_huge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)

    def rows(size: int) -> int:
        return runtime.rows_at_once(size, CPU)

    threads = 1
    assert rows(20_000) == 1258
    assert rows(1 << 20) == rows(7 << 20) == 32
    assert rows(24 << 20) == 10
    assert rows(1 << 40) == 1
    threads = 4
    assert (rows(20_000), rows(1 << 20), rows(4 << 20)) == (1258, 32, 15)


def test_parts_of_a_part_draw_what_the_whole_would_have_drawn() -> None:
    runtime.seed(3)
    whole, after = runtime.uniform(9, 4, CPU), runtime.uniform(9, 1, CPU)
    runtime.seed(3)
    with runtime.part(0, 2, 9):
        first = runtime.uniform(2, 4, CPU)
    found = []
    with runtime.part(2, 9, 9):
        for start, stop in ((0, 3), (3, 7)):
            with runtime.part(start, stop, 7):
                found.append(runtime.uniform(stop - start, 4, CPU))
        assert torch.equal(runtime.uniform(7, 1, CPU), after[2:])
    assert torch.equal(torch.cat([first, *found]), whole)


def test_draws_of_others_are_passed_over_a_little_at_a_time() -> None:
    runtime.seed(4)
    whole = runtime.uniform(3, 1_500_000, CPU)
    runtime.seed(4)
    with runtime.part(2, 3, 3):
        assert torch.equal(runtime.uniform(1, 1_500_000, CPU), whole[2:])


@pytest.mark.parametrize("at_once", [1, 5, 12, 100])
def test_a_judge_divides_the_rollouts_of_one_prefix_if_they_are_too_many(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = CNNOptions(embedding_size=4, widths=[1, 3, 5], filters=[3, 3, 3])
    judge = CNNDiscriminator(CNNConfig(vocab_size=V, options=options.model_dump(mode="json")))
    beginnings = torch.randint(2, V, (3, 7)).repeat_interleave(12, dim=0)
    s = Sequences(torch.cat([beginnings, torch.randint(2, V, (36, 5))], dim=1), None)
    right, largest = judge.read, 0

    def read(embedded: Tensor, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        nonlocal largest
        largest = max(largest, len(s))
        return right(embedded, s, prefix, copies)

    alone = judge.judge(s)
    monkeypatch.setattr(judge, "read", read)
    monkeypatch.setattr(runtime, "rows_at_once", lambda *_: at_once)
    torch.testing.assert_close(judge.judge(s, 7, 12), alone)
    assert largest <= at_once


def test_longer_texts_are_judged_fewer_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    options = CNNOptions(embedding_size=4, widths=[2], filters=[3])
    judge = CNNDiscriminator(CNNConfig(vocab_size=V, options=options.model_dump(mode="json")))
    asked: list[int] = []
    monkeypatch.setattr(runtime, "rows_at_once", lambda size, _: asked.append(size) or 9)
    for width in (4, 32, 33, 320):
        judge.judge(Sequences(torch.full((2, width), 3), None))
    assert asked == [judge.row_bytes * times for times in (1, 1, 2, 10)]
