"""A log-weight that is dear to evaluate, kept as polynomials in the logarithm of the distance from 0."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..line import LogWeight
from .series import PanelSeries

__all__ = ["LogTable", "tabulated"]

FloatArray = NDArray[np.float64]

_NEAREST, _FARTHEST = -42.0, 69.0  # of log|x|: the first is where less than exp(-42) of a bounded density lies
_LOOK, _WIDTH = 1.5, 6.0  # between the points that are looked at first; the widest panel
_VISIBLE = 800.0  # weights below exp(-800) of the largest are zero
_ERROR = 1e-11  # ten times what the series are made for
_ROUNDING = 4e-15  # of a logarithm, as a share of it
_NEGLIGIBLE = 60.0  # and nobody needs digits of those below exp(-60)
_NOTHING = 1e6  # and those below exp(-1e6) are all the same


def tabulated(
    log_weight: LogWeight,
    *,
    signs: tuple[float, ...] = (1.0, -1.0),
    farthest: float = math.inf,
    deeper: float = 0.0,
    is_even: bool = False,
) -> LogTable:
    """Return a cheap function that equals `log_weight` to about 12 digits of the weight; its `error` is a bound.

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
    deeper : float
        By how much the logarithm of the smallest |x| is below -42.
    is_even : bool
        That it is the same for x and -x.
    """
    ends = _NEAREST - deeper, min(math.log(farthest), _FARTHEST)
    if is_even:
        return LogTable(dict.fromkeys(signs, _OneSide.of(log_weight, 1.0, *ends)))
    return LogTable({sign: _OneSide.of(log_weight, sign, *ends) for sign in signs})


@dataclass(frozen=True, eq=False)
class LogTable:
    """The log-weight on both sides of 0, or on one."""

    tables: dict[float, _OneSide]

    @property
    def error(self) -> float:
        """A bound on the relative error of the weight, where it is not negligible."""
        return max(_ERROR + 2.0 * table.noise for table in self.tables.values())

    @property
    def breaks(self) -> tuple[float, ...]:
        """The ends of its panels: nearer to 0 it is a power of |x|, and far out it may jump from one to the next."""
        return tuple(sign * math.exp(y) for sign, table in self.tables.items() for y in table.series.edges)

    def __call__(self, x: FloatArray) -> FloatArray:
        """Return the log-weight at points, shape (n,)."""
        first = next(iter(self.tables))
        result = np.full(x.shape, -np.inf)
        for sign, table in self.tables.items():
            inside = (np.sign(x) == sign) | ((x == 0.0) & (sign == first))
            result[inside] = table(np.abs(x[inside]))
        return result


@dataclass(frozen=True, eq=False)
class _OneSide:
    """The log-weight on one side of 0, as a function of |x|.

    Parameters
    ----------
    series : PanelSeries
        It without `top`.
    top : float
        Its largest value, roughly.
    noise : float
        What rounding does to it.
    """

    series: PanelSeries
    top: float
    noise: float

    @classmethod
    def of(cls, log_weight: LogWeight, sign: float, begin: float, end: float) -> _OneSide:
        """Tabulate between two logarithms of |x|."""

        # A constant in the potential is any number, and the digits of the logarithm are those beside the largest one.
        def weight(y: FloatArray) -> FloatArray:
            return np.maximum(np.asarray(log_weight(sign * np.exp(y))) - top, -_NOTHING)

        places = np.linspace(begin, end, math.ceil((end - begin) / _LOOK) + 1)
        look = np.asarray(log_weight(sign * np.exp(places[:-1]))) + places[:-1]
        top = float(np.max(look))
        seen = np.flatnonzero(look > top - _VISIBLE)
        last = float(places[seen[-1] + 1]) if seen.size else float(places[1])
        edges = np.linspace(begin, last, math.ceil((last - begin) / _WIDTH) + 1)
        noise = _ROUNDING * abs(top)
        heavy = places[:-1][look > top - _NEGLIGIBLE]

        # A peak that was seen may be narrower than the points of a panel that it is in.
        def is_negligible(values: FloatArray, low: FloatArray, high: FloatArray) -> NDArray[np.bool_]:
            has_none = np.searchsorted(heavy, high, side="right") == np.searchsorted(heavy, low)
            return np.asarray(has_none & (values.max(axis=1) + high < -_NEGLIGIBLE))

        return cls(PanelSeries.fit(weight, edges, is_negligible, noise), top, noise)

    def __call__(self, size: FloatArray) -> FloatArray:
        y, series = np.log(np.maximum(size, 1e-300)), self.series
        near = self.top + series(y) + series.first_slope * np.minimum(y - series.edges[0], 0.0)
        return np.asarray(np.where(y > series.edges[-1], -np.inf, near))
