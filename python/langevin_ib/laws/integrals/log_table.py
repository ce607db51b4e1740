"""A log-weight that is dear to evaluate, kept as polynomials in the logarithm of the distance from 0."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..line import LogWeight
from .series import PanelSeries

__all__ = ["tabulated"]

FloatArray = NDArray[np.float64]

_NEAREST, _FARTHEST = -42.0, 69.0  # of log|x|: the first is where less than exp(-42) of a bounded density lies
_LOOK, _WIDTH = 1.5, 6.0  # between the points that are looked at first; the widest panel
_VISIBLE = 800.0  # weights below exp(-800) of the largest are zero


def tabulated(
    log_weight: LogWeight, *, signs: tuple[float, ...] = (1.0, -1.0), farthest: float = math.inf
) -> LogWeight:
    """Return a cheap function that equals `log_weight` to about 12 digits of the weight.

    Panels in log|x| are halved until the Legendre series of log w has converged: a peak is a parabola there, and a
    power of x a straight line, so few are needed. Nearer to 0 than exp(-42) the last slope goes on.

    Parameters
    ----------
    log_weight : callable
        As for `Density.from_log_weight`, smooth but for 0 and kinks.
    signs : tuple of float
        Those of x for which it is wanted; elsewhere it is -inf.
    farthest : float
        The largest |x| for which it is wanted; above it is -inf.
    """
    end = min(math.log(farthest), _FARTHEST)
    return _Tables({sign: _Table.of(log_weight, sign, end) for sign in signs})


@dataclass(frozen=True, eq=False)
class _Tables:
    """The log-weight on both sides of 0, or on one."""

    tables: dict[float, _Table]

    def __call__(self, x: FloatArray) -> FloatArray:
        first = next(iter(self.tables))
        result = np.full(x.shape, -np.inf)
        for sign, table in self.tables.items():
            inside = (np.sign(x) == sign) | ((x == 0.0) & (sign == first))
            result[inside] = table(np.abs(x[inside]))
        return result


@dataclass(frozen=True, eq=False)
class _Table:
    """The log-weight on one side of 0, as a function of |x|."""

    series: PanelSeries

    @classmethod
    def of(cls, log_weight: LogWeight, sign: float, end: float) -> _Table:
        """Tabulate up to the logarithm `end` of |x|."""

        def weight(y: FloatArray) -> FloatArray:
            return np.maximum(np.asarray(log_weight(sign * np.exp(y))), -1e6)

        def is_negligible(values: FloatArray, high: FloatArray) -> NDArray[np.bool_]:
            return np.asarray(values.max(axis=1) + high < top - 60.0)

        places = np.linspace(_NEAREST, end, math.ceil((end - _NEAREST) / _LOOK) + 1)
        look = np.asarray(log_weight(sign * np.exp(places[:-1]))) + places[:-1]
        top = float(np.max(look))
        seen = np.flatnonzero(look > top - _VISIBLE)
        last = float(places[seen[-1] + 1]) if seen.size else float(places[1])
        edges = np.linspace(_NEAREST, last, math.ceil((last - _NEAREST) / _WIDTH) + 1)
        return cls(PanelSeries.fit(weight, edges, is_negligible))

    def __call__(self, size: FloatArray) -> FloatArray:
        y, series = np.log(np.maximum(size, 1e-300)), self.series
        near = series(y) + series.first_slope * np.minimum(y - series.edges[0], 0.0)
        return np.asarray(np.where(y > series.edges[-1], -np.inf, near))
