"""Functions of flat arrays, applied to whatever shape a user hands in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...checks import real_array

__all__ = ["log_probability", "mapped"]

FloatArray = NDArray[np.float64]


def mapped(function: Callable[[FloatArray], Any], x: ArrayLike) -> FloatArray:
    """Apply a function of flat arrays to any shape; nan stays nan and is not shown to it.

    Raises
    ------
    InvalidArgumentError
        If `x` is no array of real numbers.
    """
    array = real_array("x", x).astype(np.float64)
    result = np.full(array.shape, np.nan)
    known = ~np.isnan(array)
    with np.errstate(all="ignore"):  # what becomes of inf is in the result
        result[known] = function(array[known])
    return result[()]


def log_probability(probability: Any, complement: Any) -> FloatArray:
    """Return the log of a probability, to all digits if it is close to 1, too."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(complement < 0.5, np.log1p(-complement), np.log(probability)))
