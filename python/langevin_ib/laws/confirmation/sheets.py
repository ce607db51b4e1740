r"""Slices of scalings sheet by sheet: some parameters are free, and the squares of the others are affine in theirs.

The constraints sum_i w_ai x_i^2 / 2 = c_a are linear equations for squares. Where they give those of as many parameters
b as there are constraints, as sums of positive numbers,

    x_b = +- (shift_b + sum_f slope_bf x_f^2)^(1/2),    dS  =  (det G)^(1/2) |det W_b prod_b x_b|^(-1) dx_f,

and each choice of signs is a sheet over all values of the parameters f: one, of a chain. Lattices go over these, with
all sheets at each of their points. No point is moved along an orbit, and no curve is followed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from .lattice import Lattices
from .on_slices import OnSlice
from .rules import SHIFTS, over
from .target import Target, finite

__all__ = ["SheetBySheet"]

FloatArray = NDArray[np.float64]

_MOST_SIGNS, _MOST_FREE = 5, 3
_ENTRIES, _FEWEST = 2**10, 64
"""So many points, on all sheets together, has a lattice; and so many at least on each."""

_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class _Sheets:
    """V, the observable and the measure on all sheets of a slice, by the parameters that are free.

    Parameters
    ----------
    target : OnSlice
        What a law should be one of.
    free, bound : tuple of int
        The parameters, by their numbers.
    shift : (k,) array
        What the squares of those that are bound are at 0.
    slope : (k, d - k) array
        How they grow with squares of the others.
    """

    target: OnSlice
    free: tuple[int, ...]
    bound: tuple[int, ...]
    shift: FloatArray
    slope: FloatArray
    potential: Callable[[FloatArray], FloatArray]
    observable: Callable[[FloatArray], FloatArray]

    @classmethod
    def of(cls, target: OnSlice) -> _Sheets | None:
        """Return the sheets; None if no parameters are bound to be different from 0."""
        found = _bound(target)
        if found is None:
            return None
        return cls(target, *found, target.as_written(target.potential), target.as_written(target.observable))

    def points(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return points above x, shape (n, d - k), sheet after sheet, and the logs of their weights, (sheets, n)."""
        target, signs = self.target, np.array(list(itertools.product((1.0, -1.0), repeat=len(self.bound))))
        with np.errstate(all="ignore"):
            squares = self.shift[:, None] + self.slope @ np.square(x.T)
            rows = np.empty((len(target.parameters), len(signs), len(x)))
            rows[list(self.free)] = x.T[:, None]
            rows[list(self.bound)] = signs.T[:, :, None] * np.sqrt(squares)[:, None]
            points = rows.reshape(len(rows), -1).T
            measure = -np.log(squares).sum(axis=0) / 2.0
            if target.rigid:
                measure += target.log_det(np.square(rows[:, 0]).T) / 2.0
            logs = measure - self.potential(points).reshape(len(signs), -1) / target.temperature
        return points, finite(np.where(np.isnan(logs), -np.inf, logs))

    def log_mass(self, x: FloatArray) -> FloatArray:
        """Return the logs of the weights of all sheets together."""
        logs = self.points(x)[1]
        top = logs.max(axis=0)
        with np.errstate(all="ignore"):
            return np.where(top > -np.inf, top + np.log(np.exp(logs - top).sum(axis=0)), -np.inf)


@dataclass(frozen=True, eq=False)
class SheetBySheet:
    """The observable on all sheets of a slice at the points of lattices."""

    lattices: Lattices
    sheets: _Sheets

    @staticmethod
    def suits(target: OnSlice) -> bool:
        """Return whether a slice is one of such sheets, a law on it has no condition, and few parameters are free."""
        few = target.weights.shape[1] <= _MOST_FREE + len(target.weights)
        return few and target.condition is None and _bound(target) is not None

    @classmethod
    def of(cls, target: Target, rng: np.random.Generator) -> Self | None:
        """Search for the mass; None if there is none, or the slice is another one."""
        sheets = _Sheets.of(target) if isinstance(target, OnSlice) and cls.suits(target) else None
        lattices = None if sheets is None else Lattices.about(sheets.log_mass, len(sheets.free), rng)
        return None if sheets is None or lattices is None else cls(lattices, sheets)

    def again(self, target: Target, rng: np.random.Generator) -> Self | None:
        """Return the same for another target, whose mass is not far away; None if there is none."""
        sheets = _Sheets.of(target) if isinstance(target, OnSlice) else None
        if sheets is None or sheets.free != self.sheets.free:
            return None
        lattices = self.lattices.again(sheets.log_mass, rng)
        return None if lattices is None else replace(self, lattices=lattices, sheets=sheets)

    def pilot(self, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """See `Rule`."""
        values, logs = self._drawn(1, max(_FEWEST, count >> len(self.sheets.bound)), rng)
        return values.ravel(), logs.ravel()

    def sums(self, places: FloatArray, top: float, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """See `Rule`."""
        count = max(_FEWEST, _ENTRIES >> len(self.sheets.bound))
        values, logs = self._drawn(SHIFTS, count, rng)
        fresh, shape = over(logs, top), places.size + 2
        cells = np.where(np.isnan(values), places.size + 1, np.searchsorted(places, values, side="left"))
        rows = np.repeat(np.arange(SHIFTS), count) * shape + cells
        counted = np.bincount(rows.ravel(), fresh.ravel(), minlength=SHIFTS * shape)
        return np.cumsum(counted.reshape(SHIFTS, -1), axis=1), fresh.sum(axis=0)

    def _drawn(self, shifts: int, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return values of the observable and the logs of weights, shape (sheets, shifts * count)."""
        x, log_volume = self.lattices.placed(shifts, count, rng)
        points, logs = self.sheets.points(x)
        return self.sheets.observable(points).reshape(logs.shape), logs + log_volume


def _bound(target: OnSlice) -> tuple[tuple[int, ...], tuple[int, ...], FloatArray, FloatArray] | None:
    """Return free parameters, bound ones, shift and slope of their squares; None if there are none."""
    count, dim = target.weights.shape
    if count > _MOST_SIGNS:
        return None
    for bound in itertools.combinations(range(dim), count):
        free = tuple(i for i in range(dim) if i not in bound)
        own, others = target.weights[:, bound], target.weights[:, free]
        if np.linalg.cond(own) > 1.0 / _ROUNDING:
            continue
        shift, slope = (np.linalg.solve(own, right) for right in (2.0 * target.levels, -others))
        if shift.min() > _ROUNDING * np.abs(shift).max() and slope.min(initial=0.0) >= -_ROUNDING:
            return free, bound, np.asarray(shift), np.asarray(np.maximum(slope, 0.0))
    return None
