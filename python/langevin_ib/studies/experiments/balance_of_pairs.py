"""What becomes of pairs (U, V) under (s U, V / s) in training: ratio of norms, imbalance, the ratio it predicts."""

from __future__ import annotations

import numpy as np

from ... import laws
from .experiment import Array

__all__ = ["pair_views", "unbalanced"]


def pair_views(up: Array, down: Array, first_up: Array, first_down: Array) -> dict[str, Array]:
    """Return views of pairs along training.

    Parameters
    ----------
    up, down : array, shape (looks, pairs)
        |U|² and |V|².
    first_up, first_down : array, shape (pairs,)
        The same before the first iteration.

    Returns
    -------
    dict
        "ratio" = |V| / |U|; "imbalance" q = |U|² - |V|²; "predicted", the ratio if q had stayed as it was at first,
        sqrt((rho - q_0) / (rho + q_0)) with rho = |U|² + |V|², nan where rho < |q_0|; all of shape (looks, pairs). And
        "first_imbalance" and "first_ratio", shape (pairs,).
    """
    q, first, rho = up - down, first_up - first_down, up + down
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "ratio": np.sqrt(down / up),
            "imbalance": q,
            "predicted": laws.ratio_of_sides(first, rho),
            "first_imbalance": first,
            "first_ratio": np.sqrt(first_down / first_up),
        }


def unbalanced(count: int, scale: float) -> Array:
    """Return factors exp(linspace(-scale, scale)) for U, and one over them for V, that unbalance pairs."""
    return np.exp(np.linspace(-scale, scale, count))
