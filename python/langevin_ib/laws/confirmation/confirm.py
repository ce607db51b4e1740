"""A second integration, which shares nothing with the first: a law is returned only if importance sampling agrees.

The weight exp(-V/T) and the observable are evaluated as the user wrote them, rows of data one by one, by a walk through
the expressions; no sum is condensed, no parameter is eliminated, no formula is solved. Points are drawn independently
from a mixture that was fitted to the weight (`importance`), so the probabilities below 23 values of the observable,
about its quantiles, are averages with known standard errors.

A law is refused if one of them differs by more than six standard errors and `law.error`: so a right law is refused in
fewer than one of 10**7 cases. Standard errors are 0.0016 or less for nearly all laws, and one above 0.005 is a refusal
by itself, as are weights whose averages are not to be trusted. Then an error of 0.015 in the distribution function is
seen, and one of 0.045 in any case, both with a probability of more than 0.998.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import sympy
from numpy.typing import NDArray

from ...errors import UnsupportedModelError
from ...model.expressions import Data, compiled, values_of
from ..line import Density
from ..remedies import RUNS
from .importance import Proposal, fitted_proposal, tail_exponent

__all__ = ["Target", "require_confirmation"]

FloatArray = NDArray[np.float64]

_PROBABILITIES = np.array([0.005, 0.02, *np.linspace(0.05, 0.95, 19), 0.98, 0.995])
_DEVIATIONS = 6.0
_WANTED, _MOST = 0.0016, 0.005
"""The standard errors that it goes on for, and that it puts up with."""

_BATCH, _MOST_DRAWS = 2**15, 2**19
_TRUSTED = 0.7
_HARMLESS = 1e-3
"""Where no draw has more than this share of the weight, the tail of the weights does not matter."""

_LONG = 256
"""Sums over more rows are evaluated as the first integration evaluates them, condensed if they are polynomials."""

_SHORT = 16
"""Of data with more rows fewer points are drawn."""

_SEED = 20260106


@dataclass(frozen=True)
class Target:
    """What the law is one of.

    Parameters
    ----------
    potential, observable : sympy.Expr
        V and f as the user wrote them.
    parameters : tuple of sympy.Symbol
        The coordinates x.
    data : mapping from str to array
        What the expressions sum over.
    temperature : float
        T.
    condition : (expression, lo, hi), optional
        That the law is one given lo <= expression < hi.
    """

    potential: sympy.Expr
    observable: sympy.Expr
    parameters: tuple[sympy.Symbol, ...]
    data: Data
    temperature: float
    condition: tuple[sympy.Expr, float, float] | None = None

    def function(self, expression: sympy.Expr) -> Callable[[FloatArray], FloatArray]:
        """Return an expression as a function of points, shape (n, d)."""
        if _rows(expression) > _LONG:
            quick = compiled(expression, self.parameters, self.data)
            return lambda x: quick(*x.T)
        return lambda x: values_of(expression, dict(zip(self.parameters, x.T, strict=True)), self.data)

    @property
    def most_draws(self) -> int:
        """The number of draws after which it has to do."""
        return int(_MOST_DRAWS / (1.0 + min(_rows(self.potential), _LONG) / _SHORT))

    def log_weight(self) -> Callable[[FloatArray], FloatArray]:
        """Return the log of the weight, without the condition."""
        potential = self.function(self.potential)

        def log_weight(x: FloatArray) -> FloatArray:
            with np.errstate(over="ignore"):  # where V is huge there is no weight
                return _finite(-potential(x) / self.temperature)

        return log_weight


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
        If it does not agree, naming both values, or is not exact enough to say.
    """
    rng = np.random.default_rng(_SEED)
    log_weight, guide = _conditioned(target)
    proposal = fitted_proposal(log_weight, len(target.parameters), rng, guide)
    if proposal is None:
        raise _doubted(what, "found no mass")
    observable = target.function(target.observable)
    places = _quantiles(*_drawn(proposal, observable, rng))
    if not places.size:
        raise _doubted(what, "found no value of the observable")
    tally = _Tally(places, np.asarray(law.cdf(places)))
    while tally.draws == 0 or (tally.error > _WANTED and tally.draws < target.most_draws):
        tally.add(*_drawn(proposal, observable, rng))
    tally.judge(law.error, what)


def _rows(expression: sympy.Expr) -> int:
    """Return how many rows the sums of an expression have."""
    return sum(math.prod(int(b - a) + 1 for _, a, b in total.limits) for total in expression.atoms(sympy.Sum))


def _quantiles(values: FloatArray, logs: FloatArray) -> FloatArray:
    """Return rough quantiles: any places would do, if they are chosen before the draws that are counted."""
    known = ~np.isnan(values) & (logs > -np.inf)
    order = np.argsort(values[known], kind="stable")
    values, logs = values[known][order], logs[known][order]
    if not values.size:
        return values
    below = np.cumsum(np.exp(logs - logs.max()))
    return np.unique(values[np.searchsorted(below, _PROBABILITIES * below[-1])])


def _drawn(
    proposal: Proposal, observable: Callable[[FloatArray], FloatArray], rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    x, logs = proposal.draw(_BATCH, rng)
    seen = np.isfinite(logs)
    values = np.full(logs.shape, np.nan)
    values[seen] = observable(x[seen])
    return values, logs


def _conditioned(
    target: Target,
) -> tuple[Callable[[FloatArray], FloatArray], Callable[[FloatArray], FloatArray] | None]:
    """Return the log of the weight where the condition holds; and one that leads there."""
    free = target.log_weight()
    if target.condition is None:
        return free, None
    expression, low, high = target.condition
    condition = target.function(expression)
    width = high - low if math.isfinite(high - low) else 1.0

    def inside(x: FloatArray) -> FloatArray:
        at = condition(x)
        return np.where((at >= low) & (at < high), free(x), -np.inf)

    def guide(x: FloatArray) -> FloatArray:
        at = condition(x)
        outside = np.maximum(np.maximum(low - at, at - high), 0.0) / width
        return _finite(free(x) - 20.0 * outside * (1.0 + outside))

    return inside, guide


def _finite(logs: FloatArray) -> FloatArray:
    """Return logs of a weight; one that is infinite comes of an underflow, such as log(exp(-1000))."""
    return np.where(logs < np.inf, logs, -np.inf)


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

    def judge(self, law_error: float, what: str) -> None:
        heaviest = float(self.weights.max() / self.weights.sum())
        if self.error > _MOST or (tail_exponent(self.weights) > _TRUSTED and heaviest > _HARMLESS):
            k = int(np.argmax(self.errors[:-1]))
            raise _doubted(what, f"is not exact enough to tell: {self._both(k)}")
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
