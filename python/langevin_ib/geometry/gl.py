"""GL(r) acting on (U, V) -> (U A, V A⁻ᵀ): how to recognise it among matrices, and its slice UᵀU - VᵀV = 2 c."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from ..model import Span
from .points import FloatArray, transposed

__all__ = ["Factors", "balance_factors", "factors_of", "generator"]

IntArray = NDArray[np.int64]

_CLOSE = 1e-9
_FULL_RANK = 1e-13


@dataclass(frozen=True)
class Factors:
    """Which parameters are the entries of U and of V.

    Parameters
    ----------
    left, right : array of int, shapes (m, r) and (n, r)
        Places of parameters.
    size : int
        The number of parameters.
    """

    left: IntArray
    right: IntArray
    size: int

    @property
    def rank(self) -> int:
        """The number r of columns."""
        return int(self.left.shape[1])


def generator(factors: Factors, i: int, j: int) -> scipy.sparse.csr_array:
    """Return the matrix of d/dt (U (1 + t E_ij), V (1 + t E_ij)⁻ᵀ)."""
    rows = np.concatenate([factors.left[:, j], factors.right[:, i]])
    columns = np.concatenate([factors.left[:, i], factors.right[:, j]])
    values = np.concatenate([np.ones(len(factors.left)), -np.ones(len(factors.right))])
    return scipy.sparse.csr_array((values, (rows, columns)), shape=(factors.size, factors.size))


def factors_of(matrices: Sequence[scipy.sparse.csr_array]) -> Factors | None:
    """Return U and V if the span of r² matrices is that of the generators of GL(r), r >= 2; else None.

    The diagonal matrices of the span tell the columns apart: entries of one column of U move alike under all of them,
    and those of the same column of V the opposite way. The other matrices connect the entries of one row.
    """
    rank = math.isqrt(len(matrices))
    if rank < 2 or rank**2 != len(matrices):
        return None
    columns = _columns(matrices, rank)
    if columns is None:
        return None
    label, sign = columns
    links = sum((abs(m) for m in matrices), scipy.sparse.csr_array(matrices[0].shape))
    links = links - scipy.sparse.diags_array(links.diagonal())
    _, row_of = connected_components(links, directed=False)
    places: dict[int, list[list[int]]] = {1: [], -1: []}
    for row in np.unique(row_of[label >= 0]):
        inside = np.flatnonzero(row_of == row)
        if sorted(label[inside]) != list(range(rank)):
            return None
        places[int(sign[inside[0]])].append(inside[np.argsort(label[inside])].tolist())
    if not places[1] or not places[-1]:
        return None
    found = Factors(np.array(places[1]), np.array(places[-1]), matrices[0].shape[0])
    span = Span(found.size)
    for matrix in matrices:
        span.add(matrix)
    wanted = [generator(found, i, j) for i in range(rank) for j in range(rank)]
    return found if len(span) == rank**2 and all(map(span.holds, wanted)) else None


def _columns(matrices: Sequence[scipy.sparse.csr_array], rank: int) -> tuple[IntArray, IntArray] | None:
    """Return the column and the sign (1: U, -1: V) of every parameter, columns -1 for those that do not move."""
    flat = np.stack([matrix.toarray() for matrix in matrices])
    diagonals = np.einsum("aii->ai", flat).copy()
    np.einsum("aii->ai", flat)[:] = 0.0
    left, length, _ = np.linalg.svd(flat.reshape(len(flat), -1), full_matrices=True)
    outside = int((length > _CLOSE * length.max(initial=0.0)).sum())
    if len(flat) - outside != rank:
        return None
    weights = left[:, outside:].T @ diagonals
    size = np.linalg.norm(weights, axis=0)
    label, sign = np.full(weights.shape[1], -1), np.ones(weights.shape[1], dtype=np.int64)
    kinds: list[FloatArray] = []
    for place in np.flatnonzero(size > _CLOSE * size.max()):
        column = weights[:, place]
        near = [(k, s) for k, kind in enumerate(kinds) for s in (1, -1) if np.allclose(column, s * kind, atol=_CLOSE)]
        if not near:
            kinds.append(column)
            near = [(len(kinds) - 1, 1)]
        label[place], sign[place] = near[0]
    if len(kinds) != rank:
        return None
    # The sign of a column is relative to its first entry; the entries of the first row are all of U.
    links = np.abs(flat).sum(axis=0)
    first = int(np.flatnonzero(label >= 0)[0])
    for kind in range(rank):
        beside = [i for i in np.flatnonzero(links[first] + links[:, first]) if label[i] == kind]
        if kind != label[first] and beside:
            sign[label == kind] *= sign[beside[0]]
    return label, sign


def balance_factors(
    left: FloatArray, right: FloatArray, level: float
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Return (U A, V A⁻ᵀ) with UᵀU - VᵀV = 2 c and A symmetric and positive definite.

    At c = 0 that is A = S^(1/2) with S = P^(-1/2) (P^(1/2) Q P^(1/2))^(1/2) P^(-1/2), P = UᵀU, Q = VᵀV. Here it is
    computed without squares: U = Q₁ R₁, V = Q₂ R₂, R₁ R₂ᵀ = X Σ Yᵀ, and the result is (Q₁ X D O, Q₂ Y D⁻¹ Σ O) with
    D² = c + sqrt(c² + Σ²) and the orthogonal O that makes A = R₁⁻¹ X D O symmetric.

    Parameters
    ----------
    left, right : array, shapes (k, m, r) and (k, n, r)
        U and V at k points.
    level : float
        c.

    Returns
    -------
    array, shape (k, m, r), array, shape (k, n, r), and array of bool, shape (k,)
        The factors, and at which points the orbit does not meet the slice because a factor has not full rank.
    """
    (q1, r1, a), (q2, r2, b) = _triangular(left), _triangular(right)
    lost1, lost2 = _deficient(r1), _deficient(r2)
    zero = (a == 0.0) & (b == 0.0)
    deficient = (lost1 & (level >= 0.0)) | (lost2 & (level <= 0.0))
    lost = np.asarray(np.where(zero, level != 0.0, deficient))
    x, sigma, yt = np.linalg.svd(r1 @ transposed(r2))
    y = transposed(yt)
    long, short = _lengths(sigma, a, b, level)
    d1, d2 = (long, short) if level >= 0.0 else (short, long)
    good = ~lost & ~zero
    new_left, new_right = np.zeros_like(left), np.zeros_like(right)
    for rows, ours, scale, core, lengths in (
        (good & (level >= 0.0), r1, a, x, d1),
        (good & (level < 0.0), r2, b, y, d2),
    ):
        if rows.any():
            turn = _turn(ours[rows], core[rows], lengths[rows] / scale[rows, None])
            new_left[rows] = (q1[rows] @ x[rows] * d1[rows, None, :]) @ turn
            new_right[rows] = (q2[rows] @ y[rows] * d2[rows, None, :]) @ turn
    return new_left, new_right, lost


