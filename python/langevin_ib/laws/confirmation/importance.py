"""Importance sampling of a weight on R**d: independent draws from a mixture that is fitted to the weight in rounds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .mixture import Mixture
from .population import LogWeight, cooled

__all__ = ["Proposal", "fitted_proposal", "is_trusted", "resampled", "tail_exponent"]

FloatArray = NDArray[np.float64]

_POPULATIONS = (1024, 4096)
_COMPONENTS = (48, 12, 150)
_ROUNDS, _FIRST, _LARGEST = 5, 4096, 16384
_GOOD, _FAIR = 0.4, 0.1
"""The share of effective draws with which the search for a better proposal ends: at once, and after a second try."""

_DEFENCE, _WIDER = 0.05, 3.0
"""This share of the draws comes from one component that is so many times wider than everything that was seen."""

_POOR = 0.05

_TRUSTED = 0.7
_HARMLESS = 1e-3
"""Where no draw has more than this share of the weight, the tail of the weights does not matter."""


@dataclass(frozen=True, eq=False)
class _Coordinates:
    """Coordinates y in which proposals are drawn: x / scale, or asinh(x / scale).

    In the second hyperbolas are nearly straight, and what falls off like a power of y falls off more slowly than any
    power of x.
    """

    scale: FloatArray
    is_curved: bool

    def forth(self, x: FloatArray) -> FloatArray:
        y = x / self.scale
        return np.arcsinh(y) if self.is_curved else y

    def back(self, y: FloatArray) -> FloatArray:
        return self.scale * (np.sinh(y) if self.is_curved else y)

    def log_volume(self, y: FloatArray) -> FloatArray:
        """Return the log of dx/dy."""
        stretch = self.scale * (np.cosh(y) if self.is_curved else np.ones_like(y))
        return np.asarray(np.log(stretch).sum(axis=1))


@dataclass(frozen=True, eq=False)
class Proposal:
    """Where to draw from.

    Parameters
    ----------
    effective : float
        The share of effective draws that was met, sum(w)**2 / sum(w**2) / n.
    """

    log_weight: LogWeight
    coordinates: _Coordinates
    mixture: Mixture
    effective: float = 0.0

    def draw(self, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return independent points x, shape (count, d), and the logs of their weights."""
        y, log_weights = self.drawn(count, rng)
        return self.coordinates.back(y), log_weights

    def drawn(self, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return the same in the coordinates y."""
        with np.errstate(all="ignore"):
            y = self.mixture.draw(count, rng)
            logs = self.log_weight(self.coordinates.back(y)) + self.coordinates.log_volume(y)
            logs = logs - self.mixture.log_density(y)
        return y, np.where(np.isfinite(logs), logs, -np.inf)


def fitted_proposal(
    log_weight: LogWeight, dim: int, rng: np.random.Generator, guide: LogWeight | None = None
) -> Proposal | None:
    """Search for a proposal; None if the weight was nothing wherever it was looked at.

    Parameters
    ----------
    log_weight : callable
        See `LogWeight`.
    dim : int
        d.
    rng : numpy.random.Generator
        What it draws from.
    guide : callable, optional
        A weight that leads to where the other one is, if that is nothing nearly everywhere.
    """
    best: Proposal | None = None
    for size in _POPULATIONS:
        points = cooled(log_weight if guide is None else guide, dim, size, rng)
        if points is None:
            continue
        for components in _COMPONENTS:
            for coordinates in _both(points):
                found = _adapted(log_weight, coordinates, points, components, rng)
                if found is not None and (best is None or found.effective > best.effective):
                    best = found
                if best is not None and best.effective > _GOOD:
                    return best
            if best is not None and best.effective > _FAIR:
                return best
    return best


def _both(points: FloatArray) -> list[_Coordinates]:
    with np.errstate(all="ignore"):
        middle, spread = np.median(np.abs(points), axis=0), points.std(axis=0)
    usable = np.isfinite(spread) & (spread > 0.0)
    return [
        _Coordinates(np.maximum(middle, 1e-300), True),
        *([_Coordinates(spread, False)] if usable.all() else []),
    ]


def _adapted(
    log_weight: LogWeight, coordinates: _Coordinates, points: FloatArray, components: int, rng: np.random.Generator
) -> Proposal | None:
    """Fit a mixture to points, then to what is drawn from it, by weight, as long as that helps."""
    y, count, best = coordinates.forth(points), _FIRST, None
    for _ in range(_ROUNDS):
        mixture = Mixture.fit(y, components, rng).with_defence(y, _DEFENCE, _WIDER)
        drawn, logs = Proposal(log_weight, coordinates, mixture).drawn(count, rng)
        if not np.isfinite(logs).any():
            return best
        weights = np.exp(logs - logs.max())
        effective = float(weights.sum() ** 2 / np.square(weights).sum() / count)
        if best is None or effective > best.effective:
            best = Proposal(log_weight, coordinates, mixture, effective)
        if effective > _GOOD:
            break
        fresh = drawn[resampled(weights, 4 * len(points), rng)]
        # Of a few draws with nearly all of the weight no covariance can be taken.
        y = np.concatenate([y, np.unique(fresh, axis=0)]) if effective < _POOR else fresh
        count = min(2 * count, _LARGEST)
    return best


def resampled(weights: FloatArray, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return so many indices in proportion to weights, evenly spread."""
    places = (np.arange(count) + rng.random()) / count
    return np.minimum(np.searchsorted(np.cumsum(weights) / weights.sum(), places), weights.size - 1)


def is_trusted(weights: FloatArray) -> bool:
    """Return whether averages with these weights, and their error bars, may be trusted."""
    return bool(weights.max() <= _HARMLESS * weights.sum()) or tail_exponent(weights) <= _TRUSTED


def tail_exponent(weights: FloatArray) -> float:
    """Return k of the generalised Pareto law of the largest weights: moments of order 1/k and more do not exist.

    By the estimator of Zhang and Stephens (Technometrics 51 (2009) 316), drawn to 1/2 a little, as Vehtari, Simpson,
    Gelman, Yao and Gabry have it (arXiv 1507.02646): below 0.7 averages and their error bars may be trusted.
    """
    count = int(min(0.2 * weights.size, 3.0 * math.sqrt(weights.size)))
    top = np.sort(weights)[-count - 1 :]
    excess = top[1:] - top[0]
    excess = excess[excess > 1e-300]
    if excess.size < 20:
        return 0.0  # many equal weights
    n = int(excess.size)
    grid = 30 + int(math.sqrt(n))
    k = np.arange(1, grid + 1)
    theta = 1.0 / excess[-1] + (1.0 - np.sqrt(grid / (k - 0.5))) / (3.0 * excess[int(n / 4 + 0.5) - 1])
    shape = np.mean(np.log1p(-theta[:, None] * excess), axis=1)
    with np.errstate(all="ignore"):
        likelihood = n * (np.log(-theta / shape) - shape - 1.0)
        trust = 1.0 / np.exp(likelihood[None, :] - likelihood[:, None]).sum(axis=1)
    mean = float(np.nansum(theta * trust) / np.nansum(trust))
    found = float(np.log1p(-mean * excess).sum())
    return (found + 5.0) / (n + 10.0)
