"""Student's t without SciPy, for intervals over a few seeds."""

import math

BISECTIONS = 60


def t_quantile(df: int, level: float = 0.05) -> float:
    """t such that Student's distribution has ``level`` beyond ±t: 2.365 for 7 degrees and .05.

    Bisection on the angle θ = atan(t/√df), of which the mass within ±t is a finite sum
    (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4).
    """
    low, high = 0.0, math.pi / 2
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if _mass(middle, df) < 1 - level else (low, middle)
    return math.tan(low) * math.sqrt(df)


def _mass(angle: float, df: int) -> float:
    """P(|t| < √df tan(angle))."""
    odd = df % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for k in range(odd + 1, df, 2):  # cos θ + 2/3 cos³θ + …, or 1 + 1/2 cos²θ + …
        total += term
        term *= math.cos(angle) ** 2 * k / (k + 1)
    if odd:
        return 2 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total
