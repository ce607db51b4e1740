"""The way along the orbits of a model's symmetry back to a slice, taken apart into pieces that share no parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np
import scipy.optimize
import sympy

from ..errors import InvalidArgumentError, UnsupportedModelError
from ..model import Model, Scaling, numeric
from .gl import factors_of

__all__ = ["GeneralLinear", "Piece", "Scalings", "pieces_of"]

MOST_COLUMNS = 8
"""The largest r of GL(r) that the core moves along."""

MOST_FACTORS = 10
"""Up to so many factors, all ways in which some of them can vanish together are looked at."""


@dataclass(frozen=True)
class Scalings:
    """Scalings that hang together: x_i -> exp(w_i . s) x_i.

    Parameters
    ----------
    factors : tuple of tuple of int
        The parameters that move, by their numbers, those together that move alike.
    weights : tuple of tuple of float
        For each factor its weight under each scaling.
    constraints : tuple of int
        Which of the model's constraints are those of the scalings.
    """

    factors: tuple[tuple[int, ...], ...]
    weights: tuple[tuple[float, ...], ...]
    constraints: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many parameters move."""
        return sum(map(len, self.factors))

    def reaches(self, levels: Sequence[float]) -> bool:
        """Return whether every orbit without zeros meets the slice at these levels."""
        if len(levels) == 1:
            # chi is a sum of squares, each with the sign of its weight.
            signs = {weight > 0.0 for (weight,) in self.weights}
            return (levels[0] > 0.0) in signs if levels[0] != 0.0 else len(signs) == 2
        return _has_positive_solution(self._chi(range(len(self.factors))), np.array(levels))

    def dimension_at_tip(self) -> int:
        """Return the dimension delta of the Bessel process that the distance from zero is, on the slice of level 0.

        Near zero exp(-V/T) (det G)**(-1/2) dS has the radial density y**(delta - 1): the cone has `size` - m dimensions
        for m scalings, and det G is of degree 2 m in y. For delta <= 0 zero is reached and never left.
        """
        return self.size - 2 * len(self.constraints)

    def singular_edge(self, levels: Sequence[float]) -> tuple[tuple[int, ...], int] | None:
        """Return factors that, but not all, can vanish together on the slice, where the law then has no finite mass.

        Returns
        -------
        (tuple of int, int) or None
            The parameters, and the dimension delta <= 0 of the Bessel process that leads there.
        """
        count = len(self.factors)
        if len(levels) == 1 or count > MOST_FACTORS:
            return None
        matrix, target = self._chi(range(count)), np.array(levels)
        for number in range(1, count):
            for others in combinations(range(count), number):
                rank = np.linalg.matrix_rank(matrix[:, others])
                vanishing = [f for f in range(count) if f not in others]
                delta = sum(len(self.factors[f]) for f in vanishing) - 2 * (len(levels) - rank)
                if rank < len(levels) and delta <= 0 and _has_positive_solution(matrix[:, others], target):
                    return tuple(i for f in vanishing for i in self.factors[f]), int(delta)
        return None

    def _chi(self, factors: Sequence[int] | range) -> np.ndarray:
        """Return the matrix that takes squares of factors to the values of chi."""
        return np.array([self.weights[f] for f in factors]).T / 2.0


@dataclass(frozen=True)
class GeneralLinear:
    """GL(r) on two matrices, (U, V) -> (U g, V g**-T).

    Parameters
    ----------
    u, v : tuple of tuple of int
        The numbers of the parameters in U and V, row by row.
    constraints : tuple of int
        Which of the model's constraints are those of UᵀU = VᵀV.
    """

    u: tuple[tuple[int, ...], ...]
    v: tuple[tuple[int, ...], ...]
    constraints: tuple[int, ...]

    @property
    def columns(self) -> int:
        """The number r of columns."""
        return len(self.u[0])

    def dimension_at_edge(self) -> int:
        """Return the dimension of the Bessel process that the root of the smallest singular value of U Vᵀ is at 0.

        Its density there is sigma**((m + n) / 2 - r - 1), that of a squared radius in m + n - 2 r dimensions.
        """
        return len(self.u) + len(self.v) - 2 * self.columns


Piece: TypeAlias = Scalings | GeneralLinear


