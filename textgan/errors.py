"""Mistakes a user can mend, told apart from faults of ours."""


class UserError(ValueError):
    """One or more lines, each saying what is wrong, where, and the mend.

    The command line prints every line behind ``error:`` and exits with 2, without a traceback.
    """
