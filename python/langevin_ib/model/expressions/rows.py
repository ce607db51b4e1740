"""Sums over rows of data as NumPy code: the columns that are met are arguments beside the parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from .data import Data, index_factors, limits_of
from .numpy_code import numpy_function

__all__ = ["summed_rows"]

FloatArray = NDArray[np.float64]

_ENTRIES = 2**15
"""Rows times points at once: temporary arrays stay in the cache."""


def summed_rows(
    expression: sympy.Expr, symbols: Sequence[sympy.Symbol], data: Data
) -> Callable[..., FloatArray] | None:
    """Return an expression with sums over data as a function of flat arrays, or None if it is not of a simple kind.

    Parameters
    ----------
    expression : sympy.Expr
        With sums over one index each, none inside of another, whose rows are numbered by that index plus a number.
    symbols : sequence of sympy.Symbol
        The arguments.
    data : mapping from str to array
        What it sums over.
    """
    totals = sorted(expression.atoms(sympy.Sum), key=str)
    names = {total: sympy.Dummy("sum") for total in totals}
    outside = expression.xreplace(names)
    parts = [_Rows.of(total, symbols, data) for total in totals]
    if outside.has(sympy.Indexed, sympy.Sum, sympy.Product) or any(part is None for part in parts):
        return None
    around = numpy_function([*symbols, *names.values()], [outside], share=True)

    def function(*arguments: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            sums = [part(*arguments) for part in parts if part is not None]
            return np.broadcast_to(np.asarray(around(*arguments, *sums)[0], dtype=np.float64), arguments[0].shape)

    return function


@dataclass(frozen=True)
class _Rows:
    """One sum: its summand as a function of the parameters and of columns, shape (rows, 1)."""

    summand: Callable[..., list[Any]]
    columns: Sequence[FloatArray]
    count: int

    @classmethod
    def of(cls, total: sympy.Sum, symbols: Sequence[sympy.Symbol], data: Data) -> _Rows | None:
        if len(total.limits) != 1 or total.function.has(sympy.Sum, sympy.Product, sympy.KroneckerDelta):
            return None
        ((index, first, last),) = limits_of("sum", total)
        rows = np.arange(first, last + 1)
        columns: dict[sympy.Basic, FloatArray] = {}
        for entry in total.function.atoms(sympy.Indexed):
            column = _column(entry, index, rows, data)
            if column is None:
                return None
            columns[entry] = column
        names: Mapping[sympy.Basic, sympy.Dummy] = {entry: sympy.Dummy("column") for entry in columns}
        inside = total.function.xreplace(names)
        if inside.has(index):
            names = {**names, index: sympy.Dummy("row")}
            columns[index] = rows.astype(np.float64)
            inside = inside.xreplace({index: names[index]})
        summand = numpy_function([*symbols, *names.values()], [inside], share=True)
        return cls(summand, [columns[entry][:, None] for entry in names], rows.size)

    def __call__(self, *arguments: FloatArray) -> FloatArray:
        size = arguments[0].size
        result = np.zeros(size)
        points = max(1, min(size, _ENTRIES // min(self.count, 256)))
        rows = max(1, _ENTRIES // points)
        for start in range(0, size, points):
            here = [argument[start : start + points] for argument in arguments]
            total = np.zeros(here[0].shape)
            for top in range(0, self.count, rows):
                part = [column[top : top + rows] for column in self.columns]
                (values,) = self.summand(*here, *part)
                shape = (min(rows, self.count - top), total.size)
                total += np.broadcast_to(np.asarray(values, dtype=np.float64), shape).sum(axis=0)
            result[start : start + points] = total
        return result


def _column(entry: sympy.Indexed, index: sympy.Basic, rows: NDArray[np.int64], data: Data) -> FloatArray | None:
    """Return the values of an entry in all rows, shape (n,)."""
    where: list[Any] = []
    for number in entry.indices:
        factors = index_factors(number)
        if factors is None or not set(factors) <= {sympy.S.One, index}:
            return None
        where.append(factors.get(index, 0) * rows + factors.get(sympy.S.One, 0))
    return np.asarray(data[str(entry.base.label)][tuple(where)], dtype=np.float64)
