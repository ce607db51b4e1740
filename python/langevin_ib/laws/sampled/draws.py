"""A law that is known by many values of equal weight, with the manners of a frozen scipy.stats distribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import UnsupportedModelError
from ..confirmation import tail_exponent
from ..line import Interval
from ..recomputed import Recomputed

__all__ = ["KNOTS", "DrawnValues"]

FloatArray = NDArray[np.float64]

_TAILS = np.array([1e-4, 3e-4, 1e-3])
KNOTS = np.concatenate([[0.0], _TAILS, np.linspace(0.0, 1.0, 258)[1:-1], 1.0 - _TAILS[::-1], [1.0]])
"""The probabilities at which the distribution function is kept: its density is the mean over such an interval."""

_TRUSTED = 0.5
"""Above this exponent of its largest terms a mean has no variance, and an error that nobody knows."""


@dataclass(frozen=True, eq=False)
class DrawnValues(Recomputed):
    """The law of values of equal weight.

    Between quantiles the distribution function is interpolated, by a cubic that is monotone wherever they are. What
    lies beyond the extreme values is not known to be impossible, so the support is the line.

    Parameters
    ----------
    values : array, shape (n,)
        Sorted, and finite.
    """

    values: FloatArray

    @cached_property
    def _curve(self) -> tuple[Any, Any]:
        """The distribution function and its derivative, between the extreme values."""
        from scipy.interpolate import PchipInterpolator  # noqa: PLC0415 - slow to import, and only needed here

        places = np.quantile(self.values, KNOTS)
        distinct = np.concatenate([[True], np.diff(places) > 0.0])
        curve = PchipInterpolator(places[distinct], KNOTS[distinct])
        return curve, curve.derivative()

    def logpdf(self, x: Any) -> FloatArray:
        """Return the log of the density."""
        inside = (x >= self.values[0]) & (x <= self.values[-1])
        with np.errstate(divide="ignore"):
            return np.log(np.maximum(np.where(inside, self._curve[1](np.clip(x, *self._ends)), 0.0), 0.0))

    def cdf(self, x: Any) -> FloatArray:
        """Return the probability of values <= x."""
        found = np.clip(self._curve[0](np.clip(x, *self._ends)), 0.0, 1.0)
        return np.where(x >= self.values[-1], 1.0, np.where(x < self.values[0], 0.0, found))

    def sf(self, x: Any) -> FloatArray:
        """Return the probability of values > x."""
        return 1.0 - self.cdf(x)

    def ppf(self, q: Any) -> FloatArray:
        """Return the quantile; infinite at 0 and 1."""
        q = np.asarray(q, dtype=np.float64)
        grid = np.linspace(0.0, 1.0, 4097)
        # The interpolated function is inverted on a fine grid of each interval of probability, not on the draws.
        x = np.interp(np.clip(q, 0.0, 1.0), self._curve[0](self._fine(grid)), self._fine(grid))
        x = np.where(q <= 0.0, -np.inf, np.where(q >= 1.0, np.inf, x))
        return np.where((q >= 0.0) & (q <= 1.0), x, np.nan)

    def isf(self, q: Any) -> FloatArray:
        """Return the upper quantile."""
        return self.ppf(1.0 - np.asarray(q, dtype=np.float64))

    def mean(self) -> float:
        """Return the expectation."""
        return self.expect(lambda x: x)

    def var(self) -> float:
        """Return the variance."""
        centre = self.mean()
        return self.expect(lambda x: np.square(x - centre))

    def support(self) -> Interval:
        """Return the line."""
        return (-np.inf, np.inf)

    def expect(self, func: Any) -> float:
        """Return the mean of a function over the values.

        Raises
        ------
        UnsupportedModelError
            If its largest terms are so large that the mean is not to be trusted.
        """
        terms = np.broadcast_to(np.asarray(func(self.values), dtype=np.float64), self.values.shape)
        if not np.isfinite(terms).all() or tail_exponent(np.abs(terms - np.median(terms))) > _TRUSTED:
            raise UnsupportedModelError(
                "this average is made by few of the draws that the law is known by, or does not exist; average a "
                "function that grows more slowly, or take a law by quadrature"
            )
        return float(terms.mean())

    def draw(self, uniform: Any) -> FloatArray:
        """Return values for numbers between 0 and 1."""
        return np.clip(self.ppf(uniform), *self._ends)

    def conditioned(self, intervals: Sequence[Interval]) -> DrawnValues:
        """Return the law given that the value is in one of some disjoint intervals."""
        kept = np.logical_or.reduce([(self.values >= lo) & (self.values <= hi) for lo, hi in intervals])
        if kept.sum() < len(KNOTS):
            raise UnsupportedModelError(
                f"only {kept.sum()} of {len(kept)} draws lie in {tuple(intervals)}; give a wider condition, or ask for "
                "the law with given="
            )
        return DrawnValues(self.values[kept])

    @property
    def _ends(self) -> Interval:
        return float(self.values[0]), float(self.values[-1])

    def _fine(self, grid: FloatArray) -> FloatArray:
        places = self._curve[0].x
        return np.asarray(np.interp(grid, np.linspace(0.0, 1.0, len(places)), places))
