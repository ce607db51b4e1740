"""Along the orbits of scalings to a slice: two square roots for one block, and a convex problem for any weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .points import FloatArray

__all__ = ["balance_block", "balance_weights"]

_ITERATIONS = 400
_LONGEST = 6.0
"""So much may the logarithm of a square change in one step: Newton's method is then never far from where it is sure."""

_SETTLED = 1e-12
_POLISH = 2


def balance_block(x: FloatArray, plus: NDArray[np.bool_], level: float) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return (g U, V / g) with |U|² - |V|² = 2 level, on the slice of a block (U, V) -> (s U, V / s).

    With s = |U||V|: |U|² = c + sqrt(c² + s²) and |V| = s/|U| at the level c (written without cancellation for c < 0).

    Parameters
    ----------
    x : array, shape (n, d)
        Points.
    plus : array of bool, shape (d,)
        Which parameters are U.
    level : float
        c.

    Returns
    -------
    array, shape (n, d), and array of bool, shape (n,)
        The points, and which of them have an orbit that never meets the slice.
    """
    a, b = _norm(x[:, plus]), _norm(x[:, ~plus])
    lost = (a == 0.0) & ((b > 0.0) | (level != 0.0)) if level >= 0.0 else b == 0.0
    if level <= 0.0:
        lost |= (b == 0.0) & ((a > 0.0) | (level != 0.0))
    with np.errstate(all="ignore"):
        if level == 0.0:
            log_factor = (np.log(b) - np.log(a)) / 2.0
        else:
            # log of c + sqrt(c² + s²) for |c|, that is of the square of the longer one of the two.
            longer = np.sqrt(abs(level)) * np.sqrt(1.0 + np.hypot(1.0, _product(a, b, abs(level))))
            log_factor = np.log(longer) - np.log(a) if level > 0.0 else np.log(b) - np.log(longer)
    log_factor = np.where(lost | ~np.isfinite(log_factor), 0.0, log_factor)
    return _scaled(x, log_factor[:, None] * np.where(plus, 1.0, -1.0)), lost


def balance_weights(x: FloatArray, weights: FloatArray, level: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return the points x_i exp(sum_a t_a w_ai) with sum_i w_ai x_i²/2 = level_a for every a.

    They minimise the convex function sum_i x_i² exp(2 sum_a t_a w_ai)/4 - level . t of t, by Newton's method with steps
    that are cut until they lead down.

    Parameters
    ----------
    x : array, shape (n, d)
        Points.
    weights : array, shape (m, d)
        Any real numbers, the rows independent.
    level : array, shape (m,)
        The values of the constraints.

    Returns
    -------
    array, shape (n, d), and array of bool, shape (n,)
        The points, and which of them have an orbit that was not found to meet the slice.
    """
    out, lost = x.copy(), np.zeros(len(x), dtype=bool)
    patterns, which = np.unique(x != 0.0, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        rows = np.flatnonzero(which.ravel() == number)
        active = weights[:, pattern]
        # Where parameters are zero fewer combinations of the generators move a point.
        basis, length, _ = np.linalg.svd(active) if active.size else (np.eye(len(weights)), np.zeros(0), None)
        rank = int((length > 1e-12 * length.max(initial=0.0)).sum())
        still = basis[:, rank:].T @ level
        if np.abs(still).max(initial=0.0) > _SETTLED * np.abs(level).max(initial=0.0):
            lost[rows] = True
            continue
        chosen = np.eye(len(weights)) if rank == len(weights) else basis[:, :rank].T
        if rank:
            block = np.ix_(rows, np.flatnonzero(pattern))
            out[block], lost[rows] = _newton(x[block], chosen @ active, chosen @ level)
    return out, lost


def _newton(x: FloatArray, weights: FloatArray, level: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    logs = 2.0 * np.log(np.abs(x))
    exponents = _start(logs, weights) @ weights
    open_rows = np.arange(len(x))
    for _ in range(_ITERATIONS):
        now = logs[open_rows] + 2.0 * exponents[open_rows]
        step, settled = _step(now, weights, level)
        exponents[open_rows] += step @ weights
        open_rows = open_rows[~settled]
        if not open_rows.size:
            break
    lost = np.zeros(len(x), dtype=bool)
    lost[open_rows] = True
    y = _scaled(x, np.where(lost[:, None], 0.0, exponents))
    with np.errstate(divide="ignore"):
        for _ in range(_POLISH):
            step, _ = _step(2.0 * np.log(np.abs(y)), weights, level)
            y = np.where(lost[:, None], y, y * np.exp(step @ weights))
    return y, lost


def _start(logs: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the t for which the squares are as equal as they can be: the balanced point itself for a product chain."""
    design = np.vstack([2.0 * weights, np.ones(weights.shape[1])]).T
    return np.asarray(-(np.linalg.pinv(design) @ logs.T)[: len(weights)].T)


def _step(logs: FloatArray, weights: FloatArray, level: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return a step that lowers the convex function, from the logarithms of the squares, and where it was the last."""
    with np.errstate(divide="ignore"):
        top = np.maximum(logs.max(axis=1), np.log(np.abs(level).max()))[:, None]
    squares, target = np.exp(logs - top), level * np.exp(-top)
    slope = squares @ weights.T / 2.0 - target
    terms = squares @ np.abs(weights).T / 2.0 + np.abs(target)
    curvature = np.einsum("ai,bi,ni->nab", weights, weights, squares)
    step = _solved(curvature, -slope)
    longest = np.abs(2.0 * step @ weights).max(axis=1)
    share = _LONGEST / np.maximum(longest, _LONGEST)
    settled = np.all(np.abs(slope) <= _SETTLED * terms, axis=1)
    gain = (slope * step).sum(axis=1)
    for _ in range(60):
        moved = share[:, None] * step
        change = (squares / 4.0 * np.expm1(2.0 * moved @ weights)).sum(axis=1) - (target * moved).sum(axis=1)
        up = (change > 1e-4 * share * gain) & ~settled
        if not up.any():
            break
        share = np.where(up, share / 2.0, share)
    return share[:, None] * step, settled


def _solved(matrices: FloatArray, vectors: FloatArray) -> FloatArray:
    """Return the solutions for positive definite matrices whose rows may be of very different sizes."""
    diagonal = np.einsum("naa->na", matrices)
    scale = 1.0 / np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))
    scaled = matrices * scale[:, :, None] * scale[:, None, :]
    # Rounding may make the matrix singular far away from the solution; a step that is a little too short is good there.
    scaled = scaled + 1e-14 * np.eye(matrices.shape[1])
    return np.asarray(scale * np.linalg.solve(scaled, (scale * vectors)[..., None])[..., 0])


def _norm(x: FloatArray) -> FloatArray:
    """Return the lengths of rows, whose squares may be out of range."""
    largest = np.abs(x).max(axis=1, initial=0.0)
    return np.asarray(largest * np.linalg.norm(x / np.where(largest == 0.0, 1.0, largest)[:, None], axis=1))


def _product(a: FloatArray, b: FloatArray, divisor: float) -> FloatArray:
    """Return a b / divisor, which may be in range where a b is not."""
    root = np.sqrt(divisor)
    return np.asarray((a / root) * (b / root))


def _scaled(x: FloatArray, exponents: FloatArray) -> FloatArray:
    """Return x exp(exponents), in two steps because the factor alone may be out of range."""
    half = np.exp(exponents / 2.0)
    return np.asarray(x * half * half)
