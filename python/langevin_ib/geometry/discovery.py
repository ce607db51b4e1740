"""All linear symmetries and translations of a predictor, declared or not: what changes it at no random point."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse

from ..checks import checked_int, checked_rng, shown
from ..errors import InvalidArgumentError
from ..model import Metric, Model, Translation, metric_for, numeric
from .null_space import change_at, constant_fields, null_space
from .points import FloatArray, columns
from .seams import equations_on_pieces, points_against, slopes_of
from .symmetry_report import SymmetryReport, report_of, tidy_basis

__all__ = ["find_symmetries"]

MAX_DIM = 40
"""The unknown matrix has dim² entries, and the singular values of as many equations cost dim⁶ operations."""

_EXACT, _DIFFERENCES = 1e-11, 1e-8
"""The noise of exact derivatives and of finite differences, as a share of the largest singular value."""

_STEP, _SMOOTH = 1e-3, 1e-9
"""The step of finite differences; how much those of order four and six may differ where a function is smooth."""

_FARTHEST, _NEAR = 3.0, 6.0
"""Functions without formulas are also looked at so many orders of magnitude from 0; the first of these is near."""

_ROUGH = 0.9
"""If more differences than this are unusable, a function is not almost everywhere smooth."""

_DOUBLINGS = 6
"""The number of points is doubled until further points confirm the symmetries, but not more often than this."""

_CONFIRMED = 100.0
"""By so many times the noise a symmetry may miss an equation of a further point."""

Predictor = Callable[[FloatArray], Any]


def find_symmetries(
    model_or_callable: Model | Predictor,
    dim: int | None = None,
    *,
    rng: Any = None,
    samples: int | None = None,
    metric: Any = None,
) -> SymmetryReport:
    """Find the linear fields A x and the translations along which a predictor does not change, declared or not.

    At each point x and for each component h of the predictor, (grad h)(x) . A x = 0 is a linear equation for the
    entries of A. Points are random, and of a model's predictor there are some on each piece; where it jumps, the normal
    of the set on which it does takes the place of the gradient. With more equations than entries the solutions are the
    symmetries: the right singular vectors whose singular values vanish. The predictor of a matrix product U Vᵀ, for
    example, has all of GL(r), r² generators, and not only the r scalings of its columns. In the same way a constant
    field a has (grad h)(x) . a = 0. Symmetries that are neither, such as scalings about another point than 0, or not
    continuous, are not found.

    Parameters
    ----------
    model_or_callable : Model or callable
        A model, or a function from arrays of shape (n, dim) to arrays of shape (n,) or (n, k), which is differentiated
        by finite differences and so has to be smooth around almost all points.
    dim : int, optional
        The number of parameters of the function.
    rng : seed or numpy.random.Generator, optional
        For the points.
    samples : int, optional
        The number of points. By default there are half as many equations again as unknowns, and the number is doubled
        until further points confirm what was found.
    metric : array_like, shape (dim, dim), optional
        A constant Riemannian metric, symmetric and positive definite; None is the identity. Which symmetries there are
        does not depend on it, but which of them are rotations does.

    Returns
    -------
    SymmetryReport

    Raises
    ------
    InvalidArgumentError
        If it is neither, `dim` does not fit or is larger than 40, values are not finite or of a wrong shape, or
        `metric` is none of this size.

    Examples
    --------
    >>> from langevin_ib import models
    >>> found = find_symmetries(models.matrix_factorization(3, 2, 2), rng=1)
    >>> print(str(found).splitlines()[0])
    linear symmetries: 4 (3 non-compact, 1 compact); 2 declared, 2 missed
    >>> find_symmetries(lambda x: x[:, 0] ** 2 + x[:, 1] ** 2, dim=2, rng=1).compact
    array([[[ 0.,  1.],
            [-1.,  0.]]])
    """
    source = _source(model_or_callable, dim, checked_rng(rng))
    size = source.size
    g = metric_for(metric, source.names)
    if samples is not None:
        points = source.points(checked_int("samples", samples, minimum=1, maximum=10**7))
        return source.report(points, g)
    count = math.ceil(1.5 * size**2 / min(source.components, size)) + 4
    for _ in range(_DOUBLINGS):
        points = source.points(count)
        found = null_space(*source.equations(points), source.noise)
        fresh = source.points(size)
        if not len(found[1]) or change_at(found[1], source.jacobian(fresh), fresh) <= _CONFIRMED * source.noise:
            break
        count *= 2
    report = source.report(points, g, found)
    for _ in range(_DOUBLINGS):
        against = source.against(report)
        if not len(against):
            break
        points = np.concatenate([points, against])
        report = source.report(points, g)
    return report


@dataclass(frozen=True)
class _Source:
    """Where the equations come from."""

    names: tuple[str, ...]
    components: int
    declared: tuple[list[scipy.sparse.csr_array], FloatArray]
    jacobian: Predictor
    noise: float
    generator: np.random.Generator
    further: tuple[FloatArray, FloatArray]
    model: Model | None = None

    @property
    def size(self) -> int:
        return len(self.names)

    def points(self, count: int) -> FloatArray:
        points = self.generator.normal(size=(count, self.size))
        # Of a model's pieces it is known where they are; a function may have some far out.
        far = np.arange(count) % 3 == 2 if self.model is None else np.zeros(count, dtype=bool)
        return np.where(far[:, None], points * 10.0 ** self.generator.uniform(0.0, _FARTHEST, size=(count, 1)), points)

    def against(self, report: SymmetryReport) -> FloatArray:
        """Return points whose orbits leave the piece on which what was found is a symmetry; none if all is well."""
        if self.model is None:
            return np.zeros((0, self.size))
        linear = report.symmetry()
        shifts = [Translation(dict(zip(self.model.parameters, row, strict=True))) for row in report.translations]
        return points_against(self.model, [*([linear] if linear else []), *shifts])

    def report(
        self, points: FloatArray, metric: Metric | None, found: tuple[FloatArray, FloatArray] | None = None
    ) -> SymmetryReport:
        """Return what equations at points say; `found` is their null space, if it is known."""
        slopes, places = self.equations(points)
        values, algebra = null_space(slopes, places, self.noise) if found is None else found
        return report_of(values, algebra, self.declared, metric, tidy_basis(constant_fields(slopes, self.noise)))

    def equations(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return slopes at points, and the points, with further ones of the model's own."""
        slopes, (more, more_points) = self.jacobian(points), self.further
        return np.concatenate([slopes, more]), np.concatenate([points, more_points])


