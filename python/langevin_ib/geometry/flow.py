"""Along the orbits of any linear group to a slice, by Newton's method with exponentials of its generators."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from .points import FloatArray, transposed

__all__ = ["CLOSE", "balance_flow"]

_ITERATIONS, _HALVINGS = 200, 40
_LONGEST = 3.0
"""The largest exponent of a step."""

_SETTLED = 1e-14
CLOSE = 1e-12
"""What a residual may be, relative to the terms that cancel in it."""

Function = Callable[[FloatArray], FloatArray]


def balance_flow(
    x: FloatArray,
    matrices: FloatArray,
    values: Function,
    gradients: Function,
    sizes: Function,
    *,
    symmetric: bool = False,
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return points g x with values(g x) = 0, g a product of exponentials exp(sum_a t_a A_a).

    The residual falls in every step. For the canonical dual constraints of symmetric generators that is a minimisation
    of |g x|² along geodesics of the group, which is convex; for others the method may fail, and says so.

    Parameters
    ----------
    x : array, shape (n, d)
        Points.
    matrices : array, shape (m, d, d)
        The generators A_a, as many as there are constraints.
    values, gradients, sizes : callable
        The constraints chi^i minus their levels at points, shape (n, m); their gradients, shape (n, m, d); and the
        sizes of the terms that cancel in them, shape (n, m).
    symmetric : bool
        Whether the symmetric part P of g = K P is wanted, K being orthogonal: for symmetric generators, and constraints
        that K leaves as they are.

    Returns
    -------
    array, shape (n, d), and array of bool, shape (n,)
        The points, and where the method failed.
    """
    start, x, rows = x, x.copy(), np.arange(len(x))
    plain = _diagonal(matrices) is not None
    frames = np.zeros((len(x), 0, 0)) if plain else np.tile(np.eye(x.shape[1]), (len(x), 1, 1))
    for _ in range(_ITERATIONS):
        y = x[rows]
        residual, size = values(y), sizes(y)
        coupling = gradients(y) @ transposed(np.einsum("aij,nj->nai", matrices, y))
        x[rows], step, moved = _searched(y, matrices, _direction(coupling, residual), residual, size, values=values)
        if not plain:
            frames[rows] = scipy.linalg.expm(_combined(matrices, step)) @ frames[rows]
        rows = rows[moved & ~(np.abs(residual) <= _SETTLED * size).all(axis=1)]
        if not rows.size:
            break
    if symmetric and not plain:
        x = _polar(frames, start, x)
    return x, np.asarray(~(np.abs(values(x)) <= CLOSE * sizes(x)).all(axis=1))


def _polar(frames: FloatArray, start: FloatArray, x: FloatArray) -> FloatArray:
    """Return P x for g = K P, K orthogonal and P symmetric: the point that does not depend on how the way was cut."""
    known = np.asarray(np.isfinite(frames).all(axis=(1, 2)))
    _, length, right = np.linalg.svd(np.where(known[:, None, None], frames, np.eye(x.shape[1])))
    turned = (transposed(right) @ (length[..., None] * (right @ start[..., None])))[..., 0]
    return np.asarray(np.where(known[:, None], turned, x))


def _direction(coupling: FloatArray, residual: FloatArray) -> FloatArray:
    """Return -M⁻¹ chi, of minimal norm where M is singular."""
    scale = np.sqrt(np.abs(np.einsum("naa->na", coupling)))
    scale = np.where(scale > 0.0, scale, 1.0)
    inverse = np.linalg.pinv(coupling / (scale[:, :, None] * scale[:, None, :]), rcond=1e-14)
    return np.asarray(-((inverse @ (residual / scale)[..., None])[..., 0]) / scale)


def _searched(
    y: FloatArray, matrices: FloatArray, step: FloatArray, residual: FloatArray, size: FloatArray, *, values: Function
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Return the first points along a step whose residual is smaller, the steps to them, and where there are some."""
    longest = np.abs(_combined(matrices, step)).sum(axis=-1).max(axis=-1)
    share = _LONGEST / np.maximum(longest, _LONGEST)
    size = np.where(size > 0.0, size, 1.0)
    before = np.square(residual / size).sum(axis=1)
    best, waiting = y.copy(), np.arange(len(y))
    for _ in range(_HALVINGS):
        new = _moved(y[waiting], matrices, share[waiting, None] * step[waiting])
        with np.errstate(over="ignore", invalid="ignore"):
            down = np.square(values(new) / size[waiting]).sum(axis=1) < before[waiting]
        best[waiting[down]] = new[down]
        waiting = waiting[~down]
        if not waiting.size:
            break
        share[waiting] /= 2.0
    moved = np.ones(len(y), dtype=bool)
    moved[waiting] = False
    return best, np.where(moved, share, 0.0)[:, None] * step, moved


def _moved(y: FloatArray, matrices: FloatArray, step: FloatArray) -> FloatArray:
    """Return exp(sum_a t_a A_a) y."""
    diagonal = _diagonal(matrices)
    if diagonal is not None:
        return np.asarray(y * np.exp(step @ diagonal))
    return np.asarray((scipy.linalg.expm(_combined(matrices, step)) @ y[..., None])[..., 0])


def _combined(matrices: FloatArray, step: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("na,aij->nij", step, matrices))


def _diagonal(matrices: FloatArray) -> FloatArray | None:
    """Return the diagonals of matrices, shape (m, d), if there is nothing else in them."""
    diagonal = np.einsum("aii->ai", matrices)
    return diagonal if np.count_nonzero(matrices) == np.count_nonzero(diagonal) else None
