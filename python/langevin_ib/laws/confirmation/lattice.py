"""Lattices that grow denser where the mass of a weight is, found from 26 orders of magnitude.

Each coordinate is stretched until its marginal law is even (Lepage, J. Comput. Phys. 27 (1978) 192), first in
log|x|, which finds scales, then in asinh(x / scale), which knows signs; as long as few points count, weights are taken
to a power below one. A share of the points stays where it was. What is stretched are R-sequences, multiples of powers
of a generalised golden ratio, under independent shifts (Cranley and Patterson, SIAM J. Numer. Anal. 13 (1976) 904),
whose spread tells the error.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .population import LogWeight

__all__ = ["Lattices", "sequence"]

FloatArray = NDArray[np.float64]

_REACH = 30.0
"""The search goes over |log|x|| < reach, and over as much of asinh(x / scale)."""

_PILOT = 1024
"""So many points are looked at a time, of one parameter half as many, of three and more twice."""

_ENTRIES = 2**14

_FEW = 60.0
"""So many points tell scales and marginal laws at least."""

_CELLS = 48
_SMOOTH = np.array([0.1, 0.2, 0.4, 0.2, 0.1])
_SCALES, _ROUNDS = 6, 5
"""How often coordinates are stretched to find scales, and how often then."""

_WIDER = 0.5
"""So much wider on each side is the box that is stretched in the end than what was found."""

_DEPTH = 18.0
"""Points below exp(-18) of the largest weight are outside of it."""

_SPREAD, _EVEN = 0.15, (0.3, 0.5, 0.5)
"""The share of points that stays where it was; and from the last box on, of one or two parameters only once."""


@dataclass(frozen=True, eq=False)
class Lattices:
    """Lattices for a weight.

    Parameters
    ----------
    log_weight : callable
        See `LogWeight`.
    edges : (d, k + 1) array
        Between which the points of each coordinate fall with the same frequency, in asinh(x / scale).
    scale : (d,) array
        The scale of each coordinate.
    """

    log_weight: LogWeight
    edges: FloatArray
    scale: FloatArray

    @classmethod
    def about(cls, log_weight: LogWeight, dim: int, rng: np.random.Generator, pilot: int = 0) -> Lattices | None:
        """Search for the mass, by `pilot` points at a time or the usual number; None if there is none to be seen."""

        def in_logs(y: FloatArray) -> FloatArray:
            signs = np.where(rng.random(y.shape) < 0.5, -1.0, 1.0)
            with np.errstate(all="ignore"):
                return np.asarray(log_weight(signs * np.exp(y)) + y.sum(axis=1))

        pilot = pilot or _pilot(dim)
        edges = np.tile(np.linspace(-_REACH, _REACH, _CELLS + 1), (dim, 1))
        for _ in range(_SCALES):
            y, t, logs, volume = _seen(in_logs, edges, pilot, rng)
            if logs.max() == -np.inf:
                return None
            weights = _tempered(logs + volume)
            edges = _stretched(edges, t, weights)
        # In the scale of the mass hyperbolas are nearly straight, and no points are lost to |x| << scale.
        found = cls(log_weight, edges, np.exp([_median(own, weights) for own in y.T]))
        even = np.linspace(-1.0, 1.0, _CELLS + 1)
        edges = np.tile(4.0 * even + (_REACH - 4.0) * even**9, (dim, 1))
        for _ in range(_ROUNDS):
            y, t, logs, volume = _seen(found._logs, edges, pilot, rng)
            if logs.max() == -np.inf:
                return None
            edges = _stretched(edges, t, _tempered(logs + volume))
        return found._boxed(_box(y, logs, _WIDER), rng, pilot)

    def again(self, log_weight: LogWeight, rng: np.random.Generator, pilot: int = 0) -> Lattices | None:
        """Return lattices for another weight whose mass is not far away; None if there is none."""
        low, high = self.edges[:, 0], self.edges[:, -1]
        margin = _WIDER * (high - low)
        edges = np.linspace(low - margin, high + margin, _CELLS + 1).T
        return Lattices(log_weight, self.edges, self.scale)._boxed(edges, rng, pilot)

    def _boxed(self, edges: FloatArray, rng: np.random.Generator, pilot: int) -> Lattices | None:
        """Stretch once more, from a box: of cells that reach from the mass to nowhere few points count."""
        dim = len(edges)
        pilot = pilot or _pilot(dim)
        for more in (1, 4):
            y, t, logs, _ = _seen(self._logs, edges, pilot, rng)
            if logs.max() == -np.inf:
                return None
            edges = _box(y, logs, 0.0)
            pilot *= more
        y, t, logs, _ = _seen(self._logs, edges, pilot, rng)
        if logs.max() == -np.inf:
            return None
        edges = _stretched(edges, t, _tempered(logs), _EVEN[0])
        for even in _EVEN[1:] if dim > 2 else ():
            y, t, logs, volume = _seen(self._logs, edges, pilot, rng)
            edges = _stretched(edges, t, _tempered(logs + volume), even)
        return Lattices(self.log_weight, edges, self.scale)

    def draw(self, shifts: int, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return points x, shape (shifts * count, d), lattice after lattice, and the logs of their weights."""
        x, log_volume = self.placed(shifts, count, rng)
        with np.errstate(all="ignore"):
            logs = self.log_weight(x) + log_volume
        return x, np.where(np.isfinite(logs), logs, -np.inf)

    def placed(self, shifts: int, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return the same points, and the logs of the volumes that they stand for."""
        y, _, log_volume = _placed(self.edges, shifts, count, rng)
        x, log_stretch = self._x(y)
        return x, log_stretch + log_volume

    def at_once(self, count: int) -> int:
        """Return how many shifts of so many points stay in the cache together: twice as fast as all of them."""
        return max(1, _ENTRIES // (count * len(self.scale)))

    def _logs(self, y: FloatArray) -> FloatArray:
        x, log_stretch = self._x(y)
        with np.errstate(all="ignore"):
            return np.asarray(self.log_weight(x) + log_stretch)

    def _x(self, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return x, and the log of dx/dy but for a factor; by exp, which is several times as fast as sinh."""
        with np.errstate(all="ignore"):
            up = np.exp(y.T)
            down = 1.0 / up
            x = (up - down) * (self.scale / 2.0)[:, None]
            return x.T, np.log(np.prod(up + down, axis=0))


def _pilot(dim: int) -> int:
    return _PILOT // 2 if dim == 1 else _PILOT if dim == 2 else 2 * _PILOT


def _seen(
    log_weight: LogWeight, edges: FloatArray, count: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return points of a lattice as `_placed` does, with the logs of the weight before those of dy/dt."""
    y, t, log_volume = _placed(edges, 1, count, rng)
    with np.errstate(all="ignore"):
        logs = log_weight(y)
    return y, t, np.where(np.isfinite(logs), logs, -np.inf), log_volume


def _placed(
    edges: FloatArray, shifts: int, count: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return points y between the edges, where they are in the unit cube, and the logs of dy/dt."""
    dim, cells = edges.shape[0], edges.shape[1] - 1
    t = _points(count, dim, rng.random((shifts, dim)))
    y, volume = np.empty(t.shape), np.ones(t.shape[1])
    for i, (own, widths) in enumerate(zip(edges, np.diff(edges), strict=True)):
        place = t[i] * cells
        cell = place.astype(np.intp)
        width = widths[cell]
        place -= cell
        y[i] = own[cell] + place * width
        volume *= width
    with np.errstate(divide="ignore"):
        return y.T, t.T, np.log(volume)


def _stretched(edges: FloatArray, t: FloatArray, weights: FloatArray, spread: float = _SPREAD) -> FloatArray:
    """Return edges between which the weights are nearly even."""
    cells = edges.shape[1] - 1
    bins = 3 * cells
    even, fine = np.linspace(0.0, 1.0, cells + 1), np.linspace(0.0, 1.0, bins + 1)
    made = np.empty(edges.shape)
    for i, own in enumerate(edges):
        seen = np.bincount((t[:, i] * bins).astype(np.intp), weights, minlength=bins)
        # A mean with the neighbours: a bin sees a dozen points.
        seen = np.convolve(np.concatenate([seen[:1], seen[:1], seen, seen[-1:], seen[-1:]]), _SMOOTH, mode="valid")
        share = np.append(0.0, np.cumsum((1.0 - spread) * seen / seen.sum() + spread / seen.size))
        made[i] = np.interp(np.interp(even * share[-1], share, fine), even, own)
    return made


def _box(y: FloatArray, logs: FloatArray, wider: float) -> FloatArray:
    """Return even edges about the points that count."""
    inside = y[logs >= logs.max() - _DEPTH]
    low, high = inside.min(axis=0), inside.max(axis=0)
    margin = (high - low) * np.maximum(1.5 * len(inside) ** (-1.0 / y.shape[1]), wider) + 1e-9
    return np.linspace(low - margin, high + margin, _CELLS + 1).T


def _tempered(logs: FloatArray) -> FloatArray:
    """Return weights to a power at which enough points count."""
    logs = logs - logs.max()
    weights = np.exp(logs)
    while weights.sum() ** 2 < _FEW * np.square(weights).sum():
        logs = 0.7 * logs
        weights = np.exp(logs)
    return weights


def _median(values: FloatArray, weights: FloatArray) -> float:
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(below, below[-1] / 2.0)])


def _points(count: int, dim: int, shifts: FloatArray) -> FloatArray:
    """Return lattices in the unit cube, shape (dim, shifts * count), one after the other."""
    points = sequence(count, dim)[:, None, :] + shifts.T[:, :, None]
    points -= np.floor(points)
    return np.asarray(points.reshape(dim, -1))


@lru_cache(maxsize=32)
def sequence(count: int, dim: int) -> FloatArray:
    """Return the R-sequence, shape (dim, count)."""
    golden = 2.0
    for _ in range(40):
        golden = (1.0 + golden) ** (1.0 / (dim + 1.0))
    return np.asarray(golden ** -np.arange(1.0, dim + 1.0)[:, None] * np.arange(count) % 1.0)
