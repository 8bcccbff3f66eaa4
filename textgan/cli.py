"""The commands. Results go to stdout, everything else to stderr; a user's mistake exits with 2.

torch and transformers are imported inside the commands: `--help` and a typing error cost no wait.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from textgan.arguments import Which, which
from textgan.config import Tree
from textgan.errors import UserError
from textgan.output import show
from textgan.sample_command import sample
from textgan.tracking import command, complain, is_first, launched, say

if TYPE_CHECKING:
    from textgan.evaluation import Row
    from textgan.recipe import Stage
    from textgan.report import Line

app = typer.Typer(
    name="textgan",
    help="Train text generators adversarially; sample and evaluate them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # a mistake is one line, not a box
    pretty_exceptions_enable=False,
)
MISTYPED: Any = typer.BadParameter.__base__
"""click's UsageError, of which newer typers have a copy of their own."""
FREE = {"allow_extra_args": True, "ignore_unknown_options": True}
Configs = Annotated[
    list[str] | None,
    typer.Argument(
        help="Config files, merged left to right, and --any.dotted.key VALUE over them."
    ),
]
RunOption = Annotated[Path | None, typer.Option("--run", help="The run's folder.")]
Source = Annotated[
    Path | None,
    typer.Option(
        "--from", help="Go on from this run, shipped model or model folder of transformers."
    ),
]
Resume = Annotated[Path | None, typer.Option(help="Go on with this run where it stopped.")]
Print = Annotated[bool, typer.Option("--print-config", help="Show the merged config and end.")]
List = Annotated[
    bool, typer.Option("--list-config", help="Show every key, its type, default and meaning.")
]


@app.command(context_settings=FREE)
def pretrain(
    configs: Configs = None,
    source: Source = None,
    run: RunOption = None,
    resume: Resume = None,
    print_config: Print = False,
    list_config: List = False,
) -> None:
    """Play a recipe's pretraining phases, MLE and the discriminator's, in a new run."""
    _stage("pretrain", configs or [], run, resume, source, print_config, list_config)


@app.command(context_settings=FREE)
def adversarial(
    configs: Configs = None,
    source: Source = None,
    run: RunOption = None,
    resume: Resume = None,
    print_config: Print = False,
    list_config: List = False,
) -> None:
    """Play a recipe's adversarial phases, going on from a pretraining run (default: the newest)."""
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
    from textgan import api, config, experiment, inheritance
    from textgan.origin import Origin
    from textgan.recipe import Recipe

    if list_config:
        _print_keys()
        return
    if resume is not None:
        if words or source or run:
            raise UserError("--resume: goes with no other argument; the run knows its config")
        _resume(stage, resume, print_config)
        return
    origin = Origin.open(source, stage) if source else None
    model = origin is not None and origin.checkpoint is None
    given = read_given(words, default=stage == "pretrain" or model)
    if print_config:
        given = inheritance.preview(stage, given, origin, api.load(), words)
        show(config.dump(config.check(Recipe, given)).rstrip())
        return
    with api.quiet():
        say(f"run: {experiment.start(stage, given, run, origin, words)}")


def _resume(stage: "Stage", run: Path, print_config: bool) -> None:
    from textgan import api, config, experiment, runs

    if print_config:
        last = runs.open_checkpoint(run, "last" if runs.is_run(run) else None)
        show(config.to_yaml(last.about["recipe"]).rstrip())
        return
    with api.quiet():
        say(f"run: {experiment.resume(run, stage)}")


def read_given(words: list[str], default: bool) -> Tree:
    """Config files and dotted options as one tree, named after the files.

    ``default``: take configs/default.yaml if no file is named (the game goes on from a run, whose
    recipe lies below what is given anyway).
    """
    from textgan import api, config

    files, overrides = config.parse_overrides(words)
    return api.load(*files, **overrides) if files or default else overrides


def _print_keys() -> None:
    """Every key; where configs/default.yaml has another value than the code, both of them."""
    from textgan import api, config
    from textgan.recipe import Recipe

    unnamed = config.check(Recipe, api.load()).model_dump(mode="json", exclude_unset=True)
    show(f"# Without a config file, {api.DEFAULT} is taken: its values stand behind the defaults.")
    for path, kind, default, meaning in config.explain(Recipe):
        lines = [path, f"    {kind}" + (f", default {default}" if default else "")]
        if (value := config.value_at(unnamed, path)) not in ("", default):
            lines[1] += f"; without a config file {value}"
        show("\n".join([*lines, f"    {meaning}"] if meaning else lines))


app.command()(sample)


