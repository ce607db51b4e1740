"""The same question about a simpler model: symmetric generators made diagonal, and translations taken out.

*Turned coordinates.* y = Oᵀ x with an orthogonal O is the same process, with the same law, for any dynamics here; see
`geometry.aligned`.

*Translations.* Let V, but for what confines it, be constant along a. On the slice {a . x = c} the determinant det G of
a . x is constant, and dS is Lebesgue measure of the other coordinates: the law is that of the model without the one
along a, which is c/|a| there. Off a slice, with weight decay and a spring (kappa/2) (a . x)², the coordinate along a is
independent of the others, and whatever does not depend on it has the law that it has at a . x = 0.

*Idle parameters*, which no symmetry moves, are independent of the others on a slice if V is the sum of a function of
theirs and one of the others.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import sympy

from ..checks import shown
from ..errors import LangevinError, UnsupportedModelError
from ..geometry import Frame, Translations, aligned, pieces_of, turn_of_directions, turned
from ..model import Linear, Model, Translation
from ..model.meaning import is_constant_along, is_separable
from ..process import Ambient, Constrained, Dynamics, GaugeFixed, Process, SoftSlice
from .request import LawRequest

__all__ = ["explained", "simplified"]


def simplified(asked: LawRequest) -> LawRequest:
    """Return a request with the same answer: generators are diagonal, translations and idle parameters are gone.

    Where that can not be done, or there is nothing to do, it is the request itself.
    """
    model = asked.model
    if model.slice is not None or model.fresh is not None or not model.symmetries:
        return asked
    try:
        plain = aligned(model)
    except UnsupportedModelError:
        return asked
    if plain is not model:
        asked = _of(asked, replace(asked.process, model=plain, dynamics=_euclidean(asked.dynamics)))
    if not asked.is_on_slice:  # which may leave no translation to take out
        asked = _without_gaussian(asked)
    has_translations = any(isinstance(symmetry, Translation) for symmetry in asked.model.symmetries)
    turned_out = _without_translations(asked) if has_translations else asked
    if asked.is_on_slice:
        return _without_idle(turned_out)
    return turned_out if turned_out is asked else _without_gaussian(turned_out)


def explained(refusal: LangevinError, asked: LawRequest, simple: LawRequest) -> LangevinError:
    """Return a refusal of what `simplified` made of a request, with what coordinates are that the user never wrote."""
    text, mine = str(refusal), simple.model
    foreign = [y for y in mine.parameters if y not in asked.model.parameters and re.search(rf"\b{y}\b", text)]
    # Turned models have x = O y among their observables, and O is orthogonal.
    x_of_y = {x: mine.observables[str(x)] for x in asked.model.parameters if str(x) in mine.observables}
    words = [f"{y} = {shown(sympy.Add(*(f.coeff(y) * x for x, f in x_of_y.items())))}" for y in foreign]
    if words:
        refusal.args = (f"{text}; here {' and '.join(words)}", *refusal.args[1:])
    return refusal


def _of(asked: LawRequest, process: Process) -> LawRequest:
    return replace(asked, process=process, label=asked.name)


def _euclidean(dynamics: Dynamics) -> Dynamics:
    """Return a dynamics without its metric, on which no law in the plane depends."""
    return replace(dynamics, metric=None) if isinstance(dynamics, Ambient | SoftSlice) else dynamics


def _without_translations(asked: LawRequest) -> LawRequest:
    model, process, is_on_slice = asked.model, asked.process, asked.is_on_slice
    decay = process.weight_decay
    if not is_on_slice and (decay is None or (decay == 0.0 and not isinstance(asked.dynamics, SoftSlice))):
        return asked
    try:
        found = [piece for piece in pieces_of(model) if isinstance(piece, Translations)]
    except UnsupportedModelError:
        return asked
    levels = asked.levels(len(model.constraints()))
    directions = np.zeros((0, model.dim))
    for piece in found:
        rows = np.zeros((len(piece.directions), model.dim))
        rows[:, list(piece.moved)] = piece.directions
        directions = np.vstack([directions, rows])
    constraints = [a for piece in found for a in piece.constraints]
    turn = turn_of_directions(directions)
    if not _moved_by_matrices(model).isdisjoint(turn.places):
        # A linear group that leaves translations alone may still move the parameters that they move.
        return asked
    # Rows of directions in y: all of it is along the first coordinates.
    along = (directions[:, turn.places] @ turn.numbers)[:, : len(directions)]
    fixed = np.linalg.solve(along, levels[constraints])
    whole = turned(model, Frame(model.dim, (turn,)))
    names = [whole.parameters[i] for i in turn.places[: len(directions)]]
    remaining = tuple(float(level) for a, level in enumerate(levels) if a not in constraints)
    if not is_on_slice and not _is_constant_along(asked, model):
        return _of(asked, replace(process, model=whole, dynamics=_euclidean(asked.dynamics)))
    values = {y: sympy.Float(float(c)) if c else sympy.S.Zero for y, c in zip(names, fixed, strict=True)}
    smaller = _at(whole, values)
    if smaller is None:
        return asked
    return _of(asked, replace(process, model=smaller, dynamics=_for_rest(asked.dynamics, remaining)))


def _idle(asked: LawRequest) -> list[sympy.Symbol]:
    """Return the parameters that are moved by no symmetry and in nothing that is asked."""
    model, touched = asked.model, _moved_by_matrices(asked.model)
    names = [asked.observable] + ([asked.given[0]] if asked.given is not None else [])
    needed = {x for name in names for x in model.observable(name).free_symbols}
    return [x for i, x in enumerate(model.parameters) if i not in touched and x not in needed]


def _without_idle(asked: LawRequest) -> LawRequest:
    model, idle = asked.model, set(_idle(asked))
    if not idle or not is_separable(model.potential(), idle, model.parameters, model.data):
        return asked
    smaller = _at(model, dict.fromkeys(idle, sympy.S.One))
    return asked if smaller is None else _of(asked, replace(asked.process, model=smaller))


def _without_gaussian(asked: LawRequest) -> LawRequest:
    """Leave out idle parameters that are Gaussian and independent of all others: V is quadratic in them."""
    model, potential, idle = asked.model, asked.process.potential, _idle(asked)
    translations = [symmetry for symmetry in model.symmetries if isinstance(symmetry, Translation)]
    if not idle or model.data or not all(symmetry.direction.keys() <= set(idle) for symmetry in translations):
        return asked
    slopes = [sympy.expand(potential.diff(x)) for x in idle]
    curvature = [[slope.diff(x) for x in idle] for slope in slopes]
    own = all(slope.free_symbols <= set(idle) for slope in slopes)
    if not own or not all(each.is_number for row in curvature for each in row):
        return asked
    if np.linalg.eigvalsh(np.array(curvature, dtype=np.float64)).min() <= 0.0:
        return asked
    smaller = _at(model, dict.fromkeys(idle, sympy.S.Zero))
    return asked if smaller is None else _of(asked, replace(asked.process, model=smaller))


def _moved_by_matrices(model: Model) -> set[int]:
    return {int(i) for matrix in model.generator_matrices() for place in matrix.todok() for i in place}


def _is_constant_along(asked: LawRequest, model: Model) -> bool:
    """Return whether the observable and the condition do not change along the translations."""
    symmetries = [symmetry for symmetry in model.symmetries if isinstance(symmetry, Translation)]
    wanted = [asked.observable] + ([asked.given[0]] if asked.given is not None else [])
    return all(is_constant_along(model.observable(name), symmetries, model.parameters, model.data) for name in wanted)


def _at(model: Model, values: dict[sympy.Symbol, sympy.Expr]) -> Model | None:
    """Return a model with parameters set to numbers, without its translations; None if no parameter is left."""
    left = tuple(x for x in model.parameters if x not in values)
    if not left:
        return None
    kept = [i for i, x in enumerate(model.parameters) if x not in values]
    rest = [symmetry for symmetry in model.symmetries if not isinstance(symmetry, Translation)]
    symmetries = tuple(
        Linear(tuple(m.extract(kept, kept) for m in each.generators), each.names) if isinstance(each, Linear) else each
        for each in rest
    )
    content = {
        "parameters": left,
        "predictor": {name: f.xreplace(values) for name, f in model.predictor.items()},
        "loss": model.loss.xreplace(values),
        "symmetry": symmetries or None,
        "confinement": model.confinement.xreplace(values),
        "observables": {name: f.xreplace(values) for name, f in model.observables.items()},
        "data": model.data,
    }
    return Model.trusted(content)


def _for_rest(dynamics: Dynamics, levels: tuple[float, ...]) -> Dynamics:
    """Return the dynamics of what is left, with the levels of the constraints that are left."""
    if isinstance(dynamics, GaugeFixed | Constrained):
        return replace(dynamics, level=levels) if levels else Ambient()
    if isinstance(dynamics, SoftSlice) and not levels:
        return Ambient(weight_decay=dynamics.weight_decay)
    return _euclidean(dynamics)
