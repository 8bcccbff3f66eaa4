"""Why an English form can't be had, and the nearest that can: both are found by trying."""

from collections.abc import Iterable
from itertools import combinations
from string import ascii_lowercase

from textgan.errors import UserError
from textgan.forms.english_fill import Place
from textgan.forms.english_plan import Want
from textgan.forms.english_request import Request
from textgan.forms.english_shape import KINDS, MOST
from textgan.forms.english_vocabulary import plain


def conflict(request: Request) -> UserError:
    """What to say where no poem is all that is asked for: the first part to blame."""
    options, lines = request.options, request.lines
    for word in given(request, (place for line in lines for place in line.places)):
        if word in map(plain, options.avoid):
            return UserError(f"--avoid: {word} stands in --fill; leave it out of one of them")
    for i, line in enumerate(lines):
        for word in given(request, line.places[:1]):
            if line.initial and not word.startswith(line.initial):
                return UserError(
                    f"--acrostic: begins line {i + 1} with {line.initial!r}, --fill with {word}; "
                    "put a gap there"
                )
        if line.initial and not request.plan.may(Want(line.initial)).any():
            why = f"no word of this model begins with {line.initial!r}"
            return UserError(f"--acrostic: {why}; {other_letter(request, i)}")
    for i, word in enumerate(options.avoid):
        if request.but(avoid=options.avoid[:i] + options.avoid[i + 1 :]).possible:
            return UserError(f"--avoid: without {word} the rest can't be done; allow it")
    if options.new_lines and request.but(new_lines=False).possible:
        return UserError(
            "--new-lines: all lines that are left stand in the training text; leave it out"
        )
    for i, word in enumerate(options.use):
        if request.but(use=options.use[:i] + options.use[i + 1 :]).possible:
            room = longer_lines(request)
            mend = f"leave it out, or {room}" if room else "leave it out"
            return UserError(f"--use: {word} finds no place with the rest; {mend}")
    for i, line in enumerate(lines):
        freed = (*lines[:i], line._replace(initial=None), *lines[i + 1 :])
        if line.initial and request.but(freed).possible:
            return UserError(
                f"--acrostic: {line.initial!r} can't begin line {i + 1}, of {line.low} to "
                f"{line.high} syllables; {wider(request, i) or other_letter(request, i)}"
            )
    for i, line in enumerate(lines):
        if line.places and (fault := unfilled(request, i)):
            return UserError(f"--fill: line {i + 1} {fault}")
    free = tuple(line._replace(rhyme=None) for line in lines)
    if request.but(free).possible:
        return UserError(f"--rhyme: {unrhymed(request)}")
    if request.but(use=()).possible:
        alone = [word for word in options.use if request.but(use=(word,)).possible]
        mend = f"{alone[0]} alone would do" if alone else "use none of them"
        return UserError(f"--use: the words find no place together; {mend}")
    if room := longer_lines(request):
        return UserError(f"--syllables: leave no poem with the rest; {room}")
    names = [*options.model_dump(exclude_defaults=True)]
    each = ", ".join(f"--{name}".replace("_", "-") for name in names)
    return UserError(f"{each}: leave no poem together; ask for less")


def unfilled(request: Request, i: int) -> str | None:
    """Why a line has too many words or too few for its syllables; None if it hasn't."""
    line, plan = request.lines[i], request.plan
    if not all(plan.may(Want(words=p.words)).any() for p in line.places):
        return None
    each = [plan.vocabulary.syllables[plan.may(Want(words=p.words))] + p.more for p in line.places]
    least, most = sum(int(some.min()) for some in each), sum(int(some.max()) for some in each)
    if most < line.low:
        return f"makes {syllables(most)} at most, fewer than {line.low}; put gaps in"
    if least > line.high:
        return f"makes {syllables(least)} at least, more than {line.high}; take words out"
    return None


