"""All linear continuous symmetries of a predictor, declared or not: what changes it at no random point."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse

from ..checks import checked_int, checked_rng, shown
from ..errors import InvalidArgumentError
from ..model import Linear, Metric, Model, metric_for, numeric
from .points import FloatArray
from .seams import equations_on_pieces, points_against, slopes_of

__all__ = ["SymmetryReport", "find_symmetries"]

MAX_DIM = 40
"""The unknown matrix has dim² entries, and the singular values of as many equations cost dim⁶ operations."""

_EXACT, _DIFFERENCES = 1e-11, 1e-8
"""The noise of exact derivatives and of finite differences, as a share of the largest singular value."""

_CLEAR = 1e3
"""A gap by this factor between what vanishes and what does not leaves no doubt."""

_ROUND = 1e-6
"""Entries of generators this close to small fractions are taken for them."""

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


@dataclass(frozen=True, repr=False)
class SymmetryReport:
    """The Lie algebra of all A with J(x) A x = 0, J being the Jacobian of the predictor.

    Parameters
    ----------
    noncompact : array, shape (p, dim, dim)
        A basis of its symmetric matrices, such as scalings; in a metric g, of those with g A symmetric.
    compact : array, shape (k, dim, dim)
        A basis of its antisymmetric matrices, rotations; in a metric g, of those with g A antisymmetric.
    mixed : array, shape (q, dim, dim)
        What completes the basis where these two do not span the algebra.
    missed : array, shape (s, dim, dim)
        A basis of what the model does not declare, orthogonal to what it declares; everything, for a plain function.
    declared : int
        The number of generators that the model declares.
    unconfirmed : tuple of int
        Which of these were not found: None in a model whose invariance was checked.
    singular_values : array
        All singular values, in falling order, relative to the largest; as many of the last as there are symmetries
        vanish.
    gap : float
        The ratio of the smallest that does not vanish to the largest that does; infinite if one of them is missing.
    """

    noncompact: FloatArray
    compact: FloatArray
    mixed: FloatArray
    missed: FloatArray
    declared: int
    unconfirmed: tuple[int, ...]
    singular_values: FloatArray
    gap: float

    @property
    def dimension(self) -> int:
        """The dimension of the algebra."""
        return len(self.noncompact) + len(self.compact) + len(self.mixed)

    @property
    def clear(self) -> bool:
        """Whether the gap leaves no doubt about the dimension."""
        return self.gap >= _CLEAR

    def symmetry(self) -> Linear | None:
        """Return the group as a `Linear` that can be declared, or None if there is none."""
        basis = [*self.noncompact, *self.compact, *self.mixed]
        return Linear(tuple(basis)) if basis else None

    def __repr__(self) -> str:
        kinds = [(self.noncompact, "non-compact"), (self.compact, "compact"), (self.mixed, "mixed")]
        parts = ", ".join(f"{len(each)} {name}" for each, name in kinds if len(each)) or "none"
        lines = [f"linear symmetries: {self.dimension} ({parts}); {self.declared} declared, {len(self.missed)} missed"]
        if self.unconfirmed:
            lines.append(f"declared but not found: generators {', '.join(map(str, self.unconfirmed))}")
        doubt = "" if self.clear else ": NOT CLEAR, the number is doubtful"
        lines.append(f"gap of singular values {self.gap:.3g}{doubt}")
        return "\n  ".join(lines)


def find_symmetries(
    model_or_callable: Model | Predictor,
    dim: int | None = None,
    *,
    rng: Any = None,
    samples: int | None = None,
    metric: Any = None,
) -> SymmetryReport:
    """Find the linear vector fields A x along which a predictor does not change, whether they are declared or not.

    At each point x and for each component h of the predictor, (grad h)(x) . A x = 0 is a linear equation for the
    entries of A. Points are random, and of a model's predictor there are some on each piece; where it jumps, the normal
    of the set on which it does takes the place of the gradient. With more equations than entries the solutions are the
    symmetries: the right singular vectors whose singular values vanish. The predictor of a matrix product U Vᵀ, for
    example, has all of GL(r), r² generators, and not only the r scalings of its columns. Symmetries that are not linear
    or not continuous are not found.

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
        return _report(*_null_space(*source.equations(points), source.noise), source.declared, g)
    count = math.ceil(1.5 * size**2 / min(source.components, size)) + 4
    for _ in range(_DOUBLINGS):
        points = source.points(count)
        values, algebra = _null_space(*source.equations(points), source.noise)
        fresh = source.points(size)
        if not len(algebra) or _change(algebra, source.jacobian(fresh), fresh) <= _CONFIRMED * source.noise:
            break
        count *= 2
    report = _report(values, algebra, source.declared, g)
    for _ in range(_DOUBLINGS):
        against = source.against(report)
        if not len(against):
            break
        points = np.concatenate([points, against])
        report = _report(*_null_space(*source.equations(points), source.noise), source.declared, g)
    return report


