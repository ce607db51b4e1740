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
from functools import cached_property

import numpy as np
import sympy
from numpy.typing import NDArray

from .target import Target, finite

__all__ = ["OnSlice"]

FloatArray = NDArray[np.float64]

_SPREAD = 0.3  # of tau under h
_STEPS, _LONGEST, _SETTLED = 60, 3.0, 1e-12
_FEW_LEFT = 0.3
"""Points that are done are put aside once this share of them is."""


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

    def as_written(self, expression: sympy.Expr) -> Callable[[FloatArray], FloatArray]:
        """Return an expression as a function of points of the slice."""
        return super().function(expression)

    def function(self, expression: sympy.Expr) -> Callable[[FloatArray], FloatArray]:
        """Return an expression as a function of points, shape (n, d): its value on the slice."""
        inner = self.as_written(expression)
        return lambda x: inner(self._on_slice(x)[0])

    def log_weight(self) -> Callable[[FloatArray], FloatArray]:
        """Return log p, without the condition."""
        potential = self.as_written(self.potential)

        def log_weight(x: FloatArray) -> FloatArray:
            with np.errstate(all="ignore"):
                point, tau = self._on_slice(x)
                log_det = self.log_det(point**2)
                log_h = -np.square(tau / _SPREAD).sum(axis=1) / 2.0 - tau @ self.weights.sum(axis=1)
                logs = log_h - (0.5 if self.rigid else 1.0) * log_det - potential(point) / self.temperature
            return finite(np.where(np.isnan(logs), -np.inf, logs))

        return log_weight

    def log_det(self, squares: FloatArray) -> FloatArray:
        """Return log det G for rows of x_i**2."""
        if (self.weights != 0.0).sum(axis=0).max() <= 1:
            return np.asarray(np.log(squares @ np.square(self.weights).T).sum(axis=1))
        return np.asarray(2.0 * sum(np.log(own[-1]) for own in _root(self.weights, squares.T)))

    @cached_property
    def _last(self) -> dict[str, tuple[FloatArray, tuple[FloatArray, FloatArray]]]:
        return {}

    def _on_slice(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return `_projected`; the weight and the observable at the same points need it once."""
        last = self._last.get("points")
        if last is None or last[0] is not x:
            last = self._last["points"] = (x, self._projected(x))
        return last[1]

    def _projected(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return s and tau; nan where they were not found.

        Scalings with weights of one size that share no parameter are quadratic equations.

        Of others -tau minimises the convex function sum_i x_i^2 exp(2 sum_a t_a w_ai)/4 - level . t; it starts where
        the squares are as equal as they can be, and steps are cut to a length.
        """
        sizes = [np.abs(own[own != 0.0]) for own in self.weights]
        if (self.weights != 0.0).sum(axis=0).max() <= 1 and all(np.ptp(size) == 0.0 for size in sizes):
            return self._rescaled(x)
        w, levels = self.weights, self.levels[:, None]
        design = np.vstack([w, np.ones(x.shape[1])]).T
        found = np.full((len(w), len(x)), np.nan)
        with np.errstate(all="ignore"):
            squares = np.square(x.T)
            todo, t = np.arange(len(x)), -(np.linalg.pinv(design) @ np.log(np.maximum(np.abs(x), 1e-300)).T)[:-1]
            for _ in range(_STEPS):
                at = squares * np.exp(2.0 * (w.T @ t))
                slope = w @ at / 2.0 - levels
                scale = np.abs(w) @ at / 2.0 + np.abs(levels)
                settled = np.abs(slope).max(axis=0) <= _SETTLED * scale.max(axis=0)
                if settled.mean() > _FEW_LEFT:
                    found[:, todo[settled]] = t[:, settled]
                    left = ~settled
                    todo, t, squares, at, slope = todo[left], t[:, left], squares[:, left], at[:, left], slope[:, left]
                if not todo.size:
                    break
                step = -_solved(_root(w, at, 1e-14), slope)
                length = np.abs(w.T @ step).max(axis=0)
                t = t + np.where(np.isfinite(step), step, -slope) * np.minimum(
                    1.0, _LONGEST / np.maximum(length, 1e-300)
                )
            return x * np.exp(found.T @ w), -found.T

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


def _root(weights: FloatArray, squares: FloatArray, ridge: float = 0.0) -> list[list[FloatArray]]:
    """Return the rows of Cholesky's root of sum_i w_ai w_bi squares_i, for all points at once."""
    matrix = [[(weights[a] * weights[b]) @ squares for b in range(a + 1)] for a in range(len(weights))]
    more = ridge * sum(own[-1] for own in matrix) + (1e-290 if ridge else 0.0)
    rows: list[list[FloatArray]] = []
    for a, own in enumerate(matrix):
        rows.append([])
        for b in range(a):
            rows[a].append((own[b] - sum(rows[a][c] * rows[b][c] for c in range(b))) / rows[b][b])
        rows[a].append(np.sqrt(own[a] + more - sum(np.square(part) for part in rows[a])))
    return rows


def _solved(root: list[list[FloatArray]], slope: FloatArray) -> FloatArray:
    """Return the solutions of the equations with this root, shape (k, n)."""
    y: list[FloatArray] = []
    for own, right in zip(root, slope, strict=True):
        y.append((right - sum(part * known for part, known in zip(own, y, strict=False))) / own[-1])
    for a in reversed(range(len(y))):
        y[a] = (y[a] - sum(root[c][a] * y[c] for c in range(a + 1, len(y)))) / root[a][a]
    return np.array(y)
