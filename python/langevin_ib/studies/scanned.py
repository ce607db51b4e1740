"""One point of a scan: its runs, its laws and their comparison, as a task that a worker can be sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

import numpy as np

from ..comparison import compare
from ..errors import DivergenceError, LangevinError
from ..laws import density
from ..model import Model
from ..observe import Histogram, Moments
from ..process import Dynamics
from ..sampling import Run, sample
from ..schemes import SCHEMES

__all__ = ["Found", "Report", "Task"]

Report: TypeAlias = Callable[[float], object]
"""Is told the share of a point that is done."""


@dataclass(frozen=True)
class Found:
    """What a point came to: numbers of each observable, numbers of the run, and "done" or what is to be said."""

    numbers: Mapping[str, Mapping[str, float]]
    run: Mapping[str, float]
    status: str


@dataclass(frozen=True)
class Task:
    """One point of the grid.

    Parameters
    ----------
    model : Model, or function
        What to sample, or who makes it of the values that are `taken`.
    dynamics : Dynamics
        Before the values of the point are put in.
    observe : mapping from str to Histogram
        What is compared.
    settings : mapping
        Arguments of `sample`.
    point : mapping
        The values of this point.
    taken : tuple of str
        Which of them the function `model` takes.
    seed : (int, int)
        The root of the scan, and the number of the point.
    with_laws : bool
        Whether runs are compared with laws.
    timeout : float or None
        Seconds for each law.
    """

    model: Model | Callable[..., Model]
    dynamics: Dynamics
    observe: Mapping[str, Histogram]
    settings: Mapping[str, Any]
    point: Mapping[str, Any]
    taken: tuple[str, ...]
    seed: tuple[int, int]
    with_laws: bool
    timeout: float | None

    @property
    def weight(self) -> int:
        """The walker-steps of the first run, as far as they are known; 1 else."""
        walkers, steps = (({**self.settings, **self.point}).get(name) for name in ("walkers", "steps"))
        return steps * walkers if isinstance(steps, int) and isinstance(walkers, int) else 1

    def work(self, report: Report | None = None, threads: int | None = 1) -> Found | None:
        """Return what the point comes to; None if Ctrl-C came.

        Raises
        ------
        InvalidArgumentError
            If something is wrong with the values of this point, or of all.
        """
        try:
            runs = self._runs(report, threads)
        except DivergenceError as error:
            return Found({}, {}, f"diverged: {error}")
        if runs[-1].interrupted:
            return None
        told = {name: self._numbers(name, runs) for name in self.observe}
        first, remarks = runs[0], [why for _, why in told.values() if why]
        remarks += [f"{len(run.stuck_walkers)} walkers were stuck" for run in runs if len(run.stuck_walkers)]
        of_run = {
            "step_size": first.settings.step_size,
            "acceptance": np.nan if first.acceptance is None else first.acceptance,
            "seconds": sum(run.seconds for run in runs),
        }
        return Found({name: numbers for name, (numbers, _) in told.items()}, of_run, "; ".join(remarks) or "done")

    def _runs(self, report: Report | None, threads: int | None) -> list[Run]:
        own = {name: value for name, value in self.point.items() if name in self.taken}
        at = {field.name for field in fields(self.dynamics)} & self.point.keys() - own.keys()
        settings = {"threads": threads, **self.settings}
        settings |= {name: value for name, value in self.point.items() if name not in own and name not in at}
        settings |= {
            "model": self.model if isinstance(self.model, Model) else self.model(**own),
            "dynamics": replace(self.dynamics, **{name: self.point[name] for name in at}),
            "observe": {name: (spec, Moments(every=spec.every)) for name, spec in self.observe.items()},
        }
        scheme = SCHEMES.get(settings.get("scheme", "euler-maruyama"))
        # Both runs follow the same Brownian paths: what differs is the discretisation, with little noise.
        halves = (1, 2) if self.with_laws and scheme is not None and scheme.order == 1.0 else (1,)
        runs: list[Run] = []
        for half in halves:
            if half == 2:
                settings["step_size"] = runs[0].settings.step_size / 2
                settings |= {name: 2 * settings[name] for name in ("steps", "burn_in") if name in settings}
            runs.append(
                sample(
                    **settings,
                    rng=np.random.SeedSequence(self.seed[0], spawn_key=(self.seed[1],)),
                    substeps=len(halves) // half,
                    progress=_told(report, half - 1, sum(halves), half),
                )
            )
            if runs[-1].interrupted:
                break
        return runs

    def _numbers(self, name: str, runs: list[Run]) -> tuple[dict[str, float], str]:
        """Return what is known of an observable, and why there is no law, if there is none."""
        histogram, moments = runs[0][name]
        numbers = {"mean": moments.mean(), "std": moments.var() ** 0.5}
        numbers |= {"mean_error": moments.standard_error()} if runs[0].settings.count > 1 else {}
        if not self.with_laws:
            return numbers, ""
        process, given = runs[0].process, histogram.spec.given
        try:
            law = density(
                process.model,
                name,
                dynamics=process.dynamics,
                temperature=process.temperature,
                given=given,
                timeout=self.timeout,
            )
            test = compare(histogram, law, finer=runs[1][name][0] if len(runs) > 1 else None)
            numbers |= {"law_error": law.error, "pvalue": test.pvalue, "ks": test.ks}
            numbers |= {"law_mean": law.mean(), "law_std": law.std()}
        except LangevinError as error:
            return numbers, f"no law of {name}: {error}"
        return numbers, ""


def _told(report: Report | None, before: int, whole: int, share: int) -> Any:
    return False if report is None else lambda made, steps: report((before + share * made / steps) / whole)
