"""Gradients of training losses in plain NumPy, by differences and by PyTorch, which share nothing with the package."""

from __future__ import annotations

import numpy as np
import pytest

__all__ = ["by_differences", "by_torch", "factor_slopes", "regression_slopes"]


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


def by_differences(loss, theta: np.ndarray) -> np.ndarray:
    """The gradient of a function of a NumPy array, by central differences."""
    ends = [[loss(theta + sign * 1e-5 * unit, np) for sign in (1, -1)] for unit in np.eye(len(theta))]
    return np.array([(ahead - behind) / 2e-5 for ahead, behind in ends])


def by_torch(loss, theta: np.ndarray) -> np.ndarray:
    """The same by automatic differentiation."""
    torch = pytest.importorskip("torch")
    point = torch.tensor(theta, requires_grad=True)
    loss(point, torch).backward()
    return point.grad.numpy()
