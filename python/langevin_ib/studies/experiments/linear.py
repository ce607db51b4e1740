"""Least squares of a linear model, for descents on all rows: its weights as they are, or products of two factors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .arms import Array, Problem
from .descent import Draw, alone, examples

if TYPE_CHECKING:
    from ..._core import Examples

__all__ = ["Regression"]


@dataclass(frozen=True, kw_only=True)
class Regression:
    """The mean of (X_k . w - y_k)², plus `penalty` times |w|_1, whose subgradient at 0 is 0.

    Parameters
    ----------
    rows : callable
        Returns X and y, shapes (n, weights) and (n,), of a problem.
    depth : int
        1: parameters are w. 2: they are u0, v0, u1, ..., and w = u * v entry by entry.
    penalty : float
        Of w itself, not of products.
    """

    rows: Callable[[Problem], tuple[Array, Array]]
    depth: int = 1
    penalty: float = 0.0
    is_joint: bool = False

    def form(self, problems: Sequence[Problem], first: int, decay: float) -> Examples:
        """Return the closed form: vectors are the first factors of all weights, then the second ones."""
        del first
        inputs, labels = self.rows(problems[0])
        order = np.arange(self.depth * inputs.shape[1]).reshape(-1, self.depth).T
        row = alone(order, factor=2.0, decay=decay, lasso=self.penalty)
        return examples(row, np.column_stack([inputs, labels]))

    def gradient(self, problems: Sequence[Problem], x: Array, draw: Draw) -> Array:
        """Return the gradient; nothing is drawn."""
        del draw
        inputs, labels = self.rows(problems[0])
        factors = x.reshape(len(x), -1, self.depth)
        slopes = 2.0 * (factors.prod(axis=2) @ inputs.T - labels) @ inputs / len(labels)
        by_factors = slopes[:, :, None] * (factors[:, :, ::-1] if self.depth == 2 else 1.0)
        return np.asarray(by_factors.reshape(x.shape) + self.penalty * np.sign(x))
