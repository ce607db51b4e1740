"""Least squares in features: the free part and the intercept eliminated, rows compressed, relations beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidArgumentError, UnsupportedModelError
from ..blocks import MatrixBlock

if TYPE_CHECKING:
    from ..recipe import Recipe

__all__ = ["Problem"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Problem:
    """min |M z - b|²/(2 n) + penalty(z) over z with Bᵀz = 0.

    Parameters
    ----------
    recipe : Recipe
        Whose features.
    count : int
        n, the number of rows.
    M, b : (r, features) and (r,) arrays
        The rows, compressed to r by a rotation, where n is larger.
    rest : float
        What the compression left out of |b|².
    relations : (features, k) array
        B.
    group : (features,) array of int
        The block of each feature.
    data : (X, y)
        As they were given.
    """

    recipe: Recipe
    count: int
    M: FloatArray
    b: FloatArray
    rest: float
    relations: FloatArray
    group: NDArray[np.intp]
    _free: FloatArray
    data: tuple[FloatArray, FloatArray]

    @classmethod
    def of(cls, recipe: Recipe, X: FloatArray, y: FloatArray, *, intercept: bool) -> Problem:
        """Take a regression apart.

        Raises
        ------
        InvalidArgumentError
            If X has another number of columns than the recipe weights.
        UnsupportedModelError
            If the features are not numbers or vectors.
        """
        if recipe.block.argument != "size" and not isinstance(recipe.block, MatrixBlock):
            raise UnsupportedModelError(
                f"fits are known for numbers, vectors and matrices, not for {recipe.block.words}; sample "
                "recipe.model((X, y)) instead"
            )
        features, batches, _ = recipe.sized(X.shape[1])
        operator = recipe.operator
        M = X if operator is None else X @ operator.inverse
        free = np.zeros((len(X), 0)) if operator is None else X @ operator.kernel
        if intercept:
            free = np.concatenate([free, np.ones((len(X), 1))], axis=1)
        group = np.zeros(features, dtype=np.intp)
        for batch in batches:
            group[batch.places] = (batch.first + np.arange(len(batch.places)))[:, None]
        left, values, _ = np.linalg.svd(free, full_matrices=False)
        seen = left[:, values > 1e-12 * values.max(initial=0.0)]
        M, b = M - seen @ (seen.T @ M), y - seen @ (seen.T @ y)
        rest = 0.0
        if len(M) > features:
            q, r = np.linalg.qr(M)
            M, whole = r, float(b @ b)
            b = q.T @ b
            rest = max(0.0, whole - float(b @ b))
        is_bound = operator is not None and operator.is_tall and recipe.frame == "analysis"
        relations = operator.relations if is_bound and operator is not None else np.zeros((features, 0))
        problem = cls(recipe, len(X), M, b, rest, relations, group, free, (X, y))
        if problem.lambda_max <= 1e-14 * max(1.0, float(np.abs(y).max())):
            raise InvalidArgumentError(
                "no feature is correlated with y (after the free part): every strength gives zero; check X and y"
            )
        return problem

    def restricted(self, kept: NDArray[np.bool_]) -> tuple[Problem, NDArray[np.intp]]:
        """Return the problem with some blocks alone, and which features it has; for those without relations."""
        columns = np.flatnonzero(kept[self.group])
        number = np.cumsum(kept) - 1
        part = replace(self, M=self.M[:, columns], relations=self.relations[columns], group=number[self.group[columns]])
        return part, columns

    @cached_property
    def lambda_max(self) -> float:
        """The least lam of depth 2 for which z = 0: max |z_g|-dual norm of Mᵀb/n, over the multipliers of relations."""
        gradient = self.M.T @ self.b / self.count
        if self.relations.shape[1]:
            return _least_norm(gradient, self.relations)
        return float(self.sizes(gradient).max())

    def sizes(self, z: FloatArray) -> FloatArray:
        """Return |z_g| of each block, shape (blocks,); the singular values of a matrix."""
        if isinstance(self.recipe.block, MatrixBlock):
            matrix = z.reshape(self.recipe.block.rows, self.recipe.block.columns)
            return np.asarray(np.linalg.svd(matrix, compute_uv=False))
        return np.sqrt(np.bincount(self.group, weights=z**2))

    def loss(self, z: FloatArray) -> float:
        """Return |M z - b|²/(2 n)."""
        residual = self.M @ z - self.b
        return (float(residual @ residual) + self.rest) / (2.0 * self.count)

    def weights(self, z: FloatArray) -> tuple[FloatArray, float]:
        """Return w and the intercept that belong to features z, with the best free part."""
        operator = self.recipe.operator
        fixed = z if operator is None else operator.inverse @ z
        if not self._free.shape[1]:
            return np.asarray(fixed), 0.0
        X, y = self.data
        free = np.linalg.lstsq(self._free, y - X @ fixed, rcond=None)[0]
        inside = 0 if operator is None else operator.kernel.shape[1]
        w = fixed if operator is None else fixed + operator.kernel @ free[:inside]
        return np.asarray(w), float(free[inside]) if free.size > inside else 0.0

    def gap(self, z: FloatArray, lam: float) -> float:
        """Return the duality gap of loss + lam sum |z_g| at z, as a share of the loss at zero.

        The residual, scaled until |Mᵀtheta| <= lam in every block, is a point of the dual problem max b.theta - n
        |theta|²/2. For features without relations.
        """
        theta = (self.b - self.M @ z) / self.count
        worst = float(self.sizes(self.M.T @ theta).max()) / lam
        energy = self.count * float(theta @ theta)
        # Along theta the dual is a parabola: its best point, or the last that is allowed.
        best = float(self.b @ theta) / energy if energy > 0.0 else 0.0
        share = min(best, 1.0 / worst) if worst > 0.0 else best
        dual = share * float(self.b @ theta) - share**2 * energy / 2.0
        primal = self.loss(z) - self.rest / (2.0 * self.count) + lam * float(self.sizes(z).sum())
        zero = float(self.b @ self.b) / (2.0 * self.count)
        return max(0.0, primal - dual) / zero


def _least_norm(gradient: FloatArray, relations: FloatArray) -> float:
    """Return min over mu of max |gradient + B mu|, by linear programming."""
    from scipy.optimize import linprog  # noqa: PLC0415 - slow to import, and only needed for tall operators

    size, k = relations.shape
    cost = np.concatenate([np.zeros(k), [1.0]])
    edge = np.ones((size, 1))
    bounds = np.block([[relations, -edge], [-relations, -edge]])
    found = linprog(cost, A_ub=bounds, b_ub=np.concatenate([-gradient, gradient]), bounds=[(None, None)] * (k + 1))
    return float(found.fun)
