"""`sample`: print texts of a generator, of the form and the taste that are asked for."""

import json
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from textgan.arguments import RunArgument, Which, which
from textgan.errors import UserError
from textgan.forms.options import FormOptions
from textgan.output import show
from textgan.tracking import say

if TYPE_CHECKING:
    from textgan import runs
    from textgan.why import Reason
    from textgan.wish import Wish


def _form(field: str) -> Any:
    """An option whose help is the field's own."""
    text = " ".join((FormOptions.model_fields[field].description or "").split())
    return typer.Option("--" + field.replace("_", "-"), help=text)


def sample(
    run: RunArgument = None,
    count: Annotated[int, typer.Option(help="How many texts.")] = 5,
    prefix: Annotated[str, typer.Option(help="How each text begins.")] = "",
    temperature: Annotated[
        float, typer.Option(help="Below 1: likelier words; above 1: rarer ones.")
    ] = 1.0,
    top_k: Annotated[
        int | None, typer.Option(help="Draw from so many likeliest words only.")
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(help="Draw from the likeliest words that have this probability together."),
    ] = None,
    typical: Annotated[
        float | None,
        typer.Option(help="The same of the words whose surprise is nearest to the expected one."),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(min=0, help="The same seed gives the same texts, however many."),
    ] = 0,
    format: Annotated[str, typer.Option(help="text or jsonl.")] = "text",
    checkpoint: Which = None,
    category: Annotated[
        str | None,
        typer.Option(
            help="What kind of text: a label of the texts, or its number; default: any, as often "
            "as among the training texts."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="A shipped model instead of a run: sonnets or shi.")
    ] = None,
    form: Annotated[str | None, _form("form")] = None,
    rhyme: Annotated[str | None, _form("rhyme")] = None,
    rhyme_book: Annotated[str, _form("rhyme_book")] = "pingshui",
    tones: Annotated[str, _form("tones")] = "off",
    metre: Annotated[float, _form("metre")] = 0.0,
    syllables: Annotated[str | None, _form("syllables")] = None,
    lines: Annotated[int | None, _form("lines")] = None,
    acrostic: Annotated[str | None, _form("acrostic")] = None,
    use: Annotated[list[str] | None, _form("use")] = None,
    avoid: Annotated[list[str] | None, _form("avoid")] = None,
    fill: Annotated[str | None, _form("fill")] = None,
    new_lines: Annotated[bool, _form("new_lines")] = False,
    best_of: Annotated[int, typer.Option(help="Draw so many for each text, keep the best.")] = 1,
    by: Annotated[
        str, typer.Option(help="The best by likelihood (of the whole text) or by discriminator.")
    ] = "likelihood",
    resample: Annotated[
        bool,
        typer.Option("--resample", help="Correct what a form distorts, by exact weights of 16."),
    ] = False,
    candidates: Annotated[
        int | None,
        typer.Option(
            help="Draw so many for each text, and choose by exact weights: the discriminator's, "
            "and a form's as of --resample (runs of residual_ebm)."
        ),
    ] = None,
    walk: Annotated[
        int | None,
        typer.Option(
            help="So many texts on the way from one draw of noise to another (models with noise z)."
        ),
    ] = None,
    why: Annotated[
        bool,
        typer.Option(
            "--why",
            help="Show beside each line the training line most like it, and, of a run of "
            "`adversarial`, what its discriminator thinks.",
        ),
    ] = False,
    report: Annotated[
        bool,
        typer.Option(
            "--report",
            help="Say on stderr how much is copied, and what masks and candidates cost.",
        ),
    ] = False,
) -> None:
    """Print texts of a run's or a shipped model's generator, a blank line between them."""
    if format not in ("text", "jsonl"):
        raise UserError(f"--format: must be text or jsonl, got {format!r}")
    from textgan import api, runs, sampling
    from textgan.taste import Taste
    from textgan.wish import Wish, form_options

    asked = form_options(
        form=form,
        rhyme=rhyme,
        rhyme_book=rhyme_book,
        tones=tones,
        metre=metre,
        syllables=syllables,
        lines=lines,
        acrostic=acrostic,
        use=use or (),
        avoid=avoid or (),
        fill=fill,
        new_lines=new_lines,
    )
    taste = Taste(temperature, top_k, top_p, typical)
    wish = Wish(asked, taste, prefix, category, best_of, by, resample, candidates)  # type: ignore[arg-type]
    found = runs.open_checkpoint(sampling.default_run(run, model), which(checkpoint))
    if walk is not None and (wish, why, report) != (Wish(), False, False):
        raise UserError("--walk: goes with --seed and --format alone; leave the other options out")
    with api.quiet():
        if walk is not None:
            _walk(found, walk, seed, format)
        else:
            _write(found, wish, count, seed, format, why, report)


def _write(
    found: "runs.Checkpoint",
    wish: "Wish",
    count: int,
    seed: int,
    format: str,
    why: bool,
    report: bool,
) -> None:
    """Texts by a wish, and what is asked about them."""
    from textgan import shipped
    from textgan.poet import Poet
    from textgan.sampling_report import SamplingReport
    from textgan.why import Why

    poet = Poet.open(found)
    draft = poet.draft(wish)
    parts = draft.write(count, seed)
    # Of a shipped model there is no text to compare with, but masks have a price.
    priced_only = bool(draft.masks) and shipped.holds(found.folder)
    told = SamplingReport(found) if report and not priced_only else None
    reasons = Why(poet) if why else None
    for number, poems in enumerate(parts):
        texts = [poem.text for poem in poems]
        said = [reasons.of(poem) for poem in poems] if reasons else None
        _show(texts, said, format, first=number == 0)
        if told:
            told.add(texts)
    if report:
        for line in [*draft.said(), *(told.said() if told else [])]:
            say(line)


def _walk(found: "runs.Checkpoint", steps: int, seed: int, format: str) -> None:
    """Texts on the way between two draws of noise."""
    from textgan.sampling import Writer
    from textgan.walk import Walk

    walk = Walk(Writer.open(found), steps, seed)
    _show(walk.texts(), None, format, first=True)
    say(walk.said())


def _show(texts: list[str], said: list[list["Reason"]] | None, format: str, first: bool) -> None:
    """A blank line stands between texts and nowhere else, whatever a generator wrote."""
    if format == "jsonl":
        rows: list[dict[str, Any]] = [{"text": text} for text in texts]
        for row, reasons in zip(rows, said or [], strict=bool(said)):
            row["why"] = [reason._asdict() for reason in reasons]
        show("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
        return
    if said:
        texts = ["\n".join(map(str, reasons)) for reasons in said]
    before = "" if first else "\n"
    show(before + "\n\n".join(re.sub(r"\n+", "\n", text).strip("\n") for text in texts))
