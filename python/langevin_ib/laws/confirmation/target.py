"""What a law is one of, as the user wrote it: the weight exp(-V/T), the observable, and a condition."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import sympy
from numpy.typing import NDArray

from ...model.expressions import Data, compiled, values_of
from .importance import fitted_proposal
from .population import LogWeight
from .walk import walk

__all__ = ["Draws", "Target", "finite"]

FloatArray = NDArray[np.float64]

_MOST_DRAWS = 2**19

_LONG = 256
"""Sums over more rows are evaluated as the first integration evaluates them, condensed if they are polynomials."""

_SHORT = 16
"""Of data with more rows fewer points are drawn."""


class Draws(Protocol):
    """Where points are drawn from."""

    def draw(self, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return independent points, shape (count, d), and the logs of their weights."""
        ...


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

    @property
    def wanted(self) -> float:
        """The standard errors that the second integration goes on for."""
        return 0.0016

    @property
    def has_to_tell(self) -> bool:
        """Whether a law is refused if the second integration is not exact enough to tell."""
        return True

    @property
    def fills_space(self) -> bool:
        """Whether points are drawn by `log_weight`, in all of space."""
        return True

    def function(self, expression: sympy.Expr) -> Callable[[FloatArray], FloatArray]:
        """Return an expression as a function of points, shape (n, d)."""
        if _rows(expression) > _LONG:
            quick = compiled(expression, self.parameters, self.data)
            return lambda x: quick(*x.T)
        walked = walk(expression, self.parameters)
        if walked is not None:
            return walked
        return lambda x: values_of(expression, dict(zip(self.parameters, x.T, strict=True)), self.data)

    @property
    def most_draws(self) -> int:
        """The number of draws after which it has to do."""
        return int(_MOST_DRAWS / (1.0 + min(_rows(self.potential), _LONG) / _SHORT))

    @property
    def batch(self) -> int:
        """How many points are drawn at a time."""
        return 2**15

    def proposal(self, rng: np.random.Generator) -> Draws | None:
        """Return where points are drawn from, None if no mass was found."""
        log_weight, guide = self.conditioned()
        return fitted_proposal(log_weight, len(self.parameters), rng, guide)

    def conditioned(self) -> tuple[LogWeight, LogWeight | None]:
        """Return the log of the weight where the condition holds; and one that leads there, if there is one."""
        free = self.log_weight()
        if self.condition is None:
            return free, None
        expression, low, high = self.condition
        condition = self.function(expression)
        width = high - low if math.isfinite(high - low) else 1.0

        def inside(x: FloatArray) -> FloatArray:
            at = condition(x)
            return np.where((at >= low) & (at < high), free(x), -np.inf)

        def guide(x: FloatArray) -> FloatArray:
            at = condition(x)
            outside = np.maximum(np.maximum(low - at, at - high), 0.0) / width
            return finite(free(x) - 20.0 * outside * (1.0 + outside))

        return inside, guide

    def log_weight(self) -> LogWeight:
        """Return the log of the weight, without the condition."""
        potential = self.function(self.potential)

        def log_weight(x: FloatArray) -> FloatArray:
            with np.errstate(over="ignore"):  # where V is huge there is no weight
                return finite(-potential(x) / self.temperature)

        return log_weight


def _rows(expression: sympy.Expr) -> int:
    """Return how many rows the sums of an expression have."""
    return sum(math.prod(int(b - a) + 1 for _, a, b in total.limits) for total in expression.atoms(sympy.Sum))


def finite(logs: FloatArray) -> FloatArray:
    """Return logs of a weight; one that is infinite comes of an underflow, such as log(exp(-1000))."""
    return np.where(logs < np.inf, logs, -np.inf)
