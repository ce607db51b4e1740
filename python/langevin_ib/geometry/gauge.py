"""The way along the orbits of a model's symmetry back to a slice, taken apart into pieces that share no parameters.

Pieces name parameters by their numbers; those of a `Frame` where the model has commuting generators that are symmetric,
but not diagonal: y stands there at the place of x.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import TypeAlias

import numpy as np
import scipy.linalg
import sympy

from ..errors import InvalidArgumentError, UnsupportedModelError
from ..model import Linear, Model, is_translation, numeric, self_adjoint_parts
from .frame import Frame, flat_part, frame_of
from .gl import factors_of
from .points import FloatArray, columns

__all__ = [
    "GeneralLinear",
    "Piece",
    "Scalings",
    "Translations",
    "constraint_numbers",
    "general_linear",
    "pieces_of",
]

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
    def moved(self) -> tuple[int, ...]:
        """The parameters that move."""
        return tuple(i for factor in self.factors for i in factor)

    @property
    def size(self) -> int:
        """How many parameters move."""
        return len(self.moved)

    def reaches(self, levels: Sequence[float]) -> bool:
        """Return whether every orbit without zeros meets the slice at these levels."""
        if len(levels) == 1:
            # chi is a sum of squares, each with the sign of its weight.
            signs = {weight > 0.0 for (weight,) in self.weights}
            return (levels[0] > 0.0) in signs if levels[0] != 0.0 else len(signs) == 2
        return _has_positive_solution(self._chi(range(len(self.factors))), np.array(levels))

    def dimension(self) -> int:
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

    @property
    def moved(self) -> tuple[int, ...]:
        """The parameters that move."""
        return tuple(i for row in (*self.u, *self.v) for i in row)

    def dimension(self) -> int:
        """Return the dimension of the Bessel process that the root of the smallest singular value of U Vᵀ is at 0.

        Its density there is sigma**((m + n) / 2 - r - 1), that of a squared radius in m + n - 2 r dimensions.
        """
        return len(self.u) + len(self.v) - 2 * self.columns


@dataclass(frozen=True)
class Translations:
    """Translations that hang together: x -> x + s_1 a_1 + s_2 a_2 + ...

    Parameters
    ----------
    moved : tuple of int
        The parameters that move, by their numbers.
    directions : tuple of tuple of float
        The a, each by its components along these parameters.
    constraints : tuple of int
        Which of the model's constraints a . x are theirs.
    """

    moved: tuple[int, ...]
    directions: tuple[tuple[float, ...], ...]
    constraints: tuple[int, ...]

    def orthonormal(self, levels: Sequence[float]) -> tuple[FloatArray, FloatArray]:
        """Return orthonormal directions with the same span, one per row, and the levels along them."""
        basis, triangle = np.linalg.qr(np.array(self.directions).T)
        return basis.T, np.asarray(scipy.linalg.solve_triangular(triangle, np.array(levels), trans="T"))

    def dimension(self) -> None:
        """Return None: the slice is flat, and has no tip."""


Piece: TypeAlias = Scalings | GeneralLinear | Translations


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
    matrices = model.generator_matrices()
    if not model.forms():
        raise InvalidArgumentError(
            "GaugeFixed needs a non-compact symmetry, along whose orbits walkers go back to the slice; give the model "
            "one"
        )
    frame, flat = frame_of(model), flat_part(model.symmetries, model.parameters)
    constraint = constraint_numbers(model)
    scalings = {constraint[place]: np.array(frame.weights(matrices[place]), dtype=np.float64) for place in flat}
    offsets = frame.vectors(columns(model.generator_offsets(), model.dim))
    shifts = {constraint[place]: offsets[place] for place, matrix in enumerate(matrices) if is_translation(matrix)}
    groups = _groups(model, flat, constraint)
    pieces: tuple[Piece, ...] = (*_connected(scalings), *groups, *_translations(shifts))
    _refuse_shared(pieces, model, frame)
    return pieces


def constraint_numbers(model: Model) -> dict[int, int]:
    """Return which of the canonical constraints comes from which generator, by the numbers of generators that have one.

    Raises
    ------
    UnsupportedModelError
        If there is no canonical slice.
    """
    matrices = model.generator_matrices()
    moved_by = {place for place, _ in self_adjoint_parts(matrices)}
    moved_by |= {place for place, matrix in enumerate(matrices) if is_translation(matrix)}
    return {place: number for number, place in enumerate(sorted(moved_by))}


def _groups(model: Model, flat: Sequence[int], constraint: Mapping[int, int]) -> Iterator[GeneralLinear]:
    """Yield the linear groups of other generators, which must be GL(r)."""
    first = 0
    for symmetry in model.symmetries:
        matrices = symmetry.matrices(model.parameters)
        places = range(first, first + len(matrices))
        first += len(matrices)
        if isinstance(symmetry, Linear) and places[0] not in flat:
            yield _general_linear(matrices, tuple(constraint[place] for place in places if place in constraint))


def _hanging_together(rows: Mapping[int, np.ndarray]) -> Iterator[tuple[list[int], np.ndarray]]:
    """Yield the keys of rows that share places where they are not zero, directly or through others; and the places."""
    left = dict(rows)
    while left:
        first = next(iter(left))
        chosen, moved = [first], left.pop(first) != 0.0
        while linked := [place for place, row in left.items() if (moved & (row != 0.0)).any()]:
            for place in linked:
                moved |= left.pop(place) != 0.0
                chosen.append(place)
        yield sorted(chosen), np.flatnonzero(moved)


def _translations(shifts: Mapping[int, np.ndarray]) -> Iterator[Translations]:
    """Yield translations that share parameters."""
    for chosen, moved in _hanging_together(shifts):
        directions = tuple(tuple(shifts[place][moved].tolist()) for place in chosen)
        yield Translations(tuple(moved.tolist()), directions, tuple(chosen))


def _connected(diagonal: Mapping[int, np.ndarray]) -> Iterator[Scalings]:
    """Yield scalings that share parameters, directly or through others."""
    for chosen, moved in _hanging_together(diagonal):
        table = np.array([diagonal[place] for place in chosen]).T
        factors: dict[tuple[float, ...], list[int]] = {}
        for i in moved:
            factors.setdefault(tuple(table[i].tolist()), []).append(int(i))
        yield Scalings(tuple(map(tuple, factors.values())), tuple(factors), tuple(chosen))


def _general_linear(matrices: Sequence[sympy.ImmutableSparseMatrix], constraints: tuple[int, ...]) -> GeneralLinear:
    """Recognise the generators of GL(r).

    Raises
    ------
    UnsupportedModelError
        If they are others.
    """
    found = general_linear(matrices, constraints)
    if found is None:
        raise UnsupportedModelError(
            "GaugeFixed knows scalings, translations, symmetric matrices that commute, and GL(r) on pairs of matrices "
            f"(U, V) -> (U g, V g**-T) with all r**2 generators, 2 <= r <= {MOST_COLUMNS}; this Linear is none of "
            "these. Leave compact groups out (they have no constraints), or take Constrained, which needs no orbits"
        )
    return found


def general_linear(
    matrices: Sequence[sympy.ImmutableSparseMatrix], constraints: tuple[int, ...]
) -> GeneralLinear | None:
    """Return GL(r) on two matrices if these are its generators, r being no larger than the core can do; else None."""
    found = factors_of([numeric(matrix) for matrix in matrices])
    if found is None or found.rank > MOST_COLUMNS:
        return None
    return GeneralLinear(_rows(found.left), _rows(found.right), constraints)


def _rows(places: np.ndarray) -> tuple[tuple[int, ...], ...]:
    return tuple(map(tuple, places.tolist()))


def _refuse_shared(pieces: Sequence[Piece], model: Model, frame: Frame) -> None:
    # A group that is none of scalings moves x, and not the y of a frame.
    turned = {i for turn in frame.turns for i in turn.places}
    taken: set[int] = set()
    for piece in pieces:
        moved = set(piece.moved)
        if shared := moved & (taken | turned if isinstance(piece, GeneralLinear) else taken):
            raise UnsupportedModelError(
                f"the parameter {model.parameters[min(shared)]} is moved by two groups of which one is no scaling; "
                "GaugeFixed knows no way along both. Give one of them, or take Constrained"
            )
        taken |= moved


def _has_positive_solution(matrix: np.ndarray, target: np.ndarray) -> bool:
    """Return whether A y = b has a solution with every y > 0."""
    from scipy.optimize import linprog  # noqa: PLC0415 - slow to import, and only needed on slices

    columns = matrix.shape[1]
    scale = max(float(np.abs(target).max()), 1.0)
    # The largest t <= 1 with y >= t; the target is scaled to that size.
    found = linprog(
        c=np.append(np.zeros(columns), -1.0),
        A_eq=np.column_stack([matrix, np.zeros(len(target))]),
        b_eq=target / scale,
        A_ub=np.column_stack([-np.eye(columns), np.ones(columns)]),
        b_ub=np.zeros(columns),
        bounds=[(0.0, None)] * columns + [(None, 1.0)],
    )
    return bool(found.status == 0 and -found.fun > 1e-9)
