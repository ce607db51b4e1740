"""Solving f(x) = t for one coordinate by formulas: all real roots, and perhaps some that are none.

Candidates are collected for every sign pattern of what has kinks. Whoever uses them checks by putting them back into f.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import sympy

from ...model.expressions import rough_parts

__all__ = ["is_affine", "kinks_of", "solutions"]

_MOST_PATTERNS = 16
_MOST_TERMS = 60

_INVERSES: dict[type[sympy.Function], Callable[[sympy.Expr], list[sympy.Expr]]] = {
    sympy.exp: lambda y: [sympy.log(y)],
    sympy.log: lambda y: [sympy.exp(y)],
    sympy.tanh: lambda y: [sympy.log((1 + y) / (1 - y)) / 2],
    sympy.sinh: lambda y: [sympy.asinh(y)],
    sympy.cosh: lambda y: [sympy.acosh(y), -sympy.acosh(y)],
    sympy.asinh: lambda y: [sympy.sinh(y)],
    sympy.atan: lambda y: [sympy.tan(y)],
    sympy.erf: lambda y: [sympy.erfinv(y)],
}


def is_affine(expression: sympy.Expr, x: sympy.Symbol) -> bool:
    """Return whether an expression is a + b x with a and b free of x."""
    return not any(part.has(x) for part in rough_parts(expression)) and not sympy.diff(expression, x).has(x)


def kinks_of(expression: sympy.Expr, x: sympy.Symbol) -> list[sympy.Expr]:
    """Return the outermost nodes that have a kink or a jump and depend on x."""
    if not expression.has(x):
        return []
    if isinstance(expression, (sympy.Abs, sympy.sign, sympy.Heaviside, sympy.Max, sympy.Min, sympy.Piecewise)):
        return [expression]
    found = [kink for part in expression.args for kink in kinks_of(part, x)]
    return list(dict.fromkeys(found))


def solutions(expression: sympy.Expr, x: sympy.Symbol, value: sympy.Expr) -> list[sympy.Expr] | None:
    """Return formulas among which are all real x with `expression` = `value`; None if no such formulas are known.

    Parameters
    ----------
    expression : sympy.Expr
        A function of x and of other symbols.
    x : sympy.Symbol
        What to solve for.
    value : sympy.Expr
        Free of x.

    Returns
    -------
    list of sympy.Expr or None
        Functions of the other symbols and of those of `value`. Some may be no solutions, and any may be complex.
    """
    found: list[sympy.Expr] = []
    for smooth in _patterns(expression, x):
        if not smooth.has(x):
            continue
        roots = _inverted(smooth, x, value)
        if roots is None:
            return None
        found += [root for root in roots if not root.has(sympy.nan, sympy.zoo, sympy.oo)]
    return list(dict.fromkeys(found))


def _patterns(expression: sympy.Expr, x: sympy.Symbol) -> Iterator[sympy.Expr]:
    """Yield the smooth expressions that the given one is equal to, each somewhere."""
    todo, seen = [expression], 0
    while todo:
        current = todo.pop()
        kinks = kinks_of(current, x)
        if not kinks:
            yield current
            continue
        seen += 1
        if seen > _MOST_PATTERNS:
            return
        todo += [current.xreplace({kinks[0]: piece}) for piece in _pieces(kinks[0])]


def _pieces(kink: sympy.Expr) -> list[sympy.Expr]:
    match kink:
        case sympy.Abs():
            return [kink.args[0], -kink.args[0]]
        case sympy.Max() | sympy.Min():
            return list(kink.args)
        case sympy.Piecewise():
            return [value for value, _ in kink.args]
        case sympy.Heaviside():
            return [sympy.S.One, sympy.S.Zero]
    return [sympy.S.One, sympy.S.NegativeOne]


def _inverted(expression: sympy.Expr, x: sympy.Symbol, value: sympy.Expr) -> list[sympy.Expr] | None:  # noqa: PLR0911
    """Undo one operation after the other, as long as x is in one operand only."""
    if expression == x:
        return [value]
    if isinstance(expression, sympy.Add):
        others, mine = expression.as_independent(x, as_Add=True)
        if others != 0:
            return _inverted(mine, x, value - others)
    if isinstance(expression, sympy.Mul):
        others, mine = expression.as_independent(x, as_Add=False)
        if others != 1:
            return _inverted(mine, x, value / others)
    if isinstance(expression, sympy.Pow) and expression.exp.is_Rational:
        return _each(_bases(value, expression.exp), expression.base, x)
    if isinstance(expression, sympy.Pow) and not expression.base.has(x):
        return _inverted(expression.exp, x, sympy.log(value) / sympy.log(expression.base))
    if type(expression) in _INVERSES:
        return _each(_INVERSES[type(expression)](value), expression.args[0], x)
    return _polynomial(expression, x, value)


def _each(values: list[sympy.Expr], expression: sympy.Expr, x: sympy.Symbol) -> list[sympy.Expr] | None:
    found = [_inverted(expression, x, value) for value in values]
    return None if any(roots is None for roots in found) else list(itertools.chain(*filter(None, found)))


def _bases(value: sympy.Expr, exponent: sympy.Rational) -> list[sympy.Expr]:
    """Return the real b with b**exponent = value."""
    p, q = int(exponent.p), int(exponent.q)
    if q == 1 and p % 2 == 0:
        root = value ** sympy.Rational(1, p)
        return [root, -root]
    if q == 1 and p != -1:
        return [sympy.sign(value) * sympy.Abs(value) ** sympy.Rational(1, p)]
    return [value ** sympy.Rational(q, p)]


def _polynomial(expression: sympy.Expr, x: sympy.Symbol, value: sympy.Expr) -> list[sympy.Expr] | None:
    """Solve what is a quotient of polynomials in x, with at most one square root in it."""
    roots = [p for p in expression.atoms(sympy.Pow) if p.exp.is_Rational and p.exp.q == 2 and p.base.has(x)]
    bases = list(dict.fromkeys(power.base for power in roots))
    if len(bases) > 1 or expression.count_ops() > _MOST_TERMS * 5:
        return None
    r = sympy.Dummy("r", positive=True)
    rational = expression.xreplace({power: r ** (2 * power.exp) for power in roots})
    numerator = sympy.fraction(sympy.together(rational - value))[0]
    if bases:
        try:
            in_root = sympy.Poly(sympy.expand(numerator), r)
        except sympy.PolynomialError:
            return None
        even = sum((c * bases[0] ** (n // 2) for (n,), c in in_root.terms() if n % 2 == 0), sympy.S.Zero)
        odd = sum((c * bases[0] ** (n // 2) for (n,), c in in_root.terms() if n % 2 == 1), sympy.S.Zero)
        numerator = sympy.expand(even**2 - odd**2 * bases[0])
    return _roots(numerator, x)


def _roots(numerator: sympy.Expr, x: sympy.Symbol) -> list[sympy.Expr] | None:
    try:
        polynomial = sympy.Poly(sympy.expand(numerator), x)
    except sympy.PolynomialError:
        return None
    if any(c.has(x) for c in polynomial.all_coeffs()):
        return None
    powers = [n for (n,), _ in polynomial.terms() if n > 0]
    step = int(sympy.igcd(*powers)) if len(powers) > 1 else max(powers, default=0)
    degrees = sorted({n // step for n in powers}) if step else []
    if degrees not in ([1], [1, 2], [2]):
        return [] if not degrees else None
    coefficient = {n: polynomial.coeff_monomial(x ** (n * step)) for n in (0, 1, 2)}
    a, b, c = (sympy.factor_terms(coefficient[n]) for n in (2, 1, 0))
    powered = [-c / b] if a == 0 else _of_a_quadratic(a, b, c)
    return powered if step == 1 else _each(powered, x**step, x)


def _of_a_quadratic(a: sympy.Expr, b: sympy.Expr, c: sympy.Expr) -> list[sympy.Expr]:
    """Return the roots of a x² + b x + c: the smaller one as a quotient, as a difference would have lost digits."""
    root = sympy.sqrt(sympy.factor(b**2 - 4 * a * c))
    if b == 0:
        return [root / (2 * a), -root / (2 * a)]
    larger = -(b + sympy.Piecewise((root, b >= 0), (-root, True))) / 2
    return [larger / a, c / larger]
