"""Steps that rounding swallows: coordinates so large, or steps so small, that walkers hardly move or stand still."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DivergenceError
from .files import Snapshot
from .loop import Progressed, Settings, advance

__all__ = ["lost_steps"]

LOOKED_AT = 32
"""So many walkers without noise are looked at."""

SOME = 2**22
"""Of so many numbers all are looked at after Ctrl-C."""

STEPS = 256
"""So many steps they make in both precisions."""

PIECE = 2**17
"""Of so many numbers the least and the largest are found while they are in a cache."""

APART = 16
"""Moves of more units in the last place are no rounding errors, and those of a gradient shift a walker by fewer."""


def lost_steps(snapshot: Snapshot) -> str | None:
    """Return what is to be said of walkers whose steps are too small for their coordinates; None if there are none.

    The noise of a step, sqrt(2 T h), is compared with the distance of neighbouring numbers where each walker is. At
    that size rounding adds a twelfth to the variance of a step, as a temperature 8 % higher would; at half of it most
    steps are none. Without noise there is only the drift: some walkers that stand still go on in double precision, and
    are seen to come further.
    """
    if snapshot.process.temperature > 0.0:
        return _lost_noise(snapshot)
    return _lost_drift(snapshot) if snapshot.settings.dtype == "float32" and snapshot.progressed.steps > 0 else None


def _lost_noise(snapshot: Snapshot) -> str | None:
    settings, states = snapshot.settings, snapshot.progressed.states
    metric = snapshot.process.metric
    spread = np.ones(1) if metric is None else np.sqrt(np.diagonal(np.linalg.inv(metric)))
    noise = np.sqrt(2.0 * snapshot.process.temperature * settings.step_size) * spread
    # The largest coordinate decides nearly always, and is found ten times as fast as all distances.
    # After Ctrl-C some of many walkers have to do: whoever pressed it waits.
    numbers = states[:: 1 + states.size // SOME if snapshot.interrupted else 1].reshape(-1)
    pieces = (numbers[start : start + PIECE] for start in range(0, numbers.size, PIECE))
    largest = max(max(-piece.min(), piece.max()) for piece in pieces)
    if np.spacing(largest) <= noise.min():
        return None
    apart = np.spacing(np.abs(states))
    is_lost = (apart > noise).any(axis=1)
    if not is_lost.any():
        return None
    row = int(np.argmax(is_lost))
    column = int(np.argmax(apart[row] / noise))
    after = _later(snapshot, states[row : row + 1], row, steps=1)
    if after is None or np.abs(after - states[row])[0, column] > APART * apart[row, column]:
        # The drift is what moves it, and perhaps runs away with it.
        return None
    return (
        f"{_where(snapshot, row, column)}, where neighbouring numbers of {settings.dtype} are {apart[row, column]:.2g} "
        f"apart: more than the noise of a step, {noise[column % len(noise)]:.2g}. Such walkers, {int(is_lost.sum())} "
        f"of {settings.count}, move by wrong amounts or not at all; {_remedy(settings)}"
    )


def _lost_drift(snapshot: Snapshot) -> str | None:
    progressed = snapshot.progressed
    here = progressed.states[:LOOKED_AT]
    single, double = (_later(snapshot, here.astype(dtype), 0, steps=STEPS) for dtype in ("float32", "float64"))
    if single is None or double is None:
        return None
    moved = np.abs(double - single)
    is_lost = (single == here) & (moved > APART * np.spacing(np.abs(here)))
    if not is_lost.any():
        return None
    row, column = (int(i) for i in np.argwhere(is_lost)[0])
    return (
        f"{_where(snapshot, row, column)} and stands still, as steps there are too small for float32; in float64 it "
        f"would go on, by {moved[row, column]:.2g} in {STEPS} steps; {_remedy(snapshot.settings)}"
    )


def _later(snapshot: Snapshot, states: NDArray[Any], row: int, *, steps: int) -> NDArray[Any] | None:
    """Return where walkers from a row on are some steps later, in the precision of `states`; None if they run away."""
    first, made = snapshot.settings.walkers[0] + row, snapshot.progressed.steps
    settings = replace(
        snapshot.settings,
        walkers=(first, first + len(states)),
        steps=made + steps,
        burn_in=0,
        approach=0,
        dtype=states.dtype.name,
        observe=(),
    )
    begin = replace(Progressed.start(states, settings), steps=made)
    machine = replace(snapshot.machine, threads=1)
    try:
        return advance(
            snapshot.process,
            settings,
            machine,
            before=begin,
            steps=settings.steps,
            report=None,
        )[0].states
    except DivergenceError:
        return None


def _where(snapshot: Snapshot, row: int, column: int) -> str:
    name, value = snapshot.process.model.parameters[column], snapshot.progressed.states[row, column]
    return f"walker {snapshot.settings.walkers[0] + row} is at {name} = {value:.6g}"


def _remedy(settings: Settings) -> str:
    if settings.dtype == "float32":
        return "take dtype='float64'"
    return "take a larger step_size, or write the model in parameters that are nearer to 0"
