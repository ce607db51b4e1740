"""Ready-made operators from weights to features, as arrays: differences, cosines, frequencies, wavelets, graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ..checks import checked_int, one_of, real_array, shown
from ..errors import InvalidArgumentError

__all__ = ["cosine", "differences", "fourier", "graph_gradient", "haar", "identity", "laplacian", "total_variation"]

FloatArray = NDArray[np.float64]

_LARGEST = 3_000


def identity(n: int) -> FloatArray:
    """Return the weights themselves, shape (n, n)."""
    return np.eye(_size(n, 1))


def differences(n: int, order: int = 1, *, periodic: bool = False) -> FloatArray:
    """Return the differences w_(i+1) - w_i, or those of a higher order, shape (n - order, n).

    Their kernel, polynomials of a lower degree than `order`, is free: of first differences that is the offset. With
    `periodic` there are n of them, the last from the end back to the start, which depend on each other.
    """
    n, order = _size(n, 2), checked_int("order", order, minimum=1, maximum=10)
    if order >= n:
        raise InvalidArgumentError(f"order={order} of differences needs more than {order} weights, not n={n}")
    if not periodic:
        return np.diff(np.eye(n), n=order, axis=0)
    once = np.roll(np.eye(n), 1, axis=1) - np.eye(n)
    return np.linalg.matrix_power(once, order)


def total_variation(shape: Sequence[int]) -> FloatArray:
    """Return the differences of neighbours of an image, row by row, shape (h (w - 1) + (h - 1) w, h w).

    Along rows first, then along columns. They are tall and have a kernel: they depend on each other around every
    square, and do not see the offset.
    """
    try:
        height, width = shape
    except (TypeError, ValueError):
        raise InvalidArgumentError(f"shape={shown(shape)} must be (height, width)") from None
    height, width = (checked_int("shape", each, minimum=1, maximum=_LARGEST) for each in (height, width))
    _size(height * width, 2)
    along = np.kron(np.eye(height), np.diff(np.eye(width), axis=0))
    across = np.kron(np.diff(np.eye(height), axis=0), np.eye(width))
    return np.concatenate([along, across])


def cosine(n: int) -> FloatArray:
    """Return the orthonormal cosine transform (DCT-II), shape (n, n)."""
    return np.asarray(scipy.fft.dct(np.eye(_size(n, 1)), axis=0, norm="ortho"))


def fourier(n: int) -> tuple[FloatArray, list[list[int]]]:
    """Return the orthonormal real Fourier transform, shape (n, n), and the rows that belong to one frequency.

    A frequency has a cosine and a sine. Penalised one by one they prefer phases; as groups, by
    ``group_sparsity(groups, operator=matrix)``, they do not.
    """
    n = _size(n, 1)
    place = 2.0 * np.pi * np.arange(n) / n
    rows, groups = [np.full(n, 1.0 / np.sqrt(n))], [[0]]
    for k in range(1, n // 2 + 1):
        if 2 * k == n:
            groups.append([len(rows)])
            rows.append(np.cos(k * place) / np.sqrt(n))
        else:
            groups.append([len(rows), len(rows) + 1])
            rows += [np.sqrt(2.0 / n) * np.cos(k * place), np.sqrt(2.0 / n) * np.sin(k * place)]
    return np.array(rows), groups


def laplacian(n: int, boundary: str = "dirichlet") -> FloatArray:
    """Return the second differences, shape (n, n), with zeros beyond the ends, or as a reflection or a circle there.

    Parameters
    ----------
    n : int
        The number of weights.
    boundary : {"dirichlet", "neumann", "periodic"}
        The first is invertible, with a condition number of about 0.4 n²; of the others constants are the kernel.
    """
    n = _size(n, 3)
    one_of("boundary", boundary, ("dirichlet", "neumann", "periodic"))
    matrix = 2.0 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    if boundary == "neumann":
        matrix[0, 0] = matrix[-1, -1] = 1.0
    elif boundary == "periodic":
        matrix[0, -1] = matrix[-1, 0] = -1.0
    return matrix


def haar(n: int) -> FloatArray:
    """Return the orthonormal wavelet transform of Haar, shape (n, n), n a power of two; the first row is the mean."""
    n = _size(n, 1)
    if n & (n - 1):
        raise InvalidArgumentError(f"n={n} must be a power of two; pad the weights, or take cosine(n)")
    matrix = np.ones((1, 1))
    while len(matrix) < n:
        means = np.kron(matrix, [1.0, 1.0])
        details = np.kron(np.eye(len(matrix)), [1.0, -1.0])
        matrix = np.concatenate([means, details]) / np.sqrt(2.0)
    return matrix


def graph_gradient(edges: Any, nodes: int) -> FloatArray:
    """Return w_j - w_i for every edge (i, j), shape (edges, nodes); the kernel is a constant on each component.

    Parameters
    ----------
    edges : array_like of int, shape (edges, 2)
        Pairs of different nodes.
    nodes : int
        Their number.

    Raises
    ------
    InvalidArgumentError
        If an edge is no such pair.
    """
    nodes = _size(nodes, 2)
    pairs = real_array("edges", edges)
    if pairs.dtype.kind not in "iu" or pairs.ndim != 2 or pairs.shape[1] != 2 or not len(pairs):
        raise InvalidArgumentError(
            f"edges has shape {pairs.shape} and dtype {pairs.dtype}; give pairs (n, 2) of integers"
        )
    wrong = np.flatnonzero((pairs < 0).any(axis=1) | (pairs >= nodes).any(axis=1) | (pairs[:, 0] == pairs[:, 1]))
    if wrong.size:
        raise InvalidArgumentError(
            f"edges[{wrong[0]}] = {pairs[wrong[0]].tolist()} must join two different nodes of 0 ... {nodes - 1}"
        )
    if pairs.shape[0] > _LARGEST:
        raise InvalidArgumentError(f"there are {pairs.shape[0]} edges, and {_LARGEST} at most can be taken apart")
    matrix = np.zeros((len(pairs), nodes))
    number = np.arange(len(pairs))
    matrix[number, pairs[:, 1]], matrix[number, pairs[:, 0]] = 1.0, -1.0
    return matrix


def _size(n: Any, least: int) -> int:
    return checked_int("n", n, minimum=least, maximum=_LARGEST)
