"""Values of an observable at which probabilities are compared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["quantiles"]

FloatArray = NDArray[np.float64]

_PROBABILITIES = np.array([0.005, 0.02, *np.linspace(0.05, 0.95, 19), 0.98, 0.995])


def quantiles(values: FloatArray, logs: FloatArray) -> FloatArray:
    """Return rough quantiles: any places would do, if they are chosen before the draws that are counted."""
    known = ~np.isnan(values) & (logs > -np.inf)
    order = np.argsort(values[known], kind="stable")
    values, logs = values[known][order], logs[known][order]
    if not values.size:
        return values
    below = np.cumsum(np.exp(logs - logs.max()))
    return np.unique(values[np.searchsorted(below, _PROBABILITIES * below[-1])])
