"""Products U Vᵀ of matrices of parameters: their names, and the groups that they may be invariant under."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import sympy

from ..checks import shown
from ..errors import InvalidArgumentError
from ..model import Linear, Scaling, Symmetry, parameters
from .losses import indexed, scaling_of

__all__ = ["Loss", "Matrix", "named", "square_of", "symbols_of", "symmetries"]

Matrix: TypeAlias = sympy.ImmutableMatrix
Loss = Callable[[Any], sympy.Expr]

_GROUPS = ("diagonal", "gl")


def symbols_of(letter: str, rows: int, columns: int) -> Matrix:
    """Return a matrix of parameters with names such as u00, row by row."""
    return Matrix(rows, columns, parameters(" ".join(indexed(letter, rows, columns).ravel())))


def named(letter: str, matrix: Matrix) -> dict[str, sympy.Expr]:
    """Return the entries of a matrix by their names."""
    return dict(zip(indexed(letter, *matrix.shape).ravel().tolist(), matrix, strict=True))


def square_of(matrix: Matrix) -> sympy.Expr:
    """Return the sum of the squares of all entries."""
    return sympy.Add(*(x**2 for x in matrix))


def symmetries(pairs: list[tuple[Matrix, Matrix]], group: str, *, further: int = 0) -> tuple[Symmetry, ...]:
    """Return the declared symmetries of products U Vᵀ that have no parameters in common.

    Parameters
    ----------
    pairs : list of (U, V)
        Whose entries are the first parameters, pair by pair.
    group : {"diagonal", "gl"}
        What is declared of each.
    further : int
        How many parameters stand behind these.

    Raises
    ------
    InvalidArgumentError
        If `group` is none of the two.
    """
    if not isinstance(group, str) or group not in _GROUPS:
        raise InvalidArgumentError(f"group must be one of {', '.join(map(repr, _GROUPS))}, got {shown(group)}")
    if group == "diagonal":
        return tuple(
            Scaling(scaling_of(list(left[:, a]), list(right[:, a]))) for left, right in pairs for a in range(left.cols)
        )
    dim = further + sum(left.rows * left.cols + right.rows * right.cols for left, right in pairs)
    starts, start = [], 0
    for left, right in pairs:
        starts.append(start)
        start += left.rows * left.cols + right.rows * right.cols
    return tuple(_general_linear(left, right, start, dim) for (left, right), start in zip(pairs, starts, strict=True))


def _general_linear(left: Matrix, right: Matrix, start: int, dim: int) -> Linear:
    """Return GL(r) by the generators E_ij, (U, V) -> (U (1 + t E_ij), V (1 - t E_ji))."""
    rank, middle = left.cols, start + left.rows * left.cols
    generators = {}
    for i in range(rank):
        for j in range(rank):
            entries = {(start + row * rank + j, start + row * rank + i): 1 for row in range(left.rows)}
            entries |= {(middle + row * rank + i, middle + row * rank + j): -1 for row in range(right.rows)}
            generators[indexed("E", rank, rank)[i, j]] = sympy.ImmutableSparseMatrix(dim, dim, entries)
    return Linear(tuple(generators.values()), tuple(generators))
