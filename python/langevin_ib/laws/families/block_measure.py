r"""What a dynamics makes of one block (U, V), loss apart: the density of the strength s = |U||V|.

A block (m, n) has U in R^m and V in R^n, of lengths a and b, and the symmetry (rho U, V / rho). With s = a b and
t = log(a / b) the volume is a^(m-1) b^(n-1) da db = (1/2) s^((m+n-2)/2) exp(nu t) ds dt, nu = (m - n)/2, times the unit
solid angles; |U|^2 + |V|^2 = 2 s cosh t and chi = (|U|^2 - |V|^2)/2 = s sinh t. A law of s is what is left after the
orbit, the line of t, has been integrated out:

* weight decay lam: int exp(nu t - (lam s/T) cosh t) dt = 2 K_nu(lam s/T);
* soft slice kappa: int exp(nu t - (kappa s^2/2T) sinh^2 t) dt = e^x K_{nu/2}(x), x = kappa s^2/4T;
* a shell lo <= |U|^2 - |V|^2 < hi: int exp(nu t) dt between asinh(lo/2s) and asinh(hi/2s);
* the slice chi = c, that is delta(chi - c): exp(nu asinh(c/s)) / sqrt(c^2 + s^2);
* the surface measure of that slice: the same, times |grad chi| = sqrt(|U|^2 + |V|^2) = sqrt(2 sqrt(c^2 + s^2)).

Everything is done with logarithms, so that s may be 1e-300 or 1e150.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, k0e, kve

from ..integrals import PanelSeries, log_integrals

__all__ = ["BlockMeasure", "log_kve"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

_TINY = 1e-300
_CUT = 45.0  # exp(-45) is what the truncation of an orbit leaves out
_FARTHEST = 1500.0  # of t = log(a / b)
_TABLE_EDGES = np.array([-691.0, -300.0, -100.0, -40.0, -30.0, -20.0, -10.0, 0.0, 10.0, 20.0])  # of log s


@dataclass(frozen=True, kw_only=True)
class BlockMeasure:
    """The measure of a block (m, n) under a dynamics, in units in which chi = (|U|**2 - |V|**2) / 2.

    Parameters
    ----------
    m, n : int
        The dimensions of U and V.
    temperature : float
        T.
    weight_decay, stiffness : float
        Of the potential (weight_decay / 2) |x|**2 + (stiffness / 2) chi**2.
    window : (float, float), optional
        The shell lo <= |U|**2 - |V|**2 < hi on which the law is conditioned.
    level : float, optional
        The value of chi on the slice; None where there is no slice.
    rigid : bool
        If the measure on the slice is that of its surface, and not delta(chi - level).
    numerical : bool
        If the integral over an orbit is to be done numerically even where a closed form is known.
    """

    m: int
    n: int
    temperature: float
    weight_decay: float = 0.0
    stiffness: float = 0.0
    window: tuple[float, float] | None = None
    level: float | None = None
    rigid: bool = False
    numerical: bool = False

    @property
    def nu(self) -> float:
        """Half the excess of dimensions of U."""
        return (self.m - self.n) / 2.0

    @property
    def power(self) -> float:
        """The exponent p of the factor s**p that all these densities have."""
        return (self.m + self.n - 2) / 2.0

    @property
    def is_confined(self) -> bool:
        """Whether the integral over an orbit is finite."""
        bounded = self.window is not None and all(map(math.isfinite, self.window))
        return self.level is not None or self.weight_decay > 0.0 or self.stiffness > 0.0 or bounded

    @property
    def is_closed(self) -> bool:
        """Whether the integral over the orbit is known in closed form."""
        return self.level is not None or sum([self.weight_decay > 0, self.stiffness > 0, self.window is not None]) == 1

    @property
    def exponent_at_zero(self) -> float:
        """The e of s**e, the behaviour of the density of s at 0; 0 may hide a logarithm, see `is_infinite_at_zero`."""
        if self.level is None:
            return min(self.m, self.n) - 1.0
        if self.level != 0.0:
            return (self.n if self.level > 0.0 else self.m) - 1.0
        return (self.m + self.n - 4 + self.rigid) / 2.0

    @property
    def is_infinite_at_zero(self) -> bool:
        """Whether the density of s has no finite limit at s = 0."""
        meets_zero = self.window is None or self.window[0] < 0.0 < self.window[1]
        logarithm = self.level is None and self.m == self.n == 1 and meets_zero
        return self.exponent_at_zero < 0.0 or logarithm

    def log_strength(self, s: FloatArray) -> FloatArray:
        """Return the log of the density w.r.t. ds, per unit of both solid angles; s >= 0."""
        safe = np.maximum(s, _TINY)
        with np.errstate(all="ignore"):
            values = self._on_slice(safe) if self.level is not None else self._on_orbits(safe)
        return np.where(s == 0.0, np.inf, values) if self.is_infinite_at_zero else values

    def log_radial(self, s: FloatArray) -> FloatArray:
        """Return the log of the density w.r.t. flat measure: that of rank-one matrices, s**(m+n-2) ds per unit angles.

        For uv that is dtheta, for a neuron z = v w it is dz.
        """
        with np.errstate(divide="ignore"):
            return np.asarray(self.log_strength(s) - (self.m + self.n - 2) * np.log(np.maximum(s, _TINY)))

    def _on_slice(self, s: FloatArray) -> FloatArray:
        c = float(self.level or 0.0)
        radius, log_s = np.hypot(c, s), np.log(s)
        log_radius = np.log(radius)
        log_weight = self.power * log_s - np.log(2.0) - log_radius
        if self.nu and c:  # nu asinh(c/s), to as many decimals as the logarithm of s has
            log_weight = log_weight + math.copysign(self.nu, c * self.nu) * (np.log(abs(c) + radius) - log_s)
        if self.rigid:
            log_weight = log_weight + 0.5 * (np.log(2.0) + log_radius)
        return np.asarray(log_weight - self.weight_decay / self.temperature * radius)

    def _on_orbits(self, s: FloatArray) -> FloatArray:
        nu, T = self.nu, self.temperature
        if self.numerical or not self.is_closed:
            rest = self._numerically(s) if self.numerical else _orbit_table(self)(s)
            along = rest - self.weight_decay / T * s
        elif self.weight_decay > 0.0:
            log_x = math.log(self.weight_decay) - math.log(T) + np.log(s)
            along = math.log(2.0) + log_kve(nu, log_x) - np.exp(log_x)
        elif self.stiffness > 0.0:
            along = log_kve(nu / 2.0, math.log(self.stiffness) - math.log(4.0 * T) + 2.0 * np.log(s))
        else:
            low, high = (_asinh_of_ratio(end, 2.0 * s) for end in self.window or (0.0, 0.0))
            along = _log_exponential_integral(nu, low, high)
        return np.asarray(self.power * np.log(s) + along - math.log(2.0))

    def _numerically(self, s: FloatArray) -> FloatArray:
        """Return the log of the integral over the orbit without exp(-lam s/T), its main part for a large s."""
        log_a = np.log(s) + (math.log(self.weight_decay / self.temperature) if self.weight_decay else -np.inf)
        log_b = 2.0 * np.log(s) + (math.log(self.stiffness / 2.0 / self.temperature) if self.stiffness else -np.inf)
        low, high = np.full(s.shape, -_FARTHEST), np.full(s.shape, _FARTHEST)
        if self.window is not None:
            low, high = (np.clip(_asinh_of_ratio(end, 2.0 * s), -_FARTHEST, _FARTHEST) for end in self.window)
        flat = (np.broadcast_to(x, s.shape).ravel() for x in (log_a, log_b, low, high))
        return log_orbit_integral(self.nu, *flat).reshape(s.shape)


@lru_cache(maxsize=32)
def _orbit_table(measure: BlockMeasure) -> Callable[[FloatArray], FloatArray]:
    """Return `_numerically` as a slow function of log s, tabulated once for a law and its rivals."""
    numerically = measure._numerically
    series = PanelSeries.fit(lambda log_s: numerically(np.exp(log_s)), _TABLE_EDGES)
    if not np.isfinite(series.series).all():  # a window so far away that nothing is left of its weight
        return numerically

    def function(s: FloatArray) -> FloatArray:
        values, far = series(np.log(s)), s > math.exp(_TABLE_EDGES[-1])
        if far.any():
            values[far] = numerically(s[far])
        return values

    return function


def log_orbit_integral(
    nu: float, log_a: FloatArray, log_b: FloatArray, low: FloatArray, high: FloatArray
) -> FloatArray:
    """Return the log of int exp(nu t - a (cosh t - 1) - b sinh(t)**2) dt from low to high, row by row.

    The exponent is concave, so bisection finds its maximum and where it has fallen by 45.
    """

    def exponent(t: FloatArray, rows: IndexArray | slice = slice(None)) -> FloatArray:
        # cosh t = 1 + 2 sinh(t/2)^2, and the 1 is taken out: a may be so large that nothing else would be left of it.
        return (
            nu * t - 2.0 * np.exp(log_a[rows] + _log_sinh_squared(t / 2.0)) - np.exp(log_b[rows] + _log_sinh_squared(t))
        )

    def slope(t: FloatArray) -> FloatArray:
        magnitude = np.abs(t)
        pull = np.exp(log_a + magnitude) * -np.expm1(-2.0 * magnitude) / 2.0
        pull = pull + np.exp(log_b + 2.0 * magnitude) * -np.expm1(-4.0 * magnitude) / 2.0
        return nu - np.sign(t) * pull

    with np.errstate(all="ignore"):
        mode = _bracketed(lambda t: slope(t) > 0.0, low, high)[0] if nu else np.clip(0.0, low, high)
        floor = exponent(mode) - _CUT
        left, _ = _bracketed(lambda t: exponent(t) < floor, low, mode, distance_from=mode)
        _, right = _bracketed(lambda t: exponent(t) > floor, mode, high, distance_from=mode)
    # Wide panels to begin with: for small a and b most of the orbit is a plateau.
    return log_integrals(lambda row, t: exponent(t, row), left, right, width=6.0)


def _bracketed(
    is_below: Callable[[FloatArray], NDArray[np.bool_]],
    left: FloatArray,
    right: FloatArray,
    *,
    distance_from: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Bisect to all digits, or to 5 % of the distance from somewhere: for the end of an integral that is enough."""
    for _ in range(60):
        middle = (left + right) / 2.0
        inside = is_below(middle)
        left, right = np.where(inside, middle, left), np.where(inside, right, middle)
        if distance_from is not None and np.all(right - left <= 0.05 * np.abs(middle - distance_from)):
            break
    return left, right


