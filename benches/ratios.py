"""Time everybody at the uv job, turn by turn in one process, check their answers, and print one table of ratios.

    python benches/ratios.py [--quick] [--rounds N] [--only TEXT ...] [--out FILE.json]

Only the ratios are claims: everybody shares the machine's mood within a round, so a ratio is taken within each round,
and the median of the rounds is printed. "cores" is the processor time per wall time; where it is far from the number
of threads, somebody else was using the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import langevin_ib as lib
import numpy as np
from check import SIGMAS, deviations
from numpy.typing import NDArray
from peers import OURS, PEERS, Contender, Job, Run, missing, on_cores

FULL, QUICK = (10_000, 7), (1_000, 3)
"""Steps and rounds."""

TURN = 0.3
"""A turn takes at least about so many seconds: who is faster than that does the job several times."""


@dataclass
class Record:
    """What one contender did, round by round."""

    contender: Contender
    run: Run
    repeats: int
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    states: list[NDArray[Any]] = field(default_factory=list)

    @classmethod
    def warm_up(cls, contender: Contender, job: Job) -> Record:
        """Compile, and find out how often the job fits into a turn."""
        with on_cores(contender.threads):
            run = contender.build(job)
            run(0)
            started = time.perf_counter()
            run(0)
            return cls(contender, run, max(1, round(TURN / (time.perf_counter() - started))))

    def take_turn(self, turn: int) -> None:
        """Do the job, timed; every time with another seed.

        Once it is done beforehand: after somebody else's turn, caches and pages are cold.
        """
        seeds = range(turn * self.repeats, (turn + 1) * self.repeats)
        with on_cores(self.contender.threads):
            self.run(0)
            wall, cpu = time.perf_counter(), time.process_time()
            states = [self.run(seed) for seed in seeds]
            self.cpu.append((time.process_time() - cpu) / self.repeats)
            self.wall.append((time.perf_counter() - wall) / self.repeats)
        self.states += states


def measure(contenders: Sequence[Contender], job: Job, rounds: int) -> list[Record]:
    """Warm everybody up, then let them take turns."""
    records = [Record.warm_up(contender, job) for contender in contenders]
    for turn in range(1, rounds + 1):
        for record in records:
            record.take_turn(turn)
        print(f"round {turn} of {rounds}", file=sys.stderr)
    return records


def summarise(records: Sequence[Record], job: Job) -> list[dict[str, Any]]:
    """Return one row of numbers for each contender; the first is the unit of the ratios."""
    unit = records[0]
    rows = []
    for record in records:
        ns = [1e9 * seconds / job.walker_steps for seconds in record.wall]
        lower, middle, upper = quantiles(ns, n=4, method="inclusive")
        answers = deviations(np.concatenate(record.states), job)
        rows.append(
            {
                "who": record.contender.name,
                "threads": record.contender.threads,
                "median_ns": middle,
                "min_ns": min(ns),
                "spread": (upper - lower) / middle,
                "ratio": median(mine / ours for mine, ours in zip(record.wall, unit.wall, strict=True)),
                "cores": sum(record.cpu) / sum(record.wall),
                "ns": ns,
                "answers": {name: {"mean": mean, "sigmas": z} for name, (mean, z) in answers.items()},
                "right": all(abs(z) < SIGMAS for _, z in answers.values()),
            }
        )
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows as text."""
    width = max(len(row["who"]) for row in rows)
    head = f"{'who':<{width}}  {'ns per walker-step: median':>26} {'(min)':>9}  spread   ratio  cores  E[uv]   E[u²+v²]"
    lines = [head, "-" * len(head)]
    for row in rows:
        theta, norm = row["answers"].values()
        lines.append(
            f"{row['who']:<{width}}  {row['median_ns']:>26.2f} {'(' + format(row['min_ns'], '.2f') + ')':>9}"
            f"  {row['spread']:>5.0%}  {row['ratio']:>6.2f}  {row['cores']:>5.2f}"
            f"  {theta['mean']:.4f}  {norm['mean']:.4f}  {'' if row['right'] else 'WRONG ANSWER'}".rstrip()
        )
    return "\n".join(lines)


def surroundings() -> dict[str, Any]:
    """Return what a reader of the figures has to know of the machine."""
    packages = {}
    for name in ("langevin-ib", "numpy", "numba", "jax", "torch"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = None
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    models = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return {
        "cpu": next(models, platform.processor()),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "levels": lib.levels(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": packages,
    }


def main() -> int:
    """Run the comparison; return 1 if anybody's answer is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="1,000 steps and 3 rounds instead of 10,000 and 7")
    parser.add_argument("--rounds", type=int, help="rounds (at least 2)")
    parser.add_argument(
        "--only", nargs="+", metavar="TEXT", help="peers whose names contain one of these; ourselves always"
    )
    parser.add_argument("--out", type=Path, help="write everything to this JSON file")
    options = parser.parse_args()
    steps, rounds = QUICK if options.quick else FULL
    rounds = rounds if options.rounds is None else max(options.rounds, 2)
    job = Job(steps=steps)

    wanted = [text.lower() for text in options.only or [""]]
    peers = [peer for peer in PEERS if peer.installed and any(text in peer.name.lower() for text in wanted)]
    rows = summarise(measure([*OURS, *peers], job, rounds), job)

    print(
        f"\n{job.walkers} walkers x {job.steps} steps, {rounds} rounds, one thread unless said; ratio to the first row"
    )
    print(table(rows))
    for line in missing():
        print(f"NOT MEASURED  {line}")
    if options.out is not None:
        report = {
            "job": asdict(job),
            "rounds": rounds,
            "surroundings": surroundings(),
            "results": rows,
            "missing": missing(),
        }
        options.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0 if all(row["right"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