def _source(given: Any, dim: int | None, generator: np.random.Generator) -> _Source:
    if isinstance(given, Model):
        if given.dim > MAX_DIM:
            raise InvalidArgumentError(
                f"the model has {given.dim} parameters, and up to {MAX_DIM} are looked at; take a narrower one of "
                "its kind, which has the same kinds of symmetries"
            )
        if dim is not None and checked_int("dim", dim, minimum=1, maximum=MAX_DIM) != given.dim:
            raise InvalidArgumentError(f"dim={dim!r}, but the model has {given.dim} parameters; leave it out")
        declared = (
            [numeric(matrix) for matrix in given.generator_matrices()],
            columns(given.generator_offsets(), given.dim),
        )
        jacobian = partial(slopes_of, given)
        names, further = tuple(map(str, given.parameters)), equations_on_pieces(given)
        return _Source(names, len(given.predictor), declared, jacobian, _EXACT, generator, further, given)
    if not callable(given):
        raise InvalidArgumentError(f"give a Model or a function of arrays, got {shown(given)}")
    if dim is None:
        raise InvalidArgumentError("dim= is missing: give the number of parameters of the function")
    size = checked_int("dim", dim, minimum=1, maximum=MAX_DIM)
    components = _values(given, generator.normal(size=(2, size))).shape[1]
    names = tuple(f"x[{i}]" for i in range(size))
    nothing = np.zeros((0, components, size)), np.zeros((0, size))
    none: tuple[list[scipy.sparse.csr_array], FloatArray] = ([], np.zeros((0, size)))
    return _Source(names, components, none, partial(_differences, given), _DIFFERENCES, generator, nothing)


def _values(function: Predictor, points: FloatArray) -> FloatArray:
    values = np.asarray(function(points), dtype=np.float64)
    if values.ndim not in {1, 2} or len(values) != len(points):
        raise InvalidArgumentError(
            f"the function returned shape {values.shape} for points of shape {points.shape}; it must return "
            f"({len(points)},) or ({len(points)}, k)"
        )
    values = values.reshape(len(points), -1)
    near = np.abs(points).max(axis=1) <= _NEAR
    if not np.isfinite(values[near]).all():
        raise InvalidArgumentError(
            "the function is not finite at random points near 0; it must be, and be smooth there"
        )
    return values


def _differences(function: Predictor, points: FloatArray) -> FloatArray:
    """Return derivatives by central differences of order six; 0 = 0 takes the place of those across a kink."""
    columns = []
    step = _STEP * np.maximum(1.0, np.abs(points).max(axis=1, keepdims=True) / _NEAR)
    for j in range(points.shape[1]):
        shift = np.where(np.arange(points.shape[1]) == j, step, 0.0)
        with np.errstate(all="ignore"):
            near = [_values(function, points + k * shift) - _values(function, points - k * shift) for k in (1, 2, 3)]
            sixth = (45.0 * near[0] - 9.0 * near[1] + near[2]) / (60.0 * step)
            fourth = (8.0 * near[0] - near[1]) / (12.0 * step)
            columns.append(np.where(np.abs(sixth - fourth) <= _SMOOTH * (1.0 + np.abs(sixth)), sixth, np.nan))
    jacobian = np.stack(columns, axis=-1)
    rough = np.isnan(jacobian).any(axis=-1, keepdims=True)
    if rough.mean() > _ROUGH:
        raise InvalidArgumentError(
            f"the function is not smooth: finite differences of order four and six differ at {rough.mean():.0%} of all "
            "random points; give one in double precision, without noise"
        )
    return np.where(rough, 0.0, jacobian)
