"""A log-weight that is dear to evaluate, kept as polynomials in the logarithm of the distance from 0."""

from __future__ import annotations

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from ..panels import NODES, TO_COEFFICIENTS
from ..quadrature import LogWeight

__all__ = ["tabulated"]

FloatArray = NDArray[np.float64]

_NEAREST, _FARTHEST = -42.0, 69.0  # of log|x|: the first is where less than exp(-42) of a bounded density lies
_WIDTH = 1.5
_VISIBLE = 800.0  # weights below exp(-800) of the largest are zero
_TOLERANCE = 1e-12
_MOST_HALVINGS = 9


def tabulated(log_weight: LogWeight, *, signs: tuple[float, ...] = (1.0, -1.0)) -> LogWeight:
    """Return a cheap function that equals `log_weight` to about 12 digits of the weight.

    Panels in log|x| are halved until the Legendre series of log w has converged: a peak is a parabola there, and a
    power of x a straight line, so few are needed. Nearer to 0 than exp(-42) the last slope goes on.

    Parameters
    ----------
    log_weight : callable
        As for `Density.from_log_weight`, smooth but for 0 and kinks.
    signs : tuple of float
        Those of x for which it is wanted; elsewhere it is -inf.
    """
    tables = {sign: _Table.of(log_weight, sign) for sign in signs}

    def function(x: FloatArray) -> FloatArray:
        result = np.full(x.shape, -np.inf)
        for sign, table in tables.items():
            inside = (np.sign(x) == sign) | ((x == 0.0) & (sign == signs[0]))
            result[inside] = table(np.abs(x[inside]))
        return result

    return function


class _Table:
    """The log-weight on one side of 0."""

    def __init__(self, edges: FloatArray, series: FloatArray) -> None:
        self.edges, self.series = edges, series

    @classmethod
    def of(cls, log_weight: LogWeight, sign: float) -> _Table:
        ends = np.arange(_NEAREST, _FARTHEST + _WIDTH, _WIDTH)
        look = np.asarray(log_weight(sign * np.exp(ends)))
        seen = np.flatnonzero(look + ends > np.max(look + ends) - _VISIBLE)
        last = min(int(seen[-1]) + 1, ends.size - 1) if seen.size else 1
        low, high = ends[:last], ends[1 : last + 1]
        done: list[tuple[FloatArray, FloatArray, FloatArray]] = []
        for halving in range(_MOST_HALVINGS + 1):
            centre, half = (low + high) / 2.0, (high - low) / 2.0
            y = centre[:, None] + half[:, None] * NODES
            values = np.asarray(log_weight(sign * np.exp(y.ravel()))).reshape(y.shape)
            values = np.maximum(values, -1e6)
            series = values @ TO_COEFFICIENTS.T
            tail = np.abs(series[:, -3:]).max(axis=1)
            settled = (tail <= _TOLERANCE * (1.0 + 0.1 * np.abs(values).max(axis=1))) | (halving == _MOST_HALVINGS)
            settled |= values.max(axis=1) + high < np.max(look + ends) - 60.0
            done.append((low[settled], high[settled], series[settled]))
            low, centre, high = low[~settled], centre[~settled], high[~settled]
            low, high = np.concatenate([low, centre]), np.concatenate([centre, high])
            if not low.size:
                break
        starts, stops, coefficients = (np.concatenate(column) for column in zip(*done, strict=True))
        order = np.argsort(starts)
        return cls(np.append(starts[order], stops[order[-1]]), np.ascontiguousarray(coefficients[order].T))

    def __call__(self, size: FloatArray) -> FloatArray:
        y = np.log(np.maximum(size, 1e-300))
        panel = np.clip(np.searchsorted(self.edges, y, side="right") - 1, 0, self.edges.size - 2)
        t = 2.0 * (y - self.edges[panel]) / (self.edges[panel + 1] - self.edges[panel]) - 1.0
        values = legendre.legval(np.clip(t, -1.0, 1.0), self.series[:, panel], tensor=False)
        first = self.series[:, 0]
        slope = float(legendre.legval(-1.0, legendre.legder(first))) * 2.0 / (self.edges[1] - self.edges[0])
        near = values + np.where(y < self.edges[0], slope * (y - self.edges[0]), 0.0)
        return np.asarray(np.where(y > self.edges[-1], -np.inf, near))
