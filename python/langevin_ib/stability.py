"""How large a step may be: the curvature of the potential where walkers are, and the step size that it allows."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from .dynamics import Ambient
from .engine import Progressed, advance
from .errors import DivergenceError, InvalidArgumentError
from .expressions import compiled
from .model import Model
from .settings import Machine, Settings

__all__ = ["curvature", "with_automatic_step", "with_stable_step"]

STABLE = 1.0
"""h times the largest curvature that is called stable: half of the 2 below which an explicit step contracts."""

PROPOSED = {"euler-maruyama": 0.05, "leimkuhler-matthews": 0.2, "mala": 0.5}
"""h times the largest curvature that "auto" proposes, by scheme.

For Euler-Maruyama the stiffest variance is then wrong by h k / 2 = 2.5 %, for Leimkuhler-Matthews by O(h² k²); MALA has
no such error and its step only sets the acceptance."""

CAREFUL = 0.02
PILOT_STEPS = 1000
"""The pilot's step times the largest curvature where walkers start, and how many such steps it makes."""

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


def with_automatic_step(
    model: Model, dynamics: Ambient, settings: Settings, states: NDArray[Any]
) -> tuple[Settings, str]:
    """Return the settings with the step size that the curvature proposes, and a note that says how it was found.

    The curvature is looked at where the walkers start, and again where a pilot of some of them ends, whose step is
    careful enough for the start.

    Parameters
    ----------
    model, dynamics, settings
        The run.
    states : array, shape (walkers, dim)
        Where the walkers start.

    Raises
    ------
    InvalidArgumentError
        If the curvature is zero or not finite there.
    """
    at_start = _useful(curvature(model, dynamics, states))
    rows = np.ascontiguousarray(states[:LOOKED_AT])
    careful = replace(
        settings,
        step_size=CAREFUL / at_start,
        steps=PILOT_STEPS,
        burn_in=0,
        observe=(),
        walkers=(settings.walkers[0], settings.walkers[0] + len(rows)),
    )
    pilot, _ = advance(
        model,
        dynamics,
        careful,
        Machine(threads=1),
        before=Progressed.start(rows, careful),
        steps=PILOT_STEPS,
        report=None,
    )
    largest = max(at_start, _useful(curvature(model, dynamics, pilot.states)))
    step_size = PROPOSED[settings.scheme] / largest
    note = (
        f"step_size='auto' took h = {step_size:.3g}: {PROPOSED[settings.scheme]:g} (for {settings.scheme}) divided by "
        f"{largest:.3g}, the largest curvature of V where the walkers start and after {PILOT_STEPS} pilot steps"
    )
    return replace(settings, step_size=step_size), note


def with_stable_step(
    error: DivergenceError, model: Model, dynamics: Ambient, settings: Settings, states: NDArray[Any]
) -> DivergenceError:
    """Return the error with the step size that would have been stable where the walkers started.

    Parameters
    ----------
    error : DivergenceError
        What the core reported.
    model, dynamics, settings
        The run.
    states : array, shape (walkers, dim)
        Where the walkers started.
    """
    largest = curvature(model, dynamics, states)
    if not 0.0 < largest < float("inf"):
        advice = "the curvature of V where the walkers started gives no stable step"
    elif settings.step_size > STABLE / largest:
        advice = (
            f"step_size={STABLE / largest:.2g} is stable where the walkers started (largest curvature {largest:.3g})"
        )
    else:
        advice = (
            f"the step was stable where the walkers started (largest curvature {largest:.3g}), so the walker met a steeper "
            f"place later: try step_size={settings.step_size / 4:.2g}, or scheme='mala', which refuses such steps"
        )
    return DivergenceError(f"{error}; {advice}", walker=error.walker, step=error.step)


def _useful(largest: float) -> float:
    if not 0.0 < largest < float("inf"):
        raise InvalidArgumentError(
            f"step_size='auto': the curvature of V where the walkers are is {largest:g}, which proposes nothing; give a number"
        )
    return largest


@lru_cache(maxsize=32)
def _hessian(model: Model, dynamics: Ambient) -> tuple[Any, ...]:
    matrix = sympy.hessian(dynamics.potential(model), model.parameters)
    return tuple(compiled(entry, model.parameters) for entry in matrix)
