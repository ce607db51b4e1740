"""Gradients of training losses in plain NumPy, which share nothing with the package."""

from __future__ import annotations

import numpy as np

__all__ = ["factor_slopes", "regression_slopes"]


def regression_slopes(factors, x, y, *, rows, weights, divisor):
    """The gradient of sum_k weights_k (x_k . prod(factors) - y_k)² / (2 divisor) by factors, shape (depth, weights)."""
    slopes = np.zeros_like(factors)
    for k, weight in zip(rows, weights, strict=True):
        error = sum(x[k, m] * np.prod(factors[:, m]) for m in range(x.shape[1])) - y[k]
        for a in range(len(factors)):
            others = np.prod(np.delete(factors, a, axis=0), axis=0)
            slopes[a] += weight * error * x[k] * others / divisor
    return slopes


def factor_slopes(u, v, target, counts, *, divisor):
    """The gradient of sum_ij counts_ij (u_i . v_j - target_ij)² / (2 divisor) by u and v."""
    errors = counts * (np.einsum("ia,ja->ij", u, v) - target) / divisor
    return np.einsum("ij,ja->ia", errors, v), np.einsum("ij,ia->ja", errors, u)
