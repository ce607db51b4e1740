"""Eigenfunctions of the process on the slice u^2 = v^2, killed at theta = 0, by finite elements; see `absorption`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from numpy.polynomial import legendre
from numpy.typing import NDArray

from ..errors import UnsupportedModelError

__all__ = ["Life", "Modes", "mesh"]

FloatArray = NDArray[np.float64]

_ORDER, _NODES = 16, 40
_ROUNDING = 1e-13
_QUIET = 0.02
"""Without a drift P(tau <= t) is exp(-x/2Tt): before 0.02 x/2T it is below exp(-50), and taken for nothing."""


def mesh(end: float, start: float, elements: int) -> FloatArray:
    """Return edges from 0 to `end`: even in theta**(1/2), but the first element ends well before the start.

    Eigenfunctions are smooth at 0, but those of short lives are not, and neither is the survival of a short time: it
    rises from 0 to 1 within T t of 0.
    """
    edges = end * (np.arange(elements + 1) / elements) ** 2
    halvings = max(0, math.ceil(math.log(8.0 * edges[1] / start) / math.log(4.0)))
    return np.concatenate([[0.0], edges[1] * 4.0 ** np.arange(-halvings, 0), edges[1:]])


@dataclass(frozen=True, eq=False)
class Modes:
    """Eigenfunctions as polynomials of order 16 on elements, zero at theta = 0.

    On an element with the coordinate t in [-1, 1] a function is a (1 - t)/2 + b (1 + t)/2 plus a combination of the
    bubbles P_{k+1} - P_{k-1}, which vanish at both ends.
    """

    edges: FloatArray
    loss: Callable[[FloatArray], FloatArray]
    temperature: float
    offset: float
    rates: FloatArray
    series: FloatArray
    """Legendre coefficients (order + 1, elements, modes)."""

    @property
    def end(self) -> float:
        """Where the domain ends."""
        return float(self.edges[-1])

    @classmethod
    def solve(cls, loss: Callable[[FloatArray], FloatArray], T: float, edges: FloatArray, offset: float) -> Modes:
        """Solve 2 T int e^(-l/T) f' g' = mu int e^(-l/T) f g / theta for all g of the space.

        Parameters
        ----------
        loss : callable
            l as a function of theta > 0.
        T : float
            The temperature.
        edges : array
            The ends of the elements.
        offset : float
            What is subtracted from l/T.

        Raises
        ------
        UnsupportedModelError
            If exp(-l/T) vanishes too fast for them.
        """
        basis, slopes, to_series = _element_basis()
        nodes, shares = legendre.leggauss(_NODES)
        elements = edges.size - 1
        size = elements * _ORDER
        stiffness, mass = np.zeros((2, size + 1, size + 1))
        for e in range(elements):
            half = (edges[e + 1] - edges[e]) / 2.0
            theta = edges[e] + half * (1.0 + nodes)
            weight = shares * np.exp(offset - loss(theta) / T)
            places = np.concatenate([[e * _ORDER], e * _ORDER + np.arange(1, _ORDER), [(e + 1) * _ORDER]])
            block = np.ix_(places, places)
            stiffness[block] += 2.0 * T / half * (slopes * weight) @ slopes.T
            mass[block] += half * (basis * (weight / theta)) @ basis.T
        try:
            # Lives and not rates, which may be so large that the rounding of the largest is all of the smallest.
            lives, vectors = scipy.linalg.eigh(mass[1:, 1:], stiffness[1:, 1:])
        except (np.linalg.LinAlgError, ValueError):
            raise UnsupportedModelError(
                f"at T = {T:.6g} the weight exp(-l/T) vanishes too fast for the finite elements; take a higher one"
            ) from None
        lives, vectors = lives[::-1], vectors[:, ::-1]
        known = lives > 0.0  # those that rounding leaves are too short to be seen
        rates = 1.0 / lives[known]
        vectors = np.concatenate([np.zeros((1, rates.size)), vectors[:, known] * np.sqrt(rates)])
        places = np.arange(elements)[:, None] * _ORDER + np.arange(_ORDER + 1)
        series = np.einsum("ks,ekj->sej", to_series, vectors[places])
        return cls(edges, loss, T, offset, rates, series)

    def _values(self, theta: float) -> FloatArray:
        """Return all eigenfunctions at one point."""
        e = int(np.clip(np.searchsorted(self.edges, theta, side="right") - 1, 0, self.edges.size - 2))
        t = 2.0 * (theta - self.edges[e]) / (self.edges[e + 1] - self.edges[e]) - 1.0
        return np.asarray(legendre.legval(float(t), self.series[:, e, :]))

    def rule(self) -> tuple[FloatArray, FloatArray]:
        """Return nodes and weights of a rule for dtheta, a row for each element."""
        nodes, shares = legendre.leggauss(_NODES)
        half = np.diff(self.edges)[:, None] / 2.0
        return self.edges[:-1, None] + half * (1.0 + nodes), half * shares

    def life(self, start: float) -> Life:
        """Return the law of the time of absorption."""
        theta, weight = self.rule()
        nodes, _ = legendre.leggauss(_NODES)
        weight = weight * np.exp(self.offset - self.loss(theta.ravel()).reshape(theta.shape) / self.temperature)
        values = np.einsum("sej,sq->eqj", self.series, legendre.legvander(nodes, _ORDER).T)
        totals = np.einsum("eq,eqj->j", weight / theta, values)
        return Life(self.rates, self._values(start) * totals, _QUIET * start / (2.0 * self.temperature))

    def log_survivors(self, theta: FloatArray) -> FloatArray:
        """Return the log of f_0 e^(-l/T) / |theta|, on the side of 0 on which the process is.

        On the first element f_0/theta is the mean of f_0' over (0, theta), which has no cancellation at 0.
        """
        theta = np.abs(theta)
        first = self.series[:, :, 0]
        e = np.clip(np.searchsorted(self.edges, theta, side="right") - 1, 0, self.edges.size - 2)
        t = 2.0 * (theta - self.edges[e]) / (self.edges[e + 1] - self.edges[e]) - 1.0
        values = legendre.legval(t, first[:, e], tensor=False)
        nodes, shares = legendre.leggauss(_NODES)
        slope = legendre.legder(first[:, 0]) * 2.0 / self.edges[1]
        inside = np.minimum(theta, self.edges[1])[:, None] * (1.0 + nodes) / 2.0
        near = legendre.legval(2.0 * inside / self.edges[1] - 1.0, slope) @ shares / 2.0
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.abs(np.where(e == 0, near, values / theta))
            return np.asarray(np.log(ratio) + self.offset - self.loss(theta) / self.temperature)


def _element_basis() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the values and slopes at the nodes of the functions on an element, and their Legendre coefficients."""
    to_series = np.zeros((_ORDER + 1, _ORDER + 1))
    to_series[0, :2], to_series[-1, :2] = (0.5, -0.5), (0.5, 0.5)
    for k in range(1, _ORDER):
        # Scaled so that the slopes P_k are orthonormal.
        to_series[k, k + 1], to_series[k, k - 1] = (sign / math.sqrt(2.0 * (2 * k + 1)) for sign in (1.0, -1.0))
    nodes, _ = legendre.leggauss(_NODES)
    vander = legendre.legvander(nodes, _ORDER).T
    slopes = legendre.legval(nodes, legendre.legder(to_series.T))
    return np.asarray(to_series @ vander), np.asarray(slopes, dtype=np.float64), to_series


