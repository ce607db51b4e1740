"""What remains of weight decay and of label noise without temperature: powers of |z|, of opposite ways with depth."""

from __future__ import annotations

import numpy as np
import sympy

from .formula import FloatArray, Formula

__all__ = ["label_noise", "weight_decay"]


def weight_decay(depth: int, lam: float) -> Formula:
    """Return (lam K / 2) |z|^(2/K), the least (lam / 2) |x|² of K factors with the product z.

    By the inequality of the means all factors are of size |z|^(1/K) there. Copies add nothing: |z| is a norm, so that
    for K = 2 the least sum over parts of z is that of one part; for K > 2 the power is concave. (Hoff 2017; Kolb et
    al. 2025.)
    """

    def numeric(r: FloatArray) -> FloatArray:
        return np.asarray(lam * depth / 2.0 * r ** (2.0 / depth))

    return Formula(numeric, lambda r: sympy.nsimplify(lam) * depth / 2 * r ** sympy.Rational(2, depth))


def label_noise(depth: int, size: int) -> Formula:
    """Return K d^(1/K) |z|^(2 - 2/K), the least trace of the Gauss-Newton matrix over factors with the product z.

    It is what SGD with fresh label noise makes small among points that fit, in units of eta s² m / (4 B) (eta: the step
    size, s: the noise's standard deviation, B: the batch, m: the mean square of the column of X). For K = 2 that acts
    as a weight decay eta s² m / (2 B). The trace is d S² + |v|² sum_i (S / s_i)² for z = v S, S = prod s_i, a sum of K
    terms whose product is d |z|^(2K - 2).
    """

    def numeric(r: FloatArray) -> FloatArray:
        return np.asarray(depth * size ** (1.0 / depth) * r ** (2.0 - 2.0 / depth))

    factor = depth * sympy.Integer(size) ** sympy.Rational(1, depth)
    return Formula(numeric, lambda r: factor * r ** (2 - sympy.Rational(2, depth)))
