"""What a visitor or a program asks the page for, and how much may be asked for at once."""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from textgan import config
from textgan.errors import UserError
from textgan.forms import FormOptions
from textgan.poet import Taste, Wish

POEMS = 20
"""Poems a request."""
DRAWN = 320
"""Poems a request that are drawn for them."""
LETTERS = 500
"""Characters a field."""
LINE = 300
"""Characters of an error."""


class Ask(FormOptions):
    """A request: the options of `sample` under their names."""

    model_config = ConfigDict(str_max_length=LETTERS, allow_inf_nan=False)

    model: str = "shi"
    """A name of the page's list: a shipped model, a run, or one of its checkpoints."""
    lines: int | None = Field(default=None, ge=1, le=32)
    use: tuple[str, ...] = Field(default=(), max_length=20)
    avoid: tuple[str, ...] = Field(default=(), max_length=20)
    prefix: str = ""
    category: str | None = None
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    typical: float | None = None
    best_of: int = Field(default=1, ge=1, le=64)
    by: Literal["likelihood", "discriminator"] = "likelihood"
    resample: bool = False
    count: int = Field(default=1, ge=1, le=POEMS)
    seed: int = Field(default=0, ge=0, lt=2**63)

    @property
    def wish(self) -> Wish:
        """The same without model, count and seed.

        Raises:
            UserError: a value out of range, two that exclude each other, or too much at once.
        """
        form = FormOptions(**self.model_dump(include={*FormOptions.model_fields}))
        taste = Taste(self.temperature, self.top_k, self.top_p, self.typical)
        wish = Wish(form, taste, self.prefix, self.category, self.best_of, self.by, self.resample)
        if (drawn := self.count * wish.each) > DRAWN:
            raise UserError(
                f"--count: {self.count} poems from {wish.each} each are {drawn} to draw, of "
                f"at most {DRAWN}; ask for fewer"
            )
        return wish


def read(given: Any) -> Ask:
    """A request from a form's fields or from JSON; what is empty wasn't asked for.

    Raises:
        UserError: it is none; one line for each field that is wrong.
    """
    if not isinstance(given, dict):
        raise UserError('poems: a request is one JSON object, as {"model": "shi", "count": 2}')
    return config.check(
        Ask, {key: value for key, value in given.items() if value not in ("", None)}
    )


def said(error: UserError) -> list[str]:
    """A mistake's lines, which may repeat what came in, at a length that can be read."""
    return [
        line if len(line) <= LINE else f"{line[: LINE - 1]}…" for line in str(error).splitlines()
    ]


def field_of(line: str) -> str:
    """The field that a line of a UserError is about: ``--top-k: must be…`` -> ``top_k``."""
    name = line.split(":")[0].removeprefix("--").split("[")[0]
    return name.replace("-", "_")
