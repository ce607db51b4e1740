"""Rows of noise equilibria: where on its orbit SGD comes to rest, which is not where the norm is least."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.stats
import sympy

from ...display import colour
from ...errors import UnsupportedModelError
from ...geometry import balance
from ...laws import NoiseEquilibrium, noise_equilibrium
from ...model import Model, Scaling
from ...observe import Moments
from ...process import SGD
from ...progress import Progress
from ...sampling import Run, sample
from .row import Row, Verdict, probability

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Equilibria", "Equilibrium"]

_SHIFT = "shift"


@dataclass(frozen=True, kw_only=True)
class Equilibria(Row):
    """A row about the point of one orbit at which SGD comes to rest.

    What is compared is lambda = log(|U|² / |V|²) / 4, which is 0 at the balanced point, averaged over a run; at eta and
    eta/2, extrapolated to 0, since the theory is right to the first order in eta. Weight decay, if there is any, goes
    with eta, so that the equilibrium does not.

    Parameters
    ----------
    name : str
        How the row is called on the command line.
    model : Model
        With data, and a scaling (U, V) -> (s U, V / s).
    at : tuple of float
        A minimum of its loss.
    label_noise : mapping from str to float
        For `SGD`.
    step_size : float
        eta; the second run has eta/2.
    batch_size : int
        Rows in a batch.
    decay_per_step : float
        Weight decay over eta.
    start : float
        The lambda at which all walkers start.
    walkers : int
        Independent seeds.
    settling, time : float
        How long they move before they are looked at, and how long they are, in relaxation times of lambda.
    rivals : mapping from str to float
        Wrong values of lambda, beside that of the balanced point and that of the start.
    """

    name: str
    model: Model
    at: tuple[float, ...]
    label_noise: Mapping[str, float]
    step_size: float
    batch_size: int = 1
    decay_per_step: float = 0.0
    start: float = 0.5
    walkers: int = 256
    settling: float = 10.0
    time: float = 20.0
    rivals: Mapping[str, float] = field(default_factory=dict)

    def quick(self) -> Equilibria:
        """Return the same row with a quarter of the walkers."""
        return replace(self, walkers=self.walkers // 4)

    def dynamics(self, step_size: float) -> SGD:
        """Return SGD at a step size."""
        decay = self.decay_per_step * step_size
        return SGD(batch_size=self.batch_size, label_noise=dict(self.label_noise), weight_decay=decay)

    @cached_property
    def balanced(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The balanced point of the orbit."""
        return balance(self.model, self.at)

    @cached_property
    def expected(self) -> NoiseEquilibrium:
        """The equilibrium, from the balanced point."""
        return noise_equilibrium(
            self.model, self.balanced, dynamics=self.dynamics(self.step_size), step_size=self.step_size
        )

    @property
    def weights(self) -> Mapping[sympy.Symbol, sympy.Expr]:
        """The weights of the model's scaling, 1 for U and -1 for V."""
        (scaling,) = self.model.symmetries
        if not isinstance(scaling, Scaling):
            raise UnsupportedModelError("a row about an equilibrium needs a model with one scaling")
        return scaling.weights

    def relaxation(self, step_size: float) -> float:
        """Return the steps in which lambda comes nearer to its equilibrium by a factor e.

        About it C = |U|² - |V|² is 2 R times the distance of lambda, R = |U|² + |V|², and changes in a step by
        -2 eta² (Tr S + 2 gamma R / eta) times that, S being the noise on U and V.
        """
        rest = self.expected
        size = float(sum(x**2 for x, name in zip(rest.x, self.model.parameters, strict=True) if name in self.weights))
        return size / (step_size**2 * (float(rest.noise) + 2.0 * self.decay_per_step * size))

    def system(self) -> Model:
        """Return the model with lambda among its observables."""
        up, down = (sympy.Add(*(x**2 for x, w in self.weights.items() if w == sign)) for sign in (1, -1))
        shift = (sympy.log(up) - sympy.log(down)) / 4
        return replace(self.model, observables={**self.model.observables, _SHIFT: shift})

    def sample(self, step_size: float, rng: Any, **options: Any) -> Run:
        """Train all seeds at one step size."""
        weights = np.array([float(self.weights.get(x, 0)) for x in self.model.parameters])
        relaxation = self.relaxation(step_size)
        settled, every = round(self.settling * relaxation), max(1, round(relaxation / 100.0))
        return sample(
            self.system(),
            dynamics=self.dynamics(step_size),
            step_size=step_size,
            steps=settled + round(self.time * relaxation),
            burn_in=settled,
            walkers=self.walkers,
            rng=rng,
            initial=np.tile(self.balanced * np.exp(self.start * weights), (self.walkers, 1)),
            observe={_SHIFT: Moments(order=1, every=every)},
            **options,
        )

    def validate(self, *, seed: int = 0, threads: int | None = None, progress: Progress = None) -> Equilibrium | None:
        """Train at eta and eta/2, and compare where it comes to rest with where it should."""
        runs = []
        for half in (1, 2):
            run = self.sample(self.step_size / half, (seed, half), threads=threads, progress=progress)
            if run.interrupted:
                return None
            runs.append(run)
        return Equilibrium(case=self, made=tuple(runs))


