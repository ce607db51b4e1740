r"""Weights of products and sums of Gaussian factors: what weight decay at a temperature makes of a parameterisation.

Under exp(-lam |x|²/2T) dx all parameters are independent N(0, T/lam); here lam = T. For z = prod_i |x_i|^a_i with x_i
in R^d_i, y = log z is a sum of independent terms a_i log|x_i|, whose densities are exp(d y/a - exp(2y/a)/2) up to a
constant, and those of two with the same exponent

    exp((p + q) y/2a) K_((p - q)/2)(exp(y/a)),

for lengths p and q. All of these are log-concave and analytic near the real line, so that a convolution by the
trapezoidal rule converges geometrically, and has positive terms only. For a_i = d_i = 1 the result is Meijer's
G^(K,0)_(0,K)(z²/2^K; 0, ..., 0) (Springer and Thompson, SIAM J. Appl. Math. 18 (1970) 721).

For z = sum_(j <= q) s_j v_j with v_j in R^d the density w.r.t. dz is |z|^nu K_nu(|z|), nu = (q - d)/2: given all s it
is Gaussian of the variance |s|². For q = d + 1 this is exp(-|z|): the lasso's law, or the group lasso's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, kve

from ..integrals import tabulated
from ..line import LogWeight

__all__ = ["log_copies", "product_weight"]

FloatArray = NDArray[np.float64]
LogDensity = Callable[[FloatArray], FloatArray]

_DEEP = 45.0  # exp(-45) of the peak is where an integrand is cut
_SEARCH = 80  # steps to the peak: from a width of 1e4 to 1e-14 of it
_NEAR_ENOUGH = 20  # and to the ends, which may be farther
_BLOCK = 2**18
_MORE = 5.0
"""So far above 0 the logarithm of one more factor counts, or of two, for an exponent of 1."""


def log_copies(copies: int, size: int, r: FloatArray) -> FloatArray:
    """Return log of |z|^nu K_nu(|z|), nu = (copies - size)/2, of |z| = r; +inf at 0 if nu <= 0."""
    nu = (copies - size) / 2.0
    r = np.maximum(r, 0.0)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        weight = nu * np.log(r) + np.log(kve(nu, r)) - r
        # K_nu(r) overflows where r^nu vanishes: there it is Gamma(nu) 2^(nu - 1) r^-nu.
        near = gammaln(abs(nu)) + (abs(nu) - 1.0) * np.log(2.0) + (nu - abs(nu)) * (np.log(r) if nu < 0.0 else 0.0)
    return np.asarray(np.where(np.isfinite(weight), weight, np.where(r > 1.0, -np.inf, near)))


def product_weight(factors: Sequence[tuple[int, float]]) -> tuple[LogWeight, float]:
    """Return the log-density of z = prod_i |x_i|^a_i w.r.t. dz, up to a constant, and a bound on its relative error.

    Parameters
    ----------
    factors : sequence of (int, float)
        d_i and a_i; two at least. Nothing else is in it, so it is made once for a process.
    """
    return _product_weight(tuple(factors))


@lru_cache(maxsize=32)
def _product_weight(factors: tuple[tuple[int, float], ...]) -> tuple[LogWeight, float]:
    terms = _paired(factors)
    scale, error = min(exponent for _, exponent in factors), 1e-13
    weight = terms[0]
    for number, term in enumerate(terms[1:], start=2):
        weight = partial(_convolved, weight, term, 0.1 * scale)
        if number < len(terms):
            # What is convolved with it sees smaller z than are wanted in the end.
            deeper = _MORE * (len(terms) - number) * max(exponent for _, exponent in factors)
            table = tabulated(partial(_per_length, weight), signs=(1.0,), deeper=deeper)
            weight, error = partial(_per_logarithm, table), error + table.error
    if len(terms) == 1:
        return partial(_per_length, weight), error
    table = tabulated(partial(_per_length, weight), signs=(1.0,))
    return table, error + table.error


def _paired(factors: Sequence[tuple[int, float]]) -> list[LogDensity]:
    """Return the densities of y, those of two factors with the same exponent together."""
    left = sorted(factors, key=lambda each: each[1])
    terms: list[LogDensity] = []
    while left:
        size, exponent = left.pop()
        if left and left[-1][1] == exponent:
            terms.append(partial(_log_pair, size, left.pop()[0], exponent))
        else:
            terms.append(partial(_log_single, size, exponent))
    return terms


def _log_single(size: int, exponent: float, y: FloatArray) -> FloatArray:
    with np.errstate(over="ignore"):
        return np.asarray(size * y / exponent - np.exp(2.0 * y / exponent) / 2.0)


def _log_pair(first: int, second: int, exponent: float, y: FloatArray) -> FloatArray:
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        x = np.exp(y / exponent)
        order = abs(first - second) / 2.0
        bessel = np.log(kve(order, x)) - x
        small = (gammaln(order) + (order - 1.0) * np.log(2.0) if order else 0.0) - order * y / exponent
        if order == 0.0:
            small = np.log(np.maximum(np.log(2.0) - np.euler_gamma - y / exponent, 1e-300))
        bessel = np.where(np.isfinite(bessel), bessel, np.where(x > 1.0, -np.inf, small))
        return np.asarray((first + second) * y / (2.0 * exponent) + bessel)


def _per_length(weight: LogDensity, z: FloatArray) -> FloatArray:
    """Return the log-density w.r.t. dz of one w.r.t. d log z."""
    y = np.log(np.maximum(z, 1e-300))
    return np.asarray(weight(y) - y)


def _per_logarithm(weight: LogWeight, y: FloatArray) -> FloatArray:
    """Return the log-density w.r.t. d log z of one w.r.t. dz."""
    with np.errstate(over="ignore"):
        return np.asarray(weight(np.exp(np.minimum(y, 700.0))) + y)


def _convolved(first: LogDensity, second: LogDensity, step: float, y: FloatArray) -> FloatArray:
    """Return the log of int exp(first(y - s) + second(s)) ds by the trapezoidal rule, row by row."""
    result = np.full(y.shape, -np.inf)
    low, high = _ends(first, second, y)
    (known,) = np.nonzero(high > low)
    # Between the ends there are 90 points at least, as a narrow peak is a Gaussian there.
    count = np.ceil(np.maximum((high - low)[known] / step, 90.0)).astype(int)
    order = np.argsort(count)
    while order.size:
        most = max(1, min(order.size, _BLOCK // int(count[order[min(order.size, 256) - 1]])))
        mine, order = order[: min(most, 256)], order[min(most, 256) :]
        rows = known[mine]
        share = np.linspace(0.0, 1.0, int(count[mine].max()) + 1)
        s = low[rows, None] + (high - low)[rows, None] * share
        values = first(y[rows, None] - s) + second(s)
        top = values.max(axis=1)
        total = np.exp(values - top[:, None]).sum(axis=1)
        result[rows] = top + np.log(total * (high - low)[rows] * share[1])
    return result


def _ends(first: LogDensity, second: LogDensity, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return between which ends the concave integrand is above exp(-45) of its peak; equal ends where it is nothing."""

    def integrand(s: FloatArray) -> FloatArray:
        values = first(y - s) + second(s)
        return np.asarray(np.where(np.isnan(values), -np.inf, values))

    # Far to the right of 0 the second factor is nothing, far to the right of y the first: the peak lies between.
    low, high = np.minimum(y, 0.0) - 400.0, np.maximum(y, 0.0) + 400.0
    left, right = low, high
    for _ in range(_SEARCH):
        a, b = left + (right - left) * 0.382, left + (right - left) * 0.618
        at_a, at_b = integrand(a), integrand(b)
        first_is_higher, second_is_higher = at_a > at_b, at_a < at_b
        both_vanish = ~first_is_higher & ~second_is_higher & np.isneginf(at_a)
        # Where the integrand is nothing on the right it is too large in s, and on the left too small.
        vanishes = both_vanish & np.isneginf(second(a)) if both_vanish.any() else both_vanish
        left, right = (
            np.where(second_is_higher | (both_vanish & ~vanishes), a, left),
            np.where(first_is_higher | vanishes, b, right),
        )
        if not np.any(first_is_higher | second_is_higher | both_vanish):
            break
    peak = (left + right) / 2.0
    level = integrand(peak) - _DEEP
    ends = []
    for outside in (low, high):
        inner, outer = peak, outside
        for _ in range(_NEAR_ENOUGH):
            middle = (inner + outer) / 2.0
            is_in = integrand(middle) > level
            inner, outer = np.where(is_in, middle, inner), np.where(is_in, outer, middle)
        ends.append(outer)
    nothing = np.isneginf(level)
    return np.where(nothing, peak, ends[0]), np.where(nothing, peak, ends[1])
