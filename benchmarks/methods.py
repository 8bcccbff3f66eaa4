"""What every method does in a small, equal budget, from the same start, beside further likelihood.

    python benchmarks/methods.py oracle configs/data/oracle.yaml [METHOD ...]
    python benchmarks/methods.py image_coco configs/data/image_coco.yaml \
        --over '{corpus: {path: train.txt, test_path: test.txt}}'
    python benchmarks/methods.py oracle_labelled configs/data/oracle_labelled.yaml sentigan
    python benchmarks/methods.py news_en configs/data/news_en.yaml sentigan --over '{corpus:
        {label_column: label}, generator: {categories: 8}, discriminator: {classes: 9}}'

Each method plays with the losses, players and rates of configs/methods, in updates of 64 texts,
from a generator that likelihood left half-way, until a few seconds are spent. The figures
go to docs/methods/results.json, which the pages in docs/methods show; what is there isn't played
again.
"""

import argparse
import json
import platform
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml

from textgan import api, config, evaluation
from textgan.clock import Clock
from textgan.errors import UserError

RESULTS = Path("docs/methods/results.json")


class Budget(NamedTuple):
    """What every method has on one text."""

    epochs: float
    """Of likelihood before the game."""
    warm: int
    """Updates of the discriminator before the game."""
    seconds: float
    """Of one thread in the game's updates."""
    timed: int
    """Steps by which a method's speed is known."""

    def __str__(self) -> str:
        return (
            f"{self.seconds:g} s of one thread, at most {MOST} updates of the generator, 64 texts "
            f"each, from {self.epochs:g} epochs of likelihood and {self.warm} updates of the "
            "discriminator"
        )


BUDGETS = {
    "oracle": Budget(2, 100, 30, 3),
    "oracle_labelled": Budget(2, 100, 30, 3),
    "image_coco": Budget(4, 20, 10, 1),
    "news_en": Budget(10, 20, 10, 1),
}
MOST = 200
"""Updates of the generator at most."""
TEXTS = 2_000
"""Generated texts that are scored by BLEU."""
METRICS = "bleu,self_bleu"
OWN = "relgan", "leakgan", "leakgan_mle", "sentigan", "textgan", "wgan_gp"
"""Methods whose generator is part of them; the others take the text's."""
ROUNDS = {"ddo": 3, "spin": 3, "dgsan": 3}
Row = dict[str, Any]


def leaves(phases: list[config.Tree]) -> list[config.Tree]:
    """Phases without phases inside."""
    found = []
    for phase in phases:
        found += leaves(phase["phases"]) if phase.get("phases") else [phase]
    return found


def main_phase(phases: list[config.Tree]) -> config.Tree:
    """The phase of a game that moves the generator beside most other players."""
    every = leaves(phases)
    return max(
        every, key=lambda phase: ("generator" in (who := phase.get("players", {})), len(who))
    )


def players(phase: config.Tree) -> dict[str, Any]:
    """Updates a step: the file's, or five of a discriminator that learns from pools there."""
    found = {}
    for player, turns in phase.get("players", {}).items():
        number = 1 if player == "generator" else turns.get("updates", 5)
        found[player] = {"updates": min(number, 5)}
    return found


