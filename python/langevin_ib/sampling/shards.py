"""A run cut into shards of walkers, made by the workers of any `concurrent.futures.Executor` and merged exactly."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..checks import checked_int, shown
from ..errors import DivergenceError, InvalidArgumentError
from ..observe import Kept, Observer
from ..process import Process
from .loop import Acceptance, Machine, Progressed, Settings, advance
from .orphans import end_with_parent

__all__ = ["Shards", "Share", "Task", "advance_shard", "cut", "gather"]

ALIGNMENT = 32
"""Shards begin at multiples of this, as the core's packs do: nobody moves a walker that is not its own."""

SHARDS_PER_WORKER = 4
"""So that a slow worker holds up the others for a quarter of its share at most."""

LEAST_WALKERS = 64
"""Unless told otherwise, no shard has fewer walkers, as the core moves so many together."""

MAX_SHARDS = 1_000_000

LIVES = 3
"""So many workers lost one after another, and no shard finished between, are the end."""

Walkers: TypeAlias = tuple[int, int]
"""The numbers of a shard's walkers: the first, and the one after the last."""

Share: TypeAlias = tuple[Walkers, Progressed]
"""A shard, and where its walkers stand."""


@dataclass(frozen=True)
class Task:
    """What a worker is sent: a shard and how far to go. Of what was kept, only sums are needed to go on.

    Parameters
    ----------
    process, settings, machine
        As `loop.advance` takes them; the walkers of the settings are those of the shard.
    states : array, shape (walkers, dim)
        Where the shard's walkers stand.
    sums : tuple of array, shape (walkers, n)
        What each observer that goes on has kept, such as the sums and pivots of `Moments`.
    acceptance : Acceptance or None
        What became of the shard's proposals.
    made, steps : int
        The steps made, and to be made.
    owner : int
        The process that the run is made for.
    """

    process: Process
    settings: Settings
    machine: Machine
    states: NDArray[Any]
    sums: tuple[NDArray[Any], ...]
    acceptance: Acceptance | None
    made: int
    steps: int
    owner: int


