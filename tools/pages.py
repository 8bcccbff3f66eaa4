"""Show source and results in docs/methods/*.md, from the places where they are kept.

    python tools/pages.py [--check]

With --check nothing is written, and exit code 1 names what is stale. A block lies between
`<!-- source FILE SYMBOL ... -->` or `<!-- result METHOD ... -->` and `<!-- end -->`. A symbol is
a function, Class.method or TABLE.key of the last FILE named; the first of several methods says
what they stand beside.
"""

import ast
import json
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from textgan.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
PAGES, RESULTS = "docs/methods", "docs/methods/results.json"
OPEN = re.compile(r"^(<!-- (source|result) (.+?) -->\n)", re.MULTILINE)
BLOCK = re.compile(OPEN.pattern + r".*?^<!-- end -->$", re.MULTILINE | re.DOTALL)
LONG = 3  # lines; a longer docstring is left out
COLUMNS = dict.fromkeys(
    ("oracle", "oracle_labelled"), ("JSD", "KL(p||g)", "KL(g||p)", "NLL_oracle")
)
EVERY = "oracle", "image_coco"
"""Texts on which every method is to be measured; the others are for those that need them."""
TEXT_COLUMNS = ("NLL_test", "BLEU-2", "BLEU-4", "Self-BLEU-4")
UNITS = "± is a standard error; JSD in nats a text, NLL and KL in nats a token."


def parts(node: Any) -> dict[str, tuple[Any, int, int]]:
    """What a module, a class or a table has by name: node, first and last line."""
    found: dict[str, tuple[Any, int, int]] = {}
    body: Any = node.body if isinstance(node, ast.Module | ast.ClassDef) else ()
    for part in body:
        target = getattr(part, "target", None) or getattr(part, "targets", [None])[0]
        first = min(n.lineno for n in (part, *getattr(part, "decorator_list", ())))
        found[getattr(part, "name", getattr(target, "id", ""))] = part, first, part.end_lineno
    table = getattr(node, "value", None)
    if isinstance(table, ast.Dict):
        pairs: Any = zip(table.keys, table.values, strict=True)
        found |= {k.value: (v, k.lineno, v.end_lineno) for k, v in pairs if hasattr(k, "value")}
    return found


def cut(root: Path, file: str, symbol: str) -> str:
    """The lines of a symbol, without a long docstring."""
    text = (root / file).read_text("utf-8")
    node, first, last = ast.parse(text), 1, 0
    for name in symbol.split("."):
        if name not in (found := parts(node)):
            raise UserError(f"there is no {symbol} in {file}")
        node, first, last = found[name]
    lines = text.splitlines()
    kept = lines[first - 1 : last]
    if isinstance(node, ast.FunctionDef) and (ast.get_docstring(node) or "").count("\n") >= LONG:
        kept = lines[first - 1 : node.body[0].lineno - 1] + lines[node.body[0].end_lineno : last]
    return textwrap.dedent("\n".join(kept))


def measured(data: str, budget: str, rows: dict[str, Any], methods: list[str]) -> Iterator[str]:
    """A table of what was measured on one text, then what each method cost and wrote."""
    beside = ((f"{role}:{methods[0]}", role) for role in ("start", "mle_continued"))
    start, control = (own if own in rows else role for own, role in beside)
    names = dict.fromkeys([start, *methods, control, "real"])
    found = {n: rows[n]["figures"] for n in names if "figures" in rows.get(n, {})}
    heads = [c for c in COLUMNS.get(data, TEXT_COLUMNS) if any(c in f for f in found.values())]
    table = [[data, *(head.replace("|", "\\|") for head in heads)], ["---"] * (len(heads) + 1)]
    for name, of in found.items():
        cells = [f"{of[c][0]:.3f} ± {of[c][1]:.3f}" if c in of else "" for c in heads]
        table.append([f"**{name}**" if name in methods else name.partition(":")[0], *cells])
    if any(name in found for name in methods):
        yield f"On {data}: {budget}.\n"
        yield "".join(f"| {' | '.join(line)} |\n" for line in table)
    for name in methods:
        row = rows.get(name, {"absent": "not measured yet"})
        if "absent" in row:
            yield f"`{name}` on {data}: {row['absent']}.\n"
        else:
            turns = row["updates"].items()
            cost = (f"{n} of {player}, {row['seconds'][player]:.2g} s each" for player, n in turns)
            what = f"{'; '.join(cost)} (commit {row['commit']})"
            yield f"`{name}`: {what}. Text of seed 0:\n\n```text\n{row['text']}\n```\n"


def result(root: Path, methods: list[str]) -> str:
    """What was measured of these methods, on every text."""
    for method in methods:
        cut(root, "textgan/methods/__init__.py", f"METHODS.{method}")
    if not (root / RESULTS).exists():
        return "Not measured yet.\n"
    results = json.loads((root / RESULTS).read_text("utf-8"))
    told = [f"{results['machine']}. {UNITS}\n"]
    for data, rows in results["data"].items():
        if data not in EVERY and not rows.keys() & set(methods):
            continue
        told += measured(data, results["budget"][data], rows, methods)
    return "\n".join(told)


def source(root: Path, words: list[str]) -> str:
    """Symbols, each of the last file named before it, one below the other."""
    file, links, codes = "", [], []
    for word in words:
        if "/" in word:
            file = word
        else:
            links.append(f"[`{word}`](../../{file})")
            codes.append(cut(root, file, word))
    code = "\n\n".join(codes)
    return f"{', '.join(links)}:\n\n```python\n{code}\n```\n"


def renewed(root: Path, text: str) -> str:
    """The page with its blocks as they should be."""
    if not len(OPEN.findall(text)) == len(BLOCK.findall(text)) == text.count("<!-- end -->"):
        raise UserError("a block has no <!-- end -->, or an end no block")
    kinds = {"source": source, "result": result}
    return BLOCK.sub(lambda m: f"{m[1]}{kinds[m[2]](root, m[3].split())}<!-- end -->", text)


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write the pages, or check them; the exit code."""
    code, check = 0, "--check" in arguments
    for page in sorted((root / PAGES).glob("*.md")):
        old = page.read_text("utf-8")
        try:
            new = renewed(root, old)
        except (UserError, OSError) as error:
            print(f"error: {PAGES}/{page.name}: {error}", file=sys.stderr)
            return 2
        if new != old:
            print(f"{PAGES}/{page.name} {'is stale' if check else 'written'}")
            code = int(check)
            if not check:
                page.write_text(new, "utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
