"""The scalings of a model as a matrix of weights, and what follows from it: blocks and invariant monomials."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy
from numpy.typing import NDArray

from ..model import Model

__all__ = ["blocks_of", "exponents", "scaling_weights"]

FloatArray = NDArray[np.float64]


def scaling_weights(model: Model) -> FloatArray | None:
    """Return the weights (k, dim) of the scalings x_i -> s**w_i x_i of a model, else None.

    They are the non-compact generators: the constraint of each is chi = sum of w_i x_i**2 / 2, in this order. None if
    there is none, one of them is no scaling, or the slice is the user's own and not that of these constraints.
    """
    if model.symmetry is None:
        return None
    matrices = model.noncompact_matrices()
    if not all(matrix.todok() for matrix in matrices):
        # A translation is none.
        return None
    if not matrices or any(i != j for matrix in matrices for (i, j) in matrix.todok()):
        return None
    if model.slice is not None:
        squares = [x**2 / 2 for x in model.parameters]
        canonical = [sum(matrix[i, i] * square for i, square in enumerate(squares)) for matrix in matrices]
        given = model.constraints()
        if len(given) != len(canonical) or any(sympy.expand(a - b) for a, b in zip(given, canonical, strict=True)):
            return None
    return np.array([[float(matrix[i, i]) for i in range(model.dim)] for matrix in matrices])


def blocks_of(weights: FloatArray) -> list[tuple[list[int], list[int], float]] | None:
    """Return the indices of U and V and the weight w of each scaling (s**w U, s**-w V), if all are of that form.

    None if two of them share a parameter, a parameter belongs to none, or the weights of one differ in size.
    """
    moved = weights != 0.0
    if not np.all(moved.sum(axis=0) == 1):
        return None
    blocks = []
    for row in weights:
        left, right = np.flatnonzero(row > 0.0), np.flatnonzero(row < 0.0)
        size = float(np.max(np.abs(row)))
        if not left.size or not right.size or not np.allclose(np.abs(row[row != 0.0]), size, rtol=1e-14):
            return None
        blocks.append((left.tolist(), right.tolist(), size))
    return blocks


def exponents(expression: sympy.Expr, symbols: Sequence[sympy.Symbol]) -> tuple[float, FloatArray] | None:
    """Return c and a of the monomial c * product of x_i**a_i with whole a_i, or None if `expression` is none."""
    factor, monomial = sympy.factor_terms(expression).as_independent(*symbols, as_Add=False)
    powers = monomial.as_powers_dict()
    if not factor.is_number or any(x not in symbols or not p.is_Integer for x, p in powers.items() if x != 1):
        return None
    return float(factor), np.array([float(powers.get(x, 0)) for x in symbols])
