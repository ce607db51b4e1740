"""Orbits and slices at points: generators, the Gram matrices H, M and G, and log det of them without overflow.

Notation of arXiv 2601.06597: H_ab = xi_a . xi_b, M_ia = dchi^i(xi_a), G_ij = grad chi^i . grad chi^j. A change of the
basis of generators by a constant matrix adds a constant to log det H and log det G, and does nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from ..errors import InvalidArgumentError
from ..model import Model
from .constraints import constraints_of
from .points import FloatArray, apply, checked_model, checked_points, transposed
from .separate import Matrices, factors_of_group

__all__ = [
    "constraint_gram",
    "coupling",
    "dual_gram",
    "generators",
    "log_det",
    "log_gram",
    "normalised",
    "orbit_gram",
    "projected",
]

RANK = 1e-12
"""A direction of an orbit that is shorter than this, relative to the longest, is none."""


def generators(model: Model, x: Any) -> FloatArray:
    """Return the vector fields xi_a = A_a x at points.

    Parameters
    ----------
    model : Model
        With a symmetry that has m generators.
    x : array_like, shape (..., dim)
        The points.

    Returns
    -------
    array, shape (..., m, dim)

    Raises
    ------
    InvalidArgumentError
        If the model has no symmetry, or `x` does not hold finite points of it.

    Examples
    --------
    >>> from langevin_ib import models
    >>> generators(models.scalar_product(), [1.0, 2.0])
    array([[ 1., -2.]])
    """
    return apply(checked_model(model).generator_matrices(), checked_points(model, x))


def orbit_gram(model: Model, x: Any) -> FloatArray:
    """Return H_ab = xi_a . xi_b, whose determinant is the squared volume element of the orbits.

    Parameters
    ----------
    model : Model
        With a symmetry that has m generators, compact ones included.
    x : array_like, shape (..., dim)
        The points.

    Returns
    -------
    array, shape (..., m, m)

    Raises
    ------
    InvalidArgumentError
        As `generators`.

    Examples
    --------
    >>> from langevin_ib import models
    >>> orbit_gram(models.scalar_product(), [1.0, 2.0])
    array([[5.]])
    """
    fields = generators(model, x)
    return np.asarray(fields @ transposed(fields))


def coupling(model: Model, x: Any, chi: Any = None) -> FloatArray:
    """Return M_ia = dchi^i(xi_a), the rate at which constraint i changes along generator a.

    The slice is transversal to the orbits where the rank of M is the number of constraints. "0 is a regular value of
    chi" does not imply that: chi = u v - 1 is regular and constant on orbits.

    Parameters
    ----------
    model : Model
        With a symmetry that has m generators.
    x : array_like, shape (..., dim)
        The points.
    chi : sympy.Expr, or tuple or mapping of them, optional
        The k constraints; None for those of the model, `Model.constraints`.

    Returns
    -------
    array, shape (..., k, m)
        Rectangular if there are compact generators, which have no canonical constraint.

    Raises
    ------
    InvalidArgumentError
        As `generators`, or if `chi` is something else.
    UnsupportedModelError
        If the model has no canonical dual slice.

    Examples
    --------
    >>> from langevin_ib import models
    >>> model = models.scalar_product()
    >>> u, v = model.parameters
    >>> coupling(model, [1.0, 2.0]), coupling(model, [1.0, 2.0], u - 1)
    (array([[5.]]), array([[1.]]))
    """
    fields = generators(model, x)
    return np.asarray(constraints_of(model, chi).gradients(checked_points(model, x)) @ transposed(fields))


def constraint_gram(model: Model, x: Any, chi: Any = None) -> FloatArray:
    """Return G_ij = grad chi^i . grad chi^j: delta(chi - c) dx is (det G)**(-1/2) dS, dS the area of the slice.

    Parameters
    ----------
    model, x, chi
        As for `coupling`.

    Returns
    -------
    array, shape (..., k, k)

    Raises
    ------
    InvalidArgumentError, UnsupportedModelError
        As `coupling`.

    Examples
    --------
    >>> from langevin_ib import models
    >>> constraint_gram(models.scalar_product(), [1.0, 2.0])
    array([[5.]])
    """
    gradients = constraints_of(checked_model(model), chi).gradients(checked_points(model, x))
    return np.asarray(gradients @ transposed(gradients))


def dual_gram(model: Model, x: Any, chi: Any = None) -> FloatArray:
    """Return M H⁻¹ Mᵀ, the Gram matrix of the parts of grad chi along the orbit.

    Equation (40) of arXiv 2601.06597, G = M H⁻¹ Mᵀ, holds where the slice is orthogonal to the orbits, (35). For any
    other transversal slice G - M H⁻¹ Mᵀ is positive semi-definite and not zero: for chi = u - 1 of the product u v, G
    is 1 and M H⁻¹ Mᵀ is u²/(u² + v²). `slice_report` compares the two. H may be singular: then H⁻¹ is the
    pseudo-inverse.

    Parameters
    ----------
    model, x, chi
        As for `coupling`.

    Returns
    -------
    array, shape (..., k, k)

    Raises
    ------
    InvalidArgumentError, UnsupportedModelError
        As `coupling`.
    """
    gradients = constraints_of(checked_model(model), chi).gradients(checked_points(model, x))
    along = projected(gradients, generators(model, x))
    return np.asarray(along @ transposed(along))


def log_det(model: Model, x: Any, chi: Any = None, *, of: str = "G") -> FloatArray:
    """Return log det G, log det H or log |det M|, from the vectors and not from their squares.

    Parameters
    ----------
    model, x, chi
        As for `coupling`.
    of : {"G", "H", "M"}
        Whose determinant.

    Returns
    -------
    array, shape (...)
        -inf where the matrix is singular.

    Raises
    ------
    InvalidArgumentError, UnsupportedModelError
        As `coupling`, if `of` is something else, or M is not square.

    Examples
    --------
    >>> from langevin_ib import models
    >>> float(log_det(models.scalar_product(), [1e-200, 1e-200]).round(6))
    -920.34089
    """
    points = checked_points(checked_model(model), x)
    if of == "H":
        return _log_by_factors(points, [(f.parameters, f.generators) for f in factors_of_group(model)])
    constraints = constraints_of(model, chi)
    if of == "G" and constraints.matrices is not None:
        return _log_by_factors(points, [(f.parameters, f.symmetric) for f in factors_of_group(model)])
    if of == "G":
        return log_gram(constraints.gradients(points))
    if of != "M":
        raise InvalidArgumentError(f'of must be "G", "H" or "M", got {of!r}')
    fields, size = normalised(apply(model.generator_matrices(), points))
    gradients, extent = normalised(constraints.gradients(points))
    if fields.shape[-2] != gradients.shape[-2]:
        raise InvalidArgumentError(
            f"M has {gradients.shape[-2]} rows (constraints) and {fields.shape[-2]} columns (generators), and so no "
            'determinant; slice_report says whether the slice is transversal, log_det(of="G") has a meaning here'
        )
    with np.errstate(divide="ignore"):
        return np.asarray(
            np.linalg.slogdet(gradients @ transposed(fields))[1] + np.log(size).sum(-1) + np.log(extent).sum(-1)
        )


def _log_by_factors(x: FloatArray, factors: Sequence[tuple[NDArray[np.int64], Matrices]]) -> FloatArray:
    """Return log det of the Gram matrix of linear fields, block by block."""
    out = np.zeros(x.shape[:-1])
    for places, matrices in factors:
        inside = x[..., places]
        fields = np.stack([_times(matrix, inside) for matrix in matrices], axis=-2) if matrices else None
        out = out if fields is None else out + log_gram(fields)
    return out


def _times(matrix: scipy.sparse.csr_array, x: FloatArray) -> FloatArray:
    return np.asarray((matrix @ x.reshape(-1, x.shape[-1]).T).T).reshape(x.shape)


def log_gram(vectors: FloatArray) -> FloatArray:
    """Return log det(V Vᵀ) of the rows of V, shape (..., k, dim), by a QR decomposition of normalised rows."""
    rows, size = normalised(vectors)
    if rows.shape[-2] > rows.shape[-1]:
        return np.full(rows.shape[:-2], -np.inf)
    diagonal = np.diagonal(np.linalg.qr(transposed(rows), mode="r"), axis1=-2, axis2=-1)
    with np.errstate(divide="ignore"):
        return np.asarray(2.0 * (np.log(np.abs(diagonal)).sum(-1) + np.log(size).sum(-1)))


def projected(vectors: FloatArray, onto: FloatArray) -> FloatArray:
    """Return the orthogonal projections of rows on the span of other rows, which may be dependent."""
    rows, _ = normalised(onto)
    _, length, basis = np.linalg.svd(rows, full_matrices=False)
    kept = np.where((length > RANK * length.max(axis=-1, initial=0.0, keepdims=True))[..., None], basis, 0.0)
    return np.asarray((vectors @ transposed(kept)) @ kept)


def normalised(vectors: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return rows of length one, and the lengths that they had; a row of zeros stays and has length zero."""
    largest = np.abs(vectors).max(axis=-1, initial=0.0)
    rows = vectors / np.where(largest == 0.0, 1.0, largest)[..., None]
    length = np.linalg.norm(rows, axis=-1)
    return rows / np.where(length == 0.0, 1.0, length)[..., None], largest * length