def game(tree: config.Tree, steps: int, updates: int) -> list[config.Tree]:
    """The phases: the discriminator's warm-up, then so many steps of the game."""
    phases = tree["adversarial"] or [{"method": tree["method"]["name"]}]
    phase = main_phase(phases)
    name, who = tree["method"]["name"], players(phase)
    rounds = ROUNDS.get(name, 1)
    each = max(1, steps // rounds)
    found: config.Tree = {"steps": each, "repeat": rounds, "every": {"evaluate": each}}
    found |= {key: phase[key] for key in ("optimizers", "method") if key in phase}
    found |= {"players": who} if who else {}
    warm = {"steps": updates, "every": {"evaluate": updates}, "players": {"discriminator": {}}}
    return [warm, found] if "discriminator" in who else [found]


def recipe(data: str, method: str, over: config.Tree) -> config.Tree:
    """A method's file over a data file."""
    file = next(Path("configs/methods").glob(f"{method}*.yaml"))
    tree = api.load(data, file)
    if method not in OWN:
        tree["generator"] = config.read_yaml(data)["generator"]
    config.merge(tree, over)
    tree["trainer"] = {"batch_size": 64, "validation_samples": 100, "device": "cpu", "seed": 0}
    return tree


def scored(run: Path) -> tuple[Row, Row]:
    """The figures of a run, and those of real text."""
    ceiling, *_, row = evaluation.as_json(api.evaluate(run, metrics=METRICS))
    text = api.sample(run, count=1, seed=0)[0]

    def figures(found: Any) -> Row:
        pairs = found["figures"].items()
        return {name: [e["value"], e["stderr"]] for name, e in pairs if e is not None}

    return {"figures": figures(row), "text": text}, {"figures": figures(ceiling)}


def start(tree: config.Tree, epochs: float, place: Path) -> Path:
    """A generator that likelihood left half-way; made once for each kind of generator."""
    likelihood = "leakgan_mle" if tree["generator"]["name"] == "leakgan" else "mle"
    key = json.dumps(tree["generator"], sort_keys=True)
    run = place / f"start-{abs(hash(key))}"
    if not run.exists():
        phase = {"method": likelihood, "epochs": epochs, "every": {"evaluate": 1000}}
        phase["optimizers"] = {"generator": {"lr": 5e-3, "clip": 5.0}}
        api.train("pretrain", {**tree, "pretrain": [phase]}, run)
    return run


def play(tree: config.Tree, source: Path, place: Path, budget: Budget) -> Row:
    """As many updates as the budget holds: three are timed first."""
    steps = budget.timed
    for attempt in "timed", "played":
        phases = game(tree, steps, budget.warm if attempt == "played" else 1)
        run, last = place / f"{attempt}-{time.monotonic_ns()}", f"adversarial[{len(phases) - 1}]"
        with Clock().watching() as clock:
            api.train("adversarial", {**tree, "adversarial": phases}, run, source)
        steps = int(min(MOST, max(3, budget.seconds * steps / clock.spent(last))))
    updates = {player: n for (phase, player), n in clock.updates.items() if phase == last}
    seconds = {player: clock.seconds[last, player] / n for player, n in updates.items()}
    return {"updates": updates, "seconds": seconds, "commit": commit()} | scored(run)[0]


def commit() -> str:
    """What the code is, for a row."""
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return found.stdout.strip()


def measure(name: str, data: str, methods: list[str], over: config.Tree, results: Row) -> None:
    """Fill the rows that are missing."""
    rows, budget = results["data"].setdefault(name, {}), BUDGETS[name]
    with tempfile.TemporaryDirectory() as folder:
        for method in methods:
            if method in rows:
                continue
            tree = recipe(data, method, over)
            try:
                source = start(tree, budget.epochs, Path(folder))
                own = f":{method}" if method in OWN else ""
                if f"start{own}" not in rows:
                    rows[f"start{own}"], rows["real"] = scored(source)
                if own and f"mle_continued{own}" not in rows:
                    control = recipe(data, "mle_continued", over)
                    control["generator"] = tree["generator"]
                    if method.startswith("leakgan"):
                        control["method"] = {"name": "leakgan_mle"}
                        control["adversarial"] = []
                    rows[f"mle_continued{own}"] = play(control, source, Path(folder), budget)
                rows[method] = play(tree, source, Path(folder), budget)
            except UserError as error:
                rows[method] = {"absent": str(error)}
            print(method, json.dumps(rows[method])[:200], flush=True)
            RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


def main() -> None:
    """Measure some methods, or all, on one text."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=BUDGETS, help="under which the results are kept")
    parser.add_argument("data", help="a file of configs/data")
    parser.add_argument("methods", nargs="*", help="default: all of configs/methods")
    parser.add_argument("--over", default="{}", help="sections over the files, as YAML")
    given = parser.parse_args()
    torch.set_num_threads(1)
    evaluation.MOST = TEXTS
    stems = (file.stem for file in sorted(Path("configs/methods").glob("*.yaml")))
    every = sorted(
        {s.removesuffix("-scratch") for s in stems if not s.endswith(("short", "coded"))}
    )
    over = yaml.safe_load(given.over)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"data": {}}
    results.setdefault("budget", {})[given.name] = str(BUDGETS[given.name])
    results["machine"] = f"{platform.machine()}, one thread, torch {torch.__version__}"
    measure(given.name, given.data, given.methods or every, over, results)


if __name__ == "__main__":
    main()
