"""The minimiser of weight decay for a tall operator, whose features are not free: by its dual, a box."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.optimize import minimize

from ...errors import UnsupportedModelError
from .problem import Problem

__all__ = ["analysed"]

FloatArray = NDArray[np.float64]

_WORST = 1e10  # condition number of the normal equations


def analysed(problem: Problem, lam: float) -> tuple[FloatArray, float]:
    """Return z = P c of the least |M P c - b|²/(2 n) + lam sum |z_i|, P a basis of the operator's range; and its gap.

    By c = H^-1 (PᵀMᵀb/n - Pᵀu), H = PᵀMᵀM P/n, for the u with |u_i| <= lam that make |M P c|² least: any of them is a
    bound from below, so that the gap is exact.

    Raises
    ------
    UnsupportedModelError
        If the data do not determine all features without a penalty, or features are in groups.
    """
    recipe = problem.recipe
    if problem.group.max() + 1 < problem.group.size or recipe.block.shape != (
        1,
        2 * getattr(recipe.block, "copies", 0),
    ):
        raise UnsupportedModelError(
            f"{recipe!r}: of a tall operator only single features of depth 2 are fitted; take frame='synthesis'"
        )
    basis = scipy.linalg.null_space(problem.relations.T)
    design, n = problem.M @ basis, problem.count
    gram = design.T @ design / n
    curvature = np.linalg.eigvalsh(gram)
    if curvature[0] * _WORST < curvature[-1]:
        raise UnsupportedModelError(
            f"{recipe!r} is tall, and the data leave some features open (condition number of X on what the operator "
            f"sees {curvature[-1] / max(curvature[0], 1e-300):.3g}); give more rows, or take frame='synthesis'"
        )
    factor = scipy.linalg.cho_factor(gram)
    pull = design.T @ problem.b / n

    def dual(u: FloatArray) -> tuple[float, FloatArray]:
        rest = pull - basis.T @ u
        c = scipy.linalg.cho_solve(factor, rest)
        return float(rest @ c) / 2.0 / scale, -basis @ c / scale

    scale = float(problem.b @ problem.b) / (2.0 * n)
    options = {"maxiter": 5_000, "maxfun": 20_000, "ftol": 1e-15, "gtol": 1e-13, "maxcor": 30}
    bounds = [(-lam, lam)] * len(basis)
    u = minimize(dual, np.zeros(len(basis)), jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    c = scipy.linalg.cho_solve(factor, pull - basis.T @ u)
    z = basis @ c
    # At the minimum lam |z| = u z feature by feature, and what is missing is the gap.
    gap = max(0.0, float(lam * np.abs(z).sum() - u @ z)) / scale
    return np.asarray(z), gap
