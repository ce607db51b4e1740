"""The step of MALA that "auto" takes: as large as the acceptance of a pilot allows, where its walkers belong."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from ...process import Process
from ...schemes import SCHEMES
from .curvature import Curvature
from .engine import Progressed
from .settings import Settings
from .step_size import PILOT_STEPS, PILOTS, pilot, require_formula, steepest, useful

__all__ = ["with_accepted_step"]

FEWEST, MOST = 0.6, 0.85
"""The acceptance that is looked for. In high dimensions 0.574 is best; in few, and where the curvature varies, more."""

LONGEST_APPROACH = 4 * PILOT_STEPS
"""A pilot follows the approach of the run for at most so many steps."""

SETTLED = 1.5
"""The curvature where the pilot comes to is known if it changed by less than this factor since the last one."""

FINE = 1.1
"""The step is known as well as this factor."""

FARTHEST = 1000.0
"""A step is not made so many times as large as the first attempt, even if everything is accepted."""

STICKY = 0.5
"""A step leaves walkers stuck if one of them stays for this share of the pilot."""

MARGIN = 1.5
"""A step is divided by this if a larger one leaves walkers stuck: a run has more of them than a pilot."""

NUMBERS = 4096
"""How many coordinates the walkers of a pilot have together: to meet steep places they are more than elsewhere."""


def with_accepted_step(process: Process, settings: Settings, states: NDArray[Any]) -> tuple[Settings, str]:
    """Return the settings with a step of which MALA accepts 60 to 85 %, and a note that says how it was found.

    Parameters
    ----------
    process, settings
        The run; the step of `settings` does not matter.
    states : array, shape (walkers, dim)
        Where the walkers start.

    Raises
    ------
    InvalidArgumentError
        If the curvature is zero or not finite where the walkers are.
    KeyboardInterrupt
        If Ctrl-C came during a pilot.
    """
    require_formula(process)
    # In d dimensions the step goes like d^(-1/3) (Roberts and Rosenthal, J. R. Statist. Soc. B 60 (1998) 255).
    first = SCHEMES[settings.scheme].proposed / process.model.dim ** (1 / 3)
    approach = min(settings.approach, LONGEST_APPROACH)
    if approach:
        largest, arrived = _after_approach(process, settings, states, approach=approach, first=first)
        where = f"after an approach of {approach:,} steps"
    else:
        largest, arrived = steepest(process, settings, states), states
        where = f"where the walkers start and after {PILOT_STEPS:,} pilot steps"

    def accepted(h: float, start: NDArray[Any], steps: int) -> float:
        settled = replace(settings, step_size=h)
        return _acceptance(pilot(process, settled, start, approach=steps, numbers=NUMBERS))

    h = _search(lambda h: accepted(h, arrived, 0), first / largest)
    share = accepted(h, states, approach)
    for _ in range(PILOTS):
        if share >= FEWEST:
            break
        # A pilot from the start meets what that from where it led to does not.
        h /= 2.0
        share = accepted(h, states, approach)
    note = (
        f"step_size='auto' took h = {h:.3g}, of which mala accepts {share:.0%} in the first {PILOT_STEPS:,} steps, "
        f"leaving no walker stuck; it is {h * largest:.2g} divided by {largest:.3g}, the largest curvature of V {where}"
    )
    return replace(settings, step_size=h), note


def _after_approach(
    process: Process, settings: Settings, states: NDArray[Any], *, approach: int, first: float
) -> tuple[float, NDArray[Any]]:
    """Return the largest curvature where an approach leads to with a step that belongs there, and the states there."""
    curvature = Curvature(process)
    largest = useful(curvature.largest(states))
    for _ in range(PILOTS):
        settled = replace(settings, step_size=first / largest)
        arrived = pilot(process, settled, states, steps=0, approach=approach, numbers=NUMBERS).states
        found = useful(curvature.largest(arrived))
        is_settled = 1.0 / SETTLED < found / largest < SETTLED
        largest = found
        if is_settled:
            break
    return largest, arrived


def _acceptance(made: Progressed) -> float:
    """Return the acceptance of a pilot; minus that if it leaves walkers stuck."""
    longest = 0 if made.acceptance is None else int(made.acceptance.counts[:, 2].max())
    share = made.accepted / (PILOT_STEPS * len(made.states))
    return -share if longest >= STICKY * PILOT_STEPS else share


def _search(accepted: Callable[[float], float], h: float) -> float:
    """Return a step with an acceptance between `FEWEST` and `MOST`, or more, if larger ones leave walkers stuck."""
    small, large, limit, is_sticky = 0.0, math.inf, FARTHEST * h, False
    for _ in range(PILOTS):
        share = accepted(h)
        if share < FEWEST:
            large, is_sticky = h, share < -FEWEST
        else:
            small = h
            if share <= MOST or h >= limit or large / h < FINE:
                break
        if not small:
            h = large / 2.0
        elif math.isinf(large):
            h = 2.0 * small
        else:
            h = math.sqrt(small * large)
    return (small or h) / (MARGIN if is_sticky else 1.0)