@dataclass(frozen=True, kw_only=True)
class Equilibrium(Verdict):
    """What the row came to.

    Attributes
    ----------
    case : Equilibria
        The row.
    made : tuple of Run
        The runs at eta and eta/2.
    """

    case: Equilibria
    made: tuple[Run, ...]

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs."""
        return self.made

    @property
    def title(self) -> str:
        """What was compared, under which dynamics."""
        return f"point of rest under {self.case.dynamics(self.case.step_size)!r}"

    @cached_property
    def means(self) -> tuple[tuple[float, float], ...]:
        """The mean of lambda over walkers and time, and its standard error, of each run."""
        found = [run[_SHIFT].walker_means for run in self.runs]
        return tuple((float(each.mean()), float(each.std(ddof=1) / np.sqrt(each.size))) for each in found)

    @property
    def extrapolated(self) -> tuple[float, float]:
        """The same at eta = 0, to the second order."""
        (one, error), (half, half_error) = self.means
        return 2.0 * half - one, float(np.hypot(error, 2.0 * half_error))

    @property
    def expected(self) -> float:
        """The lambda of the noise equilibrium."""
        return float(self.case.expected.shift[0])

    def _pvalue(self, value: float) -> float:
        mean, error = self.extrapolated
        return float(2.0 * scipy.stats.norm.sf(abs(mean - value) / error))

    @property
    def pvalue(self) -> float:
        """The p-value of the equilibrium."""
        return self._pvalue(self.expected)

    @property
    def rival_pvalues(self) -> Mapping[str, float]:
        """The p-values of the balanced point, unless it is the equilibrium; of the start; and of others."""
        rivals = {"conserved, as under gradient flow": self.case.start, **self.case.rivals}
        if abs(self.expected) > 1e-6:
            rivals = {"balanced point": 0.0, **rivals}
        return {name: self._pvalue(value) for name, value in rivals.items()}

    @property
    def reference(self) -> str:
        """What is compared in place of a law."""
        return "log(U²/V²)/4"

    def lines(self) -> list[tuple[str, str]]:
        """Return what else a reader needs: labels and values."""
        mean, error = self.extrapolated
        rows = [("log(U²/V²)/4", f"{mean:.5f} +- {error:.5f} at eta = 0, equilibrium {self.expected:.5f}, balanced 0")]
        for run, (each, its_error) in zip(self.runs, self.means, strict=True):
            rows.append((f"at eta = {run.settings.step_size:g}", f"{each:.5f} +- {its_error:.5f}"))
        return rows

    def details(self) -> dict[str, Any]:
        """Return everything behind it, as JSON-ready values."""
        return {
            "pvalue": self.pvalue,
            "rivals": dict(self.rival_pvalues),
            "equilibrium": self.expected,
            "means": [{"mean": mean, "standard_error": error} for mean, error in self.means],
        }

    def figure(self) -> Figure:
        """Draw where the runs came to rest over eta, beside equilibrium, balanced point and start."""
        from matplotlib.figure import Figure  # noqa: PLC0415 - matplotlib is slow to import and only needed here

        drawing = Figure(figsize=(7.0, 4.2), layout="constrained")
        ax = drawing.subplots()
        steps = [run.settings.step_size for run in self.runs]
        mean, error = self.extrapolated
        means, errors = zip(*self.means, strict=True)
        ax.errorbar(
            steps, means, yerr=3 * np.array(errors), fmt="o", color=colour(0), capsize=4, label="runs, 3 std. errors"
        )
        ax.errorbar(
            [0.0], [mean], yerr=[3 * error], fmt="o", mfc="white", color=colour(0), capsize=4, label="extrapolated"
        )
        ax.axhline(self.expected, color="black", label="noise equilibrium")
        ax.axhline(0.0, color=colour(3), linestyle="--", label="balanced point")
        ax.axhline(self.case.start, color="0.6", linestyle=":", label="start, kept by gradient flow")
        ax.set_xlabel("step size η")
        ax.set_ylabel("log(|U|² / |V|²) / 4, mean over seeds and time")
        ax.set_title(f"{self.name}: {probability(self.pvalue)}", fontsize="small")
        ax.legend(fontsize="small")
        ax.spines[["top", "right"]].set_visible(False)
        return drawing
