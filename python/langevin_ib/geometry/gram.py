"""Orbits and slices at points: generators, the Gram matrices H, M and G, and log det of them without overflow.

Notation of arXiv 2601.06597: H_ab = xi_a . xi_b, M_ia = dchi^i(xi_a), G_ij = grad chi^i . grad chi^j. A change of the
basis of generators by a constant matrix adds a constant to log det H and log det G, and does nothing else. In a
constant Riemannian metric g, H_ab = xi_aᵀ g xi_b and G_ij = grad chi^iᵀ g⁻¹ grad chi^j, while M is as before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.sparse

from ..errors import InvalidArgumentError
from ..model import Model, is_translation, metric_for
from .constraints import constraints_of
from .points import FloatArray, apply, checked_model, checked_points, columns, transposed
from .separate import Factor, factors_of_group

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
    "spanned",
]

RANK = 1e-12
"""A direction of an orbit that is shorter than this, relative to the longest, is none."""


def generators(model: Model, x: Any) -> FloatArray:
    """Return the vector fields xi_a = A_a x + a_a at points; no metric is in them.

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
    points = checked_points(checked_model(model), x)
    return apply(model.generator_matrices(), points, columns(model.generator_offsets(), model.dim))


def orbit_gram(model: Model, x: Any, *, metric: Any = None) -> FloatArray:
    """Return H_ab = xi_aᵀ g xi_b, whose determinant is the squared volume element of the orbits.

    Parameters
    ----------
    model : Model
        With a symmetry that has m generators, compact ones included.
    x : array_like, shape (..., dim)
        The points.
    metric : array_like, shape (dim, dim), optional
        A constant Riemannian metric g, symmetric and positive definite; None is the identity.

    Returns
    -------
    array, shape (..., m, m)

    Raises
    ------
    InvalidArgumentError
        As `generators`, or if `metric` is none of this model.

    Examples
    --------
    >>> from langevin_ib import models
    >>> orbit_gram(models.scalar_product(), [1.0, 2.0])
    array([[5.]])
    >>> orbit_gram(models.scalar_product(), [1.0, 2.0], metric=[[4, 0], [0, 1]])
    array([[8.]])
    """
    fields, g = generators(model, x), metric_for(metric, model.parameters)
    fields = fields if g is None else g.vectors(fields)
    return np.asarray(fields @ transposed(fields))


def coupling(model: Model, x: Any, chi: Any = None, *, metric: Any = None) -> FloatArray:
    """Return M_ia = dchi^i(xi_a), the rate at which constraint i changes along generator a.

    The slice is transversal to the orbits where the rank of M is the number of constraints. "0 is a regular value of
    chi" does not imply that: chi = u v - 1 is regular and constant on orbits. A metric has no part in M, but in the
    canonical dual constraints, if it is those that are asked for.

    Parameters
    ----------
    model : Model
        With a symmetry that has m generators.
    x : array_like, shape (..., dim)
        The points.
    chi : sympy.Expr, or tuple or mapping of them, optional
        The k constraints; None for those of the model, `Model.constraints`.
    metric : array_like, shape (dim, dim), optional
        A constant Riemannian metric, as for `orbit_gram`.

    Returns
    -------
    array, shape (..., k, m)
        Rectangular if there are compact generators, which have no canonical constraint.

    Raises
    ------
    InvalidArgumentError
        As `orbit_gram`, or if `chi` is something else.
    UnsupportedModelError
        If the model has no canonical dual slice, in the metric.

    Examples
    --------
    >>> from langevin_ib import models
    >>> model = models.scalar_product()
    >>> u, v = model.parameters
    >>> coupling(model, [1.0, 2.0]), coupling(model, [1.0, 2.0], u - 1)
    (array([[5.]]), array([[1.]]))
    """
    fields = generators(model, x)
    constraints = constraints_of(model, chi, metric_for(metric, model.parameters))
    return np.asarray(constraints.gradients(checked_points(model, x)) @ transposed(fields))


def constraint_gram(model: Model, x: Any, chi: Any = None, *, metric: Any = None) -> FloatArray:
    """Return G_ij = grad chi^iᵀ g⁻¹ grad chi^j.

    delta(chi - c) dx is (det g)**(-1/2) (det G)**(-1/2) dS, dS being the area of the slice in the metric g: the left
    side does not know g, and so the right side does not depend on it.

    Parameters
    ----------
    model, x, chi, metric
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
    >>> model = models.scalar_product()
    >>> constraint_gram(model, [1.0, 2.0], model.constraints()[0], metric=[[4, 0], [0, 1]])
    array([[4.25]])
    """
    g = metric_for(metric, checked_model(model).parameters)
    gradients = constraints_of(model, chi, g).gradients(checked_points(model, x))
    gradients = gradients if g is None else g.slopes(gradients)
    return np.asarray(gradients @ transposed(gradients))


