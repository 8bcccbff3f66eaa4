"""The commands. Results go to stdout, everything else to stderr; a user's mistake exits with 2.

torch and transformers are imported inside the commands: `--help` and a typing error cost no wait.
"""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from textgan.config import Tree
from textgan.errors import UserError
from textgan.tracking import say

if TYPE_CHECKING:
    from textgan.recipe import Stage

DEFAULT = "configs/default.yaml"
"""What `pretrain` and `adversarial` take when no config file is named."""

app = typer.Typer(
    name="textgan",
    help="Train text generators adversarially; sample and evaluate them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
FREE = {"allow_extra_args": True, "ignore_unknown_options": True}
Configs = Annotated[
    list[str] | None,
    typer.Argument(help="Config files, merged left to right, and --any.dotted.key VALUE over them."),
]
RunArgument = Annotated[
    Path | None, typer.Argument(help="A run or a checkpoint folder; default: the newest run.")
]
RunOption = Annotated[Path | None, typer.Option("--run", help="The run's folder.")]
Resume = Annotated[Path | None, typer.Option(help="Go on with this run where it stopped.")]
Print = Annotated[bool, typer.Option("--print-config", help="Show the merged config and end.")]
List = Annotated[
    bool, typer.Option("--list-config", help="Show every key, its type, default and meaning.")
]
Which = Annotated[
    str | None, typer.Option("--checkpoint", help="best or last; default: as the run's stage.")
]


@app.command(context_settings=FREE)
def pretrain(
    configs: Configs = None,
    run: RunOption = None,
    resume: Resume = None,
    print_config: Print = False,
    list_config: List = False,
) -> None:
    """Play a recipe's pretraining phases, MLE and the discriminator's, in a new run."""
    _stage("pretrain", configs or [], run, resume, None, print_config, list_config)


@app.command(context_settings=FREE)
def adversarial(
    configs: Configs = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="Go on from this run; default: the newest.")
    ] = None,
    run: RunOption = None,
    resume: Resume = None,
    print_config: Print = False,
    list_config: List = False,
) -> None:
    """Play a recipe's adversarial phases, going on from a pretraining run."""
    _stage("adversarial", configs or [], run, resume, source, print_config, list_config)


def _stage(
    stage: "Stage",
    words: list[str],
    run: Path | None,
    resume: Path | None,
    source: Path | None,
    print_config: bool,
    list_config: bool,
) -> None:
    from textgan import config, experiment
    from textgan.recipe import Recipe

    if list_config:
        _print_keys(list(config.explain(Recipe)))
        return
    if resume is not None:
        if words or source or run:
            raise UserError("--resume: goes with no other argument; the run knows its config")
        say(f"run: {experiment.resume(resume, stage)}")
        return
    given = read_given(words)
    if print_config:
        if stage == "adversarial" and source is not None:
            given, _ = experiment.inherit(given, source)
        print(config.dump(config.check(Recipe, given)), end="")
        return
    say(f"run: {experiment.start(stage, given, run, source)}")


def read_given(words: list[str]) -> Tree:
    """Config files and dotted options as one tree; its name comes from the files' names."""
    from textgan import config

    files, overrides = config.parse_overrides(words)
    tree: Tree = {}
    for file in files or [DEFAULT]:
        config.merge(tree, config.read_yaml(file))
    named = "-".join(Path(file).stem for file in files or [DEFAULT])
    return config.merge({"name": named} | tree, overrides)


def _print_keys(keys: list[tuple[str, str, str, str]]) -> None:
    for path, kind, default, meaning in keys:
        print(f"{path}\n    {kind}" + (f", default {default}" if default else ""))
        if meaning:
            print(f"    {meaning}")


@app.command()
def sample(
    run: RunArgument = None,
    count: Annotated[int, typer.Option(help="How many texts.")] = 5,
    prefix: Annotated[str, typer.Option(help="How each text begins.")] = "",
    temperature: Annotated[
        float, typer.Option(help="Below 1: likelier words; above 1: rarer ones.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same texts.")] = 0,
    format: Annotated[str, typer.Option(help="text or jsonl.")] = "text",
    checkpoint: Which = None,
    report: Annotated[
        bool, typer.Option("--report", help="Say on stderr how much is copied.")
    ] = False,
) -> None:
    """Print texts of a run's generator, a blank line between them."""
    if format not in ("text", "jsonl"):
        raise UserError(f"--format: must be text or jsonl, got {format!r}")
    from textgan import runs, sampling

    found = runs.open_checkpoint(sampling.default_run(run), _which(checkpoint))
    writer = sampling.Writer.open(found)
    texts = writer.write(count, prefix=prefix, temperature=temperature, seed=seed)
    if format == "jsonl":
        for text in texts:
            print(json.dumps({"text": text}, ensure_ascii=False))
    else:
        print("\n\n".join(texts))
    sys.stdout.flush()
    if report:
        for line in sampling.report(texts, found):
            say(line)


def _which(checkpoint: str | None) -> str | None:
    if checkpoint not in (None, "best", "last"):
        raise UserError(f"--checkpoint: must be best or last, got {checkpoint!r}")
    return checkpoint


@app.command()
def evaluate(
    runs_: Annotated[
        list[Path] | None, typer.Argument(metavar="[RUN]...", help="Runs; default: the newest.")
    ] = None,
    json_: Annotated[
        Path | None, typer.Option("--json", help="Write the figures here as well.")
    ] = None,
    checkpoint: Which = None,
) -> None:
    """Score runs on their test split, beside the training text."""
    from textgan import runs, sampling
    from textgan.evaluation import as_json
    from textgan.evaluation import evaluate as score

    found = runs_ or [sampling.default_run(None)]
    rows = score([runs.open_checkpoint(path, _which(checkpoint)) for path in found])
    if json_ is not None:
        json_.write_text(json.dumps(as_json(rows), indent=2) + "\n", encoding="utf-8")
    names = list(rows[0].figures)
    table = [["", *names]]
    for row in rows:
        cells = [row.figures[name] for name in names]
        table.append([row.name, *(f"{e.value:.3f} ±{e.stderr:.3f}" if e else "" for e in cells)])
    _print_table(table)
    for protocol in dict.fromkeys(row.protocol for row in rows):
        print(protocol)


@app.command("runs")
def list_runs() -> None:
    """What is in the folder of runs: config, phase, turn, last figures."""
    from textgan import runs

    found = runs.all_runs()
    if not found:
        say(f"no run in {runs.home()}/; `python cli.py pretrain` makes one")
        return
    shown = ("validation_nll", "bleu4", "backward_bleu4", "harmonic_bleu4")
    table = [["run", "config", "phase", "turn", *shown]]
    for run in found:
        row: dict[str, Any] = runs.summary(run)
        figures = [f"{row[name]:.3f}" if name in row else "" for name in shown]
        table.append([row["run"], row["config"], row["phase"], row["turn"], *figures])
    _print_table(table)


def _print_table(rows: list[list[str]]) -> None:
    """Columns in line; the first to the left, figures to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join([first.strip().ljust(widths[0]), *rest]).rstrip())


def main(arguments: list[str] | None = None) -> None:
    """Run a command; exit code 2 and one line each for a user's mistakes, 130 after Ctrl-C.

    ``arguments``: instead of the process's own, for tests and notebooks.
    """
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        app(arguments)
    except UserError as error:
        for line in str(error).splitlines():
            say(f"error: {line}")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader (`| head`) has what it wanted; nothing is left to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
