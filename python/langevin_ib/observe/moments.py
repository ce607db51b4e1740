"""`Moments`: sums of powers per walker, whose spread gives errors that pay for autocorrelation; and filled ones."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..checks import checked_int, checked_kind, real_array, shown
from ..errors import InvalidArgumentError
from .observer import Extent, Kept, Observer, checked_every
from .provenance import Provenance

__all__ = ["Moments", "MomentsResult", "about_zero"]


@dataclass(frozen=True, kw_only=True)
class Moments(Observer):
    """Add up the powers x, x², …, x^order of an observable, walker by walker.

    Parameters
    ----------
    every : int, default 1
        Look at the observable after every so many steps.
    order : int, default 2
        The highest power, from 1 to 4.

    Raises
    ------
    InvalidArgumentError
        If an argument has a wrong type or lies outside of what is stated above.
    """

    goes_on = True

    every: int = 1
    order: int = 2

    def __post_init__(self) -> None:
        """Check the arguments and bring them to plain Python numbers."""
        object.__setattr__(self, "every", checked_every(self.every))
        object.__setattr__(self, "order", checked_int("order", self.order, minimum=1, maximum=4))

    @property
    def width(self) -> int:
        """How many numbers are kept of each walker: the sums of powers of x - pivot, and the pivot."""
        return self.order + 1

    def request(self) -> tuple[str, Sequence[float]]:
        """Return what the core calls it, and its constants."""
        return "moments", (float(self.order),)

    def form(self, extent: Extent) -> tuple[tuple[int, int], str]:
        """Return shape and dtype of the sums."""
        return (extent.walkers, self.width), "float64"

    def bytes(self, extent: Extent, threads: int) -> int:
        """Return the size of the sums before and after."""
        del threads
        return 2 * extent.walkers * self.width * 8

    def empty(self, extent: Extent) -> Kept:
        """Return sums of nothing, without a pivot as yet: one row, which stands for all walkers."""
        shape, _ = self.form(extent)
        return np.broadcast_to(np.array([0.0] * self.order + [math.nan]), shape)

    def merged(self, before: Kept, after: Kept) -> Kept:
        """Return the sums, which the core went on with."""
        del before
        return after

    def placed(self, whole: Kept, part: Kept, rows: slice) -> None:
        """Put a shard's sums, which its worker went on with, into the rows of its walkers."""
        whole[rows] = part

    def filled(self, provenance: Provenance, kept: Kept) -> MomentsResult:
        """Return the moments."""
        return MomentsResult(self, provenance, kept)