def dual_gram(model: Model, x: Any, chi: Any = None, *, metric: Any = None) -> FloatArray:
    """Return M H⁻¹ Mᵀ, the Gram matrix of the parts of grad chi along the orbit.

    Equation (40) of arXiv 2601.06597, G = M H⁻¹ Mᵀ, holds where the slice is orthogonal to the orbits, (35). For any
    other transversal slice G - M H⁻¹ Mᵀ is positive semi-definite and not zero: for chi = u - 1 of the product u v, G
    is 1 and M H⁻¹ Mᵀ is u²/(u² + v²). `slice_report` compares the two. H may be singular: then H⁻¹ is the
    pseudo-inverse. In a metric, orthogonal means that grad chi lies in the span of the g xi_a.

    Parameters
    ----------
    model, x, chi, metric
        As for `coupling`.

    Returns
    -------
    array, shape (..., k, k)

    Raises
    ------
    InvalidArgumentError, UnsupportedModelError
        As `coupling`.
    """
    g = metric_for(metric, checked_model(model).parameters)
    gradients = constraints_of(model, chi, g).gradients(checked_points(model, x))
    fields = generators(model, x)
    if g is not None:
        gradients, fields = g.slopes(gradients), g.vectors(spanned(fields))
    along = projected(gradients, fields)
    return np.asarray(along @ transposed(along))


def log_det(model: Model, x: Any, chi: Any = None, *, of: str = "G", metric: Any = None) -> FloatArray:
    """Return log det G, log det H or log |det M|, from the vectors and not from their squares.

    Parameters
    ----------
    model, x, chi
        As for `coupling`.
    of : {"G", "H", "M"}
        Whose determinant.
    metric : array_like, shape (dim, dim), optional
        As for `coupling`.

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
    g = metric_for(metric, model.parameters)
    if of == "H" and any(map(is_translation, model.generator_matrices())):
        # Rotations may move the translations, and are then not orthogonal to them.
        return log_gram(generators(model, points), None if g is None else g.vectors)
    if of == "H":
        return _log_by_factors(points, factors_of_group(model, g), of)
    constraints = constraints_of(model, chi, g)
    if of == "G" and constraints.matrices is not None:
        # Translations are orthogonal to all that moves points by matrices, and their Gram matrix is constant.
        slopes = constraints.slopes[np.abs(constraints.slopes).max(axis=1) > 0.0]
        constant = log_gram(slopes, None if g is None else g.slopes) if len(slopes) else 0.0
        return _log_by_factors(points, factors_of_group(model, g), of) + constant
    if of == "G":
        return log_gram(constraints.gradients(points), None if g is None else g.slopes)
    if of != "M":
        raise InvalidArgumentError(f'of must be "G", "H" or "M", got {of!r}')
    fields, size = normalised(generators(model, points))
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


def _log_by_factors(x: FloatArray, factors: Sequence[Factor], of: str) -> FloatArray:
    """Return log det of the Gram matrix H of the generators or G of the canonical constraints, block by block."""
    out = np.zeros(x.shape[:-1])
    for factor in factors:
        matrices = factor.generators if of == "H" else factor.symmetric
        if not matrices:
            continue
        inside, g = x[..., factor.parameters], factor.metric
        vectors = np.stack([_times(matrix, inside) for matrix in matrices], axis=-2)
        out = out + log_gram(vectors, None if g is None else g.vectors if of == "H" else g.slopes)
    return out


def _times(matrix: scipy.sparse.csr_array, x: FloatArray) -> FloatArray:
    return np.asarray((matrix @ x.reshape(-1, x.shape[-1]).T).T).reshape(x.shape)


def log_gram(vectors: FloatArray, change: Callable[[FloatArray], FloatArray] | None = None) -> FloatArray:
    """Return log det(V Vᵀ) of the rows of V, shape (..., k, dim), by a QR decomposition of normalised rows.

    `change` takes rows to coordinates in which the metric is Euclidean; it sees rows of length one.
    """
    rows, size = normalised(vectors)
    rows, stretch = (rows, np.ones_like(size)) if change is None else normalised(change(rows))
    if rows.shape[-2] > rows.shape[-1]:
        return np.full(rows.shape[:-2], -np.inf)
    diagonal = np.diagonal(np.linalg.qr(transposed(rows), mode="r"), axis1=-2, axis2=-1)
    with np.errstate(divide="ignore"):
        logs = np.log(np.abs(diagonal)).sum(-1) + np.log(size).sum(-1)
        return np.asarray(2.0 * (logs if change is None else logs + np.log(stretch).sum(-1)))


def spanned(rows: FloatArray) -> FloatArray:
    """Return orthonormal rows with the same span, and rows of zeros in place of those that depend on others."""
    _, length, basis = np.linalg.svd(normalised(rows)[0], full_matrices=False)
    return np.where((length > RANK * length.max(axis=-1, initial=0.0, keepdims=True))[..., None], basis, 0.0)


def projected(vectors: FloatArray, onto: FloatArray) -> FloatArray:
    """Return the orthogonal projections of rows on the span of other rows, which may be dependent."""
    kept = spanned(onto)
    return np.asarray((vectors @ transposed(kept)) @ kept)


def normalised(vectors: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return rows of length one, and the lengths that they had; a row of zeros stays and has length zero."""
    largest = np.abs(vectors).max(axis=-1, initial=0.0)
    rows = vectors / np.where(largest == 0.0, 1.0, largest)[..., None]
    length = np.linalg.norm(rows, axis=-1)
    return rows / np.where(length == 0.0, 1.0, length)[..., None], largest * length
