"""The orthogonal coordinates y = Oᵀ x in which commuting self-adjoint generators are scalings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import scipy.sparse.linalg
import sympy
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from ..errors import UnsupportedModelError
from ..model import Linear, Model, Scaling, Symmetry, is_translation, numeric, overlapping
from ..model.expressions import exact

__all__ = ["Frame", "Turn", "flat_part", "frame_of", "turn_of_directions"]

FloatArray = NDArray[np.float64]

_COMMUTES, _DIAGONAL = 1e-12, 1e-10
"""What may be left of a commutator, and off the diagonal of a matrix that was diagonalised, relative to their size."""

_SHORTEST, _NEAR = 1000, 1e-13
"""Eigenvalues this near to fractions with so small a denominator are taken for these."""


@dataclass(frozen=True)
class Turn:
    """Coordinates y = Oᵀ x of some parameters, whose places y takes.

    Parameters
    ----------
    places : tuple of int
        The parameters, by their numbers.
    matrix : sympy.ImmutableMatrix
        O, whose columns are the directions of the y. With exact entries for pairs such as ((u + v), (u - v)) / sqrt(2).
    """

    places: tuple[int, ...]
    matrix: sympy.ImmutableMatrix

    @cached_property
    def numbers(self) -> FloatArray:
        """O in double precision."""
        return np.array(self.matrix.tolist(), dtype=np.float64)


@dataclass(frozen=True)
class Frame:
    """What is turned, and what becomes of vectors and generators.

    Parameters
    ----------
    dim : int
        The number of parameters.
    turns : tuple of Turn
        Blocks of parameters, each turned by itself; the others stay.
    """

    dim: int
    turns: tuple[Turn, ...] = ()

    @cached_property
    def matrix(self) -> FloatArray:
        """O of all parameters, shape (dim, dim)."""
        whole = np.eye(self.dim)
        for turn in self.turns:
            whole[np.ix_(turn.places, turn.places)] = turn.numbers
        return whole

    def vectors(self, rows: FloatArray) -> FloatArray:
        """Return points, vectors or gradients, shape (..., dim), in y."""
        return np.asarray(rows @ self.matrix)

    def weights(self, generator: sympy.ImmutableSparseMatrix) -> tuple[sympy.Expr, ...]:
        """Return the diagonal of Oᵀ A O, for one of the generators that the frame makes diagonal."""
        numbers = numeric(generator).toarray()
        if not self.turns:
            return tuple(generator[i, i] for i in range(self.dim))
        diagonal = np.einsum("ia,ij,ja->a", self.matrix, numbers, self.matrix)
        size = float(np.abs(diagonal).max())
        return tuple(_tidy(float(weight), size) for weight in diagonal)

    def columns(self, parameters: Sequence[sympy.Symbol]) -> dict[int, sympy.Expr]:
        """Return those x that are turned as functions of y, by their places; `parameters` are the y."""
        return {
            i: sympy.Add(*(turn.matrix[row, column] * parameters[j] for column, j in enumerate(turn.places)))
            for turn in self.turns
            for row, i in enumerate(turn.places)
        }


def flat_part(symmetries: Sequence[Symmetry], parameters: Sequence[sympy.Symbol]) -> tuple[int, ...]:
    """Return which generators belong to scalings and to linear groups whose generators are all symmetric."""
    numbers, count = [], 0
    for symmetry in symmetries:
        matrices = symmetry.matrices(parameters)
        is_flat = isinstance(symmetry, Scaling) or (isinstance(symmetry, Linear) and all(map(_is_symmetric, matrices)))
        numbers += list(range(count, count + len(matrices))) if is_flat else []
        count += len(matrices)
    return tuple(numbers)


@lru_cache(maxsize=64)
def frame_of(model: Model) -> Frame:
    """Return the frame in which all generators of the `flat_part` of a model are diagonal.

    Raises
    ------
    UnsupportedModelError
        If two of them do not commute.
    """
    matrices = model.generator_matrices()
    flat = {number: matrices[number] for number in flat_part(model.symmetries, model.parameters)}
    if all(i == j for matrix in flat.values() for i, j in matrix.todok()):
        return Frame(model.dim)
    dense = {number: numeric(matrix) for number, matrix in flat.items()}
    _require_commuting(dense)
    links = sum((abs(matrix) for matrix in dense.values()), scipy.sparse.csr_array((model.dim, model.dim)))
    links = links - scipy.sparse.diags_array(links.diagonal())
    _, label = connected_components(links, directed=False)
    sizes = np.bincount(label)
    turns = []
    for which in dict.fromkeys(label.tolist()):
        if sizes[which] == 1:
            continue
        places = np.flatnonzero(label == which).tolist()
        turns.append(Turn(tuple(places), _diagonalising([m.extract(places, places) for m in flat.values()])))
    return Frame(model.dim, tuple(turns))


def turn_of_directions(directions: FloatArray) -> Turn:
    """Return coordinates of which the first are along directions, shape (k, dim), or combinations of them.

    Only parameters along which one of them has a component are turned. For a single one with two equal components the
    entries are exact.
    """
    places = np.flatnonzero(np.abs(directions).max(axis=0))
    inside = directions[:, places]
    if inside.shape == (1, 2) and abs(inside[0, 0]) == abs(inside[0, 1]):
        half, sign = sympy.sqrt(2) / 2, int(np.sign(inside[0, 0] * inside[0, 1]))
        return Turn(tuple(places.tolist()), sympy.ImmutableMatrix([[half, half], [sign * half, -sign * half]]))
    basis = np.linalg.qr(inside.T, mode="complete")[0]
    return Turn(tuple(places.tolist()), sympy.ImmutableMatrix([[exact(float(e)) for e in row] for row in basis]))


def _is_symmetric(matrix: sympy.ImmutableSparseMatrix) -> bool:
    numbers = numeric(matrix)
    return not is_translation(matrix) and abs(numbers - numbers.T).max() <= _COMMUTES * abs(numbers).max()


def _require_commuting(matrices: dict[int, scipy.sparse.csr_array]) -> None:
    numbers = list(matrices)
    for i, j in overlapping(list(matrices.values())):
        a, b = numbers[i], numbers[j]
        one, other = matrices[a], matrices[b]
        size = scipy.sparse.linalg.norm(one) * scipy.sparse.linalg.norm(other)
        if scipy.sparse.linalg.norm(one @ other - other @ one) > _COMMUTES * size:
            raise UnsupportedModelError(
                f"generators {a} and {b} do not commute, and there are no coordinates in which both are scalings; give "
                "the model those of a commuting subgroup, or take Constrained, which needs no orbits"
            )


def _diagonalising(blocks: Sequence[sympy.MatrixBase]) -> sympy.ImmutableMatrix:
    """Return an orthogonal matrix that diagonalises commuting symmetric ones; columns in falling order of the first."""
    if blocks[0].rows == 2 and all(block[0, 0] == block[1, 1] for block in blocks):
        half = sympy.sqrt(2) / 2
        falls = next(block[0, 1] for block in blocks if block[0, 1] != 0) > 0
        return sympy.ImmutableMatrix([[half, half], [half, -half]] if falls else [[half, half], [-half, half]])
    dense = np.stack([np.array(block.tolist(), dtype=np.float64) for block in blocks])
    dense = (dense + dense.swapaxes(1, 2)) / 2.0
    # Eigenvectors of a general combination are those of all: where its eigenvalues agree, theirs do.
    general = np.random.default_rng(20260106).normal(size=len(dense)) / np.maximum(
        np.abs(dense).max(axis=(1, 2)), np.finfo(float).tiny
    )
    vectors = np.linalg.eigh(np.einsum("a,aij->ij", general, dense))[1]
    values = np.einsum("ik,aij,jk->ak", vectors, dense, vectors)
    rest = np.einsum("ik,aij,jl->akl", vectors, dense, vectors)
    off = np.abs(rest - np.einsum("ak,kl->akl", values, np.eye(len(vectors)))).max(axis=(1, 2))
    assert (off <= _DIAGONAL * np.abs(dense).max(axis=(1, 2))).all()  # they commute
    vectors = vectors[:, np.argsort(-values[0], kind="stable")]
    vectors = vectors * np.where(vectors[np.abs(vectors).argmax(axis=0), np.arange(len(vectors))] < 0.0, -1.0, 1.0)
    return sympy.ImmutableMatrix([[exact(float(entry)) for entry in row] for row in vectors])


def _tidy(weight: float, size: float) -> sympy.Expr:
    near = sympy.Rational(weight / size).limit_denominator(_SHORTEST) if size else sympy.S.Zero
    share = sympy.Rational(size).limit_denominator(_SHORTEST)
    if abs(float(near) - weight / size) <= _NEAR and abs(float(share) - size) <= _NEAR * size:
        return near * share
    return exact(weight)
