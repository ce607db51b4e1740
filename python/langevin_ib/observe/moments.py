"""Filled moments: sums of powers per walker, whose spread gives errors that pay for autocorrelation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidArgumentError
from .provenance import Provenance
from .specs import Moments

__all__ = ["MomentsResult"]


@dataclass(frozen=True, eq=False, repr=False)
class MomentsResult:
    """Sums of x, x², …, x^order over the observations of each walker.

    Parameters
    ----------
    spec : Moments
        The request.
    provenance : Provenance
        The settings of the run.
    sums : array of float64, shape (walkers, order)
        Column k - 1 holds the sum of x^k over the observations of the walker.

    Raises
    ------
    InvalidArgumentError
        If ``sums`` has another shape or dtype, or there are no observations.
    """

    spec: Moments
    provenance: Provenance
    sums: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Check the sums and make them read-only."""
        sums = np.asarray(self.sums)
        expected = (self.provenance.walkers, self.spec.order)
        if sums.shape != expected or sums.dtype != np.float64:
            raise InvalidArgumentError(
                f"sums has shape {sums.shape} and dtype {sums.dtype}; "
                f"give float64 of shape (walkers, order) = {expected}"
            )
        if self.provenance.observations < 1:
            raise InvalidArgumentError(
                f"observations = {self.provenance.observations}: the moments of nothing do not exist; "
                f"run at least every = {self.spec.every} steps"
            )
        frozen = sums.view()
        frozen.flags.writeable = False
        object.__setattr__(self, "sums", frozen)

    @property
    def walker_means(self) -> NDArray[np.float64]:
        """The time average of x of each walker, shape (walkers,)."""
        means: NDArray[np.float64] = self.sums[:, 0] / self.provenance.observations
        return means

    def mean(self) -> float:
        """Return the mean of x over walkers and time."""
        return self.moment(1)

    def var(self) -> float:
        """Return E[x²] - E[x]² over walkers and time.

        Raises
        ------
        InvalidArgumentError
            If squares were not kept.
        """
        # Only rounding can make the difference negative; it does when |mean| exceeds 1e8 standard deviations.
        return max(self.moment(2) - self.moment(1) ** 2, 0.0)

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
        return same and np.array_equal(self.sums, other.sums)

    __hash__ = None  # type: ignore[assignment] # arrays are compared by value, so there is no cheap hash

    def __repr__(self) -> str:
        error = f" ± {self.standard_error():.2g}" if len(self.sums) > 1 else ""
        return (
            f"MomentsResult({self.provenance.observable}: mean {self.mean():.6g}{error}, order {self.spec.order}, "
            f"{self.provenance.walkers} walkers × {self.provenance.observations} observations)"
        )

    def _walker_moments(self, k: int) -> NDArray[np.float64]:
        if k not in range(1, self.spec.order + 1):
            raise InvalidArgumentError(
                f"k = {k!r} was not kept, only the powers 1 to {self.spec.order}; "
                "sample with a larger Moments(order=...), at most 4"
            )
        moments: NDArray[np.float64] = self.sums[:, k - 1] / self.provenance.observations
        return moments
