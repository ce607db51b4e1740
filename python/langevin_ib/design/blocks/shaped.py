r"""Any penalty that is concave in z², by weight decay: z = u g(v) with a function g made for it.

For psi concave and non-decreasing, psi(t) = min over eta of (t/eta + phi(eta))/2 with phi increasing, so that z = u
g(v) with g(v)² = eta where phi(eta) = v² has min (u² + v²)/2 = psi(z²) (half-quadratic duality; Geman and Reynolds,
IEEE PAMI 14 (1992) 367). The minimum is at eta = 1/(2 psi'(t)), phi = 2 (psi(t) - t psi'(t)): t is the parameter of the
curve (v, g(v)).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from ...checks import shown
from ...errors import InvalidArgumentError, UnsupportedModelError
from ...model import Symmetry
from ..coefficient import Coefficient
from ..penalties import Formula
from .block import Block, FloatArray

__all__ = ["Shaped"]

_PLACES = np.concatenate([[0.0], np.geomspace(1e-12, 1e12, 481)])
_SEARCH = 200
_NEXT_TO_ZERO = 1e-60


@dataclass(frozen=True)
class Shaped(Block):
    """z = u g(v); parameters u and v, v >= 0 in the range that g has.

    Parameters
    ----------
    psi : sympy.Expr
        The penalty for lam = 1, as a function of t = z².
    t : sympy.Symbol
        Its argument.
    """

    psi: sympy.Expr
    t: sympy.Symbol

    @classmethod
    def of(cls, psi: Callable[[sympy.Symbol], sympy.Expr]) -> Shaped:
        """Return the block of a penalty, given as a function of t = z².

        Raises
        ------
        InvalidArgumentError
            If it is no function of t alone, not 0 at 0, or not concave and non-decreasing; names the place.
        """
        t = sympy.Symbol("t", nonnegative=True)
        try:
            formula = sympy.sympify(psi(t))
        except Exception as error:
            raise InvalidArgumentError(f"psi={shown(psi)} must take t = z² and return an expression: {error}") from None
        if not isinstance(formula, sympy.Expr) or formula.free_symbols - {t}:
            raise InvalidArgumentError(f"psi(t) = {shown(formula)} must be an expression of t = z² and of nothing else")
        block = cls(formula, t)
        block._check()
        return block

    def _check(self) -> None:
        with np.errstate(all="ignore"):
            value, slope = self._value(_PLACES), self._slope(_PLACES)
        if not np.isfinite(value).all() or abs(value[0]) > 1e-9:
            raise InvalidArgumentError(
                f"psi(t) = {self.psi} must be finite for t >= 0, and 0 at t = 0, as the penalty of z = 0 is"
            )
        slope[0] = np.inf if not np.isfinite(slope[0]) else slope[0]
        rising = np.flatnonzero(np.diff(slope) > 1e-9 * np.abs(slope[1:]))
        if rising.size or np.any(slope < -1e-12) or np.isnan(slope).any():
            place = _PLACES[rising[0] + 1] if rising.size else _PLACES[int(np.argmin(np.nan_to_num(slope, nan=-1.0)))]
            raise InvalidArgumentError(
                f"psi(t) = {self.psi} must be concave and non-decreasing in t = z², and is not at t = {place:.3g}: "
                "weight decay of u g(v) makes no other penalties"
            )

    @cached_property
    def _value(self) -> Callable[[FloatArray], FloatArray]:
        return _Function(self.t, self.psi)

    @cached_property
    def _slope(self) -> Callable[[FloatArray], FloatArray]:
        return _Function(self.t, sympy.diff(self.psi, self.t))

    @cached_property
    def _bend(self) -> Callable[[FloatArray], FloatArray]:
        return _Function(self.t, sympy.diff(self.psi, self.t, 2))

    @cached_property
    def end(self) -> float | None:
        """The |z| from which on psi is flat, so that g is infinite; a little less, and None if there is none."""
        if self._slope(_PLACES[-1:])[0] > 0.0:
            return None
        low, high = -700.0, 700.0
        for _ in range(_SEARCH):
            middle = (low + high) / 2.0
            low, high = (middle, high) if self._slope(np.exp([middle]))[0] > 0.0 else (low, middle)
        return float(np.exp(low / 2.0) * (1.0 - 1e-9))

    def curve(self, z: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return g² = eta and phi = v² for which |z| = `z` is cheapest, and their derivatives by it."""
        t, two_z = z**2, 2.0 * z
        slope, bend = self._slope(t), self._bend(t)
        eta_slope = -bend / (2.0 * slope**2) * two_z
        return 1.0 / (2.0 * slope), self._phi(t), eta_slope, -2.0 * t * bend * two_z

    @property
    def shape(self) -> tuple[int, int]:
        """One feature and two parameters."""
        return 1, 2

    @property
    def words(self) -> str:
        """What it is."""
        return f"u g(v) for the penalty {self.psi}, t = z²"

    @property
    def coefficient(self) -> Coefficient:
        """Refuse: there is no symmetry."""
        raise UnsupportedModelError(f"{self.words} has no symmetry, and so no slice; its mechanism is WeightDecay")

    def names(self, number: int) -> list[str]:
        """Return u0, v0."""
        return [f"u{number}", f"v{number}"]

    def square(self, v: FloatArray) -> FloatArray:
        """Return t with phi = v², by bisection in log t; infinite where v is beyond the range of g."""
        low, high = np.full(v.shape, -700.0), np.full(v.shape, 700.0)
        with np.errstate(all="ignore"):
            for _ in range(_SEARCH):
                middle = (low + high) / 2.0
                is_below = self._phi(np.exp(middle)) < v**2
                low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
        return np.asarray(np.where(v == 0.0, 0.0, np.where(high >= 700.0, np.inf, np.exp(high))))

    def _phi(self, t: FloatArray) -> FloatArray:
        return np.asarray(2.0 * (self._value(t) - t * self._slope(t)))

    def g(self, v: FloatArray) -> FloatArray:
        """Return g(v) = 1/sqrt(2 psi'(t)), even in v.

        Raises
        ------
        InvalidArgumentError
            If |v| is beyond the range of g, where the penalty is flat.
        """
        t = self.square(np.abs(v))
        if np.isinf(t).any():
            raise InvalidArgumentError(
                f"v={np.ravel(np.abs(v)).max():.6g} is beyond the range of g, at whose end the penalty {self.psi} is "
                "flat and g infinite; take smaller steps"
            )
        with np.errstate(divide="ignore"):
            return np.asarray(1.0 / np.sqrt(2.0 * self._slope(t)))

    def predict(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return u g(v)."""
        if x.dtype == object:
            return np.array([*np.ravel(x[..., 0] * self._formula(x[..., 1]))], dtype=object).reshape(*x.shape[:-1], 1)
        return np.asarray((x[..., 0] * self.g(x[..., 1]))[..., None])

    def _formula(self, v: NDArray[Any]) -> NDArray[Any]:
        """Return g of symbols: phi(t) = v² solved for t near 0, if that is a formula that holds in all of the range."""
        y, t = sympy.Symbol("y", positive=True), sympy.Symbol("t", positive=True)
        psi = self.psi.subs(self.t, t)
        first = psi.args[0].args[0] if isinstance(psi, sympy.Piecewise) else psi
        try:
            found = sympy.solve(2 * (first - t * sympy.diff(first, t)) - y, t)
            g = sympy.simplify(1 / sympy.sqrt(2 * sympy.diff(first, t).subs(t, found[0])))
        except (IndexError, NotImplementedError):
            g = sympy.nan
        places = np.linspace(0.05, 0.95, 19) * (np.sqrt(self._phi(np.array([self.end**2 if self.end else 4.0])))[0])
        with np.errstate(all="ignore"):
            values = np.asarray(_Function(y, g)(places**2))
        if not g.free_symbols <= {y} or not np.allclose(values, self.g(places), rtol=1e-6, equal_nan=False):
            raise UnsupportedModelError(
                f"g of {self.words} is known by numbers only, so that it has no model; mcp and power have formulas"
            )
        return np.array([g.subs(y, each**2) for each in np.ravel(v)], dtype=object).reshape(v.shape)

    def jacobian(self, x: FloatArray) -> FloatArray:
        """Return g(v) and u g'(v)."""
        u, g = x[..., 0], self.g(x[..., 1])
        return np.stack([g, u * self.steepness(x[..., 1])], axis=-1)[..., None, :]

    def steepness(self, v: FloatArray) -> FloatArray:
        """Return g'(v) = v/(4 psi'² t g), since g dg/dt = -psi''/(4 psi'²), v dv/dt = -t psi''; at 0 the limit."""
        v = np.where(v == 0.0, _NEXT_TO_ZERO, v)
        t = self.square(np.abs(v))
        with np.errstate(all="ignore"):
            return np.asarray(v / (4.0 * self._slope(t) ** 2 * t * self.g(v)))

    def lift(self, z: FloatArray, level: Any) -> FloatArray:
        """Return the cheapest u and v."""
        del level
        t = z[..., 0] ** 2
        if np.any(t == 0.0):
            where = np.flatnonzero(np.ravel(t) == 0.0)[:5].tolist()
            raise InvalidArgumentError(f"features {where} are zero, where u and v may never move; begin at init(scale)")
        v = np.sqrt(self._phi(t))
        return np.stack([z[..., 0] * np.sqrt(2.0 * self._slope(t)), v], axis=-1)

    def init(self, scale: float) -> FloatArray:
        """Return u = 0 and v = scale."""
        self.g(np.array([scale]))
        return np.array([0.0, scale])

    def symmetries(self, x: Sequence[sympy.Symbol]) -> tuple[Symmetry, ...]:
        """Return none."""
        del x
        return ()

    def under_decay(self, lam: float) -> Formula:
        """Return lam psi(z²)."""
        return Formula(
            lambda r: np.asarray(lam * self._value(r**2)),
            lambda r: sympy.nsimplify(lam) * self.psi.subs(self.t, r**2),
        )


class _Function:
    """A formula of one symbol as a function of arrays; it is pickled as the formula, as SymPy's functions cannot be."""

    def __init__(self, t: sympy.Symbol, formula: sympy.Expr) -> None:
        self._content = (t, formula)
        self._raw = sympy.lambdify([t], formula, modules=["scipy", "numpy"])

    def __call__(self, values: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            found = self._raw(np.asarray(values, dtype=np.float64))
        return np.array(np.broadcast_to(found, np.shape(values)), dtype=np.float64)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._content
