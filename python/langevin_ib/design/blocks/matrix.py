"""Matrices of low rank: U Vᵀ, balanced by all of GL(r) or column by column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import sympy
from numpy.typing import NDArray

from ...errors import InvalidArgumentError, UnsupportedModelError
from ...model import Model, Symmetry
from ...models import matrix_factorization
from ..coefficient import Coefficient
from ..penalties import Formula, no_symbols
from .block import Block, FloatArray

__all__ = ["MatrixBlock"]

_NEGLIGIBLE = 1e-12  # of the largest singular value


@dataclass(frozen=True)
class MatrixBlock(Block):
    """z = U Vᵀ row by row, U of shape (m, r) and V of shape (n, r); parameters are U and V row by row.

    Parameters
    ----------
    rows, columns, rank : int
        m, n and r.
    group : {"diagonal", "gl"}
        Which symmetry is declared.
    """

    rows: int
    columns: int
    rank: int
    group: str = "diagonal"
    argument: ClassVar[str] = "whole"

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers m n and r (m + n)."""
        return self.rows * self.columns, self.rank * (self.rows + self.columns)

    @property
    def words(self) -> str:
        """What it is."""
        return f"a {self.rows} x {self.columns} matrix of rank {self.rank}"

    @property
    def coefficient(self) -> Coefficient:
        """The exponents along z -> rho z, w.r.t. the measure of the manifold of matrices of this rank."""
        r = self.rank
        generators = r if self.group == "diagonal" else r * (r + 1) // 2
        features = r * (self.rows + self.columns - r)
        return Coefficient(features=features, parameters=self.shape[1], generators=generators, degree=2)

    @cached_property
    def _model(self) -> Model:
        return matrix_factorization(self.rows, self.columns, self.rank, group=self.group)

    def names(self, number: int) -> list[str]:
        """Return the names of `models.matrix_factorization`; there is one block."""
        del number
        return [str(x) for x in self._model.parameters]

    def sides(self, x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return U and V."""
        left = x[..., : self.rows * self.rank].reshape(*x.shape[:-1], self.rows, self.rank)
        return left, x[..., self.rows * self.rank :].reshape(*x.shape[:-1], self.columns, self.rank)

    def predict(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the entries of U Vᵀ."""
        left, right = self.sides(x)
        return np.asarray((left @ np.swapaxes(right, -1, -2)).reshape(*x.shape[:-1], -1))

    def jacobian(self, x: FloatArray) -> FloatArray:
        """Return d(U Vᵀ)_ij = sum_a (dU_ia V_ja + U_ia dV_ja)."""
        left, right = self.sides(x)
        shape = (*x.shape[:-1], self.shape[0], -1)
        of_left = np.einsum("ik,...ja->...ijka", np.eye(self.rows), right)
        of_right = np.einsum("jk,...ia->...ijka", np.eye(self.columns), left)
        return np.concatenate([of_left.reshape(shape), of_right.reshape(shape)], axis=-1)

    def lift(self, z: FloatArray, level: Any) -> FloatArray:
        """Return the balanced factors P sqrt(S) and Q sqrt(S) of z = P S Qᵀ."""
        if np.any(np.ravel(level) != 0.0):
            raise UnsupportedModelError(
                f"level={level!r}: matrices are lifted to level 0 only, UᵀU = VᵀV; leave it out"
            )
        matrix = z.reshape(*z.shape[:-1], self.rows, self.columns)
        left, values, right = np.linalg.svd(matrix, full_matrices=False)
        top = values[..., :1]
        kept = values[..., : self.rank]
        if np.any(values[..., self.rank :] > _NEGLIGIBLE * top):
            raise InvalidArgumentError(f"the matrix has a larger rank than {self.rank}; take a larger rank=")
        if kept.shape[-1] < self.rank or np.any(kept <= _NEGLIGIBLE * top):
            raise InvalidArgumentError(
                f"the matrix has a smaller rank than {self.rank}: a pair of columns would be zero and never move; take "
                "a smaller rank=, or begin at init(scale)"
            )
        root = np.sqrt(kept)[..., None, :]
        sides = left[..., : self.rank] * root, np.swapaxes(right, -1, -2)[..., : self.rank] * root
        return np.concatenate([side.reshape(*z.shape[:-1], -1) for side in sides], axis=-1)

    def init(self, scale: float) -> FloatArray:
        """Return U = 0 and V with columns of this length, orthogonal as far as there is room."""
        right = scale * np.eye(self.columns, self.rank)
        right[:, self.columns :] = scale / np.sqrt(self.columns)
        return np.concatenate([np.zeros(self.rows * self.rank), right.ravel()])

    def symmetries(self, x: Sequence[sympy.Symbol]) -> tuple[Symmetry, ...]:
        """Return the scalings of pairs of columns, or GL(r)."""
        del x  # the symbols are those of this model
        return self._model.symmetries

    def under_decay(self, lam: float) -> Formula:
        """Return lam times the nuclear norm (Srebro, Rennie and Jaakkola, NeurIPS 2004); infinite beyond the rank."""

        def numeric(z: FloatArray) -> FloatArray:
            values = self._singular_values(z)
            return np.where(self._fits(values), lam * values.sum(axis=-1), np.inf)

        return Formula(numeric, no_symbols("singular values are roots of a polynomial"))

    def on_slice(self, level: Any, share: float, temperature: sympy.Expr) -> Formula:
        """Return that of GL(r) at level 0, w.r.t. the measure of the manifold of matrices of rank r.

        It is T times the sum of log(s_i + s_j) over i < j, times `share`, and of ((m + n)/2 - r + share) log s_i.
        """
        if self.group != "gl" or np.any(np.ravel(level) != 0.0):
            raise UnsupportedModelError(
                "a penalty in closed form is known for group='gl' at level 0; the law of the other group is in "
                "density(recipe.model(loss), ...) for rank 2"
            )
        power = (self.rows + self.columns) / 2.0 - self.rank + share
        i, j = np.triu_indices(self.rank, 1)

        def numeric(z: FloatArray) -> FloatArray:
            values = self._singular_values(z)
            kept = values[..., : self.rank]
            with np.errstate(divide="ignore"):
                pairs = np.log(kept[..., i] + kept[..., j]).sum(axis=-1)
                penalty = float(temperature) * (share * pairs + power * np.log(kept).sum(axis=-1))
            return np.where(self._fits(values), penalty, np.inf)

        return Formula(numeric, no_symbols("singular values are roots of a polynomial"))

    def _singular_values(self, z: FloatArray) -> FloatArray:
        matrix = z.reshape(*z.shape[:-1], self.rows, self.columns)
        return np.asarray(np.linalg.svd(matrix, compute_uv=False))

    def _fits(self, values: FloatArray) -> NDArray[np.bool_]:
        return np.asarray(np.all(values[..., self.rank :] <= _NEGLIGIBLE * values[..., :1], axis=-1))
