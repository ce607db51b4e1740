"""A run made in segments: between two, its checkpoint is written, shards are merged and progress is told."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import TypeVar

from ..progress import Progress, Reporter
from .diagnostics import REMARK, remarked
from .files import Checkpoint, Snapshot
from .interrupts import CtrlC
from .loop import Progressed, advance
from .precision import lost_steps
from .shards import Shards
from .stuck import warn_of_stuck

__all__ = ["SamplingInterrupted", "proceed"]

S = TypeVar("S", bound=Snapshot)

SECONDS = 5.0
"""About how long a segment lasts where nothing else decides: what Ctrl-C may cost if shards are far away."""

WORTH = 10.0
"""A segment lasts so many times as long as handing shards out and gathering them takes."""

SHORT = 4
"""The second segment is so many times as short as it might be."""

FIRST = 10**8
"""Walker-steps of the first such segment."""


class SamplingInterrupted(UserWarning):
    """Ctrl-C ended a run early; the run handed back holds what was sampled until then."""


class Pace:
    """Finds how many steps take about `SECONDS`, or longer where so much of that would go into gathering shards.

    The second segment is a short one, so that the third tells what a segment takes before its first step.

    Parameters
    ----------
    walkers : int
        How many walkers make them.
    """

    def __init__(self, walkers: int) -> None:
        self.steps = max(FIRST // walkers, 1)
        self._is_first = True
        self._known: list[tuple[int, float]] = []

    def learn(self, made: int, seconds: float) -> None:
        """Take into account that `made` steps took so many seconds."""
        if self._is_first:
            # Processes were opened in it, so it is no measure of those that follow.
            self._is_first = False
            self.steps = min(max(int(made * SECONDS / SHORT / max(seconds, 1e-9)), 1), 10 * self.steps)
            return
        known = [*self._known, (made, seconds)]
        self._known = [min(known), max(known)]
        fixed = min(self._fixed(), 0.99 * seconds)
        wanted = max(SECONDS, WORTH * fixed)
        fitting = int(made * (wanted - fixed) / max(seconds - fixed, 1e-9))
        least = SHORT * made if len(known) == 1 else self.steps // 10
        self.steps = min(max(fitting, least, 1), 10 * self.steps)

    def _fixed(self) -> float:
        """Return what a segment takes before its first step, by a line through the shortest and the longest."""
        (few, short), (many, long) = self._known
        return max((short * many - long * few) / (many - few), 0.0) if many >= 2 * few else 0.0


def proceed(snapshot: S, *, progress: Progress, checkpoint: Checkpoint | None, shards: Shards | None) -> S:
    """Make the steps of a run that are still to be made.

    Parameters
    ----------
    snapshot : Snapshot
        Where the run stands.
    progress : bool, callable or None
        See `progress.Progress`.
    checkpoint : Checkpoint, optional
        The file to write on the way; what it holds has been taken into account.
    shards : Shards, optional
        Who makes the steps, if not this process.

    Returns
    -------
    Snapshot
        Where the run stands then: at its end, or where Ctrl-C stopped it; a `SamplingInterrupted` warning says so.
        Where steps are too small for the precision, another says that, and so do its notes.

    Raises
    ------
    DivergenceError
        If a walker became NaN or ran away. What was written before it did stays.
    ArchiveError
        If a checkpoint cannot be written; its attribute ``run`` has the run as it stood.
    Exception
        Whatever `progress` raised, once the checkpoint has been written.
    """
    lost = lost_steps(snapshot)
    with Reporter(progress, snapshot.settings.steps) as reporter, CtrlC() as ctrl_c, shards or nullcontext():
        run, stopped = _segments(snapshot, ctrl_c, ctrl_c.after(reporter.callback()), checkpoint, shards)
    if stopped is not None and not isinstance(stopped, KeyboardInterrupt):
        raise stopped
    if stopped is not None or ctrl_c.pressed:
        run = replace(run, interrupted=True)
        message = f"interrupted after {run.progressed.steps} of {run.settings.steps} steps"
        warnings.warn(SamplingInterrupted(message), stacklevel=3)
    warn_of_stuck(run, stacklevel=3)
    lost = lost or lost_steps(run)
    if lost is not None:
        warnings.warn(lost, UserWarning, stacklevel=3)
        run = replace(run, notes=(*run.notes, f"{REMARK}{lost}"))
    return run


def _segments(
    snapshot: S,
    ctrl_c: CtrlC,
    report: Callable[[int], None] | None,
    checkpoint: Checkpoint | None,
    shards: Shards | None,
) -> tuple[S, BaseException | None]:
    steps = snapshot.settings.steps
    pace = Pace(snapshot.settings.count)
    is_timed = shards is not None or (checkpoint is not None and checkpoint.every is None)
    snapshot = replace(snapshot, interrupted=False)
    stopped: BaseException | None = None
    while stopped is None and snapshot.progressed.steps < steps:
        made = snapshot.progressed.steps
        stop = min(steps, made + pace.steps) if is_timed else steps
        if checkpoint is not None:
            stop = min(stop, checkpoint.next_stop(made))
        started = time.perf_counter()
        if shards is None:
            progressed, stopped = _advance(snapshot, stop, report)
        else:
            progressed, stopped = _advance_shards(snapshot, stop, report, shards, ctrl_c)
        seconds = time.perf_counter() - started
        pace.learn(progressed.steps - made, seconds)
        seconds += snapshot.seconds
        interrupted = isinstance(stopped, KeyboardInterrupt)
        snapshot = replace(snapshot, progressed=progressed, seconds=seconds, interrupted=interrupted)
        last = stopped is not None or progressed.steps == steps
        if last:
            snapshot = replace(snapshot, notes=remarked(snapshot))
        if checkpoint is not None:
            checkpoint.offer(snapshot, last=last)
    return snapshot, stopped


def _advance(
    snapshot: Snapshot, steps: int, report: Callable[[int], None] | None
) -> tuple[Progressed, BaseException | None]:
    return advance(
        snapshot.process,
        snapshot.settings,
        snapshot.machine,
        before=snapshot.progressed,
        steps=steps,
        report=report,
    )


def _advance_shards(
    snapshot: Snapshot, steps: int, report: Callable[[int], None] | None, shards: Shards, ctrl_c: CtrlC
) -> tuple[Progressed, BaseException | None]:
    before = snapshot.progressed
    try:
        # Nobody asks while this process waits for others, and there is nothing that could get lost.
        ctrl_c.at_once = True
        ctrl_c.raise_if_pressed()
        progressed = shards.advance(snapshot.process, snapshot.settings, snapshot.machine, before=before, steps=steps)
        ctrl_c.at_once = False
    except KeyboardInterrupt as stopped:
        return before, stopped
    finally:
        ctrl_c.at_once = False
    try:
        if report is not None:
            report(progressed.steps)
    except BaseException as error:
        return progressed, error
    return progressed, None
