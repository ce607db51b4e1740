r"""Coordinates in which a translation moves one parameter only, that is then integrated in closed form.

Let neither the loss nor the observable f change along a: a softmax does not if its logits move together. With
x_i = y_i + (a_i / a_c) y_c for i != c and x_c = y_c, whose determinant is 1, both are what they are at y_c = 0, and of
V only the rest depends on y_c: weight decay, which stays quadratic in it. Users need not have declared the translation.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import sympy

from ...geometry import constant_fields, tidy_basis
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
    # A row for each function and point.
    jacobian = np.moveaxis(slopes.reshape(2, len(symbols), _LOOKS), 1, -1).reshape(-1, len(symbols))
    jacobian = jacobian[np.isfinite(jacobian).all(axis=1)]
    if len(jacobian) < len(symbols):
        return None
    for row in tidy_basis(constant_fields(jacobian, _ROUNDED)):
        fractions = [sympy.Rational(str(a)).limit_denominator(_MOST_IN_A_FRACTION) for a in row]
        direction = {x: a for x, a in zip(symbols, fractions, strict=True) if a != 0}
        along = [Translation(direction)]
        if all(is_constant_along(g, along, gibbs.parameters, gibbs.data) for g in (loss, f)):
            return direction
    return None
