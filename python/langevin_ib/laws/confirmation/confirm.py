"""A second integration, which shares nothing with the first: a law is returned only if importance sampling agrees.

The weight exp(-V/T) and the observable are evaluated as the user wrote them, rows of data one by one, by a walk through
the expressions; no sum is condensed, no parameter is eliminated, no formula is solved. Points are drawn independently
from a mixture that was fitted to the weight (`importance`), so the probabilities below 23 values of the observable,
about its quantiles, are averages with known standard errors.

Of a few parameters lattices say yes before (`quick`), in a tenth of the time: by the same weight and observable, and
for smaller deviations only. All else is decided by the draws.

A law is refused if one of them differs by more than six standard errors and `law.error`: so a right law is refused in
fewer than one of 10**7 cases. Standard errors are 0.0016 or less for nearly all laws, and one above 0.005 is a refusal
by itself, as are weights whose averages are not to be trusted. Then an error of 0.015 in the distribution function is
seen, and one of 0.045 in any case, both with a probability of more than 0.998. (On slices two or three times that; and
what is not exact enough is no refusal there, where laws have formulas or are sums over pieces of curves.)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ...errors import UnsupportedModelError
from ..line import Density
from ..remedies import RUNS
from .importance import is_trusted
from .quantiles import quantiles
from .quick import is_confirmed_at_once
from .target import Draws, Target

__all__ = ["require_confirmation"]

FloatArray = NDArray[np.float64]

_DEVIATIONS = 6.0
_MOST = 0.005
"""The standard errors that it puts up with."""

_SEED = 20260106


def require_confirmation(law: Density, target: Target, what: str) -> None:
    """Refuse a law that a second integration does not confirm.

    Parameters
    ----------
    law : Density
        The law.
    target : Target
        What it should be the law of.
    what : str
        That in words, for the message.

    Raises
    ------
    UnsupportedModelError
        If it does not agree, naming both values, or is not exact enough to say although it has to.
    """
    if is_confirmed_at_once(law, target, np.random.default_rng(_SEED)):
        return None
    rng = np.random.default_rng(_SEED)
    proposal = target.proposal(rng)
    if proposal is None:
        return _undecided(target, what, "found no mass")
    observable = target.function(target.observable)
    places = quantiles(*_drawn(proposal, observable, target.batch, rng))
    if not places.size:
        return _undecided(target, what, "found no value of the observable")
    tally = _Tally(places, np.asarray(law.cdf(places)))
    while tally.draws == 0 or (tally.error > target.wanted and tally.draws < target.most_draws):
        tally.add(*_drawn(proposal, observable, target.batch, rng))
    doubt = tally.doubt()
    if doubt:
        return _undecided(target, what, doubt)
    tally.require_agreement(law.error, what)
    return None


def _undecided(target: Target, what: str, how: str) -> None:
    if target.has_to_tell:
        raise _doubted(what, how)


def _drawn(
    proposal: Draws, observable: Callable[[FloatArray], FloatArray], count: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    x, logs = proposal.draw(count, rng)
    seen = np.isfinite(logs)
    values = np.full(logs.shape, np.nan)
    values[seen] = observable(x[seen])
    return values, logs


class _Tally:
    """Weights of draws, added up between the quantiles."""

    def __init__(self, places: FloatArray, expected: FloatArray) -> None:
        self.places, self.expected = places, expected
        self.logs: list[FloatArray] = []
        self.cells: list[NDArray[np.intp]] = []
        self.draws = 0

    def add(self, values: FloatArray, logs: FloatArray) -> None:
        cells = np.searchsorted(self.places, values, side="left")  # values <= place
        # What has no value is not below any place, and is missed below infinity.
        self.cells.append(np.where(np.isnan(values), self.places.size + 1, cells))
        self.logs.append(logs)
        every = np.concatenate(self.logs)
        self.weights = np.exp(every - every.max())
        self.draws = every.size
        shape = self.places.size + 2
        which = np.concatenate(self.cells)
        sums, squares = (np.bincount(which, self.weights**power, minlength=shape) for power in (1, 2))
        total = sums.sum()
        below, below2 = np.cumsum(sums)[:-1] / total, np.cumsum(squares)[:-1] / total**2
        above2 = np.maximum(squares.sum() / total**2 - below2, 0.0)
        self.found = below
        self.errors = np.sqrt(below2 * (1.0 - below) ** 2 + above2 * below**2)

    @property
    def error(self) -> float:
        """The largest standard error."""
        return float(self.errors.max())

    def doubt(self) -> str:
        """Return why the averages are not to be trusted, "" if they are."""
        if self.error > _MOST or not is_trusted(self.weights):
            return f"is not exact enough to tell: {self._both(int(np.argmax(self.errors[:-1])))}"
        return ""

    def require_agreement(self, law_error: float, what: str) -> None:
        expected = np.append(self.expected, 1.0)
        # Where little was seen, the error bar is that of what should have been.
        count = self.weights.sum() ** 2 / np.square(self.weights).sum()
        bars = np.maximum(self.errors, np.sqrt(expected * (1.0 - expected) / count / 4.0))
        excess = (np.abs(self.found - expected) - law_error - 1e-6) / np.maximum(bars, 1e-12)
        worst = int(np.argmax(excess))
        if excess[worst] > _DEVIATIONS:
            raise _doubted(what, f"does not agree: {self._both(worst)}")

    def _both(self, k: int) -> str:
        if k == self.places.size:
            return f"the observable has a value with the probability {self.found[k]:.5g} +- {self.errors[k]:.2g} only"
        return (
            f"the probability of values up to {self.places[k]:.6g} is {self.expected[k]:.5g} by the first and "
            f"{self.found[k]:.5g} +- {self.errors[k]:.2g} by the second"
        )


def _doubted(what: str, how: str) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"{what} was found, but a second integration, by importance sampling of exp(-V/T), {how}; so it is not "
        f"returned. Observe another function, change the temperature, or {RUNS}"
    )
