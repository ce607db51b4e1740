"""A model in the coordinates in which its commuting self-adjoint generators are scalings."""

from __future__ import annotations

import operator
from collections.abc import Mapping

import sympy

from ..errors import UnsupportedModelError
from ..model import Linear, Model, Scaling, Symmetry, Translation
from ..model.expressions import degree_of, parameters, parts_of, terms_of_product
from .frame import Frame, flat_part, frame_of
from .points import checked_model

__all__ = ["aligned", "turned"]

_WRITTEN_OUT, _HIGHEST = 400, 12
"""Polynomials of up to so many terms and this degree may be multiplied out, so that u² - v² is 2 p q."""


def aligned(model: Model) -> Model:
    """Return a model in y = Oᵀ x, O being orthogonal, in which commuting self-adjoint generators are scalings.

    For w = u² - v² (diagonal linear networks), which (u, v) -> (u cosh s + v sinh s, u sinh s + v cosh s) leaves alone,
    these are p = (u + v)/sqrt(2) and q = (u - v)/sqrt(2): w = 2 p q, and the group is (p, q) -> (eˢ p, q / eˢ). Lengths
    are those of x, and so all dynamics, slices and laws of the new model are those of the model.

    Parameters
    ----------
    model : Model
        With a symmetry.

    Returns
    -------
    Model
        The model itself if no generator of symmetric matrices has to be turned. Else a model whose parameters are y,
        called y_u at the place of a parameter u that is turned, while others keep their names; x are observables by the
        names that they had. Predictor, loss and all observables are the same functions.

    Raises
    ------
    InvalidArgumentError
        If the model has no symmetry, or a name such as y_u is that of something else in it.
    UnsupportedModelError
        If generators of symmetric matrices do not commute; or a group that is none of scalings moves what is turned.

    Examples
    --------
    >>> from langevin_ib import models
    >>> turned = aligned(models.diagonal_network(1))
    >>> turned.predictor["w0"], turned.constraints()
    (2*y_u0*y_v0, (y_u0**2/2 - y_v0**2/2,))
    """
    frame = frame_of(checked_model(model))
    return turned(model, frame) if frame.turns else model


def turned(model: Model, frame: Frame) -> Model:
    """Return a model in the coordinates of a frame in which its `flat_part` is diagonal; errors as for `aligned`."""
    turned = {i for turn in frame.turns for i in turn.places}
    names = " ".join(f"y_{x}" if i in turned else str(x) for i, x in enumerate(model.parameters))
    y = tuple(
        new if i in turned else old
        for i, (new, old) in enumerate(zip(parameters(names), model.parameters, strict=True))
    )
    x_of_y = {model.parameters[i]: column for i, column in frame.columns(y).items()}

    def moved(f: sympy.Expr) -> sympy.Expr:
        return _rewritten(f, x_of_y)

    content = {
        "parameters": y,
        "predictor": {name: moved(f) for name, f in model.predictor.items()},
        "loss": moved(model.loss),
        "symmetry": tuple(_moved(model, frame, y)),
        "confinement": moved(model.confinement),
        "observables": {
            **{name: moved(f) for name, f in model.observables.items()},
            **{str(x): column for x, column in x_of_y.items()},
        },
        "data": model.data,
        "fresh": model.fresh,
        "slice": None if model.slice is None else {name: moved(f) for name, f in model.slice.items()},
    }
    # Invariance does not depend on coordinates, and was checked in x.
    return Model.trusted(content)


def _rewritten(f: sympy.Expr, x_of_y: Mapping[sympy.Symbol, sympy.Expr]) -> sympy.Expr:
    """Return f with y in place of x, and sums multiplied out in which squares may then cancel."""
    memo: dict[sympy.Basic, sympy.Basic] = dict(x_of_y)
    for part in parts_of(f, lambda part: () if part in memo else part.args):
        if part in memo:
            continue
        inner = [memo[each] for each in part.args]
        new = part if all(map(operator.is_, inner, part.args)) else part.func(*inner)
        memo[part] = new if new is part else _short(new)
    return memo[f]


def _short(f: sympy.Basic) -> sympy.Basic:
    """Return a small quadratic polynomial multiplied out, and others if that makes them shorter."""
    if not isinstance(f, (sympy.Add, sympy.Mul)) or terms_of_product(f) > _WRITTEN_OUT or degree_of(f) > _HIGHEST:
        return f
    expanded = sympy.expand(f)
    return expanded if degree_of(f) <= 2 or expanded.count_ops() < f.count_ops() else f


def _moved(model: Model, frame: Frame, y: tuple[sympy.Symbol, ...]) -> list[Symmetry]:
    """Return the symmetries in y, generator by generator where there are scalings or translations."""
    flat = flat_part(model.symmetries, model.parameters)
    turned = {i for turn in frame.turns for i in turn.places}
    moved: list[Symmetry] = []
    number = 0
    for symmetry in model.symmetries:
        matrices = symmetry.matrices(model.parameters)
        if isinstance(symmetry, Translation):
            moved.append(_translation(model, symmetry, frame, y))
        elif number in flat:
            weights = [frame.weights(matrix) for matrix in matrices]
            moved += [Scaling({x: w for x, w in zip(y, each, strict=True) if w != 0}) for each in weights]
        elif turned & {int(i) for matrix in matrices for place in matrix.todok() for i in place}:
            raise UnsupportedModelError(
                f"{symmetry!r} moves parameters on which other generators are symmetric and not diagonal; there are no "
                "coordinates in which these are scalings and that one is what it is. Give one of them"
            )
        else:
            moved.append(Linear(matrices, symmetry.names if isinstance(symmetry, Linear) else ()))
        number += len(matrices)
    return moved


def _translation(model: Model, symmetry: Translation, frame: Frame, y: tuple[sympy.Symbol, ...]) -> Translation:
    direction = {i: symmetry.direction.get(x, sympy.S.Zero) for i, x in enumerate(model.parameters)}
    for turn in frame.turns:
        column = turn.matrix.T * sympy.Matrix([direction[i] for i in turn.places])
        direction |= dict(zip(turn.places, column, strict=True))
    return Translation({y[i]: component for i, component in direction.items() if component != 0})
