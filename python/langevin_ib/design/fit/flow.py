"""Gradient flow on a product, from all features at zero: stopped when what is left of the gradient is small enough."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from ...errors import UnsupportedModelError
from ..blocks import Factors
from .problem import Problem

__all__ = ["Stopped", "stopped_flow"]

FloatArray = NDArray[np.float64]

_LONGEST = 1e12  # in units of 1 / (curvature of the loss)


@dataclass(frozen=True)
class Stopped:
    """Features at each of the wanted sizes of the gradient, shape (k, features), and the times when it was so small."""

    z: FloatArray
    times: FloatArray


def stopped_flow(problem: Problem, scale: float, sizes: FloatArray) -> Stopped:
    """Return z where max |z_g-block of Mᵀr/n| first is as small as each of `sizes`, decreasing.

    dv/dt = -S g and ds_i/dt = -(S/s_i) (v . g) keep s_i² - |v|² = scale², so that only v, shape (features,), is
    followed: s² = scale² + |v|² block by block, S = s^(K-1), and g = Mᵀ(M z - b)/n.

    Raises
    ------
    UnsupportedModelError
        If the recipe has no such flow, or it takes too long.
    """
    block = problem.recipe.block
    if not isinstance(block, Factors) or problem.relations.shape[1]:
        raise UnsupportedModelError(
            f"gradient flow is known for products whose features are free, not for {problem.recipe!r}; take "
            "method='weight-decay', or frame='synthesis'"
        )
    copies, power = block.copies, (block.depth - 1) / 2.0
    M, n = problem.M, problem.count
    unit = float((M**2).sum(axis=0).max()) / n

    def features(v: FloatArray) -> FloatArray:
        return np.asarray(copies * v * ((scale**2 + problem.sizes(v) ** 2) ** power)[problem.group])

    def gradient(v: FloatArray) -> FloatArray:
        return np.asarray(M.T @ (M @ features(v) - problem.b) / n)

    def velocity(log_time: float, v: FloatArray) -> FloatArray:
        # In the logarithm of the time: from a small scale nothing happens for long.
        speed = np.exp(log_time) / unit * ((scale**2 + problem.sizes(v) ** 2) ** power)[problem.group]
        return np.asarray(-speed * gradient(v))

    v, begin = np.zeros(M.shape[1]), -20.0
    found, times = [], []
    for size in sizes:

        def is_done(_: float, v: FloatArray, size: float = float(size)) -> float:
            return float(np.log(max(problem.sizes(gradient(v)).max(), 1e-300) / size))

        if is_done(begin, v) > 0.0:
            is_done.terminal = True  # type: ignore[attr-defined]  # how SciPy is told to stop
            run = _integrated(velocity, (begin, np.log(_LONGEST)), v, is_done, 1e-12 * scale)
            if not run.t_events[0].size:
                raise UnsupportedModelError(
                    f"the flow from scale={scale:g} has not come down to {size:.3g} by the time {_LONGEST:g}: a small "
                    "scale needs longer, at depth 3 and more as scale^(2 - K); take a larger scale= or strength="
                )
            v, begin = run.y_events[0][0], float(run.t_events[0][0])
        found.append(features(v))
        times.append(np.exp(begin) / unit)
    return Stopped(np.array(found), np.array(times))


def _integrated(velocity: Any, span: tuple[float, float], v: FloatArray, is_done: Any, error: float) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        try:
            return solve_ivp(velocity, span, v, method="LSODA", rtol=1e-8, atol=error, events=is_done)
        except UserWarning as reason:
            raise UnsupportedModelError(f"the flow cannot be followed ({reason}); take a smaller scale=") from None
