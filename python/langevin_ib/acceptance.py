"""How MALA got on, walker by walker: what was accepted, and which walkers were stuck."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .settings import Settings
    from .snapshot import Snapshot

__all__ = ["Acceptance", "StuckWalkers", "remark_on_stuck", "stuck_walkers", "warn_of_stuck"]

COLUMNS = 3
"""Accepted; refused in a row by now; most refused in a row."""

SHARE = 0.1
"""A walker is stuck if it stayed at one point for this share of what was observed, ..."""

SURE = 5.0
"""... and if that is so many times as long as the longest stay that the acceptance of its fellows makes likely.

With an acceptance p, one of W walkers stays for log(W n) / -log(1 - p) of n steps; five times as long with a
probability of (W n)**-4."""

SURELY_ACCEPTED = 0.9
"""An acceptance beyond this makes no shorter stays suspicious: it may be lower in other places."""

ENOUGH = 100
"""In so many steps a walker has to move at least once."""

NAMED = 5
"""So many of the stuck walkers are named."""


class StuckWalkers(UserWarning):
    """MALA refused every proposal of some walkers for much of a run, whose averages are then not those of the law."""


@dataclass(frozen=True, eq=False)
class Acceptance:
    """What became of the proposals of each walker.

    Parameters
    ----------
    counts : array of int64, shape (walkers, 3)
        How many were accepted; how many have been refused in a row by now; and the most that were, of those in a row
        that had not ended when the burn-in did.
    since : int
        The step from which walkers have been counted one by one: 0, but in a run that an earlier version began.
    unassigned : int
        How many all walkers together had accepted before that.
    """

    counts: NDArray[np.int64]
    since: int = 0
    unassigned: int = 0

    @classmethod
    def none(cls, walkers: int, *, since: int = 0, unassigned: int = 0) -> Acceptance:
        """Return the counts of walkers that have proposed nothing yet."""
        return cls(np.zeros((walkers, COLUMNS), dtype=np.int64), since, unassigned)

    def of(self, rows: slice) -> Acceptance:
        """Return the counts of some of the walkers, to be gone on with by somebody else."""
        return Acceptance(np.ascontiguousarray(self.counts[rows]), self.since)

    def aligned(self) -> Acceptance:
        """Return the same counts where the core can read them: what comes over a network may lie anywhere."""
        return replace(self, counts=np.require(self.counts, requirements=["C", "ALIGNED"]))

    def copy(self) -> Acceptance:
        """Return counts of one's own."""
        return replace(self, counts=self.counts.copy())

    @property
    def total(self) -> int:
        """How many proposals all walkers together have accepted."""
        return self.unassigned + int(self.counts[:, 0].sum())

    def rates(self, settings: Settings, steps: int) -> NDArray[np.float64]:
        """Return the share of each walker's proposals that was accepted, shape (walkers,); NaN if it made none."""
        proposals = steps - max(self.since, settings.approach)
        if proposals <= 0:
            return np.full(len(self.counts), np.nan)
        rates: NDArray[np.float64] = self.counts[:, 0] / proposals
        return rates


def stuck_walkers(acceptance: Acceptance | None, settings: Settings, steps: int) -> NDArray[np.int64]:
    """Return the numbers of the walkers that stayed at one point for too long to say anything about the law.

    Parameters
    ----------
    acceptance : Acceptance or None
        What became of their proposals; None if there were none.
    settings : Settings
        The run.
    steps : int
        Steps made.

    Returns
    -------
    array of int64
        The walkers that stayed for a tenth or more of the steps that were observed (all proposals refused), and for
        far longer than the acceptance of the median walker explains.
    """
    if acceptance is None:
        return np.empty(0, dtype=np.int64)
    observed = steps - max(settings.burn_in, settings.approach, acceptance.since)
    if observed <= 0:
        return np.empty(0, dtype=np.int64)
    usual = min(float(np.median(acceptance.rates(settings, steps))), SURELY_ACCEPTED)
    likely = math.log(settings.count * observed) / -math.log1p(-usual) if usual > 0.0 else math.inf
    limit = max(SHARE * observed, SURE * likely)
    if observed >= ENOUGH:
        # Who never moved has seen one point, whatever the acceptance.
        limit = min(limit, observed)
    return settings.walkers[0] + np.flatnonzero(acceptance.counts[:, 2] >= limit)


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
