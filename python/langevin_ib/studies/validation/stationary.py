"""What all rows about a stationary law have in common: a process, and how long it is sampled at which steps."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...model import Model
from ...observe import Observer
from ...process import Dynamics
from ...progress import Progress
from ...sampling import Run, sample
from ...schemes import SCHEMES
from .row import Row

__all__ = ["Stationary"]


@dataclass(frozen=True, kw_only=True)
class Stationary(Row):
    """A row whose process is sampled for a time, after a burn-in.

    Parameters
    ----------
    name : str
        How the row is called on the command line.
    model : Model
        The system.
    dynamics : Dynamics
        The process, whose law is to come out.
    temperature : float
        T = sigma²/beta.
    step_size : float
        The step h. For a scheme of first order there is a second run at h/2, and what is compared is extrapolated to
        h = 0.
    walkers : int
        Independent walkers of each run.
    time : float
        How long each walker is observed.
    burn_in : float
        How long it moves before.
    scheme : str
        "euler-maruyama", or "mala", which is exact at any step.
    """

    name: str
    model: Model
    dynamics: Dynamics
    temperature: float
    step_size: float
    walkers: int
    time: float
    burn_in: float
    scheme: str = "euler-maruyama"

    @abstractmethod
    def watched(self, step_size: float) -> Mapping[str, Observer]:
        """Return what to keep of a run at this step."""

    def system(self) -> Model:
        """Return the model with everything in it that is watched."""
        return self.model

    def sample(self, step_size: float, rng: Any, **options: Any) -> Run:
        """Sample the row at one step size."""
        return sample(
            self.system(),
            dynamics=self.dynamics,
            temperature=self.temperature,
            step_size=step_size,
            steps=round((self.burn_in + self.time) / step_size),
            burn_in=round(self.burn_in / step_size),
            walkers=self.walkers,
            rng=rng,
            scheme=self.scheme,
            observe=self.watched(step_size),
            **options,
        )

    def runs(self, *, seed: int | tuple[int, int], threads: int | None, progress: Progress) -> tuple[Run, ...] | None:
        """Sample, at h and h/2 unless the scheme is exact; None if that was interrupted."""
        # Both runs follow the same Brownian paths: what differs between them is the discretisation, with little noise.
        halves = (1,) if math.isinf(SCHEMES[self.scheme].order) else (1, 2)
        runs: list[Run] = []
        for half in halves:
            substeps = len(halves) // half
            run = self.sample(self.step_size / half, seed, substeps=substeps, threads=threads, progress=progress)
            if run.interrupted:
                return None
            runs.append(run)
        return tuple(runs)
