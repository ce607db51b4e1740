"""Iterated integration in few dimensions: Gauss-Legendre panels that shrink towards given places of trouble.

Where there are none, the trapezoidal rule: nothing is better for a smooth function that dies out on both sides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "LogWeight", "Rule", "Wall", "log_integrals"]

FloatArray = NDArray[np.float64]

LogWeight = Callable[..., FloatArray]
"""Takes t and the coordinates, flat arrays of one length; returns the logs of the integrand, -inf or nan for zero."""

Wall = Callable[..., FloatArray]
"""Takes t and the coordinates before this one; returns where this one meets trouble."""

_SHRINKAGE = 0.5
_SPREAD = 2.5
"""The trapezoidal rule has so many nodes for each node of a panel."""

_ENTRIES = 2**15


@dataclass(frozen=True)
class Rule:
    """How fine the panels are.

    Parameters
    ----------
    order : int
        Nodes per panel.
    depth : int
        How often panels shrink by a quarter towards a wall.
    margin : float
        What the box is stretched by.
    """

    order: int
    depth: int
    margin: float


@dataclass(frozen=True)
class Box:
    """The range of one coordinate, a point inside of it, the walls that cross it, and how often it counts.

    Where the integrand is even in a coordinate, its positive half counts twice.
    """

    low: float
    high: float
    centre: float
    walls: tuple[Wall, ...]
    count: int = 1


def log_integrals(
    log_weight: LogWeight, t: FloatArray, boxes: Sequence[Box], rule: Rule, *, entries: int = _ENTRIES
) -> FloatArray:
    """Return the log of the integral over the boxes for each t, shape (n,); -inf where it is zero.

    Between walls, each coordinate x is at a distance W z**2 from the nearer one, 0 < z < 1, so that square roots and
    their inverses are smooth in z; other singularities are met by panels in z that shrink geometrically.
    """
    total = _Total(np.full(t.shape, -np.inf))
    _descend(log_weight, [t], np.zeros(t.shape), np.arange(t.size), list(boxes), rule, total, entries)
    return total.logs


@dataclass
class _Total:
    logs: FloatArray

    def add(self, owner: NDArray[np.intp], logs: FloatArray) -> None:
        """Add exp(logs) to the integrals that they belong to; owners are in order."""
        logs = np.where(np.isnan(logs), -np.inf, logs)
        starts = np.flatnonzero(np.diff(owner, prepend=-1))
        tops = np.maximum.reduceat(logs, starts)
        safe = np.where(tops == -np.inf, 0.0, tops)
        lengths = np.diff(np.append(starts, owner.size))
        with np.errstate(divide="ignore", under="ignore"):
            sums = safe + np.log(np.add.reduceat(np.exp(logs - np.repeat(safe, lengths)), starts))
        places = owner[starts]
        self.logs[places] = np.logaddexp(self.logs[places], sums)


def _descend(
    log_weight: LogWeight,
    columns: list[FloatArray],
    logs: FloatArray,
    owner: NDArray[np.intp],
    boxes: list[Box],
    rule: Rule,
    total: _Total,
    entries: int,
) -> None:
    """Integrate over the coordinates that are left, for each row of the columns that are there."""
    if not boxes:
        with np.errstate(all="ignore"):
            total.add(owner, logs + log_weight(*columns))
        return
    box, inner = boxes[0], boxes[1:]
    width = 2 * max(1, len(box.walls)) * rule.order * (rule.depth + 1)
    count = max(1, entries // width)
    for start in range(0, owner.size, count):
        part = slice(start, start + count)
        rows, x, log_dx = _nodes([column[part] for column in columns], box, rule)
        if rows.size:
            _descend(
                log_weight,
                [*(column[part][rows] for column in columns), x],
                logs[part][rows] + log_dx,
                owner[part][rows],
                inner,
                rule,
                total,
                entries,
            )


def _nodes(columns: list[FloatArray], box: Box, rule: Rule) -> tuple[NDArray[np.intp], FloatArray, FloatArray]:
    """Return row numbers, nodes and the logs of their weights."""
    low = box.centre - rule.margin * (box.centre - box.low)
    high = box.centre + rule.margin * (box.high - box.centre)
    if not box.walls:
        return _evenly(columns[0].size, low, high, box, rule)
    origin, reach = _charts(columns, box, low, high)
    # What is narrower than this is not resolved by doubles anyway.
    used = np.abs(reach) > 1e-14 * np.maximum(np.abs(origin), 1e-290)
    rows, origin, reach = np.nonzero(used)[0], origin[used], reach[used]
    fraction, weight = _graded(rule.order, rule.depth)
    x = origin[:, None] + reach[:, None] * fraction
    log_dx = np.log(np.abs(reach))[:, None] + np.log(box.count * weight)
    return np.repeat(rows, fraction.size), x.ravel(), log_dx.ravel()


def _evenly(
    size: int, low: float, high: float, box: Box, rule: Rule
) -> tuple[NDArray[np.intp], FloatArray, FloatArray]:
    """Return the trapezoidal rule, the same for each of so many rows."""
    count = math.ceil(_SPREAD * rule.order / box.count)
    x = np.linspace(low, high, count + 1)
    weight = np.full(x.shape, box.count * (high - low) / count)
    weight[[0, -1]] /= 2.0
    return np.repeat(np.arange(size), x.size), np.tile(x, size), np.tile(np.log(weight), size)


def _charts(columns: list[FloatArray], box: Box, low: float, high: float) -> tuple[FloatArray, FloatArray]:
    """Return walls and signed lengths of the charts that start there, arrays (rows, 2 walls), from left to right."""
    size = columns[0].size
    places = np.full((size, max(1, len(box.walls))), np.nan)
    with np.errstate(all="ignore"):
        for k, wall in enumerate(box.walls):
            places[:, k] = wall(*columns)
    places[~((places >= low) & (places < high))] = np.nan
    places.sort(axis=1)
    places[np.isnan(places[:, 0]), 0] = box.centre
    middles = (places[:, 1:] + places[:, :-1]) / 2.0
    right = np.concatenate([middles, np.full((size, 1), np.nan)], axis=1)
    right = np.where(np.isnan(right), high, right)
    left = np.concatenate([np.full((size, 1), low), middles], axis=1)
    reach = np.stack([left - places, right - places], axis=2).reshape(size, -1)
    reach = np.where(np.isnan(reach), 0.0, reach)
    return np.repeat(np.where(np.isnan(places), 0.0, places), 2, axis=1), reach


@lru_cache(maxsize=256)
def _graded(order: int, depth: int) -> tuple[FloatArray, FloatArray]:
    """Return nodes z**2 and weights 2 z dz of panels on (0, 1) that shrink towards 0."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    edges = np.concatenate([[0.0], _SHRINKAGE ** np.arange(depth, -1, -1.0)])
    half, centre = np.diff(edges) / 2.0, (edges[1:] + edges[:-1]) / 2.0
    z = (centre[:, None] + half[:, None] * nodes).ravel()
    dz = (half[:, None] * weights).ravel()
    return z**2, 2.0 * z * dz
