"""The Gaussian laws: affine observables of a quadratic potential."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import sympy
from numpy.typing import NDArray

from ...errors import NotNormalizableError

__all__ = ["affine_observable", "quadratic_form"]

FloatArray = NDArray[np.float64]


def quadratic_form(
    expression: sympy.Expr, symbols: Sequence[sympy.Symbol]
) -> tuple[float, FloatArray, FloatArray] | None:
    """Return c, b (n,) and symmetric A (n, n) of c + b.x + x.A x / 2, or None if `expression` is no such polynomial."""
    index = {x: i for i, x in enumerate(symbols)}
    constant, slope, matrix = 0.0, np.zeros(len(symbols)), np.zeros((len(symbols), len(symbols)))
    for term in sympy.Add.make_args(sympy.expand(expression)):
        coefficient, monomial = term.as_independent(*symbols, as_Add=False)
        powers = monomial.as_powers_dict() if monomial != 1 else {}
        if any(x not in index or power not in {1, 2} for x, power in powers.items()) or sum(powers.values()) > 2:
            return None
        factors = [index[x] for x, power in powers.items() for _ in range(power)]
        if not coefficient.is_number:  # a sum over data
            return None
        value = float(coefficient)
        if not factors:
            constant += value
        elif len(factors) == 1:
            slope[factors] += value
        else:
            i, j = factors
            matrix[i, j] += value
            matrix[j, i] += value
    return constant, slope, matrix


def affine_observable(
    potential: tuple[float, FloatArray, FloatArray],
    observable: tuple[float, FloatArray, FloatArray],
    temperature: float,
) -> tuple[float, float]:
    """Return mean and variance of d + c.x under exp(-V/T) dx, V = b.x + x.A x / 2: d - c.A^-1 b and T c.A^-1 c.

    Raises
    ------
    NotNormalizableError
        If A is not positive definite.
    """
    _, force, matrix = potential
    offset, direction, _ = observable
    curvatures = np.linalg.eigvalsh(matrix)
    if curvatures[0] <= 1e-14 * np.max(np.abs(curvatures)):
        raise NotNormalizableError(
            f"the Gibbs law has infinite mass: the potential has the curvature {curvatures[0]:.3g} in some direction, "
            "along which the mass escapes; add Ambient(weight_decay=...)"
        )
    response = np.linalg.solve(matrix, direction)
    return offset - float(response @ force), temperature * math.fsum(response * direction)
