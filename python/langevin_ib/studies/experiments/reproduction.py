"""What a reproduced figure came to: arrays, measured beside published figures, a sentence, files."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy
import sympy

from .arms import Array
from .bands import drawing
from .experiment import Experiment, Measured, Plan
from .trained import Divergence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Reproduction"]


@dataclass(frozen=True, eq=False)
class Reproduction:
    """A figure of the paper, made again with many seeds.

    Attributes
    ----------
    experiment : Experiment
        Which one.
    plan : Plan
        How many iterations, in which reading.
    root : int
        From which all random numbers came.
    seeds : tuple of int
        The seeds that are done, fewer than were asked for if `interrupted`.
    arrays : mapping from str to array
        What was kept, by "arm.view", seeds first; "arm.steps" are the iterations of the looks; nan where an arm
        diverged.
    given : tuple of str
        The names of the arrays of the problem that were given.
    divergences : tuple of Divergence
        Arms that ran away.
    interrupted : bool
        Whether Ctrl-C ended it.
    seconds : float
        How long it took.
    iterations : int
        Iterations of all arms and seeds that were done.
    """

    experiment: Experiment
    plan: Plan
    root: int
    seeds: tuple[int, ...]
    arrays: Mapping[str, Array]
    given: tuple[str, ...]
    divergences: tuple[Divergence, ...]
    interrupted: bool
    seconds: float
    iterations: int

    @property
    def lost(self) -> tuple[str, ...]:
        """Arms that are needed, and diverged in all seeds."""
        known = {name.partition(".")[0] for name in self.arrays if not name.endswith(".steps")}
        return tuple(arm for arm in self.experiment.needed if arm not in known)

    @property
    def measured(self) -> list[Measured]:
        """Measured figures beside published ones; none if an arm that is needed diverged in all seeds."""
        return [] if self.lost else self.experiment.measured(self.arrays, self.plan)

    @property
    def sentence(self) -> str:
        """Which effect it shows, computed from the run."""
        if self.lost:
            return f"Nothing is compared: {', '.join(self.lost)} diverged in all seeds."
        return self.experiment.sentence(self.arrays, self.plan)

    def figure(self) -> Figure:
        """Return the paper's figure with bands over seeds; an empty one if an arm that is needed diverged."""
        paper = drawing(6.0, 2.0) if self.lost else self.experiment.figure(self.arrays, self.plan)
        paper.suptitle(
            f"{self.experiment.title}\n{len(self.seeds)} seeds, {self.plan.steps} iterations, as the "
            f"{self.plan.variant}; lines: medians, areas: quartiles over seeds",
            fontsize="small",
        )
        return paper

    def __str__(self) -> str:
        """Return it as a text for terminals."""
        stopped = ", interrupted" if self.interrupted else ""
        measured = self.measured
        width = max([len(each.what) for each in measured], default=0)
        lines = [
            f"{self.experiment.name}: {self.experiment.title}",
            f"  {len(self.seeds)} seeds, {self.plan.steps} iterations ({self.plan.share:.3g} of the published), as the "
            f"{self.plan.variant}{stopped}",
            f"  {'measured':<{width}}  {'quartiles over seeds':<30}  published (its quantile)",
        ]
        for each in measured:
            said = " / ".join(f"{value:.4g}" for value in each.quartiles)
            known = "" if each.published is None else f"{each.published:.4g} ({each.quantile:.2f})"
            lines.append(f"  {each.what:<{width}}  {said:<30}  {known}".rstrip())
        for diverged in self.divergences:
            seeds = ", ".join(map(str, diverged.seeds))
            lines.append(f"  {diverged.arm} DIVERGED, seed {seeds}: {diverged.message}")
        lines.append(f"  {self.sentence}")
        lines.append(f"  {self.iterations:.3g} seed-iterations in {self.seconds:.1f} s")
        return "\n".join(lines)

    def __repr__(self) -> str:
        """Return which figure it is, and of how many seeds."""
        return f"<Reproduction of {self.experiment.name}: {len(self.seeds)} seeds, {self.plan.steps} iterations>"

    def summary(self) -> dict[str, Any]:
        """Return everything but the arrays as JSON-ready values."""
        return {
            "figure": self.experiment.name,
            "claim": self.experiment.claim,
            "variant": self.plan.variant,
            "iterations": self.plan.steps,
            "share_of_published_iterations": self.plan.share,
            "seeds": list(self.seeds),
            "root": self.root,
            "given": list(self.given),
            "interrupted": self.interrupted,
            "seconds": self.seconds,
            "seed_iterations": self.iterations,
            "measured": [
                {
                    "what": each.what,
                    "values": [float(value) if np.isfinite(value) else None for value in each.values],
                    "published": each.published,
                    "quantile": each.quantile,
                }
                for each in self.measured
            ],
            "diverged": [{"arm": each.arm, "seeds": each.seeds, "message": each.message} for each in self.divergences],
            "sentence": self.sentence,
            "versions": {
                "langevin-ib": version("langevin-ib"),
                "python": platform.python_version(),
                "numpy": np.__version__,
                "scipy": scipy.__version__,
                "sympy": sympy.__version__,
            },
        }

    def write(self, folder: Path) -> list[Path]:
        """Write figure, arrays and JSON into a folder, which is made if need be; return the files.

        Raises
        ------
        OSError
            If the folder cannot be written to.
        """
        folder.mkdir(parents=True, exist_ok=True)
        stem = self.experiment.name if not self.plan.is_text else f"{self.experiment.name}-{self.plan.variant}"
        picture, arrays, data = (folder / f"{stem}{suffix}" for suffix in (".png", ".npz", ".json"))
        self.figure().savefig(picture, dpi=150)
        with arrays.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **self.arrays)
        data.write_text(json.dumps(self.summary(), indent=2, allow_nan=False) + "\n", encoding="utf-8")
        return [picture, arrays, data]
