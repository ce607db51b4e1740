"""The cells of a test: whole histogram bins merged until each is about equally probable under the law."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidArgumentError
from ..observe import HistogramResult

__all__ = ["Law", "Partition", "Slots", "merge", "split"]

_ROUNDING = 16.0 * float(np.finfo(np.float32).eps)
"""What a few operations in single precision do to a number, as a share of the largest that the histogram resolves."""

_MARGIN = 4.0
"""Walkers stay together for a while, so that there may be more at an end of the support than there are on average."""


@runtime_checkable
class Law(Protocol):
    """What a comparison needs to know of a law; `Density` has it."""

    @property
    def name(self) -> str:
        """The name of the law."""

    @property
    def reference(self) -> str:
        """The measure that its density is a density with respect to."""

    @property
    def given(self) -> tuple[tuple[float, float], ...] | None:
        """The intervals that it is conditioned on, or None."""

    def cdf(self, x: ArrayLike, /) -> NDArray[np.float64]:
        """Return the probability of values up to x."""

    def support(self) -> tuple[float, float]:
        """Return the ends of the smallest interval that holds all probability."""


@dataclass(frozen=True, eq=False)
class Slots:
    """The slots of a histogram (underflow, bins, overflow) that a law speaks about, with their probabilities.

    Attributes
    ----------
    kept : array of bool, shape (bins + 2,)
        The slots that lie wholly inside of what the law is conditioned on; all of them if it is not.
    probability : array, shape (kept,)
        Their probabilities under the law, conditioned on the kept slots.
    lower, upper : array, shape (kept,)
        Their ends.
    impossible : array of bool, shape (kept,)
        Whether the slot lies outside of the support of the law.
    rounded : array, shape (kept,)
        The share of observations that rounding may carry into an impossible slot: from next to an end of the support
        into the slot that begins there. Observables are computed in single precision perhaps.
    error : float
        A bound on the error of the cumulated probabilities.
    """

    kept: NDArray[np.bool_]
    probability: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    impossible: NDArray[np.bool_]
    rounded: NDArray[np.float64]
    error: float = 0.0

    @classmethod
    def of(cls, histogram: HistogramResult, law: Law) -> Slots:
        """Evaluate the law on the slots of a histogram.

        Raises
        ------
        InvalidArgumentError
            If ``law.cdf`` is no cdf, or the law gives the kept slots no probability.
        """
        below = np.asarray(law.cdf(histogram.edges), dtype=np.float64)
        mass = np.diff(np.concatenate(([0.0], below, [1.0])))
        if not np.all(mass >= -1e-9):
            raise InvalidArgumentError(
                f"law = {law.name!r}: its cdf on the edges of the histogram is not a number in [0, 1] that increases; "
                "give a law with a valid cdf"
            )
        kept = np.ones(len(mass), dtype=np.bool_) if law.given is None else histogram.slots_inside(law.given)
        inside = np.maximum(mass[kept], 0.0)
        if not inside.sum() > 0:
            raise InvalidArgumentError(
                f"no whole bin of range = {histogram.spec.range} with bins = {histogram.spec.bins} lies where "
                f"law = {law.name!r} has probability (given = {law.given}); choose a range that covers it or finer bins"
            )
        lower, upper = (ends[kept] for ends in histogram.slot_bounds())
        start, end = law.support()
        reach = _ROUNDING * float(np.abs(histogram.edges).max())
        # A sum that is 1 but for rounding must not make of nothing less than that.
        near = np.minimum(np.asarray(law.cdf([start + reach, end - reach]), dtype=np.float64) / inside.sum(), 1.0)
        beside = np.where(upper > start - reach, near[0], 0.0) + np.where(lower < end + reach, 1.0 - near[1], 0.0)
        # What is divided by an uncertain sum is twice as uncertain.
        error = float(getattr(law, "error", 0.0)) * (1.0 if kept.all() else 2.0 / inside.sum())
        impossible = (upper <= start) | (lower > end)
        return cls(kept, inside / inside.sum(), lower, upper, impossible, _MARGIN * beside, error)

    @classmethod
    def pooled(cls, *sides: HistogramResult) -> Slots:
        """Return all slots of histograms with the same bins, with the mean of the proportions in them.

        A side counts as much as the other, however long it was sampled: where only one of them has been, cells are to
        be cut there, too.
        """
        shares = [side.slot_counts.sum(axis=0) / side.total for side in sides]
        lower, upper = sides[0].slot_bounds()
        nowhere, everywhere = np.zeros(len(lower), dtype=np.bool_), np.ones(len(lower), dtype=np.bool_)
        return cls(everywhere, np.mean(shares, axis=0), lower, upper, nowhere, np.zeros(len(lower)))

    def refute(self, counts: NDArray[np.int64]) -> bool:
        """Return whether counts in the kept slots, shape (groups, kept), are impossible under the law."""
        seen = counts[:, self.impossible].sum(axis=0)
        return bool(np.any(seen > self.rounded[self.impossible] * counts.sum()))

    def counts(self, histogram: HistogramResult) -> NDArray[np.int64]:
        """Return the counts of a histogram in the kept slots, shape (groups, kept)."""
        counts = histogram.slot_counts
        # A mask copies, and a million bins in 64 groups are half a gigabyte.
        return counts if self.kept.all() else counts[:, self.kept]


@dataclass(frozen=True, eq=False)
class Partition:
    """A partition of the kept slots into runs of neighbours.

    Attributes
    ----------
    starts : array of int, shape (K,)
        The first slot of each cell.
    expected : array, shape (K,)
        The probability of each cell under the law.
    intervals : array, shape (K, 2)
        The ends of each cell; the outermost are infinite where the tails belong to it.
    """

    starts: NDArray[np.intp]
    expected: NDArray[np.float64]
    intervals: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.starts)

    def gather(self, slot_counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Add up slot counts (groups, kept) to cell counts (groups, K)."""
        return np.add.reduceat(slot_counts, self.starts, axis=1).astype(np.float64)


