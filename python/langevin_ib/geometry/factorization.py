"""Models whose predictor is T = U V^T: where the entries of U and V stand among the parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy
from numpy.typing import NDArray

from ..model import Model
from .scalings import blocks_of

__all__ = ["Factorization"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Factorization:
    """A model whose predictor is T = U V^T.

    Parameters
    ----------
    left, right : tuple of tuple of int
        The places of the entries of U (m rows of r) and of V among the parameters.
    is_full : bool
        Whether the group is GL(r), and not the diagonal one.
    """

    left: tuple[tuple[int, ...], ...]
    right: tuple[tuple[int, ...], ...]
    is_full: bool

    @property
    def m(self) -> int:
        """The number of rows of U."""
        return len(self.left)

    @property
    def n(self) -> int:
        """The number of rows of V."""
        return len(self.right)

    @property
    def rank(self) -> int:
        """The number of columns of both."""
        return len(self.left[0])

    @classmethod
    def recognise(cls, model: Model) -> Factorization | None:
        """Return the factorisation of a model with rank 2 or more, whose slice is the canonical one, else None."""
        if model.symmetry is None or model.slice is not None:
            return None
        matrices = model.generator_matrices()
        diagonal = [matrix for matrix in matrices if all(i == j for i, j in matrix.todok())]
        if len(diagonal) < 2 or len(matrices) not in {len(diagonal), len(diagonal) ** 2}:
            return None
        weights = np.array([[float(matrix[i, i]) for i in range(model.dim)] for matrix in diagonal])
        blocks = blocks_of(weights)
        if blocks is None or len({(len(u), len(v)) for u, v, _ in blocks}) != 1:
            return None
        rows = _rows(model, [(set(u), set(v)) for u, v, _ in blocks])
        if rows is None or len(rows[0]) != len(blocks[0][0]) or len(rows[1]) != len(blocks[0][1]):
            return None
        return cls(*rows, len(matrices) > len(diagonal))

    def values(self, u: FloatArray, v: FloatArray) -> list[FloatArray]:
        """Return the parameters, in order, for stacks of matrices U (..., m, r) and V (..., n, r)."""
        places = {p: u[..., i, k] for i, row in enumerate(self.left) for k, p in enumerate(row)}
        places |= {p: v[..., j, k] for j, row in enumerate(self.right) for k, p in enumerate(row)}
        return [places[p] for p in range(len(places))]

    def canonical(self, sigma: FloatArray) -> list[FloatArray]:
        """Return parameters with the singular values sigma (..., r): the diagonal roots in U and in V."""
        root = np.sqrt(sigma)
        u, v = (np.zeros((*sigma.shape[:-1], rows, self.rank)) for rows in (self.m, self.n))
        for k in range(self.rank):
            u[..., k, k] = v[..., k, k] = root[..., k]
        return self.values(u, v)


def _rows(
    model: Model, columns: list[tuple[set[int], set[int]]]
) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]] | None:
    """Sort the parameters of each column into rows, by the entries of the predictor that they appear in."""
    index = {x: i for i, x in enumerate(model.parameters)}
    left: dict[tuple[int, ...], None] = {}
    right: dict[tuple[int, ...], None] = {}
    for expression in model.predictor.values():
        pair: tuple[dict[int, int], dict[int, int]] = {}, {}
        for term in sympy.Add.make_args(sympy.expand(expression)):
            factors = [index.get(x, -1) for x in term.args] if term.is_Mul else []
            places = [k for k, (u, v) in enumerate(columns) if len(factors) == 2 and set(factors) <= u | v]
            if not places or len(set(factors) & columns[places[0]][0]) != 1:
                return None
            u_entry = next(iter(set(factors) & columns[places[0]][0]))
            pair[0][places[0]], pair[1][places[0]] = u_entry, sum(factors) - u_entry
        if len(pair[0]) != len(columns):
            return None
        left[tuple(pair[0][k] for k in range(len(columns)))] = None
        right[tuple(pair[1][k] for k in range(len(columns)))] = None
    return tuple(left), tuple(right)
