"""Continuous symmetries of a model, and the proof that an expression has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy

from .checks import checked_real, shown
from .data import Data, uses_data
from .errors import InvalidArgumentError, InvarianceError
from .expressions import DATA_TOLERANCE, NO_DATA, exact, probes, vanishes
from .jets import jet, values_of

__all__ = ["Scaling", "require_invariance"]

_PROBES, _FEWEST_PROBES, _ROWS = 12, 3, 10**5
"""An expression with data is looked at in 12 points, or in fewer if there are more than so many rows."""

_NAMED = 6
"""So many coordinates of a point are written out in a message."""


@dataclass(frozen=True)
class Scaling:
    """The one-parameter group x_i -> s**w_i x_i (s > 0), such as (u, v) -> (s u, v / s) for weights 1 and -1.

    Parameters
    ----------
    weights : mapping from sympy.Symbol to real number
        The exponent w_i of each parameter that moves; parameters that are not named stay. Give exact numbers
        (integers, fractions) where invariance depends on them.

    Raises
    ------
    InvalidArgumentError
        If a key is no symbol, a weight is no finite real number, or all weights are zero.

    Examples
    --------
    >>> u, v = sympy.symbols("u v", real=True)
    >>> Scaling({u: +1, v: -1}).generators((u, v))
    [(u, -v)]
    """

    weights: Mapping[sympy.Symbol, sympy.Expr]

    def __post_init__(self) -> None:
        if not isinstance(self.weights, Mapping):
            raise InvalidArgumentError(f"weights must map parameters to numbers, got {self.weights!r}")
        weights = {}
        for symbol, weight in self.weights.items():
            if not isinstance(symbol, sympy.Symbol):
                raise InvalidArgumentError(f"weights has the key {symbol!r}; keys must be the symbols of parameters()")
            if not (isinstance(weight, sympy.Expr) and weight.is_number and weight.is_real and weight.is_finite):
                checked_real(f"weight of {symbol}", weight)
            weights[symbol] = exact(weight)
        if all(weight == 0 for weight in weights.values()):
            raise InvalidArgumentError(f"weights={dict(self.weights)!r} move nothing; at least one must be non-zero")
        object.__setattr__(self, "weights", MappingProxyType(weights))

    def generators(self, parameters: Sequence[sympy.Symbol]) -> list[tuple[sympy.Expr, ...]]:
        """Return the vector fields that generate the group, here the single one with components w_i x_i.

        Parameters
        ----------
        parameters : sequence of sympy.Symbol
            The coordinates, in the order in which the components are wanted.

        Returns
        -------
        list of tuple of sympy.Expr
            One tuple of `len(parameters)` components per generator.
        """
        return [tuple(self.weights.get(x, sympy.Integer(0)) * x for x in parameters)]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scaling) and dict(self.weights) == dict(other.weights)

    def __hash__(self) -> int:
        return hash(frozenset(self.weights.items()))

    def __repr__(self) -> str:
        return f"Scaling({dict(self.weights)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Scaling, (dict(self.weights),)


def require_invariance(
    what: str,
    expression: sympy.Expr,
    generator: tuple[sympy.Expr, ...],
    symbols: tuple[sympy.Symbol, ...],
    data: Data = NO_DATA,
) -> None:
    """Check that the derivative of `expression` along the vector field `generator` is identically zero.

    Without data that is a symbolic derivative, see `expressions.vanishes`. With data it is taken at random points in
    double precision, where it may be as large as `DATA_TOLERANCE` of what its terms add up to in absolute value. Either
    way it is looked at where it exists: kinks of Max, Abs and Piecewise do not matter.

    Raises
    ------
    InvarianceError
        If it is not; `what` names the expression in the message.
    """
    if uses_data(expression):
        residual = _residual_with_data(expression, generator, symbols, data)
    else:
        derivative = sum(
            (xi * sympy.diff(expression, x) for xi, x in zip(generator, symbols, strict=True)), sympy.Integer(0)
        )
        residual = None if vanishes(derivative, symbols) else str(sympy.factor_terms(sympy.expand(derivative)))
    if residual is None:
        return
    field_text = " + ".join(f"({xi}) d/d{x}" for xi, x in zip(generator, symbols, strict=True) if xi != 0)
    raise InvarianceError(
        f"{what} = {shown(expression)} is not invariant under the symmetry: its derivative along the generator "
        f"{field_text} is {residual}, not 0; change the weights of the symmetry or the expression",
        generator=field_text,
        residual=residual,
    )


def _residual_with_data(
    expression: sympy.Expr, generator: tuple[sympy.Expr, ...], symbols: tuple[sympy.Symbol, ...], data: Data
) -> str | None:
    """Return the derivative along the generator where it is largest, in words; None if it is zero everywhere."""
    rows = max((len(array) for array in data.values()), default=1)
    points = probes(symbols, min(_PROBES, max(_FEWEST_PROBES, _ROWS // rows)))
    moving = {x: component for x, component in zip(symbols, generator, strict=True) if component != 0}
    flow = {x: values_of(component, points, data) for x, component in moving.items()}
    found = jet(expression, points, data, flow)
    if found.slope is None:
        return None
    known = np.isfinite(found.slope) & np.isfinite(found.size)
    if not known.any():
        raise InvalidArgumentError(
            f"{shown(expression)} or its derivative has no finite value at any of the points where it was looked at; "
            "rescale the data or the expression"
        )
    size = np.where(known, found.size, 1.0)
    share = np.where(known & (size > 0.0), np.abs(found.slope) / np.where(size > 0.0, size, 1.0), 0.0)
    worst = int(np.argmax(share))
    if share[worst] <= DATA_TOLERANCE:
        return None
    place = ", ".join(f"{x} = {points[x][worst]:.4g}" for x in list(symbols)[:_NAMED])
    place += f" and so on for {len(symbols) - _NAMED} more" if len(symbols) > _NAMED else ""
    return f"{found.slope[worst]:.6g} (of terms that add up to {found.size[worst]:.3g} in absolute value) at {place}"
