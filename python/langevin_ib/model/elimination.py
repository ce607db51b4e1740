"""Parameters eliminated: a function of them written as one of a predictor's components."""

from __future__ import annotations

from collections.abc import Mapping

import sympy

from .expressions import Data, free_symbols_of, uses_data
from .meaning import vanishes

__all__ = ["function_of_predictor"]

Predictor = Mapping[str, sympy.Expr]
Parameters = tuple[sympy.Symbol, ...]


def function_of_predictor(
    expression: sympy.Expr, predictor: Predictor, parameters: Parameters, data: Data
) -> sympy.Expr | None:
    """Return l with expression = l(predictor), a function of real symbols of the components' names; None if not found.

    Parameters are eliminated with the help of components that are affine in them, the others are set to fixed values,
    and the identity is then checked, so that a result is right whenever there is one.
    """
    images = {name: sympy.Dummy(name, real=True) for name in predictor}
    solution = _solve_for_parameters(predictor, parameters, images)
    free = [x for x in parameters if x not in solution]
    back = {images[name]: component for name, component in predictor.items()}
    for anchors in ([sympy.Integer(1)] * len(free), [sympy.Rational(7 + 4 * i, 5) for i in range(len(free))]):
        candidate = expression.xreplace(solution).xreplace(dict(zip(free, anchors, strict=True)))
        if candidate.has(sympy.nan, sympy.zoo) or not _symbols_of(candidate, data) <= set(images.values()):
            continue
        if vanishes(expression - candidate.xreplace(back), parameters, data):
            return candidate.xreplace({z: sympy.Symbol(name, real=True) for name, z in images.items()})
    return None


def _symbols_of(expression: sympy.Expr, data: Data) -> set[sympy.Basic]:
    if not uses_data(expression):
        return set(expression.free_symbols)
    return free_symbols_of("the loss", expression, data)[0]


def _solve_for_parameters(
    predictor: Predictor, parameters: Parameters, images: Mapping[str, sympy.Symbol]
) -> dict[sympy.Symbol, sympy.Expr]:
    solution: dict[sympy.Symbol, sympy.Expr] = {}
    for name, component in predictor.items():
        reduced = component.xreplace(solution)
        candidates = (x for x in parameters if x in reduced.free_symbols and sympy.diff(reduced, x, 2) == 0)
        pivot = next(candidates, None)
        if pivot is None:
            continue
        value = {pivot: (images[name] - reduced.xreplace({pivot: sympy.Integer(0)})) / sympy.diff(reduced, pivot)}
        solution = {x: expr.xreplace(value) for x, expr in solution.items()} | value
    return solution
