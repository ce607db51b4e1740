"""Which directions of a vector a loss knows: all that turns the vector about these does not change it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import sympy
from numpy.typing import NDArray

from ...model import Model
from ...model.expressions import jet
from ...model.meaning import is_invariant

__all__ = ["known_directions"]

FloatArray = NDArray[np.float64]
Rows = tuple[tuple[float, ...], ...]

_MOST, _LARGEST = 2, 40
"""More directions are no help to a quadrature; of longer vectors they are not looked for."""

_VANISHES, _TINY = 1e-10, 1e-13


def known_directions(model: Model, side: Sequence[sympy.Symbol]) -> Rows | None:
    """Return orthonormal vectors that say how a loss depends on some of the parameters, apart from their length.

    Turns A with grad L . A x = 0 at points, A = -Aᵀ, are the null space of linear equations. If it is that of all turns
    about a few directions, these are what all of them leave alone; that it is so everywhere is then proven or looked
    at as for any symmetry.

    Parameters
    ----------
    model : Model
        The model.
    side : sequence of sympy.Symbol
        The components of the vector.

    Returns
    -------
    tuple of tuple of float, or None
        Two vectors at most, and two fewer than components; None if there are more, or none could be told.
    """
    size = len(side)
    if not 3 <= size <= _LARGEST:
        return None
    pairs = np.triu_indices(size, 1)
    _, values, right = np.linalg.svd(_equations(model, side, pairs))
    full = np.zeros(len(pairs[0]))
    full[: len(values)] = values
    turns = right[full <= _VANISHES * max(float(full[0]), 1.0)]
    counts = [k for k in range(_MOST + 1) if k <= size - 2 and (size - k) * (size - k - 1) // 2 == len(turns)]
    if not counts:
        return None
    matrices = np.zeros((len(turns), size, size))
    matrices[:, *pairs] = turns
    _, length, vectors = np.linalg.svd((matrices - matrices.swapaxes(1, 2)).reshape(-1, size), full_matrices=True)
    known, others = vectors[size - counts[0] :], vectors[: size - counts[0]]
    if counts[0] and length[size - counts[0]] > 1e3 * _VANISHES:
        return None
    known = np.where(np.abs(known) < _TINY, 0.0, known)
    return tuple(map(tuple, known.tolist())) if _confirmed(model, side, others) else None


def _equations(model: Model, side: Sequence[sympy.Symbol], pairs: tuple[NDArray[np.intp], ...]) -> FloatArray:
    """Return the components of grad L ∧ x at points, each row of length one."""
    count = len(pairs[0]) + 20
    points = dict(zip(model.parameters, np.random.default_rng(20260113).normal(size=(model.dim, count)), strict=True))
    slopes = [jet(model.loss, points, model.data, {x: np.ones(count)}).slope for x in side]
    gradient = np.stack([np.zeros(count) if slope is None else slope for slope in slopes], axis=1)
    x = np.stack([points[each] for each in side], axis=1)
    rows = gradient[:, pairs[0]] * x[:, pairs[1]] - gradient[:, pairs[1]] * x[:, pairs[0]]
    rows = rows[np.isfinite(rows).all(axis=1)]
    length = np.linalg.norm(gradient, axis=1)[: len(rows), None] if len(rows) == count else 1.0
    return np.asarray(rows / np.maximum(length, 1e-300)) if len(rows) else np.zeros((1, len(pairs[0])))


def _confirmed(model: Model, side: Sequence[sympy.Symbol], others: FloatArray) -> bool:
    """Decide whether turns of the directions that are not known leave the loss alone."""
    places = [model.parameters.index(x) for x in side]
    turns = []
    for one, other in itertools.pairwise(others):
        turn = np.outer(one, other) - np.outer(other, one)
        entries = {
            (places[i], places[j]): sympy.Float(turn[i, j]) for i, j in np.argwhere(np.abs(turn) > _TINY).tolist()
        }
        turns.append(sympy.ImmutableSparseMatrix(model.dim, model.dim, entries))
    return is_invariant(model.loss, turns, model.parameters, model.data)