def merge(slots: Slots, count: int) -> Partition:
    """Merge slots to at most ``count`` cells of about equal probability under the law.

    Only whole slots can be merged, so each wanted boundary moves to the nearest edge; a cell that is left with less
    than half of its share joins its less probable neighbour. The observed counts play no part in it.

    Parameters
    ----------
    slots : Slots
        The slots and their probabilities.
    count : int
        The wanted number of cells.

    Returns
    -------
    Partition
        At least one; a single one if the law has nearly all its probability in a single slot.
    """
    probability = slots.probability
    below = np.concatenate(([0.0], np.cumsum(probability)))
    targets = np.arange(1, count) / count
    right = np.clip(np.searchsorted(below, targets), 1, len(probability))
    nearest = np.where(targets - below[right - 1] <= below[right] - targets, right - 1, right)
    starts = np.unique(np.concatenate(([0], nearest[nearest < len(probability)])))
    expected = np.add.reduceat(probability, starts)
    while len(starts) > 1 and expected.min() < 0.5 / count:
        small = int(expected.argmin())
        joins_right = small == 0 or (small + 1 < len(starts) and expected[small + 1] < expected[small - 1])
        starts = np.delete(starts, small + 1 if joins_right else small)
        expected = np.add.reduceat(probability, starts)
    return _cells(slots, starts, expected)


def split(slots: Slots) -> Partition:
    """Cut the slots in two beside the most probable one, on the side where more probability is left.

    Probabilities below 1e-12, the accuracy of a cdf, are raised to it.
    """
    probability = slots.probability
    top = int(probability.argmax())
    cut = top if probability[:top].sum() > probability[top + 1 :].sum() else top + 1
    if len(probability) < 2:
        return _cells(slots, np.array([0]), np.ones(1))
    # An outermost slot can be cut off on one side only.
    starts = np.array([0, min(max(cut, 1), len(probability) - 1)])
    expected = np.maximum(np.add.reduceat(probability, starts), 1e-12)
    return _cells(slots, starts, expected / expected.sum())


def _cells(slots: Slots, starts: NDArray[np.intp], expected: NDArray[np.float64]) -> Partition:
    ends = np.concatenate((starts[1:], [len(slots.probability)])) - 1
    return Partition(starts, expected, np.stack((slots.lower[starts], slots.upper[ends]), axis=1))
