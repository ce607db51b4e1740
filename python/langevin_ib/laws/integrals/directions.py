"""Integrals over the directions of a block: exact where there are few of them, by rules that are doubled elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from ...errors import UnsupportedModelError
from .sphere import Sphere

__all__ = ["ANGLES", "AngularFunction", "angular_integral"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]
AngularFunction: TypeAlias = Callable[[IndexArray, FloatArray, FloatArray], FloatArray]
"""Takes the rows (r,) and directions a (K, m), b (K, n); returns the (r, K) logs of the integrand."""

ANGLES = 2
"""So many angles are integrated over at most."""

_FIRST, _MOST_NODES, _TOLERANCE, _NEGLIGIBLE, _ENTRIES = 16, 2**17, 1e-11, 300.0, 2**20


def angular_integral(log_f: AngularFunction, rows: int, left: Sphere, right: Sphere) -> FloatArray:
    """Return for each row the log of the integral of exp(log_f) over two unit spheres.

    Raises
    ------
    UnsupportedModelError
        If a rule of 2**17 nodes does not resolve the integrand.
    """
    angles = left.angles + right.angles
    result, previous, active, order = np.empty(rows), np.full(rows, np.nan), np.arange(rows), _FIRST
    while active.size:
        value = _by_rule(log_f, active, left, right, order)
        result[active] = value
        with np.errstate(invalid="ignore"):
            close = np.abs(value - previous[active]) < _TOLERANCE + 1e-15 * np.abs(value)
        previous[active], order = value, 2 * order
        # Rows that are so much less likely than others need no digits; narrow peaks are those of large strengths.
        done = close | (value < result.max() - _NEGLIGIBLE) | (value == -np.inf) | (angles == 0)
        active = active[~done]
        if active.size and (order**angles > _MOST_NODES or order > min(left.highest, right.highest)):
            raise UnsupportedModelError(
                "an integral over directions is not resolved: the loss has kinks, or the temperature is too low for "
                "this rule; use an isotropic loss or a higher temperature"
            )
    return result


def _by_rule(log_f: AngularFunction, rows: IndexArray, left: Sphere, right: Sphere, order: int) -> FloatArray:
    (a, share_a), (b, share_b) = left.rule(order), right.rule(order)
    i, j = (index.ravel() for index in np.indices((len(share_a), len(share_b))))
    log_share = np.log(share_a[i] * share_b[j])
    result, step = np.empty(rows.shape), max(1, _ENTRIES // i.size)
    for start in range(0, rows.size, step):
        part = slice(start, start + step)
        result[part] = logsumexp(log_f(rows[part], a[i], b[j]) + log_share, axis=1)
    return result
