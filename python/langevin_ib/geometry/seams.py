"""What a predictor says of its symmetries where its pieces are, and where they meet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy

from ..model import Model, Symmetry
from ..model.expressions import is_rough, jet, parts_of, values_of
from ..model.meaning import Orbits, Seam, jumps_of, telling_points
from .points import FloatArray

__all__ = ["equations_on_pieces", "points_against", "slopes_of"]

_ON_PIECES = 400
"""So many points are looked at in order to see all pieces of a predictor."""

_NEWTON = 4


def slopes_of(model: Model, points: FloatArray) -> FloatArray:
    """Return the derivatives of the predictor, shape (n, k, dim), carried along node by node."""
    columns = dict(zip(model.parameters, points.T.copy(), strict=True))
    out = np.zeros((len(points), len(model.predictor), model.dim))
    for j, x in enumerate(model.parameters):
        flow = {x: np.ones(len(points))}
        for k, component in enumerate(model.predictor.values()):
            if x in component.free_symbols:
                slope = jet(component, columns, model.data, flow).slope
                out[:, k, j] = 0.0 if slope is None else slope
    return out


def equations_on_pieces(model: Model) -> tuple[FloatArray, FloatArray]:
    """Return slopes, shape (n, k, dim), and points, shape (n, dim), on all pieces of a predictor that has several.

    Where it jumps there is a normal of the set on which it does in place of slopes: along a linear field A x that set
    stays where it is if n . A x = 0.
    """
    rough = _rough(model)
    if not rough:
        return np.zeros((0, len(model.predictor), model.dim)), np.zeros((0, model.dim))
    points = telling_points(rough, model.parameters, model.data).T
    points = points[np.random.default_rng(20260106).permutation(len(points))[:_ON_PIECES]]
    slopes = slopes_of(model, points)
    known = np.isfinite(slopes).all(axis=(1, 2))
    jumps, normals = _jumps_of(model)
    across = np.zeros((len(jumps), len(model.predictor), model.dim))
    across[:, 0] = normals
    return np.concatenate([slopes[known], across]), np.concatenate([points[known], jumps])


def points_against(model: Model, symmetries: Sequence[Symmetry]) -> FloatArray:
    """Return points, shape (n, dim), that show that some symmetries are none of a predictor with pieces."""
    found = []
    matrices = tuple(matrix for each in symmetries for matrix in each.matrices(model.parameters))
    offsets = tuple(offset for each in symmetries for offset in each.offsets(model.parameters))
    for component in _rough(model):
        change = Orbits(matrices, model.parameters, offsets).first_change(component, model.data)
        if change is not None:
            found += [change[1].point, change[1].image]
    return np.array(found).reshape(-1, model.dim)


def _rough(model: Model) -> list[sympy.Expr]:
    """Return the components of the predictor that have several pieces."""
    return [z for z in model.predictor.values() if any(is_rough(part) for part in parts_of(z))]


def _jumps_of(model: Model) -> tuple[FloatArray, FloatArray]:
    """Return points where components of the predictor jump, shape (n, dim), and normals of where they do."""
    points, normals = [], []
    for component in _rough(model):
        for seam in jumps_of(component, model.parameters, model.data):
            found = _on_seam(model, seam)
            if found is not None:
                points.append(found[0])
                normals.append(found[1])
    shape = (len(points), model.dim)
    return np.array(points).reshape(shape), np.array(normals).reshape(shape)


def _on_seam(model: Model, seam: Seam) -> tuple[FloatArray, FloatArray] | None:
    """Return the nearest zero of the guard, by Newton's method, and its gradient there; None if that does not exist."""
    point = 0.5 * (seam.before + seam.after)
    for _ in range(_NEWTON):
        value, gradient = _linearised(model, seam, point)
        square = float(gradient @ gradient)
        if not np.isfinite(value) or not np.isfinite(square) or square == 0.0:
            return None
        point = point - value / square * gradient
    return point, _linearised(model, seam, point)[1]


def _linearised(model: Model, seam: Seam, point: FloatArray) -> tuple[float, FloatArray]:
    at = {x: np.array([value]) for x, value in zip(model.parameters, point, strict=True)}
    gradient = np.zeros(model.dim)
    for place, x in enumerate(model.parameters):
        if x in seam.guard.free_symbols:
            slope = jet(seam.guard, at, model.data, {x: np.ones(1)}).slope
            gradient[place] = 0.0 if slope is None else slope[0]
    return float(values_of(seam.guard, at, model.data)[0]), gradient