@app.command()
def evaluate(
    runs_: Annotated[
        list[Path] | None, typer.Argument(metavar="[RUN]...", help="Runs; default: the newest.")
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(help="Names with commas between them; all: all but neural_lm."),
    ] = None,
    json_: Annotated[
        Path | None, typer.Option("--json", help="Write the figures here as well.")
    ] = None,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Curves over temperature, top-p and top-k, too.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with tables, plots and texts; data beside it.")
    ] = None,
    latex: Annotated[Path | None, typer.Option(help="Write the table for LaTeX.")] = None,
    samples: Annotated[
        Path | None, typer.Option(help="Instead of runs: texts that were generated, one a line.")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="With --samples: held-out real texts, one a line.")
    ] = None,
    training: Annotated[
        Path | None, typer.Option(help="With --samples: the texts that trained, one a line.")
    ] = None,
    tokenizer: Annotated[
        str, typer.Option(help="With --samples: word, whitespace or character.")
    ] = "word",
    encoder: Annotated[
        str | None, typer.Option(help="For FED and others: a folder of sentence-transformers.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the texts that are drawn.")] = 0,
    checkpoint: Which = None,
) -> None:
    """Score runs, or a file of texts, beside real text: a line for each figure."""
    from textgan import evaluation_report

    said: list[str] = []
    lines: list[Line] = []
    files = json_, html, latex
    evaluation_report.check(*files)
    if samples is not None:
        if runs_:
            raise UserError("--samples: are scored instead of runs; leave the runs out")
        if sweep:
            raise UserError(
                "--sweep: draws texts in many ways, for which a run is needed; give one"
            )
        if reference is None:
            raise UserError("--samples: have to be held against real texts; give --reference FILE")
        from textgan import api

        given = samples, reference, training
        rows = api.evaluate_files(*given, tokenizer, metrics=metrics, seed=seed, encoder=encoder)
    elif reference or training:
        raise UserError("--reference, --training: go with --samples FILE; give that, too")
    else:
        rows, said = _score_runs(runs_ or [], checkpoint, metrics, seed, encoder)
    try:
        _show_rows(rows, said)
        if sweep:
            lines, more = _sweep(rows, seed)
            said += more
            for line in more:
                show(line)
    except typer.Exit:  # the reader has enough; what else is asked for isn't lost
        if not any(files):
            raise
    if is_first():
        evaluation_report.write(rows, said, lines, *files)


def _show_rows(rows: list["Row"], said: list[str]) -> None:
    """A line for each figure, then what is said of them, then what they depend on."""
    from textgan.report.tables import figure_names

    table = [["", *(row.name for row in rows)]]
    for name in figure_names(rows):
        cells = [row.figures.get(name) for row in rows]
        table.append([name, *(f"{e.value:.3f} ±{e.stderr:.3f}" if e else "" for e in cells)])
    _print_table(table)
    for line in said:
        show(line)
    for protocol in dict.fromkeys(row.protocol for row in rows):
        show(protocol)


def _score_runs(
    found: list[Path], checkpoint: str | None, metrics: str | None, seed: int, encoder: str | None
) -> tuple[list["Row"], list[str]]:
    from textgan import api, over_seeds, runs, shipped

    if not found:
        newest = runs.newest()
        if newest is None:
            raise UserError(f"no run in {runs.home()}/; `{command('pretrain')}` makes one")
        say(f"from {newest}")
        found = [newest]
    chosen = which(checkpoint)
    places = [runs.open_checkpoint(shipped.resolve(path), chosen).folder for path in found]
    rows = api.evaluate(*places, metrics=metrics, seed=seed, encoder=encoder)
    return rows, over_seeds.said(over_seeds.groups(rows))


def _sweep(rows: list["Row"], seed: int) -> tuple[list["Line"], list[str]]:
    from textgan import api, over_seeds
    from textgan.evaluation import Wanted

    return api.sweep(over_seeds.groups(rows), Wanted(seed=seed))


@app.command()
def benchmark(
    grid: Annotated[str, typer.Argument(metavar="GRID.yaml", help="Methods, data, budget.")],
    folder: Annotated[
        Path | None, typer.Option(help="Runs and results; default: benchmark/ and the grid's name.")
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(
            help="The leaderboard, and beside it its data as .csv; default: leaderboard.md in the "
            "folder."
        ),
    ] = None,
) -> None:
    """Compare methods under equal trials and seconds; goes on where it stopped."""
    from textgan import leaderboard
    from textgan.benchmark import Benchmark
    from textgan.grid import check, open_grid

    if launched() > 1:
        raise UserError("benchmark: compares by the clock of one process; leave the launcher out")
    found = open_grid(grid)
    check(found)
    folder = folder or Path("benchmark") / Path(grid).stem
    bench = Benchmark(found, folder)
    bench.play()
    text, page = leaderboard.page(bench, grid), page or folder / "leaderboard.md"
    try:
        page.write_text(text, encoding="utf-8")
        page.with_suffix(".csv").write_text(leaderboard.table_csv(bench), encoding="utf-8")
    except OSError as error:
        raise UserError(f"--page: {page} can't be written ({error.strerror})") from None
    show(text.rstrip())


@app.command()
def playground(
    port: Annotated[
        int | None, typer.Option(help="Of the page; default: the first free one from 7860.")
    ] = None,
) -> None:
    """Serve a page on this machine: poems, training curves, people's judgement; Ctrl-C ends it."""
    from textgan.playground import serve

    serve(port)


@app.command("runs")
def list_runs() -> None:
    """What is in the folder of runs: config, phase, turn, last figures."""
    from textgan import runs

    found = runs.all_runs()
    if not found:
        say(f"no run in {runs.home()}/; `{command('pretrain')}` makes one")
        return
    shown = ("validation_nll", "bleu4", "backward_bleu4", "harmonic_bleu4", "jsd")
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
        show("  ".join([first.strip().ljust(widths[0]), *rest]).rstrip())


def main(arguments: list[str] | None = None) -> None:
    """Run a command; exit code 2 and one line each for a user's mistakes, 130 after Ctrl-C.

    ``arguments``: instead of the process's own, for tests and notebooks.
    """
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    try:
        sys.exit(app(arguments, standalone_mode=False) or 0)
    except MISTYPED as error:
        message = error.format_message()
        if "\n" in message:  # no command at all: the help
            error.show()
        else:
            complain(f"{message}; --help shows what there is")
        sys.exit(2)
    except UserError as error:
        complain(str(error))
        sys.exit(2)
    except OSError as error:  # no temporary folder, say
        where, what = error.filename or "a file", error.strerror or error
        complain(f"{where}: {what}; see whether there is room, and leave to read and write it")
        sys.exit(2)
