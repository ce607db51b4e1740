"""`langevin-ib reproduce`: figures of the paper, run again with many seeds and controls."""

from __future__ import annotations

import argparse

from ..studies import Part, this_command
from ..studies.experiments import FIGURES, Reproduction, explain, reproduce
from .figures import chosen, make_figures
from .status import PASSED

__all__ = ["run"]


def run(parsed: argparse.Namespace) -> int:
    """Make the figures that were asked for, and return the exit status."""
    names = chosen(parsed.figure, FIGURES)
    if parsed.explain:
        print("\n".join(map(explain, names)))
        return PASSED
    return make_figures(
        parsed,
        names,
        lambda name: _made(name, parsed),
        lambda made: _part(made, parsed),
        title="langevin_ib: figures of arXiv 2601.06597, run again",
        head=("what", "seeds", "iterations", "time"),
    )


def _made(name: str, parsed: argparse.Namespace) -> Reproduction:
    return reproduce(
        name,
        seeds=parsed.seeds,
        steps=parsed.steps,
        variant=parsed.variant,
        rng=parsed.seed,
        quick=parsed.quick,
        controls=not parsed.no_controls,
        progress=False if parsed.no_progress else None,
    )


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
