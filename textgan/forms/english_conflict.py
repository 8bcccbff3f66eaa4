"""Why an English form can't be had: what is asked for is left out in turns."""

from typing import TYPE_CHECKING

from textgan.errors import UserError

if TYPE_CHECKING:
    from textgan.forms.english import Request


def conflict(request: "Request") -> UserError:
    """What to say where no poem is all that is asked for: the first part to blame."""
    options, lines = request.options, request.lines
    for line in lines:
        if line.initial and not request.plan.groups(line.initial):
            return UserError(f"--acrostic: no word of this model begins with {line.initial!r}")
    for i, word in enumerate(options.avoid):
        if request.but(avoid=options.avoid[:i] + options.avoid[i + 1 :]).possible:
            return UserError(f"--avoid: without {word} the rest can't be done; allow it")
    if options.new_lines and request.but(new_lines=False).possible:
        return UserError("--new-lines: all lines that are left stand in the training text")
    for i, word in enumerate(options.use):
        if request.but(use=options.use[:i] + options.use[i + 1 :]).possible:
            return UserError(f"--use: {word} finds no place with the rest; leave it out")
    for i, line in enumerate(lines):
        freed = (*lines[:i], line._replace(initial=None), *lines[i + 1 :])
        if line.initial and request.but(freed).possible:
            return UserError(
                f"--acrostic: {line.initial!r} can't begin line {i + 1}, of {line.low} to "
                f"{line.high} syllables; allow more, or take another letter"
            )
    free = tuple(line._replace(rhyme=None) for line in lines)
    if request.but(free).possible:
        return UserError(f"--rhyme: {unrhymed(request)}")
    if request.but(use=()).possible:
        return UserError("--use: the words find no place together; use fewer")
    names = [*options.model_dump(exclude_defaults=True)]
    each = ", ".join(f"--{name}".replace("_", "-") for name in names)
    return UserError(f"{each}: leave no poem together; ask for less")


def unrhymed(request: "Request") -> str:
    """Why lines can't be rhymed."""
    letters = [line.rhyme for line in request.lines if line.rhyme is not None]
    most = max(map(letters.count, letters))
    has = max((ends.bit_count() for ends in request.plan.ends_of), default=0)
    if has < most:
        return (
            f"{most} lines are to rhyme, and of this model's words {has} at most do, all of "
            "different onsets; rhyme fewer"
        )
    return f"no words are left for {len({*letters})} rhymes with all the rest; rhyme fewer lines"
