"""The point of the same orbit that lies on the slice: the groups are told apart, each has its method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import checked_real, shown
from ..errors import InvalidArgumentError, UnsupportedModelError
from ..model import Metric, Model, metric_for, numeric
from .constraints import Constraints, constraints_of
from .flow import CLOSE, balance_flow
from .gl import Factors, balance_factors, factors_of
from .points import FloatArray, checked_model, checked_points, place_of
from .scaling_balance import balance_block, balance_weights
from .separate import Factor, factors_of_group

__all__ = ["DenseFactor", "balance", "checked_level", "dense_factors"]

IntArray = NDArray[np.int64]

_NAMED = 6
"""So many parameters are named in a message."""


def balance(model: Model, x: Any, level: Any = 0.0, *, metric: Any = None) -> FloatArray:
    """Return the point g x of the orbit of x that lies on the slice {chi = level}; signs and predictor stay.

    For the canonical dual slice at level 0 it is the point of least norm of the orbit (Kempf and Ness), which is also
    that of least log det G there. Along scalings it is the minimum of a convex function, and for one block (U, V) ->
    (s U, V / s) two square roots; for GL(r) on (U, V) -> (U A, V A⁻ᵀ) it is a symmetric square root. In other groups,
    and for slices of a model's own, Newton's method follows the generators. Compact generators are not used.

    In a metric g all this is said of y = Lᵀ x, g = L Lᵀ: at level 0 it is the point of least xᵀ g x of the orbit.

    Parameters
    ----------
    model : Model
        With a symmetry.
    x : array_like, shape (..., dim)
        The points.
    level : float or sequence of float
        The values of the constraints (`Model.constraints`), one for each or one for all: u² - v² = 2 level for the
        product u v.
    metric : array_like, shape (dim, dim), optional
        A constant Riemannian metric, symmetric and positive definite, whose canonical slice is meant; None is the
        identity. A slice of the model's own, and the way there, do not depend on it.

    Returns
    -------
    array, shape (..., dim)
        The residual chi - level is below 1e-12 of the terms that cancel in it; with a metric that is not diagonal, and
        unless the group consists of scalings, below that times the condition number of L, of going to y and back.

    Raises
    ------
    InvalidArgumentError
        If the orbit of a point does not meet the slice, such as that of (0, v) at level 0: the message names the first
        such point. If an argument is wrong, or the level is not invariant under the compact part of the group.
    UnsupportedModelError
        If the model has no canonical dual slice, in the metric, or fewer or more constraints than non-compact
        generators.

    Examples
    --------
    >>> from langevin_ib import models
    >>> model = models.scalar_product()
    >>> balance(model, [[4.0, 0.25], [-1.0, 9.0]])
    array([[ 1.,  1.],
           [-3.,  3.]])
    >>> balance(model, [4.0, 0.25], metric=[[4, 0], [0, 0.25]])
    array([0.5, 2. ])
    >>> u, v = balance(model, [4.0, 0.25], level=0.5)
    >>> round(float(u**2 - v**2), 12), round(float(u * v), 12)
    (1.0, 1.0)
    """
    points = checked_points(checked_model(model), x)
    g = metric_for(metric, model.parameters)
    g = g if model.slice is None else None
    constraints = constraints_of(model, None, g)
    levels = checked_level(level, len(constraints))
    flat = points.reshape(-1, model.dim)
    # What goes out of range is found by the residual at the end.
    with np.errstate(all="ignore"):
        out, lost = _balanced(model, constraints, flat, levels, g)
        close = CLOSE if g is None else CLOSE * g.condition
        lost |= ~(_shares(constraints, out, levels) <= close).all(axis=1) | ~np.isfinite(out).all(axis=1)
    if lost.any():
        raise _never_meets(model, constraints, points, lost.reshape(points.shape[:-1]), level)
    return out.reshape(points.shape)


def _balanced(
    model: Model, constraints: Constraints, x: FloatArray, levels: FloatArray, metric: Metric | None
) -> tuple[FloatArray, NDArray[np.bool_]]:
    if model.slice is not None:
        return _own_slice(model, constraints, x, levels)
    out, lost = x.copy(), np.zeros(len(x), dtype=bool)
    _shift(out, constraints, levels, metric)
    for part in dense_factors(model, metric):
        places = np.ix_(np.arange(len(x)), part.parameters)
        out[places], failed = part.moved(out[places], levels)
        lost |= failed
    return out, lost


def _shift(x: FloatArray, constraints: Constraints, levels: FloatArray, metric: Metric | None) -> None:
    """Move points along the translations until their constraints hold; nothing else along an orbit changes these."""
    chosen = np.abs(constraints.slopes).max(axis=1, initial=0.0) > 0.0
    slopes = constraints.slopes[chosen]
    if not len(slopes):
        return
    directions = slopes if metric is None else metric.from_vectors(metric.slopes(slopes))
    gram = slopes @ directions.T
    # Once more against rounding: the first step may be a long one.
    for _ in range(2):
        x += np.linalg.solve(gram, (levels[chosen] - x @ slopes.T).T).T @ directions


def checked_level(level: Any, count: int) -> FloatArray:
    """Return the levels of all constraints.

    Raises
    ------
    InvalidArgumentError
        If they are no finite numbers, or neither one nor as many as there are constraints.
    """
    if not isinstance(level, (Sequence, np.ndarray)) or getattr(level, "ndim", 1) == 0 or isinstance(level, str):
        return np.full(count, checked_real("level", level.item() if isinstance(level, np.ndarray) else level))
    levels = [checked_real(f"level[{i}]", each) for i, each in enumerate(list(level))]
    if len(levels) != count:
        raise InvalidArgumentError(f"level={shown(level)} has {len(levels)} values, but there are {count} constraints")
    return np.array(levels)


@dataclass(frozen=True)
class DenseFactor:
    """A factor of the group, which moves parameters of its own; matrices are those of y = Lᵀ x if there is a metric."""

    parameters: IntArray
    constraints: IntArray
    matrices: FloatArray
    """The symmetric matrices of the constraints, shape (m, d, d)."""
    factors: Factors | None
    compact: FloatArray
    """The antisymmetric matrices, shape (k, d, d)."""
    metric: Metric | None

    @property
    def is_diagonal(self) -> bool:
        """Whether the constraints are those of scalings."""
        return bool(np.count_nonzero(np.einsum("aii->ai", self.matrices)) == np.count_nonzero(self.matrices))

    def block_weights(self) -> FloatArray | None:
        """Return the weights, shape (d,), of a single scaling (s U, V / s), which are the same up to their signs."""
        diagonal = np.einsum("aii->ai", self.matrices)
        if len(diagonal) != 1 or not self.is_diagonal:
            return None
        is_block = len(np.unique(np.abs(diagonal))) == 1 and len(np.unique(diagonal)) == 2
        return diagonal[0] if is_block else None

    def moved(self, x: FloatArray, levels: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Return the parameters of this part on the slice, shape (n, d), and at which points that failed."""
        if self.metric is None:
            return self.balanced(x, levels)
        y = self.metric.vectors(x)
        moved, lost = self.balanced(y, levels)
        _, alike = np.unique(np.einsum("aii->ai", self.matrices), axis=1, return_inverse=True)
        alike = alike.ravel()
        apart = alike[:, None] != alike
        # These are scalings of x, too, if y mixes only parameters that scale alike.
        if self.is_diagonal and not self.metric.lower[apart].any():
            return self._scaled_alike(x, y, moved, alike), lost
        return self.metric.from_vectors(moved), lost

    def _scaled_alike(self, x: FloatArray, y: FloatArray, moved: FloatArray, alike: IntArray) -> FloatArray:
        """Return x multiplied by what y was multiplied by: no zero and no sign is lost."""
        out = x.copy()
        for kind in range(alike.max() + 1):
            inside = np.flatnonzero(alike == kind)
            largest = inside[np.argmax(np.abs(y[:, inside]), axis=1)][:, None]
            before, after = (np.take_along_axis(each, largest, axis=1) for each in (y, moved))
            out[:, inside] = np.where(before == 0.0, x[:, inside], x[:, inside] / before * after)
        return out

    def balanced(self, x: FloatArray, levels: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Return the same where the metric is Euclidean."""
        level = levels[self.constraints]
        block = self.block_weights()
        if block is not None:
            return balance_block(x, block > 0.0, float(level[0] / abs(block[0])))
        if self.is_diagonal:
            return balance_weights(x, np.einsum("aii->ai", self.matrices), level)
        self._require_invariant(level)
        if self.factors is not None:
            return self._balanced_factors(x, level, self.factors)
        return self._balanced_flow(x, level)

    def _balanced_factors(
        self, x: FloatArray, level: FloatArray, factors: Factors
    ) -> tuple[FloatArray, NDArray[np.bool_]]:
        row = factors.left[0]
        traces = self.matrices[:, row, row].sum(axis=1)
        common = float(level @ traces / (traces @ traces))
        out = x.copy()
        left, right, lost = balance_factors(x[:, factors.left], x[:, factors.right], common)
        out[:, factors.left], out[:, factors.right] = left, right
        return out, lost

    def _balanced_flow(self, x: FloatArray, level: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        def gradients(y: FloatArray) -> FloatArray:
            return np.asarray(np.einsum("aij,nj->nai", self.matrices, y))

        def values(y: FloatArray) -> FloatArray:
            return np.asarray(np.einsum("nai,ni->na", gradients(y), y) / 2.0 - level)

        def sizes(y: FloatArray) -> FloatArray:
            return np.asarray(np.square(y) @ np.abs(self.matrices).sum(axis=1).T / 2.0 + np.abs(level))

        return balance_flow(x, self.matrices, values, gradients, sizes, symmetric=True)

    def _require_invariant(self, level: FloatArray) -> None:
        """Check that the level is the same in every frame: rotations turn the constraints into each other."""
        basis = self.matrices.reshape(len(self.matrices), -1)
        for turn in self.compact:
            for matrix in self.matrices:
                moved = np.linalg.lstsq(basis.T, (turn @ matrix - matrix @ turn).ravel(), rcond=None)[0]
                if abs(moved @ level) > 1e-9 * np.abs(level).max():
                    raise InvalidArgumentError(
                        f"level={level.tolist()} is not invariant under the rotations of the group, which turn the "
                        "constraints into each other; for GL(r) give the same number for UᵀU - VᵀV on its diagonal, "
                        "and 0 elsewhere, such as level=[c, 0, c] for r = 2"
                    )


@lru_cache(maxsize=32)
def dense_factors(model: Model, metric: Metric | None = None) -> tuple[DenseFactor, ...]:
    """Return the factors of the group that do not share parameters, those without constraints excepted."""
    return tuple(_dense(factor) for factor in factors_of_group(model, metric) if len(factor.constraints))


def _dense(factor: Factor) -> DenseFactor:
    generators, symmetric = factor.generators, factor.symmetric
    if factor.metric is not None:
        generators = tuple(factor.metric.conjugated(matrix) for matrix in generators)
        # From the generators, and not from the forms g S: so only L is inverted and not g.
        doubled = [(generators[a] + generators[a].T, whole) for a, whole in factor.sources]
        symmetric = tuple(matrix / 2.0 if whole else matrix for matrix, whole in doubled)
    dense = np.stack([matrix.toarray() for matrix in symmetric])
    turns = [(m - m.T).toarray() for m in generators if abs(m - m.T).max() > 0.0]
    compact = np.stack(turns) if turns else np.zeros((0, *dense.shape[1:]))
    return DenseFactor(factor.parameters, factor.constraints, dense, factors_of(generators), compact, factor.metric)


def _own_slice(
    model: Model, constraints: Constraints, x: FloatArray, levels: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Move along the generators until the constraints of the model's own slice hold."""
    choices = [list(zip(model.generator_matrices(), model.generator_offsets(), strict=True))]
    if len(choices[0]) != len(constraints):
        choices.append([(form.matrix, form.slope) for form in model.forms()])
    if len(choices[-1]) != len(constraints):
        raise UnsupportedModelError(
            f"the slice has {len(constraints)} constraints, but the group has {len(choices[0])} generators, of which "
            f"{len(choices[-1])} are not compact; balance needs as many constraints as one or the other"
        )
    # The points (x, 1), on which translations are linear, too.
    matrices = np.zeros((len(constraints), model.dim + 1, model.dim + 1))
    for matrix, (linear, offset) in zip(matrices, choices[-1], strict=True):
        matrix[:-1, :-1], matrix[:-1, -1] = numeric(linear).toarray(), numeric(offset).toarray()[:, 0]
    moved, lost = balance_flow(
        np.column_stack([x, np.ones(len(x))]),
        matrices,
        lambda y: constraints.values(y[:, :-1]) - levels,
        lambda y: np.pad(constraints.gradients(y[:, :-1]), ((0, 0), (0, 0), (0, 1))),
        lambda y: _sizes_of_functions(constraints, y[:, :-1], levels),
    )
    return moved[:, :-1], lost


def _sizes_of_functions(constraints: Constraints, x: FloatArray, levels: FloatArray) -> FloatArray:
    """Return what rounding of the parameters alone may change in each constraint, over the rounding unit."""
    lengths = np.linalg.norm(constraints.gradients(x), axis=-1) * np.linalg.norm(x, axis=-1, keepdims=True)
    return np.asarray(lengths + np.abs(levels))


def _sizes_of_squares(constraints: Constraints, x: FloatArray, levels: FloatArray) -> FloatArray:
    """Return the squares of the parameters that are in each quadratic constraint, added up with its coefficients."""
    assert constraints.matrices is not None
    columns = [np.asarray(abs(numeric(matrix)).sum(axis=0)).ravel() for matrix in constraints.matrices]
    weights = np.stack(columns) if columns else np.zeros((0, x.shape[-1]))
    return np.asarray(np.square(x) @ weights.T / 2.0 + np.abs(levels))


def _shares(constraints: Constraints, x: FloatArray, levels: FloatArray) -> FloatArray:
    """Return residuals relative to the terms that cancel in them; 0/0 is 0."""
    if constraints.matrices is None:
        residual, size = constraints.values(x) - levels, _sizes_of_functions(constraints, x, levels)
    else:
        # Squares may be out of range where ratios are not.
        unit = np.maximum(np.abs(x).max(axis=1, initial=0.0), np.sqrt(np.abs(levels).max(initial=0.0)))[:, None]
        unit = np.where(unit > 0.0, unit, 1.0)
        is_linear = np.abs(constraints.slopes).max(axis=1, initial=0.0) > 0.0
        scaled = levels / np.where(is_linear, unit, unit**2)
        residual = constraints.values(x / unit) - scaled
        size = _sizes_of_squares(constraints, x / unit, scaled) + np.abs(x / unit) @ np.abs(constraints.slopes).T
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(residual == 0.0, 0.0, np.abs(residual) / np.where(size > 0.0, size, 1.0)))


def _never_meets(
    model: Model, constraints: Constraints, points: FloatArray, lost: NDArray[np.bool_], level: Any
) -> InvalidArgumentError:
    point = np.asarray(points[tuple(np.argwhere(lost)[0])] if lost.ndim else points)
    zero = [str(x) for x, value in zip(model.parameters, point, strict=True) if value == 0.0]
    names = ", ".join(zero[:_NAMED]) + (", ..." if len(zero) > _NAMED else "")
    why = f" (on which {names} = 0)" if zero else ""
    shown_constraints = shown(constraints.expressions)
    return InvalidArgumentError(
        f"the orbit of x{place_of(lost)} = {shown(_short(point))}{why} was not found to meet the slice "
        f"{shown_constraints} = {shown(level)}: it ends at infinity or at a singular point before; start where no "
        "factor of the predictor vanishes, or choose another level"
    )


def _short(point: FloatArray) -> list[float]:
    return [float(value) for value in point[:_NAMED]]
