"""The normal law by functions of scipy.special: scipy.stats takes a third of a second to import."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

__all__ = ["Normal"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Normal:
    """A normal law, with the methods of a `Law`.

    Parameters
    ----------
    centre, deviation : float
        Its mean and standard deviation.
    """

    centre: float
    deviation: float

    def _units(self, x: Any) -> FloatArray:
        return (np.asarray(x) - self.centre) / self.deviation

    def logpdf(self, x: Any) -> FloatArray:
        """Return the log of the density."""
        return np.asarray(-np.square(self._units(x)) / 2.0 - math.log(self.deviation) - math.log(2.0 * math.pi) / 2.0)

    def cdf(self, x: Any) -> FloatArray:
        """Return the probability of values <= x."""
        return np.asarray(ndtr(self._units(x)))

    def sf(self, x: Any) -> FloatArray:
        """Return the probability of values > x."""
        return np.asarray(ndtr(-self._units(x)))

    def ppf(self, q: Any) -> FloatArray:
        """Return the quantile."""
        return np.asarray(self.centre + self.deviation * ndtri(q))

    def isf(self, q: Any) -> FloatArray:
        """Return the upper quantile."""
        return np.asarray(self.centre - self.deviation * ndtri(q))

    def mean(self) -> float:
        """Return the mean."""
        return self.centre

    def var(self) -> float:
        """Return the variance."""
        return self.deviation**2

    def entropy(self) -> float:
        """Return the differential entropy."""
        return math.log(self.deviation) + math.log(2.0 * math.pi * math.e) / 2.0

    def support(self) -> tuple[float, float]:
        """Return the line."""
        return -math.inf, math.inf

    def expect(self, func: Callable[[FloatArray], FloatArray]) -> float:
        """Return the expectation of a function, as SciPy finds it."""
        from scipy.stats import norm  # noqa: PLC0415 - slow to import, and only needed here

        return float(norm(self.centre, self.deviation).expect(func))
