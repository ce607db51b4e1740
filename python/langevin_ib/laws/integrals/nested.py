"""Integrals over a few coordinates, one inside of the other, each adaptive: they meet every scale and find every kink.

Each coordinate is x = s e^y with a sign s, and panels in y are halved until the 15-point Gauss-Kronrod rule agrees with
the 7-point rule in it. In y a structure at 10**-9 is as wide as one at 1, which is what symmetric models need: their
orbits are hyperbolas, and their kinks and poles are mostly where a coordinate is zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CUT", "LOOSE", "STRIDE", "Axis", "LogWeight", "Nested"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

LogWeight = Callable[..., FloatArray]
"""Takes flat arrays of one length, returns the logs of the integrand, -inf for zero."""

STRIDE = 3.0
"""The length in y of the panels before they are halved."""

LOOSE = 0.3
"""The tolerance of a first look."""

CUT = 45.0
"""What is exp(-45) of the largest weight is nothing."""

_NODES = np.array(
    [
        0.991455371120812639206854697526329,
        0.949107912342758524526189684047851,
        0.864864423359769072789712788640926,
        0.741531185599394439863864773280788,
        0.586087235467691130294144691693013,
        0.405845151377397166906606412076961,
        0.207784955007898467600689403773245,
    ]
)
_NODES = np.concatenate([-_NODES, [0.0], _NODES[::-1]])
_POINTS = np.concatenate([[-1.0], _NODES, [1.0]])
_GAPS = np.diff(_POINTS)
_KRONROD = np.array(
    [
        0.022935322010529224963732008058970,
        0.063092092629978553290700663189204,
        0.104790010322250183839876322541518,
        0.140653259715525918745189590510238,
        0.169004726639267902826583426598550,
        0.190350578064785409913256402421014,
        0.204432940075298892414161999234649,
    ]
)
_KRONROD = np.concatenate([_KRONROD, [0.209482141084727828012999174891714], _KRONROD[::-1]])
_GAUSS = np.array(
    [0.129484966168869693270611432679082, 0.279705391489276667901467771423780, 0.381830050505118944950369775488975]
)
_GAUSS = np.concatenate([_GAUSS, [0.417959183673469387755102040816327], _GAUSS[::-1]])

_ENTRIES = 2**18
_PER_ROW = 300  # about how many nodes a row has at once
_ROUNDS, _FIRST_ROUNDS = 60, 6
_NARROWEST = 1e-14
_HUGE = 1e300
_NEAR_AN_END = 0.15


@dataclass(frozen=True)
class Axis:
    """The range of one coordinate: low <= log|x| <= high, with both signs.

    Parameters
    ----------
    low, high : float
        The ends of log|x|.
    even : bool
        The integral over negative values is that over positive ones.
    stride : float
        The length in log|x| of the panels before they are halved: what is much narrower may be missed.
    depth : float
        So far below the upper end panels have that length, and the usual one from there on.
    """

    low: float
    high: float
    even: bool = False
    stride: float = STRIDE
    depth: float = math.inf

    @property
    def signs(self) -> tuple[float, ...]:
        """The signs of x that are integrated over."""
        return (1.0,) if self.even else (1.0, -1.0)

    def edges(self) -> FloatArray:
        """Return the ends of the first panels."""
        near = max(self.low, self.high - self.depth)
        parts = ((self.low, near, STRIDE), (near, self.high, self.stride))
        edges = [np.linspace(low, high, 1 + math.ceil((high - low) / stride)) for low, high, stride in parts]
        return np.concatenate([edges[0][:-1], edges[1]])


@dataclass
class Nested:
    """The integral of a weight over the axes, for given values of the arguments before them.

    Parameters
    ----------
    log_weight : callable
        See `LogWeight`; takes the given arguments, then one for each axis.
    axes : sequence of Axis
        From the outermost to the innermost.
    doubt : float
        The largest error that was left where halving did not help, as a share of what was allowed.
    """

    log_weight: LogWeight
    axes: Sequence[Axis]
    doubt: float = 0.0

    def __call__(self, columns: Sequence[FloatArray], tolerance: float, floor: FloatArray | None = None) -> FloatArray:
        """Return the logs of the integrals, shape (n,).

        Parameters
        ----------
        columns : sequence of arrays, shape (n,)
            The given arguments; at least one.
        tolerance : float
            The relative error.
        floor : array, shape (n,), optional
            The logs of absolute errors that do not matter.
        """
        floor = np.full(columns[0].shape, -np.inf) if floor is None else floor
        return self._integrals(list(columns), tolerance, floor, 0)

    def profile(self) -> FloatArray:
        """Return roughly the log of the weight per unit of y on the edges of the outermost axis, (signs, edges)."""
        axis = self.axes[0]
        edges = axis.edges()
        x = np.array(axis.signs)[:, None] * np.exp(edges)
        logs = self._integrals([np.zeros(x.size), x.ravel()], LOOSE, np.full(x.size, -np.inf), 1)
        return logs.reshape(x.shape) + edges

    def _integrals(self, columns: list[FloatArray], tolerance: float, floor: FloatArray, level: int) -> FloatArray:
        if level == len(self.axes):
            with np.errstate(all="ignore"):
                values = self.log_weight(*columns)
            return np.where(np.isnan(values), -np.inf, np.minimum(values, _HUGE))
        result = np.empty(floor.shape)
        count = max(1, _ENTRIES // _PER_ROW)
        for start in range(0, floor.size, count):
            part = slice(start, start + count)
            rows = _Rows(self, [column[part] for column in columns], tolerance, floor[part], level)
            result[part] = rows.integrals()
        return result

    def inner(self, columns: list[FloatArray], tolerance: float, floor: FloatArray, level: int) -> FloatArray:
        """Return the integrals over what is inside of a level."""
        return self._integrals(columns, tolerance, floor, level + 1)


@dataclass
class _Panels:
    """Intervals of y, each of one row and one sign."""

    row: IndexArray
    sign: FloatArray
    low: FloatArray
    high: FloatArray

    def __getitem__(self, chosen: NDArray[np.bool_]) -> _Panels:
        return _Panels(self.row[chosen], self.sign[chosen], self.low[chosen], self.high[chosen])

    def halved(self) -> _Panels:
        middle = (self.low + self.high) / 2.0
        ends = np.concatenate([self.low, middle]), np.concatenate([middle, self.high])
        order = np.argsort(np.tile(self.row, 2), kind="stable")
        return _Panels(np.tile(self.row, 2)[order], np.tile(self.sign, 2)[order], ends[0][order], ends[1][order])


@dataclass
class _Rows:
    """The integrals over one axis, for many values of the arguments before it."""

    nested: Nested
    columns: list[FloatArray]
    tolerance: float
    floor: FloatArray
    level: int

    def integrals(self) -> FloatArray:
        panels, total = self._first_look()
        done = np.full(total.shape, -np.inf)
        for remaining in range(_ROUNDS if self.tolerance < LOOSE else _FIRST_ROUNDS, 0, -1):
            if not panels.row.size:
                break
            logs, errors, noise = self._rule(panels, total)
            total = done.copy()
            _add(total, panels.row, logs)
            allowed = np.maximum(total + math.log(self.tolerance), self.floor)[panels.row]
            settled = (errors <= allowed) | (errors <= noise)
            stuck = (panels.high - panels.low < _NARROWEST * (1.0 + np.abs(panels.low))) | (remaining == 1)
            if self.tolerance < LOOSE and np.any(stuck & ~settled):
                worst = np.max((errors - allowed)[stuck & ~settled])
                self.nested.doubt = max(self.nested.doubt, math.exp(min(float(worst), 700.0)))
            settled |= stuck
            finished = panels[settled]
            _add(done, finished.row, logs[settled])
            panels = panels[~settled].halved()
        return done + math.log(2.0) if self.nested.axes[self.level].even else done

    def _first_look(self) -> tuple[_Panels, FloatArray]:
        """Return the panels that may matter and rough integrals."""
        axis = self.nested.axes[self.level]
        edges, signs = axis.edges(), np.array(axis.signs)
        shape = (self.floor.size, signs.size, edges.size)
        x = np.broadcast_to(signs[:, None] * np.exp(edges), shape).ravel()
        rows = np.repeat(np.arange(shape[0]), signs.size * edges.size)
        given = [column[rows] for column in self.columns]
        y = np.broadcast_to(edges, shape)
        nothing = self.floor[rows] - y.ravel() - math.log(STRIDE)
        values = self.nested.inner([*given, x], LOOSE, nothing, self.level).reshape(shape) + y
        top = values.max(axis=(1, 2))
        least = np.maximum(top + math.log(self.tolerance) - 4.0, self.floor - 4.0)[:, None, None]
        matters = (values > least) | (_is_peak(values) & (values > -np.inf))
        row, sign, place = np.nonzero(matters[..., :-1] | matters[..., 1:])
        panels = _Panels(row, signs[sign], edges[place], edges[place + 1])
        return panels, top

    def _rule(self, panels: _Panels, total: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the logs of the integral over each panel, of its error, and of what rounding alone does to it."""
        half = (panels.high - panels.low) / 2.0
        y = (panels.low + half)[:, None] + half[:, None] * _POINTS
        x = (panels.sign[:, None] * np.exp(y)).ravel()
        rows = np.repeat(panels.row, _POINTS.size)
        nothing = np.maximum(total + math.log(self.tolerance), self.floor)
        floor = nothing[rows] - (y + np.log(2.0 * half)[:, None]).ravel() - 2.0
        given = [column[rows] for column in self.columns]
        values = self.nested.inner([*given, x], self.tolerance / 3.0, floor, self.level).reshape(y.shape) + y
        top = values.max(axis=1)
        base = np.where(np.isfinite(top), top, 0.0)
        with_ends = np.exp(values - base[:, None])
        share = with_ends[:, 1:-1]
        kronrod, gauss = share @ _KRONROD, share[:, 1::2] @ _GAUSS
        spread = np.abs(share - kronrod[:, None] / 2.0) @ _KRONROD
        with np.errstate(divide="ignore", invalid="ignore"):
            # The error of the finer rule, from that of the coarser one, as QUADPACK estimates it.
            ratio = np.abs(kronrod - gauss) / spread
            error = np.where(spread > 0.0, spread * np.minimum(1.0, (200.0 * ratio) ** 1.5), 0.0)
            log_scale = base + np.log(half)
            noise = 2e-15 * (10.0 + np.abs(base)) * kronrod
            log_error = np.maximum(np.log(error), _unseen(values, half)) + log_scale
            return log_scale + np.log(kronrod), log_error, log_scale + np.log(noise)