@lru_cache(maxsize=128)
def pieces_of(model: Model) -> tuple[Piece, ...]:
    """Return the pieces of a model's symmetry.

    Raises
    ------
    UnsupportedModelError
        If it has none, has other constraints than the canonical dual ones, or is of a kind that is not known.
    """
    if model.slice is not None:
        raise UnsupportedModelError(
            "GaugeFixed goes along orbits to the canonical dual slice, and the model has a slice of its own; leave "
            "slice= out, or take Constrained, which goes along normals"
        )
    numbered = [numeric(matrix) for matrix in model.noncompact_matrices()]
    if not numbered:
        raise InvalidArgumentError(
            "GaugeFixed needs a non-compact symmetry, along whose orbits walkers go back to the slice; give the model "
            "one"
        )
    diagonal: dict[int, np.ndarray] = {}
    groups: list[GeneralLinear] = []
    for symmetry in model.symmetries:
        matrices = symmetry.matrices(model.parameters)
        if isinstance(symmetry, Scaling) or all(_is_diagonal(matrix) for matrix in matrices):
            diagonal |= {_place(matrix, numbered): numeric(matrix).diagonal() for matrix in matrices}
        else:
            groups.append(_general_linear(matrices, numbered))
    pieces: tuple[Piece, ...] = (*_connected(diagonal), *groups)
    _refuse_shared(pieces, model)
    return pieces


def _is_diagonal(matrix: sympy.ImmutableSparseMatrix) -> bool:
    return all(i == j for i, j in matrix.todok())


def _place(matrix: sympy.ImmutableSparseMatrix, numbered: Sequence[Any]) -> int:
    """Return which of the symmetric matrices this one is."""
    wanted = numeric(matrix)
    return next(place for place, known in enumerate(numbered) if abs(known - wanted).sum() == 0.0)


def _connected(diagonal: dict[int, np.ndarray]) -> Iterator[Scalings]:
    """Yield scalings that share parameters, directly or through others."""
    left = dict(diagonal)
    while left:
        first = next(iter(left))
        chosen, moved = [first], left.pop(first) != 0.0
        while linked := [place for place, weights in left.items() if (moved & (weights != 0.0)).any()]:
            for place in linked:
                moved |= left.pop(place) != 0.0
                chosen.append(place)
        chosen.sort()
        table = np.array([diagonal[place] for place in chosen]).T
        factors: dict[tuple[float, ...], list[int]] = {}
        for i in np.flatnonzero(moved):
            factors.setdefault(tuple(table[i].tolist()), []).append(int(i))
        yield Scalings(tuple(map(tuple, factors.values())), tuple(factors), tuple(chosen))


def _general_linear(matrices: Sequence[sympy.ImmutableSparseMatrix], numbered: Sequence[Any]) -> GeneralLinear:
    """Recognise the generators of GL(r).

    Raises
    ------
    UnsupportedModelError
        If they are others.
    """
    found = factors_of([numeric(matrix) for matrix in matrices])
    if found is None or found.rank > MOST_COLUMNS:
        raise UnsupportedModelError(
            "GaugeFixed knows scalings, and GL(r) on pairs of matrices (U, V) -> (U g, V g**-T) with all r**2 "
            f"generators, 2 <= r <= {MOST_COLUMNS}; this Linear is neither. Leave compact groups out (they have no "
            "constraints), or take Constrained, which needs no orbits"
        )
    moved = {*found.left.ravel().tolist(), *found.right.ravel().tolist()}
    places = (p for p, matrix in enumerate(numbered) if moved & set(matrix.nonzero()[0].tolist()))
    return GeneralLinear(_rows(found.left), _rows(found.right), tuple(places))


def _rows(places: np.ndarray) -> tuple[tuple[int, ...], ...]:
    return tuple(map(tuple, places.tolist()))


def _refuse_shared(pieces: Sequence[Piece], model: Model) -> None:
    taken: set[int] = set()
    for piece in pieces:
        moved = {i for part in (piece.factors if isinstance(piece, Scalings) else (*piece.u, *piece.v)) for i in part}
        if shared := taken & moved:
            raise UnsupportedModelError(
                f"the parameter {model.parameters[min(shared)]} is moved by two groups of which one is no scaling; "
                "GaugeFixed knows no way along both. Give one of them, or take Constrained"
            )
        taken |= moved


def _has_positive_solution(matrix: np.ndarray, target: np.ndarray) -> bool:
    """Return whether A y = b has a solution with every y > 0."""
    columns = matrix.shape[1]
    scale = max(float(np.abs(target).max()), 1.0)
    # The largest t <= 1 with y >= t; the target is scaled to that size.
    found = scipy.optimize.linprog(
        c=np.append(np.zeros(columns), -1.0),
        A_eq=np.column_stack([matrix, np.zeros(len(target))]),
        b_eq=target / scale,
        A_ub=np.column_stack([-np.eye(columns), np.ones(columns)]),
        b_ub=np.zeros(columns),
        bounds=[(0.0, None)] * columns + [(None, 1.0)],
    )
    return bool(found.status == 0 and -found.fun > 1e-9)
