"""Layers of rectified units, recognised in the loss of a row: the core has a closed form for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy

from ...process import Risk
from .output import half_square

__all__ = ["Layer", "teacher_of"]


@dataclass(frozen=True)
class Layer:
    """The loss (factor/2) (Σ_j v_j max(0, w_j . X) - y)² of a row, in parameters w_0, v_0, w_1, v_1, ...

    Parameters
    ----------
    inputs, units : int
        The sizes of each w_j, and how many there are.
    factor : float
        What multiplies half of the square.
    entries : tuple of sympy.Symbol
        The symbols of X and then y, as the risk calls them.
    """

    inputs: int
    units: int
    factor: float
    entries: tuple[sympy.Symbol, ...]

    @classmethod
    def of(cls, risk: Risk) -> Layer | None:
        """Return the layer that the loss of a row is; None if it is none."""
        found = half_square(risk)
        if found is None:
            return None
        (factor, residual), symbols = found, set(risk.symbols)
        (label, *more) = [term for term in residual.args if -term in symbols] or [None]
        if label is None or more:
            return None
        units = [_unit(term, symbols) for term in residual.args if term is not label]
        parameters = list(risk.model.parameters)
        known = {unit[0]: unit[1] for unit in units if unit is not None}
        if len(known) != len(residual.args) - 1:
            return None
        return _layer(known, parameters, factor, -label)


def teacher_of(label: sympy.Expr, inputs: Sequence[sympy.Symbol]) -> list[float] | None:
    """Return w and v, unit by unit, of a label Σ_j v_j max(0, w_j . inputs) with numbers as weights, or None."""
    found: list[float] = []
    for term in sympy.Add.make_args(label):
        v, unit = term.as_independent(*inputs, as_Add=False)
        argument = [each for each in unit.args if each != 0]
        if not isinstance(unit, sympy.Max) or len(unit.args) != 2 or len(argument) != 1:
            return None
        weights = dict.fromkeys(inputs, 0.0)
        for product in sympy.Add.make_args(argument[0]):
            w, symbol = product.as_independent(*inputs, as_Add=False)
            if symbol not in weights or not w.is_number:
                return None
            weights[symbol] += float(w)
        found += [*weights.values(), float(v)]
    return found


Weights = dict[sympy.Symbol, sympy.Symbol]


def _unit(term: sympy.Expr, symbols: set[sympy.Symbol]) -> tuple[sympy.Symbol, Weights] | None:
    """Return v of v max(0, w . X), and the entry that belongs to each w; None if a term is no such thing."""
    factors = sympy.Mul.make_args(term)
    units = [each for each in factors if isinstance(each, sympy.Max)]
    if len(factors) != 2 or len(units) != 1:
        return None
    (unit,) = units
    v = factors[1] if factors[0] is unit else factors[0]
    argument = [each for each in unit.args if each != 0]
    if not isinstance(v, sympy.Symbol) or v in symbols or len(unit.args) != 2 or len(argument) != 1:
        return None
    weights: Weights = {}
    for product in sympy.Add.make_args(argument[0]):
        pair = sympy.Mul.make_args(product)
        entries = [each for each in pair if each in symbols]
        others = [each for each in pair if isinstance(each, sympy.Symbol) and each not in symbols]
        if len(pair) != 2 or len(entries) != 1 or len(others) != 1 or others[0] in weights:
            return None
        weights[others[0]] = entries[0]
    return v, weights


def _layer(
    known: dict[sympy.Symbol, Weights], parameters: list[sympy.Symbol], factor: float, label: sympy.Symbol
) -> Layer | None:
    """Return the layer, if its parameters stand unit by unit and all units have the same inputs."""
    inputs = len(next(iter(known.values())))
    if len(parameters) != len(known) * (inputs + 1):
        return None
    entries: tuple[sympy.Symbol, ...] | None = None
    for start in range(0, len(parameters), inputs + 1):
        *w, v = parameters[start : start + inputs + 1]
        weights = known.get(v, {})
        if set(weights) != set(w):
            return None
        own = tuple(weights[each] for each in w)
        entries = own if entries is None else entries
        if own != entries or len(set(own)) != inputs or label in own:
            return None
    return None if entries is None else Layer(inputs, len(known), factor, (*entries, label))
