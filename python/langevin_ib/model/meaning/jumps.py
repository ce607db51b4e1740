"""Where an expression jumps: at which of the places where its pieces meet it does not go on as it was."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy

from ..expressions import NO_DATA, Data, is_rough, parts_of, values_of
from .probing import Seam, seams_of

__all__ = ["jumps_of"]

_NEARER, _SHARE, _ROUNDING = 1e-3, 0.3, 1e-9
"""A thousand times nearer to a place where it is continuous, an expression changes across by less than this share of
what it changes on the way there, even if it is a fifth root."""


def jumps_of(expression: sympy.Expr, symbols: Sequence[sympy.Symbol], data: Data = NO_DATA) -> list[Seam]:
    """Return places at which an expression jumps, on all sheets that were found; none if it is continuous.

    Parameters
    ----------
    expression : sympy.Expr
        A function of `symbols` and of `data`.
    symbols : sequence of sympy.Symbol
        The coordinates.
    data : mapping from str to array
        What the expression sums over.

    Examples
    --------
    >>> x, y = sympy.symbols("x y", real=True)
    >>> {seam.guard for seam in jumps_of(x * sympy.Heaviside(y - 3) + sympy.Max(0, x), (x, y))}
    {y - 3}
    """
    if not any(is_rough(part) for part in parts_of(expression)):
        return []
    return [seam for seam in seams_of([expression], symbols, data) if _jumps(expression, symbols, data, seam)]


def _jumps(expression: sympy.Expr, symbols: Sequence[sympy.Symbol], data: Data, seam: Seam) -> bool:
    """Return whether the value changes by more across a seam than on the way to it, on both sides."""
    middle = 0.5 * (seam.before + seam.after)
    ends = [middle + share * (end - middle) for share in (1.0, _NEARER) for end in (seam.before, seam.after)]
    values = values_of(expression, dict(zip(symbols, np.array(ends).T, strict=True)), data)
    far_before, far_after, before, after = values
    across, along = abs(after - before), abs(far_after - after) + abs(far_before - before)
    return bool(across > _SHARE * along and across > _ROUNDING * np.abs(values).max())
