"""Laws in all parameters, of exp(-V/T) dx, which no family knows; and where such a law cannot exist."""

from __future__ import annotations

import sympy

from ..checks import shown
from ..errors import InvalidArgumentError, NotNormalizableError
from ..model import Scaling, Translation
from ..model.meaning import is_constant_along, is_invariant
from .families import Product
from .level_sets import Gibbs, pushed_forward
from .line import Density
from .request import LawRequest

__all__ = ["law_by_level_sets", "require_broken_symmetry"]


def require_broken_symmetry(asked: LawRequest) -> None:
    """Refuse a potential that is constant along the orbits of a scaling or a translation: they have infinite volume.

    Raises
    ------
    NotNormalizableError
        If it is.
    """
    model = asked.model
    if model.confinement == 0 and getattr(asked.dynamics, "weight_decay", 0.0) > 0.0:
        return  # no orbit is at one distance from 0
    squares = sympy.Add(*(x**2 for x in model.parameters))
    # The loss is invariant, or there would be no model.
    confining = model.confinement + sympy.Float(getattr(asked.dynamics, "weight_decay", 0.0)) / 2 * squares
    known = model.symmetries
    product = None if known else Product.recognise(model)
    known = known if product is None else (Scaling({product.u: 1, product.v: -1}),)
    for translation in (each for each in known if isinstance(each, Translation)):
        if is_constant_along(confining, [translation], model.parameters, model.data):
            raise _escape_along(asked, translation)
    for scaling in (each for each in known if isinstance(each, Scaling)):
        if is_invariant(confining, scaling.matrices(model.parameters), model.parameters, model.data):
            raise _escape(asked, {x: w for x, w in scaling.weights.items() if w != 0})


def _escape(asked: LawRequest, weights: dict[sympy.Symbol, sympy.Expr]) -> NotNormalizableError:
    names = list(map(str, weights))
    moved = [f"s {x}" if w == 1 else f"{x} / s" if w == -1 else f"s**({w}) {x}" for x, w in weights.items()]
    return NotNormalizableError(
        f"the ambient Gibbs law of {asked.observable!r} has infinite mass: the potential is constant along "
        f"the orbits ({', '.join(names)}) -> ({', '.join(moved)}), which have infinite volume, and the mass "
        f"escapes along them to {' or '.join(f'|{x}| = infinity' for x in names)}. Confine the process, for "
        "instance by Ambient(weight_decay=0.1) or a confinement of the model, or let it run on a slice"
    )


def _escape_along(asked: LawRequest, translation: Translation) -> NotNormalizableError:
    moved = ", ".join(f"{x} + ({a}) s" for x, a in translation.direction.items() if a != 0)
    return NotNormalizableError(
        f"the ambient Gibbs law of {asked.observable!r} has infinite mass: the potential is constant along the "
        f"translations ({moved}), and the mass escapes along them to infinity. Confine the process, for instance by "
        "Ambient(weight_decay=0.1) or a confinement of the model, or let it run on a slice"
    )


def law_by_level_sets(asked: LawRequest) -> Density:
    """Return the law by quadrature over the level sets of the observable.

    Raises
    ------
    InvalidArgumentError
        If a closed form is asked for.
    NotNormalizableError, UnsupportedModelError
        As `density` says.
    """
    if asked.method == "closed form":
        raise InvalidArgumentError(
            f"no formula for the law of {asked.observable!r} = {shown(asked.expression)} with "
            "method='closed form'; known: u*v (closed form) in the product model, and Gaussian laws of affine "
            "functions of a quadratic potential; leave out method="
        )
    model, scalings = asked.model, [each.weights for each in asked.model.symmetries if isinstance(each, Scaling)]
    rest = asked.process.potential - model.loss
    gibbs = Gibbs(model.loss, rest, asked.expression, model.parameters, model.data, asked.T)
    return pushed_forward(gibbs, scalings, name=asked.name, reference=asked.reference)
