"""Can a discriminator alone teach a generator a form of verse? Strict quatrains, over seeds.

    python benchmarks/learning_form.py POEMS SEED ... [--folder runs/form]
    python benchmarks/learning_form.py --page [--folder runs/form]

Four arms a seed from one likelihood: the likelihood itself, ``mle_continued``, ``mpo`` against a
discriminator of pairs (configs/methods/mpo.yaml), and a policy gradient whose reward is the share
of the form's rules that a poem keeps, which no discriminator could know better. What is measured
are samples at temperature 1, nothing masked. Each result is a file in the folder, so that it goes
on where it stopped; ``--page`` makes docs/poetry/learning_form.md and .json of all that are there.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.methods import METHODS, MethodOptions
from textgan.methods.policy import PolicyGradient, PolicyOptions
from textgan.metrics import form_chinese
from textgan.metrics.seeds import compare, interval, verdict

POEMS = 4000
"""Samples whose form is looked at."""
FILES = "configs/data/shi.yaml", "configs/methods/mpo.yaml"
PAGE = Path("docs/poetry/learning_form.md")
FEW = 50
"""Human poems that tell the rule's reward what the form is, at every update."""
BASELINE = "mle"
LIKELIHOODS = BASELINE, "mle_continued"
"""Arms of which the validation likelihood chooses the checkpoint; of the others it is the last."""
GENERATOR = {"players": {"generator": {}}}
ARMS: dict[str, dict[str, Any]] = {
    BASELINE: {},
    "mle_continued": {
        "method": {"name": "mle_continued"},
        "optimizers": {"generator": {"lr": 1e-3, "schedule": "linear"}},
        "adversarial": [{**GENERATOR, "steps": 1400, "every": {"evaluate": 200}}],
    },
    "mpo": {},
    "rule_reward": {
        "method": {
            "name": "rule_reward",
            "values": "terminal",
            "baseline": "leave_one_out",
            "reduction": "mean",
        },
        "optimizers": {"generator": {"lr": 3e-4, "schedule": "linear"}},
        "adversarial": [{**GENERATOR, "steps": 500, "every": {"evaluate": 500}}],
    },
}
"""What each changes in the recipe of ``FILES``."""
FIGURES = "exact copies", "copied run", "distinct-2", "Self-BLEU-4", "BLEU-4", "NLL_test"


class RuleRewardOptions(PolicyOptions):
    """A policy gradient without a discriminator."""

    name: Literal["rule_reward"] = "rule_reward"
    """Which method."""


class RuleReward(PolicyGradient):
    """A text earns the share of the form's rules that it keeps."""

    Options: ClassVar[type[MethodOptions]] = RuleRewardOptions
    trains = ("generator",)
    tokenizer: ClassVar[Any]
    human: ClassVar[list[str]]

    def reward(self, s: Sequences, prefix: int = 0, copies: int = 1) -> Tensor:
        poems = self.tokenizer.batch_decode(s.ids, skip_special_tokens=True)
        kept = form_chinese.rules(poems, self.human[:FEW])
        return torch.tensor([*kept.values()], dtype=torch.float).mean(dim=0).to(s.ids.device)


METHODS["rule_reward"] = RuleReward
# Recipes are typed by that table when they are imported: what imports them comes later, below.


def trained(arm: str, poems: Path, seed: int, folder: Path) -> tuple[Path, float]:
    """An arm's run, and the seconds of processor time that it took beyond the likelihood."""
    from textgan import api

    run, start = folder / f"{arm}-{seed}", folder / f"{BASELINE}-{seed}"
    tree = api.load(*FILES, corpus={"path": str(poems)}, trainer={"seed": seed}, **ARMS[arm])
    began = time.process_time()
    if arm == BASELINE:
        api.train("pretrain", tree, run)
    else:
        api.train("adversarial", tree, run, start)
    return run, time.process_time() - began


def measured(checkpoint: Path, poems: list[str], human: list[str]) -> dict[str, Any]:
    """The share of each rule among samples, and what ``evaluate`` says of the rest."""
    from textgan import api

    found: dict[str, Any] = {"form": shares(poems, human), "poems": poems[:5]}
    rows = api.evaluate(checkpoint, metrics="bleu,self_bleu,diversity,memorisation")
    for name, row in (("figures", rows[-1]), ("real", rows[0])):
        found[name] = {
            key: value.value for key, value in row.figures.items() if key in FIGURES and value
        }
    return found


def shares(poems: list[str], human: list[str]) -> dict[str, float]:
    """The share of poems that keep each rule."""
    return {k: sum(v) / len(v) for k, v in form_chinese.rules(poems, human).items()}


def written(checkpoint: Path) -> list[str]:
    """Samples at temperature 1."""
    from textgan import runs
    from textgan.sampling import Writer

    writer = Writer.open(runs.open_checkpoint(checkpoint))
    runtime.seed(0, "form")
    texts: list[str] = []
    while len(texts) < POEMS:
        ids = writer.generator.sample(500).ids
        texts += writer.tokenizer.batch_decode(ids, skip_special_tokens=True)
    return texts


