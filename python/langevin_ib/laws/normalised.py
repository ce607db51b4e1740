"""Weight normalisation, z = g w/|w|: the law on its slice as that of a neuron, z = v u.

The scaling w -> s w has the slice |w|² = 2 c, a sphere on which det G = |w|² is constant. So what the loss leaves there
is exp(-L/T) dg dn, n = w/|w|, whatever c is, and with Fixman's term or without it. A neuron z = v u with u in R**d has,
on its slice |u|² = v² of level 0, exp(-L/T) s**((d - 3)/2) ds dn at z = +-s n (`laws.families.block`). Both are the
same for d = 3, and in general the first is the second with the loss L + T (d - 3)/2 log s: the neuron's families answer
for it.
"""

from __future__ import annotations

from dataclasses import replace

import sympy

from ..errors import UnsupportedModelError
from ..geometry import Scalings, pieces_of
from ..model import Model, Scaling
from ..model.expressions import exact, parameters
from ..model.meaning import is_constant_along
from ..process import GaugeFixed
from .request import LawRequest

__all__ = ["as_neuron"]


def as_neuron(asked: LawRequest) -> LawRequest:
    """Return the request about a neuron that has the same answer, if it is about a weight normalisation on its slice.

    Else it is the request itself. The parameters become y_g for the neuron's v and y_w for its u.
    """
    model = asked.model
    if model.fresh is not None:
        return asked
    try:
        pieces = pieces_of(model)
    except UnsupportedModelError:
        return asked
    piece = pieces[0]
    if len(pieces) != 1 or not isinstance(piece, Scalings) or len(piece.factors) != 1 or len(piece.constraints) != 1:
        return asked
    square = 2.0 * float(asked.levels(1)[0]) / piece.weights[0][0]
    if len(piece.moved) < 2 or model.dim != len(piece.moved) + 1 or square <= 0.0:
        return asked
    w = [model.parameters[i] for i in piece.moved]
    (g,) = (x for x in model.parameters if x not in w)
    process = replace(asked.process, model=_neuron(asked, g, w, square), dynamics=GaugeFixed())
    return replace(asked, process=process, label=asked.name)


def _neuron(asked: LawRequest, g: sympy.Symbol, w: list[sympy.Symbol], square: float) -> Model:
    model = asked.model
    (v, *u) = parameters(" ".join(f"y_{x}" for x in (g, *w)))
    length = sympy.sqrt(sympy.Add(*(x**2 for x in u)))
    free = {g: v * length, **dict(zip(w, u, strict=True))}
    held = {g: v * length} | {x: sympy.sqrt(exact(square)) * y / length for x, y in zip(w, u, strict=True)}

    def moved(f: sympy.Expr) -> sympy.Expr:
        """Return a function on the slice; the radius of the sphere stands in those that know it alone."""
        if not f.free_symbols & set(w):
            return f.xreplace(free)
        return f.xreplace(free if is_constant_along(f, model.symmetries, model.parameters, model.data) else held)

    power = sympy.Float(asked.T) * sympy.Rational(len(w) - 3, 4)
    names = dict(zip(map(str, (g, *w)), (g, *w), strict=True))
    content = {
        "parameters": (*u, v),
        "predictor": {name: moved(f) for name, f in model.predictor.items()},
        "loss": moved(model.potential()) + power * sympy.log(v**2 * length**2),
        "symmetry": Scaling({**dict.fromkeys(u, 1), v: -1}),
        "observables": {name: moved(f) for name, f in {**model.observables, **names}.items()},
        "data": model.data,
    }
    return Model.trusted(content)
