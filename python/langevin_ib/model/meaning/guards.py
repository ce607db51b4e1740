"""Where the pieces of an expression meet: functions that are zero there, rows of data included."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import sympy
from sympy.core.relational import Relational

from ..expressions import SMOOTH, Data, is_rough, limits_of, parts_of, uses_data

__all__ = ["Guards", "guards_of"]

_MOST = 160
"""So many guards are looked at; of more, some that are drawn."""

_ROWS = 6
"""So many rows of data stand for all: the first, the last, and those with the extreme entries."""


@dataclass(frozen=True)
class Guards:
    """Functions whose signs tell the pieces of an expression apart.

    Parameters
    ----------
    edges : tuple of sympy.Expr
        They change signs where one piece ends and the next begins.
    turns : tuple of sympy.Expr
        Around their zeros functions such as tanh turn from one behaviour to another, and pieces may end, too.
    """

    edges: tuple[sympy.Expr, ...]
    turns: tuple[sympy.Expr, ...]


def guards_of(expressions: Sequence[sympy.Basic], symbols: Sequence[sympy.Symbol], data: Data) -> Guards:
    """Return the guards of expressions, each once, as functions of the symbols and of data at fixed rows.

    Examples
    --------
    >>> x, y = sympy.symbols("x y", real=True)
    >>> guards_of([x * sympy.Min(6, sympy.Max(0, y))], (x, y), {}).edges
    (-y, 6 - Max(0, y))
    """
    known, drawn = set(symbols), np.random.default_rng(20260106)
    edges: dict[sympy.Expr, None] = {}
    turns: dict[sympy.Expr, None] = {}
    for expression in expressions:
        for part, ranges in _scopes(expression):
            for found, kept in ((_edges(part), edges), (_turns(part), turns)):
                for guard in found:
                    for fixed in _at_rows(guard, ranges, data, drawn):
                        if fixed.free_symbols & known and len(kept) < 8 * _MOST:
                            kept[fixed] = None
    return Guards(_some(edges, drawn), _some({guard: None for guard in turns if guard not in edges}, drawn))


def _some(guards: dict[sympy.Expr, None], drawn: np.random.Generator) -> tuple[sympy.Expr, ...]:
    chosen = list(guards)
    if len(chosen) > _MOST:
        chosen = [chosen[k] for k in sorted(drawn.choice(len(chosen), _MOST, replace=False))]
    return tuple(chosen)


def _scopes(
    expression: sympy.Basic, ranges: tuple[tuple[sympy.Basic, int, int], ...] = ()
) -> Iterator[tuple[sympy.Basic, tuple[tuple[sympy.Basic, int, int], ...]]]:
    """Yield the parts of an expression, those inside of sums with the ranges of the indices around them."""
    for part in parts_of(expression, lambda part: () if isinstance(part, (sympy.Sum, sympy.Indexed)) else part.args):
        if isinstance(part, sympy.Sum):
            yield from _scopes(part.function, (*ranges, *limits_of("a sum", part)))
        elif part.args:
            yield part, ranges


def _edges(part: sympy.Basic) -> list[sympy.Expr]:  # noqa: PLR0911 - one for each kind of part
    """Return what changes its sign where a part goes from one piece to another."""
    if isinstance(part, Relational):
        return [part.args[0] - part.args[1]]
    if not is_rough(part) or not isinstance(part, sympy.Expr):
        return []
    match part:
        case sympy.Max() | sympy.Min():
            pairs = itertools.combinations(part.args, 2) if len(part.args) < 9 else itertools.pairwise(part.args)
            return [one - other for one, other in pairs]
        case sympy.Piecewise():
            return []
        case sympy.floor() | sympy.ceiling() | sympy.frac():
            return [part.args[0], part.args[0] - 1]
        case sympy.Mod():
            return [part.args[0], part.args[0] - part.args[1]]
        case sympy.Heaviside():
            return [part.args[0]]
    return [each for each in part.args if isinstance(each, sympy.Expr)]


def _turns(part: sympy.Basic) -> list[sympy.Expr]:
    if isinstance(part, sympy.Pow) and not (part.exp.is_Integer and part.exp > 0):
        inside = [part.base, part.exp]
    elif isinstance(part, SMOOTH) or is_rough(part):
        inside = [each for each in part.args if isinstance(each, sympy.Expr)]
    else:
        return []
    sums = [each for whole in inside for each in parts_of(whole, _opened) if isinstance(each, sympy.Add)]
    return [*inside, *sums]


def _opened(part: sympy.Basic) -> Sequence[sympy.Basic]:
    return () if isinstance(part, (sympy.Sum, sympy.Indexed)) else part.args


def _at_rows(
    guard: sympy.Expr, ranges: tuple[tuple[sympy.Basic, int, int], ...], data: Data, drawn: np.random.Generator
) -> list[sympy.Expr]:
    """Return a guard for some values of the indices that it has."""
    used = guard.free_symbols
    mine = [(index, first, last) for index, first, last in ranges if index in used]
    if not mine:
        return [guard]
    extreme = _extreme_rows(guard, data)
    choices = []
    for _, first, last in mine:
        rows = [first, last, *(min(max(row, first), last) for row in extreme), int(drawn.integers(first, last + 1))]
        choices.append(list(dict.fromkeys(rows))[:_ROWS])
    together = list(itertools.islice(itertools.product(*choices), 4 * _ROWS))
    return [
        guard.xreplace({index: sympy.Integer(row) for (index, _, _), row in zip(mine, rows, strict=True)})
        for rows in together
    ]


def _extreme_rows(guard: sympy.Expr, data: Data) -> list[int]:
    if not uses_data(guard):
        return []
    names = sorted({str(part.base.label) for part in parts_of(guard) if isinstance(part, sympy.Indexed)})
    columns = [column for name in names for column in np.atleast_2d(data[name].T)[:2]]
    return [int(pick(column)) for column in columns for pick in (np.argmax, np.argmin)]
