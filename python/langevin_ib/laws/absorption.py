r"""What the product model does on the slice u^2 = v^2, where it has no stationary law: it is absorbed at theta = 0.

Gauge-fixed dynamics on that slice is, for theta > 0 and exactly in continuous time,

    dtheta = -2 theta l'(theta) dt + sqrt(4 T theta) dW,      generator  A f = 2 T e^(l/T) theta (e^(-l/T) f')',

which reaches 0 with probability one and stays (the noise is a Bessel process of dimension 0 in arc length). With f = 0
at 0 the eigenfunctions A f_j = -mu_j f_j are orthogonal for the measure e^(-l/T) dtheta/theta, and for a start at x

    P(tau > t) = sum_j b_j e^(-mu_j t),   b_j = f_j(x) int f_j e^(-l/T) dtheta/theta.

Given that it has not been absorbed, theta tends to the quasi-stationary law f_0 e^(-l/T)/theta dtheta, from which the
rest of its life is exponential with the rate mu_0. The mean life is a double integral, computed on its own:
E tau = int_0^x e^(l/T) dy int_y^inf e^(-l/T) dz / (2 T z).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import scipy.linalg
from numpy.polynomial import legendre
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from ..checks import checked_real
from ..errors import InvalidArgumentError, NotNormalizableError, UnsupportedModelError
from ..model import Model
from ..model.expressions import compiled
from ..temperature import resolve_temperature
from .families import Block
from .integrals import log_integrals
from .line import Density

__all__ = ["Absorption", "absorption_time"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

_ORDER, _NODES, _ELEMENTS = 16, 40, 24
_ROUNDING = 1e-13
_ERROR = 1e-9  # of the distribution functions: the modes have about ten digits
_DROP = 60.0  # the domain ends where exp(-l/T) has fallen by exp(-60)
_NEAREST = 1e-100  # a start may be so far from 0, and the inverse of that


@dataclass(frozen=True, eq=False)
class Absorption:
    """How theta = u v is absorbed at 0 on the slice u**2 = v**2.

    Attributes
    ----------
    start : float
        Where theta starts.
    mean : float
        The mean of the time of absorption, by the double integral.
    rate : float
        The rate mu_0 at which survivors are absorbed in the end.
    time : Density
        The law of the time of absorption, with respect to dt.
    survivors : Density
        The quasi-stationary law of theta, with respect to dtheta: that of those who are left after a long time.
    """

    start: float
    mean: float
    rate: float
    time: Density
    survivors: Density

    def survival(self, t: ArrayLike) -> FloatArray:
        """Return the probability that theta has not been absorbed by the time t."""
        return self.time.sf(t)


def absorption_time(
    model: Model,
    start: float,
    *,
    beta: float | None = None,
    sigma: float | None = None,
    temperature: float | None = None,
) -> Absorption:
    """Return how the product model is absorbed at theta = 0 under `GaugeFixed(level=0)`.

    Parameters
    ----------
    model : Model
        The product model, theta = u v, with a loss that confines theta.
    start : float
        Where theta starts; not 0. It keeps its sign until it is absorbed.
    beta, sigma, temperature : float, optional
        The temperature, see `resolve_temperature`.

    Returns
    -------
    Absorption
        Mean, rate and laws; they have about ten digits.

    Raises
    ------
    InvalidArgumentError
        If the model is another one, or `start` is 0.
    NotNormalizableError
        If the loss does not confine theta.

    Examples
    --------
    >>> from langevin_ib import models
    >>> absorbed = absorption_time(models.scalar_product(), 1.0, temperature=0.3)
    >>> print(f"{absorbed.mean:.5f} {absorbed.rate:.10f}")
    4.55516 0.2525488046
    """
    T = resolve_temperature(beta, sigma, temperature)
    start = checked_real("start", start)
    if start == 0.0:
        raise InvalidArgumentError("start=0.0 is where theta is absorbed; give another value")
    if not _NEAREST < abs(start) < 1.0 / _NEAREST:
        raise InvalidArgumentError(
            f"start={start!r} is out of range: its size must be between {_NEAREST:g} and {1.0 / _NEAREST:g}; rescale "
            "theta"
        )
    block = Block.recognise(model) if isinstance(model, Model) else None
    if block is None or not block.is_scalar:
        raise InvalidArgumentError("absorption is known for the product model theta = u v with its scaling symmetry")
    if model.confinement != 0:
        raise UnsupportedModelError("absorption with a confinement of the model is not known; put it into the loss")
    sign = math.copysign(1.0, start)
    loss = _loss_of_theta(model, block, sign)
    modes = _Modes.solve(loss, T, abs(start))
    name = f"gauge-fixed dynamics of level 0, T = {T:.12g}"
    life = _Life(*modes.life(abs(start)))
    time = Density(
        f"time of absorption from theta = {start:.12g} under {name}", "d t", "quadrature", None, life, _ERROR
    )
    survivors = Density.from_log_weight(
        modes.log_survivors,
        name=f"quasi-stationary law given survival under {name}",
        reference="d theta",
        support=(0.0, modes.end) if sign > 0.0 else (-modes.end, 0.0),
        error=_ERROR,
    )
    return Absorption(start, _mean(loss, T, abs(start), modes.end), float(modes.rates[0]), time, survivors)


def _loss_of_theta(model: Model, block: Block, sign: float) -> Callable[[FloatArray], FloatArray]:
    """Return l as a function of |theta|, on the sheet u > 0."""
    loss = compiled(model.loss, model.parameters, model.data)

    # u is the root of |theta|, v that with the sign of theta.
    factors = tuple({block.left[0]: 1.0, block.right[0]: sign}[x] for x in model.parameters)
    return partial(_loss_at, loss, factors)


def _loss_at(loss: Callable[..., FloatArray], factors: tuple[float, ...], theta: FloatArray) -> FloatArray:
    root = np.sqrt(theta)
    return loss(*(factor * root for factor in factors))


@dataclass(frozen=True, eq=False)
class _Modes:
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
    def solve(cls, loss: Callable[[FloatArray], FloatArray], T: float, start: float) -> _Modes:
        """Solve 2 T int e^(-l/T) f' g' = mu int e^(-l/T) f g / theta for all g of the space."""
        end, offset = _domain(loss, T, start)
        # Elements get shorter towards 0, where eigenfunctions are smooth, but those of short lives are not.
        edges = end * (np.arange(_ELEMENTS + 1) / _ELEMENTS) ** 2
        basis, slopes, to_series = _element_basis()
        nodes, shares = legendre.leggauss(_NODES)
        size = _ELEMENTS * _ORDER
        stiffness, mass = np.zeros((2, size + 1, size + 1))
        for e in range(_ELEMENTS):
            half = (edges[e + 1] - edges[e]) / 2.0
            theta = edges[e] + half * (1.0 + nodes)
            weight = shares * np.exp(offset - loss(theta) / T)
            places = np.concatenate([[e * _ORDER], e * _ORDER + np.arange(1, _ORDER), [(e + 1) * _ORDER]])
            block = np.ix_(places, places)
            stiffness[block] += 2.0 * T / half * (slopes * weight) @ slopes.T
            mass[block] += half * (basis * (weight / theta)) @ basis.T
        try:
            rates, vectors = scipy.linalg.eigh(stiffness[1:, 1:], mass[1:, 1:])
        except (np.linalg.LinAlgError, ValueError):
            raise UnsupportedModelError(
                f"at T = {T:.6g} the weight exp(-l/T) vanishes too fast for the finite elements; take a higher one"
            ) from None
        vectors = np.concatenate([np.zeros((1, size)), vectors])
        places = np.arange(_ELEMENTS)[:, None] * _ORDER + np.arange(_ORDER + 1)
        series = np.einsum("ks,ekj->sej", to_series, vectors[places])
        return cls(edges, loss, T, offset, rates, series)

    def _values(self, theta: float) -> FloatArray:
        """Return all eigenfunctions at one point."""
        e = int(np.clip(np.searchsorted(self.edges, theta, side="right") - 1, 0, _ELEMENTS - 1))
        t = 2.0 * (theta - self.edges[e]) / (self.edges[e + 1] - self.edges[e]) - 1.0
        return np.asarray(legendre.legval(float(t), self.series[:, e, :]))

    def life(self, start: float) -> tuple[FloatArray, FloatArray]:
        """Return the rates mu_j and the shares b_j of P(tau > t)."""
        nodes, shares = legendre.leggauss(_NODES)
        half = np.diff(self.edges)[:, None] / 2.0
        theta = self.edges[:-1, None] + half * (1.0 + nodes)
        weight = half * shares * np.exp(self.offset - self.loss(theta.ravel()).reshape(theta.shape) / self.temperature)
        values = np.einsum("sej,sq->eqj", self.series, legendre.legvander(nodes, _ORDER).T)
        totals = np.einsum("eq,eqj->j", weight / theta, values)
        return self.rates, self._values(start) * totals

    def log_survivors(self, theta: FloatArray) -> FloatArray:
        """Return the log of f_0 e^(-l/T) / |theta|, on the side of 0 on which the process is.

        On the first element f_0/theta is the mean of f_0' over (0, theta), which has no cancellation at 0.
        """
        theta = np.abs(theta)
        first = self.series[:, :, 0]
        e = np.clip(np.searchsorted(self.edges, theta, side="right") - 1, 0, _ELEMENTS - 1)
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


def _domain(loss: Callable[[FloatArray], FloatArray], T: float, start: float) -> tuple[float, float]:
    """Return where exp(-l/T) has died out, and the log of its maximum, negative."""
    grid = np.geomspace(1e-6 * min(start, 1.0), 1e12 * max(start, 1.0), 4000)
    with np.errstate(all="ignore"):
        values = loss(grid) / T
    values = np.where(np.isnan(values), np.inf, values)
    lowest = float(values.min())
    alive = np.flatnonzero(values < lowest + _DROP)
    if alive[-1] == grid.size - 1:
        raise NotNormalizableError(
            "the loss does not confine theta: it may run away to infinity and never be absorbed; use one that grows"
        )
    # Far enough for the start too, even where it is a rare place to be in.
    edge = grid[alive[-1] + 1] if grid[alive[-1]] > start else 1.5 * start
    return float(edge), lowest


def _mean(loss: Callable[[FloatArray], FloatArray], T: float, start: float, end: float) -> float:
    """E tau = int_0^x e^(l/T) dy int_y^end e^(-l/T) dz / (2 T z), both in logarithms of y and z."""

    def inner(row: IndexArray, z: FloatArray) -> FloatArray:
        return -loss(np.exp(z)) / T

    def outer(row: IndexArray, y: FloatArray) -> FloatArray:
        low = y.ravel()
        tail = log_integrals(inner, low, np.full(low.shape, math.log(end)))
        return tail.reshape(y.shape) + loss(np.exp(y)) / T + y

    high = np.array([math.log(start)])
    return float(np.exp(log_integrals(outer, high - 45.0, high)[0])) / (2.0 * T)


class _Life:
    """The law with the survival function sum of b_j exp(-mu_j t), as `Density` wants it."""

    def __init__(self, rates: FloatArray, shares: FloatArray) -> None:
        self.rates, self.shares = rates, shares

    def _sum(self, t: FloatArray, factors: FloatArray) -> FloatArray:
        # In the order from the fastest to the slowest, so that what is large late is added last.
        decay = np.exp(-np.maximum(t, 0.0)[:, None] * self.rates[::-1])
        return np.asarray(decay @ factors[::-1])

    def sf(self, t: FloatArray) -> FloatArray:
        return np.where(t <= 0.0, 1.0, np.clip(self._sum(t, self.shares), 0.0, 1.0))

    def cdf(self, t: FloatArray) -> FloatArray:
        return np.where(t <= 0.0, 0.0, np.clip(1.0 - self._sum(t, self.shares), 0.0, 1.0))

    def logpdf(self, t: FloatArray) -> FloatArray:
        rate, size = (self._sum(t, factors * self.rates) for factors in (self.shares, np.abs(self.shares)))
        with np.errstate(divide="ignore", invalid="ignore"):
            # Of a life that is short against all rates nothing is left but rounding errors.
            return np.where((t > 0.0) & (rate > _ROUNDING * size), np.log(rate), -np.inf)

    def ppf(self, q: FloatArray) -> FloatArray:
        return self.isf(1.0 - q)

    def isf(self, q: FloatArray) -> FloatArray:
        return np.array([self._quantile(float(p)) for p in q])

    def _quantile(self, survival: float) -> float:
        if not 0.0 < survival < 1.0:
            return {0.0: math.inf, 1.0: 0.0}.get(survival, math.nan)
        far = (math.log(max(float(np.abs(self.shares).sum()), 1.0)) - math.log(survival) + 1.0) / float(self.rates[0])
        excess: Callable[[float], float] = lambda t: float(self._sum(np.array([t]), self.shares)[0]) - survival  # noqa: E731 - one line, used once
        return float(brentq(excess, 0.0, far, xtol=1e-14, rtol=1e-14))

    def mean(self) -> float:
        return float(np.sum(self.shares / self.rates))

    def var(self) -> float:
        return float(np.sum(2.0 * self.shares / self.rates**2)) - self.mean() ** 2

    def support(self) -> tuple[float, float]:
        return 0.0, math.inf

    def expect(self, func: Any) -> float:
        nodes, shares = legendre.leggauss(400)
        survival = (1.0 + nodes) / 2.0
        return float(np.sum(np.asarray(func(self.isf(survival))) * shares) / 2.0)
