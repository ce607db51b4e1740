"""Discrete events of a run that many workers make: who does which shard when, who dies, and when all is gathered."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from langevin_ib.sampling.segments import Pace
from langevin_ib.sampling.shards import SHARDS_PER_WORKER

__all__ = ["Costs", "Deaths", "by_parts", "by_shards"]


@dataclass(frozen=True)
class Costs:
    """Seconds, all of them.

    Parameters
    ----------
    step : float
        Of a worker, for a walker-step.
    send, receive : float
        Of the one that called, for a shard: to hand it out, and to take what comes back.
    restart : float
        From the death of a worker to the moment when another in its place works.
    begin : float
        From the start of a job of its own to its first step.
    write : float
        Of a job, for a checkpoint.
    merge : float
        Of whoever merges, for the file of a job.
    """

    step: float
    send: float
    receive: float
    restart: float
    begin: float
    write: float
    merge: float


class Deaths:
    """When workers die: each at exponentially distributed times of its own, or two of them in turns, at given ones.

    Parameters
    ----------
    mean : float
        Mean time between two deaths of one worker, seconds; infinite for none.
    rng : Generator
        Where the times come from.
    told : sequence of float
        Instead: when worker 0 dies, then worker 1, then worker 0 ...
    """

    def __init__(self, mean: float, rng: np.random.Generator, told: Sequence[float] = ()) -> None:
        self.mean, self.rng = mean, rng
        self.told = [(time, turn % 2) for turn, time in enumerate(told)]

    def next(self, worker: int, after: float) -> float:
        """Return when a worker that lives at a time dies next."""
        if self.told:
            return next((time for time, who in self.told if time > after and who == worker), math.inf)
        return after + float(self.rng.exponential(self.mean)) if math.isfinite(self.mean) else math.inf


@dataclass(frozen=True)
class Stretch:
    """A stretch of a run, between whose ends nothing is gathered.

    Parameters
    ----------
    shards : int
        Into how many pieces it is cut.
    work : float
        Seconds that a worker needs for one.
    costs, deaths : Costs, Deaths
        Of the whole run.
    """

    shards: int
    work: float
    costs: Costs
    deaths: Deaths

    def by_cluster(self, now: float, dying: list[float]) -> tuple[float, int]:
        """Return when all is gathered, and how many died; a dead worker's shard goes to whoever is free next.

        Of workers who died, `dying` gets the times of their next deaths.
        """
        waiting = [now + (k + 1) * self.costs.send for k in range(self.shards)]
        free = [(now, worker) for worker in range(len(dying))]
        finished, died = [], 0
        while waiting:
            ready, (idle, worker) = heapq.heappop(waiting), heapq.heappop(free)
            end = max(ready, idle) + self.work
            if dying[worker] < end:
                died += 1
                heapq.heappush(waiting, max(dying[worker], ready))
                back = dying[worker] + self.costs.restart
                dying[worker] = self.deaths.next(worker, back)
                heapq.heappush(free, (max(back, idle), worker))
                continue
            finished.append(end)
            heapq.heappush(free, (end, worker))
        return self._gathered(now + self.shards * self.costs.send, finished), died

    def by_pool(self, now: float, dying: list[float]) -> tuple[float, int]:
        """Return the same where one death, be it of an idle worker, ends the pool, and the next makes what is left."""
        finished: list[float] = []
        died = 0
        while len(finished) < self.shards:
            free, ends = [now] * len(dying), []
            left = self.shards - len(finished)
            for k in range(left):
                end = max(now + (k + 1) * self.costs.send, heapq.heappop(free)) + self.work
                ends.append(end)
                heapq.heappush(free, end)
            if min(dying) >= max(ends):
                return self._gathered(now + left * self.costs.send, [*finished, *ends]), died
            broken = max(min(dying), now)
            died += 1
            finished += [end for end in ends if end <= broken]
            now = broken + self.costs.restart
            # All of them are new.
            dying[:] = [self.deaths.next(worker, now) for worker in range(len(dying))]
        return self._gathered(now, finished), died

    def _gathered(self, now: float, finished: Sequence[float]) -> float:
        """Return when whoever called has taken all shards, one after another, once all had been handed out."""
        for end in sorted(finished):
            now = max(now, end) + self.costs.receive
        return now


def by_shards(
    walker_steps: float, workers: int, costs: Costs, deaths: Deaths, *, walkers: int, is_pool: bool
) -> tuple[float, int]:
    """Return how long a run through an executor takes, and how many workers died.

    It is made in stretches of about five seconds, as `langevin_ib.sample` does; between two, all shards are gathered.

    Parameters
    ----------
    walker_steps : float
        The whole job.
    workers : int
        How many there are.
    costs : Costs
        What things take.
    deaths : Deaths
        Who dies when.
    walkers : int
        How many make the steps.
    is_pool : bool
        Whether the death of one ends all, as in a process pool, which is then opened anew.
    """
    shards = SHARDS_PER_WORKER * workers
    pace, left = Pace(walkers), round(walker_steps / walkers)
    dying = [deaths.next(worker, 0.0) for worker in range(workers)]
    now, died = 0.0, 0
    while left > 0:
        steps = min(pace.steps, left)
        work = steps * walkers / shards * costs.step
        stretch = Stretch(shards, work, costs, deaths)
        then, lost = (stretch.by_pool if is_pool else stretch.by_cluster)(now, dying)
        pace.learn(steps, then - now)
        now, left, died = then, left - steps, died + lost
    return now, died


def by_parts(
    walker_steps: float, workers: int, costs: Costs, deaths: Deaths, *, every: float = 60.0
) -> tuple[float, int]:
    """Return how long jobs of their own take, each with its part of the walkers and a checkpoint, and all are merged.

    Parameters
    ----------
    walker_steps, workers, costs, deaths
        As in `by_shards`; as many jobs as workers.
    every : float
        Seconds between two checkpoints.
    """
    work = walker_steps / workers * costs.step
    last, died = 0.0, 0
    for worker in range(workers):
        now, done, dies = costs.begin, 0.0, deaths.next(worker, 0.0)
        while done < work:
            stretch = min(every, work - done)
            if now + stretch + costs.write > dies:
                died += 1
                # The queue starts it again, and it finds its checkpoint.
                now = dies + costs.restart + costs.begin
                dies = deaths.next(worker, now)
                continue
            now, done = now + stretch + costs.write, done + stretch
        last = max(last, now)
    return last + workers * costs.merge, died
