"""Points that follow a weight roughly, found from nothing: a population that is cooled down from all scales at once.

It starts as log-normal in every coordinate, over 26 orders of magnitude, and goes by tempered weights p0**(1 - b) w**b
to the weight w, resampled whenever its effective size has halved, with Metropolis moves in between (annealed sequential
Monte Carlo; Del Moral, Doucet and Jasra, J. R. Stat. Soc. B 68 (2006) 411). Moves are differences of other members, so
they have the shape and the scale of the population (ter Braak, Stat. Comput. 16 (2006) 239), both in x, to cross zero,
and in log x, to follow hyperbolas. What comes out is only used to place proposals.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["LogWeight", "cooled"]

FloatArray = NDArray[np.float64]
LogWeight = Callable[[FloatArray], FloatArray]
"""Takes points, shape (n, d); returns the logs of the weight with respect to dx, -inf where it is nothing."""

_SMALLEST = 1e-6
_WIDTH = 15.0  # of asinh(x / _SMALLEST), as it starts
_MOST_STAGES = 80
_MOVES = 5
_LAST_MOVES = 25
_HALF = 0.5


def cooled(log_weight: LogWeight, dim: int, size: int, rng: np.random.Generator) -> FloatArray | None:
    """Return points, shape (size, dim), or None if the weight was nothing wherever it was looked at."""
    logs = rng.normal(0.0, _WIDTH, (size, dim))
    x = _SMALLEST * np.sinh(logs)
    state = _State(log_weight, x, log_weight(x), rng)
    for _ in range(_MOST_STAGES):
        if not np.isfinite(state.target).any():
            return None
        finished = state.cool()
        for _ in range(_LAST_MOVES if finished else _MOVES):
            state.move()
        if finished:
            return state.x
    return state.x


class _State:
    """The population at an inverse temperature b, with the logs of w and of p0 with respect to dx."""

    def __init__(self, log_weight: LogWeight, x: FloatArray, target: FloatArray, rng: np.random.Generator) -> None:
        self.log_weight, self.x, self.target, self.rng = log_weight, x, target, rng
        self.base = _log_base(x)
        self.b = 0.0

    def cool(self) -> bool:
        """Go to the largest b at which half of the population counts, and resample; return whether it is 1."""
        gain = np.where(np.isfinite(self.target), self.target - self.base, -np.inf)
        low, high = 0.0, 1.0 - self.b
        if _effective(high * gain) < _HALF:
            for _ in range(50):
                middle = (low + high) / 2.0
                low, high = (middle, high) if _effective(middle * gain) >= _HALF else (low, middle)
            high = max(low, 1e-12)
        weight = np.exp(high * gain - np.max(high * gain))
        places = (np.arange(len(gain)) + self.rng.random()) / len(gain)
        chosen = np.searchsorted(np.cumsum(weight) / weight.sum(), places)
        chosen = np.minimum(chosen, len(gain) - 1)
        self.x, self.target, self.base = self.x[chosen], self.target[chosen], self.base[chosen]
        self.b = min(self.b + high, 1.0)
        return self.b >= 1.0 - 1e-9

    def move(self) -> None:
        """Propose all kinds of moves once, in turn."""
        size, dim = self.x.shape
        rng = self.rng
        one, other = (rng.integers(size, size=size) for _ in range(2))
        some = rng.random((size, dim)) < rng.choice([1.0 / dim, 0.5, 1.0], (size, 1))
        some[np.arange(size), rng.integers(dim, size=size)] = True
        length = (
            2.38 / np.sqrt(2.0 * some.sum(axis=1, keepdims=True)) * 10.0 ** -rng.choice([0.0, 0.3, 1.0, 2.0], (size, 1))
        )
        jitter = 1.0 + 0.1 * rng.standard_normal((size, 1))
        self._accept(self.x + np.where(some, length * jitter * (self.x[one] - self.x[other]), 0.0), 0.0)
        logs = np.arcsinh(self.x / _SMALLEST)
        moved = logs + np.where(some, length * jitter * (logs[one] - logs[other]), 0.0)
        fresh = _SMALLEST * np.sinh(moved)
        self._accept(fresh, _log_stretch(fresh) - _log_stretch(self.x))
        flips = np.where(rng.random((size, dim)) < 0.5, -1.0, 1.0)
        self._accept(self.x * flips, 0.0)

    def _accept(self, fresh: FloatArray, log_volume: FloatArray | float) -> None:
        target, base = self.log_weight(fresh), _log_base(fresh)
        with np.errstate(invalid="ignore"):
            gain = self.b * (target - self.target) + (1.0 - self.b) * (base - self.base) + log_volume
        taken = np.log(self.rng.random(len(gain))) < gain
        self.x = np.where(taken[:, None], fresh, self.x)
        self.target, self.base = np.where(taken, target, self.target), np.where(taken, base, self.base)


def _log_stretch(x: FloatArray) -> FloatArray:
    """Return the log of dx / d asinh(x / smallest)."""
    return np.asarray(np.log(np.hypot(x, _SMALLEST)).sum(axis=1))


def _log_base(x: FloatArray) -> FloatArray:
    logs = np.arcsinh(x / _SMALLEST)
    return np.asarray(-np.square(logs / _WIDTH).sum(axis=1) / 2.0 - _log_stretch(x))


def _effective(logs: FloatArray) -> float:
    """Return the effective share of a sample with these weights."""
    weights = np.exp(logs - logs.max())
    return float(weights.sum() ** 2 / np.square(weights).sum() / len(logs))
