"""`density(..., method="sampling")`: a law by importance sampling, with a bound on what it is wrong by."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import sympy
from numpy.typing import NDArray

from ...errors import UnsupportedModelError
from ...process import Ambient
from ..confirmation import Target, conditioned, fitted_proposal, tail_exponent
from ..line import Density
from ..plane import require_broken_symmetry
from ..remedies import RUNS
from ..request import LawRequest
from .chart import SliceChart
from .draws import DrawnValues

__all__ = ["sampled_law"]

FloatArray = NDArray[np.float64]

_SEED = 20260117
_BATCH, _FEWEST_BATCHES = 2**14, 32
_WANTED, _MOST = 8e-4, 2.5e-3
"""The standard errors that it goes on for, and that it puts up with."""

_MOST_DRAWS = 4.0
"""In units of what a confirmation draws at most."""

_DEVIATIONS = 5.0
"""The distribution function is uncertain by so many of its largest standard errors.

With 32 batches one value is off by more than five standard errors twice in 10**5 laws, and the largest of all values, a
supremum of a Brownian bridge, less than ten times as often.
"""

_KEPT = 2**16
_TRUSTED, _HARMLESS = 0.7, 1e-3
_FAR = 1e3


@dataclass(frozen=True)
class _SliceTarget(Target):
    """The same on a slice: points are coordinates of its chart."""

    chart: SliceChart | None = None

    def function(self, expression: sympy.Expr) -> Callable[[FloatArray], FloatArray]:
        """Return an expression as a function of coordinates, shape (n, d)."""
        direct, chart = super().function(expression), self.chart
        return direct if chart is None else lambda y: direct(chart.point(y))

    def log_weight(self) -> Callable[[FloatArray], FloatArray]:
        """Return the log of the weight of exp(-V/T), and of the measure on the slice."""
        direct, chart = super().log_weight(), self.chart
        if chart is None:
            return direct

        def log_weight(y: FloatArray) -> FloatArray:
            logs = chart.log_weight(y)
            seen = np.isfinite(logs)
            logs[seen] += direct(y[seen])
            return np.where(np.isnan(logs), -np.inf, logs)

        return log_weight


def sampled_law(asked: LawRequest) -> Density:
    """Return a law that is known by independent draws.

    Points are drawn independently from a mixture that was fitted to the weight, and count by weight over mixture. That
    shares nothing with a run but the model: no walkers, no steps, no compiled loop.

    Parameters
    ----------
    asked : LawRequest
        What was asked.

    Returns
    -------
    Density
        With `error` from the spread of independent batches.

    Raises
    ------
    NotNormalizableError
        If the potential is constant along orbits.
    UnsupportedModelError
        If the draws are worth too little, or the mass seems to be infinite; if the slice is not one of scalings.
    """
    target = _target(asked)
    rng = np.random.default_rng(_SEED)
    log_weight, guide = conditioned(target)
    with np.errstate(over="ignore"):  # of points that run away to infinity, where the mass is infinite
        proposal = fitted_proposal(log_weight, len(target.parameters), rng, guide)
    if proposal is None:
        raise _doubted(asked, "no mass was found")
    observable, sizes = target.function(target.observable), target.function(_square(target))
    batches = _Batches(asked)
    most = int(_MOST_DRAWS * target.most_draws / _BATCH)
    while len(batches) < _FEWEST_BATCHES or batches.may_reach(_WANTED, _MOST, most):
        y, logs = proposal.draw(_BATCH, rng)
        seen = np.isfinite(logs)
        if seen.any():
            batches.add(observable(y[seen]), sizes(y[seen]), logs[seen])
    law, error = batches.law()
    found = Density(asked.name, asked.reference, "sampling", None, law, error)
    return found if asked.intervals is None else found.conditioned(asked.intervals)


def _target(asked: LawRequest) -> _SliceTarget:
    model = asked.model
    shell = None if asked.shell is None else (model.observable(asked.shell[0]), *asked.shell[1:])
    common = (asked.expression, model.parameters, model.data, asked.T, shell)
    place = asked.process.slice
    if place is None:
        if isinstance(asked.dynamics, Ambient):
            require_broken_symmetry(asked)
        return _SliceTarget(asked.process.potential, *common)
    # Fixman's term is not a part of V here: it is the measure delta(chi - c) dx.
    return _SliceTarget(model.potential(), *common, SliceChart.of(place, is_rigid=asked.is_rigid))


def _square(target: Target) -> sympy.Expr:
    return sympy.Add(*(x**2 for x in target.parameters))


class _Batches:
    """Independent batches of weighted draws: values of the observable, squared distances from 0, logs of weights."""

    def __init__(self, asked: LawRequest) -> None:
        self.asked = asked
        self.values: list[FloatArray] = []
        self.squares: list[FloatArray] = []
        self.logs: list[FloatArray] = []
        self.places, self.scale = np.zeros(0), 0.0
        self.below: list[FloatArray] = []
        """For each batch the weight of values up to each of some places, and of all values."""

    def __len__(self) -> int:
        return len(self.logs)

    def add(self, values: FloatArray, squares: FloatArray, logs: FloatArray) -> None:
        if not np.isfinite(values).all():
            raise _doubted(self.asked, "the observable has no value, or an infinite one, with positive probability")
        if not self.logs:
            # Any places would do, if they are chosen before the draws that are counted.
            self.places, self.scale = np.quantile(values, np.linspace(0.0, 1.0, 102)[1:-1]), float(logs.max())
        self.values.append(values)
        self.squares.append(squares)
        self.logs.append(logs)
        cells = np.searchsorted(self.places, values, side="left")
        weights = np.exp(logs - self.scale)
        self.below.append(np.cumsum(np.bincount(cells, weights, minlength=len(self.places) + 1)))

    def may_reach(self, wanted: float, enough: float, most: int) -> bool:
        """Say whether more batches, `most` at most, are wanted and worth their time."""
        error, share = self.standard_error(), min(len(self) / most, 1.0)
        return share < 1.0 and error > wanted and error * math.sqrt(share) < 2.0 * enough

    def standard_error(self) -> float:
        """Return the largest standard error of the distribution function, from the spread between batches."""
        sums = np.array(self.below)
        total = sums[:, -1].sum()
        residuals = sums - sums[:, -1:] * (sums.sum(axis=0) / total)
        variance = np.square(residuals).sum(axis=0) * len(sums) / (len(sums) - 1)
        return float(np.sqrt(variance.max()) / total)

    def law(self) -> tuple[DrawnValues, float]:
        """Return the law, and a bound on the error of its distribution function."""
        values, logs = np.concatenate(self.values), np.concatenate(self.logs)
        weights = np.exp(logs - logs.max())
        self._require_trust(weights)
        order = np.argsort(values, kind="stable")
        values, below = values[order], np.cumsum(weights[order]) / weights.sum()
        if np.unique(values[:: max(1, len(values) // _KEPT)]).size < min(len(values), _KEPT) // 2:
            raise _doubted(self.asked, "the observable has few values, and so no density")
        law = DrawnValues(values[np.searchsorted(below, (np.arange(_KEPT) + 0.5) / _KEPT).clip(max=len(values) - 1)])
        # At every draw from both sides, where the distribution function of the draws jumps.
        off = np.abs(law.cdf(values) - below).max() + weights.max() / weights.sum()
        return law, _DEVIATIONS * self.standard_error() + float(off)

    def _require_trust(self, weights: FloatArray) -> None:
        error = self.standard_error()
        heaviest = float(weights.max() / weights.sum())
        if error > _MOST or (tail_exponent(weights) > _TRUSTED and heaviest > _HARMLESS):
            share = float(weights.sum() ** 2 / np.square(weights).sum())
            raise _doubted(
                self.asked,
                f"{len(weights)} draws are worth {share:.3g} only, and leave a standard error of {error:.2g}: "
                "there are too many parameters, or the weight has a ridge that is too narrow for a mixture to follow",
            )
        squares = np.concatenate(self.squares)
        order = np.argsort(squares)
        below = np.cumsum(weights[order]) / weights.sum()
        low, middle, high = np.sqrt(squares[order][np.searchsorted(below, [0.01, 0.5, 0.99])])
        if high > _FAR * middle or low < middle / _FAR:
            raise _doubted(
                self.asked,
                f"the draws lie at distances from {low:.2g} to {high:.2g} from 0, in the middle at {middle:.2g}, so "
                "that the mass seems to escape to infinity or to a singularity; confine the parameters, or take "
                "another level",
            )


def _doubted(asked: LawRequest, why: str) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"the law of {asked.observable!r} under {asked.dynamics!r} by importance sampling: {why}. Observe another "
        f"function, or {RUNS}"
    )
