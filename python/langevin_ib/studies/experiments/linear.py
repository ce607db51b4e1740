"""Least squares of a linear model: its weights as they are, and as products of two factors entry by entry."""

from __future__ import annotations

import sympy

from ...model import Model, parameters
from ...models import hadamard
from .arms import Array

__all__ = ["linear_model", "product_model"]


def linear_model(inputs: Array, labels: Array, *, penalty: float = 0.0) -> Model:
    """Return sum_k (X_k . w - y_k)**2 / (2 n) + (penalty / 2) |w|_1, half of the paper's loss.

    Parameters
    ----------
    inputs, labels : array, shapes (n, dim) and (n,)
        X and y.
    penalty : float
        The coefficient of the 1-norm beside the mean of squares. The subgradient at 0 is 0.
    """
    rows, dim = inputs.shape
    w = parameters(f"w:{dim}")
    x, y, k = sympy.IndexedBase("X"), sympy.IndexedBase("y"), sympy.Idx("k", rows)
    residual = sympy.Add(*(x[k, j] * each for j, each in enumerate(w))) - y[k]
    norm = sympy.Add(*(sympy.Abs(each) for each in w))
    return Model(
        parameters=w,
        predictor={str(each): each for each in w},
        loss=sympy.Sum(residual**2, (k, 0, rows - 1)) / (2 * rows) + sympy.Rational(str(penalty)) / 2 * norm,
        data={"X": inputs, "y": labels},
    )


def product_model(inputs: Array, labels: Array) -> Model:
    """Return the same without a penalty for w = u * v entry by entry; parameters u0, v0, u1, v1, ...."""
    return hadamard(inputs.shape[1], data=(inputs, labels))
