"""Singular values of a matrix of expressions, as functions that SymPy does not look into.

Written out, they are roots of polynomials that lose half of their digits where two values are equal. NumPy takes them
from `numpy.linalg.svd` here; the loop has one-sided Jacobi rotations of its own (`program/singular.py`).
"""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import sympy
from numpy.typing import NDArray

from ...checks import shown
from ...errors import InvalidArgumentError

__all__ = ["MOST_COLUMNS", "NUMPY_FUNCTIONS", "SingularSlope", "SingularValue", "singular_values"]

FloatArray = NDArray[np.float64]

MOST_COLUMNS = 8
"""The most singular values that a matrix may have: rotations in the loop grow with their cube."""


class SingularValue(sympy.Function):  # type: ignore[misc]  # SymPy has no types
    """The k-th largest singular value of a matrix: k, the numbers of rows and columns, and the entries by rows."""

    is_extended_real = True
    is_extended_nonnegative = True

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        """Return the derivative by an argument: of an entry u_i v_j, for the singular vectors u and v."""
        if argindex <= 3:
            raise sympy.core.function.ArgumentIndexError(self, argindex)
        return SingularSlope(argindex - 4, *self.args)

    def _eval_evalf(self, prec: int) -> sympy.Expr:
        with mpmath.workprec(prec):
            k, rows, columns = (int(each) for each in self.args[:3])
            entries = [each._to_mpmath(prec) for each in self.args[3:]]
            matrix = mpmath.matrix([entries[i * columns : (i + 1) * columns] for i in range(rows)])
            values = mpmath.svd_r(matrix, compute_uv=False)
            return sympy.Float(values[k - 1], precision=prec)


class SingularSlope(sympy.Function):  # type: ignore[misc]  # SymPy has no types
    """The derivative of a singular value by the entry of a number, counted by rows; then arguments as there."""

    is_extended_real = True


def _stacked(rows: Any, columns: Any, entries: tuple[Any, ...]) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return matrices, shape (..., rows, columns), with zeros for those that are not finite; and which are."""
    flat = np.stack(np.broadcast_arrays(*(np.asarray(entry, dtype=np.float64) for entry in entries)), axis=-1)
    known = np.isfinite(flat).all(axis=-1)
    matrices = np.where(known[..., None], flat, 0.0)
    return matrices.reshape(*flat.shape[:-1], int(rows), int(columns)), known


def _value(k: Any, rows: Any, columns: Any, *entries: Any) -> FloatArray:
    matrices, known = _stacked(rows, columns, entries)
    values = np.linalg.svd(matrices, compute_uv=False)[..., int(k) - 1]
    return np.asarray(np.where(known, values, np.nan))


def _slope(entry: Any, k: Any, rows: Any, columns: Any, *entries: Any) -> FloatArray:
    matrices, known = _stacked(rows, columns, entries)
    left, _, right = np.linalg.svd(matrices, full_matrices=False)
    i, j = divmod(int(entry), int(columns))
    return np.asarray(np.where(known, left[..., i, int(k) - 1] * right[..., int(k) - 1, j], np.nan))


NUMPY_FUNCTIONS = {"SingularValue": _value, "SingularSlope": _slope}
"""What they are for arrays."""


def singular_values(matrix: Any) -> tuple[sympy.Expr, ...]:
    """Return the singular values of a matrix of expressions, the largest first.

    They may stand in observables and in losses. In the loop they come from one-sided Jacobi rotations: right to
    1e-14 of the largest in double precision, also where they vanish or are equal; their derivatives exist where they
    are different.

    Parameters
    ----------
    matrix : sympy.Matrix, or nested sequences
        With at most eight rows or at most eight columns.

    Returns
    -------
    tuple of sympy.Expr
        As many as the smaller of both numbers.

    Raises
    ------
    InvalidArgumentError
        If it is no matrix, or too large.

    Examples
    --------
    >>> a, b = sympy.symbols("a b", real=True)
    >>> first, second = singular_values([[a, 0], [0, b]])
    >>> first.subs({a: 3, b: -4}).evalf(5)
    4.0000
    """
    try:
        entries = sympy.ImmutableMatrix(matrix)
    except (TypeError, ValueError, AttributeError):
        raise InvalidArgumentError(
            f"singular_values needs a matrix of expressions, such as model.predictor's entries in rows, got "
            f"{shown(matrix)}"
        ) from None
    count = min(entries.shape)
    if not 1 <= count <= MOST_COLUMNS:
        raise InvalidArgumentError(
            f"a {entries.rows} x {entries.cols} matrix has {count} singular values; up to {MOST_COLUMNS} are computed, "
            "and one at least is needed. Take the norm, or a smaller block"
        )
    return tuple(SingularValue(k, *entries.shape, *entries) for k in range(1, count + 1))
