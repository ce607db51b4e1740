"""The arms of an experiment, trained in the core, seed by seed, into arrays."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from ...errors import DivergenceError
from ...observe import States
from ...progress import Progress
from ...sampling import SamplingInterrupted, sample
from .experiment import Arm, Array, Experiment, Plan

__all__ = ["Divergence", "Task", "Trained"]

_STATE = "state"


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
    def group(self) -> int:
        """How many seeds share a problem: they are walkers of one run, which takes as long as that of one of them."""
        own = [name for name in self.problem(0) if not name.startswith(self.experiment.seed_of)]
        return self.seeds if set(own) <= set(self.data) else 1

    @property
    def iterations(self) -> int:
        """How many iterations all runs make."""
        arms = self.experiment.arms(self.problem(0), self.plan)
        return self.seeds // self.group * sum(arm.steps for arm in arms)

    def train(self, into: Trained, report: Callable[[int], None] | None) -> None:
        """Train everything, and report iterations made; what is done is in `into`, also after a KeyboardInterrupt."""
        made = 0
        for first in range(0, self.seeds, self.group):
            group = range(first, first + self.group)
            problems = [self.problem(seed) for seed in group]
            arms = self.experiment.arms(problems[0], self.plan)
            found: dict[str, dict[int, Array]] = {}
            for arm in arms:
                since: Callable[[int, int], None] | bool = False
                if report is not None:
                    since = partial(_reported, report, made)
                states = self._states(arm, group, problems, into, since)
                made += arm.steps
                for seed, problem, path in zip(group, problems, states, strict=False):
                    for name, view in self.experiment.views(arm, problem, path).items():
                        found.setdefault(f"{arm.name}.{name}", {})[seed] = view
            for name, views in found.items():
                into.views.setdefault(name, {}).update(views)
            into.steps = {arm.name: arm.looks for arm in arms}
            into.seeds.extend(group)

    def _states(
        self, arm: Arm, group: range, problems: list[dict[str, Array]], into: Trained, progress: Progress
    ) -> Array | tuple[()]:
        """Return the states of an arm, shape (seeds of the group, looks, dim); nothing if it diverged."""
        with warnings.catch_warnings():
            # Whoever asked for a figure is told of the interruption by its own result.
            warnings.simplefilter("ignore", SamplingInterrupted)
            try:
                run = sample(
                    arm.model,
                    dynamics=arm.dynamics,
                    step_size=2.0 * arm.learning_rate,
                    steps=arm.steps,
                    walkers=slice(group.start, group.stop),
                    rng=self.root,
                    initial=np.stack([self.experiment.start(arm, problem) for problem in problems]),
                    observe={_STATE: States(at=arm.looks)},
                    progress=progress,
                )
            except DivergenceError as error:
                into.divergences.append(Divergence(arm.name, tuple(group), str(error)))
                return ()
        if run.interrupted:
            raise KeyboardInterrupt
        return np.asarray(run[_STATE].values, dtype=np.float64)


def _reported(report: Callable[[int], None], before: int, now: int, _: int) -> None:
    report(before + now)
