"""What curves over temperature show: hypervolumes, and how far each lies below likelihood's own.

A game is worth what it adds to tuned likelihood at every quality, not at one temperature (Caccia et
al. 2020, arXiv 1811.02549).
"""

import numpy as np

from textgan.metrics.bootstrap import Scores, Sweep, bootstrap
from textgan.metrics.curves import hypervolume, signed_area
from textgan.metrics.estimate import Estimate
from textgan.metrics.rounding import with_error
from textgan.metrics.seeds import Interval
from textgan.sweep import Curve

CORNER = 12.0, 12.0
"""Nats a token from which hypervolumes are taken: more than uniform words of any text cost."""
Curves = list[Curve]
"""Curves of one model and kind, over seeds."""


def said(found: list[Curve], seed: int) -> list[str]:
    """What is held against what, real text's point, and a line for each model and kind: its
    hypervolume to CORNER, and how far it lies below the base's curve of that kind, on the seeds of
    both.

    The base is the first run of ``mle`` on the same texts; where there is none, the first run.
    """
    groups: dict[tuple[str, str, str], Curves] = {}
    for curve in found:
        groups.setdefault((curve.model, curve.kind, curve.test), []).append(curve)
    lines = notes(found)
    for group in groups.values():
        if group[0].role == "real":
            lines.append(point(group[0]))
            continue
        base, volume = base_of(group, list(groups.values())), covered(group, seed)
        text = f"{group[0].model}, {group[0].kind}: hypervolume {volume}"
        lines.append(text if base is group else f"{text}; {below(group, base, seed)}")
    return lines


def notes(found: list[Curve]) -> list[str]:
    """A line for each corpus without a run of mle."""
    runs: dict[str, list[Curve]] = {}
    for curve in found:
        if curve.role in ("run", "mle"):
            runs.setdefault(curve.test, []).append(curve)
    return [
        f"note: no run of mle is given; curves are held against the first run, {each[0].model}"
        for each in runs.values()
        if all(curve.role != "mle" for curve in each)
    ]


def base_of(group: Curves, groups: list[Curves]) -> Curves:
    """What a group's curves are held against, of the same kind and texts; the group itself if no
    run has such a curve.
    """
    alike = [g for g in groups if (g[0].kind, g[0].test) == (group[0].kind, group[0].test)]
    runs = [g for g in alike if g[0].role in ("run", "mle")]
    return next((g for g in runs if g[0].role == "mle"), runs[0] if runs else group)


def point(curve: Curve) -> str:
    """Both coordinates of real text."""
    axes = [
        Estimate.ratio(scores.totals[0, 0], scores.counts[0, 0])
        for scores in (curve.sweep.quality, curve.sweep.diversity)
    ]
    quality, diversity = (with_error(axis.value, axis.stderr) for axis in axes)
    return f"{curve.model}: {quality} and {diversity} nats a token, of {curve.settings[0]}"


def covered(group: Curves, seed: int) -> str:
    """A group's hypervolume and its error."""

    def volume(curve: np.ndarray) -> float:
        return hypervolume(curve, CORNER)

    found = bootstrap(volume, [together(group)], seed)
    assert found is not None
    return with_error(*found.estimate[:2])


def below(group: Curves, base: Curves, seed: int) -> str:
    """A model's curves against another's, paired by seed; a baseline's beside every seed's."""
    theirs = {curve.seed: curve for curve in base}
    ours = {curve.seed: curve for curve in group}
    if group[0].role == "floor":
        ours = dict.fromkeys(theirs, group[0])
    common, first = sorted(ours.keys() & theirs.keys()), base[0].model
    if not common:
        return f"no seed in common with {first}, nothing can be paired"
    pairs = [together([each[s] for s in common]) for each in (ours, theirs)]
    area = bootstrap(signed_area, pairs, seed)
    text = _told(area, first) if area else f"reaches nothing that {first} does"
    if len(common) == max(len(ours), len(theirs)):
        return text
    seeds = "seed" if len(common) == 1 else "seeds"
    return f"{text}, on the {seeds} that both have: {', '.join(map(str, common))}"


def _told(found: Interval, first: str) -> str:
    mean = with_error(*found.estimate[:2])
    return (
        f"below {first}'s curve by {mean} nats a token, 95 % interval {found.low:.4f} to "
        f"{found.high:.4f}"
    )


def together(found: Curves) -> Sweep:
    """The curves of one model and kind over seeds."""
    return Sweep(
        *(
            Scores(*(np.concatenate(part) for part in zip(*axis, strict=True)))
            for axis in zip(*(curve.sweep for curve in found), strict=True)
        )
    )
