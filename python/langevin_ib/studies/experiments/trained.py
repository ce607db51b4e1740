"""All seeds and arms of an experiment, trained group by group, into arrays."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock

import numpy as np

from ... import _core
from ...errors import DivergenceError
from ...sampling import SamplingInterrupted
from .arms import Arm, Array, Order, Problem
from .experiment import Experiment, Plan

__all__ = ["Divergence", "Task", "Trained"]

SHARING = 256
"""So many seeds that share a problem are taken at a time: all their states are kept at all looks."""

AHEAD = 8
"""So many groups of seeds may wait for a core, beside those that have one."""

SECONDS = 0.05
"""So often progress is reported, and Ctrl-C heard."""


@dataclass(frozen=True)
class Divergence:
    """An arm that ran away.

    Parameters
    ----------
    arm : str
        Which one.
    seeds : tuple of int
        Whose: all that shared the run.
    message : str
        What the run says of it.
    """

    arm: str
    seeds: tuple[int, ...]
    message: str


@dataclass
class Trained:
    """What has come of the arms so far.

    Attributes
    ----------
    seeds : list of int
        The seeds that are done.
    views : dict from str to dict from int to array
        What was kept, by "arm.view" and seed; nothing where the arm diverged.
    steps : dict from str to tuple of int
        When each arm was looked at.
    divergences : list of Divergence
        What ran away.
    """

    seeds: list[int] = field(default_factory=list)
    views: dict[str, dict[int, Array]] = field(default_factory=dict)
    steps: dict[str, tuple[int, ...]] = field(default_factory=dict)
    divergences: list[Divergence] = field(default_factory=list)

    def arrays(self) -> dict[str, Array]:
        """Return what was kept with seeds first, nan for seeds of which an arm diverged; and "arm.steps"."""
        stacked: dict[str, Array] = {f"{arm}.steps": np.array(steps, dtype=float) for arm, steps in self.steps.items()}
        for name, values in self.views.items():
            nothing = np.full_like(next(iter(values.values())), np.nan)
            stacked[name] = np.stack([values.get(seed, nothing) for seed in self.seeds])
        return stacked


@dataclass(frozen=True, kw_only=True)
class Task:
    """All seeds of an experiment.

    Parameters
    ----------
    experiment : Experiment
        Which one.
    plan : Plan
        How long, in which reading.
    root : int
        From which all random numbers come: seed k is the same whoever else is there.
    seeds : int
        How many.
    data : mapping from str to array
        Arrays of the problem that are given.
    only : frozenset of str, optional
        The arms that are trained; all by default.
    """

    experiment: Experiment
    plan: Plan
    root: int
    seeds: int
    data: Mapping[str, Array]
    only: frozenset[str] | None = None

    def problem(self, seed: int) -> dict[str, Array]:
        """Return the arrays of a seed: a function of the root and its number, and what is given in their place."""
        rng = np.random.default_rng(np.random.SeedSequence(self.root, spawn_key=(seed,)))
        return {**self.experiment.draw(rng, self.plan), **self.data}

    @property
    def is_shared(self) -> bool:
        """Whether seeds share their problem: in the core they are walkers of one run, which takes as long as one."""
        own = [name for name in self.problem(0) if not name.startswith(self.experiment.seed_of)]
        return set(own) <= set(self.data)

    @property
    def groups(self) -> list[range]:
        """The seeds that are taken at a time."""
        size = SHARING if self.is_shared else self.experiment.together
        return [range(first, min(first + size, self.seeds)) for first in range(0, self.seeds, size)]

    @property
    def iterations(self) -> int:
        """How many iterations all runs make."""
        return sum(len(self._bundles(arm, group)) * arm.steps for group in self.groups for arm in self.first)

    @cached_property
    def first(self) -> tuple[Arm, ...]:
        """The arms of seed 0."""
        return self._arms(self.problem(0))

    def train(self, into: Trained, report: Callable[[int], None] | None) -> None:
        """Train everything, one run on each core, and report iterations made.

        What is done is in `into`, also after a KeyboardInterrupt.
        """
        clock, waiting = Clock(), deque[_Group]()
        with warnings.catch_warnings(), ThreadPoolExecutor(_core.cpu_count()) as pool:
            # Whoever asked for a figure is told of the interruption by its own result.
            warnings.simplefilter("ignore", SamplingInterrupted)
            try:
                for group in self.groups:
                    waiting.append(self._begin(group, pool, clock))
                    if len(waiting) > AHEAD:
                        self._finish(waiting, into, clock, report)
                while waiting:
                    self._finish(waiting, into, clock, report)
            except BaseException:
                clock.stop()
                pool.shutdown(cancel_futures=True)
                for each in waiting:
                    if each.is_done:
                        self._look(each, into)
                raise

    def _arms(self, problem: Problem) -> tuple[Arm, ...]:
        names = self.only
        return tuple(arm for arm in self.experiment.arms(problem, self.plan) if names is None or arm.name in names)

    def _begin(self, seeds: range, pool: ThreadPoolExecutor, clock: Clock) -> _Group:
        """Set off a group of seeds. An arm that is matched to another waits for it, which is before it in the queue."""
        problems = {seed: self.problem(seed) for seed in seeds}
        common = self.first if seeds[0] == 0 else self._arms(problems[seeds[0]])
        arms = {
            seed: common if self.is_shared or seed == seeds[0] else self._arms(problem)
            for seed, problem in problems.items()
        }
        group = _Group(seeds, problems, arms, {})
        for place, arm in enumerate(common):
            group.runs[arm.name] = [
                pool.submit(self._run, {seed: (arms[seed][place], problems[seed]) for seed in bundle}, group, clock)
                for bundle in self._bundles(arm, seeds)
            ]
        return group

    def _finish(
        self, waiting: deque[_Group], into: Trained, clock: Clock, report: Callable[[int], None] | None
    ) -> None:
        """Wait for the first of the groups that are under way, and look at its states."""
        while not waiting[0].is_done:
            wait(waiting[0].futures, timeout=SECONDS, return_when=FIRST_EXCEPTION)
            if report is not None:
                report(clock.made)
        self._look(waiting.popleft(), into)
        if report is not None:
            report(clock.made)

    def _look(self, group: _Group, into: Trained) -> None:
        for place, (name, runs) in enumerate(group.runs.items()):
            for paths, divergences in (run.result() for run in runs):
                into.divergences += divergences
                for seed, path in paths.items():
                    views = self.experiment.views(group.arms[seed][place], group.problems[seed], path)
                    for what, view in views.items():
                        into.views.setdefault(f"{name}.{what}", {})[seed] = view
        into.steps = {arm.name: arm.clock for arm in self.first}
        into.seeds.extend(group.seeds)

    def _bundles(self, arm: Arm, group: range) -> list[range]:
        """Return seeds of a group that one run can train: all, or each on its own."""
        if arm.matched is None and (arm.is_joint or self.is_shared):
            return [group]
        return [range(seed, seed + 1) for seed in group]

    def _run(self, own: Mapping[int, tuple[Arm, Problem]], group: _Group, clock: Clock) -> Ran:
        """Return the states of seeds in an arm, each of shape (looks, dim), and which of them diverged."""
        arm = next(iter(own.values()))[0]
        heats = dict.fromkeys(own, arm.heat)
        if arm.matched is not None:
            known = {seed: path for run in group.runs[arm.matched.to] for seed, path in run.result()[0].items()}
            if not set(own) <= set(known):
                return {}, []
            heats = {seed: arm.matched.temperature(own[seed][1], known[seed][arm.matched.place]) for seed in own}
        return self._paths(own, heats, clock.part())

    def _paths(self, own: Mapping[int, tuple[Arm, Problem]], heats: Mapping[int, float], report: Report) -> Ran:
        seeds = list(own)
        problems = [problem for _, problem in own.values()]
        arm = own[seeds[0]][0]
        order = Order(
            walkers=range(seeds[0], seeds[-1] + 1),
            root=self.root,
            problems=problems,
            initial=np.stack([self.experiment.start(arm, problem) for problem in problems]),
            temperatures=np.array([heats[seed] for seed in own]),
            progress=report,
        )
        try:
            path = arm.train(order)
        except DivergenceError as error:
            if len(seeds) == 1:
                return {}, [Divergence(arm.name, tuple(seeds), str(error))]
            # One that runs away takes no other with it.
            alone = [self._paths({seed: each}, heats, report) for seed, each in own.items()]
            return (
                {seed: path for paths, _ in alone for seed, path in paths.items()},
                [each for _, divergences in alone for each in divergences],
            )
        report(arm.steps, arm.steps)
        return dict(zip(seeds, path, strict=True)), []


Report = Callable[[int, int], None]
Ran = tuple[dict[int, Array], list[Divergence]]


@dataclass(frozen=True)
class _Group:
    """Seeds that are under way: their problems, their arms, and the runs of each arm."""

    seeds: range
    problems: Mapping[int, Problem]
    arms: Mapping[int, tuple[Arm, ...]]
    runs: dict[str, list[Future[Ran]]]

    @property
    def futures(self) -> list[Future[Ran]]:
        return [run for runs in self.runs.values() for run in runs]

    @property
    def is_done(self) -> bool:
        """Whether all runs have ended.

        Raises
        ------
        BaseException
            What one of them raised.
        """
        done = [run for run in self.futures if run.done()]
        for run in done:
            if not run.cancelled():
                run.result()
        return len(done) == len(self.futures)


class Clock:
    """Iterations that runs have made, each of them in a thread of its own.

    Attributes
    ----------
    made : int
        How many, all runs together.
    """

    def __init__(self) -> None:
        self._parts: list[int] = []
        self._lock = Lock()
        self._is_stopped = False

    @property
    def made(self) -> int:
        return sum(self._parts)

    def stop(self) -> None:
        """End all runs when they report next."""
        self._is_stopped = True

    def part(self) -> Report:
        """Return what a run reports to.

        Raises
        ------
        KeyboardInterrupt
            Where it is called once runs are to end.
        """
        with self._lock:
            place = len(self._parts)
            self._parts.append(0)

        def report(made: int, _: int) -> None:
            self._parts[place] = max(made, self._parts[place])
            if self._is_stopped:
                raise KeyboardInterrupt

        return report
