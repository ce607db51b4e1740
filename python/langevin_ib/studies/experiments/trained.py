"""All seeds and arms of an experiment, trained group by group, into arrays."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np

from ...errors import DivergenceError
from ...progress import Progress
from ...sampling import SamplingInterrupted
from .arms import Arm, Array, Order, Problem
from .experiment import Experiment, Plan

__all__ = ["Divergence", "Task", "Trained"]

SHARING = 256
"""So many seeds that share a problem are taken at a time: all their states are kept at all looks."""


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
    """

    experiment: Experiment
    plan: Plan
    root: int
    seeds: int
    data: Mapping[str, Array]

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
        """The arms of seed 0: models are slow to make."""
        return self.experiment.arms(self.problem(0), self.plan)

    def train(self, into: Trained, report: Callable[[int], None] | None) -> None:
        """Train everything, and report iterations made; what is done is in `into`, also after a KeyboardInterrupt."""
        made = 0
        for group in self.groups:
            problems = {seed: self.problem(seed) for seed in group}
            common = self.experiment.arms(problems[group[0]], self.plan) if group[0] > 0 else self.first
            arms = {
                seed: common if self.is_shared or seed == group[0] else self.experiment.arms(problem, self.plan)
                for seed, problem in problems.items()
            }
            paths: dict[str, dict[int, Array]] = {}
            for place, arm in enumerate(common):
                paths[arm.name] = {}
                for bundle in self._bundles(arm, group):
                    since: Progress = False if report is None else partial(_reported, report, made)
                    own = {seed: (arms[seed][place], problems[seed]) for seed in bundle}
                    paths[arm.name] |= self._paths(own, paths, into, since)
                    made += arm.steps
            for place, arm in enumerate(common):
                for seed, path in paths[arm.name].items():
                    for name, view in self.experiment.views(arms[seed][place], problems[seed], path).items():
                        into.views.setdefault(f"{arm.name}.{name}", {})[seed] = view
            into.steps = {arm.name: arm.clock for arm in common}
            into.seeds.extend(group)

    def _bundles(self, arm: Arm, group: range) -> list[range]:
        """Return seeds of a group that one run can train: all, or each on its own."""
        if arm.is_joint or (self.is_shared and arm.matched is None):
            return [group]
        return [range(seed, seed + 1) for seed in group]

    def _paths(
        self,
        own: Mapping[int, tuple[Arm, Problem]],
        done: Mapping[str, Mapping[int, Array]],
        into: Trained,
        progress: Progress,
    ) -> dict[int, Array]:
        """Return the states of seeds in an arm, each of shape (looks, dim); nothing for those that diverged."""
        seeds = list(own)
        problems = [problem for _, problem in own.values()]
        arm = own[seeds[0]][0]
        if arm.matched is not None and not set(seeds) <= set(done[arm.matched.to]):
            return {}
        order = Order(
            walkers=range(seeds[0], seeds[-1] + 1),
            root=self.root,
            problems=problems,
            initial=np.stack([self.experiment.start(arm, problem) for problem in problems]),
            temperatures=np.array([_temperature(arm, seed, problem, done) for seed, (_, problem) in own.items()]),
            progress=progress,
        )
        with warnings.catch_warnings():
            # Whoever asked for a figure is told of the interruption by its own result.
            warnings.simplefilter("ignore", SamplingInterrupted)
            try:
                return dict(zip(seeds, arm.train(order), strict=True))
            except DivergenceError as error:
                if arm.is_joint and len(seeds) > 1:
                    # One that runs away takes no other with it.
                    alone = [self._paths({seed: each}, done, into, False) for seed, each in own.items()]
                    return {seed: path for each in alone for seed, path in each.items()}
                into.divergences.append(Divergence(arm.name, tuple(seeds), str(error)))
                return {}


def _temperature(arm: Arm, seed: int, problem: Problem, done: Mapping[str, Mapping[int, Array]]) -> float:
    if arm.matched is None:
        return arm.heat
    return arm.matched.temperature(problem, done[arm.matched.to][seed][arm.matched.place])


def _reported(report: Callable[[int], None], before: int, now: int, _: int) -> None:
    report(before + now)
