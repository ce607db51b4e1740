"""SymPy expressions of real symbols: which are acceptable, whether one vanishes identically, and as NumPy functions."""

from __future__ import annotations

import keyword
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy.core.function import AppliedUndef

from .errors import InvalidArgumentError

__all__ = ["checked_expression", "checked_name", "compiled", "exact", "vanishes"]

_DIGITS = 50
_PROBES = 12


def checked_name(kind: str, name: Any) -> str:
    """Return `name` if it is a plain Python identifier, so that it can be typed, printed and stored anywhere.

    Raises
    ------
    InvalidArgumentError
        If it is anything else.
    """
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise InvalidArgumentError(f"{kind} name {name!r} must be a Python identifier such as 'theta' or 'w_1'")
    return name


def checked_expression(what: str, value: Any, symbols: Sequence[sympy.Symbol]) -> sympy.Expr:
    """Return `value` as a SymPy expression that is real, finite and depends on `symbols` alone.

    Raises
    ------
    InvalidArgumentError
        If `value` is no expression, contains infinities, nan, the imaginary unit or an undefined function, or
        depends on something else than `symbols`.
    """
    try:
        expression = sympy.sympify(value, strict=True)
    except sympy.SympifyError:
        expression = None
    if not isinstance(expression, sympy.Expr) or getattr(expression, "is_Matrix", False):
        raise InvalidArgumentError(
            f"{what} must be a scalar SymPy expression of the parameters, got {value!r} of type {type(value).__name__}"
        )
    _refuse_unknown_symbols(what, expression, symbols)
    if expression.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo):
        raise InvalidArgumentError(f"{what} = {expression} is not finite; remove the infinity or nan")
    if expression.has(sympy.I) or expression.is_extended_real is False:
        raise InvalidArgumentError(f"{what} = {expression} is not real for real parameters")
    undefined = sorted(str(f) for f in expression.atoms(AppliedUndef))
    if undefined:
        raise InvalidArgumentError(f"{what} contains undefined functions {', '.join(undefined)}; write them out")
    return expression


def _refuse_unknown_symbols(what: str, expression: sympy.Expr, symbols: Sequence[sympy.Symbol]) -> None:
    unknown = sorted((s for s in expression.free_symbols if s not in symbols), key=str)
    if not unknown:
        return
    names = ", ".join(map(str, unknown))
    known = ", ".join(map(str, symbols))
    twin = any(str(s) == str(t) for s in unknown for t in symbols)
    remedy = (
        "it has the name of a parameter but is another symbol; use the symbols that parameters() returned"
        if twin
        else "give it a number or list it among the parameters"
    )
    raise InvalidArgumentError(f"{what} depends on {names}, but the parameters are {known}: {remedy}")


def exact(value: Any) -> sympy.Expr:
    """Return a number as SymPy has it, whole floats as integers: a model typed by hand equals a ready-made one."""
    number = sympy.sympify(value)
    return sympy.Integer(int(number)) if number.is_Float and float(number).is_integer() else number


def vanishes(expression: sympy.Expr, symbols: Sequence[sympy.Symbol]) -> bool:
    """Decide whether `expression` is zero for (almost) all real values of `symbols`.

    Expansion settles polynomials. What is left is evaluated with 50 digits at random rational points: a single clear
    non-zero refutes, and an analytic function that is zero at all of them is zero with probability one. (Symbolic
    simplification could not overturn either verdict, and may run for hours.) Machine numbers inside the expression
    carry 16 digits only, and are granted an error of 1e-12 of the largest term.

    Raises
    ------
    InvalidArgumentError
        If the expression has a value at none of the points.
    """
    expanded = sympy.expand(expression)
    if expanded == 0:
        return True
    tolerance = sympy.Float("1e-12" if expanded.has(sympy.Float) else f"1e-{_DIGITS - 15}", _DIGITS)
    source = random.Random(20260106)
    evaluated = 0
    for probe in range(_PROBES):
        point = {s: _random_rational(source, positive=probe % 2 == 0) for s in symbols}
        terms = [abs(t.xreplace(point).evalf(_DIGITS)) for t in sympy.Add.make_args(expanded)]
        value = abs(expanded.xreplace(point).evalf(_DIGITS))
        if not (value.is_Float or value.is_Integer or value.is_zero) or not all(t.is_finite for t in terms):
            continue
        evaluated += 1
        if value > tolerance * max([sympy.Integer(0), *terms]):
            return False
    if evaluated == 0:
        raise InvalidArgumentError(f"cannot evaluate {expression} at any real values of {', '.join(map(str, symbols))}")
    return True


def _random_rational(source: random.Random, *, positive: bool) -> sympy.Rational:
    value = sympy.Rational(source.randint(200, 3000), source.randint(500, 1500))
    return value if positive or source.random() < 0.5 else -value


def compiled(expression: sympy.Expr, symbols: Sequence[sympy.Symbol]) -> Callable[..., NDArray[np.float64]]:
    """Return `expression` as a NumPy function of the symbols, which broadcasts and is silent about overflow.

    Parameters
    ----------
    expression : sympy.Expr
        A real expression of `symbols`.
    symbols : sequence of sympy.Symbol
        The arguments, in the order in which the function takes them.

    Returns
    -------
    callable
        Takes one array per symbol (any broadcastable shapes), returns the float64 array of values; values out of the
        range of doubles come back as inf or nan.
    """
    raw = sympy.lambdify(list(symbols), expression, modules=["scipy", "numpy"])

    def function(*arguments: Any) -> NDArray[np.float64]:
        arrays = [np.asarray(a, dtype=np.float64) for a in arguments]
        with np.errstate(all="ignore"):
            values = np.asarray(raw(*arrays), dtype=np.float64)
        return np.broadcast_to(values, np.broadcast_shapes(*(a.shape for a in arrays)))

    return function
