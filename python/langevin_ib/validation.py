"""The main job: sample a system, compare it with its law, and demand that the same run rejects every rival law."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sympy

from . import models, plot
from .compare import compare
from .comparison import Comparison
from .distribution import Density
from .dynamics import Ambient
from .model import Model
from .observe import Histogram
from .progress import Progress
from .rivals import rivals
from .run import Run
from .sampling import sample
from .theory import density

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ALPHA", "CASES", "REJECTION", "Case", "Validation", "figure", "summary", "table", "validate", "write"]

ALPHA = 1e-3
"""The right law passes if its p-value is at least this: a right law fails by chance once in a thousand validations."""

NO_CORRECTION = "no correction"
"""The rival that the figure divides by."""

REJECTION = 1e-6
"""A rival is rejected if its p-value is below this."""


@dataclass(frozen=True)
class Case:
    """One row of the validation table: a system, its dynamics, and how long to sample them.

    Parameters
    ----------
    name : str
        How the row is called on the command line.
    model : Model
        The system.
    dynamics : Ambient
        The process, whose law is to come out.
    observable : str
        What is compared.
    temperature : float
        T = sigma²/beta.
    histogram : Histogram
        Its bins.
    step_size : float
        The coarser of the two step sizes, h; the other is h/2, and the comparison is extrapolated to h = 0.
    walkers : int
        Independent walkers of each run.
    time : float
        How long each walker is observed.
    burn_in : float
        How long it moves before.
    """

    name: str
    model: Model
    dynamics: Ambient
    observable: str
    temperature: float
    histogram: Histogram
    step_size: float
    walkers: int
    time: float
    burn_in: float

    def quick(self) -> Case:
        """Return the same case at a twentieth of its length."""
        return replace(self, time=self.time / 20, walkers=self.walkers)

    def law(self) -> Density:
        """Return the law that the process should have."""
        return density(self.model, self.observable, dynamics=self.dynamics, temperature=self.temperature)

    def rivals(self) -> dict[str, Density]:
        """Return the laws that the run has to reject."""
        return rivals(self.model, self.observable, dynamics=self.dynamics, temperature=self.temperature)

    def sample(self, step_size: float, rng: Any, **options: Any) -> Run:
        """Sample the case at one step size."""
        return sample(
            self.model,
            dynamics=self.dynamics,
            temperature=self.temperature,
            step_size=step_size,
            steps=round((self.burn_in + self.time) / step_size),
            burn_in=round(self.burn_in / step_size),
            walkers=self.walkers,
            rng=rng,
            observe={self.observable: self.histogram},
            **options,
        )


CASES: Mapping[str, Case] = {
    "product-ambient": Case(
        name="product-ambient",
        model=models.scalar_product(target=1.0),
        dynamics=Ambient(weight_decay=0.1),
        observable="theta",
        temperature=0.1,
        # Ten steps apart: a tenth of the time in which theta forgets.
        # Zero, where the law is infinite, is an edge of a bin.
        histogram=Histogram(bins=175, range=(-1.0, 2.5), every=10),
        step_size=0.005,
        walkers=8192,
        time=2000.0,
        burn_in=100.0,
    ),
}
"""Every row of the table, by name."""


@dataclass(frozen=True)
class Validation:
    """What one case came to.

    Attributes
    ----------
    case : Case
        What was validated.
    law : Density
        The law that should hold.
    coarse, fine : Run
        The runs at h and h/2.
    comparison : Comparison
        The law against the runs, extrapolated to h = 0.
    rivals : mapping of str to (Density, Comparison)
        The other laws against the same runs.
    """

    case: Case
    law: Density
    coarse: Run
    fine: Run
    comparison: Comparison
    rivals: Mapping[str, tuple[Density, Comparison]]

    @property
    def passed(self) -> bool:
        """Whether the law is consistent and every rival is rejected."""
        return self.comparison.consistent(ALPHA) and all(c.pvalue < REJECTION for _, c in self.rivals.values())

    @property
    def walker_steps(self) -> int:
        """Walker-steps of both runs."""
        return self.coarse.walker_steps + self.fine.walker_steps

    @property
    def rate(self) -> float:
        """Walker-steps per second."""
        return self.walker_steps / (self.coarse.seconds + self.fine.seconds)


def validate(case: Case, *, seed: int = 0, threads: int | None = None, progress: Progress = None) -> Validation | None:
    """Sample a case at h and h/2 and compare it with its law and the law's rivals.

    Parameters
    ----------
    case : Case
        What to validate.
    seed : int
        Seeds both runs, which share their Brownian paths.
    threads : int, optional
        By default all that the machine has.
    progress : bool or callable, optional
        As for `sample`.

    Returns
    -------
    Validation or None
        None if the sampling was interrupted.
    """
    # Both runs follow the same Brownian paths: what differs between them is the discretisation, with little noise.
    coarse = case.sample(case.step_size, seed, substeps=2, threads=threads, progress=progress)
    if coarse.interrupted:
        return None
    fine = case.sample(case.step_size / 2, seed, threads=threads, progress=progress)
    if fine.interrupted:
        return None
    against: Callable[[Density], Comparison] = lambda law: compare(  # noqa: E731 - a name for what is done twice
        coarse[case.observable], law, finer=fine[case.observable]
    )
    law = case.law()
    return Validation(
        case, law, coarse, fine, against(law), {name: (rival, against(rival)) for name, rival in case.rivals().items()}
    )


def table(validation: Validation) -> str:
    """Return a validation as text for a terminal."""
    c, machine = validation.comparison, validation.coarse.machine
    verdict = "ok" if c.consistent(ALPHA) else "FAILED"
    rows = [
        ("law", validation.law.name),
        ("reference measure", c.reference),
        ("p-value", f"{c.pvalue:.3g}  {verdict}: a right law has p >= {ALPHA:g} in 999 of 1000 runs"),
        ("Kolmogorov-Smirnov", f"{c.ks:.2e}"),
        ("total variation", f"{c.total_variation:.2e}"),
        ("effective samples", f"{c.effective_samples:.3g} of {c.samples:.3g}"),
    ]
    if c.discretisation is not None:
        d = c.discretisation
        rows.append(("step size", f"h = {c.step_size:g} and {d.finer_step_size:g}, extrapolated to 0"))
        rows.append(("", f"without extrapolation p = {d.pvalue_coarse:.2g} and {d.pvalue_fine:.2g}"))
    for name, (_, rival) in validation.rivals.items():
        verdict = "rejected" if rival.pvalue < REJECTION else f"NOT REJECTED at p < {REJECTION:g}"
        rows.append((f"rival: {name}", f"p = {rival.pvalue:.2g}  {verdict}"))
    rows.append(("walker-steps", f"{validation.walker_steps:.3g} at {validation.rate:.3g} per second"))
    rows.append(("machine", f"{machine.level_name}, {machine.threads} threads"))
    width = max(len(name) for name, _ in rows)
    title = f"{validation.case.name}: {validation.case.observable} under {validation.case.dynamics}"
    return "\n".join([title, *(f"  {name:<{width}}  {value}" for name, value in rows)])


def summary(validation: Validation) -> dict[str, Any]:
    """Return a validation as JSON-ready values."""
    settings, machine = validation.coarse.settings, validation.coarse.machine
    return {
        "case": validation.case.name,
        "passed": validation.passed,
        "law": validation.law.name,
        "comparison": validation.comparison.to_dict(),
        "rivals": {name: rival.to_dict() for name, (_, rival) in validation.rivals.items()},
        "walkers": validation.case.walkers,
        "steps": [validation.coarse.steps, validation.fine.steps],
        "keys": [f"{run.settings.key:032x}" for run in (validation.coarse, validation.fine)],
        "scheme": settings.scheme,
        "walker_steps": validation.walker_steps,
        "walker_steps_per_second": validation.rate,
        "level": machine.level_name,
        "threads": machine.threads,
    }


def figure(validation: Validation) -> Figure:
    """Draw histogram and laws, their deviations cell by cell, and beside them the correction that the run shows."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - matplotlib is slow to import and only needed here

    drawing = Figure(figsize=(11.0, 5.6), layout="constrained")
    panels = drawing.subplot_mosaic([["law", "correction"], ["z", "correction"]], height_ratios=(3.2, 1))
    law, z, correction = panels["law"], panels["z"], panels["correction"]
    case = validation.case
    coarse, fine = validation.coarse[case.observable], validation.fine[case.observable]
    others = {name: rival for name, (rival, _) in validation.rivals.items()}

    plot.density(fine, validation.law, rivals=others, ax=law)
    if (legend := law.get_legend()) is not None:
        legend.remove()  # the one beside it names the same lines
    law.set_title(validation.law.name, fontsize="medium")
    law.tick_params(labelbottom=False)
    law.set_xlabel("")

    plot.residuals(validation.comparison, ax=z)
    z.set_xlim(law.get_xlim())
    z.set_title("")

    plot.ratio(coarse, validation.law, others[NO_CORRECTION], finer=fine, rivals=others, ax=correction)
    verdicts = [f"law of the process: {_probability(validation.comparison.pvalue)}"]
    verdicts += [f"{name}: {_probability(rival.pvalue)}" for name, (_, rival) in validation.rivals.items()]
    points, lines = correction.containers[0], correction.lines
    correction.legend([points, *lines], [str(points.get_label()), *verdicts], fontsize="small", frameon=False)
    correction.set_title("the correction that comes out of the run", fontsize="medium")
    correction.set_ylabel("density / density without correction")

    formula = sympy.latex(sympy.Eq(sympy.Symbol(case.observable), case.model.observable(case.observable)))
    for ax in (z, correction):
        ax.set_xlabel(f"${formula}$")
    for ax in panels.values():
        ax.spines[["top", "right"]].set_visible(False)
    return drawing


def _probability(p: float) -> str:
    return f"p = {p:.2g}" if p > 0 else "p < 1e-300"


def write(validation: Validation, folder: Path) -> list[Path]:
    """Write a validation's figure and JSON file into a folder, which is made if need be; return the files.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    picture, data = (folder / f"{validation.case.name}{suffix}" for suffix in (".png", ".json"))
    figure(validation).savefig(picture, dpi=150)
    data.write_text(json.dumps(summary(validation), indent=2, allow_nan=False) + "\n")
    return [picture, data]
