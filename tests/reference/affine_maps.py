"""SGD on least squares is a random affine map of the error; its stationary moments, by enumerating all batches."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Map = tuple[float, Array, Array]
"""Probability, matrix A and vector b of e -> A e + b."""


def batches(kind: str, rows: int, size: int, chance: float = 0.0) -> Iterator[tuple[float, tuple[int, ...]]]:
    """Every batch with its probability; for "epochs", every order of the rows."""
    if kind == "mask":
        for mask in itertools.product((False, True), repeat=rows):
            count = sum(mask)
            yield chance**count * (1 - chance) ** (rows - count), tuple(i for i in range(rows) if mask[i])
        return
    if kind == "draws":
        every = list(itertools.product(range(rows), repeat=size))
    elif kind == "distinct":
        every = list(itertools.combinations(range(rows), size))
    else:
        every = list(itertools.permutations(range(rows)))
    for batch in every:
        yield 1 / len(every), batch


def step(x: Array, residual: Array, batch: tuple[int, ...], eta: float, size: float) -> tuple[Array, Array]:
    """The map of one step for the loss (x.w - y)²/2: residuals are those at the least squares."""
    chosen = list(batch)
    hessian = x[chosen].T @ x[chosen] / size
    return np.eye(x.shape[1]) - eta * hessian, eta * x[chosen].T @ residual[chosen] / size


def maps(kind: str, x: Array, residual: Array, *, eta: float, size: int, chance: float = 0.0) -> list[Map]:
    """The maps of a step, or of an epoch of batches of `size`, with their probabilities."""
    found: list[Map] = []
    for probability, batch in batches(kind, len(x), size, chance):
        if kind != "epochs":
            divisor = chance * len(x) if kind == "mask" else size
            found.append((probability, *step(x, residual, batch, eta, divisor)))
            continue
        matrix, vector = np.eye(x.shape[1]), np.zeros(x.shape[1])
        for start in range(0, len(x) // size * size, size):
            a, b = step(x, residual, batch[start : start + size], eta, size)
            matrix, vector = a @ matrix, a @ vector + b
        found.append((probability, matrix, vector))
    return found


def stationary(found: list[Map]) -> tuple[Array, Array]:
    """Mean and second moment E e eᵀ of the stationary law: both are solutions of linear equations."""
    dim = len(found[0][2])
    mean_matrix = sum(p * a for p, a, _ in found)
    mean = np.linalg.solve(np.eye(dim) - mean_matrix, sum(p * b for p, _, b in found))
    kron = sum(p * np.kron(a, a) for p, a, _ in found)
    known = np.zeros((dim, dim))
    for p, a, b in found:
        cross = a @ np.outer(mean, b)
        known += p * (np.outer(b, b) + cross + cross.T)
    second = np.linalg.solve(np.eye(dim**2) - kron, known.ravel()).reshape(dim, dim)
    return mean, second
