"""a b + c rounded once, in NumPy: what the machine's fused multiply-add does, bit for bit."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

__all__ = ["fused", "fused_to_odd"]

_SPLIT = 134217729.0  # 2**27 + 1 cuts the 53 bits of a double into halves whose products are exact (Veltkamp)
_SAFE = (1e-140, 1e140)  # between these no step of the exact arithmetic below over- or underflows


def fused(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the double nearest to a b + c, ties to even, for finite operands; infinities and NaN as in IEEE 754.

    The product and the sums are split into exact pairs, and the last but one addition is rounded to odd, so that the
    last rounds the exact value (Boldo and Melquiond, IEEE Trans. Comput. 57 (2008) 462). Operands near the ends of the
    range are handled one by one with rational numbers.
    """
    a, b, c = np.broadcast_arrays(a, b, c)
    with np.errstate(all="ignore"):
        product, low = _two_product(a, b)
        high, lower = _two_sum(c, low)
        top, middle = _two_sum(product, high)
        result = np.asarray(top + _add_to_odd(middle, lower))
        result = np.where(result == 0, product + c, result)  # the same but for the sign of zero
    rare = ~(_safe(a) & _safe(b) & _safe(c))
    if rare.any():
        result[rare] = [_fused_one(*map(float, abc)) for abc in zip(a[rare], b[rare], c[rare], strict=True)]
    return result


def fused_to_odd(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a b + c of single-precision operands, held in doubles, rounded to odd: rounding it to single is exact."""
    product = np.asarray(a * b)
    result = _add_to_odd(*np.broadcast_arrays(product, c))
    return np.where(np.isfinite(product) & np.isfinite(c), result, product + c)


def _two_sum(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _two_product(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    product = a * b
    (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _halves(a: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    scaled = _SPLIT * a
    high = scaled - (scaled - a)
    return high, a - high


def _add_to_odd(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a + b; where it is not a double, the neighbour with an odd last bit."""
    total, error = _two_sum(a, b)
    bits = np.array(total).view(np.int64)
    move = (error != 0) & (bits & 1 == 0) & np.isfinite(total)
    # The bits of a double count away from zero.
    bits += np.where(move, np.where((error > 0) == (total > 0), 1, -1), 0)
    return bits.view(np.float64)


def _safe(a: NDArray[np.float64]) -> NDArray[np.bool_]:
    size = np.abs(a)
    return np.asarray((size == 0) | ((size > _SAFE[0]) & (size < _SAFE[1])))


def _fused_one(a: float, b: float, c: float) -> float:
    if not (np.isfinite(a) and np.isfinite(b)):
        return a * b + c
    if not np.isfinite(c):
        return c
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    if exact == 0:
        return a * b + c  # only the sign of the zero is in question, and nothing is rounded
    try:
        return float(exact)
    except OverflowError:
        return float("inf") if exact > 0 else float("-inf")
