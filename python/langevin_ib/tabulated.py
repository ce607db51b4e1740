"""The logarithm of a weight on the line, costly to evaluate, as Chebyshev series in panels around special points."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

__all__ = ["Costly", "Table", "tabulate"]

FloatArray = NDArray[np.float64]

Costly = Callable[[FloatArray, FloatArray, FloatArray], tuple[FloatArray, FloatArray]]
"""Takes values t, the logs of their distances from a special point as shares of the longest, and the logs of errors that
are negligible; returns the logs of the weight, and their errors."""

_ORDER = 14
_POINTS = np.cos(np.pi * (np.arange(_ORDER) + 0.5) / _ORDER)
_TO_SERIES = np.linalg.inv(chebyshev.chebvander(_POINTS, _ORDER - 1))
_FIRST, _GROWTH = 0.8, 1.3  # widths of panels in log distance, from the farthest inwards
_NARROWEST = 0.02
_MOST_PANELS = 1500
_FLAT = 1e-3


@dataclass(frozen=True)
class _Chart:
    """The points origin + sign * exp(y), near <= y <= far."""

    origin: float
    sign: int
    near: float
    far: float

    def points(self, y: FloatArray) -> FloatArray:
        return self.origin + self.sign * np.exp(y)


@dataclass(frozen=True)
class _Panels:
    """Series for the log of the weight in y on each panel of a chart; a panel of nothing has -inf for constant."""

    edges: FloatArray
    series: FloatArray

    def at(self, y: FloatArray) -> FloatArray:
        panel = np.clip(np.searchsorted(self.edges, y, side="right") - 1, 0, len(self.edges) - 2)
        left, right = self.edges[panel], self.edges[panel + 1]
        s = (2.0 * y - left - right) / (right - left)
        with np.errstate(invalid="ignore"):
            return np.asarray(chebyshev.chebval(s, self.series[panel].T, tensor=False))

    def slope(self, *, far: bool) -> float:
        """Return the derivative with respect to y at one end."""
        k = -1 if far else 0
        width = self.edges[k] - self.edges[k - 1] if far else self.edges[1] - self.edges[0]
        return float(chebyshev.chebval(1.0 if far else -1.0, chebyshev.chebder(self.series[k])) * 2.0 / width)


@dataclass(frozen=True, eq=False)
class Table:
    """A weight on the line.

    Parameters
    ----------
    charts, panels : tuples
        From left to right, with the weight in each chart.
    ends : (float, float)
        What the weight was tabulated between.
    tails : (str, str)
        How it goes on beyond: "exponential", "power" or "nothing".
    """

    charts: tuple[_Chart, ...]
    panels: tuple[_Panels, ...]
    ends: tuple[float, float]
    tails: tuple[str, str]

    def log_weight(self, t: FloatArray) -> FloatArray:
        """Return the log of the weight at points, shape (n,)."""
        result = np.full(t.shape, -np.inf)
        borders = self._borders()
        chart_of = np.clip(np.searchsorted(borders, t, side="right") - 1, 0, len(self.charts) - 1)
        for k, (chart, panels) in enumerate(zip(self.charts, self.panels, strict=True)):
            mine = np.flatnonzero(chart_of == k)
            if mine.size:
                with np.errstate(divide="ignore", invalid="ignore"):
                    y = np.log(chart.sign * (t[mine] - chart.origin))
                result[mine] = self._in_chart(k, chart, panels, y)
        return result

    def support(self) -> tuple[float, float]:
        """Return the smallest interval between special points, or up to infinity, outside of which there is nothing."""
        full = [k for k, panels in enumerate(self.panels) if np.isfinite(panels.series[:, 0]).any()]
        first, last = (self.charts[full[0]], self.charts[full[-1]]) if full else (self.charts[0], self.charts[-1])
        return (first.origin if first.sign > 0 else -math.inf), (last.origin if last.sign < 0 else math.inf)

    def _borders(self) -> FloatArray:
        """Return the left ends of the charts."""
        return np.array(
            [c.origin if c.sign > 0 else c.origin - math.exp(c.far) for c in self.charts]
        )

    def _in_chart(self, k: int, chart: _Chart, panels: _Panels, y: FloatArray) -> FloatArray:
        values = panels.at(np.clip(y, chart.near, chart.far))
        below = y < chart.near
        if below.any() and np.isfinite(panels.series[0, 0]):
            # A logarithm is nearly a power over the distances that are left; powers are continued as they are.
            slope = panels.slope(far=False)
            values[below] += max(slope, -0.999) * (np.maximum(y[below], -1e4) - chart.near)
            values[np.isneginf(y) & (slope < -_FLAT)] = np.inf
        beyond = y > chart.far
        outermost = {0: 0, len(self.charts) - 1: 1}
        if beyond.any() and k in outermost:
            tail = self.tails[0 if chart.sign < 0 else 1]
            slope = panels.slope(far=True)
            if tail == "nothing" or not np.isfinite(panels.series[-1, 0]):
                values[beyond] = -np.inf
            elif tail == "power":
                values[beyond] += slope * (y[beyond] - chart.far)
            else:
                values[beyond] += min(slope, -1.0) * np.expm1(np.minimum(y[beyond] - chart.far, 700.0))
        return values


def tabulate(
    costly: Costly,
    ends: tuple[float, float],
    specials: Sequence[float],
    *,
    tails: tuple[str, str],
    nearest: Sequence[float],
    tolerance: float,
) -> Table:
    """Evaluate a weight where it has to be, and no more, so that it can be had anywhere between the ends.

    Parameters
    ----------
    costly : callable
        See `Costly`.
    ends : (float, float)
        Where to look.
    specials : sequence of float
        Points at which the weight may be singular; at least one between the ends or at one.
    tails : (str, str)
        See `Table`.
    nearest : sequence of float
        For each special point the smallest distance, as a share of the length of the chart; below, the weight goes on
        as a power.
    tolerance : float
        The error of a panel's mass, as a share of the largest.
    """
    charts = _charts(ends, dict(zip(specials, nearest, strict=True)))
    return Table(tuple(charts), tuple(_panels(costly, charts, tolerance)), ends, tails)


def _charts(ends: tuple[float, float], nearest: dict[float, float]) -> list[_Chart]:
    low, high = ends
    inside = sorted(s for s in nearest if low <= s <= high)
    middles = [(a + b) / 2.0 for a, b in zip(inside, inside[1:], strict=False)]
    charts = []
    for point, left, right in zip(inside, [low, *middles], [*middles, high], strict=True):
        for sign, length in ((-1, point - left), (1, right - point)):
            if length > 0.0:
                near = max(nearest[point] * length, 1e4 * np.spacing(abs(point)) if point else 0.0)
                charts.append(_Chart(point, sign, math.log(min(near, length / 4.0)), math.log(length)))
    return charts


@dataclass
class _Open:
    """A panel that is to be looked at: its chart, its ends in y."""

    chart: int
    low: float
    high: float

    def nodes(self) -> FloatArray:
        return (self.low + self.high) / 2.0 + (self.high - self.low) / 2.0 * _POINTS


def _panels(costly: Costly, charts: Sequence[_Chart], tolerance: float) -> list[_Panels]:
    """Look at panels, and halve those whose series has not converged, the heaviest masses first known."""
    todo = [panel for k, chart in enumerate(charts) for panel in _first(k, chart)]
    todo.sort(key=lambda panel: charts[panel.chart].far - panel.high)
    done: list[list[tuple[float, float, FloatArray]]] = [[] for _ in charts]
    peak, looked = _first_peak(costly, charts, todo), 0
    while todo:
        waiting: list[_Open] = []
        for panel in todo:
            y = panel.nodes()
            chart = charts[panel.chart]
            values, errors = costly(chart.points(y), y - chart.far, peak + math.log(tolerance) - y)
            looked += 1
            top = float(np.max(values + y))
            noise = float(np.max(errors * np.exp(values + y - top))) if top > -math.inf else 0.0
            peak = max(peak, top + math.log(panel.high - panel.low))
            series, error = _fitted(values)
            mass = top + math.log(panel.high - panel.low) - peak
            settled = error * math.exp(max(mass, -700.0)) <= tolerance and error < 1e-3
            settled |= error <= 3.0 * noise
            if settled or mass < -60.0 or panel.high - panel.low < _NARROWEST or looked > _MOST_PANELS:
                done[panel.chart].append((panel.low, panel.high, series))
            else:
                middle = (panel.low + panel.high) / 2.0
                waiting += [_Open(panel.chart, middle, panel.high), _Open(panel.chart, panel.low, middle)]
        todo = waiting
    return [_joined(sorted(pieces, key=lambda piece: piece[0])) for pieces in done]


def _first_peak(costly: Costly, charts: Sequence[_Chart], panels: Sequence[_Open]) -> float:
    """Return about how large the mass of the heaviest panel is, in logs."""
    peak = -math.inf
    for panel in panels:
        if panel.high < charts[panel.chart].far - 6.0:
            continue
        y, chart = np.array([panel.low, (panel.low + panel.high) / 2.0, panel.high]), charts[panel.chart]
        values, _ = costly(chart.points(y), y - chart.far, np.full(y.shape, np.inf))
        peak = max(peak, float(np.max(values + y)) + math.log(panel.high - panel.low))
    return peak


def _first(k: int, chart: _Chart) -> list[_Open]:
    panels, high, width = [], chart.far, _FIRST
    while high > chart.near + 1e-9:
        low = high - width if high - 1.5 * width > chart.near else chart.near
        panels.append(_Open(k, low, high))
        high, width = low, _GROWTH * width
    return panels


def _fitted(values: FloatArray) -> tuple[FloatArray, float]:
    """Return the series of a panel, and the largest relative error of the weight that its last terms speak of."""
    if np.all(values == -np.inf):
        series = np.zeros(_ORDER)
        series[0] = -np.inf
        return series, 0.0
    if not np.all(np.isfinite(values)):
        finite = np.isfinite(values)
        series = np.zeros(_ORDER)
        series[0] = float(np.mean(values[finite])) if finite.mean() > 0.5 else -np.inf
        return series, math.inf
    series = _TO_SERIES @ values
    return series, float(np.abs(series[-3:]).max())


def _joined(pieces: list[tuple[float, float, FloatArray]]) -> _Panels:
    edges = np.array([pieces[0][0], *(high for _, high, _ in pieces)])
    return _Panels(edges, np.array([series for _, _, series in pieces]))
