"""Dieharder (Brown, Eddelbuettel, Bauer), fed through a pipe; its summaries of p-values are replaced by exact ones."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from itertools import count
from pathlib import Path

import numpy as np
from scipy import stats

from .results import Result
from .streams import KEY, ORDERS, weaker

# Test numbers, the sizes of tuples where a test takes one, and repetitions. Left out: 5, 6, 7 and 14, which dieharder's
# own list calls "Suspect" or "Do Not Use", 205, which takes minutes, and most sizes.
TESTS: tuple[tuple[int, int | None, int], ...] = (
    *((number, None, 20) for number in (0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 13, 15, 16, 100, 101, 204)),
    (17, None, 2),
    (102, None, 10),
    *((200, size, 10) for size in (1, 8)),
    *((201, size, 20) for size in (2, 5)),
    (202, 5, 20),
    *((203, size, 10) for size in (0, 7, 31)),
    (206, None, 4),
    *((number, None, 2) for number in (207, 208, 209)),
)


# Name, size, summary, and the p-value of every repetition, by number: not all of their names are understood.
SHOWN = ["-D", "8", "-D", "16", "-D", "128", "-D", "65536"]


def emit(order: str, key: int = KEY, rounds: int | None = None) -> None:
    """Write the bits to standard output, in an order of reading, for as long as somebody reads them.

    With a number of rounds they are those of another cipher, by tables, in the order of the walkers.
    """
    chunk = ORDERS[order] if rounds is None else weaker(rounds)
    try:
        for i in count():
            sys.stdout.buffer.write(chunk(key, i).data)
    except BrokenPipeError:
        sys.stderr.close()


def parse(output: str) -> list[tuple[str, list[float]]]:
    """Return names with the p-values of their repetitions."""
    found: list[tuple[str, list[float]]] = []
    for line in output.splitlines():
        if single := re.fullmatch(r"\|([\d.]+)\|", line):
            found[-1][1].append(float(single[1]))
        elif title := re.fullmatch(r"\s*(\w+)\|\s*(\d+)\|[\d.]+", line):
            found.append((f"{title[1]} {title[2]}", []))
    return found


def dieharder(order: str, repetitions: float = 1.0) -> list[Result]:
    """Run the tests on one stream that goes on from test to test.

    Dieharder compares n p-values with i / (n + 1) and then takes the law for i / n, so that its summary leans towards 1
    (with ten repetitions, one summary in seventy of any generator is above 1 - 1e-6). The repetitions themselves are
    printed, so the exact Kolmogorov-Smirnov law of n values can be used instead.
    """
    program = shutil.which("dieharder")
    if program is None:
        return [Result(f"dieharder {order}", "not installed", 0, 0, None)]
    script = Path(__file__).parents[1] / "noise_battery.py"
    results = []
    with subprocess.Popen([sys.executable, script, "--emit", order], stdout=subprocess.PIPE) as source:
        for number, size, repeat in TESTS:
            options = ["-g", "200", "-d", str(number), "-p", str(max(int(repeat * repetitions), 2))]
            options += SHOWN
            options += [] if size is None else ["-n", str(size)]
            run = subprocess.run(
                [program, *options], stdin=source.stdout, capture_output=True, encoding="utf-8", check=True
            )
            for name, values in parse(run.stdout):
                distance, p = stats.kstest(np.array(values), "uniform", method="exact")
                note = f"KS distance of {len(values)} p-values, expected: median; p one-sided"
                expected = stats.kstwo.median(len(values))
                results.append(Result(f"dieharder {order}", name, float(distance), expected, float(p), note))
        source.terminate()
    return results