def longer_lines(request: Request) -> str | None:
    """The fewest syllables more a line with which all can be had; None as for ``wider``."""
    if fixed(request, "syllables"):
        return None
    room = MOST - max(line.high for line in request.lines)
    for more in range(1, room + 1):
        if request.but(
            tuple(line._replace(high=line.high + more) for line in request.lines)
        ).possible:
            return f"allow each line {more} more syllable{'s' * (more > 1)}"
    return None


def fixed(request: Request, option: str) -> bool:
    """True if the form that is asked for can't have another value of an option."""
    form = request.options.form
    return bool(form) and option in KINDS[str(form).strip().lower()].fixed


def wider(request: Request, i: int) -> str | None:
    """The fewest syllables more or less with which a line can be had; None if its form has a
    fixed number, or none helps."""
    line = request.lines[i]
    if fixed(request, "syllables"):
        return None
    for more in range(1, MOST):
        low, high = max(1, line.low - more), min(MOST, line.high + more)
        changed = line._replace(low=low, high=high)
        if request.but((*request.lines[:i], changed, *request.lines[i + 1 :])).possible:
            return f"allow it {low}-{high}"
    return None


def other_letter(request: Request, i: int) -> str:
    """The letter nearest in the alphabet with which a line can be had."""
    lines, wanted = request.lines, request.lines[i].initial
    assert wanted
    for letter in sorted(ascii_lowercase, key=lambda c: abs(ord(c) - ord(wanted))):
        changed = (*lines[:i], lines[i]._replace(initial=letter), *lines[i + 1 :])
        if request.but(changed).possible:
            return f"{letter!r} would do"
    return "spell another word"


def fewer_rhymes(request: Request) -> str:
    """The scheme that can be had, its last lines freed one by one."""
    lines = request.lines
    for i in reversed(range(len(lines))):
        lines = (*lines[:i], lines[i]._replace(rhyme=None), *lines[i + 1 :])
        if request.but(lines).possible:
            break
    letters = ["-" if n.rhyme is None else ascii_lowercase[n.rhyme].upper() for n in lines]
    alone = fixed(request, "rhyme")
    return f"{''.join(letters)} would do{', without --form' if alone else ''}"


def unrhymed(request: Request) -> str:
    """Why lines can't be rhymed."""
    rhymed = [line._replace(initial=None) for line in request.lines if line.rhyme is not None]
    ends = [(line, word) for line in rhymed for word in given(request, line.places[-1:])]
    for line, word in ends:
        alone = line._replace(rhyme=0)
        like = [other.rhyme for other in rhymed].count(line.rhyme)
        if not request.but((alone, alone._replace(places=()))[:like], use=()).possible:
            return f"{word} finds no rhyme among this model's words; {fewer_rhymes(request)}"
    for (one, first), (other, second) in combinations(ends, 2):
        apart = one.rhyme != other.rhyme
        both = one._replace(rhyme=0), other._replace(rhyme=int(apart))
        if not request.but(both, use=()).possible:
            fault = "rhyme, and mustn't" if apart else "make no rhyme"
            return f"{first} and {second} {fault}; {fewer_rhymes(request)}"
    letters = [line.rhyme for line in request.lines if line.rhyme is not None]
    most = max(map(letters.count, letters))
    has = max((ends.bit_count() for ends in request.plan.ends_of), default=0)
    if has < most:
        return (
            f"{most} lines are to rhyme, and of this model's words {has} at most do, all of "
            f"different onsets; {fewer_rhymes(request)}"
        )
    count = len({*letters})
    rhymes = f"{count} rhyme{'s' * (count > 1)}"
    return f"no words are left for {rhymes} with all the rest; {fewer_rhymes(request)}"


def given(request: Request, places: Iterable[Place]) -> list[str]:
    """The words that are given at places of lines with gaps."""
    each = [place.words for place in places if place.words]
    return [request.vocabulary.words[t] for words in each if len(words) == 1 for t in words]


def syllables(count: int) -> str:
    """So many syllables, in words."""
    return f"{count} syllable{'s' * (count > 1)}"
