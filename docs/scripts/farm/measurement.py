"""What a run over several workers costs here, and how long real runs take whose workers are killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import distributed
import langevin_ib as lib

from .simulation import Costs

__all__ = [
    "SETTINGS",
    "Crew",
    "cluster",
    "costs_of_parts",
    "costs_of_shards",
    "pool",
    "sampled",
    "seconds_a_step",
    "timed_with_deaths",
]

SETTINGS: dict[str, Any] = {
    "dynamics": lib.Ambient(weight_decay=0.1),
    "temperature": 0.1,
    "step_size": 1e-3,
    "rng": 1,
    "observe": {"theta": lib.Histogram(bins=256, range=(-1.0, 3.0), every=10)},
    "progress": False,
}
SHARDS = 64
"""So many are timed together."""


@dataclass(frozen=True)
class Crew:
    """Two workers: who hands work to them, and how their processes are found."""

    executor: Executor
    processes: Callable[[], Sequence[int]]


def sampled(**settings: Any) -> lib.Run:
    """Return a run of the job."""
    return lib.sample(lib.models.scalar_product(), **(SETTINGS | settings))


@contextmanager
def pool() -> Iterator[Crew]:
    """Two processes of one machine."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("forkserver")) as executor:
        yield Crew(executor, lambda: [child.pid for child in multiprocessing.active_children() if child.pid])


@contextmanager
def cluster() -> Iterator[Crew]:
    """Two machines, as far as dask knows."""
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    with distributed.LocalCluster(**options) as machines, distributed.Client(machines) as client:
        yield Crew(client.get_executor(pure=False), lambda: list(client.run(os.getpid).values()))


class Watched(Executor):
    """Hands work on, and takes the time of that."""

    def __init__(self, executor: Executor) -> None:
        self.executor, self.seconds = executor, 0.0

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        """Submit to the other one."""
        started = time.perf_counter()
        future = self.executor.submit(function, *arguments, **options)
        self.seconds += time.perf_counter() - started
        return future


def costs_of_shards(executor: Executor, nothing: Costs, *, turns: int = 5) -> Costs:
    """Return costs with those of handing a shard out and of taking it back: the median of some turns."""
    sends, receives = [], []
    for _ in range(turns + 1):
        watched = Watched(executor)
        started = time.perf_counter()
        sampled(walkers=64 * SHARDS, steps=10, executor=watched, shards=SHARDS)
        seconds = time.perf_counter() - started
        sends.append(watched.seconds / SHARDS)
        receives.append((seconds - watched.seconds) / SHARDS)
    # The first turn also opens what has to be opened.
    return replace(nothing, send=median(sends[1:]), receive=median(receives[1:]))


def costs_of_parts(nothing: Costs, *, parts: int = 16) -> Costs:
    """Return costs with those of jobs of their own: a process's start, a checkpoint, and a file to be merged."""
    job = "temperature=0.1, step_size=0.01, steps=1, walkers=64"
    code = f"import langevin_ib as lib; lib.sample(lib.models.scalar_product(), {job})"
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    begin = time.perf_counter() - started
    with TemporaryDirectory() as folder:
        for part in range(parts):
            run = sampled(walkers=slice(part * 10_000, (part + 1) * 10_000), steps=10)
            started = time.perf_counter()
            run.save(Path(folder) / f"{part}.npz")
            write = time.perf_counter() - started
        started = time.perf_counter()
        lib.merge(map(lib.load, Path(folder).glob("*.npz")))
        merge = (time.perf_counter() - started) / parts
    return replace(nothing, begin=begin, write=write, merge=merge)


def seconds_a_step(*, steps: int = 20_000) -> float:
    """Return what a walker-step takes on one core, the best of three."""
    return min(sampled(walkers=4096, steps=steps, threads=1).seconds / (4096 * steps) for _ in range(3))


def timed_with_deaths(crew: Crew, *, at: Sequence[float], **settings: Any) -> tuple[float, lib.Run]:
    """Return the seconds that a run takes whose workers are killed, one after another, at these times; and the run."""
    sampled(walkers=256, steps=10, executor=crew.executor, shards=2)  # so that all are there

    def kill(turn: int) -> None:
        processes = sorted(crew.processes())
        os.kill(processes[turn % len(processes)], signal.SIGKILL)

    killers = [threading.Timer(seconds, kill, (turn,)) for turn, seconds in enumerate(at)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # each death is warned of
        started = time.perf_counter()
        for killer in killers:
            killer.start()
        run = sampled(executor=crew.executor, **settings)
        seconds = time.perf_counter() - started
    for killer in killers:
        killer.join()
    return seconds, run
