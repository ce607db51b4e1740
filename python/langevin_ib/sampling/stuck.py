"""Walkers that were stuck under MALA are named, with the remedy: a warning when a run ends, a remark in its notes."""

from __future__ import annotations

import warnings

import numpy as np

from .files import Snapshot
from .loop import stuck_walkers

__all__ = ["StuckWalkers", "remark_on_stuck", "warn_of_stuck"]

NAMED = 5
"""So many of the stuck walkers are named."""


class StuckWalkers(UserWarning):
    """MALA refused every proposal of some walkers for much of a run, whose averages are then not those of the law."""


def remark_on_stuck(snapshot: Snapshot) -> str | None:
    """Return a sentence that names the stuck walkers of a run, and the remedy; None if there are none."""
    settings, progressed = snapshot.settings, snapshot.progressed
    stuck = stuck_walkers(progressed.acceptance, settings, progressed.steps)
    if progressed.acceptance is None or not len(stuck):
        return None
    rows = stuck - settings.walkers[0]
    usual = float(np.median(progressed.acceptance.rates(settings, progressed.steps)))
    names = ", ".join(map(str, stuck[:NAMED].tolist())) + (", ..." if len(stuck) > NAMED else "")
    if settings.approach:
        remedy = f"a longer burn_in (now {settings.burn_in}; its first half leads walkers to where they belong)"
    else:
        remedy = "burn_in=, whose first half leads walkers to where they belong"
    return (
        f"{len(stuck):,} of {settings.count:,} walkers were stuck (number {names}): MALA refused up to "
        f"{int(progressed.acceptance.counts[rows, 2].max()):,} proposals in a row, where the median walker accepts "
        f"{usual:.0%}. What was observed is not the law, and no error bar is right. Take a smaller step_size (now "
        f"{settings.step_size:.3g}, or 'auto'), {remedy}, or other initial states"
    )


def warn_of_stuck(snapshot: Snapshot, *, stacklevel: int) -> None:
    """Warn if walkers of a run were stuck."""
    remark = remark_on_stuck(snapshot)
    if remark is not None:
        warnings.warn(StuckWalkers(remark), stacklevel=stacklevel + 1)
