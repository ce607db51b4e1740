"""Gradient flow on products and matrices, from zero: stopped when what is left of the gradient is small enough."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from ...errors import UnsupportedModelError
from ..blocks import Factors, MatrixBlock
from .problem import Problem

__all__ = ["Stopped", "stopped_flow"]

FloatArray = NDArray[np.float64]

_LONGEST = 1e12  # in units of 1 / (curvature of the loss)


@dataclass(frozen=True)
class Stopped:
    """Features at each of the wanted sizes of the gradient, shape (k, features), and the times when it was so small."""

    z: FloatArray
    times: FloatArray


@dataclass(frozen=True)
class _Flow:
    """dx/dt = velocity(x) from `start`, in units of 1 / `unit`, and the features of x."""

    start: FloatArray
    features: Callable[[FloatArray], FloatArray]
    velocity: Callable[[FloatArray, FloatArray], FloatArray]
    unit: float
    method: str


def stopped_flow(problem: Problem, scale: float, sizes: FloatArray) -> Stopped:
    """Return z where max |z_g-block of Mᵀr/n| first is as small as each of `sizes`, decreasing.

    Raises
    ------
    UnsupportedModelError
        If the recipe has no such flow, or it takes too long.
    """
    flow, n = _flow(problem, scale), problem.count

    def gradient(x: FloatArray) -> FloatArray:
        return np.asarray(problem.M.T @ (problem.M @ flow.features(x) - problem.b) / n)

    def velocity(log_time: float, x: FloatArray) -> FloatArray:
        # In the logarithm of the time: from a small scale nothing happens for long.
        return np.asarray(np.exp(log_time) / flow.unit * flow.velocity(x, gradient(x)))

    x, begin = flow.start, -20.0
    found, times = [], []
    for size in sizes:

        def is_done(_: float, x: FloatArray, size: float = float(size)) -> float:
            return float(np.log(max(problem.sizes(gradient(x)).max(), 1e-300) / size))

        if is_done(begin, x) > 0.0:
            is_done.terminal = True  # type: ignore[attr-defined]  # how SciPy is told to stop
            run = _integrated(velocity, (begin, np.log(_LONGEST)), x, is_done, (flow.method, 1e-12 * scale))
            if not run.t_events[0].size:
                raise UnsupportedModelError(
                    f"the flow from scale={scale:g} has not come down to {size:.3g} by the time {_LONGEST:g}: a small "
                    "scale needs longer, at depth 3 and more as scale^(2 - K); take a larger scale= or strength="
                )
            x, begin = run.y_events[0][0], float(run.t_events[0][0])
        found.append(flow.features(x))
        times.append(np.exp(begin) / flow.unit)
    return Stopped(np.array(found), np.array(times))


def _flow(problem: Problem, scale: float) -> _Flow:
    """Return the flow of a recipe.

    Of products, dv/dt = -S g and ds_i/dt = -(S/s_i) (v . g) keep s_i² - |v|² = scale², so that only v, shape
    (features,), is followed: s² = scale² + |v|² block by block, S = s^(K-1), and g = Mᵀ(M z - b)/n. Of matrices,
    dU/dt = -g V and dV/dt = -gᵀU, without stiff directions in its many parameters.
    """
    block, M = problem.recipe.block, problem.M
    unit = float((M**2).sum(axis=0).max()) / problem.count
    if isinstance(block, MatrixBlock):

        def of_matrix(x: FloatArray, g: FloatArray) -> FloatArray:
            left, right = block.sides(x)
            slope = g.reshape(block.rows, block.columns)
            return -np.concatenate([(slope @ right).ravel(), (slope.T @ left).ravel()])

        return _Flow(block.init(scale), block.predict, of_matrix, unit, "RK45")
    if not isinstance(block, Factors) or problem.relations.shape[1]:
        raise UnsupportedModelError(
            f"gradient flow is known for matrices, and for products whose features are free, not for "
            f"{problem.recipe!r}; take method='weight-decay', or frame='synthesis'"
        )
    copies, power = block.copies, (block.depth - 1) / 2.0

    def others(v: FloatArray) -> FloatArray:
        return np.asarray(((scale**2 + problem.sizes(v) ** 2) ** power)[problem.group])

    def features(v: FloatArray) -> FloatArray:
        return copies * v * others(v)

    return _Flow(np.zeros(M.shape[1]), features, lambda v, g: -others(v) * g, unit, "LSODA")


def _integrated(velocity: Any, span: tuple[float, float], x: FloatArray, is_done: Any, how: tuple[str, float]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        try:
            return solve_ivp(velocity, span, x, method=how[0], rtol=1e-8, atol=how[1], events=is_done)
        except UserWarning as reason:
            raise UnsupportedModelError(f"the flow cannot be followed ({reason}); take a smaller scale=") from None
