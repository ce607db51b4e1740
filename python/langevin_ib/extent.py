"""Where an energy is low enough to matter: its minimum, the box around it, and the way along which it has no end."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["DEPTH", "FARTHEST", "Escape", "Extent", "extent_of", "lowest_points"]

FloatArray = NDArray[np.float64]
Energy = Callable[..., FloatArray]

DEPTH = 45.0
"""What is this many temperatures above the minimum is outside: exp(-45) = 3e-20."""

FARTHEST = 1e6
"""Coordinates are followed up to here."""

_NEAREST = 1e-5  # coordinates are logarithmic beyond this, and linear below
_WIDEST = 26.5
_GRID = 61
_POOL = 600
_STARTS = 64
_STEPS = 120
_FINEST = 1e-4
_BISECTIONS = 6
_APART = 6


@dataclass(frozen=True)
class Escape:
    """A way to infinity along which the energy stays low.

    Parameters
    ----------
    coordinate : int
        The coordinate that grows.
    point : array
        A point far out on the way.
    height : float
        Its energy above the minimum.
    exponent : float
        The marginal density of the coordinate falls off about like its power -exponent: the mass is infinite if this
        is 1 or less.
    """

    coordinate: int
    point: FloatArray
    height: float
    exponent: float


@dataclass(frozen=True)
class Extent:
    """The smallest box that holds all points of low energy.

    Parameters
    ----------
    lowest : float
        The smallest energy found.
    centre : array, shape (n,)
        Where it was found.
    low, high : array, shape (n,)
        The ends of the box; as far as it was looked where there is an escape.
    escapes : tuple of Escape
        The coordinates without end.
    """

    lowest: float
    centre: FloatArray
    low: FloatArray
    high: FloatArray
    escapes: tuple[Escape, ...]


def extent_of(energy: Energy, dim: int, temperature: float) -> Extent:
    """Find the box outside of which the energy is more than `DEPTH` temperatures above its minimum.

    For each coordinate the energy is minimised over all others at many values of that coordinate, by a compass search
    in a logarithmic scale, in which valleys like u v = 1 are straight.

    Parameters
    ----------
    energy : callable
        Takes one flat array per coordinate, returns the energies; +inf or nan where there is none.
    dim : int
        The number of coordinates.
    temperature : float
        The unit of energy.
    """

    search = _Search(_logarithmic(energy, dim), dim)
    minima, heights = search.minima()
    centre, lowest = minima[0], float(heights[0])
    profiles = search.profiles(minima)
    for profile in profiles:
        if profile.heights.min() < lowest:
            place = int(np.argmin(profile.heights))
            last, height = search.descend(profile.points[[place]], None)
            centre, lowest = last[0], float(height[0])
    cut = lowest + DEPTH * temperature
    anchors = np.concatenate([minima[heights <= cut], centre[None, :]])
    low, high, escapes = np.empty(dim), np.empty(dim), []
    for k, profile in enumerate(profiles):
        for sign, ends in ((-1, low), (1, high)):
            ends[k] = _NEAREST * math.sinh(search.end(profile, k, sign, anchors, cut))
            outer = -1 if sign > 0 else 0
            if profile.heights[outer] <= cut:
                point = _NEAREST * np.sinh(profile.points[outer])
                height = float(profile.heights[outer]) - lowest
                escapes.append(Escape(k, point, height, search.exponent(profile, k, sign, temperature)))
    return Extent(lowest, _NEAREST * np.sinh(centre), low, high, tuple(escapes))


def lowest_points(energy: Energy, dim: int) -> tuple[FloatArray, FloatArray]:
    """Return local minima of a function, shape (n, dim), the lowest first, and their values."""
    points, values = _Search(_logarithmic(energy, dim), dim).minima()
    return _NEAREST * np.sinh(points), values


def _logarithmic(energy: Energy, dim: int) -> Callable[[FloatArray], FloatArray]:
    """Return a function of arrays (..., dim) of logarithmic coordinates; what is undefined is infinite."""

    def function(z: FloatArray) -> FloatArray:
        x = _NEAREST * np.sinh(z)
        with np.errstate(all="ignore"):
            values = energy(*(np.ascontiguousarray(x[..., k]).ravel() for k in range(dim))).reshape(z.shape[:-1])
        return np.where(np.isnan(values), np.inf, values)

    return function


@dataclass(frozen=True)
class _Profile:
    """The lowest points with one coordinate at each value of the grid."""

    points: FloatArray
    heights: FloatArray


@dataclass(frozen=True)
class _Search:
    """Compass searches of a function of the logarithmic coordinates z."""

    function: Callable[[FloatArray], FloatArray]
    dim: int

    @property
    def grid(self) -> FloatArray:
        reach = math.asinh(FARTHEST / _NEAREST)
        return np.linspace(-reach, reach, _GRID)

    def minima(self) -> tuple[FloatArray, FloatArray]:
        """Return local minima with their heights, the lowest first."""
        pool = self._pool()
        points, heights = self.descend(pool[np.argsort(self.function(pool))[:_STARTS]], None)
        order = np.argsort(heights)
        return points[order], heights[order]

    def profiles(self, minima: FloatArray) -> list[_Profile]:
        """Minimise over all coordinates but one, for each coordinate and each of its values on the grid."""
        dim, grid = self.dim, self.grid
        fixed, values = np.repeat(np.arange(dim), _GRID), np.tile(grid, dim)
        points, heights = self.descend(self._starts(minima, fixed, values), fixed)
        for shift in (1, -1, 2, -2):  # neighbours know the valley
            moved = np.roll(points.reshape(dim, _GRID, dim), shift, axis=1).reshape(-1, dim)
            moved[np.arange(fixed.size), fixed] = values
            again, lower = self.descend(moved, fixed)
            better = lower < heights
            points[better], heights[better] = again[better], lower[better]
        return [_Profile(points[fixed == k], heights[fixed == k]) for k in range(dim)]

    def descend(self, starts: FloatArray, fixed: NDArray[np.intp] | None) -> tuple[FloatArray, FloatArray]:
        """Walk downhill from each start, along axes and diagonals, with steps that shrink where nothing is gained."""
        points, steps = starts.copy(), np.full(len(starts), 1.0)
        values = self.function(points)
        moves = np.array([m for m in itertools.product((-1.0, 0.0, 1.0), repeat=self.dim) if 0 < sum(map(abs, m)) <= 2])
        for _ in range(_STEPS):
            active = np.flatnonzero(steps > _FINEST)
            if not active.size:
                break
            tried = points[active, None, :] + steps[active, None, None] * moves
            if fixed is not None:
                tried[np.arange(active.size), :, fixed[active]] = points[active, fixed[active], None]
            heights = self.function(np.clip(tried, -_WIDEST, _WIDEST))
            winner = np.argmin(heights, axis=1)
            height = heights[np.arange(active.size), winner]
            gained = height < values[active]
            moved = active[gained]
            points[moved] = np.clip(tried[np.flatnonzero(gained), winner[gained]], -_WIDEST, _WIDEST)
            values[moved] = height[gained]
            steps[moved] = np.minimum(1.5 * steps[moved], 4.0)
            steps[active[~gained]] *= 0.4
        return points, values

    def end(self, profile: _Profile, k: int, sign: int, anchors: FloatArray, cut: float) -> float:
        """Return the outermost z_k on one side at which the profile is below the cut."""
        low = np.concatenate([profile.points[profile.heights <= cut], anchors])
        point = low[np.argmax(sign * low[:, k])]
        beyond = self.grid[sign * self.grid > sign * point[k]]
        if not beyond.size:
            return float(point[k])
        near, far = float(point[k]), float(beyond[np.argmin(sign * beyond)])
        for _ in range(_BISECTIONS):
            start = point.copy()
            start[k] = 0.5 * (near + far)
            found, height = self.descend(start[None, :], np.array([k]))
            if height[0] <= cut:
                near, point = float(start[k]), found[0]
            else:
                far = float(start[k])
        return far

    def exponent(self, profile: _Profile, k: int, sign: int, temperature: float) -> float:
        """Estimate how the marginal falls off, from the heights and widths of the valley at two far places."""
        places = [-1, -1 - _APART] if sign > 0 else [0, _APART]
        logs = [self._log_marginal(profile.points[place], k, temperature) for place in places]
        return (logs[1] - logs[0]) / abs(self.grid[places[0]] - self.grid[places[1]])

    def _log_marginal(self, point: FloatArray, k: int, temperature: float) -> float:
        base = float(self.function(point[None, :])[0])
        widths = 10.0 ** np.linspace(-12.0, math.log10(FARTHEST), 181)
        result = -base / temperature
        for j in (j for j in range(self.dim) if j != k):
            width = 0.0
            for side in (1.0, -1.0):
                trial = np.repeat(point[None, :], widths.size, axis=0)
                trial[:, j] = np.arcsinh(np.sinh(point[j]) + side * widths / _NEAREST)
                above = np.flatnonzero(self.function(trial) > base + temperature)
                width += float(widths[above[0]] if above.size else widths[-1])
            result += math.log(width)
        return result

    def _pool(self) -> FloatArray:
        generator = np.random.default_rng(20260106)
        wide = generator.uniform(-_WIDEST, _WIDEST, (_POOL, self.dim))
        sizes = 10.0 ** generator.uniform(-2.0, 1.5, (2 * _POOL, 1))
        usual = np.arcsinh(generator.normal(size=(2 * _POOL, self.dim)) * sizes / _NEAREST)
        return np.concatenate([np.zeros((1, self.dim)), usual, wide])

    def _starts(self, minima: FloatArray, fixed: NDArray[np.intp], values: FloatArray) -> FloatArray:
        """Return the best of many points in each slice."""
        candidates = np.concatenate([minima, self._pool()])
        starts = np.empty((fixed.size, self.dim))
        for row, (k, value) in enumerate(zip(fixed, values, strict=True)):
            points = candidates.copy()
            points[:, k] = value
            starts[row] = points[np.argmin(self.function(points))]
        return starts
