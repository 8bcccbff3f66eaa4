"""What commands print: results go to stdout, once, whoever reads them."""

import os
import sys

import typer

from textgan.errors import UserError
from textgan.tracking import is_first


def show(text: str) -> None:
    """A result, on stdout; ends the command when the reader (`| head`) has what it wanted."""
    if not is_first():
        return
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _drop_stdout()
        raise typer.Exit from None
    except OSError as error:
        _drop_stdout()
        raise UserError(f"stdout: can't be written ({error.strerror}); make room there") from None


def _drop_stdout() -> None:
    """Python flushes stdout once more at its end: into nothing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