@dataclass(frozen=True, eq=False, repr=False)
class MomentsResult:
    """Sums of d, d², …, d^order over the observations of each walker, where d = x - pivot.

    The pivot is what the walker's first look saw. A variance is made of small numbers therefore, and keeps its digits,
    however far from 0 the observable is.

    Parameters
    ----------
    spec : Moments
        The request.
    provenance : Provenance
        The settings of the run.
    deviations : array of float64, shape (walkers, order + 1)
        Column k - 1 holds the sum of d^k over the observations of the walker, the last column its pivot. Sums of x^k
        itself, shape (walkers, order), are taken as those about 0.

    Raises
    ------
    InvalidArgumentError
        If ``deviations`` has another shape or dtype, or there are no observations.
    """

    spec: Moments
    provenance: Provenance
    deviations: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Check the sums and make them read-only."""
        checked_kind("spec", self.spec, Moments)
        checked_kind("provenance", self.provenance, Provenance)
        sums = real_array("deviations, or sums,", self.deviations)
        walkers, order = self.provenance.walkers, self.spec.order
        if sums.shape not in {(walkers, order), (walkers, order + 1)} or sums.dtype != np.float64:
            raise InvalidArgumentError(
                f"deviations, or sums, has shape {sums.shape} and dtype {sums.dtype}; "
                f"give float64 of shape (walkers, order + 1) = {(walkers, order + 1)}, or {(walkers, order)} about 0"
            )
        if self.provenance.observations < 1:
            raise InvalidArgumentError(
                f"observations = {self.provenance.observations}: the moments of nothing do not exist; "
                f"run at least every = {self.spec.every} steps"
            )
        frozen = sums.view() if sums.shape[1] > order else about_zero(sums)
        frozen.flags.writeable = False
        object.__setattr__(self, "deviations", frozen)

    @property
    def pivots(self) -> NDArray[np.float64]:
        """What each walker's powers are those of the distance from, shape (walkers,)."""
        return self.deviations[:, -1]

    @property
    def sums(self) -> NDArray[np.float64]:
        """The sums of x, x², …, x^order of each walker, shape (walkers, order); far from 0 they hide a spread."""
        moments = np.stack([self._walker_moments(k) for k in range(1, self.spec.order + 1)], axis=1)
        sums: NDArray[np.float64] = moments * self.provenance.observations
        sums.flags.writeable = False
        return sums

    @property
    def walker_means(self) -> NDArray[np.float64]:
        """The time average of x of each walker, shape (walkers,)."""
        return self._walker_moments(1)

    def mean(self) -> float:
        """Return the mean of x over walkers and time."""
        return self.moment(1)

    def var(self) -> float:
        """Return E[(x - E[x])²] over walkers and time.

        Raises
        ------
        InvalidArgumentError
            If squares were not kept.
        """
        self._require_kept(2)
        # What walkers vary by, and what they differ by.
        within = self._central(2) - self._central(1) ** 2
        means = self.walker_means
        return max(float(np.mean(within + (means - np.mean(means)) ** 2)), 0.0)

    def moment(self, k: int) -> float:
        """Return the raw moment E[x^k] over walkers and time.

        Raises
        ------
        InvalidArgumentError
            If k is not one of the kept powers 1, …, order.
        """
        return float(np.mean(self._walker_moments(k)))

    def standard_error(self, k: int = 1) -> float:
        """Return one standard error of ``moment(k)``, from the spread between the independent walkers.

        Raises
        ------
        InvalidArgumentError
            If k is not a kept power, or there is only one walker and so no spread.
        """
        moments = self._walker_moments(k)
        if len(moments) < 2:
            raise InvalidArgumentError("a single walker has no spread to take an error from; use walkers >= 2")
        return float(np.std(moments, ddof=1) / np.sqrt(len(moments)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MomentsResult):
            return NotImplemented
        same = self.spec == other.spec and self.provenance == other.provenance
        return same and np.array_equal(self.deviations, other.deviations)

    __hash__ = None  # type: ignore[assignment] # arrays are compared by value, so there is no cheap hash

    def __repr__(self) -> str:
        error = f" ± {self.standard_error():.2g}" if len(self.deviations) > 1 else ""
        return (
            f"MomentsResult({self.provenance.observable}: mean {self.mean():.6g}{error}, order {self.spec.order}, "
            f"{self.provenance.walkers} walkers × {self.provenance.observations} observations)"
        )

    def _walker_moments(self, k: int) -> NDArray[np.float64]:
        """Return E[x^k] = Σ_j (k over j) pivot^(k - j) E[d^j] of each walker, shape (walkers,)."""
        self._require_kept(k)
        terms = (math.comb(k, j) * self.pivots ** (k - j) * self._central(j) for j in range(1, k + 1))
        moments: NDArray[np.float64] = sum(terms, self.pivots**k)
        return moments

    def _central(self, j: int) -> NDArray[np.float64]:
        """Return E[d^j] of each walker."""
        central: NDArray[np.float64] = self.deviations[:, j - 1] / self.provenance.observations
        return central

    def _require_kept(self, k: int) -> None:
        if not isinstance(k, numbers.Integral) or not 1 <= k <= self.spec.order:
            raise InvalidArgumentError(
                f"k = {shown(k)} was not kept, only the powers 1 to {self.spec.order}; "
                "sample with a larger Moments(order=...), at most 4"
            )


def about_zero(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sums of x, x², …, shape (walkers, order), with the pivot 0 beside them, shape (walkers, order + 1)."""
    return np.column_stack([sums, np.zeros(len(sums))])
