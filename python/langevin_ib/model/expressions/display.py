"""Expressions as people read them: MathML for a page, LaTeX for a paper, and words for what is too long for either."""

from __future__ import annotations

from html import escape

import sympy
from sympy.printing.mathml import mathml

from .parts import is_small
from .singular import SingularValue
from .sketch import sketch

__all__ = ["as_latex", "as_mathml", "with_named_values"]

_MOST = 120
"""A formula of more parts is told in words."""


_WITHOUT_MATHML = (sympy.Piecewise, sympy.Determinant, sympy.besselk)
"""What SymPy writes as words."""


def with_named_values(expression: sympy.Expr) -> tuple[sympy.Expr, str]:
    """Return an expression with the symbols sigma1, sigma2, ... for singular values, and whose they are, in words."""
    values = expression.atoms(SingularValue)
    if not values:
        return expression, ""
    matrices = list(dict.fromkeys(value.args[1:] for value in sorted(values, key=sympy.default_sort_key)))
    marks = ["", *(f"_{letter}" for letter in "BCDEFGH")]
    if len(matrices) > len(marks):
        return expression, ""
    names = {v: sympy.Symbol(f"sigma{v.args[0]}{marks[matrices.index(v.args[1:])]}", positive=True) for v in values}
    said = [
        f"sigma{mark}: singular values of the {rows} x {columns} matrix {_rows(entries, int(columns))}"
        for mark, (rows, columns, *entries) in zip(marks, matrices, strict=False)
    ]
    return expression.xreplace(names), "; ".join(said)


def _rows(entries: list[sympy.Expr], columns: int) -> str:
    rows = [entries[i : i + columns] for i in range(0, len(entries), columns)]
    texts = [f"[{', '.join(map(sketch, row))}]" for row in (rows if len(rows) <= 2 else [rows[0], rows[-1]])]
    return f"[{', ..., '.join(texts) if len(rows) > 2 else ', '.join(texts)}]"


def as_mathml(expression: sympy.Expr) -> str:
    """Return HTML of a formula, or text where it is too long or has no such form."""
    named, said = with_named_values(_plain(expression))
    if not is_small(named, _MOST) or named.has(*_WITHOUT_MATHML):
        return sketch(named)
    return f"<math>{mathml(named, printer='presentation')}</math>{escape(f' ({said})') if said else ''}"


def as_latex(expression: sympy.Expr) -> str:
    """Return LaTeX of a formula, or words in its place where it is too long."""
    named, _ = with_named_values(_plain(expression))
    return str(sympy.latex(named)) if is_small(named, _MOST) else rf"\text{{{sketch(named)}}}".replace("_", r"\_")


def _plain(expression: sympy.Expr) -> sympy.Expr:
    """Return an expression whose indices have no ranges, which the limits of its sums have."""
    return expression.xreplace({each: sympy.Symbol(str(each.label)) for each in expression.atoms(sympy.Idx)})
