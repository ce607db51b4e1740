"""What pulls every coordinate alike: weight decay and a penalty on absolute values, recognised in what is no mean."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import sympy

from ...model import Model

__all__ = ["Pull"]


@dataclass(frozen=True)
class Pull:
    """The function (decay / 2) |x|² + lasso |x|_1 of all coordinates.

    Parameters
    ----------
    decay, lasso : float
        Its coefficients.
    """

    decay: float
    lasso: float

    @classmethod
    def of(cls, model: Model, rest: sympy.Expr) -> Pull | None:
        """Return what an expression is, up to a constant; None if it is no such function."""
        found = _Terms(set(model.parameters))
        if not found.take(rest, 1.0):
            return None
        pulls = {(found.decay[x], found.lasso[x]) for x in model.parameters}
        return cls(*pulls.pop()) if len(pulls) == 1 else None


@dataclass
class _Terms:
    symbols: set[sympy.Symbol]
    decay: dict[sympy.Basic, float] = field(default_factory=lambda: defaultdict(float))
    lasso: dict[sympy.Basic, float] = field(default_factory=lambda: defaultdict(float))

    def take(self, part: sympy.Expr, factor: float) -> bool:
        """Take `factor` times a part apart, and return whether that is possible."""
        if part.is_number:
            return True
        if isinstance(part, sympy.Add):
            return all(self.take(each, factor) for each in part.args)
        number, inner = part.as_independent(*part.free_symbols, as_Add=False)
        if number != 1:
            return self.take(inner, factor * float(number))
        if isinstance(part, sympy.Pow) and part.exp == 2 and part.base in self.symbols:
            self.decay[part.base] += 2.0 * factor
            return True
        if isinstance(part, sympy.Abs) and part.args[0] in self.symbols:
            self.lasso[part.args[0]] += factor
            return True
        return False
