"""Expressions as they appear in messages: written out if they are short, else what they are and how they begin."""

from __future__ import annotations

import math

import sympy

from ...checks import MAX_SHOWN
from .parts import is_small

__all__ = ["sketch"]

_DEEPEST = 3

_KINDS = {"Add": "a sum of {} terms", "Mul": "a product of {} factors", "Piecewise": "a Piecewise of {} cases"}


def sketch(expression: sympy.Basic, depth: int = _DEEPEST) -> str:
    """Return an expression as text of a readable length, whatever its size; of what is nested, so many levels.

    Examples
    --------
    >>> x = sympy.symbols("x:100")
    >>> sketch(x[0] ** 2 + 1)
    'x0**2 + 1'
    >>> sketch(sympy.Add(*(xi**2 for xi in x)) ** 2)
    '(a sum of 100 terms, such as x0**2)**2'
    """
    if is_small(expression):
        text = _written(expression)
        return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
    if depth == 0:
        return "..."
    name = type(expression).__name__
    arguments = expression.args
    if name in _KINDS:
        example = next((a for a in arguments if is_small(a)), arguments[0])
        return f"{_KINDS[name].format(len(arguments))}, such as {sketch(example, depth - 1)}"
    if name == "Pow":
        return f"({sketch(arguments[0], depth - 1)})**{sketch(arguments[1], depth - 1)}"
    return f"{name}({', '.join(sketch(a, depth - 1) for a in arguments[:2])}{', ...' if len(arguments) > 2 else ''})"


def _written(expression: sympy.Basic) -> str:
    try:
        return str(expression)
    except ValueError:
        # Python refuses to write integers of thousands of digits.
        digits = {n: _digits(n) for n in expression.atoms(sympy.Rational) if _digits(n) > MAX_SHOWN}
        return str(expression.xreplace({n: sympy.Symbol(f"(a number of {k} digits)") for n, k in digits.items()}))


def _digits(number: sympy.Rational) -> int:
    return math.ceil(max(abs(int(number.p)), int(number.q)).bit_length() * math.log10(2))
