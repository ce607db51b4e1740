"""Basis pursuit: the least 1-norm that explains labels up to their noise, by following the lasso from its start."""

from __future__ import annotations

import numpy as np

from .arms import Array

__all__ = ["basis_pursuit"]

TINY = 1e-12
"""Rounding of correlations, relative to the largest of all."""


def basis_pursuit(inputs: Array, labels: Array, misfit: float, *, free: tuple[int, ...] = ()) -> Array:
    """Return the w of least |w|_1 with mean (X w - y)² = misfit.

    It is a lasso, the solution of min mean (X w - y)² + penalty |w|_1 for the penalty that leaves this misfit, and is
    found exactly: with growing 1-norm solutions are straight from one change of the set of nonzero weights to the next
    (Osborne, Presnell and Turlach, IMA J. Numer. Anal. 20, 2000; Efron, Hastie, Johnstone and Tibshirani, Ann. Statist.
    32, 2004).

    Parameters
    ----------
    inputs, labels : array, shapes (n, dim) and (n,)
        X and y; X in general position.
    misfit : float
        The mean of squares that is left, at least 0.
    free : tuple of int
        Weights that are not in the norm, such as an offset.

    Returns
    -------
    array, shape (dim,)
        The weights; the end of the path if no solution has so small a misfit.
    """
    held = inputs[:, list(free)]
    # What free weights can explain, they do.
    basis = np.linalg.qr(held)[0] if free else np.zeros((len(labels), 0))
    kept = np.array([column for column in range(inputs.shape[1]) if column not in free])
    x, y = (each - basis @ (basis.T @ each) for each in (inputs[:, kept], labels))
    weights = np.zeros(inputs.shape[1])
    weights[kept] = _path(x, y, misfit * len(labels))
    if free:
        weights[list(free)] = np.linalg.lstsq(held, labels - inputs @ weights, rcond=None)[0]
    return weights


def _path(x: Array, y: Array, target: float) -> Array:
    """Return where on the path of the lasso |x w - y|² is the target."""
    w, active, left = np.zeros(x.shape[1]), np.zeros(x.shape[1], dtype=bool), -1
    scale = float(np.abs(x.T @ y).max())
    active[int(np.argmax(np.abs(x.T @ y)))] = True
    for _ in range(8 * sum(x.shape)):
        residual = y - x @ w
        pull = x.T @ residual
        level = float(np.abs(pull[active]).max()) if active.any() else 0.0
        if residual @ residual <= target or level <= TINY * scale:
            break
        way = np.zeros_like(w)
        # Columns that say the same share what they say.
        way[active] = np.linalg.lstsq(x[:, active].T @ x[:, active], np.sign(pull[active]), rcond=None)[0]
        times = np.where(active, _leaving(w, way), _entering(level, pull, x.T @ (x @ way)))
        times[times <= TINY * scale] = np.inf
        if left >= 0:
            # One that has just left is at the edge of coming in again.
            times[left] = np.inf
        event = int(np.argmin(times))
        length, stop = min(float(times[event]), level), _until(residual, x @ way, target)
        w += min(length, stop) * way
        if stop <= length or length == level:
            break
        active[event], left = not active[event], event if active[event] else -1
        w[~active] = 0.0
    return w


def _entering(level: float, pull: Array, slope: Array) -> Array:
    """Return when weights that are zero become as much correlated with the residual as others are, if ever."""
    with np.errstate(divide="ignore", invalid="ignore"):
        times = np.stack([(level - pull) / (1.0 - slope), (level + pull) / (1.0 + slope)])
    times[~(times > 0.0)] = np.inf
    return np.asarray(times.min(axis=0))


def _leaving(w: Array, way: Array) -> Array:
    """Return when weights become zero, if ever."""
    with np.errstate(divide="ignore", invalid="ignore"):
        times = -w / way
    return np.where(times > 0.0, times, np.inf)


def _until(residual: Array, moved: Array, target: float) -> float:
    """Return the first t with |residual - t moved|² = target; infinite if there is none."""
    a, b, c = moved @ moved, residual @ moved, residual @ residual - target
    inside = b**2 - a * c
    return float(c / (b + np.sqrt(inside))) if inside >= 0.0 else np.inf
