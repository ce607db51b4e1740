"""A linear map from weights to features, taken apart: what it sees, what is free, and how far it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from ..checks import real_array, shown
from ..errors import InvalidArgumentError

__all__ = ["Operator"]

FloatArray = NDArray[np.float64]

MOST_ENTRIES = 10**7
"""The largest matrix, 80 MB, since it is taken apart as a dense one."""

_ZERO, _DOUBTFUL = 1e-14, 1e-10  # of the largest singular value and per dimension, and of the largest alone


@dataclass(frozen=True, eq=False)
class Operator:
    """z = A w, as its singular value decomposition A = P S Qᵀ.

    Parameters
    ----------
    matrix : (m, d) array
        A.
    """

    matrix: FloatArray

    @classmethod
    def of(cls, value: Any) -> Operator:
        """Take an array, a sparse matrix or a SciPy `LinearOperator`.

        Raises
        ------
        InvalidArgumentError
            If it is none, holds other than finite numbers, is zero, too large, or so ill-conditioned that what it does
            not see cannot be told from what it hardly sees; names the condition number.
        """
        operator = cls(_dense(value))
        values = operator._parts[1]
        if not values.size or values[0] == 0.0:
            raise InvalidArgumentError("operator= is zero: it has no features; leave it out for the weights themselves")
        ratio = values / values[0]
        doubtful = ratio[(ratio > _ZERO * max(operator.matrix.shape)) & (ratio < _DOUBTFUL)]
        if doubtful.size:
            raise InvalidArgumentError(
                f"operator= has the condition number {1.0 / doubtful.min():.3g}: {doubtful.size} of its singular values"
                " are neither zero nor to be told from it; scale its rows, or leave out those that depend on others"
            )
        return operator

    @property
    def features(self) -> int:
        """The number m of rows."""
        return int(self.matrix.shape[0])

    @property
    def weights(self) -> int:
        """The number d of columns."""
        return int(self.matrix.shape[1])

    @cached_property
    def _parts(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        left, values, right = np.linalg.svd(self.matrix, full_matrices=True)
        return left, values, right.T

    @cached_property
    def rank(self) -> int:
        """The dimension of what it sees."""
        values = self._parts[1]
        return int(np.count_nonzero(values > _ZERO * max(self.matrix.shape) * values[0]))

    @property
    def condition(self) -> float:
        """The ratio of the largest singular value and the smallest that is not zero."""
        values = self._parts[1]
        return float(values[0] / values[self.rank - 1])

    @cached_property
    def kernel(self) -> FloatArray:
        """An orthonormal basis N of what it does not see, shape (d, d - rank)."""
        return self._parts[2][:, self.rank :]

    @cached_property
    def inverse(self) -> FloatArray:
        """The pseudo-inverse, shape (d, m): w = inverse z + kernel eta."""
        left, values, right = self._parts
        return np.asarray((right[:, : self.rank] / values[: self.rank]) @ left[:, : self.rank].T)

    @cached_property
    def relations(self) -> FloatArray:
        """An orthonormal basis B of the complement of the range, shape (m, m - rank): Bᵀz = 0 for z = A w."""
        return self._parts[0][:, self.rank :]

    @property
    def is_tall(self) -> bool:
        """Whether not every z is some A w, so that analysis and synthesis are two different things."""
        return self.features > self.rank

    def __repr__(self) -> str:
        free = f", {self.weights - self.rank} free" if self.rank < self.weights else ""
        return f"Operator({self.features} x {self.weights}, condition {self.condition:.3g}{free})"


def _dense(value: Any) -> FloatArray:
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and len(shape) == 2 and np.prod(shape) > MOST_ENTRIES:
        raise InvalidArgumentError(f"operator= of shape {shape} has more than {MOST_ENTRIES:.0e} entries; take a part")
    if scipy.sparse.issparse(value):
        value = value.toarray()
    elif callable(getattr(value, "matmat", None)):
        value = value.matmat(np.eye(value.shape[1]))
    matrix = real_array("operator", value)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise InvalidArgumentError(
            f"operator={shown(value)} has shape {matrix.shape}; give a matrix (features, weights)"
        )
    matrix = np.array(matrix, dtype=np.float64)
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise InvalidArgumentError(f"operator[{row}, {column}] = {matrix[row, column]} must be finite; check its rows")
    return matrix
