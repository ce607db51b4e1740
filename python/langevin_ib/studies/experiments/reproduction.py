"""What a reproduced figure came to: arrays, measured beside published figures, a sentence, files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .arms import Array
from .bands import drawing
from .experiment import Experiment, Measured, Plan
from .made import Made
from .trained import Divergence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Reproduction"]


@dataclass(frozen=True, eq=False)
class Reproduction(Made):
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
    def stem(self) -> str:
        """How its files are called."""
        return self.experiment.name if not self.plan.is_text else f"{self.experiment.name}-{self.plan.variant}"

    @property
    def title(self) -> str:
        """What it is."""
        return self.experiment.title

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
        lines = [
            f"{self.experiment.name}: {self.title}",
            f"  {len(self.seeds)} seeds, {self.plan.steps} iterations ({self.plan.share:.3g} of the published), as the "
            f"{self.plan.variant}{stopped}",
            *self.rows(),
        ]
        for diverged in self.divergences:
            seeds = ", ".join(map(str, diverged.seeds))
            lines.append(f"  {diverged.arm} DIVERGED, seed {seeds}: {diverged.message}")
        lines.append(f"  {self.sentence}")
        lines.append(f"  {self.iterations:.3g} seed-iterations in {self.seconds:.1f} s")
        return "\n".join(lines)

    def __repr__(self) -> str:
        """Return which figure it is, and of how many seeds."""
        return f"<Reproduction of {self.experiment.name}: {len(self.seeds)} seeds, {self.plan.steps} iterations>"

    def facts(self) -> dict[str, Any]:
        """Return what was run, as JSON-ready values."""
        return {
            "figure": self.experiment.name,
            "claim": self.experiment.claim,
            "variant": self.plan.variant,
            "iterations": self.plan.steps,
            "share_of_published_iterations": self.plan.share,
            "root": self.root,
            "given": list(self.given),
            "seed_iterations": self.iterations,
            "diverged": [{"arm": each.arm, "seeds": each.seeds, "message": each.message} for each in self.divergences],
        }