class Life:
    """The law with the survival function sum of b_j exp(-mu_j t), as `Density` wants it.

    Parameters
    ----------
    rates, shares : arrays
        The mu_j, increasing, and the b_j.
    quiet : float
        The time before which nothing is absorbed: there the sum would be one of all modes, of which many are wrong.
    """

    def __init__(self, rates: FloatArray, shares: FloatArray, quiet: float) -> None:
        self.rates, self.shares, self.quiet = rates, shares, quiet

    def total(self, t: FloatArray) -> FloatArray:
        """Return the sum as it is, with its errors."""
        return self._sum(t, self.shares)

    def _sum(self, t: FloatArray, factors: FloatArray) -> FloatArray:
        # In the order from the fastest to the slowest, so that what is large late is added last.
        decay = np.exp(-np.maximum(t, 0.0)[:, None] * self.rates[::-1])
        return np.asarray(decay @ factors[::-1])

    def sf(self, t: FloatArray) -> FloatArray:
        """Return the probability of a longer life."""
        return np.where(t <= self.quiet, 1.0, np.clip(self._sum(t, self.shares), 0.0, 1.0))

    def cdf(self, t: FloatArray) -> FloatArray:
        """Return the probability of a life of at most t."""
        return np.where(t <= self.quiet, 0.0, np.clip(1.0 - self._sum(t, self.shares), 0.0, 1.0))

    def logpdf(self, t: FloatArray) -> FloatArray:
        """Return the log of the density."""
        rate, size = (self._sum(t, factors * self.rates) for factors in (self.shares, np.abs(self.shares)))
        with np.errstate(divide="ignore", invalid="ignore"):
            # Of a life that is short against all rates nothing is left but rounding errors.
            return np.where((t > self.quiet) & (rate > _ROUNDING * size), np.log(rate), -np.inf)

    def ppf(self, q: FloatArray) -> FloatArray:
        """Return the quantile."""
        return self.isf(1.0 - q)

    def isf(self, q: FloatArray) -> FloatArray:
        """Return the upper quantile."""
        return np.array([self._quantile(float(p)) for p in q])

    def _quantile(self, survival: float) -> float:
        if not 0.0 < survival < 1.0:
            return {0.0: math.inf, 1.0: 0.0}.get(survival, math.nan)
        far = (math.log(max(float(np.abs(self.shares).sum()), 1.0)) - math.log(survival) + 1.0) / float(self.rates[0])
        excess: Callable[[float], float] = lambda t: float(self.total(np.array([t]))[0]) - survival  # noqa: E731 - one line, used once
        if not excess(self.quiet) > 0.0:
            return self.quiet
        from scipy.optimize import brentq  # noqa: PLC0415 - slow to import, and only needed here

        return float(brentq(excess, self.quiet, far, xtol=1e-14, rtol=1e-14))

    def mean(self) -> float:
        """Return the mean life."""
        return float(np.sum(self.shares / self.rates))

    def var(self) -> float:
        """Return its variance."""
        return float(np.sum(2.0 * self.shares / self.rates**2)) - self.mean() ** 2

    def support(self) -> tuple[float, float]:
        """Return the ends of the support."""
        return 0.0, math.inf

    def expect(self, func: Any) -> float:
        """Return the expectation of a function."""
        nodes, shares = legendre.leggauss(400)
        survival = (1.0 + nodes) / 2.0
        return float(np.sum(np.asarray(func(self.isf(survival))) * shares) / 2.0)
