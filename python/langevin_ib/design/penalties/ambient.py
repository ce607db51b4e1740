"""Penalties of noise in all parameters: of a weight decay at a temperature, and of a spring towards the slice."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import sympy
from scipy.special import k0e

from ...laws import log_copies, product_weight
from .formula import FloatArray, Formula

__all__ = ["ambient", "stiff"]


def ambient(depth: int, size: int, copies: int, lam: float, temperature: sympy.Expr) -> Formula:
    """Return -T log of the density w.r.t. dz that exp(-lam |x|²/2T) dx leaves to z, up to a constant.

    For two factors that is |z|^nu K_nu(lam |z|/T), nu = (q - d)/2, so exactly lam |z| for q = d + 1 copies; for deeper
    products Meijer's G^(K,0)_(0,K)(|z|² (lam/2T)^K; 0, (1 - d)/2, ...), scaled to penalty 0 at |z| = (T/lam)^(K/2).
    """
    return _of_copies(size, copies, lam, temperature) if depth == 2 else _of_depth(depth, size, lam, temperature)


def _of_copies(size: int, copies: int, lam: float, temperature: sympy.Expr) -> Formula:
    def numeric(r: FloatArray) -> FloatArray:
        T = float(temperature)
        return np.asarray(-T * (log_copies(copies, size, lam * r / T) + np.log(2.0 / np.pi) / 2.0))

    def symbolic(r: sympy.Expr) -> sympy.Expr:
        decay, nu = sympy.nsimplify(lam), sympy.Rational(copies - size, 2)
        if copies == size + 1:
            return decay * r
        x = decay * r / temperature
        return -temperature * sympy.log(sympy.sqrt(2 / sympy.pi) * x**nu * sympy.besselk(nu, x))

    return Formula(numeric, symbolic)


def _of_depth(depth: int, size: int, lam: float, temperature: sympy.Expr) -> Formula:
    orders = [0, *[sympy.Rational(1 - size, 2)] * (depth - 1)]

    def numeric(r: FloatArray) -> FloatArray:
        T = float(temperature)
        weight = _weight(size, depth)
        unit = (T / lam) ** (depth / 2.0)
        relative, one = np.asarray(r / unit, dtype=np.float64), np.ones(1)
        with np.errstate(divide="ignore"):
            values = weight(relative.ravel()).reshape(relative.shape) - (size - 1) * np.log(relative)
        # Its table goes on as a power near 0, where the density has an infinite peak.
        return np.where(relative > 0.0, -T * (values - weight(one)), -np.inf)

    def symbolic(r: sympy.Expr) -> sympy.Expr:
        at_unit, ratio = sympy.Rational(1, 2**depth), sympy.nsimplify(lam) / (2 * temperature)

        def meijer(x: sympy.Expr) -> sympy.Expr:
            return sympy.meijerg([[], []], [orders, []], x)

        return -temperature * sympy.log(meijer(r**2 * ratio**depth) / meijer(at_unit))

    return Formula(numeric, symbolic)


@cache
def _weight(size: int, depth: int) -> Callable[[FloatArray], FloatArray]:
    """Return the log-density of |z|: a table, which is made once."""
    return product_weight([(size, 1.0), *[(1, 1.0)] * (depth - 1)])[0]


def stiff(stiffness: float, temperature: sympy.Expr) -> Formula:
    """Return -T log(exp(x) K0(x)), x = stiffness z²/4T: that of u v under a spring of this stiffness."""

    def numeric(r: FloatArray) -> FloatArray:
        T = float(temperature)
        with np.errstate(divide="ignore"):
            return np.asarray(-T * np.log(k0e(stiffness * r**2 / (4.0 * T))))

    def symbolic(r: sympy.Expr) -> sympy.Expr:
        x = sympy.nsimplify(stiffness) * r**2 / (4 * temperature)
        return -temperature * (x + sympy.log(sympy.besselk(0, x)))

    return Formula(numeric, symbolic)
