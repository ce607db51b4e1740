"""`langevin-ib reproduce`: figures of the paper, run again with many seeds and controls."""

from __future__ import annotations

import argparse
import json

from ..studies import Part, require_place, this_command, write_report
from ..studies.experiments import FIGURES, Reproduction, explain, reproduce
from .pace import paced
from .status import INTERRUPTED, PASSED

__all__ = ["run"]

ALL = "all"


def run(parsed: argparse.Namespace) -> int:
    """Make the figures that were asked for, and return the exit status."""
    names = list(FIGURES) if parsed.figure == ALL else [parsed.figure]
    if parsed.explain:
        print("\n".join(map(explain, names)))
        return PASSED
    # What cannot be written should be known before the training, not after.
    parsed.out.mkdir(parents=True, exist_ok=True)
    if parsed.report is not None:
        require_place(parsed.report)
    found: list[Reproduction] = []
    interrupted = False
    for name in paced(names, names, silent=parsed.no_progress):
        try:
            made = reproduce(
                name,
                seeds=parsed.seeds,
                steps=parsed.steps,
                variant=parsed.variant,
                rng=parsed.seed,
                quick=parsed.quick,
                controls=not parsed.no_controls,
                progress=False if parsed.no_progress else None,
            )
        except KeyboardInterrupt:
            # The figures before are done, and stay.
            if not found:
                raise
            interrupted = True
            break
        found.append(made)
        files = made.write(parsed.out)
        if not parsed.json:
            print(f"{made}\n  written to {', '.join(str(path) for path in files)}", flush=True)
        if made.interrupted:
            interrupted = True
            break
    if parsed.report is not None:
        write_report(
            parsed.report,
            title="langevin_ib: figures of arXiv 2601.06597, run again",
            verdict=f"{len(found)} of {len(names)} figures{', interrupted' if interrupted else ''}",
            good=None,
            head=("what", "seeds", "iterations", "time"),
            parts=[_part(made, parsed) for made in found],
            command=this_command(),
        )
    if parsed.json:
        print(json.dumps([made.summary() for made in found], indent=2, allow_nan=False))
    elif parsed.report is not None:
        print(f"report: {parsed.report}")
    return INTERRUPTED if interrupted else PASSED


def _part(made: Reproduction, parsed: argparse.Namespace) -> Part:
    name, title = made.experiment.name, made.experiment.title
    measured = []
    for each in made.measured:
        low, middle, high = each.quartiles
        published = "" if each.published is None else f"; published {each.published:.4g}"
        measured.append((each.what, f"{middle:.4g}, quartiles {low:.4g} and {high:.4g}{published}"))
    again = ["reproduce", name, "--seeds", str(parsed.seeds), "--variant", parsed.variant, "--seed", str(parsed.seed)]
    again += ["--steps", str(parsed.steps)] * (parsed.steps is not None)
    again += ["--quick"] * parsed.quick + ["--no-controls"] * parsed.no_controls
    done = f"{len(made.seeds)}{' (interrupted)' if made.interrupted else ''}"
    return Part(
        name=name,
        title=title,
        verdict=made.sentence,
        good=None,
        cells=(title, done, f"{made.plan.steps:,}", f"{made.seconds:.1f} s"),
        facts=[
            ("claim", made.experiment.claim),
            ("mechanism", f"as the {made.plan.variant}; --explain says where text and code differ"),
            *measured,
            *((f"{each.arm} diverged", each.message) for each in made.divergences),
            ("seed", str(parsed.seed)),
            ("time", f"{made.iterations:.3g} seed-iterations in {made.seconds:.1f} s"),
        ],
        figure=made.figure,
        command=this_command(*again),
    )
