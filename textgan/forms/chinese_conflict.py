"""Why a form can't be had, and the nearest that can: what is asked for is left out in turns."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from textgan.errors import UserError
from textgan.forms.chinese_ahead import Ahead
from textgan.forms.chinese_places import Here
from textgan.forms.chinese_plan import Plan
from textgan.forms.chinese_request import Request

TRIED = 300
"""Characters that are tried in another's place, the first of the vocabulary."""


class Part(NamedTuple):
    """Something that is asked for."""

    option: str
    fault: str
    rest: Request | Plan
    """All without it."""
    mend: Callable[[], str | None]
    """What would do in its stead; None if leaving it out is all that helps."""


def can_be(asked: Request | Plan) -> bool:
    """True if there is any poem of what is asked for."""
    plan = asked if isinstance(asked, Plan) else asked.plan
    ahead = Ahead(plan)
    begin = [Here(pattern, node=ahead.root) for pattern in range(len(plan.wants))]
    return any(map(ahead.finishes, begin))


def conflict(request: Request) -> UserError:
    """What to say where no poem is all that is asked for.

    The first part without which there are some is named, and the nearest that can be had.
    """
    tones = request.options.tones == "strict" and can_be(request.but(tones="soft"))
    for part in parts(request):
        if can_be(part.rest):
            mend = "--tones soft takes it" if tones else part.mend() or "leave it out"
            where = " in strict tones" if tones else ""
            return UserError(f"--{part.option}: {part.fault}{where}; {mend}")
    if tones:
        return UserError("--tones: strict tones leave no poem of all the rest; soft takes it")
    return whole(request)


def whole(request: Request) -> UserError:
    """What to say where no single part is to blame: an option without which there are poems."""
    asked = request.options.model_dump(exclude_defaults=True)
    fields = type(request.options).model_fields
    for name in [n for n in ("use", "fill", "acrostic", "avoid") if n in asked]:
        if can_be(request.but(**{name: fields[name].default})):
            return UserError(f"--{name}: can't be had with the rest; without it there are poems")
    names = ", ".join(f"--{name}".replace("_", "-") for name in asked)
    return UserError(f"{names}: leave no poem together; ask for less")


def parts(request: Request) -> Iterator[Part]:
    """All that is asked for, one after the other."""
    plan, options, but = request.plan, request.options, request.but
    for i, word in enumerate(options.avoid):
        less = but(avoid=options.avoid[:i] + options.avoid[i + 1 :])
        yield Part("avoid", f"without {word} the rest can't be done", less, nothing)
    if options.new_lines:
        fault = "all lines that are left stand in the training text"
        yield Part("new-lines", fault, but(new_lines=False), nothing)
    for i, word in enumerate(options.use):
        less = but(use=options.use[:i] + options.use[i + 1 :])
        yield Part("use", f"{word} finds no place", less, nothing)
    for place in plan.forced:
        yield prescribed(request, place)
    if options.rhyme:
        fault = f"{', '.join(plan.names)} can't be rhymed by with all the rest"
        yield Part("rhyme", fault, but(rhyme=None), lambda: group(request))


def nothing() -> None:
    """What mends something that only can be left out."""


def prescribed(request: Request, place: int) -> Part:
    """A character at a place of the acrostic, or of a poem with gaps."""
    given, (line, column) = request.shape.given, divmod(place, request.shape.characters)
    option = next(option for option in given if place in given[option])
    verb = f"be character {column + 1} of" if column else "begin"
    fault = f"{given[option][place]} can't {verb} line {line + 1} of {request.shape.name}"
    forced = {p: tokens for p, tokens in request.plan.forced.items() if p != place}

    def mend() -> str | None:
        for character, token in [*request.vocabulary.ids.items()][:TRIED]:
            if can_be(replace(request.plan, forced={**forced, place: frozenset([token])})):
                return f"{character} can"
        return None

    return Part(option, fault, replace(request.plan, forced=forced), mend)


def group(request: Request) -> str | None:
    """The largest group that can be rhymed by."""
    plan = request.but(rhyme=None).plan
    for g in sorted(range(len(plan.groups)), key=lambda g: -int(plan.groups[g].sum())):
        if can_be(replace(plan, groups=plan.groups[g : g + 1])):
            return f"{plan.names[g]} can"
    return None
