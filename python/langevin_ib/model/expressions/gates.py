"""Gates, 1 + erf(x) and 1 + tanh(x), as functions of their own: of the sums nothing is left where x is -10."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import scipy.special
import sympy

__all__ = ["GATES", "with_gates"]

_MOST_OPERATIONS = 100
"""Larger factors of gates are not multiplied out."""

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
    for term in sympy.Add.make_args(total) if total.is_Add else ():
        for gate in sympy.Mul.make_args(term):
            function, power = gate.as_base_exp()
            if type(function) not in _NAMES or power not in {1, 2}:
                continue
            opened, x = _NAMES[type(function)], function.args[0]
            # a - a g² is a (1 + g)(1 - g).
            for sign in (1, -1) if power == 1 else (-1,):
                whole = sign * term / gate
                rest = _without(total - term, whole)
                if rest is not None:
                    return whole * (opened(sign * x) if power == 1 else opened(x) * opened(-x)) + _opened(rest)
    return total


def _without(total: sympy.Expr, part: sympy.Expr) -> sympy.Expr | None:
    """Return the rest of a sum of which another one is a part; None if it is none. Of a number less may be one."""
    terms = list(sympy.Add.make_args(total))
    for mine in sympy.Add.make_args(sympy.expand_mul(part) if part.count_ops() < _MOST_OPERATIONS else part):
        factor, rest = mine.as_coeff_Mul()
        for k, (other, same) in enumerate(term.as_coeff_Mul() for term in terms):
            # 1.0 is 1.
            if same == rest and (float(other) == float(factor) or (rest == 1 and 0 < factor / other < 1)):
                left = other - factor if float(other) != float(factor) else sympy.S.Zero
                terms[k : k + 1] = [] if left == 0 else [left]
                break
        else:
            return None
    return sympy.Add(*terms)
