"""Many integrals over a line at once, one for each row of a table, of positive functions given by their logarithms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...errors import UnsupportedModelError
from ..line import NODES, TO_COEFFICIENTS

__all__ = ["RowFunction", "log_integrals"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]
RowFunction: TypeAlias = Callable[[IndexArray, FloatArray], FloatArray]
"""Takes the row of each panel, shape (n, 1), and points, shape (n, k); returns the logs of the integrand there."""

_BLOCK = 2**15  # entries of the largest temporary array: more do not stay in the cache
_TOLERANCE = 1e-14
_NEGLIGIBLE = 46.0  # exp(-46) of the largest panel of a row matters to nobody
_SEEN = 1e-9  # of what the node with the largest weight has
_MOST_HALVINGS = 48


def log_integrals(
    log_f: RowFunction, low: FloatArray, high: FloatArray, *, width: float = 1.5, far: float = 0.0
) -> FloatArray:
    """Return the log of the integral of exp(log_f) from low to high, row by row.

    Panels of at most `width` are halved where the Legendre series of the integrand in them has not converged, so peaks
    and kinks are found; -inf stands for an integrand or an interval that is zero.

    Parameters
    ----------
    log_f : callable
        See `RowFunction`. The integrand should be smooth on the scale `width`, apart from peaks and kinks.
    low, high : (n,) arrays
        The ends for each row; a row with high <= low gives -inf.
    width : float
        The widest panel.
    far : float
        The length of one more panel beyond `high`, where there is hardly anything, as a rule.

    Returns
    -------
    (n,) array
        Relative error of the integrals about 1e-13 where the integrand is piecewise analytic.

    Raises
    ------
    UnsupportedModelError
        If the integrand is nan somewhere, or does not become smooth however short the panels.
    """
    result, level = np.full(low.shape, -np.inf), np.full(low.shape, -np.inf)
    counts = np.where(high > low, np.ceil((high - low) / width), 0.0).astype(np.intp)
    row, centre, half = _divided(np.arange(low.size), (low + high) / 2.0, (high - low) / 2.0, counts)
    if far > 0.0:
        (rows,) = np.nonzero(high > low)
        row = np.concatenate([row, rows])
        centre = np.concatenate([centre, high[rows] + far / 2.0])
        half = np.concatenate([half, np.full(rows.size, far / 2.0)])
    for _ in range(_MOST_HALVINGS):
        if not row.size:
            return result
        log_mass, error, bound, pieces = _panels(log_f, row, centre, half)
        np.maximum.at(level, row, log_mass)
        settled = (error <= level[row] + math.log(_TOLERANCE)) | (bound < level[row] - _NEGLIGIBLE)
        np.logaddexp.at(result, row[settled], log_mass[settled])
        left = ~settled
        row, centre, half = _divided(row[left], centre[left], half[left], pieces[left])
    raise UnsupportedModelError(
        f"an inner integral of this law does not converge near {centre[0]:.6g}: the loss is not smooth enough there"
    )


def _divided(
    row: IndexArray, centre: FloatArray, half: FloatArray, pieces: IndexArray
) -> tuple[IndexArray, FloatArray, FloatArray]:
    """Return row, centre and half the length of the pieces into which panels are cut."""
    whole = np.repeat(np.arange(row.size), pieces)
    place = np.arange(whole.size) - (np.cumsum(pieces) - pieces)[whole]
    shorter = half / np.maximum(pieces, 1)
    first = centre - half + shorter
    return row[whole], first[whole] + 2 * place * shorter[whole], shorter[whole]


def _panels(
    log_f: RowFunction, row: IndexArray, centre: FloatArray, half: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, IndexArray]:
    """Return for each panel the logs of its mass, of the error of that and of a bound on it; and how to cut it."""
    log_mass, error, bound = (np.empty(row.shape) for _ in range(3))
    pieces = np.empty(row.shape, dtype=np.intp)
    step = max(1, _BLOCK // NODES.size)
    for start in range(0, row.size, step):
        part = slice(start, start + step)
        points = centre[part, None] + half[part, None] * NODES
        with np.errstate(all="ignore"):
            values = log_f(row[part, None], points)
        if np.any(np.isnan(values)):
            raise UnsupportedModelError(
                f"an inner integral of this law meets nan at {points[np.isnan(values)][0]:.6g}; mend the loss"
            )
        top = values.max(axis=1)
        base = np.where(np.isfinite(top), top, 0.0)
        weights = np.exp(values - base[:, None])
        coefficients = weights @ TO_COEFFICIENTS.T
        # What a single node sees is so narrow that halves would be cut twice more.
        pieces[part] = np.where(weights.sum(axis=1) < 1.0 + _SEEN, 8, 2)
        tail = np.abs(coefficients[:, -3:]).max(axis=1)
        # Rounding of the logs themselves is no reason to go on.
        tail -= 3e-15 * (10.0 + np.abs(base))
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = base + np.log(2.0 * half[part])
            log_mass[part] = scale + np.log(np.maximum(coefficients[:, 0], 0.0))
            error[part] = scale + np.log(np.maximum(tail, 0.0))
            # A peak may hide between two nodes, but not from the slopes beside it.
            steepest = np.abs(np.diff(np.maximum(values, -1e300), axis=1)).max(axis=1)
        bound[part] = np.where(np.isfinite(top), scale + np.minimum(steepest, 1e4), -np.inf)
    return log_mass, error, bound, pieces