def _unseen(values: FloatArray, half: FloatArray) -> FloatArray:
    """Return the logs of integrals that may hide between two points, relative to the largest values; -inf if none does.

    The log of the weight at `_POINTS` is continued from the points around its maximum: by the parabola through three of
    them, and by a line up to the end where the weight begins or ends.
    """
    rows, best = np.arange(len(values)), np.argmax(values, axis=1)
    place = np.clip(best, 1, _POINTS.size - 2)
    left, top, right = (values[rows, place + k] for k in (-1, 0, 1))
    before, after = _GAPS[place - 1], _GAPS[place]
    with np.errstate(all="ignore"):
        rise, fall = (top - left) / before, (right - top) / after
        slope, curvature = (rise * after + fall * before) / (before + after), 2.0 * (fall - rise) / (before + after)
        height = np.where(curvature < 0.0, slope**2 / (-2.0 * curvature), 0.0)
        height = np.where(left == -np.inf, -fall * before, height)
        height = np.where(right == -np.inf, rise * after, height)
        hidden = np.where((height >= 1.0) & (place == best), height + np.log(np.maximum(before, after)), -np.inf)
        # Where the weight begins or ends between two points, it is as large there as at the one of them.
        ends = np.where(np.diff(values > -np.inf, axis=1), np.maximum(values[:, 1:], values[:, :-1]), -np.inf)
        slivers = np.max(ends + np.log(_GAPS), axis=1) - values[rows, best]
        slivers = np.where((slivers > -np.inf) & (half > _NEAR_AN_END), np.inf, slivers)
    return np.fmax(hidden, slivers)


def _is_peak(values: FloatArray) -> NDArray[np.bool_]:
    """Return where values are not below their neighbours along the last axis."""
    padded = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(1, 1)], constant_values=-np.inf)
    return np.asarray((values >= padded[..., :-2]) & (values >= padded[..., 2:]))


def _add(total: FloatArray, row: IndexArray, logs: FloatArray) -> None:
    """Add exp(logs) to the totals of their rows, which are in order."""
    if not row.size:
        return
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    tops = np.maximum.reduceat(logs, starts)
    safe = np.where(np.isfinite(tops), tops, 0.0)
    lengths = np.diff(np.append(starts, row.size))
    with np.errstate(divide="ignore", under="ignore", over="ignore"):
        sums = safe + np.log(np.add.reduceat(np.exp(logs - np.repeat(safe, lengths)), starts))
    total[row[starts]] = np.logaddexp(total[row[starts]], sums)
