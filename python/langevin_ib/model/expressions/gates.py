"""Gates, 1 + erf(x) and 1 + tanh(x), as functions of their own: of the sums nothing is left where x is -10."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import scipy.special
import sympy

__all__ = ["GATES", "with_gates"]

_NAMES: dict[type[sympy.Function], sympy.Function] = {
    sympy.erf: sympy.Function("one_plus_erf"),
    sympy.tanh: sympy.Function("one_plus_tanh"),
}

GATES: dict[str, Callable[[Any], Any]] = {
    "one_plus_erf": lambda x: scipy.special.erfc(-x),
    "one_plus_tanh": lambda x: 2.0 * scipy.special.expit(2.0 * x),
}
"""NumPy functions, by the names that they have in formulas."""


def with_gates(formula: sympy.Basic) -> sympy.Basic:
    """Return a formula with a + a erf(x) as the product that it is, and so for tanh and differences.

    Examples
    --------
    >>> x = sympy.Symbol("x", real=True)
    >>> with_gates(x / 2 - x * sympy.tanh(x) / 2)
    x*one_plus_tanh(-x)/2
    """
    if not formula.has(*_NAMES):
        return formula
    return formula.replace(lambda part: isinstance(part, sympy.Add), _opened)


def _opened(total: sympy.Expr) -> sympy.Expr:
    for term in total.args:
        for gate in sympy.Mul.make_args(term):
            if type(gate) not in _NAMES:
                continue
            for sign in (1, -1):
                whole = sign * term / gate
                if whole in total.args:
                    return whole * _NAMES[type(gate)](sign * gate.args[0]) + _opened(total - whole - term)
    return total
