"""Draws of an observable in independent batches: the law that they make, and a bound on what it is wrong by."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...errors import UnsupportedModelError
from ..confirmation import tail_exponent
from ..remedies import RUNS
from ..request import LawRequest
from .draws import DrawnValues

__all__ = ["Batches", "doubted"]

FloatArray = NDArray[np.float64]

_DEVIATIONS = 5.0
"""The distribution function is uncertain by so many of its largest standard errors.

With 32 batches one value is off by more than five standard errors twice in 10**5 laws, and the largest of all values, a
supremum of a Brownian bridge, less than ten times as often.
"""

_KEPT = 2**16
_ATOM = 2e-3
"""More than this share of draws with the same value is no rounding, nor a single draw that is worth that much."""
_TRUSTED, _HARMLESS = 0.7, 1e-3
_FAR = 1e3


class Batches:
    """Independent batches of weighted draws: values of the observable, squared distances from 0, logs of weights."""

    def __init__(self, asked: LawRequest, most: float) -> None:
        self.asked = asked
        self.most = most
        """The standard error that is put up with."""
        self.values: list[FloatArray] = []
        self.squares: list[FloatArray] = []
        self.logs: list[FloatArray] = []
        self.places, self.scale = np.zeros(0), 0.0
        self.below: list[FloatArray] = []
        """For each batch the weight of values up to each of some places, and of all values."""

    def __len__(self) -> int:
        return len(self.logs)

    def add(self, values: FloatArray, squares: FloatArray, logs: FloatArray) -> None:
        """Count a batch.

        Raises
        ------
        UnsupportedModelError
            If a value is not finite.
        """
        if not np.isfinite(values).all():
            raise doubted(self.asked, "the observable has no value, or an infinite one, with positive probability")
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
            raise doubted(self.asked, "the observable has few values, and so no density")
        self._require_no_atom(values, below)
        law = DrawnValues(values[np.searchsorted(below, (np.arange(_KEPT) + 0.5) / _KEPT).clip(max=len(values) - 1)])
        # At every draw from both sides, where the distribution function of the draws jumps.
        off = np.abs(law.cdf(values) - below).max() + weights.max() / weights.sum()
        return law, _DEVIATIONS * self.standard_error() + float(off)

    def _require_no_atom(self, values: FloatArray, below: FloatArray) -> None:
        """Refuse values that are taken with a probability; `below` are those of values up to each of them."""
        starts = np.flatnonzero(np.concatenate([[True], np.diff(values) > 0.0]))
        shares = np.diff(np.append(np.where(starts > 0, below[starts - 1], 0.0), 1.0))
        place = int(np.argmax(shares))
        if shares[place] > _ATOM:
            raise doubted(
                self.asked,
                f"the observable is {values[starts[place]]:.6g} with a probability of {shares[place]:.3g}, and so "
                "has no density",
            )

    def _require_trust(self, weights: FloatArray) -> None:
        error = self.standard_error()
        heaviest = float(weights.max() / weights.sum())
        if error > self.most or (tail_exponent(weights) > _TRUSTED and heaviest > _HARMLESS):
            share = float(weights.sum() ** 2 / np.square(weights).sum())
            raise doubted(
                self.asked,
                f"{len(weights)} draws, worth {share:.3g} of equal weight, leave a standard error of {error:.2g}: "
                "there are too many parameters, or the weight has a ridge that is too narrow to follow",
            )
        squares = np.concatenate(self.squares)
        order = np.argsort(squares)
        below = np.cumsum(weights[order]) / weights.sum()
        low, middle, high = np.sqrt(squares[order][np.searchsorted(below, [0.01, 0.5, 0.99])])
        if high > _FAR * middle or low < middle / _FAR:
            raise doubted(
                self.asked,
                f"the draws lie at distances from {low:.2g} to {high:.2g} from 0, in the middle at {middle:.2g}, so "
                "that the mass seems to escape to infinity or to a singularity; confine the parameters, or take "
                "another level",
            )


def doubted(asked: LawRequest, why: str) -> UnsupportedModelError:
    """Return the refusal of a law by sampling."""
    return UnsupportedModelError(
        f"the law of {asked.observable!r} under {asked.dynamics!r} by sampling: {why}. Observe another "
        f"function, or {RUNS}"
    )
