r"""The law of an invariant monomial on a slice of any scaling symmetry, for slices of one or two dimensions.

This is the quadrature behind the closed forms, and goes where there are none. In an orthant x_i = +-exp(y_i) the
scalings are translations of y, and invariant monomials are linear: with rows E of exponents, E y = log|z|, and the
orbit over z is y_0 + W^T tau, W being the weights. On it the constraints chi = W x^2 / 2 are the gradient of the convex
function (1/4) sum x_i^2, so that chi = c has at most one solution, and Newton's method with line search finds it. The
measure is the Jacobian of x -> (z, chi), which by the coarea formula is

    delta(chi - c) dx = dz / |det d(z, chi)/dx| = (det A)^(-1/2) (det G)^(-1/2) dz,   A = Dz Dz^T,   G = D chi D chi^T,

the second since the slice is orthogonal to the orbits; the surface measure has another (det G)^(1/2). Sheets are the
orthants with the right signs of z. For a slice of two dimensions a second invariant monomial is integrated out.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy
from numpy.typing import NDArray
from scipy.special import logsumexp

from ...errors import UnsupportedModelError
from ...geometry import exponents, scaling_weights
from ..integrals import log_integrals, tabulated
from ..line import Density
from ..recomputed import Recomputed
from ..request import LawRequest

__all__ = ["TorusLaw"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

_TINY = 1e-300
_MOST_PARAMETERS = 8
_NEWTON = 300
_ERROR = 1e-13  # of the weight: Newton's method goes on until only rounding is left
_INNER = 42.0  # how far log|second invariant| goes beyond that of the first


@dataclass(frozen=True)
class TorusLaw(Recomputed):
    """The law of a monomial c * x**e on a slice.

    Parameters
    ----------
    request : LawRequest
        What was asked; on a slice.
    weights : (k, dim) array
        Of the scalings.
    invariants : (dim - k, dim) array
        Exponents of the invariant monomials, the observable's first.
    factor : float
        c.
    """

    request: LawRequest
    weights: FloatArray
    invariants: FloatArray
    factor: float

    @classmethod
    def recognise(cls, request: LawRequest) -> TorusLaw | None:
        """Return the law if the model has scalings only, and the observable is an invariant monomial, else None."""
        symbols, weights = request.model.parameters, scaling_weights(request.model)
        found = exponents(request.expression, symbols)
        if not request.is_on_slice or weights is None or found is None or len(symbols) > _MOST_PARAMETERS:
            return None
        factor, first = found
        count = len(symbols) - len(weights)
        if np.abs(weights @ first).max() > 1e-12 or not first.any() or count > 2:
            return None
        others = sympy.Matrix(weights).applyfunc(sympy.nsimplify).nullspace()
        rows = [first]
        for vector in others:
            whole = vector * sympy.ilcm(*(entry.q for entry in vector))
            candidate = np.array(whole, dtype=np.float64).ravel()
            if len(rows) < count and np.linalg.matrix_rank([*rows, candidate]) > len(rows):
                rows.append(candidate)
        return cls(request, weights, np.array(rows), factor)

    @property
    def dim(self) -> int:
        """The number of parameters."""
        return int(self.weights.shape[1])

    @cached_property
    def levels(self) -> FloatArray:
        """The value of each constraint."""
        return self.request.levels(len(self.weights))

    def log_sizes(self, log_z: FloatArray) -> FloatArray:
        """Return log|x_i|, shape (n, dim), of the point on the slice over each log|z|, shape (n, invariants).

        Raises
        ------
        UnsupportedModelError
            If the slice does not meet an orbit.
        """
        y = log_z @ np.linalg.pinv(self.invariants).T
        for _ in range(_NEWTON):
            squares = np.exp(2.0 * y)
            residual = 0.5 * squares @ self.weights.T - self.levels
            hessian = np.einsum("ai,ni,bi->nab", self.weights, squares, self.weights)
            scale = np.abs(self.levels) + 0.5 * squares @ np.abs(self.weights).T
            if np.all(np.abs(residual) <= 4e-15 * scale):
                return y
            # A small ridge keeps orbits solvable along which some coordinates have died out; each at its own scale.
            sizes = np.sqrt(np.einsum("naa->na", hessian))
            unit = hessian / (sizes[:, :, None] * sizes[:, None, :]) + 1e-14 * np.eye(len(self.weights))
            shift = -np.linalg.solve(unit, (residual / sizes)[..., None])[..., 0] / sizes
            step = self._shortened(squares, residual, shift)[:, None] * (shift @ self.weights)
            y = np.asarray(y + step)
            if np.all(np.abs(step).max(axis=1) <= 4e-15 * (1.0 + np.abs(y).max(axis=1))):
                return y
        raise UnsupportedModelError(
            f"the slice chi = {self.levels.tolist()} was not found on the orbit over |z| = {np.exp(log_z[0]).tolist()}"
        )

    def _shortened(self, squares: FloatArray, residual: FloatArray, shift: FloatArray) -> FloatArray:
        """Return the fraction of each Newton step, halved until it lowers (1/4) sum x_i**2 - c.tau as it should."""
        direction = shift @ self.weights
        slope = np.einsum("na,na->n", residual, shift)
        fraction = np.minimum(1.0, 100.0 / np.maximum(np.abs(direction).max(axis=1), 1e-300))
        for _ in range(60):
            moved = fraction[:, None] * direction
            gain = 0.25 * (squares * np.expm1(2.0 * moved)).sum(axis=1) - fraction * (shift @ self.levels)
            bad = ~(gain <= 1e-3 * fraction * slope + 1e-15 * squares.sum(axis=1))
            if not bad.any():
                break
            fraction = np.where(bad, fraction / 2.0, fraction)
        return np.asarray(fraction)

    def log_density(self, z: FloatArray) -> FloatArray:
        """Return the log of the joint density of the invariant monomials w.r.t. dz, z of shape (n, invariants)."""
        y = self.log_sizes(np.log(np.maximum(np.abs(z), _TINY)))
        log_measure = self._log_measure(z, y)
        sizes, sheets = np.exp(y), []
        for signs in itertools.product((1.0, -1.0), repeat=self.dim):
            over = np.ones(z.shape[0], dtype=bool)
            for j, row in enumerate(self.invariants):
                sign = math.prod(s for s, e in zip(signs, row, strict=True) if e % 2.0)
                over &= sign == np.where(z[:, j] < 0.0, -1.0, 1.0)
            potential = self.request.potential(*(s * sizes[:, i] for i, s in enumerate(signs)))
            sheets.append(np.where(over, -potential / self.request.T, -np.inf))
        return np.asarray(logsumexp(sheets, axis=0) + log_measure)

    def _log_measure(self, z: FloatArray, y: FloatArray) -> FloatArray:
        """Return -log|det d(z, chi)/dx|, plus (1/2) log det G for the surface measure.

        Rows are dz_j/dx_i = z_j e_ji / x_i and dchi_a/dx_i = w_ai x_i. Rows are divided by their largest entry first.
        """
        gradients = self.invariants * np.exp(-y)[:, None, :]
        normals = self.weights * np.exp(y)[:, None, :]
        rows = np.concatenate([gradients, normals], axis=1)
        sizes = np.abs(rows).max(axis=2)
        log_det = np.linalg.slogdet(rows / sizes[..., None])[1] + np.log(sizes).sum(axis=1)
        log_det = log_det + np.log(np.maximum(np.abs(z), _TINY)).sum(axis=1)
        if not self.request.is_rigid:
            return np.asarray(-log_det)
        lengths = np.abs(normals).max(axis=2)
        unit = normals / lengths[..., None]
        log_gram = np.linalg.slogdet(unit @ unit.transpose(0, 2, 1))[1] + 2.0 * np.log(lengths).sum(axis=1)
        return np.asarray(0.5 * log_gram - log_det)

    def log_weight(self, z: FloatArray) -> FloatArray:
        """Return the log of the density of the observable."""
        z = z / self.factor
        if len(self.invariants) == 1:
            return self.log_density(z[:, None])
        centre = np.log(np.maximum(np.abs(z), _TINY))
        low, high = np.minimum(centre, 0.0) - _INNER, np.maximum(centre, 0.0) + _INNER

        def log_f(sign: float, row: IndexArray, y: FloatArray) -> FloatArray:
            first = np.broadcast_to(z[row], y.shape).ravel()
            points = np.stack([first, sign * np.exp(y).ravel()], axis=1)
            return self.log_density(points).reshape(y.shape) + y

        parts = [
            log_integrals(lambda row, y, sign=sign: log_f(sign, row, y), low, high, width=5.0)  # type: ignore[misc]
            for sign in (1.0, -1.0)
        ]
        return np.logaddexp(*parts)

    def rivals(self, cutoff: float | None = None) -> None:
        """Return None: wrong laws are known for the families with formulas."""

    def density(self) -> Density:
        """Return the law.

        Raises
        ------
        NotNormalizableError
            If its mass is infinite.
        """
        remedy = (
            "Give a level that keeps the parameters from vanishing together, or "
            f"given=({self.request.observable!r}, lo, hi) away from 0"
        )
        if len(self.invariants) == 1:
            return self.request.weighted(self.log_weight, remedy=remedy, error=_ERROR)
        table = tabulated(self.log_weight)
        return self.request.weighted(table, remedy=remedy, breaks=table.breaks, error=_ERROR + table.error)
