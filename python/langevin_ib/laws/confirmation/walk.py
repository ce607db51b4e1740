"""A walk through an expression of sums, products and powers, noted once and repeated at other points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

__all__ = ["walk"]

FloatArray = NDArray[np.float64]
Step = Callable[[list[Any]], Any]
"""Takes what the walk has met so far."""

_HIGHEST = 16


def walk(expression: sympy.Expr, parameters: Sequence[sympy.Symbol]) -> Callable[[FloatArray], FloatArray] | None:
    """Return an expression as a function of points, shape (n, d), each node as it is written.

    None if there are others than numbers, parameters, sums, products and powers by small whole numbers, which
    `values_of` evaluates: to the same values, some times as slowly.
    """
    places: dict[sympy.Basic, int] = {x: i for i, x in enumerate(parameters)}
    steps: list[Step] = []

    def visit(node: sympy.Basic) -> int:
        if node not in places:
            step = _step(node, visit)
            places[node] = len(parameters) + len(steps)
            steps.append(step)
        return places[node]

    try:
        last = visit(expression)
    except (LookupError, OverflowError):
        return None

    def function(x: FloatArray) -> FloatArray:
        met: list[Any] = list(x.T)
        with np.errstate(all="ignore"):
            for step in steps:
                met.append(step(met))
        return np.broadcast_to(met[last], len(x))

    return function


def _step(node: sympy.Basic, visit: Callable[[sympy.Basic], int]) -> Step:
    match node:
        case sympy.Number() | sympy.NumberSymbol():
            number = float(node)
            return lambda met: number
        case sympy.Add() | sympy.Mul():
            parts = [visit(part) for part in node.args]
            return partial(_combined, np.add if isinstance(node, sympy.Add) else np.multiply, parts)
        case sympy.Pow() if node.exp.is_Integer and 0 < abs(node.exp) <= _HIGHEST:
            return partial(_powered, visit(node.base), int(node.exp))
    raise LookupError


def _combined(combine: np.ufunc, parts: list[int], met: list[Any]) -> Any:
    made = combine(met[parts[0]], met[parts[1]])
    for part in parts[2:]:
        made = combine(made, met[part])
    return made


def _powered(base: int, exponent: int, met: list[Any]) -> Any:
    made = met[base]
    for digit in bin(abs(exponent))[3:]:
        made = made * made
        if digit == "1":
            made = made * met[base]
    return made if exponent > 0 else 1.0 / made
