"""Points at which geometry is evaluated, and affine vector fields there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse
import sympy
from numpy.typing import NDArray

from ..checks import real_array, shown
from ..errors import InvalidArgumentError
from ..model import Model, numeric

__all__ = ["FloatArray", "apply", "checked_model", "checked_points", "columns", "place_of", "transposed"]

FloatArray = NDArray[np.float64]


def checked_model(model: Any) -> Model:
    """Return `model` once it is known to be one with a symmetry.

    Raises
    ------
    InvalidArgumentError
        If it is not.
    """
    if not isinstance(model, Model):
        raise InvalidArgumentError(f"model must be a Model, got {shown(model)}; take one from models or build one")
    if not model.symmetries:
        raise InvalidArgumentError(
            "the model has symmetry=None, and so no orbits; declare one, for instance symmetry=Scaling({u: 1, v: -1}), "
            "or look for it with find_symmetries(model)"
        )
    return model


def checked_points(model: Model, x: Any) -> FloatArray:
    """Return points as a float64 array of shape (..., dim).

    Raises
    ------
    InvalidArgumentError
        If they are no finite real numbers, or the last axis is not as long as there are parameters.
    """
    array = real_array("x", x)
    if array.ndim == 0 or array.shape[-1] != model.dim:
        names = ", ".join(map(str, model.parameters[:8])) + (", ..." if model.dim > 8 else "")
        raise InvalidArgumentError(
            f"x has shape {array.shape}; its last axis must hold the {model.dim} parameters {names}"
        )
    points = array.astype(np.float64)
    bad = np.asarray(~np.isfinite(points).all(axis=-1))
    if bad.any():
        raise InvalidArgumentError(f"x{place_of(bad)} is not finite; remove what is nan or infinite")
    return points


def place_of(bad: NDArray[np.bool_]) -> str:
    """Return the index of the first point that is marked, as one writes it behind the array; empty for a single one."""
    if bad.ndim == 0:
        return ""
    return f"[{', '.join(map(str, np.argwhere(bad)[0].tolist()))}]"


def columns(vectors: Sequence[sympy.MatrixBase], dim: int) -> FloatArray:
    """Return SymPy columns as the rows of an array, shape (number, dim)."""
    rows = [numeric(vector).toarray()[:, 0] for vector in vectors]
    return np.stack(rows) if rows else np.zeros((0, dim))


def transposed(matrices: FloatArray) -> FloatArray:
    """Return matrices, the last two axes, with rows and columns exchanged."""
    return np.swapaxes(matrices, -1, -2)


def apply(
    matrices: Sequence[sympy.MatrixBase | scipy.sparse.csr_array], x: FloatArray, offsets: FloatArray | None = None
) -> FloatArray:
    """Return the vectors A_a x + a_a, shape (..., number of matrices, dim); offsets have shape (number, dim)."""
    flat = x.reshape(-1, x.shape[-1])
    out = np.empty((len(flat), len(matrices), flat.shape[1]))
    for a, matrix in enumerate(matrices):
        numbers = numeric(matrix) if isinstance(matrix, sympy.MatrixBase) else matrix
        out[:, a] = (numbers @ flat.T).T
    if offsets is not None:
        out += offsets
    return out.reshape(*x.shape[:-1], *out.shape[1:])
