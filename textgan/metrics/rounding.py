"""Numbers as people read them: as many digits as the standard error supports."""

import math

MOST = 6
"""Decimals at most."""


def rounded(value: float, stderr: float) -> tuple[str, str]:
    """Value and standard error to the error's second significant digit: ("0.031", "0.010").

    Without a usable error (nan, 0, infinite) the value has four significant digits and the error
    is empty.
    """
    if not (math.isfinite(value) and math.isfinite(stderr) and stderr > 0):
        return f"{value:.4g}", ""
    decimals = min(MOST, max(0, 1 - math.floor(math.log10(stderr))))
    return f"{round(value, decimals) + 0.0:.{decimals}f}", f"{stderr:.{decimals}f}"


def with_error(value: float, stderr: float) -> str:
    """``0.031 ± 0.010``, or the value alone where its error isn't known."""
    return " ± ".join(filter(None, rounded(value, stderr)))


def p_value(p: float) -> str:
    """Two significant digits without the leading zero: ``.0078``; ``1`` for 1."""
    if p < 1e-4:
        return f"{p:.0e}"
    decimals = 1 - math.floor(math.log10(p))
    return f"{p:.{decimals}f}".removeprefix("0").rstrip("0").rstrip(".")
