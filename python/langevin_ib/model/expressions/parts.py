"""The different parts of an expression, each once: however deep they are nested, and however often they occur.

SymPy's own walks recurse, and visit a part as often as it occurs. A map that is iterated twenty times has a hundred
different parts, but millions of places where they stand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import sympy
from sympy.concrete.expr_with_limits import ExprWithLimits

__all__ = ["degree_of", "has_part", "is_plainly_real", "is_small", "parts_of", "symbols_of", "terms_of_product"]

_BINDING = (ExprWithLimits, sympy.Subs, sympy.Lambda)
"""Nodes that have variables of their own."""

_SMALL = 60

_REAL_WHERE_PARTS_ARE = (
    *(sympy.Add, sympy.Mul, sympy.Max, sympy.Min, sympy.Abs, sympy.sign, sympy.exp, sympy.sin, sympy.cos, sympy.tan),
    *(sympy.sinh, sympy.cosh, sympy.tanh, sympy.atan, sympy.asinh, sympy.erf, sympy.Heaviside),
)


def _arguments(part: sympy.Basic) -> Sequence[sympy.Basic]:
    arguments: Sequence[sympy.Basic] = part.args
    return arguments


def parts_of(
    expression: sympy.Basic, inside: Callable[[sympy.Basic], Sequence[sympy.Basic]] = _arguments
) -> list[sympy.Basic]:
    """Return an expression and everything that it is made of, each part once and after its own parts.

    Parameters
    ----------
    expression : sympy.Basic
        What to take apart.
    inside : callable, optional
        Tells what a part is made of; by default all its arguments.

    Examples
    --------
    >>> x = sympy.Symbol("x")
    >>> parts_of(sympy.exp(x) + x)
    [x, exp(x), x + exp(x)]
    """
    # The dictionary is an ordered set.
    found: dict[sympy.Basic, None] = {}
    todo = [(expression, False)]
    while todo:
        part, opened = todo.pop()
        if part in found:
            continue
        if opened:
            found[part] = None
            continue
        todo.append((part, True))
        todo.extend((inner, False) for inner in reversed(inside(part)) if inner not in found)
    return list(found)


def has_part(expression: sympy.Basic, *kinds: type) -> bool:
    """Return whether an expression or any of its parts is of one of these classes."""
    return any(isinstance(part, kinds) for part in parts_of(expression))


def symbols_of(expression: sympy.Basic) -> set[sympy.Basic]:
    """Return the symbols that an expression depends on; those that a sum or an integral goes over are none."""
    symbols: set[sympy.Basic] = set()
    for part in parts_of(expression, lambda part: () if isinstance(part, _BINDING) else part.args):
        if isinstance(part, _BINDING):
            symbols |= part.free_symbols
        elif isinstance(part, (sympy.Symbol, sympy.MatrixSymbol)):
            symbols.add(part)
    return symbols


def degree_of(expression: sympy.Basic) -> float:
    """Return the degree that an expression has as a polynomial unless terms cancel; infinity if it is none.

    Entries of data are numbers here.

    Examples
    --------
    >>> x, y = sympy.symbols("x y")
    >>> degree_of((x * y - 1) ** 3), degree_of(sympy.exp(x)), degree_of(sympy.exp(2))
    (6.0, inf, 0.0)
    """
    degrees: dict[sympy.Basic, float] = {}
    for part in parts_of(expression):
        inner = [degrees[each] for each in part.args]
        if isinstance(part, sympy.Symbol):
            degrees[part] = 1.0
        elif not any(inner) or isinstance(part, sympy.Indexed):
            degrees[part] = 0.0
        elif isinstance(part, sympy.Add):
            degrees[part] = max(inner)
        elif isinstance(part, sympy.Mul):
            degrees[part] = sum(inner)
        else:
            whole = isinstance(part, sympy.Pow) and part.exp.is_Integer and part.exp.is_positive
            degrees[part] = inner[0] * float(part.exp) if whole else math.inf
    return degrees[expression]


def is_small(expression: sympy.Basic, most: int = _SMALL) -> bool:
    """Return whether an expression has no more than so many parts, counted as often as they occur."""
    todo, seen = [expression], 0
    while todo and seen <= most:
        seen += 1
        todo.extend(todo.pop().args)
    return seen <= most


def terms_of_product(expression: sympy.Basic) -> float:
    """Return a bound on the number of terms that an expression has once it is written out.

    Examples
    --------
    >>> x, y = sympy.symbols("x y")
    >>> terms_of_product((x + y) ** 2 * (x - 1) + sympy.exp(x + y))
    9.0
    """
    counts: dict[sympy.Basic, float] = {}
    for part in parts_of(expression):
        if isinstance(part, sympy.Add):
            counts[part] = sum(counts[each] for each in part.args)
        elif isinstance(part, sympy.Mul):
            counts[part] = math.prod(counts[each] for each in part.args)
        elif isinstance(part, sympy.Pow) and part.exp.is_Integer and counts[part.base] > 1:
            counts[part] = counts[part.base] ** min(abs(int(part.exp)), 64)
        else:
            # Arguments of functions are written out, too, but in their places.
            counts[part] = max(1.0, *(counts[each] for each in part.args)) if isinstance(part, sympy.Sum) else 1.0
    return counts[expression]


def is_plainly_real(expression: sympy.Basic) -> bool:
    """Return whether an expression of real symbols is seen at a glance to be real; SymPy's own answer can take long."""
    plain: dict[sympy.Basic, tuple[bool, bool]] = {}
    for part in parts_of(expression):
        inner = [plain[each] for each in part.args]
        real, positive = all(each[0] for each in inner), all(each[1] for each in inner)
        if isinstance(part, sympy.Number):
            plain[part] = bool(part.is_real), bool(part.is_nonnegative)
        elif isinstance(part, sympy.Symbol):
            plain[part] = bool(part.is_real), False
        elif isinstance(part, sympy.Pow):
            even = bool(part.exp.is_Integer) and part.exp % 2 == 0
            power = inner[0][1] or bool(part.exp.is_Integer)
            plain[part] = real and power, real and (even or inner[0][1])
        elif isinstance(part, _REAL_WHERE_PARTS_ARE) and inner:
            squares = positive and isinstance(part, (sympy.Add, sympy.Mul, sympy.Max, sympy.Min))
            plain[part] = real, real and (squares or isinstance(part, (sympy.Abs, sympy.exp)))
        else:
            plain[part] = False, False
    return plain[expression][0]