@dataclass(frozen=True)
class _Source:
    """Where the equations come from."""

    names: tuple[str, ...]
    components: int
    declared: list[scipy.sparse.csr_array]
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
        symmetry = None if self.model is None else report.symmetry()
        if self.model is None or symmetry is None:
            return np.zeros((0, self.size))
        return points_against(self.model, symmetry.generators)

    def equations(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return slopes at points, and the points, with further ones of the model's own."""
        slopes, (more, more_points) = self.jacobian(points), self.further
        return np.concatenate([slopes, more]), np.concatenate([points, more_points])


def _source(given: Any, dim: int | None, generator: np.random.Generator) -> _Source:
    if isinstance(given, Model):
        checked_int("the number of parameters of the model", given.dim, minimum=1, maximum=MAX_DIM)
        if dim is not None and checked_int("dim", dim, minimum=1, maximum=MAX_DIM) != given.dim:
            raise InvalidArgumentError(f"dim={dim!r}, but the model has {given.dim} parameters; leave it out")
        declared = [numeric(matrix) for matrix in given.generator_matrices()]
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
    return _Source(names, components, [], partial(_differences, given), _DIFFERENCES, generator, nothing)


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


def _equations(jacobian: FloatArray, points: FloatArray) -> FloatArray:
    """Return the linear forms A -> grad h . A x for grad h and x of length one, as rows."""
    size = points.shape[1]
    length = np.linalg.norm(jacobian, axis=-1, keepdims=True)
    slopes = jacobian / np.where(length > 0.0, length, 1.0)
    if slopes.shape[1] > size:
        # The same equations, but not more of them at a point than A x has components.
        slopes = np.asarray(np.linalg.qr(slopes, mode="r"))
    sizes = np.linalg.norm(points, axis=1, keepdims=True)
    directions = points / np.where(sizes > 0.0, sizes, 1.0)
    rows = (slopes[:, :, :, None] * directions[:, None, None, :]).reshape(-1, size**2)
    return np.asarray(rows[np.abs(rows).max(axis=1) > 0.0])


def _change(algebra: FloatArray, jacobian: FloatArray, points: FloatArray) -> float:
    """Return how much of any equation at further points supposed symmetries leave."""
    return float(np.abs(_equations(jacobian, points) @ algebra.T).max(initial=0.0))


def _null_space(jacobian: FloatArray, points: FloatArray, noise: float) -> tuple[FloatArray, FloatArray]:
    """Return the singular values of A -> J(x) A x, and an orthonormal basis of the A where they vanish, as rows."""
    size = points.shape[1]
    if not np.isfinite(jacobian).all():
        raise InvalidArgumentError("the predictor or its derivative is not finite at a random point near 0")
    equations = _equations(jacobian, points)
    if not len(equations):
        return np.zeros(size**2), np.eye(size**2)
    # The triangular factor has the same singular values and far fewer rows.
    triangle = np.linalg.qr(equations, mode="r") if len(equations) > size**2 else equations
    _, found, right = np.linalg.svd(triangle)
    values = np.zeros(size**2)
    values[: len(found)] = found / found[0]
    return values, right[values <= noise]


def _report(
    values: FloatArray, algebra: FloatArray, declared: Sequence[scipy.sparse.csr_array], metric: Metric | None
) -> SymmetryReport:
    size = math.isqrt(len(values))
    count = len(algebra)
    inside, outside = values[len(values) - count :], values[: len(values) - count]
    floor = np.finfo(float).eps * len(values)
    gap = float(outside[-1] / max(inside[0], floor)) if count and len(outside) else math.inf
    symmetric, antisymmetric = (_of_kind_in(metric, algebra, size, sign) for sign in (1.0, -1.0))
    rest = _orthogonal(algebra, np.vstack([symmetric, antisymmetric]))
    known = np.array([matrix.toarray().ravel() for matrix in declared]).reshape(-1, size**2)
    unconfirmed = tuple(i for i, row in enumerate(known) if np.linalg.norm(_outside(row, algebra)) > 1e-6)
    return SymmetryReport(
        noncompact=_tidy(symmetric).reshape(-1, size, size),
        compact=_tidy(antisymmetric).reshape(-1, size, size),
        mixed=_tidy(rest).reshape(-1, size, size),
        missed=_tidy(_orthogonal(algebra, known)).reshape(-1, size, size),
        declared=len(declared),
        unconfirmed=unconfirmed,
        singular_values=values,
        gap=gap,
    )


def _of_kind_in(metric: Metric | None, algebra: FloatArray, size: int, sign: float) -> FloatArray:
    """Return the same in a metric: what is found in y = Lᵀ x, where A is Lᵀ A L⁻ᵀ, and brought back."""
    if metric is None or not len(algebra):
        return _of_kind(algebra, size, sign)
    lower = metric.lower
    moved = metric.slopes(lower.T @ algebra.reshape(-1, size, size)).reshape(-1, size**2)
    found = _of_kind(np.linalg.svd(moved, full_matrices=False)[2], size, sign).reshape(-1, size, size)
    back = metric.from_vectors((found @ lower.T).swapaxes(-1, -2)).swapaxes(-1, -2).reshape(-1, size**2)
    # Orthonormal rows again, as the other parts of the algebra are.
    return np.asarray(np.linalg.svd(back, full_matrices=False)[2]) if len(back) else back


def _of_kind(algebra: FloatArray, size: int, sign: float) -> FloatArray:
    """Return a basis of the matrices of a span with Aᵀ = sign A, as rows."""
    turned = algebra.reshape(-1, size, size).transpose(0, 2, 1).reshape(-1, size**2)
    if not len(algebra):
        return algebra
    left, length, _ = np.linalg.svd(algebra - sign * turned, full_matrices=False)
    return np.asarray(left[:, _rank(length) :].T @ algebra)


def _rank(length: Any) -> int:
    return int((np.asarray(length) > 1e-5).sum())


def _outside(rows: FloatArray, basis: FloatArray) -> FloatArray:
    return np.asarray(rows - (rows @ basis.T) @ basis)


def _orthogonal(algebra: FloatArray, known: FloatArray) -> FloatArray:
    """Return an orthonormal basis of the part of a span that is orthogonal to other rows."""
    if not len(algebra) or not len(known):
        return algebra
    _, length, right = np.linalg.svd(known, full_matrices=False)
    _, length, rows = np.linalg.svd(_outside(algebra, right[length > 1e-9 * length[0]]), full_matrices=False)
    return np.asarray(rows[: _rank(length)])


def _tidy(rows: FloatArray) -> FloatArray:
    """Return a basis of the same span with many zeros, by elimination; entries near small fractions become these."""
    rows = rows.copy()
    if not len(rows):
        return rows
    for i in range(len(rows)):
        down, column = np.unravel_index(np.argmax(np.abs(rows[i:])), rows[i:].shape)
        rows[[i, i + int(down)]] = rows[[i + int(down), i]]
        rows[i] /= rows[i, column]
        others = np.arange(len(rows)) != i
        rows[others] -= rows[others, column][:, None] * rows[i]
    first = np.argmax(np.abs(rows) > _ROUND, axis=1)
    rows = rows * np.sign(np.take_along_axis(rows, first[:, None], axis=1))
    near = np.round(rows * 12.0) / 12.0
    tidy = np.where(np.abs(rows - near) < _ROUND, near, rows)
    order = np.argsort(first, kind="stable")
    return np.asarray(tidy[order] + 0.0)
