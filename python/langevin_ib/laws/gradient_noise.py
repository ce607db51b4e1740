r"""The noise of SGD's gradients at a point: its covariance over batches and labels, from the gradients of single rows.

With g_i the gradient of row i's loss, g their mean over the N rows, C = mean (g_i - g)(g_i - g)^T, J_i the derivative
of g_i by the row's labels and S the variances of the noise on these, the gradient of a batch has the covariance

    drawn with replacement          C / B + mean(J_i S J_i^T) / B
    distinct rows                   C (N - B) / (B (N - 1)) + mean(J_i S J_i^T) / B
    each row with probability p,    C p (1 - p) N / D^2 + g g^T p (1 - p) N / D^2 + mean(J_i S J_i^T) p N / D^2
      their sum divided by D

(B rows in a batch). A step of an epoch sees B distinct rows; that the steps of one epoch depend on each other is of
higher order in the step size. Of rows that are drawn afresh N is infinite, and C and the means are those of the sample
that stands for them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import sympy
from numpy.typing import NDArray

from ..errors import InvalidArgumentError, UnsupportedModelError
from ..model import Model
from ..model.expressions import compiled_together, sketch
from ..process import SGD, Risk

__all__ = ["GradientNoise", "RowGradients", "quadratic_forms"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GradientNoise:
    """What the gradients of batches are at a point.

    Attributes
    ----------
    rows : array, shape (N, dim)
        The gradients g_i of single rows, labels without noise.
    labels : array, shape (N, k, dim)
        Their derivatives by the k noisy labels of a row, times the standard deviations of the noise.
    rest : array, shape (dim,)
        The gradient of what is no part of the mean over rows; it has no noise.
    between, centre, within : float
        What the covariance of g_i over rows, g g^T and mean(J S J^T) are multiplied by in the covariance of a batch.
    scale : float
        What the mean gradient over rows is multiplied by in the mean of a batch.
    """

    rows: FloatArray
    labels: FloatArray
    rest: FloatArray
    between: float
    centre: float
    within: float
    scale: float

    @property
    def mean(self) -> FloatArray:
        """The mean of a batch's gradient, what is no part of the mean over rows included, shape (dim,)."""
        return np.asarray(self.scale * self.rows.mean(axis=0) + self.rest)

    def covariance(self, where: NDArray[np.int64]) -> FloatArray:
        """Return the covariance S of a batch's gradient in some parameters, shape (d, d)."""
        g, labels = self.rows[:, where], self.labels[:, :, where]
        mean = g.mean(axis=0)
        centred, flat = g - mean, labels.reshape(-1, len(where))
        parts = self.between * centred.T @ centred + self.within * flat.T @ flat
        return np.asarray(parts / len(g) + self.centre * np.outer(mean, mean))

    def traces(self, where: NDArray[np.int64], matrices: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what each row contributes to Tr[S A], for each of some matrices of shape (d, d).

        Parameters
        ----------
        where : array of int, shape (d,)
            The parameters that S is restricted to.
        matrices : array, shape (m, d, d)
            The A.

        Returns
        -------
        spread, noise : array, shape (N, m)
            By its distance from the mean of all rows, and by the noise on its labels: their means over rows add up to
            Tr[S A].
        """
        g, labels = self.rows[:, where], self.labels[:, :, where]
        mean = g.mean(axis=0)
        spread = self.between * quadratic_forms(g - mean, matrices) + self.centre * quadratic_forms(mean, matrices)
        return np.asarray(spread), np.asarray(self.within * quadratic_forms(labels, matrices).sum(axis=1))


def quadratic_forms(x: FloatArray, matrices: FloatArray) -> FloatArray:
    """Return xᵀ A x for points of shape (..., d) and matrices of shape (m, d, d), shape (..., m)."""
    return np.asarray(np.einsum("...i,aij,...j->...a", x, matrices, x, optimize=True))


class RowGradients:
    """Gradients of single rows of a model's data, compiled once for all points.

    Parameters
    ----------
    model : Model
        Whose loss is a mean over rows.
    dynamics : SGD
        How batches are drawn, and which labels are noisy.

    Raises
    ------
    InvalidArgumentError, UnsupportedModelError
        If the loss is no mean over rows, batches are given one by one, or a noisy label enters a gradient in another
        way than linearly.
    """

    def __init__(self, model: Model, dynamics: SGD) -> None:
        if dynamics.given is not None:
            raise InvalidArgumentError(
                "batches that are given have no law of their own, and so no covariance; give SGD as they were drawn"
            )
        risk = Risk.of(model)
        spread = risk.noise(dict(dynamics.label_noise))
        noisy = [(symbol, s) for symbol, s in zip(risk.symbols, spread, strict=True) if s > 0.0]
        gradient = [sympy.diff(risk.row, x) for x in model.parameters]
        slopes = [[sympy.diff(each, label) for each in gradient] for label, _ in noisy]
        for (label, _), by_label in zip(noisy, slopes, strict=True):
            if any(each.has(other) for each in by_label for other, _ in noisy):
                entry = risk.entries[risk.symbols.index(label)]
                raise UnsupportedModelError(
                    f"label_noise: the gradient of a row's loss {sketch(risk.row)} is not linear in {entry}, so the "
                    "covariance of its noise is no finite sum; use a squared loss, or leave out label_noise="
                )
        self.dim, self.table = model.dim, risk.table
        self.spread = np.array([s for _, s in noisy])
        symbols = (*model.parameters, *risk.symbols)
        self._gradient = compiled_together(gradient, symbols)
        self._slopes = [compiled_together(each, symbols) for each in slopes]
        rest = risk.rest
        self._rest = compiled_together([sympy.diff(rest, x) for x in model.parameters], model.parameters, model.data)
        self._factors = _factors(dynamics, math.inf if model.fresh is not None else len(risk.table))

    def at(self, x: FloatArray) -> GradientNoise:
        """Return what batches' gradients are at a point, shape (dim,)."""
        rows = len(self.table)
        point = (*(np.full(rows, each) for each in x), *self.table.T)

        def stacked(values: list[FloatArray]) -> FloatArray:
            return np.stack([np.broadcast_to(each, (rows,)) for each in values], axis=1)

        with np.errstate(all="ignore"):
            gradient = stacked(self._gradient(*point))
            slopes = [stacked(each(*point)) * s for each, s in zip(self._slopes, self.spread, strict=True)]
            rest = np.array([float(each) for each in self._rest(*x)])
        labels = np.stack(slopes, axis=1) if slopes else np.zeros((rows, 0, self.dim))
        return GradientNoise(gradient, labels, rest, *self._factors)


def _factors(dynamics: SGD, rows: float) -> tuple[float, float, float, float]:
    """Return what covariance over rows, g g^T, label noise and mean are multiplied by."""
    if dynamics.inclusion is not None:
        p, divisor = dynamics.inclusion, dynamics.normalisation or dynamics.inclusion * rows
        spread = p * (1.0 - p) * rows / divisor**2
        return spread, spread, p * rows / divisor**2, p * rows / divisor
    size = dynamics.batch_size
    if size is None:
        return 0.0, 0.0, 1.0 / rows, 1.0
    if dynamics.replace and not dynamics.epochs:
        return 1.0 / size, 0.0, 1.0 / size, 1.0
    distinct = (rows - size) / (rows - 1.0) if 1.0 < rows < math.inf else float(rows > 1.0)
    return distinct / size, 0.0, 1.0 / size, 1.0
