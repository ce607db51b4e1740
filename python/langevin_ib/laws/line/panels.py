"""A probability law on the line stored as polynomial panels: its distribution function, quantiles and averages."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

__all__ = [
    "CHECK",
    "CHECKED",
    "LOBATTO",
    "NODES",
    "ORDER",
    "SERIES",
    "TO_COEFFICIENTS",
    "WEIGHTS",
    "Panels",
    "antiderivative",
]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

ORDER = 20
NODES, WEIGHTS = legendre.leggauss(ORDER)
# Row n gives the Legendre coefficient c_n = (2n + 1)/2 sum_j w_j f(t_j) P_n(t_j) of the polynomial through the nodes.
TO_COEFFICIENTS = (np.arange(ORDER)[:, None] + 0.5) * legendre.legvander(NODES, ORDER - 1).T * WEIGHTS
AT_NODES = legendre.legvander(NODES, ORDER - 1)

# Where functions are looked at that may jump or bend: in the ends of a panel, too, since a jump between an end and the
# first node of Gauss would be seen nowhere; and half-way between neighbouring nodes, in every other gap, where the
# series through the nodes is checked.
LOBATTO = -np.cos(np.pi * np.arange(ORDER) / (ORDER - 1))
CHECKED = -np.cos(np.pi * (np.arange(0, ORDER, 2) + 0.5) / (ORDER - 1))
SERIES = np.linalg.inv(legendre.legvander(LOBATTO, ORDER - 1))
CHECK = legendre.legvander(CHECKED, ORDER - 1)

_CHUNK = 2**15  # values that are looked up at once


def antiderivative(coefficients: FloatArray) -> FloatArray:
    """Return the Legendre coefficients of F(t) = integral of f from -1 to t, along the last axis.

    Term by term: the integral of P_n is (P_{n+1} - P_{n-1}) / (2n + 1) for n >= 1, and that of P_0 is P_1 + P_0.
    """
    scaled = coefficients / (2 * np.arange(coefficients.shape[-1]) + 1)
    result = np.zeros((*coefficients.shape[:-1], coefficients.shape[-1] + 1))
    result[..., 1:] += scaled
    result[..., :-2] -= scaled[..., 1:]
    result[..., 0] += coefficients[..., 0]
    return result


def _log_sum(logs: FloatArray) -> float:
    """Return the log of a sum, not all of whose terms are zero."""
    top = float(logs.max())
    return top + math.log(np.exp(logs - top).sum())


@dataclass(frozen=True, eq=False)
class Panels:
    """Adjacent pieces of the line, ordered from left to right, each with a formula for the weight inside it.

    A point of a cell has the coordinate d = |x - origin|. In a *polynomial* cell the weight per log d is a Legendre
    series in t, where log d = centre + sign * half * t and t in [-1, 1] grows with x. In a *power* cell, next to a
    singularity or at the far end, the mass nearer to (kappa > 0) or farther than (kappa < 0) d is proportional to
    d**kappa.

    Parameters
    ----------
    left, right : (n,) arrays
        The ends of the cells.
    origin, sign, centre, half : (n,) arrays
        The coordinate; in power cells `centre` is log of the finite end of d, and `half` is zero.
    kappa : (n,) array
        The exponent of power cells, nan in polynomial cells.
    log_mass : (n,) array
        Log of the integral of the weight over each cell.
    coefficients : (n, ORDER) array
        The Legendre series, scaled to the integral 1 over [-1, 1]; zero in power cells.
    log_error : (n,) array
        Log of a bound on the error of the integral of the weight up to any point of each cell, from its end.
    """

    left: FloatArray
    right: FloatArray
    origin: FloatArray
    sign: FloatArray
    centre: FloatArray
    half: FloatArray
    kappa: FloatArray
    log_mass: FloatArray
    coefficients: FloatArray
    log_error: FloatArray

    @cached_property
    def error(self) -> float:
        """A bound on the absolute error of the distribution function: that of the integrals, and that of adding up."""
        # Twice, because a series may be worse between the points where it was checked than at them.
        of_integrals = 2.0 * float(np.exp(_log_sum(self.log_error) - self.log_total))
        is_added = self.probability > 1e-16
        of_sums = 2e-16 * (16 + np.count_nonzero(is_added)) + self.probability[~is_added].sum()
        return of_integrals + float(of_sums)

    @cached_property
    def log_total(self) -> float:
        """Log of the integral of the weight over everything."""
        return _log_sum(self.log_mass)

    @cached_property
    def probability(self) -> FloatArray:
        """The probability of each cell."""
        return np.exp(self.log_mass - self.log_total)

    @cached_property
    def below(self) -> FloatArray:
        """The probability below each cell, and, at last, 1."""
        cumulated = np.cumsum(self.probability)
        return np.concatenate([[0.0], cumulated / cumulated[-1]])

    @cached_property
    def above(self) -> FloatArray:
        """1 at first, and the probability above each cell."""
        cumulated = np.cumsum(self.probability[::-1])[::-1]
        return np.concatenate([cumulated / cumulated[0], [0.0]])

    @cached_property
    def density_series(self) -> FloatArray:
        """The series, one column for each cell, as `legval` wants them."""
        return np.ascontiguousarray(self.coefficients.T)

    @cached_property
    def integral_series(self) -> FloatArray:
        """Their antiderivatives, from 0 to 1."""
        return np.ascontiguousarray(antiderivative(self.coefficients).T)

    def at(self, cell: IndexArray, t: FloatArray) -> FloatArray:
        """Return the points with coordinates t in polynomial cells."""
        log_distance = self.centre[cell] + self.sign[cell] * self.half[cell] * t
        return np.asarray(self.origin[cell] + self.sign[cell] * np.exp(log_distance))

    @cached_property
    def _rule(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Nodes of the polynomial cells, then one for each power cell with mass; their measure; their probability."""
        smooth = self.half > 0.0
        power = ~smooth & (self.log_mass > -np.inf)
        log_distance = self.centre[smooth, None] + (self.sign * self.half)[smooth, None] * NODES
        values = self.coefficients[smooth] @ AT_NODES.T
        end = np.exp(self.centre[power])
        nodes = self.origin[smooth, None] + self.sign[smooth, None] * np.exp(log_distance)
        measure = self.half[smooth, None] * WEIGHTS * np.exp(log_distance)
        probability = self.probability[smooth, None] * WEIGHTS * values
        return (
            np.concatenate([nodes.ravel(), self.origin[power] + self.sign[power] * end]),
            np.concatenate([measure.ravel(), end / np.abs(self.kappa[power])]),
            np.concatenate([probability.ravel(), self.probability[power]]),
        )

    @property
    def nodes(self) -> FloatArray:
        """Quadrature nodes x, flat."""
        return self._rule[0]

    @property
    def measure(self) -> FloatArray:
        """The weights that belong to `nodes`: sum of measure * f(nodes) approximates the integral of f dx."""
        return self._rule[1]

    @property
    def node_probability(self) -> FloatArray:
        """The probability that the quadrature gives to each of `nodes`."""
        return self._rule[2]

    def cdf(self, x: FloatArray, *, upper: bool = False) -> FloatArray:
        """Return the probability of values <= x, or of values > x if `upper`; x flat, without nan."""
        return self._chunked(lambda part: self._cdf(part, upper=upper), x)

    def _chunked(self, function: Callable[[FloatArray], FloatArray], x: FloatArray) -> FloatArray:
        """Each value needs the series of its cell, so that memory would be twenty times that of a million of them."""
        if x.size <= _CHUNK:
            return function(x)
        return np.concatenate([function(x[k : k + _CHUNK]) for k in range(0, x.size, _CHUNK)])

    def _cdf(self, x: FloatArray, *, upper: bool) -> FloatArray:
        cell = np.clip(np.searchsorted(self.left, x, side="right") - 1, 0, None)
        inside = np.where(x >= self.right[cell], 1.0, np.where(x <= self.left[cell], 0.0, self._fraction(cell, x)))
        # Written so that whole cells sum to exactly 1 in either direction.
        near, far, share = (self.above, 1, 1.0 - inside) if upper else (self.below, 0, inside)
        between = near[cell + far] + self.probability[cell] * share
        return np.where(share == 1.0, near[cell + 1 - far], np.minimum(between, 1.0))

    def _fraction(self, cell: IndexArray, x: FloatArray) -> FloatArray:
        """Return the share of the mass of a cell that lies left of x."""
        with np.errstate(all="ignore"):  # x outside of its cell is sorted out by the caller
            log_distance = np.log(np.abs(x - self.origin[cell]))
            t = self.sign[cell] * (log_distance - self.centre[cell]) / self.half[cell]
            power = np.exp(self.kappa[cell] * (log_distance - self.centre[cell]))
            power = np.where(self.sign[cell] * self.kappa[cell] > 0, power, 1.0 - power)
            series = legendre.legval(np.clip(t, -1.0, 1.0), self.integral_series[:, cell], tensor=False)
        return np.clip(np.where(self.half[cell] > 0.0, series, power), 0.0, 1.0)

    def quantile(self, q: FloatArray, *, upper: bool = False) -> FloatArray:
        """Return x with probability q below it, or above it if `upper`; q flat and strictly between 0 and 1."""
        return self._chunked(lambda part: self._quantile(part, upper=upper), q)

    def _quantile(self, q: FloatArray, *, upper: bool) -> FloatArray:
        last = self.probability.size - 1
        cell: IndexArray
        if upper:
            cell = np.clip(last - np.searchsorted(self.above[-2::-1], q, side="left"), 0, last)
            share = 1.0 - (q - self.above[cell + 1]) / self.probability[cell]
        else:
            cell = np.clip(np.searchsorted(self.below[1:], q, side="left"), 0, last)
            share = (q - self.below[cell]) / self.probability[cell]
        share = np.clip(share, 0.0, 1.0)
        is_panel = self.half[cell] > 0.0
        with np.errstate(all="ignore"):  # the branch that does not apply may overflow
            nearer = np.where(self.sign[cell] * self.kappa[cell] > 0, share, 1.0 - share)
            log_distance = self.centre[cell] + np.log(nearer) / self.kappa[cell]
            inner = cell[is_panel]
            t = self._invert(inner, share[is_panel])
            log_distance[is_panel] = self.centre[inner] + self.sign[inner] * self.half[inner] * t
            distance = np.exp(log_distance)
        return np.clip(self.origin[cell] + self.sign[cell] * distance, self.left[cell], self.right[cell])

    def _invert(self, cell: IndexArray, share: FloatArray) -> FloatArray:
        """Solve F(t) = share inside polynomial cells by Newton steps that fall back to bisection."""
        result: FloatArray = 2.0 * share - 1.0
        todo = np.arange(share.size)
        t, low, high = result.copy(), np.full(share.shape, -1.0), np.full(share.shape, 1.0)
        for _ in range(80):
            density, integral = self.density_series[:, cell[todo]], self.integral_series[:, cell[todo]]
            excess = legendre.legval(t, integral, tensor=False) - share[todo]
            low, high = np.where(excess < 0.0, t, low), np.where(excess > 0.0, t, high)
            step = t - excess / legendre.legval(t, density, tensor=False)
            proposal = np.where((step >= low) & (step <= high), step, 0.5 * (low + high))
            moved = np.abs(proposal - t) > 1e-15
            result[todo] = proposal
            if not moved.any():
                break
            todo, t, low, high = todo[moved], proposal[moved], low[moved], high[moved]
        return result

    def moment(self, power: int, centre: float) -> float:
        """Return E (x - centre)**power; inf if it diverges at one end only or is even, else nan."""
        panels = slice(0, ORDER * int(np.count_nonzero(self.half > 0.0)))
        total = float(np.sum(self.node_probability[panels] * (self.nodes[panels] - centre) ** power))
        for i in np.flatnonzero(np.isfinite(self.kappa) & (self.probability > 0.0)):
            kappa, end, sign = float(self.kappa[i]), math.exp(self.centre[i]), float(self.sign[i])
            if kappa > 0.0:  # next to a special point: the whole cell is narrower than any digit of x
                total += float(self.probability[i]) * (float(self.origin[i]) - centre) ** power
            elif kappa + power >= 0.0:
                total += sign**power * math.inf
            else:
                total += float(self.probability[i]) * (sign * end) ** power * kappa / (kappa + power)
        return total
