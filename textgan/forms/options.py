"""What a poet asks for: the options of `sample`, the fields of the page."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ENGLISH = ("quatrain", "couplet", "haiku", "limerick", "sonnet")
CHINESE = {"wujue": "五绝", "qijue": "七绝", "wulü": "五律", "qilü": "七律"}
"""Forms by the name without tones and in characters; both names are taken."""


class FormOptions(BaseModel):
    """A form, and what else a poem must do. What isn't asked for is free."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    form: str | None = None
    """quatrain, couplet, haiku, limerick, sonnet; 五绝 (wujue), 七绝 (qijue), 五律 (wulü),
    七律 (qilü)."""
    rhyme: str | None = None
    """English: a scheme, as ABAB, a letter a line, `-` for a line that needn't rhyme. Chinese: a
    group's name (一東, 东) or any character of it."""
    rhyme_book: Literal["pingshui", "xinyun"] = "pingshui"
    """Chinese: 平水韵, or modern 中华新韵."""
    tones: Literal["strict", "soft", "off"] = "off"
    """Chinese: level and oblique as in regulated verse; soft: likelier, not asked for."""
    metre: float = Field(default=0.0, ge=0, le=10)
    """English: nats that a syllable in iambic place gains over one out of place, as 1."""
    syllables: str | None = None
    """English: of each line, as 10, or 9-11, or 5/7/5 for one line after the other."""
    lines: int | None = Field(default=None, ge=1, le=100)
    """How many."""
    acrostic: str | None = None
    """What the lines' first characters (Chinese) or letters (English) spell."""
    use: tuple[str, ...] = ()
    """Words that must stand in it; give the option again for each."""
    avoid: tuple[str, ...] = ()
    """Words that must not, as they are written; give the option again for each."""
    fill: str | None = None
    """A poem with gaps, `_` for a character (Chinese) or a whole word (English), `/` between
    lines."""
    new_lines: bool = False
    """No line of it stands in the training text."""

    @property
    def asked(self) -> bool:
        """True if anything is asked for."""
        return bool(self.model_dump(exclude_defaults=True))
