"""How large a step may be: what the curvature of the potential proposes where walkers are and where they come to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DivergenceError, InvalidArgumentError
from ...process import SGD, GaugeFixed, Process
from ...schemes import SCHEMES
from .curvature import Curvature
from .engine import Progressed, advance
from .row_curvature import RowCurvature
from .settings import Machine, Settings

__all__ = [
    "pilot",
    "require_formula",
    "steepest",
    "useful",
    "with_automatic_step",
    "with_stable_step",
]

STABLE = 1.0
"""h times the largest curvature that is called stable: half of the 2 below which an explicit step contracts."""

CAREFUL = 0.02
"""The pilot's step times the largest curvature where walkers start."""

PILOT_STEPS = 1000
PILOT_NUMBERS = 512
"""How many steps a pilot makes, and how many coordinates its walkers have together."""

PILOT_TRUSTED = 0.5
PILOTS = 40
"""A pilot whose step times the largest curvature that it met exceeds this is repeated with a smaller step, so often."""


def with_automatic_step(process: Process, settings: Settings, states: NDArray[Any]) -> tuple[Settings, str]:
    """Return the settings with the step size that the curvature proposes, and a note that says how it was found.

    The curvature is looked at where the walkers start, and again where a pilot of some of them ends, whose step is
    careful enough for the way.

    Parameters
    ----------
    process, settings
        The run.
    states : array, shape (walkers, dim)
        Where the walkers start.

    Raises
    ------
    InvalidArgumentError
        If the curvature is zero or not finite there.
    KeyboardInterrupt
        If Ctrl-C came during the pilot.
    """
    require_formula(process)
    dynamics = process.dynamics
    if isinstance(dynamics, GaugeFixed) and dynamics.at_zero == "error":
        # A pilot may go where the run must not.
        process = replace(process, dynamics=replace(dynamics, at_zero="absorb"))
    largest = steepest(process, settings, states)
    proposed = SCHEMES[settings.scheme].proposed
    settings = replace(settings, step_size=proposed / largest)
    note = (
        f"step_size='auto' took h = {settings.step_size:.3g}: {proposed:g} (for {settings.scheme}) divided by "
        f"{largest:.3g}, the largest curvature of V where the walkers start and after {PILOT_STEPS} pilot steps"
    )
    return settings, note


def require_formula(process: Process) -> None:
    """Refuse a process whose potential is no formula, or whose step is a learning rate."""
    if isinstance(process.dynamics, SGD):
        raise InvalidArgumentError(
            "step_size='auto' is for samplers of a law, which the step must not change; the step of SGD is its "
            "learning rate, on which everything depends: give a number"
        )
    if process.compiled is not None:
        raise InvalidArgumentError("step_size='auto' needs a formula to find the curvature; give a number")


def steepest(process: Process, settings: Settings, states: NDArray[Any]) -> float:
    """Return the largest curvature where walkers start and where a few of them come to by careful steps."""
    curvature = Curvature(process)
    at_start = useful(curvature.largest(states))
    # Whatever the scheme of the run: MALA would refuse steps that are too large, and look as if all were well.
    careful = replace(settings, scheme="euler-maruyama", approach=0, step_size=CAREFUL / at_start)
    for _ in range(PILOTS):
        try:
            made = pilot(process, careful, states)
        except DivergenceError:
            # Where walkers start V is flatter than where they go.
            careful = replace(careful, step_size=careful.step_size / 10.0)
            continue
        largest = max(at_start, useful(curvature.largest(made.states)))
        if careful.step_size * largest < PILOT_TRUSTED:
            return largest
        careful = replace(careful, step_size=CAREFUL / largest)
    raise InvalidArgumentError(
        f"step_size='auto': a pilot from where the walkers start (curvature {at_start:.3g}) runs away even at a step "
        f"of {careful.step_size:.2g}; give a number, or start elsewhere"
    )


def pilot(
    process: Process,
    settings: Settings,
    states: NDArray[Any],
    *,
    steps: int = PILOT_STEPS,
    approach: int = 0,
    numbers: int = PILOT_NUMBERS,
) -> Progressed:
    """Make the first steps of a few of a run's walkers, and before them some of an approach."""
    rows = np.ascontiguousarray(states[: max(numbers // process.model.dim, 1)])
    walkers = (settings.walkers[0], settings.walkers[0] + len(rows))
    settings = replace(
        settings, steps=approach + steps + 1, burn_in=approach, approach=approach, observe=(), walkers=walkers
    )
    settings.require_motion(process)
    start = Progressed.start(rows, settings)
    made, stopped = advance(process, settings, Machine(threads=1), before=start, steps=approach + steps, report=None)
    if stopped is not None:
        raise stopped
    return made


def with_stable_step(
    error: DivergenceError, process: Process, settings: Settings, states: NDArray[Any]
) -> DivergenceError:
    """Return the error with the step size that would have been stable where the walkers started.

    Parameters
    ----------
    error : DivergenceError
        What the core reported.
    process, settings
        The run.
    states : array, shape (walkers, dim)
        Where the walkers started.
    """
    if process.compiled is not None or error.cause != "out of range":
        return error
    # The steepest place is where the walker started that diverged, more likely than not.
    own = states[[error.walker - settings.walkers[0]]]
    dynamics = process.dynamics
    by_rows = isinstance(dynamics, SGD) and dynamics.is_noisy
    curvature = RowCurvature(process) if by_rows else Curvature(process)
    largest = max(curvature.largest(rows) for rows in (states, own))
    found = f"where the walkers started (largest curvature{' of a row' if by_rows else ''} {largest:.3g})"
    if not 0.0 < largest < float("inf"):
        advice = "the curvature of V where the walkers started gives no stable step"
    elif settings.step_size > STABLE / largest:
        advice = f"step_size={STABLE / largest:.2g} is stable {found}"
    else:
        quarter = f"try step_size={settings.step_size / 4:.2g}, or"
        bound = "" if "mala" in dynamics.schemes else " with Constrained(level, fixman=True)"
        advice = (
            f"the step was stable {found}, so the walker came to a steeper place: {quarter} weight_decay="
            if by_rows
            else f"the step was stable {found}, so the noise carried the walker to a steeper place, or out of range: "
            f"{quarter} scheme='mala'{bound}, which refuses such steps"
        )
    return DivergenceError(f"{error}; {advice}", walker=error.walker, step=error.step)


def useful(largest: float) -> float:
    """Return a curvature if it proposes a step.

    Raises
    ------
    InvalidArgumentError
        If it is zero or not finite.
    """
    if not 0.0 < largest < float("inf"):
        raise InvalidArgumentError(
            f"step_size='auto': the curvature of V where the walkers are is {largest:g}, which proposes nothing; "
            "give a number"
        )
    return largest
