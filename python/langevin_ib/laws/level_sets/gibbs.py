"""The weight exp(-V/T) dx whose image under an observable is sought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, TypeAlias

import numpy as np
import sympy
from numpy.typing import NDArray

from ...model.expressions import Data, values_of
from ...model.meaning import telling_points

__all__ = ["Factor", "Gibbs", "Points"]

FloatArray = NDArray[np.float64]
Points: TypeAlias = Mapping[sympy.Symbol, FloatArray]


class Factor(Protocol):
    """A factor of the weight that no expression in sight is."""

    @property
    def symbols(self) -> frozenset[sympy.Symbol]:
        """The coordinates that it is a function of."""

    def log_weight(self, points: Points) -> FloatArray | float:
        """Return its logarithm."""

    def rotates(self, one: sympy.Symbol, other: sympy.Symbol) -> bool:
        """Return whether it depends on two coordinates by the sum of their squares alone."""


@dataclass(frozen=True)
class Gibbs:
    """The weight exp(-(loss + rest)/T) times some factors, and what is observed.

    Parameters
    ----------
    loss, rest : sympy.Expr
        V, in two parts, of the parameters and of data.
    observable : sympy.Expr
        f.
    parameters : tuple of sympy.Symbol
        The coordinates x.
    data : mapping from str to array
        What V sums over.
    temperature : float
        T.
    factors : tuple of Factor
        Further factors.
    """

    loss: sympy.Expr
    rest: sympy.Expr
    observable: sympy.Expr
    parameters: tuple[sympy.Symbol, ...]
    data: Data
    temperature: float
    factors: tuple[Factor, ...] = ()

    @property
    def potential(self) -> sympy.Expr:
        """V."""
        return self.loss + self.rest

    @cached_property
    def looks(self) -> tuple[Points, FloatArray]:
        """Points of all sizes and on all pieces of V and f, and what f is there."""
        found = telling_points([self.loss, self.rest, self.observable], self.parameters, self.data)
        points = dict(zip(self.parameters, found, strict=True))
        return points, values_of(self.observable, points, self.data)

    @property
    def rough(self) -> frozenset[sympy.Symbol]:
        """The coordinates that the factors depend on."""
        return frozenset().union(*(factor.symbols for factor in self.factors))

    def log_factors(self, points: Points) -> FloatArray | float:
        """Return the log of the product of all factors."""
        return sum((factor.log_weight(points) for factor in self.factors), 0.0)

    def restricted(self, values: Mapping[sympy.Symbol, sympy.Expr], rest: sympy.Expr, *factors: Factor) -> Gibbs:
        """Return the weight where some coordinates have values."""
        return replace(
            self,
            loss=self.loss.xreplace(values),
            rest=rest.xreplace(values),
            observable=self.observable.xreplace(values),
            parameters=tuple(x for x in self.parameters if x not in values),
            factors=(*self.factors, *factors),
        )
