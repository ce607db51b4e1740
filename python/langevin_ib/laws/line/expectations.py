"""Averages over a law that is stored as panels: of any piecewise smooth function, or a refusal where there is none."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from ...errors import InfiniteMomentError
from .averages import Average, Function, Weighted
from .panels import Panels

__all__ = ["expectation", "require_moment", "tail_message"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

_MARGIN = 1e-3
"""A tail |x|**-a with a - 1 below this has as much beyond all doubles as within."""

_DECAY = 45.0  # exp(-45) of what is in a tail is left out
_LARGEST = 690.0  # the log of the largest distance that is looked at
_PIECE = 1.5  # of log d, in tails
_HEAVY, _FIRST_PIECES = 1e-8, 6
_NOTHING = 1e-17
_ENVELOPE = np.linspace(0.0, 1.0, 9)


def require_moment(cells: Panels, order: float, what: str) -> None:
    """Refuse a moment that does not exist.

    Raises
    ------
    InfiniteMomentError
        If a tail falls off too slowly; names its exponent.
    """
    exponents = [math.inf, math.inf]
    for cell in _powers(cells):
        if cells.kappa[cell] < 0.0:
            exponents[int(cells.sign[cell] > 0.0)] = 1.0 - float(cells.kappa[cell])
    if min(exponents) <= order + 1.0 + _MARGIN:
        raise InfiniteMomentError(tail_message(what, (exponents[0], exponents[1]), order))


def tail_message(what: str, exponents: tuple[float, float], order: float) -> str:
    """Say that a moment does not exist because of the exponents a of the tails |x|**-a on both sides."""
    lowest = min(exponents)
    sides = [side for side, a in zip(("-infinity", "+infinity"), exponents, strict=True) if a < lowest + 0.01]
    return (
        f"{what} does not exist: towards {' and '.join(sides)} the density falls off only like |x|**-a with "
        f"a = {lowest:.3g}, and it needs a > {order + 1.0:.3g}; median() and interval() exist, and so do the moments "
        "of conditioned([(lo, hi)]) with finite ends"
    )


def expectation(cells: Panels, function: Function) -> float:
    """Return E f for a vectorised f.

    In each cell the product of f and of the density is developed in a series, and the cell is halved where that does
    not converge, down to the place where f jumps. In a tail, and next to 0, f is followed as far as it matters.

    Raises
    ------
    InvalidArgumentError
        If f is nan where the law has mass, or returns another shape.
    InfiniteMomentError
        If E f does not exist, because f grows too fast in a tail or at a pole, or is too rough to be averaged.
    """
    average = _OverCells(function, cells=cells)
    average.add_panels()
    for cell in _powers(cells):
        average.add_power(int(cell))
    return average.value()


def _powers(cells: Panels) -> IndexArray:
    return np.flatnonzero((cells.half == 0.0) & (cells.probability > 0.0))


@dataclass
class _OverCells(Average):
    """The average over a law that is stored as panels."""

    cells: Panels = field(kw_only=True)

    def add_panels(self) -> None:
        cells = self.cells
        series = cells.density_series

        def weighted(cell: IndexArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
            density = np.maximum(legendre.legval(t.T, series[:, cell][:, None, :], tensor=False).T, 0.0)
            log_distance = cells.centre[cell, None] + (cells.sign * cells.half)[cell, None] * t
            x = cells.origin[cell, None] + cells.sign[cell, None] * np.exp(log_distance)
            return x, density * cells.probability[cell, None]

        (light,) = np.nonzero((cells.half > 0.0) & (cells.probability > 0.0) & (cells.probability <= _HEAVY))
        (heavy,) = np.nonzero((cells.half > 0.0) & (cells.probability > _HEAVY))
        # The law is smooth in a cell, but what is averaged may be a narrow window.
        edges = np.linspace(-1.0, 1.0, _FIRST_PIECES + 1)
        low = np.concatenate([np.tile(edges[:-1], heavy.size), -np.ones(light.size)])
        high = np.concatenate([np.tile(edges[1:], heavy.size), np.ones(light.size)])
        self.add(weighted, np.concatenate([np.repeat(heavy, _FIRST_PIECES), light]), low, high)
        self._doubt_ends(weighted)

    def _doubt_ends(self, weighted: Weighted) -> None:
        """Doubt what f is worth where the law was not followed any further."""
        cells = self.cells
        (cut,) = np.nonzero((cells.half == 0.0) & (cells.kappa < 0.0) & (cells.probability == 0.0))
        sign = cells.sign[cut]
        last = np.clip(cut - sign.astype(np.intp), 0, cells.half.size - 1)
        is_panel = cells.half[last] > 0.0
        x, density = weighted(last[is_panel], sign[is_panel, None])
        self.doubt += float(np.sum(np.abs(self.values(x, density)) * density / cells.half[last[is_panel], None]))

    def add_power(self, cell: int) -> None:
        """Add a cell with a power law, in the logarithm v of the distance."""
        cells = self.cells
        kappa, end, probability = (float(a[cell]) for a in (cells.kappa, cells.centre, cells.probability))
        origin, sign, outward = float(cells.origin[cell]), float(cells.sign[cell]), -math.copysign(1.0, kappa)

        def weighted(_: IndexArray, v: FloatArray) -> tuple[FloatArray, FloatArray]:
            return origin + sign * np.exp(v), probability * abs(kappa) * np.exp(kappa * (v - end))

        # Next to another point than 0 the cell is narrower than anything that x could tell.
        room = 0.0 if origin != 0.0 and kappa > 0.0 else max(_LARGEST - outward * end, 0.0)
        if self._is_nothing(weighted, end, outward, room):
            return
        growth = self._growth(lambda v: origin + sign * np.exp(v), end, outward, room)
        rate = kappa + growth if kappa < 0.0 else -(kappa + growth)
        if rate >= -_MARGIN:
            raise InfiniteMomentError(self._refusal(kappa, growth, origin, upper=sign > 0.0))
        reach = min(_DECAY / -rate, room)
        if reach <= 0.0:
            x = np.array([[origin + sign * math.exp(end)]])
            value = float(self.values(x, np.full((1, 1), probability))[0, 0]) * probability
            self.total, self.size = self.total + value, self.size + abs(value)
            return
        edges = end + outward * np.linspace(0.0, reach, 1 + math.ceil(reach / _PIECE))
        low, high = np.minimum(edges[1:], edges[:-1]), np.maximum(edges[1:], edges[:-1])
        self.add(weighted, np.zeros(low.size, dtype=np.intp), low, high)
        x, density = weighted(np.zeros(1, dtype=np.intp), edges[-1:, None])
        self.doubt += float(np.abs(self.values(x, density) * density)[0, 0]) / -rate

    def _is_nothing(self, weighted: Weighted, end: float, outward: float, room: float) -> bool:
        """Return whether f would have to be very rough in a cell to be worth anything, and doubt that it is not."""
        x, density = weighted(np.zeros(1, dtype=np.intp), end + outward * np.linspace(0.0, room, 33)[None])
        with np.errstate(all="ignore"):
            worth = float(np.max(np.abs(self.values(x, density)) * density)) * max(room, 1.0)
        if not worth <= _NOTHING * self.size:
            return False
        self.doubt += worth
        return True

    def _growth(self, x: Callable[[FloatArray], FloatArray], end: float, outward: float, room: float) -> float:
        """Return b in |f| ~ d**b, measured between the envelopes of f near and far."""
        # Where there is no room farther on, inside of the neighbouring panels.
        places = end + outward * np.array([0.0, min(room - 1.0, 200.0) if room > 2.0 else -4.0])
        v = places[:, None] + outward * _ENVELOPE
        with np.errstate(all="ignore"):
            size = np.abs(self.values(x(v), np.ones_like(v))).max(axis=1)
            growth = np.diff(np.log(np.maximum(size, 1e-300)))[0] / np.diff(places)[0]
        return float(growth)

    def _refusal(self, kappa: float, growth: float, origin: float, *, upper: bool) -> str:
        if kappa < 0.0:
            exponents = (math.inf, 1.0 - kappa) if upper else (1.0 - kappa, math.inf)
            return tail_message(f"E func(x), where func grows like |x|**{growth:.3g},", exponents, growth)
        return (
            f"E func(x) does not exist: at {origin:g} func grows like (distance)**{growth:.4g}, and the density goes "
            f"like (distance)**{kappa - 1.0:.4g}; condition on a set that excludes a neighbourhood of it"
        )