def play(poems: Path, seed: int, folder: Path) -> None:
    """All arms of a seed that have no result yet."""
    for arm in ARMS:
        place = folder / f"{arm}-{seed}.json"
        if place.exists():
            continue
        if arm != BASELINE:
            prepare(folder / f"{BASELINE}-{seed}")
        run, seconds = trained(arm, poems, seed, folder)
        human = prepare(run)
        checkpoint = run / ("best" if arm in LIKELIHOODS else "last")
        found = measured(checkpoint, written(checkpoint), human) | {"seconds": seconds}
        found["human"] = shares(human, human)
        place.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        print(arm, seed, f"{seconds:.0f} s", found["form"]["strict"], found["figures"], flush=True)


def prepare(run: Path) -> list[str]:
    """The test poems of a run, which tell the rule's reward what the form is."""
    from textgan import config, oracle, runs
    from textgan.recipe import Recipe
    from textgan.sampling import Writer

    checkpoint = runs.open_checkpoint(run)
    writer = Writer.open(checkpoint)
    recipe = config.check(Recipe, checkpoint.about["recipe"])
    corpus = oracle.open_corpus(recipe.corpus, recipe.tokenizer, writer.tokenizer)
    ids = corpus.batch("test", range(len(corpus.splits["test"]))).ids
    RuleReward.tokenizer = writer.tokenizer
    RuleReward.human = writer.tokenizer.batch_decode(ids, skip_special_tokens=True)
    return RuleReward.human


def results(folder: Path) -> dict[str, dict[int, dict[str, Any]]]:
    """By arm and seed, of the seeds that all arms have."""
    found: dict[str, dict[int, dict[str, Any]]] = {arm: {} for arm in ARMS}
    for arm in ARMS:
        for place in folder.glob(f"{arm}-*.json"):
            seed = int(place.stem.rsplit("-", 1)[1])
            found[arm][seed] = json.loads(place.read_text("utf-8"))
    common = sorted(set.intersection(*(set(each) for each in found.values())))
    return {arm: {seed: each[seed] for seed in common} for arm, each in found.items()}


def figures(run: dict[str, Any]) -> dict[str, float]:
    """The figures of a result: the rules' shares, and ``evaluate``'s."""
    return {**run["form"], **run["figures"], "seconds": run["seconds"]}


def values(runs: dict[int, dict[str, Any]], name: str) -> dict[int, float]:
    """A figure by seed, of the results that have it: early ones haven't got the copied run."""
    return {seed: figures(run)[name] for seed, run in runs.items() if name in figures(run)}


def page(found: dict[str, dict[int, dict[str, Any]]]) -> str:
    """Tables of the rules and of the rest, and what the comparison with likelihood shows."""
    seeds = [*found[BASELINE]]
    last = found[BASELINE][seeds[-1]]
    lines = [
        "# Learning form by playing",
        f"Seeds {', '.join(map(str, seeds))}; {POEMS:,} samples a run at temperature 1, nothing "
        "masked. Means and Student's 95 % intervals over seeds; `human`: of the rules the test "
        "poems' shares, of the rest the training poems' own figures.",
    ]
    for names in ([*last["form"]], [*last["figures"], "seconds"]):
        rows = [f"| | {' | '.join(['human', *ARMS])} |", "| --- |" + " --- |" * (len(ARMS) + 1)]
        for name in names:
            human = (last["human"] | last["real"]).get(name)
            cells = ["" if human is None else f"{human:.3f}"]
            for arm in ARMS:
                over = interval([*values(found[arm], name).values()])
                cells.append(f"{over.estimate.value:.3f} ± {over.high - over.estimate.value:.3f}")
            having = [*values(found[BASELINE], name)]
            only = "" if having == seeds else f", seeds {', '.join(map(str, having))}"
            rows.append(f"| {name}{only} | {' | '.join(cells)} |")
        lines.append("\n".join(rows))
    lines.append(shown(found))
    return "\n\n".join(lines) + "\n"


def shown(found: dict[str, dict[int, dict[str, Any]]]) -> str:
    """Verdicts on the figures that the question is about."""
    lines = []
    asked = "strict", "rhyme", "NLL_test", "exact copies", "copied run", "distinct-2", "Self-BLEU-4"
    for name in asked:
        arms = {arm: [*values(found[arm], name).values()] for arm in ARMS}
        for baseline in LIKELIHOODS:
            base = arms.pop(baseline)
            for arm, each in compare(arms, base).items():
                lines.append(f"- {name}, {arm} beside {baseline}: {verdict(each)}")
    return "\n".join(lines)


def main() -> None:
    """Play seeds, or make the page of those that were played."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("poems", nargs="?", type=Path, help="a quatrain a line")
    parser.add_argument("seeds", nargs="*", type=int)
    parser.add_argument("--folder", type=Path, default=Path("runs/form"))
    parser.add_argument("--page", action="store_true", help=f"write {PAGE} and .json beside it")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    for seed in given.seeds:
        play(given.poems, seed, given.folder)
    if given.page:
        found = results(given.folder)
        PAGE.write_text(page(found), encoding="utf-8")
        text = json.dumps(found, ensure_ascii=False, indent=1)
        PAGE.with_suffix(".json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
