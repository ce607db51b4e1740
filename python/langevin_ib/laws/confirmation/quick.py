"""Whether lattices confirm a law at once: yes, or nothing is said."""

from __future__ import annotations

import math
from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

from ..line import Density
from .importance import is_trusted
from .quantiles import quantiles
from .rules import LineByLine, PointByPoint, Rule
from .sheets import SheetBySheet
from .structure import structure
from .target import Target

__all__ = ["is_confirmed_at_once"]

FloatArray = NDArray[np.float64]

_MOST_DIMENSIONS = 6
"""Of more parameters a lattice is no better than draws, unless the weight is Gaussian in most of them."""

_PILOT, _BATCHES = 2048, 24
_DEVIATIONS = 5.0
_NOWHERE = 1e-6
"""The probability with which the observable may have no value."""

_SMALLEST = 2e-4
"""What a standard error is taken for at least: what is outside of the box counts."""


_AGAIN, _DEVIATIONS_AGAIN = 0.0032, 3.0
_MOST_KNOWN = 64
_KNOWN: dict[Hashable, SheetBySheet | LineByLine | PointByPoint] = {}
"""Where the mass of a structure was."""


def is_confirmed_at_once(law: Density, target: Target, rng: np.random.Generator) -> bool:
    """Return whether lattices agree with a law, and are exact enough to tell.

    They agree if no probability below 23 values of the observable differs by more than five standard errors, of
    `target.wanted` at most: that is less than what `require_confirmation` lets pass. A law of the same structure as one
    that was confirmed in this process, with other numbers, may have standard errors twice as large, and three of them.
    """
    if not target.fills_space:
        return False
    is_large = len(target.parameters) > _MOST_DIMENSIONS
    key = structure(target)
    known = _KNOWN.get(key)
    again = None if known is None else known.again(target, rng)
    if again is not None and _agrees(law, max(target.wanted, _AGAIN), again, rng, _DEVIATIONS_AGAIN):
        return True
    for search in (PointByPoint.in_blocks,) if is_large else (SheetBySheet.of, LineByLine.of, PointByPoint.of):
        rule = search(target, rng)
        if rule is not None and _agrees(law, target.wanted, rule, rng):
            if key is not None:
                if len(_KNOWN) >= _MOST_KNOWN:
                    _KNOWN.clear()
                _KNOWN[key] = rule
            return True
    return False


def _agrees(law: Density, wanted: float, rule: Rule, rng: np.random.Generator, deviations: float = _DEVIATIONS) -> bool:
    values, logs = rule.pilot(_PILOT, rng)
    places, top = quantiles(values, logs), logs.max(initial=-np.inf)
    if places.size < 2:
        return False
    expected = np.append(np.asarray(law.cdf(places)), 1.0)
    sums, weights = np.zeros((0, places.size + 2)), np.zeros(0)
    for made in range(1, _BATCHES + 1):
        fresh, single = rule.sums(places, top, rng)
        sums, weights = np.vstack([sums, fresh]), np.append(weights, single)
        total = sums[:, -1]
        if not (np.isfinite(total).all() and total.sum() > 0.0):
            return False
        shares = sums[:, :-1].sum(axis=0) / total.sum()
        spread = np.square(sums[:, :-1] - shares * total[:, None]).sum(axis=0)
        errors = np.sqrt(spread * len(total) / (len(total) - 1.0)) / total.sum()
        if errors.max() <= wanted:
            # Far out little is seen, and the spread tells little.
            bars = np.maximum(errors, max(errors.max() / 4.0, _SMALLEST))
            agree = bool((np.abs(shares - expected) <= law.error + deviations * bars).all())
            return agree and 1.0 - shares[-1] < _NOWHERE and is_trusted(weights)
        if errors.max() > wanted * math.sqrt(1.5 * _BATCHES / made):
            break
    return False
