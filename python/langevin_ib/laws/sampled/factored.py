"""Slices of the diagonal group on U Vᵀ by those of all of GL(r), which straighten the ridges where columns cancel.

A scaling for each pair of columns leaves T = U Vᵀ the freedom (U g, V g⁻ᵀ): two columns may be large if they nearly
cancel, so far out that lengths have no mean, and in these coordinates nothing finds the way there. Nearly every (U, V)
is (U₀ W d, V₀ W⁻ᵀ d⁻¹) with U₀ᵀU₀ = V₀ᵀV₀, a matrix W with columns of any length, and the diagonal d that leads to
|U_j|² - |V_j|² = 2 c_j. Orbits of GL(r) disintegrate Lebesgue measure, dU dV = |det g|**(m - n) dμ(g) nu, where μ is
Haar measure, dW d(log d) / |det W|**r for W with columns of length 1, and nu is det G delta(chi₀) dU₀ dV₀ for the slice
of GL(r) with its Gram matrix G. So with a_j = |(U₀ W)_j|², b_j = |(V₀ W⁻ᵀ)_j|², on the slice of the diagonal group

    delta(chi) dU dV = |det W|**(m - n - r) prod_j d_j**(m - n) / (a_j d_j² + b_j / d_j²) det G delta(chi₀) dU₀ dV₀ dW.

The rotations of U₀, which W undoes, are counted once more each; they have the same volume at all points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...geometry import Factorization
from ...process import Slice
from .steps import Factors, Step, Triangle, cross_of, log_det_of, root_of

__all__ = ["FactoredChart"]

FloatArray = NDArray[np.float64]
Columns = list[list[FloatArray]]
"""A matrix for each of n points, entry by entry."""


@dataclass(frozen=True, eq=False)
class FactoredChart:
    """The slice of the diagonal group, in coordinates (U₀, V₀, W) as `SliceChart` has them.

    Parameters
    ----------
    form : Factorization
        U and V.
    levels : tuple of float
        The c_j.
    is_rigid : bool
        Whether the measure is that of surface.
    step : Step
        What leads to the slice of GL(r).
    """

    form: Factorization
    levels: tuple[float, ...]
    is_rigid: bool
    step: Step

    @classmethod
    def of(cls, place: Slice, *, is_rigid: bool) -> FactoredChart | None:
        """Return the chart; None if the slice is none of the diagonal group on U Vᵀ, or U or V has not full rank."""
        form = Factorization.recognise(place.model)
        if form is None or form.is_full or min(form.m, form.n) < form.rank:
            return None
        group = Factors(np.array(form.left), np.array(form.right), np.zeros((form.rank, form.rank)))
        step = group.solved(set())
        return None if step is None else cls(form, place.levels, is_rigid, step)

    @property
    def dim(self) -> int:
        """The number of coordinates."""
        return self.form.rank * (self.form.m + self.form.n + self.form.rank)

    def point(self, y: FloatArray) -> FloatArray:
        """Return the points of the slice, shape (n, model.dim)."""
        return self.placed(y)[0]

    def placed(self, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return them, and the logs of their weights w.r.t. dy, without exp(-V/T); -inf where there is no point."""
        form, rank = self.form, self.form.rank
        y = np.asfortranarray(y)
        turn = y[:, rank * (form.m + form.n) :]
        w = [[turn[:, i * rank + j] for j in range(rank)] for i in range(rank)]
        x = y[:, : rank * (form.m + form.n)].copy(order="F")
        with np.errstate(all="ignore"):
            logs = self.step.place(x, y)
            left, right = (np.array(side) for side in (form.left, form.right))
            logs = logs + _log_gram(cross_of(x, left)) - np.square(turn).sum(axis=1) / 2.0
            size = [np.sqrt(sum(np.square(row[j]) for row in w)) for j in range(rank)]
            w = [[row[j] / size[j] for j in range(rank)] for row in w]
            inverse, log_volume = _inverse_transposed(w)
            logs += (form.m - form.n - rank) * log_volume
            for side, change in ((left, w), (right, inverse)):
                for row in side:
                    entries = [x[:, place] for place in row]
                    moved = [sum(entries[k] * change[k][j] for k in range(rank)) for j in range(rank)]
                    for place, values in zip(row, moved, strict=True):
                        x[:, place] = values
            for j, level in enumerate(self.levels):
                logs += self._balanced(x, left[:, j], right[:, j], level)
        return x, np.where(np.isfinite(logs), logs, -np.inf)

    def _balanced(self, x: FloatArray, u: NDArray[np.intp], v: NDArray[np.intp], level: float) -> FloatArray:
        """Move a pair of columns to its level; return what that does to the logs of the weights."""
        a, b = (np.square(x[:, side]).sum(axis=1) for side in (u, v))
        root = np.hypot(level, np.sqrt(a) * np.sqrt(b))
        # d² a = c + root, and b / d² = root - c: the one of them in which nothing cancels.
        square = (level + root) / a if level >= 0.0 else b / (root - level)
        d = np.sqrt(square)
        x[:, u] *= d[:, None]
        x[:, v] /= d[:, None]
        return np.asarray((self.form.m - self.form.n) * np.log(d) - (0.5 if self.is_rigid else 1.0) * np.log(root))


def _log_gram(p: Triangle) -> FloatArray:
    """Return log det G at UᵀU = VᵀV = P, but for a constant: of tr(A P B) for symmetric A and B."""
    rank = len(p)
    full = [[p[min(i, j)][max(i, j)] for j in range(rank)] for i in range(rank)]
    pairs = [(i, j) for i in range(rank) for j in range(i, rank)]
    none = np.zeros_like(full[0][0])
    gram = [
        [
            none + (n == i) * full[j][k] + (k == i) * full[j][n] + (n == j) * full[i][k] + (k == j) * full[i][n]
            for k, n in pairs
        ]
        for i, j in pairs
    ]
    return log_det_of(gram)


def _inverse_transposed(w: Columns) -> tuple[Columns, FloatArray]:
    """Return W⁻ᵀ and log |det W|, by W = Q R."""
    rank = len(w)
    r = root_of([[np.asarray(sum(row[i] * row[j] for row in w)) for j in range(rank)] for i in range(rank)])
    found = [list(row) for row in w]
    for row in found:
        for j in range(rank):
            row[j] = (row[j] - sum(row[k] * r[k][j] for k in range(j))) / r[j][j]
        for j in reversed(range(rank)):
            row[j] = (row[j] - sum(row[k] * r[j][k] for k in range(j + 1, rank))) / r[j][j]
    return found, np.asarray(sum(np.log(r[j][j]) for j in range(rank)))
