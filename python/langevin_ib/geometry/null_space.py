"""The linear and the constant fields along which a predictor does not change, as null spaces of equations at points."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from ..errors import InvalidArgumentError
from .points import FloatArray

__all__ = ["change_at", "constant_fields", "null_space"]

_LARGE, _MOST = 150, 0.25
"""Of matrices with fewer columns, or of which a larger share may vanish, all singular vectors are computed."""

_DOUBTFUL = 1e-6
"""Singular values below this share of the largest are not known well enough as roots of eigenvalues."""

_ROUNDS = 3
"""Rounds of inverse iteration."""


def _equations(jacobian: FloatArray, points: FloatArray) -> FloatArray:
    """Return the linear forms A -> grad h . A x for grad h and x of length one, as rows."""
    size = points.shape[1]
    length = np.linalg.norm(jacobian, axis=-1, keepdims=True)
    slopes = jacobian / np.where(length > 0.0, length, 1.0)
    if slopes.shape[1] > size:
        # The same equations, but not more of them at a point than A x has components.
        slopes = np.asarray(np.linalg.qr(slopes, mode="r"))
    sizes = np.linalg.norm(points, axis=1, keepdims=True)
    directions = points / np.where(sizes > 0.0, sizes, 1.0)
    rows = (slopes[:, :, :, None] * directions[:, None, None, :]).reshape(-1, size**2)
    return np.asarray(rows[np.abs(rows).max(axis=1) > 0.0])


def change_at(algebra: FloatArray, jacobian: FloatArray, points: FloatArray) -> float:
    """Return how much of any equation at further points supposed symmetries leave."""
    return float(np.abs(_equations(jacobian, points) @ algebra.T).max(initial=0.0))


def null_space(jacobian: FloatArray, points: FloatArray, noise: float) -> tuple[FloatArray, FloatArray]:
    """Return the singular values of A -> J(x) A x, and an orthonormal basis of the A where they vanish, as rows."""
    size = points.shape[1]
    if not np.isfinite(jacobian).all():
        raise InvalidArgumentError("the predictor or its derivative is not finite at a random point near 0")
    equations = _equations(jacobian, points)
    if not len(equations):
        return np.zeros(size**2), np.eye(size**2)
    # The triangular factor has the same singular values and far fewer rows.
    triangle = np.asarray(np.linalg.qr(equations, mode="r")) if len(equations) > size**2 else equations
    found = _by_iteration(triangle)
    if found is None:
        _, some, right = np.linalg.svd(triangle)
        found = np.pad(some, (0, size**2 - len(some))), right
    values, vectors = found[0] / found[0][0], found[1]
    return values, vectors[len(vectors) - int((values <= noise).sum()) :]


def constant_fields(jacobian: FloatArray, noise: float) -> FloatArray:
    """Return an orthonormal basis of the vectors a with J(x) a = 0 at all points, as rows."""
    slopes = jacobian.reshape(-1, jacobian.shape[-1])
    length = np.linalg.norm(slopes, axis=1, keepdims=True)
    slopes = slopes / np.where(length > 0.0, length, 1.0)
    _, values, right = np.linalg.svd(np.linalg.qr(slopes, mode="r"))
    full = np.zeros(len(right))
    full[: len(values)] = values
    return np.asarray(right[full <= noise * max(float(full[0]), 1.0)])


def _by_iteration(triangle: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Return all singular values, in falling order, and the singular vectors of the last, those that may vanish.

    Where the matrix is large and few of them may, that costs a fraction of what all singular vectors do. The values are
    square roots of eigenvalues, which are known well as long as they are not small; the vectors of those that are come
    from inverse iteration with the triangular factor, a round of which divides what is wrong by the square of the gap
    between what vanishes and what does not, and the last values from the matrix on these. None if that is no shorter.
    """
    size = triangle.shape[1]
    if size < _LARGE or len(triangle) < size:
        return None
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(triangle.T @ triangle)[::-1], 0.0))
    count = int((values <= _DOUBTFUL * values[0]).sum())
    if count > _MOST * size:
        return None
    pivots, floor = np.diagonal(triangle), np.finfo(float).eps * np.abs(triangle).max()
    solved = triangle + np.diag(np.where(np.abs(pivots) < floor, floor - pivots, 0.0))
    vectors = np.random.default_rng(20260106).normal(size=(size, count))
    for _ in range(_ROUNDS if count else 0):
        for trans in (1, 0):
            vectors = np.linalg.qr(scipy.linalg.solve_triangular(solved, vectors, trans=trans, check_finite=False))[0]
    _, last, right = np.linalg.svd(triangle @ vectors, full_matrices=False)
    values[size - count :] = last
    return values, right @ vectors.T
