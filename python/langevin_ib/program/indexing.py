"""X[i, 3] and y[i]: which entries of the data a part of the expression means, for every row of the sum."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import sympy

from ..errors import InvalidArgumentError
from .algebra import Algebra
from .data import Data
from .graph import Column, Node

__all__ = ["Scope", "entry", "index_column"]


class Scope(NamedTuple):
    """The index that is summed over: from `first`, `rows` values."""

    index: sympy.Basic
    first: int
    rows: int


def index_column(graph: Algebra, scope: Scope) -> Node:
    """Return the index itself, a number in each row."""
    return graph.node("column", (), Column("", scope.first, 1, 0, 0, scope.rows))


def entry(graph: Algebra, data: Data, indexed: sympy.Indexed, scope: Scope | None) -> Node:
    """Return an entry of the data: a number, or a column if it depends on the index that is summed over.

    Raises
    ------
    InvalidArgumentError
        If there is no such array or entry, or the index is none that is summed over.
    """
    name = str(indexed.base.label)
    array = data.arrays.get(name)
    if array is None:
        known = f"there are {', '.join(data.arrays)}" if data.arrays else "there are none"
        raise InvalidArgumentError(f'{indexed} needs data={{"{name}": ...}}; of data {known}')
    if len(indexed.indices) != array.ndim:
        meant = f"{name}[i]" if array.ndim == 1 else f"{name}[i, column]"
        raise InvalidArgumentError(
            f"{indexed} has {len(indexed.indices)} indices, but data[{name!r}] has shape {array.shape}; write {meant}"
        )
    rows = 1 if scope is None else scope.rows
    places = [_affine(indexed, index, scope) for index in indexed.indices]
    for axis, (start, step) in enumerate(places):
        _check_range(indexed, name, axis, array.shape[axis], (start, start + step * (rows - 1)))
    (row, row_step), (column, column_step) = (*places, (-1, 0))[:2]
    if scope is None or row_step == column_step == 0:
        value = float(array[row] if array.ndim == 1 else array[row, column])
        return graph.constant(Fraction(value))
    return graph.node("column", (), Column(name, row, row_step, column, column_step, rows))


def _affine(indexed: sympy.Indexed, index: sympy.Expr, scope: Scope | None) -> tuple[int, int]:
    """Return the value of an index in the first row, and its step from row to row."""
    if index.is_Integer:
        return int(index), 0
    if scope is None or index.atoms(sympy.Symbol, sympy.Idx) - scope.index.atoms(sympy.Symbol, sympy.Idx):
        summed = "is not inside of a Sum" if scope is None else f"is inside of a Sum over {scope.index}"
        twin = scope is not None and str(index) == str(scope.index)
        remedy = "that is another symbol of the same name" if twin else f"write Sum(..., ({index}, 0, n - 1))"
        raise InvalidArgumentError(f"{indexed} {summed}, so {index} is not known there; {remedy}")
    first, second = (index.xreplace({scope.index: sympy.Integer(scope.first + k)}) for k in range(2))
    step = second - first
    affine = sympy.expand(index - (first + step * (scope.index - scope.first))) == 0
    if not (affine and first.is_Integer and step.is_Integer):
        raise InvalidArgumentError(
            f"{indexed} must have indices such as i, i + 1 or 2*i with whole numbers, got {index}"
        )
    return int(first), int(step)


def _check_range(indexed: sympy.Indexed, name: str, axis: int, size: int, ends: tuple[int, int]) -> None:
    if min(ends) >= 0 and max(ends) < size:
        return
    bad = min(ends) if min(ends) < 0 else max(ends)
    what = ("row", "column")[axis]
    raise InvalidArgumentError(f"{indexed} reaches {what} {bad}, but data[{name!r}] has {what}s 0 to {size - 1}")