def _log_sinh_squared(t: FloatArray) -> FloatArray:
    size = np.abs(t)
    return np.asarray(2.0 * (size + np.log(-np.expm1(-2.0 * size)) - math.log(2.0)))


def log_kve(nu: float, log_x: FloatArray) -> FloatArray:
    """Return log(e^x K_nu(x)) for the logarithm of x, at whatever scale.

    Series at both ends: K_nu(x) = Gamma(nu) (2/x)^nu (1 + x^2/(4 - 4 nu) + ...)/2 and e^x K_nu(x) = sqrt(pi/2x)
    (1 + (4 nu^2 - 1)/8x + ...); where the function overflows for a large nu, its integral.
    """
    nu = abs(nu)
    with np.errstate(all="ignore"):
        x = np.exp(log_x)
        values = np.log(kve(nu, x) if nu else k0e(x))
        mu = 4.0 * nu * nu
        far = (mu - 1.0) / (8.0 * x) * (1.0 + (mu - 9.0) / (16.0 * x))
        large = 0.5 * (math.log(math.pi / 2.0) - log_x) + np.log1p(far)
        small = np.log(math.log(2.0) - log_x - np.euler_gamma)
        if nu > 0.0:
            small = gammaln(nu) + (nu - 1.0) * math.log(2.0) - nu * log_x
    values = np.where(log_x > math.log(1e5 * (1.0 + nu) ** 2), large, values)
    values = np.where(log_x < -600.0, small, values)
    left = ~np.isfinite(values) & np.isfinite(log_x)
    if left.any():
        reach = np.full(int(left.sum()), _FARTHEST)
        exponents = log_x[left], np.full(reach.shape, -np.inf)
        # K_nu(x) = (1/2) int exp(nu t - x cosh t) dt
        values[left] = log_orbit_integral(nu, *exponents, -reach, reach) - math.log(2.0)
    return np.asarray(values)


def _asinh_of_ratio(end: float, scale: FloatArray) -> FloatArray:
    """Return asinh(end / scale), also where the ratio overflows."""
    if math.isinf(end):
        return np.full(scale.shape, end)
    logs = np.sign(end) * (np.log(abs(end) + np.hypot(end, scale)) - np.log(scale))
    ratio = end / scale
    return np.where(np.abs(ratio) > 1e3, logs, np.arcsinh(ratio))


def _log_exponential_integral(nu: float, low: FloatArray, high: FloatArray) -> FloatArray:
    """Return log of int exp(nu t) dt from low to high: exp(nu (low + high)/2) 2 sinh(nu (high - low)/2)/nu."""
    if nu == 0.0:
        return np.asarray(np.log(high - low))
    half = abs(nu) * (high - low) / 2.0
    return np.asarray(nu * (low + high) / 2.0 + half + np.log(-np.expm1(-2.0 * half)) - math.log(abs(nu)))
