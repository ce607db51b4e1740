"""A constant Riemannian metric g: whether a matrix is one, and the coordinates y = Lᵀ x in which it is Euclidean."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import scipy.linalg
import scipy.sparse
import sympy
from numpy.typing import NDArray
from sympy.polys.matrices import DomainMatrix

from ..checks import shown
from ..errors import InvalidArgumentError

__all__ = ["Metric", "Rows", "checked_metric", "metric_for", "tidied"]

FloatArray: TypeAlias = NDArray[np.float64]

Rows: TypeAlias = tuple[tuple[float, ...], ...]
"""A metric as a value that can be compared, hashed and written down."""

_ASYMMETRY = 1e-12
_COMMUTES = 1e-13
"""What may be left of L A - A L, in units in which the metric has the diagonal 1."""

_SHORT = 10_000
"""Fractions with a larger denominator than this are shown as decimals."""


@dataclass(frozen=True)
class Metric:
    """The length |dx|_g² = dxᵀ g dx, and what becomes of things in y = Lᵀ x, g = L Lᵀ, where it is |dy|².

    Parameters
    ----------
    rows : tuple of tuple of float
        g, as `checked_metric` returns it.

    Notes
    -----
    A vector xi is Lᵀ xi there, a gradient L⁻¹ grad f, and a generator A is Lᵀ A L⁻ᵀ; so inner products are xiᵀ g eta of
    vectors and grad fᵀ g⁻¹ grad h of gradients, and A is symmetric there where g A is.
    """

    rows: Rows

    @cached_property
    def matrix(self) -> FloatArray:
        """The metric g, shape (dim, dim)."""
        return np.array(self.rows)

    @cached_property
    def lower(self) -> FloatArray:
        """L with g = L Lᵀ, shape (dim, dim), lower triangular.

        It is computed row operation by row operation, because equal blocks of g must then have equal blocks of L
        wherever they stand: a library adds in another order from place to place, and a metric that commutes with a
        group would no longer.
        """
        rest, out = self.matrix.copy(), np.zeros_like(self.matrix)
        for k in range(len(rest)):
            out[k:, k] = rest[k:, k] / np.sqrt(rest[k, k])
            rest[k + 1 :, k + 1 :] -= out[k + 1 :, k, None] * out[k + 1 :, k]
        return out

    def vectors(self, rows: FloatArray) -> FloatArray:
        """Return points or vectors, shape (..., dim), in y."""
        return np.asarray(rows @ self.lower)

    def from_vectors(self, rows: FloatArray) -> FloatArray:
        """Return points or vectors, shape (..., dim), of y in x."""
        return self._solved(rows, "T")

    def slopes(self, rows: FloatArray) -> FloatArray:
        """Return gradients, shape (..., dim), in y."""
        return self._solved(rows, "N")

    def _solved(self, rows: FloatArray, trans: str) -> FloatArray:
        flat = rows.reshape(-1, rows.shape[-1]).T
        found = scipy.linalg.solve_triangular(self.lower, flat, trans=trans, lower=True, check_finite=False)
        return np.asarray(found.T).reshape(rows.shape)

    def conjugated(self, matrix: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
        """Return the matrix Lᵀ A L⁻ᵀ of a generator in y; A itself where it commutes with Lᵀ."""
        a, turned, unit = matrix.toarray(), self.lower.T, np.sqrt(np.diagonal(self.matrix))
        left, right = turned @ a, a @ turned
        terms = (np.abs(turned) @ np.abs(a) + np.abs(a) @ np.abs(turned)) / unit
        if (np.abs(left - right) / unit <= _COMMUTES * terms.max()).all():
            return matrix
        return scipy.sparse.csr_array(self.slopes(left))

    @cached_property
    def condition(self) -> float:
        """How much larger than rounding errors those are that come from going to y and back; 1 for a diagonal g."""
        return float((self._inverse @ np.abs(self.lower.T)).sum(axis=1).max())

    @cached_property
    def blur(self) -> float:
        """What a change of the last digit of g changes in y, as a share: about 1e-8 for a condition number of 1e8."""
        return float(np.finfo(float).eps * (self._inverse.T @ np.abs(self.matrix) @ self._inverse).max())

    @cached_property
    def _inverse(self) -> FloatArray:
        """The absolute values of L⁻ᵀ."""
        return np.abs(self.slopes(np.eye(len(self.rows))))

    def restricted(self, places: NDArray[np.int64]) -> Metric:
        """Return the metric of some parameters, which g does not couple to others."""
        return Metric(tuple(map(tuple, self.matrix[np.ix_(places, places)].tolist())))

    @cached_property
    def exact(self) -> sympy.ImmutableSparseMatrix:
        """The metric g with the fractions that its entries were typed as: 0.6 is 3/5."""
        size = len(self.rows)
        entries = {(i, j): sympy.Rational(repr(g)) for i, row in enumerate(self.rows) for j, g in enumerate(row) if g}
        return sympy.ImmutableSparseMatrix(size, size, entries)

    @cached_property
    def exact_inverse(self) -> sympy.ImmutableSparseMatrix:
        """The inverse of `exact`, without rounding."""
        return DomainMatrix.from_Matrix(self.exact).to_field().inv().to_Matrix().as_immutable()


def metric_for(value: Any, parameters: Sequence[Any]) -> Metric | None:
    """Return the metric of a model with these parameters, or None if it is the identity because none was given.

    Raises
    ------
    InvalidArgumentError
        If it is no metric, or of another size.
    """
    if value is None:
        return None
    metric = value if isinstance(value, Metric) else Metric(checked_metric(value))
    if len(metric.rows) != len(parameters):
        raise InvalidArgumentError(
            f"metric has {len(metric.rows)} rows, but the model has {len(parameters)} parameters "
            f"({', '.join(map(str, parameters[:8]))}{', ...' if len(parameters) > 8 else ''}); give one for each"
        )
    return metric


def checked_metric(value: Any) -> Rows:
    """Return a metric as a tuple of rows, exactly symmetric.

    Raises
    ------
    InvalidArgumentError
        If it is no square matrix of finite real numbers, not symmetric, or not positive definite.
    """
    matrix = _square(value)
    if not np.isfinite(matrix).all():
        raise InvalidArgumentError("metric has entries that are not finite; give finite numbers")
    asymmetry = float(np.abs(matrix - matrix.T).max())
    if asymmetry > _ASYMMETRY * float(np.abs(matrix).max()):
        raise InvalidArgumentError(
            f"metric must be symmetric, but differs from its transpose by {asymmetry:.3g}; take (g + gᵀ)/2 if that is "
            "what is meant"
        )
    matrix = matrix / 2.0 + matrix.T / 2.0
    _require_positive(matrix)
    return tuple(tuple(row) for row in matrix.tolist())


def _square(value: Any) -> FloatArray:
    try:
        given = np.asarray(value)
        is_plain = given.dtype.kind in "iuf" or (given.dtype.kind == "O" and all(map(_is_number, given.flat)))
        matrix = given.astype(np.float64) if is_plain and not np.ma.is_masked(value) else np.empty(0)
    except Exception:  # whatever an object's own __array__ raises
        matrix = np.empty(0)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
        raise InvalidArgumentError(f"metric must be a square matrix of real numbers, got {shown(value)}")
    return matrix


def _is_number(value: Any) -> bool:
    if isinstance(value, sympy.Expr):
        return bool(value.is_number and value.is_extended_real)
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _require_positive(matrix: FloatArray) -> None:
    """Refuse what is not positive definite, whatever the units of the parameters."""
    diagonal = np.diagonal(matrix)
    remedy = "a multiple of the identity added to it makes it so"
    if diagonal.min() <= 0.0:
        raise InvalidArgumentError(
            f"metric must be positive definite, but has {diagonal.min():.3g} on its diagonal; {remedy}"
        )
    unit = np.sqrt(diagonal)
    smallest = float(np.linalg.eigvalsh(matrix / unit / unit[:, None])[0])
    if not smallest > len(matrix) * np.finfo(float).eps:
        raise InvalidArgumentError(
            "metric must be positive definite, but its smallest eigenvalue is "
            f"{smallest:.3g}, in units in which its diagonal is 1; {remedy}"
        )


def tidied(expression: Any) -> Any:
    """Return an expression or a matrix with decimals in place of long fractions."""
    long = {r: sympy.Float(r) for r in expression.atoms(sympy.Rational) if r.q > _SHORT}
    return expression.xreplace(long) if long else expression
