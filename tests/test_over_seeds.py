"""Runs over seeds: which belong together, and what is said of them."""

from pathlib import Path
from typing import Any

from textgan import over_seeds
from textgan.evaluation import Row
from textgan.metrics import Estimate
from textgan.runs import Checkpoint


def checkpoint(seed: int, **method: Any) -> Checkpoint:
    recipe = {"name": "poems", "method": method, "trainer": {"seed": seed}}
    about = {"recipe": recipe, "stage": "adversarial"}
    return Checkpoint(Path(f"runs/{seed}/checkpoint-000001"), about)


def row(value: float, of: Checkpoint | None) -> Row:
    return Row("", {"JSD": Estimate(value, 0.1, 9), "BLEU-2": None}, "", checkpoint=of)


def of_test(value: float, of: Checkpoint, test: str) -> Row:
    return Row("", {"JSD": Estimate(value, 0.1, 9)}, f"seed:0|test:{test}|x:1", checkpoint=of)


def table(first: list[float], second: list[float]) -> list[over_seeds.Group]:
    rows = [row(value, checkpoint(seed, name="mle")) for seed, value in enumerate(first)]
    rows += [row(value, checkpoint(seed, name="seqgan")) for seed, value in enumerate(second)]
    return over_seeds.groups([row(0.0, None), *rows])


def test_runs_that_differ_in_the_seed_alone_are_a_group() -> None:
    found = table([0.1, 0.2], [0.3])
    assert [group.name for group in found] == ["poems-adversarial", "poems-adversarial (2)"]
    assert [sorted(group.rows) for group in found] == [[0, 1], [0]]


def test_a_run_alone_has_nothing_said_about_it() -> None:
    assert over_seeds.said(table([0.1], [0.2])) == []


def test_an_interval_and_a_verdict() -> None:
    lines = over_seeds.said(table([0.1, 0.2], [0.0, 0.1]))
    # Student's t of one degree of freedom: 12.706 x .05
    assert lines[0] == (
        "poems-adversarial: JSD 0.150 ± 0.050 over 2 seeds, 95 % interval -0.4853 to 0.7853"
    )
    assert lines[2] == (
        "poems-adversarial (2) beside poems-adversarial: JSD 2 seeds can't reach p < .05; 6 could "
        "(difference -0.1)"
    )


def test_eight_seeds_can_show_a_difference_and_say_which_way() -> None:
    base = [0.30, 0.31, 0.29, 0.32, 0.30, 0.28, 0.31, 0.33]
    lower = [value - 0.01 - 0.001 * i for i, value in enumerate(base)]
    line = over_seeds.said(table(base, lower))[-1]
    assert "JSD lower by 0.0135" in line
    assert "p = .0078, n = 8" in line


def test_groups_without_a_common_seed_are_not_compared() -> None:
    seeds = (("mle", 0), ("mle", 1), ("seqgan", 2), ("seqgan", 3))
    found = over_seeds.groups([row(0.1, checkpoint(seed, name=name)) for name, seed in seeds])
    assert over_seeds.said(found)[-1] == (
        "JSD: the groups have no seed in common; nothing can be paired"
    )


def test_groups_of_two_corpora_are_not_compared() -> None:
    rows = [
        of_test(0.1 + seed, checkpoint(seed, name=name), test)
        for test, name in (("aa", "mle"), ("bb", "mle"), ("bb", "seqgan"))
        for seed in range(2)
    ]
    found = over_seeds.groups(rows)
    assert [group.test for group in found] == ["test:aa", "test:bb", "test:bb"]
    beside = [line.split(":")[0] for line in over_seeds.said(found) if " beside " in line]
    assert beside == ["poems-adversarial (3) beside poems-adversarial (2)"]


def test_best_and_last_of_the_same_runs_are_two_groups() -> None:
    rows = [row(10 * last + seed, checkpoint(seed)) for seed in range(2) for last in range(2)]
    found = over_seeds.groups(rows)
    assert [group.name for group in found] == ["poems-adversarial", "poems-adversarial (2)"]
    assert [over_seeds.by_seed(group, "JSD") for group in found] == [{0: 0, 1: 1}, {0: 10, 1: 11}]


def test_infinite_figures_are_left_out() -> None:
    lines = over_seeds.said(table([0.1, 0.2, float("inf")], [0.0, 0.1, 0.2]))
    assert " over 2 seeds" in lines[0] and " over 3 seeds" in lines[1]
    assert "2 seeds can't reach" in lines[2]
