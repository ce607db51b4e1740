"""How large a step may be: the curvature of the potential where walkers are, and the step size that it allows."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from .dynamics import Ambient
from .expressions import compiled
from .model import Model

__all__ = ["curvature", "proposed_step_size", "stable_step_size"]

STABLE = 2.0
"""An explicit step of a mode of curvature k contracts only while h k is below this."""

PROPOSED = {"euler-maruyama": 0.05, "leimkuhler-matthews": 0.2, "mala": 0.5}
"""h times the largest curvature that "auto" proposes, by scheme.

For Euler-Maruyama the stiffest variance is then wrong by h k / 2 = 2.5 %, for Leimkuhler-Matthews by O(h² k²); MALA has
no such error and its step only sets the acceptance."""

LOOKED_AT = 256
"""Curvature is the largest over at most this many walkers."""


def curvature(model: Model, dynamics: Ambient, states: NDArray[Any]) -> float:
    """Return the largest absolute eigenvalue of the Hessian of V over some of the given states.

    Parameters
    ----------
    model : Model
        The model.
    dynamics : Ambient
        Its dynamics, for V = L + confinement.
    states : array, shape (walkers, dim)
        Where to look; evenly spread rows are taken if there are many.

    Returns
    -------
    float
        In units of inverse time; 0 where V is affine, and infinite where the Hessian is not finite.
    """
    rows = np.asarray(states, dtype=np.float64)[:: max(1, len(states) // LOOKED_AT)]
    with np.errstate(all="ignore"):
        entries = [np.broadcast_to(entry(*rows.T), len(rows)) for entry in _hessian(model, dynamics)]
    matrices = np.stack(entries, axis=-1).reshape(len(rows), model.dim, model.dim)
    if not np.isfinite(matrices).all():
        return float("inf")
    return float(np.abs(np.linalg.eigvalsh(matrices)).max())


def stable_step_size(curvature: float) -> float:
    """Return a step size well within the stability of an explicit step at this curvature: half of 2 / curvature."""
    return 0.5 * STABLE / curvature


def proposed_step_size(curvature: float, scheme: str) -> float:
    """Return the step size that "auto" takes for a scheme at this curvature."""
    return PROPOSED[scheme] / curvature


@lru_cache(maxsize=32)
def _hessian(model: Model, dynamics: Ambient) -> tuple[Any, ...]:
    matrix = sympy.hessian(dynamics.potential(model), model.parameters)
    return tuple(compiled(entry, model.parameters) for entry in matrix)
