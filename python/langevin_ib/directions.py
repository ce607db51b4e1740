"""Integrals over the directions of a block: exact where there are few of them, by rules that are doubled elsewhere."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from .errors import UnsupportedModelError

__all__ = ["ANGLES", "AngularFunction", "average", "sphere_rule"]

FloatArray = NDArray[np.float64]
AngularFunction: TypeAlias = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
"""Takes strengths s (n, 1) and directions a (K, m), b (K, n_b); returns the (n, K) logs of the integrand."""

ANGLES = 2
"""So many angles are integrated over at most."""

_FIRST, _MOST_NODES, _TOLERANCE, _ENTRIES = 16, 2**17, 1e-11, 2**20


def sphere_rule(dim: int, order: int) -> tuple[FloatArray, FloatArray]:
    """Return nodes (K, dim) and weights (K,) of a rule on the unit sphere of R**dim, dim <= 3.

    Two points for dim = 1; evenly spaced angles for dim = 2, and these times a Gauss-Legendre rule for dim = 3: both
    converge geometrically for analytic functions.
    """
    if dim == 1:
        return np.array([[1.0], [-1.0]]), np.ones(2)
    angle = (np.arange(order) + 0.5) / order * 2.0 * math.pi
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    if dim == 2:
        return circle, np.full(order, 2.0 * math.pi / order)
    height, share = np.polynomial.legendre.leggauss(max(order // 2, 1))
    radius = np.sqrt(1.0 - height**2)
    nodes = np.concatenate(
        [np.broadcast_to(height[:, None, None], (height.size, order, 1)), radius[:, None, None] * circle], axis=2
    )
    return nodes.reshape(-1, 3), np.repeat(share * 2.0 * math.pi / order, order)


def average(log_f: AngularFunction, m: int, n: int) -> Callable[[FloatArray], FloatArray]:
    """Return the function s -> log of the integral of exp(log_f(s, a, b)) over the unit spheres of R**m and R**n.

    Raises
    ------
    UnsupportedModelError
        When called, if a rule of 2**17 nodes does not resolve the integrand.
    """
    angles = m + n - 2

    def function(s: FloatArray) -> FloatArray:
        shape, s = s.shape, s.ravel()
        result, active, previous, order = np.empty(s.shape), np.arange(s.size), np.full(s.shape, np.nan), _FIRST
        while active.size:
            value = _by_rule(log_f, s[active], m, n, order)
            result[active] = value
            with np.errstate(invalid="ignore"):
                close = np.abs(value - previous[active]) < _TOLERANCE + 1e-15 * np.abs(value)
            done = close | (value == -np.inf) | (angles == 0)
            previous[active], order = value, 2 * order
            active = active[~done]
            if active.size and order**angles > _MOST_NODES:
                raise UnsupportedModelError(
                    f"the integral over directions is not resolved at the strength {s[active[0]]:.4g}: the loss has "
                    "kinks or the temperature is too low for this rule"
                )
        return result.reshape(shape)

    return function


def _by_rule(log_f: AngularFunction, s: FloatArray, m: int, n: int, order: int) -> FloatArray:
    left, right = sphere_rule(m, order), sphere_rule(n, order)
    pairs = np.array(list(itertools.product(range(len(left[1])), range(len(right[1])))))
    a, b = left[0][pairs[:, 0]], right[0][pairs[:, 1]]
    log_share = np.log(left[1][pairs[:, 0]] * right[1][pairs[:, 1]])
    result, step = np.empty(s.shape), max(1, _ENTRIES // len(pairs))
    for start in range(0, s.size, step):
        part = slice(start, start + step)
        result[part] = logsumexp(log_f(s[part, None], a, b) + log_share, axis=1)
    return result
