"""Adaptive averages of piecewise smooth functions over laws whose density is known in some coordinate."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...checks import shown
from ...errors import InfiniteMomentError, InvalidArgumentError
from .panels import CHECK, CHECKED, LOBATTO, ORDER, SERIES

__all__ = ["Average", "Function", "Weighted"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]
Function: TypeAlias = Callable[[FloatArray], ArrayLike]
Weighted: TypeAlias = Callable[[IndexArray, FloatArray], tuple[FloatArray, FloatArray]]
"""Takes numbers of pieces (n,) and a coordinate (n, k); returns x and the probability per unit of the coordinate."""

_NARROWEST = 1e-14
_MOST_ROUNDS, _MOST_PIECES = 60, 40_000
_DOUBT = 1e-6
"""An average that is not known to this share of E|f| does not exist, or is one of noise."""

_PLACES = np.concatenate([LOBATTO, CHECKED])


@dataclass
class Average:
    """E f so far, E |f|, and what may be wrong with the first.

    Parameters
    ----------
    function : callable
        f, vectorised.
    """

    function: Function
    total: float = 0.0
    size: float = 0.0
    doubt: float = 0.0

    def value(self) -> float:
        """Return E f.

        Raises
        ------
        InfiniteMomentError
            If it is not known: it does not exist, or f is too rough to be averaged.
        """
        if not (self.doubt <= _DOUBT * self.size < math.inf):
            raise InfiniteMomentError(
                "E func(x) does not exist, or func is too rough for it: it grows as fast as the law decays, has a pole "
                "where the law has mass, does not come to rest in a tail, or is noise; condition the law on a set on "
                "which func is bounded and smooth"
            )
        return self.total

    def values(self, x: FloatArray, density: FloatArray) -> FloatArray:
        """Return f, and 0 where there is no mass."""
        seen = density > 0.0
        with np.errstate(over="ignore"):
            found = np.asarray(self.function(x[seen]))
        if found.dtype.kind not in "biuf":
            raise InvalidArgumentError(f"func returned {shown(found)}; it must return real numbers")
        found = found.astype(np.float64)
        if found.shape not in {(), (int(seen.sum()),)}:
            raise InvalidArgumentError(
                f"func returned the shape {found.shape} for {int(seen.sum())} points; it must be vectorised"
            )
        values = np.zeros(x.shape)
        values[seen] = found
        if np.isnan(values).any():
            raise InvalidArgumentError(
                f"func is nan at x = {x[np.isnan(values)][0]:.6g}, where the law has mass; condition the law on a set "
                "on which func is defined"
            )
        return values

    def add(self, weighted: Weighted, which: IndexArray, low: FloatArray, high: FloatArray) -> None:
        """Add the average over pieces between two values of the coordinate, halving them where that does not converge.

        Raises
        ------
        InvalidArgumentError
            If f is nan where the law has mass, or returns another shape.
        """
        scale, pieces = self.size, 0
        for remaining in range(_MOST_ROUNDS, 0, -1):
            if not which.size:
                return
            centre, half = (low + high) / 2.0, (high - low) / 2.0
            x, density = weighted(which, centre[:, None] + half[:, None] * _PLACES)
            with np.errstate(all="ignore"):
                g = self.values(x, density) * density * half[:, None]
                coefficients = g[:, :ORDER] @ SERIES.T
                deviation = np.abs(coefficients @ CHECK.T - g[:, ORDER:]).max(axis=1)
                doubt = 2.0 * np.maximum(np.abs(coefficients[:, -3:]).max(axis=1), deviation)
            doubt = np.where(np.isnan(doubt), np.inf, doubt)
            size = 2.0 * np.abs(g).mean(axis=1)
            scale = max(scale, self.size + float(size[np.isfinite(size)].sum()))
            settled = doubt <= 1e-15 * scale + 1e-13 * np.abs(g).max(axis=1)
            settled |= half <= _NARROWEST
            pieces += which.size
            settled |= (remaining == 1) | (pieces > _MOST_PIECES)
            self.total += float(2.0 * coefficients[settled, 0].sum())
            self.size += float(size[settled].sum())
            self.doubt += float(doubt[settled].sum())
            again, middle = ~settled, centre[~settled]
            which = np.concatenate([which[again], which[again]])
            low, high = np.concatenate([low[again], middle]), np.concatenate([middle, high[again]])
