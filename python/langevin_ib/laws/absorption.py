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

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import checked_real
from ..deadline import DEFAULT_TIMEOUT, within
from ..errors import InvalidArgumentError, NotNormalizableError, UnsupportedModelError
from ..geometry import aligned
from ..model import Model
from ..model.expressions import compiled
from ..temperature import resolve_temperature
from .families import Block
from .integrals import log_integrals
from .line import Density
from .survival import Life, Modes, mesh

__all__ = ["Absorption", "absorption_time"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

_ELEMENTS = 20, 28
"""Everything is done twice: what differs is the error."""

_MOST, _MISMATCH = 1e-6, 1e-6
"""The largest error of a law that is returned, and how far its mean may be from the double integral."""

_DROP = 60.0  # the domain ends where exp(-l/T) has fallen by exp(-60)
_NEAREST = 1e-100  # a start may be so far from 0, and the inverse of that
_SHORTEST = 1e-9  # or this share of the domain


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
    timeout: float | None = DEFAULT_TIMEOUT,
) -> Absorption:
    """Return how the product model is absorbed at theta = 0 under `GaugeFixed(level=0)`.

    Parameters
    ----------
    model : Model
        The product model, theta = u v or a multiple of u v, with a loss that confines theta; or what is one in other
        coordinates, such as the diagonal network w = u² - v².
    start : float
        Where theta (or w) starts; not 0. It keeps its sign until it is absorbed.
    beta, sigma, temperature : float, optional
        The temperature, see `resolve_temperature`.
    timeout : float or None
        The seconds after which it is refused; None for no limit.

    Returns
    -------
    Absorption
        Mean, rate and laws; each law says how exactly it is known, mostly to ten digits.

    Raises
    ------
    InvalidArgumentError
        If the model is another one, or `start` is 0.
    NotNormalizableError
        If the loss does not confine theta.
    UnsupportedModelError
        If the law of the time is not known to 1e-6: the start is so rare a place under exp(-l/T), or so near to 0, that
        the sum over eigenfunctions is one of huge terms, or the loss has kinks or jumps.
    OutOfTimeError
        If it takes longer than `timeout`; an UnsupportedModelError, too.

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
    plain = _aligned(model) if isinstance(model, Model) else None
    block = None if plain is None else Block.recognise(plain)
    if plain is None or block is None or not block.is_scalar:
        raise InvalidArgumentError(
            "absorption is known for the product model theta = u v with its scaling symmetry, and for a diagonal "
            'network of one coordinate; of others sample it, with GaugeFixed(level=0.0, at_zero="absorb")'
        )
    if model.confinement != 0:
        raise UnsupportedModelError("absorption with a confinement of the model is not known; put it into the loss")
    return within(
        timeout,
        lambda: _absorbed(plain, block, start, T),
        what=f"absorption from theta = {start:.6g}",
        remedy='sample it with GaugeFixed(level=0.0, at_zero="absorb")',
    )


def _aligned(model: Model) -> Model | None:
    try:
        return aligned(model) if model.symmetries else model
    except UnsupportedModelError:
        return None


def _unit(model: Model, block: Block) -> float:
    """Return the predictor in units of u v, if it is a multiple of that; else 1."""
    kinds = [block.kind(expression) for expression in model.predictor.values()]
    return kinds[0][1] if len(kinds) == 1 and kinds[0][0] == "theta" else 1.0


def _absorbed(model: Model, block: Block, start: float, T: float) -> Absorption:
    unit = _unit(model, block)
    loss, product = _loss_of_theta(model, block, math.copysign(1.0, start / unit)), abs(start / unit)
    end, offset = _domain(loss, T, product)
    if product < _SHORTEST * end:
        raise UnsupportedModelError(
            f"start={start!r} is too near to 0 beside the values up to {end * abs(unit):.3g} that theta takes; give a "
            "larger one"
        )
    coarse, fine = (Modes.solve(loss, T, mesh(end, product, elements), offset) for elements in _ELEMENTS)
    lives = coarse.life(product), fine.life(product)
    mean = _mean(loss, T, product, end)
    error = _error_of_lives(*lives)
    if not error < _MOST or not abs(lives[1].mean() / mean - 1.0) < _MISMATCH:
        raise UnsupportedModelError(
            f"the law of the time of absorption from theta = {start:.6g} at T = {T:.6g} is not known to better than "
            f"{min(error, 1.0):.1g}: the start is a rare place under exp(-l/T) or too near to 0, or the loss is rough; "
            'start elsewhere, raise the temperature, or sample it with GaugeFixed(level=0.0, at_zero="absorb")'
        )
    name = f"gauge-fixed dynamics of level 0, T = {T:.12g}"
    time = Density(
        f"time of absorption from theta = {start:.12g} under {name}", "d t", "quadrature", None, lives[1], error
    )
    survivors = Density.from_log_weight(
        partial(_scaled, fine.log_survivors, unit),
        name=f"quasi-stationary law given survival under {name}",
        reference="d theta",
        support=(0.0, end * abs(unit)) if start > 0.0 else (-end * abs(unit), 0.0),
        error=_error_of_survivors(coarse, fine),
    )
    return Absorption(start, mean, float(fine.rates[0]), time, survivors)


def _scaled(log_weight: Callable[[FloatArray], FloatArray], unit: float, theta: FloatArray) -> FloatArray:
    return log_weight(theta / unit)


def _error_of_lives(coarse: Life, fine: Life) -> float:
    """Return the error of P(tau > t) at any t: what two meshes differ by, and the rounding of a sum of large terms."""
    longest = max(60.0 / float(fine.rates[0]), 2.0 * fine.quiet)
    times = np.geomspace(fine.quiet, longest, 500)
    totals = coarse.total(times), fine.total(times)
    off = max(float(np.abs(totals[0] - totals[1]).max()), abs(1.0 - float(totals[1][0])))
    return 2.0 * off + 1e-15 * float(np.abs(fine.shares).sum()) + 1e-13


def _error_of_survivors(coarse: Modes, fine: Modes) -> float:
    """Return the distance in total variation of the laws of two meshes, doubled."""
    theta, weight = (each.ravel() for each in fine.rule())
    with np.errstate(all="ignore"):
        laws = [weight * np.exp(modes.log_survivors(theta)) for modes in (coarse, fine)]
    return float(np.abs(laws[0] / laws[0].sum() - laws[1] / laws[1].sum()).sum()) + 1e-13


def _loss_of_theta(model: Model, block: Block, sign: float) -> Callable[[FloatArray], FloatArray]:
    """Return l as a function of |theta|, on the sheet u > 0."""
    loss = compiled(model.loss, model.parameters, model.data)

    # u is the root of |theta|, v that with the sign of theta.
    factors = tuple({block.left[0]: 1.0, block.right[0]: sign}[x] for x in model.parameters)
    return partial(_loss_at, loss, factors)


def _loss_at(loss: Callable[..., FloatArray], factors: tuple[float, ...], theta: FloatArray) -> FloatArray:
    root = np.sqrt(theta)
    return loss(*(factor * root for factor in factors))


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
