"""Fill the table of methods in README.md and README.zh-CN.md from where its figures are kept.

    python tools/methods_table.py [--check]

Method and paper stand in the READMEs; the rest of a row comes from tests/exact, docs/learning.md
and docs/methods/results.json. With --check nothing is written, and exit code 1 names what is stale.
"""

import json
import re
import sys
from pathlib import Path
from statistics import mean
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
READMES = "README.md", "README.zh-CN.md"
ROW = re.compile(r"^\| (\[`(\w+)`[^|]*) \| ([^|]*) \|.*$", re.MULTILINE)
TIMED = "image_coco", "oracle", "oracle_labelled"
"""Texts whose seconds are shown, the first that has a method."""
SHORT = {"generator": "G", "discriminator": "D", "mediator": "M", "reconstructor": "R"}


def learnt(root: Path) -> dict[str, str]:
    """By method: its JSD before and after, means of the seeds in docs/learning.md."""
    found = {}
    for line in (root / "docs/learning.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.fullmatch(r"[a-z_]+", cells[0]) and re.fullmatch(r"[\d. ]+", "".join(cells[1:3])):
            start, end = (mean(map(float, cell.split())) for cell in cells[1:3])
            found[cells[0]] = f"{start:.3f} → {end:.3f}"
    return found


def timed(root: Path, method: str) -> str:
    """Seconds of one update of each player."""
    place = root / "docs/methods/results.json"
    data: dict[str, Any] = json.loads(place.read_text("utf-8"))["data"] if place.exists() else {}
    for name in TIMED:
        seconds = data.get(name, {}).get(method, {}).get("seconds")
        if seconds:
            return ", ".join(f"{SHORT[p]} {seconds[p]:.2g}" for p in SHORT if p in seconds)
    return ""


def verified(root: Path, method: str) -> str:
    """Links to the exact test and to the page."""
    test, page = f"tests/exact/test_{method}_exact.py", f"docs/methods/{method}.md"
    kinds = (("test", test), ("page", page))
    return ", ".join(f"[{name}]({path})" for name, path in kinds if (root / path).exists())


def filled(root: Path, text: str) -> str:
    """A README with its rows as they should be."""
    jsd = learnt(root)

    def row(match: re.Match[str]) -> str:
        name = match[2]
        cells = match[1], match[3], verified(root, name), jsd.get(name, ""), timed(root, name)
        return f"| {' | '.join(cells)} |"

    return ROW.sub(row, text)


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write the READMEs, or check them; the exit code."""
    code, check = 0, "--check" in arguments
    for name in READMES:
        old = (root / name).read_text("utf-8")
        new = filled(root, old)
        if new != old:
            print(f"{name} {'is stale' if check else 'written'}")
            code = int(check)
            if not check:
                (root / name).write_text(new, "utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
