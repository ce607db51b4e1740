"""A loss as a function of a predictor alone: parameters are eliminated, and the result is checked."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from functools import lru_cache

import sympy

from ..errors import InvalidArgumentError, UnsupportedModelError
from .expressions import NO_DATA, Data, free_symbols_of, uses_data
from .meaning import vanishes

__all__ = ["loss_of_predictor"]


def loss_of_predictor(
    loss: sympy.Expr, predictor: Mapping[str, sympy.Expr], parameters: Sequence[sympy.Symbol], data: Data
) -> sympy.Expr:
    """Return l with L(x) = l(h(x)), see `Model.loss_of_predictor`.

    Parameters
    ----------
    loss : sympy.Expr
        L.
    predictor : mapping from str to sympy.Expr
        The components of h.
    parameters : sequence of sympy.Symbol
        x.
    data : mapping from str to array
        What the loss sums over.

    Raises
    ------
    UnsupportedModelError
        If no such function was found.
    """
    if not data:
        return _without_data(loss, tuple(predictor.items()), tuple(parameters))
    return _eliminated(loss, predictor, parameters, data)


@lru_cache(maxsize=64)
def _without_data(
    loss: sympy.Expr, predictor: tuple[tuple[str, sympy.Expr], ...], parameters: tuple[sympy.Symbol, ...]
) -> sympy.Expr:
    """Return what was found before: in a scan a model is asked at each point, by several families."""
    return _eliminated(loss, dict(predictor), parameters, NO_DATA)


def _eliminated(
    loss: sympy.Expr, predictor: Mapping[str, sympy.Expr], parameters: Sequence[sympy.Symbol], data: Data
) -> sympy.Expr:
    images = {name: sympy.Dummy(name, real=True) for name in predictor}
    solution = _solved_for_parameters(predictor, parameters, images)
    free = [x for x in parameters if x not in solution]
    back = {images[name]: expression for name, expression in predictor.items()}
    is_it = False
    for anchors in ([sympy.Integer(1)] * len(free), [sympy.Rational(7 + 4 * i, 5) for i in range(len(free))]):
        candidate = loss.xreplace(solution).xreplace(dict(zip(free, anchors, strict=True)))
        if candidate.has(sympy.nan, sympy.zoo) or not _symbols_of(candidate, data) <= set(images.values()):
            continue
        with contextlib.suppress(InvalidArgumentError):  # of a candidate that is real nowhere, such as log(-theta**2)
            is_it = vanishes(loss - candidate.xreplace(back), parameters, data)
        if is_it:
            return candidate.xreplace({z: sympy.Symbol(name, real=True) for name, z in images.items()})
    raise UnsupportedModelError(
        f"the loss {loss} could not be written as a function of the predictor {dict(predictor)}"
    )


def _symbols_of(expression: sympy.Expr, data: Data) -> set[sympy.Basic]:
    if not uses_data(expression):
        return set(expression.free_symbols)
    return free_symbols_of("the loss", expression, data)[0]


def _solved_for_parameters(
    predictor: Mapping[str, sympy.Expr], parameters: Sequence[sympy.Symbol], images: Mapping[str, sympy.Symbol]
) -> dict[sympy.Symbol, sympy.Expr]:
    solution: dict[sympy.Symbol, sympy.Expr] = {}
    for name, expression in predictor.items():
        reduced = expression.xreplace(solution)
        slopes = ((x, sympy.diff(reduced, x)) for x in parameters if x in reduced.free_symbols)
        pivot, slope = next(((x, slope) for x, slope in slopes if x not in slope.free_symbols), (None, None))
        if pivot is None:
            continue
        value = {pivot: (images[name] - reduced.xreplace({pivot: sympy.Integer(0)})) / slope}
        solution = {x: expr.xreplace(value) for x, expr in solution.items()} | value
    return solution
