"""Panels of curves, halved until an observable, a condition and a weight are polynomials to rounding on each piece."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from ..line import NODES, ORDER, WEIGHTS
from .branches import Branches, crossings, series_of

__all__ = ["Evaluate", "Pieces", "Values", "cut"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IndexArray = NDArray[np.intp]

_ROUNDS, _MOST = 80, 4000
_INVISIBLE = 90.0
_TOLERANCE = 1e-12
_ROUNDING = 2e-14
_NARROWEST = 1e-10  # beyond, rounding would pass for convergence beside a singularity
_GAP = float(np.max(np.diff(np.concatenate([[-1.0], NODES, [1.0]]))))


@dataclass(frozen=True)
class Values:
    """What is known at points of panels, in arrays of one shape: f, the condition g and the log of the weight per u."""

    quantity: FloatArray
    condition: FloatArray
    log_weight: FloatArray


Evaluate = Callable[[IndexArray, FloatArray], Values]
"""Takes numbers of panels (n,) and coordinates u (n, m) on them."""


@dataclass(frozen=True)
class Pieces:
    """Series on pieces, shape (n, ORDER), and the places where nothing converged.

    Parameters
    ----------
    quantity, condition, weight : (n, ORDER) arrays
        Legendre series; the weight is that per unit of t in [-1, 1], times exp(-log_top).
    log_top : (n,) array
        Its scale.
    grain : (n,) array
        What rounding of the weight's logarithm does to it.
    doubtful_panel, doubtful_at, doubtful_log_mass : (m,) arrays
        Panels, coordinates and estimates of the masses of pieces as narrow as rounding allows.
    """

    quantity: FloatArray
    condition: FloatArray
    weight: FloatArray
    log_top: FloatArray
    grain: FloatArray
    doubtful_panel: IndexArray
    doubtful_at: FloatArray
    doubtful_log_mass: FloatArray

    @property
    def log_masses(self) -> FloatArray:
        """The logs of the masses of pieces."""
        return np.asarray(self.log_top + np.log(np.maximum(2.0 * self.weight[:, 0], 1e-300)))

    def branches(self, interval: tuple[float, float]) -> Branches:
        """Return monotone branches of the quantity on which the condition is in [lo, hi)."""
        scale = np.exp(self.log_top - self.log_top.max(initial=-np.inf))
        edges = [crossings(np.asarray(legendre.legder(self.quantity.T), dtype=np.float64).T)]
        edges += [crossings(self.condition, end) for end in interval if np.isfinite(end)]
        every = np.arange(len(self.quantity))
        rows = np.concatenate([every, every, *(row for row, _ in edges)])
        t = np.concatenate([-np.ones(every.size), np.ones(every.size), *(at for _, at in edges)])
        order = np.lexsort((t, rows))
        rows, t = rows[order], t[order]
        is_piece = (rows[1:] == rows[:-1]) & (t[1:] > t[:-1])
        row, low, high = rows[:-1][is_piece], t[:-1][is_piece], t[1:][is_piece]
        inside = legendre.legval((low + high) / 2.0, self.condition[row].T, tensor=False)
        kept = (inside >= interval[0]) & (inside < interval[1])
        row, low, high = row[kept], low[kept], high[kept]
        return Branches(self.quantity[row], scale[row, None] * self.weight[row], low, high, (-np.inf, np.inf))


def cut(evaluate: Evaluate, lengths: FloatArray, sizes: FloatArray, interval: tuple[float, float]) -> Pieces | None:
    """Halve panels until everything has converged, or weighs nothing, or is outside of the condition.

    Parameters
    ----------
    evaluate : callable
        See `Evaluate`.
    lengths, sizes : (n,) arrays
        The lengths of the panels in the coordinate, and the size of x and u there: the scale of rounding errors.
    interval : (lo, hi)
        Where the condition is wanted.

    Returns
    -------
    Pieces or None
        None if this does not come to an end.
    """
    sorter = _Sorter(interval)
    panel, low, high = np.arange(lengths.size), np.zeros(lengths.size), lengths.copy()
    for _ in range(_ROUNDS):
        if not panel.size:
            return sorter.pieces()
        if panel.size > _MOST:
            return None
        half = (high - low) / 2.0
        u = (low + half)[:, None] + half[:, None] * NODES
        again = sorter.sort(evaluate(panel, u), panel, low + half, half, sizes[panel])
        middle = (low + half)[again]
        panel = np.concatenate([panel[again], panel[again]])
        low, high = np.concatenate([low[again], middle]), np.concatenate([middle, high[again]])
    return None


class _Sorter:
    """Keeps what has converged, forgets what does not matter, and says what has to be halved."""

    def __init__(self, interval: tuple[float, float]) -> None:
        self.interval = interval
        self.heaviest = -np.inf
        empty = np.zeros((0, ORDER))
        self.kept: list[Sequence[FloatArray]] = [(empty, empty, empty, np.zeros(0), np.zeros(0))]
        self.doubtful: list[Sequence[FloatArray]] = [(np.zeros(0), np.zeros(0), np.zeros(0))]

    def pieces(self) -> Pieces:
        quantity, condition, weight, top, grain = (np.concatenate(column) for column in zip(*self.kept, strict=True))
        panel, at, log_mass = (np.concatenate(column) for column in zip(*self.doubtful, strict=True))
        return Pieces(quantity, condition, weight, top, grain, panel.astype(np.intp), at, log_mass)

    def sort(self, at: Values, panel: IndexArray, centre: FloatArray, half: FloatArray, size: FloatArray) -> BoolArray:
        """Return which of the intervals have to be halved."""
        blur = _ROUNDING * size / half  # the rounding of x, in units of t
        quantity, condition = series_of(at.quantity), series_of(at.condition)
        known = _settled(quantity, blur) & _settled(condition, blur)
        log_weight = np.where(np.isfinite(at.log_weight), at.log_weight, -1e300)
        top = log_weight.max(axis=1)
        with np.errstate(all="ignore"):
            weight = np.exp(log_weight - top[:, None])
            series, logs = series_of(weight), series_of(log_weight)
        smooth = np.isfinite(at.log_weight).all(axis=1) & _settled(logs, blur)
        with np.errstate(all="ignore"):
            slope = np.abs(legendre.legval(NODES, legendre.legder(logs.T))).max(axis=1)
            log_mass = top + np.log(half)
            is_nothing = smooth & (log_mass + _GAP * slope < self.heaviest - _INVISIBLE)
        is_nothing |= np.isneginf(at.log_weight).all(axis=1) | (known & self._outside(at, condition))
        grain = (slope * blur) + _ROUNDING * np.abs(top)
        settled = known & smooth & ~is_nothing & (_tail(series) <= _TOLERANCE + np.where(smooth, grain, 0.0))
        if settled.any():
            total = log_mass[settled] + np.log(np.maximum((weight[settled] @ WEIGHTS), 1e-300))
            self.heaviest = max(self.heaviest, float(total.max()))
            scaled = half[settled, None] * series[settled]
            self.kept.append((quantity[settled], condition[settled], scaled, top[settled], grain[settled]))
        open_ = ~settled & ~is_nothing
        narrow = open_ & (half < _NARROWEST * size)
        self.doubtful.append((panel[narrow].astype(np.float64), centre[narrow], log_mass[narrow]))
        return np.asarray(open_ & ~narrow)

    def _outside(self, at: Values, condition: FloatArray) -> BoolArray:
        ends = legendre.legval(np.array([-1.0, 1.0]), condition.T)
        everywhere = np.concatenate([at.condition, ends], axis=1)
        low, high = everywhere.min(axis=1), everywhere.max(axis=1)
        margin = 0.05 * (high - low)
        return np.asarray((high + margin < self.interval[0]) | (low - margin >= self.interval[1]))


def _tail(series: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(series[:, -3:]).max(axis=1))


def _settled(series: FloatArray, blur: FloatArray) -> BoolArray:
    """Return which series have converged, to a share of their variation or to rounding."""
    with np.errstate(all="ignore"):
        span = np.abs(series[:, 1:]).sum(axis=1)
        allowed = _TOLERANCE * span + _ROUNDING * np.abs(series[:, 0]) + blur * span
        return np.asarray(_tail(series) <= allowed)
