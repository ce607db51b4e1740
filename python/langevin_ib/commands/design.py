"""`langevin-ib design`: inverse design beside standard solvers, with many seeds."""

from __future__ import annotations

import argparse

from ..studies import Part, this_command
from ..studies.evidence import EXHIBITS, Evidence, evidence
from .figures import chosen, make_figures

__all__ = ["run"]


def run(parsed: argparse.Namespace) -> int:
    """Make the figures that were asked for, and return the exit status."""
    progress = False if parsed.no_progress else None
    return make_figures(
        parsed,
        chosen(parsed.figure, EXHIBITS),
        lambda name: evidence(name, seeds=parsed.seeds, rng=parsed.seed, quick=parsed.quick, progress=progress),
        lambda made: _part(made, parsed),
        title="langevin_ib: inverse design beside standard solvers",
        head=("what", "seeds", "time"),
    )


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
