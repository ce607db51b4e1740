"""Integrals over the directions of a block: exact where there are few of them, by rules that are doubled elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from ...errors import UnsupportedModelError

__all__ = ["ANGLES", "AngularFunction", "angular_integral", "sphere_rule"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]
AngularFunction: TypeAlias = Callable[[IndexArray, FloatArray, FloatArray], FloatArray]
"""Takes the rows (r,) and directions a (K, m), b (K, n); returns the (r, K) logs of the integrand."""

ANGLES = 2
"""So many angles are integrated over at most."""

_FIRST, _MOST_NODES, _TOLERANCE, _NEGLIGIBLE, _ENTRIES = 16, 2**17, 1e-11, 300.0, 2**20


def sphere_rule(dim: int, order: int) -> tuple[FloatArray, FloatArray]:
    """Return nodes (K, dim) and weights (K,) of a rule on the unit sphere of R**dim, dim <= 3.

    Two points for dim = 1; evenly spaced angles for dim = 2, and these times a Gauss-Legendre rule for dim = 3: both
    converge geometrically for analytic functions. dim = 0 stands for no sphere at all.
    """
    if dim == 0:
        return np.empty((1, 0)), np.ones(1)
    if dim == 1:
        return np.array([[1.0], [-1.0]]), np.ones(2)
    angle = (np.arange(order) + 0.5) / order * 2.0 * math.pi
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    if dim == 2:
        return circle, np.full(order, 2.0 * math.pi / order)
    height, share = np.polynomial.legendre.leggauss(order // 2)
    radius = np.sqrt(1.0 - height**2)
    nodes = np.concatenate(
        [np.broadcast_to(height[:, None, None], (height.size, order, 1)), radius[:, None, None] * circle], axis=2
    )
    return nodes.reshape(-1, 3), np.repeat(share * 2.0 * math.pi / order, order)


def angular_integral(log_f: AngularFunction, rows: int, m: int, n: int) -> FloatArray:
    """Return for each row the log of the integral of exp(log_f) over the unit spheres of R**m and R**n.

    Raises
    ------
    UnsupportedModelError
        If a rule of 2**17 nodes does not resolve the integrand.
    """
    angles = max(m - 1, 0) + max(n - 1, 0)
    result, previous, active, order = np.empty(rows), np.full(rows, np.nan), np.arange(rows), _FIRST
    while active.size:
        value = _by_rule(log_f, active, m, n, order)
        result[active] = value
        with np.errstate(invalid="ignore"):
            close = np.abs(value - previous[active]) < _TOLERANCE + 1e-15 * np.abs(value)
        previous[active], order = value, 2 * order
        # Rows that are so much less likely than others need no digits; narrow peaks are those of large strengths.
        done = close | (value < result.max() - _NEGLIGIBLE) | (value == -np.inf) | (angles == 0)
        active = active[~done]
        if active.size and order**angles > _MOST_NODES:
            raise UnsupportedModelError(
                "an integral over directions is not resolved: the loss has kinks, or the temperature is too low for "
                "this rule; use an isotropic loss or a higher temperature"
            )
    return result


def _by_rule(log_f: AngularFunction, rows: IndexArray, m: int, n: int, order: int) -> FloatArray:
    left, right = sphere_rule(m, order), sphere_rule(n, order)
    i, j = (index.ravel() for index in np.indices((len(left[1]), len(right[1]))))
    log_share = np.log(left[1][i] * right[1][j])
    result, step = np.empty(rows.shape), max(1, _ENTRIES // i.size)
    for start in range(0, rows.size, step):
        part = slice(start, start + step)
        result[part] = logsumexp(log_f(rows[part], left[0][i], right[0][j]) + log_share, axis=1)
    return result
