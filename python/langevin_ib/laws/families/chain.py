r"""The law of the product z = u_1 ... u_L of a chain on its slices (arXiv 2601.06597, the scalar product of depth L).

The L - 1 scalings move factors against each other, and the slice {chi^a = c_a} fixes all differences of the u_i^2:
u_i^2 = t + d_i with min d_i = 0, where t >= 0 is the one root of prod (t + d_i) = z^2. On the slice

    delta(chi - c) du = dz / e_{L-1}(u^2)   on each of the 2^(L-1) sheets over z,

with e_{L-1}(u^2) = sum_i prod_{j != i} u_j^2, which is det G: so the surface measure is dS = dz / sqrt(e_{L-1}). Where
the smallest u_i^2 is that of p of the factors, t^p ~ z^2 and e_{L-1} ~ |z|^(2 - 2/p): with p > 1, as on the level 0,
where p = L, the mass at z = 0 is infinite.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import sympy
from numpy.typing import NDArray
from scipy.special import logsumexp

from ...geometry import scaling_weights
from ...model.meaning import LinearMap
from ..line import Density, LogWeight
from ..recomputed import Recomputed
from ..request import LawRequest
from .wrong_laws import LITERAL, POWERS, existing, labelled

__all__ = ["ChainLaw"]

FloatArray = NDArray[np.float64]

_TINY = 1e-300
_DEEPEST = 12
_NEWTON = 200
_ERROR = 1e-13  # of the weight: Newton's method goes on until only rounding is left


@dataclass(frozen=True)
class ChainLaw(Recomputed):
    """The law of the product of all parameters under all scalings that leave it as it is.

    Parameters
    ----------
    request : LawRequest
        What was asked; on a slice.
    shifts : (L,) array
        The u_i**2 minus the smallest of them.
    """

    request: LawRequest
    shifts: FloatArray

    @classmethod
    def recognise(cls, request: LawRequest) -> ChainLaw | None:
        """Return the law, if the model is a chain, the observable its product, and the process lives on a slice."""
        symbols, weights = request.model.parameters, scaling_weights(request.model)
        depth = len(symbols)
        if not request.is_on_slice or weights is None or weights.shape != (depth - 1, depth) or depth > _DEEPEST:
            return None
        if sympy.expand(request.expression - sympy.Mul(*symbols)) != 0 or np.abs(weights.sum(axis=1)).max() > 0.0:
            return None
        squares = np.linalg.lstsq(weights, 2.0 * request.levels(depth - 1), rcond=None)[0]
        shifts = squares - squares.min()
        return cls(request, np.where(shifts < 1e-14 * np.abs(squares).max(), 0.0, shifts))

    def log_squares(self, z: FloatArray) -> FloatArray:
        """Return log u_i**2, shape (n, L), for z of shape (n,).

        Newton's method for log t: the sum of log(t + d_i) is convex in it, and greater than its asymptotes, so that
        none of the steps from where the first of them meets log z^2 goes too far.
        """
        target = 2.0 * np.log(np.maximum(np.abs(z), _TINY))
        shifts = self.shifts[self.shifts > 0.0]
        least = self.shifts.size - shifts.size
        y = np.minimum(target / self.shifts.size, (target - np.log(shifts).sum()) / least)
        for _ in range(_NEWTON):
            t = np.exp(y)
            larger = t + shifts[:, None]
            slope = least + (t / larger).sum(axis=0)
            step = (least * y + np.log(larger).sum(axis=0) - target) / slope
            y = y - step
            if np.all(np.abs(step) <= 4e-15 * (1.0 + np.abs(y))):
                break
        return np.asarray(np.where(self.shifts > 0.0, np.log(np.exp(y)[:, None] + self.shifts), y[:, None]))

    def log_weight(self, z: FloatArray) -> FloatArray:
        """Return the log of the density w.r.t. dz, summed over the sheets."""
        squares = self.log_squares(z)
        values = self.log_sheets(z, squares) - self.share * self.log_gram(squares)
        return np.where((z == 0.0) & (np.count_nonzero(self.shifts == 0.0) > 1), np.inf, values)

    @property
    def share(self) -> float:
        """The power of 1 / det G in the density w.r.t. dz: 1, or 1/2 for the surface measure."""
        return 0.5 if self.request.is_rigid else 1.0

    def log_gram(self, squares: FloatArray) -> FloatArray:
        """Return log det G = log e_{L-1}(u**2) on the slice, by the log u_i**2."""
        least = squares[:, [np.argmin(self.shifts)]]
        return np.asarray(squares.sum(axis=1) - least[:, 0] + np.log(np.exp(least - squares).sum(axis=1)))

    def log_sheets(self, z: FloatArray, squares: FloatArray) -> FloatArray:
        """Return the log of the sum of exp(-V/T) over the sheets above z, by the log u_i**2 there.

        Of sheets on which V is the same there is one for all.
        """
        magnitudes = np.exp(squares / 2.0)
        sheets = []
        for signs in itertools.product(*((1.0,) if even else (1.0, -1.0) for even in self.even)):
            last = math.prod(signs) * np.where(z < 0.0, -1.0, 1.0)
            u = [*(sign * magnitudes[:, i] for i, sign in enumerate(signs)), last * magnitudes[:, -1]]
            sheets.append(-self.request.potential(*u) / self.request.T)
        return np.asarray(sheets[0] if len(sheets) == 1 else logsumexp(sheets, axis=0)) + sum(self.even) * math.log(2.0)

    @cached_property
    def even(self) -> list[bool]:
        """Whether V is seen not to change with the signs of a factor and the last one, for all but that."""
        model, last = self.request.model, self.shifts.size - 1
        flips = (LinearMap.reflection(model.dim, [place, last]) for place in range(last))
        return [flip.keeps_formula(model.potential(), model.parameters) for flip in flips]

    def density(self) -> Density:
        """Return the law.

        Raises
        ------
        NotNormalizableError
            If its mass is infinite.
        """
        smallest = np.count_nonzero(self.shifts == 0.0)
        remedy = (
            f"{smallest} of the factors are smallest on this slice, and vanish together at 0; give levels that "
            f"leave one of them the smallest, or given=({self.request.observable!r}, lo, hi) away from 0"
        )
        method = "quadrature" if self.request.method == "quadrature" else "closed form"
        remedy = remedy[0].upper() + remedy[1:]
        return self.request.weighted(
            self.log_weight, breaks=self.request.breaks, method=method, remedy=remedy, error=_ERROR
        )

    def rivals(self, cutoff: float | None = None) -> dict[str, Density]:
        """Return the laws with other corrections."""
        weights: dict[str, tuple[str, LogWeight]] = {
            key: (text, partial(self._log_powered, exponent)) for key, (exponent, text) in POWERS.items()
        }
        weights["equation (6)"] = (LITERAL, self._log_literal)
        return existing({key: partial(self._rival, key, *each) for key, each in weights.items()})

    def _rival(self, key: str, text: str, log_weight: LogWeight) -> Density:
        return labelled(self.request, key, text).weighted(log_weight)

    def _log_powered(self, exponent: float, z: FloatArray) -> FloatArray:
        squares = self.log_squares(z)
        return self.log_sheets(z, squares) - exponent * self.share * self.log_gram(squares)

    def _log_literal(self, z: FloatArray) -> FloatArray:
        sheets = self.log_sheets(z, self.log_squares(z))
        return np.asarray(sheets - (1.0 - 1.0 / self.shifts.size) * np.log(np.maximum(np.abs(z), _TINY)))
