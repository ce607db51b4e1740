"""The Gaussian laws: affine observables of a quadratic potential."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import sympy
from numpy.typing import NDArray

from ...errors import NotNormalizableError
from ...model.expressions import condensed
from ...process import Ambient
from ..line import Density, Normal
from ..request import LawRequest

__all__ = ["GaussianLaw", "affine_observable", "quadratic_form"]

FloatArray = NDArray[np.float64]
QuadraticForm: TypeAlias = tuple[float, FloatArray, FloatArray]


@dataclass(frozen=True)
class GaussianLaw:
    """The law of an affine observable of a quadratic potential under the ambient process.

    Parameters
    ----------
    request : LawRequest
        What was asked.
    potential, observable : (float, (n,) array, (n, n) array)
        c, b and A of c + b.x + x.A x / 2; of the observable A = 0.
    """

    request: LawRequest
    potential: QuadraticForm
    observable: QuadraticForm

    @classmethod
    def recognise(cls, request: LawRequest) -> GaussianLaw | None:
        """Return the law if potential and observable are such, and quadrature is not insisted on, else None."""
        if not isinstance(request.dynamics, Ambient) or request.given is not None or request.method == "quadrature":
            return None
        symbols, data = request.model.parameters, request.model.data
        observable = quadratic_form(condensed(request.expression, symbols, data, rows=0), symbols)
        if observable is None or observable[2].any() or not observable[1].any():
            return None
        potential = quadratic_form(condensed(request.process.potential, symbols, data, rows=0), symbols)
        return None if potential is None else cls(request, potential, observable)

    def density(self) -> Density:
        """Return the normal law.

        Raises
        ------
        NotNormalizableError
            If the potential does not grow in all directions.
        """
        mean, variance, error = affine_observable(self.potential, self.observable, self.request.T)
        normal = Normal(mean, math.sqrt(variance))
        return Density.from_scipy(normal, name=self.request.name, reference=self.request.reference, error=error)

    def rivals(self, cutoff: float | None = None) -> None:
        """Return None: where nothing is curved there is no correction to get wrong."""


def quadratic_form(expression: sympy.Expr, symbols: Sequence[sympy.Symbol]) -> QuadraticForm | None:
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
    potential: QuadraticForm, observable: QuadraticForm, temperature: float
) -> tuple[float, float, float]:
    """Return mean and variance of d + c.x under exp(-V/T) dx, V = b.x + x.A x / 2: d - c.A^-1 b and T c.A^-1 c.

    The third number bounds the error of the normal distribution function: one of m of the mean, in standard deviations,
    moves it by less than 0.4 m, and a relative error v of the variance by less than 0.13 v. Both are of the order of
    the rounding error times the condition number of A in units of its diagonal.

    Raises
    ------
    NotNormalizableError
        If A is not positive definite.
    """
    _, force, matrix = potential
    offset, direction, _ = observable
    # Parameters may have any units.
    units = np.sqrt(np.where(np.diag(matrix) > 0.0, np.diag(matrix), 1.0))
    curvatures = np.linalg.eigvalsh(matrix / units / units[:, None])
    if curvatures[0] <= 1e-14 * np.max(np.abs(curvatures)):
        raise NotNormalizableError(
            f"the Gibbs law has infinite mass: the potential has the curvature {np.linalg.eigvalsh(matrix)[0]:.3g} in "
            "some direction, along which the mass escapes; add Ambient(weight_decay=...)"
        )
    response = np.linalg.solve(matrix / units / units[:, None], direction / units) / units
    variance = temperature * math.fsum(response * direction)
    terms = abs(offset) + float(np.abs(response * force).sum())
    condition = len(units) * float(curvatures[-1] / curvatures[0])
    error = 4e-16 * (condition + (1.0 + condition) * terms / math.sqrt(variance))
    return offset - float(response @ force), variance, min(1e-15 + error, 1.0)
