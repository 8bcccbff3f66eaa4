"""Seconds, speed, share of peak and memory of the engine's inner loops, in one table.

    python benchmarks/run.py [--only WORDS] [--precision fp32|bf16|both] [--json FILE]

Each job has a process of its own, so that its memory is its own; it is warmed up, and the best of
three is taken: what else runs on a machine only ever adds time. The rate of a plain matrix product
is taken before and after in the same process, and the better counts as the machine's peak. The last
column compares with the table that was committed (docs/performance/run.json), seconds times peak by
seconds times peak, so that a faster machine doesn't look like faster code: below 1 is faster.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from textgan.precision import Precision

COMMITTED = Path(__file__).parent.parent / "docs" / "performance" / "run.json"
Row = dict[str, Any]
KINDS: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16}
PAPER = 1, 4, 8
"""An adversarial epoch of SeqGAN: generator steps, draws of 10,000, discriminator epochs."""


def best(job: Callable[[], object], seconds: float = 1.0) -> float:
    """Wall time of a job: the best of three means, each over about so many seconds."""
    start = time.perf_counter()
    job()
    count = max(1, round(seconds / (time.perf_counter() - start)))
    means = []
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(count):
            job()
        means.append((time.perf_counter() - start) / count)
    return min(means)


def gemm_rate(kind: torch.dtype, size: int = 2048) -> float:
    """GFLOP/s of a product of two square matrices."""
    a, b = torch.randn(2, size, size).to(kind)
    return 2e-9 * size**3 / best(lambda: a @ b, 0.3)


def measure(name: str, precision: Precision) -> Row:
    """One job, in this process."""
    import jobs

    before = gemm_rate(KINDS[precision])
    fresh = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    job = jobs.made(name, precision)
    seconds = job.times * best(job.play)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak = max(before, gemm_rate(KINDS[precision]))
    return {
        "job": name,
        "precision": precision,
        "seconds": seconds,
        "tokens": job.tokens,
        "gflop": job.gflop,
        "peak": peak,
        "megabytes": memory / 1024,
        "megabytes_before": fresh / 1024,
    }


def apart(name: str, precision: Precision) -> Row:
    """One job, in a process of its own."""
    command = [sys.executable, __file__, "--job", name, "--precision", precision]
    return dict(json.loads(subprocess.check_output(command, text=True)))


def epoch(rows: list[Row], precision: Precision) -> list[Row]:
    """SeqGAN's adversarial epoch, added up from its parts, if all were measured."""
    parts = "SeqGAN generator step", "10,000 samples", "SeqGAN discriminator epoch, 20,000"
    found = {row["job"]: row for row in rows if row["precision"] == precision}
    if not found.keys() >= set(parts):
        return []
    whole: Row = {"job": "SeqGAN adversarial epoch, added up", "precision": precision}
    for key in ("seconds", "tokens", "gflop"):
        pairs = zip(PAPER, parts, strict=True)
        whole[key] = sum(times * found[part][key] for times, part in pairs)
    for key in ("peak", "megabytes", "megabytes_before"):
        whole[key] = max(found[part][key] for part in parts)
    return [whole]


def compared(row: Row, committed: list[Row]) -> str:
    """Seconds times peak, over those of the committed table."""
    for old in committed:
        if (old["job"], old["precision"]) == (row["job"], row["precision"]):
            return f"{row['seconds'] * row['peak'] / old['seconds'] / old['peak']:.2f}"
    return ""


def table(rows: list[Row], committed: list[Row]) -> str:
    """Markdown."""
    lines = [
        "| job | precision | seconds | tokens/s | GFLOP | GFLOP/s | GEMM | share | MB | ratio |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        seconds, rate = row["seconds"], row["gflop"] / row["seconds"]
        cells = [
            row["job"],
            row["precision"],
            f"{seconds:.2f}",
            f"{row['tokens'] / seconds:,.0f}",
            f"{row['gflop']:,.0f}",
            f"{rate:.0f}",
            f"{row['peak']:.0f}",
            f"{rate / row['peak']:.0%}",
            f"{row['megabytes']:,.0f}",
            compared(row, committed),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--job", help=argparse.SUPPRESS)
    parser.add_argument("--only", default="", help="jobs whose names hold this")
    parser.add_argument("--precision", choices=["fp32", "bf16", "both"], default="both")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    given = parser.parse_args()
    if given.job:
        print(json.dumps(measure(given.job, given.precision)))
        return
    import jobs

    rows: list[Row] = []
    for precision in KINDS if given.precision == "both" else [given.precision]:
        for name in jobs.JOBS:
            if given.only in name:
                rows.append(apart(name, precision))
                print(f"{precision} {name}: {rows[-1]['seconds']:.2f} s", file=sys.stderr)
        rows += epoch(rows, precision)
    committed = json.loads(COMMITTED.read_text())["rows"] if COMMITTED.exists() else []
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}\n")
    print(table(rows, committed))
    if given.json:
        machine = {"threads": torch.get_num_threads(), "torch": torch.__version__}
        given.json.write_text(json.dumps(machine | {"rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
