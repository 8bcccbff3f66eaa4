"""Memory and seconds of training on a text file of some size, killed and resumed on the way.

    python benchmarks/large_file.py [--megabytes 200] [--folder FOLDER]

Lines of 5 to 20 words, drawn from 50,000 by Zipf's law, seeded. Three processes pretrain on them:
one to the end, one that is killed behind its first checkpoint, one that resumes it; the last must
end with the first one's weights, bit for bit. RssAnon is memory that a process can't give back;
VmHWM counts the pages of mapped files too, which the kernel takes back when it needs them.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from threading import Thread

import numpy as np

WORDS, STEPS = 50_000, 40
COMMAND = [sys.executable, str(Path(__file__).parent.parent / "cli.py"), "pretrain"]


def write_lines(place: Path, size: int) -> int:
    """A file of about ``size`` bytes; how many lines it has."""
    random = np.random.default_rng(0)
    spelt = [f"w{i:x}{end}".encode() for end in " \n" for i in range(WORDS)]
    shares = 1 / np.arange(1, WORDS + 1)
    edges = np.cumsum(shares / shares.sum())
    lines = 0
    with place.open("wb") as file:
        while file.tell() < size:
            ends = np.cumsum(random.integers(5, 21, size=20_000)) - 1
            words = np.searchsorted(edges, random.random(ends[-1] + 1)).clip(max=WORDS - 1)
            words[ends] += WORDS
            file.write(b"".join(map(spelt.__getitem__, words.tolist())))
            lines += len(ends)
    return lines


@dataclass
class Watched:
    """A process, its largest sizes in MB, and when it said what."""

    process: "subprocess.Popen[str]"
    start: float = field(default_factory=time.monotonic)
    peaks: dict[str, int] = field(default_factory=dict)
    said: list[tuple[float, str]] = field(default_factory=list)

    def watch(self, until: Path | None = None) -> None:
        """Measure until the process ends, or until a file is there, and then kill it."""
        listener = Thread(target=self._listen)
        listener.start()
        while self.process.poll() is None:
            self._measure()
            if until and until.exists():
                self.process.send_signal(signal.SIGKILL)
                self.process.wait()
            time.sleep(0.02)
        listener.join()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append((time.monotonic() - self.start, line.strip()))
        self.said.append((time.monotonic() - self.start, "end"))

    def _measure(self) -> None:
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return
        for line in status.splitlines():
            name, _, value = line.partition(":")
            if name in ("RssAnon", "VmHWM"):
                megabytes = int(value.split()[0]) // 1024
                self.peaks[name] = max(self.peaks.get(name, 0), megabytes)


def train(name: str, words: list[str], folder: Path, until: Path | None = None) -> None:
    """Run a command, and print what it took."""
    env = os.environ | {"TEXTGAN_CACHE": str(folder / "cache")}
    run = subprocess.Popen([*COMMAND, *words], stderr=subprocess.PIPE, text=True, env=env)
    watched = Watched(run)
    watched.watch(until)
    print(f"{name}: exit {run.returncode}, peaks in MB {watched.peaks}")
    lines = [(when, line) for when, line in watched.said if line]
    for (when, line), (then, _) in pairwise(lines):
        print(f"  {when:7.1f} s  +{then - when:.1f}  {line[:110]}")
    print(f"  {lines[-1][0]:7.1f} s  end", flush=True)


def main() -> None:
    """Generate, train, kill, resume, compare."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/textgan-large"))
    options = parser.parse_args()
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    text, start = folder / f"zipf-{options.megabytes}.txt", time.monotonic()
    if not text.exists():
        lines = write_lines(text, options.megabytes * 1_000_000)
        print(f"{text}: {lines:,} lines in {time.monotonic() - start:.1f} s", flush=True)
    phases = f"[{{method: mle, steps: {STEPS}, every: {{checkpoint: 10, evaluate: {STEPS}}}}}]"
    words = ["configs/tiny.yaml", "--corpus.path", str(text), "--corpus.unit", "line"]
    words += ["--tokenizer.name", "whitespace", "--tokenizer.size", "5000", "--pretrain", phases]
    for run in ("whole", "killed"):
        subprocess.run(["rm", "-rf", str(folder / run)], check=True)
    train("to the end", [*words, "--run", str(folder / "whole")], folder)
    killed = folder / "killed"
    train("killed", [*words, "--run", str(killed)], folder, until=killed / "last")
    train("resumed", ["--resume", str(killed)], folder)
    name = "last/generator/model.safetensors"
    same = (folder / "whole" / name).read_bytes() == (killed / name).read_bytes()
    print("resumed weights are the same" if same else "RESUMED WEIGHTS DIFFER")
    sys.exit(not same)


if __name__ == "__main__":
    main()