def _turn(triangle: FloatArray, core: FloatArray, lengths: FloatArray) -> FloatArray:
    """Return the orthogonal O for which R⁻¹ X D O is symmetric."""
    map_ = np.linalg.solve(triangle, core * lengths[:, None, :])
    map_ = map_ / np.abs(map_).max(axis=(1, 2), keepdims=True)
    # Out of the range of doubles: any rotation will do, since the result is refused.
    left, _, right = np.linalg.svd(np.where(np.isfinite(map_), map_, 0.0))
    return transposed(left @ right)


def _triangular(factor: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return Q, R and the size a of a factor a Q R."""
    size = np.abs(factor).max(axis=(1, 2))
    q, r = np.linalg.qr(factor / np.where(size == 0.0, 1.0, size)[:, None, None])
    return q, r, size


def _deficient(triangle: FloatArray) -> NDArray[np.bool_]:
    """Return where a triangular factor is singular, whatever the lengths of its columns."""
    length = np.linalg.norm(triangle, axis=1, keepdims=True)
    if triangle.shape[1] < triangle.shape[2]:
        return np.ones(len(triangle), dtype=bool)
    values = np.linalg.svd(triangle / np.where(length == 0.0, 1.0, length), compute_uv=False)
    return np.asarray(values.min(axis=1) <= _FULL_RANK * values.max(axis=1))


def _lengths(sigma: FloatArray, a: FloatArray, b: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Return sqrt(|c| + sqrt(c² + s²)) and s over it, for the singular values s = a b sigma."""
    if level == 0.0:
        root = np.sqrt(a)[:, None] * np.sqrt(b)[:, None] * np.sqrt(sigma)
        return root, root
    scale = math.sqrt(abs(level))
    relative = sigma * ((a / scale) * (b / scale))[:, None]
    long = scale * np.sqrt(1.0 + np.hypot(1.0, relative))
    return long, scale * (relative * (scale / long))
