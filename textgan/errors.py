"""Mistakes a user can mend, told apart from faults of ours."""


class UserError(ValueError):
    """One or more lines, each saying what is wrong, where, and the mend.

    The command line prints every line behind ``error:`` and exits with 2, without a traceback.
    """


class Diverged(UserError):
    """Training became NaN or infinite, or left nothing to keep; ``why`` says it without the mend.

    Who trains many runs in a row records it and goes on.
    """

    def __init__(self, why: str, mend: str = "") -> None:
        super().__init__(f"{why}; {mend}" if mend else why)
        self.why = why
