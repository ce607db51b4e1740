r"""Coordinates in which a translation moves one parameter only, that is then integrated in closed form.

Let neither the loss nor the observable f change along a: a softmax does not if its logits move together. With
x_i = y_i + (a_i / a_c) y_c for i != c and x_c = y_c, whose determinant is 1, both are what they are at y_c = 0, and of
V only the rest depends on y_c: weight decay, which stays quadratic in it. Users need not have declared the translation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import sympy
from numpy.typing import NDArray

from ...model import Translation
from ...model.expressions import compiled_together, probes
from ...model.meaning import is_constant_along
from .gibbs import Gibbs

__all__ = ["sheared"]

_LOOKS = 24
_ROUNDED = 1e-9
_MOST_IN_A_FRACTION = 1000


def sheared(gibbs: Gibbs) -> Gibbs | None:
    """Return the same weight and observable in such coordinates, for all translations; None if there are none."""
    found = None
    while (direction := _direction(gibbs)) is not None:
        (c, weight), *others = direction.items()
        moved = {x: x + a / weight * c for x, a in others}
        gibbs = found = replace(
            gibbs,
            loss=gibbs.loss.xreplace({c: sympy.S.Zero}),
            observable=gibbs.observable.xreplace({c: sympy.S.Zero}),
            rest=sympy.expand(gibbs.rest.xreplace(moved)),
        )
    return found


def _direction(gibbs: Gibbs) -> dict[sympy.Symbol, sympy.Expr] | None:
    """Return a direction along which loss and observable are constant, by its components that are not 0."""
    loss, f = gibbs.loss, gibbs.observable
    symbols = [x for x in gibbs.parameters if loss.has(x) or f.has(x)]
    if len(symbols) < 2 or gibbs.rough:
        return None
    derivatives = [g.diff(x) for g in (loss, f) for x in symbols]
    if any(g.has(sympy.DiracDelta, sympy.Derivative, sympy.Subs) for g in derivatives):
        return None
    points = probes(gibbs.parameters, _LOOKS).values()
    slopes = np.array(compiled_together(derivatives, gibbs.parameters, gibbs.data)(*points))
    # A row for each function and point, of length 1 if it is not zero.
    rows = slopes.reshape(2, len(symbols), _LOOKS).transpose(0, 2, 1).reshape(-1, len(symbols))
    rows = rows[np.isfinite(rows).all(axis=1)]
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows[lengths[:, 0] > 0.0] / lengths[lengths[:, 0] > 0.0]
    if len(rows) < len(symbols):
        return None
    _, sizes, basis = np.linalg.svd(rows, full_matrices=False)
    fractions = _fractions(basis[sizes < _ROUNDED * sizes[0]])
    if fractions is None:
        return None
    direction = {x: a for x, a in zip(symbols, fractions, strict=True) if a != 0}
    along = [Translation(direction)]
    is_real = all(is_constant_along(g, along, gibbs.parameters, gibbs.data) for g in (loss, f))
    return direction if is_real else None


def _fractions(directions: NDArray[np.float64]) -> Sequence[sympy.Rational] | None:
    """Return one of a space of directions, with the zeros that elimination leaves; None if it is none of fractions."""
    if not len(directions):
        return None
    rows, done = directions.copy(), 0
    for column in reversed(range(rows.shape[1])):  # of those that lead all rows but one are zero
        best = done + int(np.argmax(np.abs(rows[done:, column])))
        if abs(rows[best, column]) < _ROUNDED:
            continue
        rows[[done, best]] = rows[[best, done]]
        rows[done] /= rows[done, column]
        others = np.arange(len(rows)) != done
        rows[others] -= np.outer(rows[others, column], rows[done])
        done += 1
        if done == len(rows):
            break
    row = rows[0] / np.abs(rows[0]).max()
    fractions = [sympy.Rational(str(x)).limit_denominator(_MOST_IN_A_FRACTION) for x in row]
    is_near = np.allclose([float(each) for each in fractions], row, rtol=0.0, atol=_ROUNDED)
    return fractions if is_near and any(fractions) else None
