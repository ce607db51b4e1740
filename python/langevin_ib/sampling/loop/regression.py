"""Least squares of a linear model whose weights are products of parameters, recognised in the loss of a row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
import sympy
from numpy.typing import NDArray

from ...process import Risk

__all__ = ["Regression"]

FEWEST, MOST = 16, 2**17
"""So many weights are worth packs of their own, and so many numbers of all rows stay in second-level cache."""

Weight = tuple[int, ...]
"""The numbers of the parameters whose product it is."""


@dataclass(frozen=True)
class Regression:
    """The loss (factor/2) (Σ_m X_m z_m - y)² of a row, each z_m a product of as many parameters, which are its own.

    Parameters
    ----------
    order : list of int
        The numbers of the first parameters of all z_m, then of the second ones, and so on.
    length : int
        How many z_m there are.
    factor : float
        What multiplies half of the square.
    rows : array, shape (rows, length + 1)
        X and y.
    label : int
        Which entry of the risk's rows is y.
    """

    order: list[int]
    length: int
    factor: float
    rows: NDArray[np.float64]
    label: int

    @classmethod
    def of(cls, risk: Risk) -> Regression | None:
        """Return the regression that the loss of a row is; None if it is none, or one of few weights."""
        factor, square = risk.row.as_independent(*risk.row.free_symbols, as_Add=False)
        is_square = isinstance(square, sympy.Pow) and square.exp == 2 and isinstance(square.base, sympy.Add)
        if not is_square or not float(factor) > 0.0:
            return None
        output = _Output(risk)
        if not output.take(square.base, 1.0):
            return None
        goal = output.weights.pop((), {})
        # (y - X z)² is as good as (X z - y)².
        ((label, sign),) = goal.items() if len(goal) == 1 else [(None, 0.0)]
        if label is None or abs(sign) != 1.0 or any(label in columns for columns in output.weights.values()):
            return None
        weights = list(output.weights)
        if not FEWEST <= len(weights) <= MOST / len(risk.table) or not _are_apart(weights, risk.model.dim):
            return None
        rows = np.zeros((len(risk.table), len(weights) + 1))
        for place, columns in enumerate(output.weights.values()):
            for entry, coefficient in columns.items():
                rows[:, place] += -sign * coefficient * (1.0 if entry is None else risk.table[:, entry])
        rows[:, -1] = risk.table[:, label]
        return cls([*chain(*zip(*weights, strict=True))], len(weights), 2.0 * float(factor), rows, label)


def _are_apart(weights: list[Weight], dim: int) -> bool:
    """Whether all weights are products of as many parameters, and each parameter is in one of them, once."""
    return len({len(weight) for weight in weights}) == 1 and sorted(chain(*weights)) == list(range(dim))


class _Output:
    """The output of a model, and its label, as a sum of weights times entries of a row.

    Parameters
    ----------
    risk : Risk
        Whose parameters and entries these are.
    """

    def __init__(self, risk: Risk) -> None:
        self._parameters: Mapping[sympy.Basic, int] = {x: i for i, x in enumerate(risk.model.parameters)}
        self._entries: Mapping[sympy.Basic, int] = {symbol: k for k, symbol in enumerate(risk.symbols)}
        self.weights: dict[Weight, dict[int | None, float]] = {}

    def take(self, part: sympy.Expr, factor: float, weight: Weight = (), entry: int | None = None) -> bool:
        """Take `factor`, a weight and an entry times a part, and return whether that is such a sum."""
        sums: list[sympy.Expr] = []
        for each in sympy.Mul.make_args(part):
            if each.is_number:
                factor *= float(each)
            elif each in self._parameters:
                weight = (*weight, self._parameters[each])
            elif each in self._entries and entry is None:
                entry = self._entries[each]
            elif isinstance(each, sympy.Add) and not sums:
                sums.append(each)
            else:
                return False
        if sums:
            return all(self.take(term, factor, weight, entry) for term in sums[0].args)
        columns = self.weights.setdefault(tuple(sorted(weight)), defaultdict(float))
        columns[entry] += factor
        return True
