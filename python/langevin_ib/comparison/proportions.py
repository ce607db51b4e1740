"""Cell proportions per group of walkers, of one run or of a linear combination of runs, ready to be tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidArgumentError
from ..observe import HistogramResult
from .cells import Partition, Slots
from .hotelling import MeanTest, mean_is_zero

__all__ = ["Contribution", "Proportions", "Term"]

Term: TypeAlias = tuple[float, HistogramResult]
"""A coefficient, and the run whose proportions are multiplied by it."""


@dataclass(frozen=True, eq=False)
class Contribution:
    """One run's contribution: its coefficient and its counts in the slots that the law speaks about.

    Attributes
    ----------
    coefficient : float
        What its proportions are multiplied by.
    counts : array of int, shape (groups, kept)
        The counts in the kept slots.
    sizes : array, shape (groups,)
        The number of all looks of each group, in kept slots or not: proportional to its walkers.
    walkers : int
        The number of independent walkers.
    side : int
        0 for what is tested, 1 for the runs that it is tested against, if there are any.
    """

    coefficient: float
    counts: NDArray[np.int64]
    sizes: NDArray[np.float64]
    walkers: int
    side: int = 0

    @property
    def samples(self) -> int:
        """The number of observations in the kept slots."""
        return int(self.counts.sum())

    def slot_proportions(self) -> NDArray[np.float64]:
        """Return the proportions of all groups together, shape (kept,)."""
        pooled: NDArray[np.float64] = self.counts.sum(axis=0) / self.samples
        return pooled

    def deviations(self, cells: Partition) -> NDArray[np.float64]:
        """Return observed minus expected cell proportions, shape (groups, K).

        For a conditioned law the proportions of a group are ratios of two counts, c / n. What is returned is
        (c - n p) / size, over the overall fraction of kept observations: linear in the counts, so that its mean is
        exactly zero under the law, however few observations of a group are kept.
        """
        counts = cells.gather(self.counts)
        kept = counts.sum(axis=1)
        fraction = kept.sum() / self.sizes.sum()
        deviations: NDArray[np.float64] = (counts - kept[:, None] * cells.expected) / (self.sizes[:, None] * fraction)
        return deviations


@dataclass(frozen=True, eq=False)
class Proportions:
    """A linear combination of the proportions of runs whose groups are paired.

    Attributes
    ----------
    parts : tuple of Contribution
        The runs, with the same number of groups, each of which observed something in every run.
    """

    parts: tuple[Contribution, ...]

    @classmethod
    def of(cls, slots: Slots, *runs: Term) -> Proportions:
        """Combine runs with the given coefficients; groups without observations in the kept slots are left out.

        Raises
        ------
        InvalidArgumentError
            If nothing was observed in the slots that the law speaks about.
        """
        seen = _seen(runs) & np.logical_or.reduce([slots.counts(histogram).any(axis=1) for _, histogram in runs])
        parts = []
        for coefficient, histogram in runs:
            counts = slots.counts(histogram)[seen]
            if not counts.any():
                raise InvalidArgumentError(
                    f"none of the {histogram.total} observations of {histogram.provenance.observable} lies in a bin "
                    "wholly inside of the intervals that law is conditioned on; use finer bins or a longer run"
                )
            sizes = histogram.group_looks[seen].astype(np.float64)
            parts.append(Contribution(coefficient, counts, sizes, histogram.provenance.walkers))
        return cls(tuple(parts))

    @classmethod
    def between(cls, slots: Slots, one: Sequence[Term], other: Sequence[Term]) -> Proportions:
        """Return one linear combination of runs minus another one, both of which add up to one.

        Groups are paired, after those of the side that has more are put together: any of them may go together, as
        long as what was counted plays no part in it. So they are taken in the order of their sizes, largest first.
        The covariance of a difference of pairs is estimated as such, and both spreads are paid for, whatever they are:
        Hotelling's test is exact for Gaussian groups, as Scheffe's is for two means (Ann. Math. Stat. 14 (1943) 35).
        """
        count = min(int(_seen(side).sum()) for side in (one, other))
        sides = (_grouped(one, count), [(-c, histogram) for c, histogram in _grouped(other, count)])
        parts = [
            Contribution(
                coefficient,
                slots.counts(histogram),
                histogram.group_looks.astype(np.float64),
                histogram.provenance.walkers,
                number,
            )
            for number, side in enumerate(sides)
            for coefficient, histogram in side
        ]
        return cls(tuple(parts))

    def scaled(self, coefficients: Sequence[float]) -> Proportions:
        """Return the same runs with other coefficients; runs with coefficient 0 drop out."""
        pairs = zip(coefficients, self.parts, strict=True)
        return Proportions(tuple(replace(part, coefficient=c) for c, part in pairs if c != 0))

    @property
    def groups(self) -> int:
        """The number of groups."""
        return len(self.parts[0].sizes)

    @property
    def effective_groups(self) -> int:
        """The number of groups that carry the information, (Σ f)² / Σ f² with f the kept fraction of each group.

        It is the number of groups unless the law is conditioned on a set that some walkers hardly visited.
        """
        fractions = [part.counts.sum(axis=1) / part.sizes for part in self.parts]
        # Rounding must not turn 64 equal groups into 63.
        return min(int(f.sum() ** 2 / (f**2).sum() + 1e-9) for f in fractions)

    @property
    def samples(self) -> int:
        """The number of observations in the kept slots, of all runs."""
        return sum(part.samples for part in self.parts)

    @property
    def independent_variance(self) -> float:
        """The v for which all observations, if independent, gave a cell of probability p the variance v p (1 - p)."""
        return sum(part.coefficient**2 / part.samples for part in self.parts)

    def slot_proportions(self) -> NDArray[np.float64]:
        """Return the combined proportions in the kept slots, shape (kept,)."""
        combined: NDArray[np.float64] = np.sum(
            [part.coefficient * part.slot_proportions() for part in self.parts], axis=0
        )
        return combined

    def proportions_of(self, side: int, cells: Partition) -> NDArray[np.float64]:
        """Return the proportions of one side in cells, shape (K,); those that were extrapolated may be negative."""
        parts = [part for part in self.parts if part.side == side]
        shares = [part.coefficient * cells.gather(part.counts).sum(axis=0) / part.samples for part in parts]
        combined: NDArray[np.float64] = np.sum(shares, axis=0) / sum(part.coefficient for part in parts)
        return combined

    def test(self, cells: Partition) -> MeanTest:
        """Test the hypothesis that the combined proportions are those of the law (or zero, if coefficients cancel).

        The p-value is kept above the probability that cells as probable as the unvisited ones are missed by all
        walkers for no other reason than chance.
        """
        deviations = np.sum([part.coefficient * part.deviations(cells) for part in self.parts], axis=0)
        weights = 1.0 / np.sum([part.coefficient**2 / part.sizes for part in self.parts], axis=0)
        test = mean_is_zero(
            deviations,
            weights,
            cells.expected,
            independent_variance=self.independent_variance,
            effective_groups=self.effective_groups,
        )
        return replace(test, pvalue=max(test.pvalue, self._chance_of_missing(cells)))

    def _chance_of_missing(self, cells: Partition) -> float:
        sides = [[part for part in self.parts if part.side == side] for side in {part.side for part in self.parts}]
        return max(_chance_of_missing(cells, parts) for parts in sides)


def _chance_of_missing(cells: Partition, parts: Sequence[Contribution]) -> float:
    visited = np.logical_or.reduce([cells.gather(part.counts).any(axis=0) for part in parts])
    if visited.all():
        return 0.0
    hit = float(cells.expected[visited].sum())
    return min(1.0, len(cells) * hit ** min(part.walkers for part in parts))


def _seen(runs: Sequence[Term]) -> NDArray[np.bool_]:
    """Say which groups observed something in every run."""
    seen: NDArray[np.bool_] = np.logical_and.reduce([histogram.group_totals > 0 for _, histogram in runs])
    return seen


def _grouped(runs: Sequence[Term], count: int) -> list[Term]:
    """Put the groups of paired runs together to so many, of about equal sizes."""
    seen = np.flatnonzero(_seen(runs))
    order = seen[np.argsort(-runs[0][1].group_looks[seen], kind="stable")]
    grouped = []
    for coefficient, histogram in runs:
        raw = np.zeros((count, histogram.raw_counts.shape[1]), dtype=np.int64)
        np.add.at(raw, np.arange(len(order)) % count, histogram.raw_counts[order])
        grouped.append((coefficient, replace(histogram, raw_counts=raw)))
    return grouped
