"""What lattices add up to confirm a law: weights below values of the observable, point by point or line by line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from .blocks import BlockLattices
from .lattice import Lattices
from .target import Target

__all__ = ["SHIFTS", "LineByLine", "PointByPoint", "Rule", "over"]

FloatArray = NDArray[np.float64]

SHIFTS = 16
_FIRST, _PILOT = 16, 2048
_LINES, _FEW_LINES = 512, {2: 64, 3: 256}
"""So many lines has a lattice, of few parameters fewer."""

_TOGETHER = 2**14
"""So many places are looked at in one call at most; more are out of the cache."""

_SLACK, _ROUNDING, _DEPTH = 1e-6, 1e-9, 20.0
"""How far V/T may be off a parabola, of its size besides, on lines that have more than exp(-20) of the largest mass."""

_HUGE = 1e12
_COUNTS = 1e-10
"""Of the largest weight; no line with less is looked at."""


class Rule(Protocol):
    """What gives probabilities below values of the observable."""

    def pilot(self, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return values of the observable, and the logs of their weights."""

    def sums(self, places: FloatArray, top: float, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return the weights below places, below infinity and in all, shape (shifts, k + 2), and single weights.

        All are over exp(top). What has no value is not below infinity.
        """


@dataclass(frozen=True, eq=False)
class PointByPoint:
    """The observable at the points of lattices."""

    lattices: Lattices | BlockLattices
    observable: Callable[[FloatArray], FloatArray]
    points: int = 1024

    @classmethod
    def of(cls, target: Target, rng: np.random.Generator) -> Self | None:
        """Search for the mass; None if there is none wherever it was looked."""
        log_weight, guide = target.conditioned()
        found = Lattices.about(log_weight if guide is None else guide, len(target.parameters), rng)
        if found is None:
            return None
        return cls(replace(found, log_weight=log_weight), target.function(target.observable))

    @classmethod
    def in_blocks(cls, target: Target, rng: np.random.Generator) -> Self | None:
        """Do the same for many parameters, if V is quadratic in most of them."""
        if target.condition is not None:
            return None
        found = BlockLattices.about(target.log_weight(), len(target.parameters), rng)
        return None if found is None else cls(found, target.function(target.observable), 2048)

    def again(self, target: Target, rng: np.random.Generator) -> Self | None:
        """Return the same for another target, whose mass is not far away; None if there is none."""
        log_weight, guide = target.conditioned()
        found = self.lattices.again(log_weight if guide is None else guide, rng)
        if found is None:
            return None
        return replace(
            self, lattices=replace(found, log_weight=log_weight), observable=target.function(target.observable)
        )

    def pilot(self, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """See `Rule`."""
        x, logs = self.lattices.draw(1, count, rng)
        return self.observable(x), logs

    def sums(self, places: FloatArray, top: float, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """See `Rule`."""
        found, weights = [], []
        at_once = self.lattices.at_once(self.points)
        for first in range(0, SHIFTS, at_once):
            shifts = min(at_once, SHIFTS - first)
            x, logs = self.lattices.draw(shifts, self.points, rng)
            values, fresh = self.observable(x), over(logs, top)
            # What has no value comes after infinity.
            cells = np.where(np.isnan(values), places.size + 1, np.searchsorted(places, values, side="left"))
            rows = np.repeat(np.arange(shifts), self.points) * (places.size + 2) + cells
            counted = np.bincount(rows, fresh, minlength=shifts * (places.size + 2))
            found.append(np.cumsum(counted.reshape(shifts, -1), axis=1))
            weights.append(fresh)
        return np.concatenate(found), np.concatenate(weights)


@dataclass(frozen=True, eq=False)
class LineByLine:
    """Lines along one parameter b at the points of lattices in the others: V is quadratic in b, the observable affine.

    On each line b is normal and so is the observable. Coefficients are differences of V and of the observable as they
    were written, at b = -s, 0 and s; 2 s is to be on the same parabola and on the same straight line.
    """

    lattices: Lattices
    line: _Line
    points: int

    @classmethod
    def of(cls, target: Target, rng: np.random.Generator) -> Self | None:
        """Search for such a parameter, and for the mass; None if there is none."""
        dim = len(target.parameters)
        if dim < 2 or target.condition is not None or type(target) is not Target:
            return None
        for pivot, b in enumerate(target.parameters):
            wanted = (target.potential, target.observable)
            if not (b in target.observable.free_symbols and all(each.is_polynomial(b) for each in wanted)):
                continue
            line = _Line(pivot, target.log_weight(), target.function(target.observable))
            some = rng.standard_normal((_FIRST, dim - 1))
            line.log_mass(some)
            line.observed(some)
            lattices = None if line.bent else Lattices.about(line.log_mass, dim - 1, rng)
            if lattices is None:
                continue
            # Differences over the typical width of b are exact enough.
            x, logs = lattices.draw(1, _PILOT, rng)
            widths = line.widths(x)[(logs > -np.inf) & (logs > logs.max() - 3.0)]
            if not widths.size:
                continue
            line = replace(line, step=float(np.median(widths)), bent=[])
            lattices = replace(lattices, log_weight=line.log_mass)
            line.log_mass(lattices.draw(1, _PILOT, rng)[0])
            if not line.bent:
                return cls(lattices, line, _FEW_LINES.get(dim, _LINES))
        return None

    def again(self, target: Target, rng: np.random.Generator) -> Self | None:
        """Return the same for another target, whose mass is not far away; None if there is none, or lines are bent."""
        line = replace(
            self.line, log_weight=target.log_weight(), observable=target.function(target.observable), bent=[]
        )
        lattices = self.lattices.again(line.log_mass, rng)
        return None if lattices is None or line.bent else replace(self, lattices=lattices, line=line)

    def pilot(self, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """See `Rule`."""
        x, logs = self.lattices.draw(1, count // 4, rng)
        middle, width = self.line.observed(x)
        return middle + width * rng.standard_normal(middle.size), logs

    def sums(self, places: FloatArray, top: float, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """See `Rule`."""
        x, logs = self.lattices.draw(SHIFTS, self.points, rng)
        weights = over(logs, top)
        counted = np.flatnonzero(weights > _COUNTS * weights.max())
        middle, width = self.line.observed(x[counted])
        below = np.zeros((weights.size, places.size + 2))
        with np.errstate(divide="ignore", invalid="ignore"):  # of no width where a gate is closed
            below[counted, :-2] = ndtr((places - middle[:, None]) / width[:, None])
        below[counted, -2] = np.where(np.isfinite(middle + width), 1.0, 0.0)
        below[:, -1] = 1.0
        if self.line.bent:
            weights = np.full(weights.shape, np.nan)
        return np.einsum("snk,sn->sk", below.reshape(SHIFTS, self.points, -1), weights.reshape(SHIFTS, -1)), weights


@dataclass(frozen=True, eq=False)
class _Line:
    """V/T and the observable along a parameter, as functions of the others."""

    pivot: int
    log_weight: Callable[[FloatArray], FloatArray]
    observable: Callable[[FloatArray], FloatArray]
    step: float = 1.0
    bent: list[bool] = field(default_factory=list)

    def _at(self, function: Callable[[FloatArray], FloatArray], x: FloatArray, *steps: float) -> FloatArray:
        """Return a function at so many steps along lines, a row a place."""
        # One row a parameter, as evaluation reads them.
        rows = np.empty((x.shape[1] + 1, len(steps), len(x)))
        rows[np.arange(len(rows)) != self.pivot] = x.T[:, None]
        rows[self.pivot] = self.step * np.array(steps)[:, None]
        if rows[0].size <= _TOGETHER:
            return function(rows.reshape(len(rows), -1).T).reshape(rows[0].shape)
        return np.stack([function(rows[:, k].T) for k in range(len(steps))])

    def _parabola(self, x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return V/T at b = 0, its slope and half its curvature there, how far 2 s is off, and of which numbers."""
        left, middle, right, far = -self._at(self.log_weight, x, -1.0, 0.0, 1.0, 2.0)
        curvature = (left + right - 2.0 * middle) / (2.0 * self.step**2)
        slope = (right - left) / (2.0 * self.step)
        off = np.abs(far - middle - 2.0 * self.step * slope - 4.0 * self.step**2 * curvature)
        size = np.abs(left) + np.abs(middle) + np.abs(right) + np.abs(far)
        return middle, slope, curvature, off, size

    def log_mass(self, x: FloatArray) -> FloatArray:
        """Return the logs of the masses of lines; where they are no parabolas and count, it is noted."""
        with np.errstate(all="ignore"):
            middle, slope, curvature, off, size = self._parabola(x)
            logs = np.square(slope) / (4.0 * curvature) - middle - np.log(curvature) / 2.0
            # What is left of such numbers is rounding: lines without mass, or the law will not be met.
            logs = np.where(size < _HUGE, logs, -np.inf)
        counts = logs > np.max(logs, initial=-np.inf, where=np.isfinite(logs)) - _DEPTH
        if not (off - _ROUNDING * size < _SLACK)[counts].all() or (curvature[counts] <= 0.0).any():
            self.bent.append(True)
        return np.where(np.isnan(logs), -np.inf, logs)

    def observed(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return means and deviations of the observable on lines."""
        with np.errstate(all="ignore"):
            _, slope, curvature, _, _ = self._parabola(x)
            at, right, far = self._at(self.observable, x, 0.0, 1.0, 2.0)
            rate = (right - at) / self.step
            if not (np.abs(far - 2.0 * right + at) <= _ROUNDING * (np.abs(far) + np.abs(right) + np.abs(at))).all():
                self.bent.append(True)
            return at - rate * slope / (2.0 * curvature), np.abs(rate) / np.sqrt(2.0 * curvature)

    def widths(self, x: FloatArray) -> FloatArray:
        """Return the deviations of b on lines."""
        with np.errstate(all="ignore"):
            return np.asarray(1.0 / np.sqrt(2.0 * self._parabola(x)[2]))


def over(logs: FloatArray, top: float) -> FloatArray:
    """Return weights over exp(top)."""
    with np.errstate(over="ignore"):
        return np.exp(logs - top)
