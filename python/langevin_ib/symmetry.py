"""Continuous symmetries of a model, and the proof that an expression has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import sympy

from .checks import checked_real
from .errors import InvalidArgumentError, InvarianceError
from .expressions import exact, vanishes

__all__ = ["Scaling", "require_invariance"]


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
    what: str, expression: sympy.Expr, generator: tuple[sympy.Expr, ...], symbols: tuple[sympy.Symbol, ...]
) -> None:
    """Check that the derivative of `expression` along the vector field `generator` is identically zero.

    Raises
    ------
    InvarianceError
        If it is not; `what` names the expression in the message.
    """
    residual = sum((xi * sympy.diff(expression, x) for xi, x in zip(generator, symbols, strict=True)), sympy.Integer(0))
    if vanishes(residual, symbols):
        return
    field_text = " + ".join(f"({xi}) d/d{x}" for xi, x in zip(generator, symbols, strict=True) if xi != 0)
    residual_text = str(sympy.factor_terms(sympy.expand(residual)))
    raise InvarianceError(
        f"{what} = {expression} is not invariant under the symmetry: its derivative along the generator {field_text} "
        f"is {residual_text}, not 0; change the weights of the symmetry or the expression",
        generator=field_text,
        residual=residual_text,
    )
