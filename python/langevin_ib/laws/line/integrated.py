"""The law with a given weight on the line, normalised by quadrature: everything that `Density` asks of a law."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from .averages import Function
from .charts import Interval, LogWeight
from .drawing import Inversion
from .expectations import expectation, require_moment
from .panels import Panels
from .quadrature import integrate

__all__ = ["IntegratedLaw"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class IntegratedLaw:
    """The law with weight exp(log_weight) on `intervals`.

    Parameters
    ----------
    log_weight : callable
        See `quadrature.integrate`.
    intervals : tuple of (lo, hi)
        Where it lives.
    singularities : tuple of float
        See `quadrature.integrate`.
    breaks : array
        See `quadrature.integrate`.
    weight_error : float
        What the distribution function owes to errors of the weight.
    """

    log_weight: LogWeight
    intervals: tuple[Interval, ...]
    singularities: tuple[float, ...]
    breaks: FloatArray
    weight_error: float = 0.0
    cells: Panels = field(init=False)

    def __post_init__(self) -> None:
        cells = integrate(self.log_weight, self.intervals, self.singularities, self.breaks)
        object.__setattr__(self, "cells", cells)

    def __getstate__(self) -> dict[str, Any]:
        # A function that cannot be pickled is replaced by what the panels know of it: the distribution function and
        # whatever follows from it stay the same to the bit, and the density to about 12 digits.
        state = {key: value for key, value in vars(self).items() if key != "inversion"}
        try:
            pickle.dumps(self.log_weight)
        except Exception:  # whatever a function of somebody else's raises
            state["log_weight"] = _Remembered(self.cells)
        return state

    @property
    def error(self) -> float:
        """A bound on the error of the distribution function."""
        return min(1.0, self.weight_error + self.cells.error)

    def conditioned(self, intervals: Sequence[Interval], weight_error: float) -> IntegratedLaw:
        """Return the law of the same weight on these intervals."""
        return replace(self, intervals=tuple(intervals), weight_error=weight_error)

    def logpdf(self, x: FloatArray) -> FloatArray:
        """Return the log of the density; inf at a singularity, -inf outside of the support."""
        inside = np.zeros(x.shape, dtype=bool)
        for lo, hi in self.intervals:
            inside |= (x >= lo) & (x <= hi) & np.isfinite(x)
        result = np.full(x.shape, -np.inf)
        with np.errstate(all="ignore"):
            values = np.asarray(self.log_weight(x[inside])) - self.cells.log_total
        result[inside] = np.where(np.isnan(values) & np.isin(x[inside], self.singularities), np.inf, values)
        return result

    def cdf(self, x: FloatArray) -> FloatArray:
        """Return the probability of values <= x."""
        return self.cells.cdf(x)

    def sf(self, x: FloatArray) -> FloatArray:
        """Return the probability of values > x."""
        return self.cells.cdf(x, upper=True)

    def ppf(self, q: FloatArray) -> FloatArray:
        """Return the quantile."""
        return self._quantile(q, self.support(), upper=False)

    def isf(self, q: FloatArray) -> FloatArray:
        """Return the upper quantile."""
        return self._quantile(q, self.support()[::-1], upper=True)

    def _quantile(self, q: FloatArray, ends: Interval, *, upper: bool) -> FloatArray:
        result = np.where(q == 0.0, ends[0], np.where(q == 1.0, ends[1], np.nan))
        proper = (q > 0.0) & (q < 1.0)
        result[proper] = self.cells.quantile(q[proper], upper=upper)
        return result

    @cached_property
    def inversion(self) -> Inversion:
        """The quantile function as a table."""
        return Inversion.of(self.cells)

    def support(self) -> Interval:
        """Return the ends of the support."""
        return self.intervals[0][0], self.intervals[-1][1]

    def mean(self) -> float:
        """Return the expectation."""
        require_moment(self.cells, 1.0, "the mean")
        return self.cells.moment(1, 0.0)

    def var(self) -> float:
        """Return the variance."""
        require_moment(self.cells, 2.0, "the variance")
        return self.cells.moment(2, self.mean())

    def moment(self, order: int, centre: float = 0.0) -> float:
        """Return E (x - centre)**order."""
        require_moment(self.cells, float(order), f"the moment of order {order}")
        return self.cells.moment(order, centre)

    def expect(self, function: Function) -> float:
        """Return the expectation of a function."""
        return expectation(self.cells, function)

    def entropy(self) -> float:
        """Return -E log p."""
        return expectation(self.cells, lambda x: -np.maximum(self.logpdf(x), -1e4))


@dataclass(frozen=True, eq=False)
class _Remembered:
    """The log of a weight, from the panels that it was integrated by."""

    cells: Panels

    def __call__(self, x: FloatArray) -> FloatArray:
        cells = self.cells
        flat = np.ravel(x)
        cell = np.clip(np.searchsorted(cells.left, flat, side="right") - 1, 0, None)
        with np.errstate(all="ignore"):
            log_distance = np.maximum(np.log(np.abs(flat - cells.origin[cell])), -745.0)
            t = np.clip(cells.sign[cell] * (log_distance - cells.centre[cell]) / cells.half[cell], -1.0, 1.0)
            density = np.maximum(legendre.legval(t, cells.density_series[:, cell], tensor=False), 0.0)
            smooth = np.log(density / cells.half[cell]) - log_distance
            kappa = cells.kappa[cell]
            power = np.log(np.abs(kappa)) + kappa * (log_distance - cells.centre[cell]) - log_distance
            values = cells.log_mass[cell] + np.where(cells.half[cell] > 0.0, smooth, power)
        outside = (flat < cells.left[cell]) | (flat > cells.right[cell])
        return np.where(outside, -np.inf, values).reshape(np.shape(x))
