"""Spans of matrices, in double precision: whether some are independent, closed under commutators, or symmetric."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
import sympy
from numpy.typing import NDArray

__all__ = ["TOLERANCE", "Span", "numeric", "open_commutator", "overlapping"]

TOLERANCE = 1e-9
"""What may be left of a matrix that lies in a span after projection, relative to its size; generators are numbers of
order one that a user typed or computed, so what is missing by more than this is missing."""


def numeric(matrix: sympy.MatrixBase) -> scipy.sparse.csr_array:
    """Return a SymPy matrix of numbers in double precision."""
    entries = matrix.todok()
    rows, columns = zip(*entries, strict=True) if entries else ((), ())
    values = np.array([float(value) for value in entries.values()])
    return scipy.sparse.csr_array((values, (rows, columns)), shape=matrix.shape)


@dataclass
class Span:
    """The linear span of square matrices, as an orthonormal basis that grows.

    Parameters
    ----------
    size : int
        Their number of rows.
    tolerance : float
        What is nearer to the span than this, relative to its size, lies inside.
    """

    size: int
    tolerance: float = TOLERANCE

    def __post_init__(self) -> None:
        self._places: dict[int, int] = {}
        self._count = 0
        # One row per direction, with room to grow.
        self._basis: NDArray[np.float64] = np.zeros((1, 1))

    def __len__(self) -> int:
        return self._count

    def distance(self, matrix: scipy.sparse.csr_array) -> float:
        """Return how much of a matrix lies outside, relative to its norm; zero for the zero matrix."""
        vector = self._vector(matrix)
        norm = float(np.linalg.norm(vector))
        return 0.0 if norm == 0.0 else float(np.linalg.norm(self._remainder(vector / norm)))

    def holds(self, matrix: scipy.sparse.csr_array) -> bool:
        """Return whether a matrix lies inside."""
        return self.distance(matrix) <= self.tolerance

    def add(self, matrix: scipy.sparse.csr_array) -> bool:
        """Take a matrix into the span; return whether that made it larger."""
        if self.holds(matrix):
            return False
        vector = self._vector(matrix)
        remainder = self._remainder(vector / np.linalg.norm(vector))
        self._reserve(self._count + 1, len(vector))
        self._basis[self._count, : len(vector)] = remainder / np.linalg.norm(remainder)
        self._count += 1
        return True

    def _vector(self, matrix: scipy.sparse.csr_array) -> NDArray[np.float64]:
        """Return the entries as a vector over all places that were ever non-zero."""
        entries = scipy.sparse.coo_array(matrix)
        flat = entries.row.astype(np.int64) * self.size + entries.col
        places = [self._places.setdefault(place, len(self._places)) for place in flat.tolist()]
        vector = np.zeros(len(self._places))
        np.add.at(vector, places, entries.data)
        return vector

    def _remainder(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        self._reserve(self._count, len(vector))
        basis = self._basis[: self._count, : len(vector)]
        # Once more against rounding.
        for _ in range(2):
            vector = vector - basis.T @ (basis @ vector)
        return vector

    def _reserve(self, rows: int, columns: int) -> None:
        have = self._basis.shape
        if rows <= have[0] and columns <= have[1]:
            return
        larger = np.zeros([2 * need if need > has else has for need, has in zip((rows, columns), have, strict=True)])
        larger[: have[0], : have[1]] = self._basis
        self._basis = larger


def open_commutator(matrices: Sequence[scipy.sparse.csr_array], span: Span) -> tuple[int, int] | None:
    """Return the places of two matrices whose commutator lies outside of a span, or None if there are none."""
    for i, j in overlapping(matrices):
        commutator = matrices[i] @ matrices[j] - matrices[j] @ matrices[i]
        size = scipy.sparse.linalg.norm(matrices[i]) * scipy.sparse.linalg.norm(matrices[j])
        if scipy.sparse.linalg.norm(commutator) > TOLERANCE * size and not span.holds(commutator):
            return i, j
    return None


def overlapping(matrices: Sequence[scipy.sparse.csr_array]) -> Iterator[tuple[int, int]]:
    """Yield the places i < j of matrices that may not commute: they share places, and are not both diagonal."""
    touched = [np.unique(np.concatenate(m.nonzero())).tolist() for m in matrices]
    is_diagonal = [not (m - scipy.sparse.diags_array(m.diagonal())).count_nonzero() for m in matrices]
    users: dict[int, list[int]] = {}
    for j, places in enumerate(touched):
        earlier = {i for place in places for i in users.get(place, ())}
        yield from ((i, j) for i in sorted(earlier) if not (is_diagonal[i] and is_diagonal[j]))
        for place in places:
            users.setdefault(place, []).append(j)