@dataclass
class Shards:
    """Who makes a run, and in how many pieces. As a context, it leaves no pool behind that it has opened itself.

    Parameters
    ----------
    executor : concurrent.futures.Executor
        A thread pool, a process pool, ``Client.get_executor()`` of dask.distributed, ... A process pool breaks for
        good if one of its workers dies; then another one like it takes its place.
    number : int, optional
        How many shards; by default four per worker. No number depends on it. There are no more than one per 32 walkers.
    """

    executor: Executor
    number: int | None = None
    _replacement: ProcessPoolExecutor | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._replacement is not None:
            self._replacement.shutdown(cancel_futures=True)
            self._replacement = None

    @classmethod
    def checked(cls, executor: Any, shards: Any) -> Shards | None:
        """Return what a user asked for; None if for nothing of the kind.

        Raises
        ------
        InvalidArgumentError
            If `executor` is none, or `shards` is no positive integer or stands alone.
        """
        if executor is None:
            if shards is not None:
                raise InvalidArgumentError(f"shards={shown(shards)} has no effect without executor=; name one")
            return None
        if not isinstance(executor, Executor):
            raise InvalidArgumentError(
                f"executor={shown(executor)} is no concurrent.futures.Executor; give one, such as "
                "ProcessPoolExecutor() or, for a dask client, client.get_executor()"
            )
        number = None if shards is None else checked_int("shards", shards, minimum=1, maximum=MAX_SHARDS)
        return cls(executor, number)

    def advance(
        self,
        process: Process,
        settings: Settings,
        machine: Machine,
        *,
        before: Progressed,
        steps: int,
    ) -> Progressed:
        """Make the steps from ``before.steps`` up to `steps`, as `loop.advance` does; return where the run is then.

        All or none of them: `before` stays as it is, and if anything is raised, what is pending is cancelled. If a
        worker of a process pool dies, a `RuntimeWarning` says so, and another pool makes the shards that are missing.

        Raises
        ------
        DivergenceError
            The first of all shards, by step and then by walker.
        InvalidArgumentError
            If the executor has been shut down, or a worker cannot do as asked.
        BrokenExecutor
            If a worker was lost, and the executor can not be replaced, or again and again.
        """
        tasks = {}
        for walkers in cut(settings.walkers, self._number(settings.count)):
            rows = _rows(walkers, settings)
            sums = tuple(kept[rows] for kept, spec in _observed(before, settings) if spec.goes_on)
            shard = replace(settings, walkers=walkers)
            acceptance = None if before.acceptance is None else before.acceptance.of(rows)
            states = before.states[rows]
            tasks[walkers] = Task(process, shard, machine, states, sums, acceptance, before.steps, steps, os.getpid())
        return gather(before, settings, steps, self._shares(tasks))

    def _shares(self, tasks: dict[Walkers, Task]) -> Iterator[Share]:
        """Yield each shard once, as they are finished, whatever becomes of the pools that make them."""
        left, lost = dict(tasks), 0
        while left:
            try:
                for walkers, part in self._made(left):
                    yield walkers, part
                    del left[walkers], part
                    lost = 0
            except BrokenExecutor as error:
                lost += 1
                if lost == LIVES or not self._renewed():
                    error.add_note(
                        "a worker was lost; a checkpoint has what came before: repeat the call with another executor"
                    )
                    raise
                made = next(iter(tasks.values())).made
                text = (
                    f"a worker of the pool was lost: of the {len(tasks)} shards of the steps from {made} on another "
                    f"pool makes {len(left)}"
                )
                warnings.warn(text, RuntimeWarning, stacklevel=2)

    def _renewed(self) -> bool:
        """Put a pool in the place of one that is broken; return whether it is of a kind that is known."""
        old = self.executor
        names = ("_max_workers", "_mp_context", "_initializer", "_initargs", "_max_tasks_per_child")
        # Nothing public says how a pool was made.
        if type(old) is not ProcessPoolExecutor or not all(hasattr(old, name) for name in names):
            return False
        most, context, initializer, arguments, tasks = (getattr(old, name) for name in names)
        self._close()
        self.executor = self._replacement = ProcessPoolExecutor(
            most, mp_context=context, initializer=initializer, initargs=arguments, max_tasks_per_child=tasks
        )
        return True

    def _made(self, tasks: dict[Walkers, Task]) -> Iterator[Share]:
        """Have tasks done by the executor, and yield what comes of them."""
        futures: dict[Future[Progressed], Walkers] = {}
        try:
            for walkers, task in tasks.items():
                futures[self._submitted(task)] = walkers
            yield from _finished(futures)
        finally:
            # Whatever went wrong, nobody waits for the rest.
            for future in futures:
                future.cancel()

    def workers(self) -> int:
        """Return how many shards can be made at once, as far as that can be known."""
        # No executor says so in public; the standard ones and mpi4py's have this name, dask's has its client.
        most = getattr(self.executor, "_max_workers", None)
        if isinstance(most, int):
            return max(most, 1)
        client = getattr(self.executor, "_client", None)
        if client is None:
            return os.cpu_count() or 1
        threads: dict[str, int] = client.nthreads()
        return max(sum(threads.values()), 1)

    def _number(self, walkers: int) -> int:
        if self.number is not None:
            return self.number
        return max(min(SHARDS_PER_WORKER * self.workers(), walkers // LEAST_WALKERS), 1)

    def _submitted(self, task: Task) -> Future[Progressed]:
        try:
            return self.executor.submit(advance_shard, task)
        except BrokenExecutor:
            raise
        except RuntimeError as error:
            raise InvalidArgumentError(
                f"executor={shown(self.executor)} takes no work: {error}; open another"
            ) from error


def cut(walkers: Walkers, number: int) -> list[Walkers]:
    """Return consecutive ranges of walkers that together are the given one, of about equal size.

    Parameters
    ----------
    walkers : (int, int)
        The first and the one after the last.
    number : int
        How many ranges are wanted; fewer come back where there are not 32 walkers for each.
    """
    first, last = walkers
    inner = ((first + (last - first) * i // number) // ALIGNMENT * ALIGNMENT for i in range(1, number))
    bounds = sorted({first, *(bound for bound in inner if first < bound < last), last})
    return list(pairwise(bounds))


def advance_shard(task: Task) -> Progressed:
    """Make a shard's steps: what a worker does.

    Returns
    -------
    Progressed
        Where the shard's walkers stand; histograms and traces hold what these steps added.

    Raises
    ------
    DivergenceError
        If a walker of the shard diverged.
    KeyboardInterrupt
        If the worker heard Ctrl-C; or whatever else a signal handler there raised.
    """
    end_with_parent(task.owner)
    settings = task.settings
    # What comes over a network may lie anywhere in a message, also where no number of its size may be.
    states, *sums = (np.require(array, requirements=["C", "ALIGNED"]) for array in (task.states, *task.sums))
    acceptance = None if task.acceptance is None else task.acceptance.aligned()
    nothing, left = Progressed.start(states, settings), iter(sums)
    kept = tuple(next(left) if spec.goes_on else new for new, spec in _observed(nothing, settings))
    progressed, stopped = advance(
        task.process,
        settings,
        task.machine,
        before=Progressed(states, kept, task.made, acceptance),
        steps=task.steps,
        report=None,
    )
    if stopped is not None:
        raise stopped
    return progressed


def gather(before: Progressed, settings: Settings, steps: int, parts: Iterable[Share]) -> Progressed:
    """Put the shards of a stretch of a run together: counts add up, and every walker's row goes to its place.

    Takes the parts as they come, in any order, and keeps none of them: memory is that of the result.

    Parameters
    ----------
    before : Progressed
        Where the whole run stood before the stretch; it stays as it is.
    settings : Settings
        Of the whole run.
    steps : int
        Where the stretch ends.
    parts : iterable of ((int, int), Progressed)
        The shards, which together have each walker once, as `advance_shard` returns them.
    """
    states = np.empty_like(before.states)
    dim = before.states.shape[1]
    kept = [spec.room(old, settings.extent(dim, spec, steps)) for old, spec in _observed(before, settings)]
    acceptance = None if before.acceptance is None else before.acceptance.copy()
    absorbed = None if before.absorbed is None else before.absorbed.copy()
    for walkers, part in parts:
        rows = _rows(walkers, settings)
        states[rows] = part.states
        if acceptance is not None and part.acceptance is not None:
            acceptance.counts[rows] = part.acceptance.counts
        if part.absorbed is not None:
            if absorbed is None:
                absorbed = np.full((settings.count, part.absorbed.shape[1]), -1, dtype=np.int64)
            # A shard knows of this stretch only.
            absorbed[rows] = np.maximum(absorbed[rows], part.absorbed)
        for whole, (new, spec) in zip(kept, _observed(part, settings), strict=True):
            spec.placed(whole, new, rows)
    return Progressed(states, tuple(kept), steps, acceptance, absorbed)


def _rows(walkers: Walkers, settings: Settings) -> slice:
    """Return which rows of the whole run are those of a shard."""
    return slice(walkers[0] - settings.walkers[0], walkers[1] - settings.walkers[0])


def _observed(progressed: Progressed, settings: Settings) -> Iterator[tuple[Kept, Observer]]:
    return zip(progressed.kept, (spec for _, spec in settings.observe), strict=True)


def _finished(futures: dict[Future[Progressed], Walkers]) -> Iterator[Share]:
    """Yield the shards as they are finished; if some failed, wait for all, and raise what happened first.

    A pool that broke comes before all else: what it leaves is not known.
    """
    divergences: list[DivergenceError] = []
    broken: BrokenExecutor | None = None
    for future in as_completed(list(futures)):
        walkers = futures.pop(future)
        try:
            part = future.result()
        except DivergenceError as error:
            divergences.append(error)
        except BrokenExecutor as error:
            broken = error
        else:
            yield walkers, part
            del part
        del future
    if broken is not None:
        raise broken
    if divergences:
        raise min(divergences, key=lambda error: (error.step, error.walker))
