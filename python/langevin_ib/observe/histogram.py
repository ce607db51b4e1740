"""`Histogram`: count how often an observable visits each of equal intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..checks import checked_int, checked_real, shown
from ..errors import InvalidArgumentError
from .histogram_result import HistogramResult
from .observer import Extent, Kept, Observer, checked_every
from .provenance import Provenance

__all__ = ["GROUPS", "MAX_BINS", "Histogram", "checked_condition"]

MAX_BINS = 1_000_000
"""The largest number of bins that a histogram may have; 64 groups of them take half a gigabyte."""

GROUPS = 64
"""Histograms are kept apart for this many groups of walkers; their spread gives the error bars.

The number is the same for every run, however few its walkers: so any shards of a run can be merged.
"""


@dataclass(frozen=True, kw_only=True)
class Histogram(Observer):
    """Count how often an observable visits each of ``bins`` equal intervals.

    Bin i is the half-open interval [edge_i, edge_{i+1}). What falls below or above the range is counted as underflow
    or overflow and NaN as invalid, so nothing is lost.

    Parameters
    ----------
    bins : int, default 200
        The number of bins, from 1 to 1 000 000.
    range : (float, float)
        The finite ends lo < hi of the binned interval, in the units of the observable.
    every : int, default 1
        Look at the observable after every so many steps.
    given : (str, float, float), optional
        A condition: count only while the model's observable of this name is in [lo, hi), of which one end may be
        infinite. The histogram is then that of the conditional law; looks at other times are counted apart, as
        elsewhere.

    Raises
    ------
    InvalidArgumentError
        If an argument has a wrong type or lies outside of what is stated above.

    Examples
    --------
    >>> Histogram(bins=4, range=(0, 1))
    Histogram(bins=4, range=(0.0, 1.0), every=1)
    >>> Histogram(bins=4, range=(0, 1), given=("imbalance", -0.1, 0.1))
    Histogram(bins=4, range=(0.0, 1.0), every=1, given=('imbalance', -0.1, 0.1))
    """

    bins: int = 200
    range: tuple[float, float]
    every: int = 1
    given: tuple[str, float, float] | None = None

    def __post_init__(self) -> None:
        """Check the arguments and bring them to plain Python numbers."""
        object.__setattr__(self, "bins", checked_int("bins", self.bins, minimum=1, maximum=MAX_BINS))
        object.__setattr__(self, "range", _interval(self.range))
        object.__setattr__(self, "every", checked_every(self.every))
        object.__setattr__(self, "given", checked_condition(self.given))
        lo, hi = self.range
        width = hi / self.bins - lo / self.bins
        if not (lo + width > lo and hi - width < hi and hi - lo < float("inf")):
            raise InvalidArgumentError(
                f"range = ({lo!r}, {hi!r}) cannot be cut into bins = {self.bins} distinct floating-point intervals; "
                "use fewer bins or another range"
            )

    @property
    def slots(self) -> int:
        """The number of counts of each group: underflow, the bins, overflow, NaN and, under a condition, elsewhere."""
        return self.bins + (3 if self.given is None else 4)

    @property
    def condition(self) -> tuple[str, float, float] | None:
        """The condition under which it counts."""
        return self.given

    def request(self) -> tuple[str, Sequence[float]]:
        """Return what the core calls it, and its constants."""
        return "histogram", (float(self.bins), *self.range)

    def form(self, extent: Extent) -> tuple[tuple[int, int], str]:
        """Return shape and dtype of the counts, whoever many walkers were looked at."""
        del extent
        return (GROUPS, self.slots), "int64"

    def bytes(self, extent: Extent, threads: int) -> int:
        """Return the size of the core's table for each thread and its totals, and of the counts before and after."""
        del extent
        return (GROUPS + 1) * (self.bins + 4) * (4 * threads + 24)

    def merged(self, before: Kept, after: Kept) -> Kept:
        """Return the sum of the counts."""
        counts: Kept = after.view(np.int64)
        counts += before
        return counts

    def placed(self, whole: Kept, part: Kept, rows: slice) -> None:
        """Add a shard's counts."""
        del rows
        np.add(whole, part, out=whole)

    def filled(self, provenance: Provenance, kept: Kept) -> HistogramResult:
        """Return the histogram."""
        return HistogramResult(self, provenance, kept)

    def __repr__(self) -> str:
        given = "" if self.given is None else f", given={self.given!r}"
        return f"Histogram(bins={self.bins}, range={self.range}, every={self.every}{given})"


def checked_condition(value: object) -> tuple[str, float, float] | None:
    """Return a condition (name, lo, hi) on an observable, or None.

    Raises
    ------
    InvalidArgumentError
        If it is neither.
    """
    if value is None:
        return None
    if not isinstance(value, (tuple, list)) or len(value) != 3 or not isinstance(value[0], str):
        raise InvalidArgumentError(
            f'given = {shown(value)} is no condition; give (name, lo, hi), such as ("imbalance", -0.1, 0.1)'
        )
    ends = []
    for which, end in (("lo", value[1]), ("hi", value[2])):
        is_infinite = isinstance(end, float) and math.isinf(end)
        ends.append(end if is_infinite else checked_real(f"{which} of given", end))
    lo, hi = ends
    if not lo < hi:
        raise InvalidArgumentError(f"given = {tuple(value)!r} holds nowhere; give (name, lo, hi) with lo < hi")
    return value[0], lo, hi


def _interval(value: object) -> tuple[float, float]:
    if not isinstance(value, (tuple, list, np.ndarray)) or getattr(value, "ndim", 1) != 1 or len(value) != 2:
        raise InvalidArgumentError(f"range = {shown(value)} is not a pair; give (lo, hi)")
    lo, hi = checked_real("range[0]", value[0]), checked_real("range[1]", value[1])
    if not lo < hi:
        raise InvalidArgumentError(f"range = ({lo!r}, {hi!r}) is empty; give (lo, hi) with lo < hi")
    return lo, hi
