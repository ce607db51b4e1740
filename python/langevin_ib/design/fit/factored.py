"""The minimiser of weight decay for a matrix U Vᵀ: L-BFGS on the factors, certified as one of the nuclear norm."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ..blocks import MatrixBlock
from .problem import Problem

__all__ = ["factored"]

FloatArray = NDArray[np.float64]

_ROUNDS, _STEPS = 8, 400
_ENOUGH = 1e-7  # of the duality gap


def factored(problem: Problem, block: MatrixBlock, lam: float) -> tuple[FloatArray, float]:
    """Return the entries z of the least |M z - b|²/(2 n) + (lam/2) (|U|² + |V|²), and the gap of the nuclear norm.

    All columns begin along the largest singular vectors of the gradient at zero, at one size, since a pair of columns
    that is zero never moves. Wherever the gap is small the minimum is the global one, also over larger ranks.
    """
    shape, r = (block.rows, block.columns), block.rank
    M, b, n = problem.M, problem.b, problem.count

    def sides(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        return x[: shape[0] * r].reshape(-1, r), x[shape[0] * r :].reshape(-1, r)

    def value(x: FloatArray) -> tuple[float, FloatArray]:
        left, right = sides(x)
        residual = M @ (left @ right.T).ravel() - b
        slope = (M.T @ residual / n).reshape(shape)
        total = float(residual @ residual) / (2.0 * n) + lam / 2.0 * float(x @ x)
        return total, np.concatenate([(slope @ right).ravel(), (slope.T @ left).ravel()]) + lam * x

    pull = M.T @ b / n
    image = M @ pull
    reach = float(pull @ pull) / max(float(image @ image) / n, 1e-300)
    left, values, right = np.linalg.svd(pull.reshape(shape), full_matrices=False)
    size = np.sqrt(reach * values[0])
    x = size * np.concatenate([left[:, :r].ravel(), right[:r].T.ravel()])
    options: dict[str, Any] = {"maxiter": _STEPS, "maxcor": 30, "ftol": 1e-16, "gtol": 1e-13}
    for _ in range(_ROUNDS):
        x = minimize(value, x, jac=True, method="L-BFGS-B", options=options).x
        one, other = sides(x)
        z = (one @ other.T).ravel()
        gap = problem.gap(z, lam)
        if gap <= _ENOUGH:
            break
    return np.asarray(z), gap
