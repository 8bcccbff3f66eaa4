"""Texts stream: a few at a time, the same as all at once, in memory that doesn't grow."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Command
from textgan import api, runs, runtime, validation
from textgan.poet import Poet, Wish
from textgan.sampling_report import SamplingReport

ROOT = Path(__file__).resolve().parent.parent


def test_texts_come_a_few_at_a_time_and_follow_one_stream_of_draws(pretrained: Path) -> None:
    poet = Poet.open(pretrained)
    parts = list(poet.draft(Wish()).write(600, seed=3))
    assert [len(part) for part in parts] == [64] * 9 + [24]
    runtime.seed(3, "write")
    writer = poet.writer
    s = writer.generator.sample(600, logits_processor=writer.processors(1.0))
    texts = writer.tokenizer.batch_decode(validation.plain(s), skip_special_tokens=True)
    assert [poem.text for part in parts for poem in part] == texts
    assert [poem.text for poem in poet.poems(Wish(), 300, seed=3)] == texts[:300]


def test_parts_are_printed_as_one(textgan: Command, pretrained: Path) -> None:
    texts = api.sample(pretrained, 300, seed=1)
    told = textgan("sample", pretrained, "--count", 300, "--seed", 1, "--format", "jsonl").out
    assert [json.loads(line)["text"] for line in told.splitlines()] == texts
    told = textgan("sample", pretrained, "--count", 300, "--seed", 1).out
    assert told == "\n\n".join(re.sub("\n+", "\n", text).strip("\n") for text in texts) + "\n"


def test_the_report_counts_part_by_part(pretrained: Path) -> None:
    checkpoint = runs.open_checkpoint(pretrained)
    once, in_parts = SamplingReport(checkpoint), SamplingReport(checkpoint)
    texts = ["the moon is low\nthe moon is far", "the moon is low", "one\ntwo\nthree\nfour", ""]
    once.add(texts)
    for text in texts:
        in_parts.add([text])
    assert once.said() == in_parts.said()
    assert once.said()[0].startswith("43% of the 7 lines stand in the training text")
    assert once.said()[1] == "25% of the 4 poems have four lines"


PEAK = """
import resource, sys
from textgan.cli import main
try:
    main(sys.argv[1:])
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_texts(pretrained: Path) -> None:
    """A hundred times the texts, 16 MB of them, may take 4 MB more: what a heap is worth."""
    peaks, sizes = [], []
    for count in (2_000, 200_000):
        words = ["sample", str(pretrained), "--count", str(count), "--report", "--format", "jsonl"]
        done = subprocess.run(
            [sys.executable, "-c", PEAK, *words], capture_output=True, text=True, cwd=ROOT
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("\n") == count
        peaks.append(int(done.stderr.split()[-1]) / 1024)
        sizes.append(len(done.stdout) / 2**20)
    assert sizes[1] > 10
    assert peaks[1] < peaks[0] + 4, peaks
