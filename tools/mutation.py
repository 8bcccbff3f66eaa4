"""Print what `mutmut run` left in mutants/ as the table of docs/mutation.md, file by file.

    python tools/mutation.py

A mutant that runs out of time is noticed, one that no test reaches is not.
"""

import json
from collections import Counter
from pathlib import Path

from mutmut.stats import status_by_exit_code

COLUMNS = ("killed", "timeout", "survived", "no tests")


def row(name: str, found: Counter[str]) -> str:
    """One line of the table."""
    unknown = found.keys() - {*COLUMNS}
    assert not unknown, f"{name}: {', '.join(unknown)}; run mutmut to the end"
    noticed = found["killed"] + found["timeout"]
    numbers = (found.total(), *(found[column] for column in COLUMNS))
    cells = (name, *map(str, numbers), f"{100 * noticed / found.total():.1f} %")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table, a sum for each folder behind its files."""
    print(f"| file | mutants | {' | '.join(COLUMNS)} | noticed |\n|{' --- |' * 7}")
    total: Counter[str] = Counter()
    for folder in ("losses", "estimators", "methods"):
        whole: Counter[str] = Counter()
        for path in sorted(Path("mutants/textgan", folder).glob("*.py.meta")):
            codes = json.loads(path.read_text("utf-8"))["exit_code_by_key"].values()
            found = Counter(status_by_exit_code[code] for code in codes)
            if found:
                print(row(f"{folder}/{path.name.removesuffix('.meta')}", found))
            whole += found
        print(row(f"**{folder}**", whole))
        total += whole
    print(row("**all**", total))


if __name__ == "__main__":
    main()
