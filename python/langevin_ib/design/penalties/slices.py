"""Penalties of noise on a slice: T kappa log|z| at level 0, and a logarithm with a scale elsewhere."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import sympy
from numpy.typing import NDArray

from .formula import FloatArray, Formula, no_symbols

__all__ = ["log_squares", "on_slice", "shifts_of"]

_TINY = 1e-300
_NEWTON = 200


def shifts_of(levels: FloatArray) -> FloatArray:
    """Return by how much the squares of the K factors exceed the least of them, shape (K,), for K - 1 levels.

    chi_a = (x_a² - x_(a+1)²)/2 = c_a, x_0 being the length of the vector among the factors.
    """
    squares = -2.0 * np.concatenate([[0.0], np.cumsum(levels)])
    return np.asarray(squares - squares.min())


def log_squares(size: FloatArray, shifts: FloatArray) -> FloatArray:
    """Return log of the squared factors, shape (..., K), of products of this size: t + d_i with prod (t + d_i) = r².

    Newton's method for log t: the sum of log(t + d_i) is convex in it, with a slope between 1 and K.
    """
    with np.errstate(divide="ignore"):
        log_shifts = np.log(shifts)
    target = 2.0 * np.log(np.maximum(size, _TINY))
    y = target / shifts.size
    for _ in range(_NEWTON):
        squares = np.logaddexp(y[..., None], log_shifts)
        step = (squares.sum(axis=-1) - target) / np.exp(y[..., None] - squares).sum(axis=-1)
        y = y - step
        if np.all(np.abs(step) <= 4e-15 * (1.0 + np.abs(y))):
            break
    return np.asarray(np.logaddexp(y[..., None], log_shifts))


def on_slice(size: int, levels: FloatArray, share: float, temperature: sympy.Expr, kappa: Fraction) -> Formula:
    """Return T [share log(e / K) + (d - 1) log S], e = e_(K-1)(x²) on the slice, S the product of all but the vector.

    delta(chi - c) dx = dr domega rho^(d-1) / e for factors rho = |v|, s_2, ..., and dz = r^(d-1) dr domega with
    r = rho S; a rigid slice has the square root of 1/e. Up to a constant, which makes it T kappa log|z| at level 0 and
    (T/2) log(c² + z²) for u v.

    Parameters
    ----------
    size : int
        d, the length of the vector v among the factors.
    levels : (K - 1,) array
        The level of each chi.
    share : float
        1 for the gauge-fixed law, 1/2 for the rigid one.
    temperature : sympy.Expr
        T, a number or a symbol.
    kappa : Fraction
        The exponent at level 0.
    """
    depth, shifts = levels.size + 1, shifts_of(levels)
    symbolic_kappa = sympy.Rational(kappa.numerator, kappa.denominator)

    def numeric(r: FloatArray) -> FloatArray:
        T = float(temperature)
        with np.errstate(divide="ignore"):
            if not levels.any():
                return np.asarray(T * float(kappa) * np.log(r))
            squares = log_squares(r, shifts)
            log_e = squares.sum(axis=-1) + _log_sum_exp(-squares)
            log_rest = squares[..., 1:].sum(axis=-1) / 2.0
            at_zero = np.where(shifts[1:].min() == 0.0, -np.inf, log_rest)
            log_rest = np.where(r > 0.0, log_rest, at_zero)
        beside = (size - 1) * log_rest if size > 1 else 0.0
        return np.asarray(T * (share * (log_e - np.log(depth)) + beside))

    def symbolic(r: sympy.Expr) -> sympy.Expr:
        if not levels.any():
            return temperature * symbolic_kappa * sympy.log(r)
        c = sympy.nsimplify(float(levels[0]))
        root = sympy.sqrt(c**2 + r**2)
        half = sympy.Rational(1, 2) if share == 1.0 else sympy.Rational(1, 4)
        beside = sympy.Rational(size - 1, 2) * sympy.log(root - c)
        return temperature * (half * sympy.log(c**2 + r**2) + beside)

    needs_root = depth > 2 and bool(levels.any())
    text = f"at a level that is not 0 it holds a root of a polynomial of degree {depth}"
    return Formula(numeric, no_symbols(text) if needs_root else symbolic)


def _log_sum_exp(values: NDArray[np.float64]) -> FloatArray:
    top = values.max(axis=-1)
    return np.asarray(top + np.log(np.exp(values - top[..., None]).sum(axis=-1)))
