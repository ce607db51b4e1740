"""How MALA got on, walker by walker: what was accepted, and which walkers were stuck."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .settings import Settings

__all__ = ["Acceptance", "stuck_walkers"]

COLUMNS = 3
"""Accepted; refused in a row by now; most refused in a row."""

SHARE = 0.25
"""A walker is stuck if it stayed at one point for this share of what was observed, ..."""

SURE = 5.0
"""... and if that is so many times as long as the longest stay that the acceptance of its fellows makes likely.

With an acceptance p, one of W walkers stays for log(W n) / -log(1 - p) of n steps; five times as long with a
probability of (W n)**-4."""

SURELY_ACCEPTED = 0.9
"""An acceptance beyond this makes no shorter stays suspicious: it may be lower in other places."""

ENOUGH = 100
"""In so many steps a walker has to move at least once."""


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
        The walkers that stayed for a quarter or more of the steps that were observed (all proposals refused), and for
        far longer than the acceptance of the median walker explains.
    """
    if acceptance is None:
        return np.empty(0, dtype=np.int64)
    observed = steps - max(settings.burn_in, settings.approach, acceptance.since)
    if observed <= 0:
        return np.empty(0, dtype=np.int64)

    def limit(acceptance_of_most: float) -> float:
        usual = min(acceptance_of_most, SURELY_ACCEPTED)
        likely = math.log(settings.count * observed) / -math.log1p(-usual) if usual > 0.0 else math.inf
        longest = max(SHARE * observed, SURE * likely)
        # Who never moved has seen one point, whatever the acceptance.
        return min(longest, observed) if observed >= ENOUGH else longest

    stays = acceptance.counts[:, 2]
    # Nearly always nobody stayed long, which is found ten times as fast as the median.
    if stays.max() < limit(1.0):
        return np.empty(0, dtype=np.int64)
    usual = float(np.median(acceptance.rates(settings, steps)))
    return settings.walkers[0] + np.flatnonzero(stays >= limit(usual))
