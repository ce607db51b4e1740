"""`langevin-ib design`: inverse design beside standard solvers, with many seeds."""

from __future__ import annotations

import argparse
import json

from ..studies import Part, require_place, this_command, write_report
from ..studies.evidence import EXHIBITS, Evidence, evidence
from .pace import paced
from .status import INTERRUPTED, PASSED

__all__ = ["run"]

ALL = "all"


def run(parsed: argparse.Namespace) -> int:
    """Make the figures that were asked for, and return the exit status."""
    names = list(EXHIBITS) if parsed.figure == ALL else [parsed.figure]
    # What cannot be written should be known before the work, not after.
    parsed.out.mkdir(parents=True, exist_ok=True)
    if parsed.report is not None:
        require_place(parsed.report)
    found: list[Evidence] = []
    for name in paced(names, names, silent=parsed.no_progress):
        progress = False if parsed.no_progress else None
        made = evidence(name, seeds=parsed.seeds, rng=parsed.seed, quick=parsed.quick, progress=progress)
        found.append(made)
        files = made.write(parsed.out)
        if not parsed.json:
            print(f"{made}\n  written to {', '.join(str(path) for path in files)}", flush=True)
        if made.interrupted:
            break
    if parsed.report is not None:
        write_report(
            parsed.report,
            title="langevin_ib: inverse design beside standard solvers",
            verdict=f"{len(found)} of {len(names)} figures{', interrupted' if found[-1].interrupted else ''}",
            good=None,
            head=("what", "seeds", "time"),
            parts=[_part(made, parsed) for made in found],
            command=this_command(),
        )
    if parsed.json:
        print(json.dumps([made.summary() for made in found], indent=2, allow_nan=False))
    elif parsed.report is not None:
        print(f"report: {parsed.report}")
    return INTERRUPTED if found[-1].interrupted else PASSED


def _part(made: Evidence, parsed: argparse.Namespace) -> Part:
    again = ["design", made.exhibit.name, "--seeds", str(parsed.seeds), "--seed", str(parsed.seed)]
    done, time = f"{len(made.seeds)}{' (interrupted)' if made.interrupted else ''}", f"{made.seconds:.1f} s"
    quartiles = [(each.what, " / ".join(f"{value:.4g}" for value in each.quartiles)) for each in made.measured]
    return Part(
        name=made.exhibit.name,
        title=made.title,
        verdict=made.sentence,
        good=None,
        cells=(made.title, done, time),
        facts=[
            ("expected", made.exhibit.expectation),
            ("settings", made.settings),
            *quartiles,
            ("seed", str(parsed.seed)),
            ("time", time),
        ],
        figure=made.figure,
        command=this_command(*again, *["--quick"] * parsed.quick),
    )
