"""Slices of separate blocks (U, V) -> (s U, V / s), with the strength |U| |V| for a coordinate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy
from numpy.typing import NDArray

from ..model import Metric, Model, tidied
from .balance import dense_factors
from .constraints import constraints_of
from .points import FloatArray

__all__ = ["StrengthFactor", "strength_factors"]


@dataclass(frozen=True)
class StrengthFactor:
    """A block of vectors U of m and V of n entries, and what its measure is in the strength |U| |V|.

    Parameters
    ----------
    left, right : array of int, shapes (m,) and (n,)
        Places of parameters.
    metric : Metric or None
        The metric of all parameters; U and V are then vectors of y = Lᵀ x, mostly with |U|² = Uᵀ g U of U in x.

    Notes
    -----
    dx = |U|^(m-1) |V|^(n-1) d|U| d|V| times the measures of the directions, and with s = |U| |V| and chi = (|U|² -
    |V|²)/2 the Jacobian |d(s, chi)/d(|U|, |V|)| is |U|² + |V|². So delta(chi - c) dx is, on every level, |U|^(m-1)
    |V|^(n-1)/(|U|² + |V|²) ds; at c = 0 that is s^((m+n-4)/2)/2 ds.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    metric: Metric | None = None

    def log_factor(self, x: FloatArray) -> FloatArray:
        """Return minus the logarithm of the density of delta(chi - c) dx with respect to ds, at points."""
        y = x if self.metric is None else self.metric.vectors(x)
        a, b = y[..., self.left], y[..., self.right]
        with np.errstate(divide="ignore"):
            log_a, log_b = np.log(_norm(a)), np.log(_norm(b))
        log_sum = 2.0 * np.log(_norm(np.concatenate([a, b], axis=-1)))
        return np.asarray(log_sum - _times(a.shape[-1] - 1, log_a) - _times(b.shape[-1] - 1, log_b))

    def log_factor_formula(self, parameters: Sequence[sympy.Symbol]) -> sympy.Expr:
        """Return the same as a formula."""
        a, b = (self._square(parameters, side) for side in (self.left, self.right))
        powers = sympy.Rational(len(self.left) - 1, 2) * sympy.log(a)
        return sympy.log(a + b) - powers - sympy.Rational(len(self.right) - 1, 2) * sympy.log(b)

    def _square(self, parameters: Sequence[sympy.Symbol], side: NDArray[np.int64]) -> sympy.Expr:
        if self.metric is None:
            return sympy.Add(*(parameters[i] ** 2 for i in side))
        places, form = side, self.metric.exact.extract(side.tolist(), side.tolist())
        if np.delete(self.metric.matrix[side], side, axis=1).any():
            # Coupled to others, these are no scalings of x.
            columns = self.metric.lower[:, side]
            places, form = np.arange(len(columns)), sympy.Matrix(columns @ columns.T)
        names = [parameters[i] for i in places]
        terms = (form[i, j] * a * b for i, a in enumerate(names) for j, b in enumerate(names))
        return tidied(sympy.Add(*terms))


def strength_factors(model: Model, metric: Metric | None = None) -> tuple[StrengthFactor, ...] | None:
    """Return the blocks, if the group consists of scalings of separate ones and the slice is the canonical one.

    Raises
    ------
    UnsupportedModelError
        If there is no canonical slice, in the metric.
    """
    if model.slice is not None:
        return None
    constraints_of(model, None, metric)
    blocks = []
    for part in dense_factors(model, metric):
        weights = part.block_weights()
        if weights is None or len(part.compact):
            return None
        blocks.append(StrengthFactor(part.parameters[weights > 0.0], part.parameters[weights < 0.0], metric))
    return tuple(blocks)


def _norm(x: FloatArray) -> FloatArray:
    largest = np.abs(x).max(axis=-1)
    return np.asarray(largest * np.linalg.norm(x / np.where(largest > 0.0, largest, 1.0)[..., None], axis=-1))


def _times(count: int, log: FloatArray) -> FloatArray:
    return count * log if count else np.zeros_like(log)
