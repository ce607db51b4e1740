"""How constraints are solved for parameters of their own, and what density that leaves in coordinates y.

*Scalings.* For chi = (sum_i w_i x_i²) / 2 = c let P be parameters with weights of one sign, |x_P|² = sum_P |w_i| x_i²;
the constraint is |x_P| = rho, a function of the other parameters. So delta(chi - c) dx = rho**(m - 2) d(direction)
dx_rest, m = |P|. The direction is that of y in R**m, whose length has a law of its own: a normal one, or, so that y is
near x, one of e = |y| / rho with a log-normal shape h(e); dy rho**-2 h(e) has the directions of that measure.

*GL(r).* The constraints are UᵀU - VᵀV = D, with a symmetric matrix D of levels. Let V have n >= r rows and Q = UᵀU - D
= RᵀR, R being upper triangular. V = B R with orthonormal columns B, on which delta(chi - c) dU dV is uniform, times
det Q**((n - r - 1) / 2) dU, Wishart's density. B is that of Y = B R' in R**(n r), whose entries have a normal law.

*Translations.* With orthonormal directions the slice is flat: what y has along them is replaced, and has a normal law.

All constants are left out: what is replaced has the same mass whatever the other parameters are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from ...geometry import GeneralLinear

__all__ = ["Constraints", "Factors", "Lengths", "Shifts", "Step", "Triangle", "cross_of", "log_det_of", "root_of"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_WIDTH = 0.35
"""Of log e: wide enough for a mixture to follow, and no wider than a slice is bent."""


class Step(Protocol):
    """Constraints that are solved for some parameters."""

    def place(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Set these in points x, shape (n, dim), where the others are set; return the logs of the weight."""
        ...


class Constraints(Protocol):
    """Constraints that are to be solved together."""

    @property
    def touched(self) -> set[int]:
        """The parameters that they depend on."""
        ...

    def solved(self, taken: set[int]) -> Step | None:
        """Return them solved for parameters that are not `taken` by other constraints, if that can be done."""
        ...


@dataclass(frozen=True, eq=False)
class Lengths:
    """The constraint of a scaling.

    Parameters
    ----------
    weights : array, shape (dim,)
        Its weights w.
    level : float
        c.
    is_near : bool
        Whether y is near x; else its law does not depend on rho, and is no funnel where that vanishes.
    """

    weights: FloatArray
    level: float
    is_near: bool

    @property
    def touched(self) -> set[int]:
        """The parameters that it moves."""
        return set(np.flatnonzero(self.weights).tolist())

    def solved(self, taken: set[int]) -> Step | None:
        """Return it solved for all parameters with weights of one sign."""
        # With the sign of the level the length is never zero.
        for sign in (1.0, -1.0) if self.level >= 0.0 else (-1.0, 1.0):
            block = np.flatnonzero(sign * self.weights > 0.0)
            if block.size and taken.isdisjoint(block.tolist()):
                others = np.array(-sign * self.weights)
                others[block] = 0.0
                return _Length(block, np.abs(self.weights[block]), others, 2.0 * self.level * sign, self.is_near)
        return None


@dataclass(frozen=True, eq=False)
class _Length:
    """rho² = constant + sum_i others_i x_i² is sum_P weights_i x_i²."""

    places: IntArray
    weights: FloatArray
    others: FloatArray
    constant: float
    is_near: bool

    def place(self, x: FloatArray, y: FloatArray) -> FloatArray:
        rho = np.sqrt(self.constant + np.square(x) @ self.others)
        length = np.sqrt(np.square(y[:, self.places]) @ self.weights)
        x[:, self.places] = y[:, self.places] * (rho / length)[:, None]
        if self.is_near:
            return np.asarray(-2.0 * np.log(rho) - np.square(np.log(length / rho) / _WIDTH) / 2.0)
        return np.asarray((len(self.places) - 2.0) * np.log(rho) - np.square(length) / 2.0)


