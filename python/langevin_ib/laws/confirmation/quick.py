"""Whether lattices in a box confirm a law at once: yes, or nothing is said."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..line import Density
from .importance import is_trusted
from .lattice import Lattices
from .quantiles import quantiles
from .target import Target

__all__ = ["is_confirmed_at_once"]

FloatArray = NDArray[np.float64]

_MOST_DIMENSIONS = 6
"""Of more parameters a lattice is no better than draws."""

_PILOT = 4096
_SHIFTS, _POINTS, _BATCHES = 16, 2048, 10
_ENTRIES = 2**14
"""Arrays of that size stay in the cache: twice as fast as all shifts at once."""

_DEVIATIONS = 5.0
_NOWHERE = 1e-6
"""The probability with which the observable may have no value."""

_SMALLEST = 2e-4
"""What a standard error is taken for at least: what is outside of the box counts."""


def is_confirmed_at_once(law: Density, target: Target, rng: np.random.Generator) -> bool:
    """Return whether lattices agree with a law, and are exact enough to tell.

    They agree if no probability below 23 values of the observable differs by more than five standard errors, of
    `target.wanted` at most: that is less than what `require_confirmation` lets pass.
    """
    dim = len(target.parameters)
    if dim > _MOST_DIMENSIONS or not target.fills_space:
        return False
    log_weight, guide = target.conditioned()
    box = Lattices.about(log_weight if guide is None else guide, dim, rng)
    if box is None:
        return False
    box = Lattices(log_weight, box.edges, box.scale)
    observable = target.function(target.observable)
    values, logs = _drawn(box, observable, 1, _PILOT, rng)
    places, top = quantiles(values, logs), logs.max(initial=-np.inf)
    if places.size < 2:
        return False
    expected = np.append(np.asarray(law.cdf(places)), 1.0)
    sums, weights = np.zeros((0, places.size + 2)), np.zeros(0)
    for made in range(1, _BATCHES + 1):
        values, logs = _drawn(box, observable, _SHIFTS, _POINTS, rng)
        with np.errstate(over="ignore"):
            fresh = np.exp(logs - top)
        # What has no value is not below any place, and is missed below infinity.
        cells = np.where(np.isnan(values), places.size + 1, np.searchsorted(places, values, side="left"))
        rows = np.repeat(np.arange(_SHIFTS), _POINTS) * (places.size + 2) + cells
        counted = np.bincount(rows, fresh, minlength=_SHIFTS * (places.size + 2))
        sums = np.vstack([sums, counted.reshape(_SHIFTS, -1)])
        weights = np.concatenate([weights, fresh])
        total = sums.sum(axis=1)
        if not (np.isfinite(total).all() and total.sum() > 0.0):
            return False
        below = np.cumsum(sums, axis=1)[:, :-1]
        found = below.sum(axis=0) / total.sum()
        spread = np.square(below - found * total[:, None]).sum(axis=0)
        errors = np.sqrt(spread * len(total) / (len(total) - 1.0)) / total.sum()
        if errors.max() <= target.wanted:
            # Far out little is seen, and the spread tells little.
            bars = np.maximum(errors, max(errors.max() / 4.0, _SMALLEST))
            agree = bool((np.abs(found - expected) <= law.error + _DEVIATIONS * bars).all())
            return agree and 1.0 - found[-1] < _NOWHERE and is_trusted(weights)
        if errors.max() > target.wanted * math.sqrt(1.5 * _BATCHES / made):
            return False
    return False


def _drawn(
    box: Lattices, observable: Callable[[FloatArray], FloatArray], shifts: int, points: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    values, logs = [], []
    at_once = max(1, _ENTRIES // (points * len(box.scale)))
    for first in range(0, shifts, at_once):
        x, here = box.draw(min(at_once, shifts - first), points, rng)
        seen = np.isfinite(here)
        values.append(np.full(here.shape, np.nan))
        values[-1][seen] = observable(x[seen])
        logs.append(here)
    return np.concatenate(values), np.concatenate(logs)
