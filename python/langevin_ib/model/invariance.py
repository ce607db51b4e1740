"""The proof that an expression has a symmetry: its derivative along a generator vanishes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.linalg
import sympy

from ..checks import shown
from ..errors import InvalidArgumentError, InvarianceError, UnsupportedModelError
from .expressions import (
    DATA_TOLERANCE,
    NO_DATA,
    Data,
    compiled,
    has_part,
    is_small,
    jet,
    parts_of,
    probes,
    symbols_of,
    uses_data,
    values_of,
    vanishes,
)

__all__ = ["require_invariance"]

_PROBES, _FEWEST_PROBES, _ROWS = 12, 3, 10**5
"""An expression with data is looked at in 12 points, or in fewer if there are more than so many rows."""

_COMPOSED = (sympy.Pow, sympy.Function, sympy.Max, sympy.Min)
"""Nodes that are constant where their parts are."""

_JUMPING = (sympy.sign, sympy.Heaviside, sympy.Piecewise)
_TIMES, _ALIKE = (0.4, -1.1, 2.3), 1e-6
"""How far to go along orbits to see jumps; by what share of its size an expression may change there from rounding."""

_NAMED = 6
"""So many coordinates of a point are written out in a message."""


def require_invariance(
    what: str,
    expression: sympy.Expr,
    generator: tuple[sympy.Expr, ...],
    symbols: tuple[sympy.Symbol, ...],
    data: Data = NO_DATA,
) -> None:
    """Check that the derivative of `expression` along the vector field `generator` is identically zero.

    Without data that is a symbolic derivative, see `expressions.vanishes`. With data it is taken at random points in
    double precision, where it may be as large as `DATA_TOLERANCE` of what its terms add up to in absolute value. Either
    way it is looked at where it exists: kinks of Max, Abs and Piecewise do not matter. What can jump is also compared
    with itself elsewhere on the orbits of random points.

    Raises
    ------
    InvarianceError
        If it is not; `what` names the expression in the message.
    UnsupportedModelError
        If the expression is nested too deeply for SymPy to tell.
    """
    if uses_data(expression):
        residual = _residual_with_data(expression, generator, symbols, data)
    elif _plainly_constant(expression, dict(zip(symbols, generator, strict=True))):
        residual = None
    else:
        residual = _residual(what, expression, generator, symbols)
    wrong = f"is {residual}, not 0"
    if residual is None:
        residual = _jump(expression, generator, symbols, data) if has_part(expression, *_JUMPING) else None
        wrong = f"is 0 where it exists, but its value goes {residual}"
    if residual is None:
        return
    field_text = " + ".join(f"({xi}) d/d{x}" for xi, x in zip(generator, symbols, strict=True) if xi != 0)
    text = f" = {shown(expression)}" if is_small(expression) else ""
    raise InvarianceError(
        f"{what}{text} is not invariant under the symmetry: its derivative along the generator "
        f"{field_text} {wrong}; change the weights of the symmetry or the expression",
        generator=field_text,
        residual=residual,
    )


def _jump(
    expression: sympy.Expr, generator: tuple[sympy.Expr, ...], symbols: tuple[sympy.Symbol, ...], data: Data
) -> str | None:
    """Return between which values an expression goes along an orbit, in words; None if it does not."""
    points, value = probes(symbols, _PROBES), compiled(expression, symbols, data)
    start = np.array([points[x] for x in symbols])
    field = np.array(sympy.Matrix(generator).jacobian(symbols), dtype=np.float64)
    ends = np.concatenate([scipy.linalg.expm(time * field) @ start for time in _TIMES], axis=1)
    before, after = np.tile(value(*start), len(_TIMES)), value(*ends)
    known = np.isfinite(before) & np.isfinite(after)
    change = np.abs(np.where(known, after - before, 0.0))
    worst = int(np.argmax(change))
    if change[worst] <= _ALIKE * np.abs(before[known]).max(initial=0.0):
        return None
    return f"from {before[worst]:.6g} to {after[worst]:.6g} along an orbit"


def _residual(
    what: str, expression: sympy.Expr, generator: tuple[sympy.Expr, ...], symbols: tuple[sympy.Symbol, ...]
) -> str | None:
    """Return the derivative along the generator; None if it is zero everywhere."""
    free = symbols_of(expression)
    moving = [(xi, x) for xi, x in zip(generator, symbols, strict=True) if xi != 0 and x in free]
    try:
        derivative = sympy.Add(*(xi * sympy.diff(expression, x) for xi, x in moving))
        return None if vanishes(derivative, symbols) else str(sympy.factor_terms(sympy.expand(derivative)))
    except RecursionError:
        raise UnsupportedModelError(
            f"{what} is nested too deeply for SymPy to differentiate it along a symmetry; raise Python's limit by "
            "sys.setrecursionlimit, or write it as a function of invariants such as u*v, which is seen to be constant"
        ) from None


def _plainly_constant(expression: sympy.Expr, field: Mapping[sympy.Symbol, sympy.Expr]) -> bool:
    """Return whether the derivative is seen to vanish by the rules for sums, products and compositions alone.

    A loss is usually some function of invariant polynomials, in which the terms cancel one polynomial at a time;
    writing out the derivative of the whole may take thousands of times as long.
    """
    memo: dict[sympy.Basic, sympy.Expr] = {}
    along = memo.__getitem__

    def derived(node: sympy.Basic) -> sympy.Expr:  # noqa: PLR0911 - one for each kind of node
        if node in field:
            return field[node]
        if isinstance(node, (sympy.Number, sympy.NumberSymbol)):
            return sympy.S.Zero
        if isinstance(node, sympy.Add):
            return sympy.Add(*map(along, node.args))
        if isinstance(node, sympy.Mul):
            parts = [(i, along(part)) for i, part in enumerate(node.args)]
            return sympy.Add(
                *(sympy.Mul(*node.args[:i], slope, *node.args[i + 1 :]) for i, slope in parts if slope != 0)
            )
        if isinstance(node, _COMPOSED) and all(along(part) == 0 for part in node.args):
            return sympy.S.Zero
        if isinstance(node, sympy.Pow) and node.exp.is_number:
            return node.exp * node.base ** (node.exp - 1) * along(node.base)
        # Something that cancels with nothing else: only zeros are trusted here.
        return sympy.Dummy()

    for node in parts_of(expression):
        memo[node] = derived(node)
    return bool(along(expression) == 0)


def _residual_with_data(
    expression: sympy.Expr, generator: tuple[sympy.Expr, ...], symbols: tuple[sympy.Symbol, ...], data: Data
) -> str | None:
    """Return the derivative along the generator where it is largest, in words; None if it is zero everywhere."""
    rows = max((len(array) for array in data.values()), default=1)
    points = probes(symbols, min(_PROBES, max(_FEWEST_PROBES, _ROWS // rows)))
    moving = {x: component for x, component in zip(symbols, generator, strict=True) if component != 0}
    flow = {x: values_of(component, points, data) for x, component in moving.items()}
    found = jet(expression, points, data, flow)
    if found.slope is None:
        return None
    known = np.isfinite(found.slope) & np.isfinite(found.size)
    if not known.any():
        raise InvalidArgumentError(
            f"{shown(expression)} or its derivative has no finite value at any of the points where it was looked at; "
            "rescale the data or the expression"
        )
    size = np.where(known, found.size, 1.0)
    share = np.where(known & (size > 0.0), np.abs(found.slope) / np.where(size > 0.0, size, 1.0), 0.0)
    worst = int(np.argmax(share))
    if share[worst] <= DATA_TOLERANCE:
        return None
    place = ", ".join(f"{x} = {points[x][worst]:.4g}" for x in list(symbols)[:_NAMED])
    place += f" and so on for {len(symbols) - _NAMED} more" if len(symbols) > _NAMED else ""
    return f"{found.slope[worst]:.6g} (of terms that add up to {found.size[worst]:.3g} in absolute value) at {place}"
