"""Rules on unit spheres, for functions that know all directions and for functions that know only a few."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, roots_gegenbauer, roots_jacobi

__all__ = ["Sphere"]

FloatArray = NDArray[np.float64]
Rows = tuple[tuple[float, ...], ...]

_ALONG = 1e-12
"""What is left of a direction that is that of a coordinate."""

_HIGHEST = 1024
"""Gauss rules for weights that are no constants are not made of higher order."""


@dataclass(frozen=True)
class Sphere:
    """The unit sphere of R**dim.

    Parameters
    ----------
    dim : int
        0 stands for no sphere at all.
    known : tuple of tuple of float, optional
        Orthonormal vectors: functions depend on the components along these alone, dim - 2 at most. None: on all.

    Notes
    -----
    With k known directions a point is r omega + sqrt(1 - r²) e, omega in the unit sphere of these k, and e in that of
    the others, of which one point is enough. The area is r**(k - 1) (1 - r²)**((dim - k - 2)/2) dr domega de.
    """

    dim: int
    known: Rows | None = None

    @property
    def angles(self) -> int:
        """How many integrals are left."""
        return max(self.dim - 1, 0) if self.known is None else len(self.known)

    def without(self, place: int) -> Sphere:
        """Return the sphere of all coordinates but one, and what functions know there that also know this one."""
        if self.known is None:
            return Sphere(self.dim - 1)
        rest = np.delete(np.array(self.known).reshape(-1, self.dim), place, axis=1)
        _, length, rows = np.linalg.svd(rest, full_matrices=False)
        known = rows[length > _ALONG]
        few = len(known) <= self.dim - 3
        return Sphere(self.dim - 1, tuple(map(tuple, known.tolist())) if few else None)

    @property
    def highest(self) -> int:
        """The highest order of a rule."""
        return _HIGHEST if self.known else 2**30

    def rule(self, order: int) -> tuple[FloatArray, FloatArray]:
        """Return nodes (K, dim) and weights (K,) of a rule that converges geometrically for analytic functions."""
        if self.known is None:
            return _full(self.dim, order)
        return _zonal(self.dim, self.known, order)


@lru_cache(maxsize=64)
def _full(dim: int, order: int) -> tuple[FloatArray, FloatArray]:
    """Return two points for dim = 1; evenly spaced angles for dim = 2, and these times a Gauss-Legendre rule for 3."""
    if dim == 0:
        return np.empty((1, 0)), np.ones(1)
    if dim == 1:
        return np.array([[1.0], [-1.0]]), np.ones(2)
    circle = _circle(order)
    if dim == 2:
        return circle, np.full(order, 2.0 * math.pi / order)
    height, share = np.polynomial.legendre.leggauss(order // 2)
    radius = np.sqrt(1.0 - height**2)
    nodes = np.concatenate(
        [np.broadcast_to(height[:, None, None], (height.size, order, 1)), radius[:, None, None] * circle], axis=2
    )
    return nodes.reshape(-1, 3), np.repeat(share * 2.0 * math.pi / order, order)


@lru_cache(maxsize=64)
def _zonal(dim: int, known: Rows, order: int) -> tuple[FloatArray, FloatArray]:
    basis, count = np.array(known).reshape(-1, dim), len(known)
    others = np.linalg.qr(basis.T, mode="complete")[0][:, count]
    if count == 0:
        return others[None, :], np.array([_area(dim)])
    if count == 1:
        height, share = roots_gegenbauer(order, (dim - 2) / 2.0)
        nodes = height[:, None] * basis[0] + np.sqrt(1.0 - height**2)[:, None] * others
        return nodes, share * _area(dim - 1)
    power = (dim - 4) / 2.0
    # In u = r² = (1 + x)/2: an average over the circle is a smooth function of r².
    x, share = roots_jacobi(order // 2, power, 0.0)
    radius, rest = np.sqrt((1.0 + x) / 2.0), np.sqrt((1.0 - x) / 2.0)
    circle = _circle(order) @ basis
    nodes = radius[:, None, None] * circle + rest[:, None, None] * others
    weights = np.repeat(share * 2.0 ** (-power - 2.0) * (2.0 * math.pi / order) * _area(dim - 2), order)
    return nodes.reshape(-1, dim), weights


def _circle(order: int) -> FloatArray:
    angle = (np.arange(order) + 0.5) / order * 2.0 * math.pi
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _area(dim: int) -> float:
    """Return the area of the unit sphere of R**dim: 2 for dim = 1, two points."""
    return 2.0 * math.exp(dim / 2.0 * math.log(math.pi) - float(gammaln(dim / 2.0)))
