r"""The second integration for laws on the canonical slice of scalings: importance sampling in all of space.

A point x of R^d lies on the orbit of one point s of the slice, x_i = exp(sum_a tau_a w_ai) s_i. Orbits meet the slice
at right angles, so that with the Gram matrix H_ab = sum_i w_ai w_bi s_i^2 of the generators

    dx  =  exp(sum_ai tau_a w_ai) (det H)^(1/2) dS dtau,

and if pi(s) dS is the law on the slice, and h(tau) any density, then

    p(x)  =  pi(s) h(tau) exp(-sum_ai tau_a w_ai) (det H)^(-1/2)

is a density on R^d under which s has the law pi. No curve is traced, no equation solved for a pivot, and no orbit is
integrated over: the point s is found by Newton's method or a square root, and V and the observable are evaluated there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import sympy
from numpy.typing import NDArray

from .target import Target, finite

__all__ = ["OnSlice"]

FloatArray = NDArray[np.float64]

_SPREAD = 0.3  # of tau under h
_STEPS, _LONGEST, _SETTLED = 60, 3.0, 1e-12


@dataclass(frozen=True, kw_only=True)
class OnSlice(Target):
    """What a law on a slice is one of; points stand for those of the slice on their orbits.

    Parameters
    ----------
    weights : (k, d) array
        The scalings x_i -> exp(w_ai) x_i.
    levels : (k,) array
        The values of the constraints sum_i w_ai x_i**2 / 2.
    rigid : bool
        If the law is exp(-V/T) dS, without (det G)**(-1/2).
    """

    weights: FloatArray = field(repr=False)
    levels: FloatArray
    rigid: bool

    @property
    def wanted(self) -> float:
        """The standard errors that the second integration goes on for."""
        return 0.0032

    @property
    def has_to_tell(self) -> bool:
        """Whether a law is refused if the second integration is not exact enough to tell."""
        return False

    def function(self, expression: sympy.Expr) -> Callable[[FloatArray], FloatArray]:
        """Return an expression as a function of points, shape (n, d): its value on the slice."""
        inner = super().function(expression)
        return lambda x: inner(self._projected(x)[0])

    def log_weight(self) -> Callable[[FloatArray], FloatArray]:
        """Return log p, without the condition."""
        potential = super().function(self.potential)

        def log_weight(x: FloatArray) -> FloatArray:
            with np.errstate(all="ignore"):
                point, tau = self._projected(x)
                log_det = self._log_det(point**2)
                log_h = -np.square(tau / _SPREAD).sum(axis=1) / 2.0 - tau @ self.weights.sum(axis=1)
                logs = log_h - (0.5 if self.rigid else 1.0) * log_det - potential(point) / self.temperature
            return finite(np.where(np.isnan(logs), -np.inf, logs))

        return log_weight

    def _log_det(self, squares: FloatArray) -> FloatArray:
        """Return log det G for rows of x_i**2."""
        shared = (self.weights != 0.0).sum(axis=0)
        if shared.max() <= 1:
            return np.asarray(np.log(squares @ np.square(self.weights).T).sum(axis=1))
        gram = np.einsum("ai,bi,ni->nab", self.weights, self.weights, squares)
        return np.asarray(np.linalg.slogdet(np.where(np.isfinite(gram), gram, 0.0))[1])

    def _projected(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return s and tau; nan where they were not found. Scalings with weights of one size that share no parameter are quadratic equations.

        Of others -tau minimises the convex function sum_i x_i^2 exp(2 sum_a t_a w_ai)/4 - level . t; it starts where
        the squares are as equal as they can be, and steps are cut to a length.
        """
        sizes = [np.abs(own[own != 0.0]) for own in self.weights]
        if (self.weights != 0.0).sum(axis=0).max() <= 1 and all(np.ptp(size) == 0.0 for size in sizes):
            return self._rescaled(x)
        size, todo = np.eye(len(self.weights)), np.arange(len(x))
        design = np.vstack([self.weights, np.ones(x.shape[1])]).T
        with np.errstate(all="ignore"):
            t = -(np.linalg.pinv(design) @ np.log(np.maximum(np.abs(x), 1e-300)).T)[:-1].T
            for _ in range(_STEPS):
                squares = np.square(x[todo]) * np.exp(2.0 * t[todo] @ self.weights)
                slope = squares @ self.weights.T / 2.0 - self.levels
                scale = squares @ np.abs(self.weights).T / 2.0 + np.abs(self.levels)
                open_rows = np.abs(slope).max(axis=1) > _SETTLED * scale.max(axis=1)
                todo, squares, slope = todo[open_rows], squares[open_rows], slope[open_rows]
                if not todo.size:
                    break
                hessian = np.einsum("ai,bi,ni->nab", self.weights, self.weights, squares)
                ridge = 1e-14 * np.einsum("naa->n", hessian) + 1e-290
                usable = np.isfinite(hessian).all(axis=(1, 2))
                hessian = np.where(usable[:, None, None], hessian + ridge[:, None, None] * size, size)
                step = -np.linalg.solve(hessian, slope[..., None])[..., 0]
                length = np.abs(step @ self.weights).max(axis=1)
                t[todo] += step * np.minimum(1.0, _LONGEST / np.maximum(length, 1e-300))[:, None]
            t[todo] = np.nan
            return x * np.exp(t @ self.weights), -t

    def _rescaled(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the same for (U, V) -> (s**w U, s**-w V) that share nothing.

        y = exp(-2 w tau) has |U|^2 y - |V|^2 / y = 2 level / w.
        """
        point, tau, squares = x.copy(), np.empty((len(x), len(self.weights))), np.square(x)
        for a, (weights, level) in enumerate(zip(self.weights, self.levels, strict=True)):
            w = np.abs(weights).max()
            plus, minus, half = squares @ (weights > 0.0), squares @ (weights < 0.0), level / w
            with np.errstate(all="ignore"):
                root = np.sqrt(half**2 + plus * minus)
                # Whichever has no difference in it.
                tau[:, a] = -np.log((half + root) / plus if half >= 0.0 else minus / (root - half)) / (2.0 * w)
                for i in np.flatnonzero(weights):
                    point[:, i] *= np.exp(-tau[:, a] * weights[i])
        return point, tau