@dataclass(frozen=True, eq=False)
class Factors:
    """The constraints UᵀU - VᵀV = D of GL(r).

    Parameters
    ----------
    left, right : array of int, shapes (m, r) and (n, r)
        The places of the entries of U and V.
    levels : array, shape (r, r)
        D.
    """

    left: IntArray
    right: IntArray
    levels: FloatArray

    @classmethod
    def of(cls, group: GeneralLinear, forms: Sequence[scipy.sparse.csr_array], levels: Sequence[float]) -> Factors:
        """Return them by the matrices of the constraints chi_a = xᵀ S_a x / 2 = tr(B_a (UᵀU - VᵀV)) / 2."""
        left, right = np.array(group.u), np.array(group.v)
        first = left[0]
        bases = np.array([form[first][:, first].toarray() for form in forms])
        # Both D and the B_a are symmetric, and the B_a span these.
        upper = np.triu_indices(len(first))
        twice = np.where(upper[0] == upper[1], 1.0, 2.0)
        solved = np.linalg.solve(bases[:, upper[0], upper[1]] * twice, 2.0 * np.array(levels))
        matrix = np.zeros((len(first), len(first)))
        matrix[upper] = solved
        return cls(left, right, matrix + np.triu(matrix, 1).T)

    @property
    def touched(self) -> set[int]:
        """The entries of both."""
        return {int(i) for side in (self.left, self.right) for i in side.ravel()}

    def solved(self, taken: set[int]) -> Step | None:
        """Return them solved for the factor with more rows, or for the other one."""
        sides = [(self.right, self.left, -self.levels), (self.left, self.right, self.levels)]
        for own, other, added in sorted(sides, key=lambda side: -len(side[0])):
            rank = own.shape[1]
            # Without levels both have to have full rank.
            rows = len(own) if self.levels.any() else min(len(own), len(other))
            if rows >= rank and taken.isdisjoint(own.ravel().tolist()):
                return _Factor(own, other, added)
        return None


@dataclass(frozen=True, eq=False)
class _Factor:
    """VᵀV = UᵀU + added, solved for V = `own`, U being the `other`."""

    own: IntArray
    other: IntArray
    added: FloatArray

    def place(self, x: FloatArray, y: FloatArray) -> FloatArray:
        there, here = (cross_of(values, side) for values, side in ((x, self.other), (y, self.own)))
        wanted = root_of(
            [[entry + add for entry, add in zip(*rows, strict=True)] for rows in zip(there, self.added, strict=True)]
        )
        change = _divided(wanted, root_of(here))  # V = Y change
        logs = np.zeros(len(x))
        rows, rank = self.own.shape
        for row in self.own:
            entries = [y[:, place] for place in row]
            for j, place in enumerate(row):
                x[:, place] = sum(entries[k] * change[k][j] for k in range(j + 1))
                logs -= np.square(entries[j]) / 2.0
        return np.asarray(logs + (rows - rank - 1.0) * sum(np.log(wanted[i][i]) for i in range(rank)))


@dataclass(frozen=True, eq=False)
class Shifts:
    """The constraints a . x = c of translations.

    Parameters
    ----------
    directions : array, shape (k, dim)
        The a.
    levels : array, shape (k,)
        The c.
    """

    directions: FloatArray
    levels: FloatArray

    @property
    def touched(self) -> set[int]:
        """The parameters that they move."""
        return set(np.flatnonzero(np.abs(self.directions).max(axis=0)).tolist())

    @cached_property
    def _orthonormal(self) -> tuple[FloatArray, FloatArray]:
        basis, triangle = np.linalg.qr(self.directions.T)
        return basis, np.linalg.solve(triangle.T, self.levels)

    def solved(self, taken: set[int]) -> Step | None:
        """Return them: what is replaced lies along the directions, whatever else is."""
        return self if taken.isdisjoint(self.touched) else None

    def place(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Set what lies along the directions."""
        basis, levels = self._orthonormal
        off = y @ basis - levels
        x -= off @ basis.T
        return np.asarray(-np.square(off).sum(axis=1) / 2.0)


Triangle = list[list[FloatArray]]
"""A matrix for each of n points, entry by entry: of triangles nobody reads what is zero."""


def cross_of(points: FloatArray, side: IntArray) -> Triangle:
    """Return the upper triangle of FᵀF for a factor F."""
    rank = side.shape[1]
    square = [[np.zeros(0)] * rank for _ in range(rank)]
    for i in range(rank):
        for j in range(i, rank):
            square[i][j] = np.asarray(sum(points[:, row[i]] * points[:, row[j]] for row in side))
    return square


def root_of(square: Triangle) -> Triangle:
    """Return the upper triangular R with RᵀR = S; NaN where S is not positive."""
    rank = len(square)
    root = [[np.zeros(0)] * rank for _ in range(rank)]
    for i in range(rank):
        for j in range(i, rank):
            rest = square[i][j] - sum(root[k][i] * root[k][j] for k in range(i))
            root[i][j] = np.sqrt(rest) if i == j else rest / root[i][i]
    return root


def log_det_of(square: Triangle) -> FloatArray:
    """Return log det S of symmetric matrices; NaN where one is not positive."""
    return np.asarray(2.0 * sum(np.log(row[i]) for i, row in enumerate(root_of(square))))


def _divided(top: Triangle, bottom: Triangle) -> Triangle:
    """Return B⁻¹ A of upper triangular matrices A, B."""
    rank = len(top)
    found = [[np.zeros(0)] * rank for _ in range(rank)]
    for j in range(rank):
        for i in reversed(range(j + 1)):
            rest = top[i][j] - sum(bottom[i][k] * found[k][j] for k in range(i + 1, j + 1))
            found[i][j] = rest / bottom[i][i]
    return found
