"""The output of a model that is linear in the entries of a row, taken apart: least squares are recognised by it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import sympy

from ...process import Risk

__all__ = ["Output", "Weight", "half_square"]

Weight = tuple[int, ...]
"""The numbers of the parameters whose product it is, in order."""


@dataclass(frozen=True)
class Output:
    """The loss (factor/2) (Σ_w w Σ_k c_wk z_k - y)² of a row with entries z and y, w products of parameters.

    Parameters
    ----------
    factor : float
        What multiplies half of the square.
    label : int
        Which entry of a row is y; it is nowhere else.
    weights : mapping from Weight to mapping from int or None to float
        The c_wk; None in place of k is the number 1.
    """

    factor: float
    label: int
    weights: Mapping[Weight, Mapping[int | None, float]]

    @classmethod
    def of(cls, risk: Risk) -> Output | None:
        """Return what the loss of a row is; None if it is something else."""
        terms, found = _Terms(risk), half_square(risk)
        if found is None or not terms.take(found[1], 1.0):
            return None
        goal, weights = terms.weights.pop((), {}), terms.weights
        ((label, sign),) = goal.items() if len(goal) == 1 else [(None, 0.0)]
        if label is None or abs(sign) != 1.0 or any(label in columns for columns in weights.values()):
            return None
        # (y - z)² is as good as (z - y)².
        turned = {w: {k: -sign * c for k, c in columns.items()} for w, columns in weights.items()}
        return cls(found[0], label, turned)


def half_square(risk: Risk) -> tuple[float, sympy.Add] | None:
    """Return c > 0 and r of a row's loss (c/2) r², r a sum; None if it is something else."""
    factor, square = risk.row.as_independent(*risk.row.free_symbols, as_Add=False)
    is_square = isinstance(square, sympy.Pow) and square.exp == 2 and isinstance(square.base, sympy.Add)
    return (2.0 * float(factor), square.base) if is_square and float(factor) > 0.0 else None


class _Terms:
    """A sum of weights times entries of a row.

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
        self.weights.setdefault(tuple(sorted(weight)), defaultdict(float))[entry] += factor
        return True
