"""Figure 1: orbits of u v, slices across them at several levels, walkers that are held there, and their law."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import scipy.stats

from ... import laws
from ...display import colour
from ...models import scalar_product
from ...process import GaugeFixed
from ...sampling import sample
from ..orbits import draw_orbits
from .arms import Arm, Array, Order
from .bands import band, drawing
from .experiment import Difference, Experiment, Measured, Plan

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Slices"]

LEVELS = {"near": 0.25, "far": 1.0}
"""The slices (u² - v²) / 2 = level on which walkers are held."""

MODEL, TEMPERATURE, STEP, WALKERS = scalar_product(), 0.3, 0.005, 1000
"""The loss is (u v - 1)² / 2; a seed is so many independent walkers."""

EDGES = np.linspace(-1.5, 3.5, 61)
SHOWN, REJECTED = 200, 1e-3


@dataclass(frozen=True, kw_only=True)
class Held(Arm):
    """Walkers that are taken back to a slice along their orbits after every step.

    Parameters
    ----------
    level : float
        Of the slice.
    """

    level: float

    def train(self, order: Order) -> Array:
        """Return the final places (u, v) of the walkers of every seed, shape (seeds, 1, 2 walkers)."""
        run = sample(
            MODEL,
            dynamics=GaugeFixed(level=self.level),
            temperature=TEMPERATURE,
            step_size=STEP,
            steps=self.steps,
            walkers=slice(WALKERS * order.walkers.start, WALKERS * order.walkers.stop),
            rng=order.root,
            initial=order.initial.reshape(-1, 2),
            progress=order.progress,
        )
        if run.interrupted:
            raise KeyboardInterrupt
        return np.asarray(run.states, dtype=np.float64).reshape(len(order.walkers), 1, 2 * WALKERS)


class Slices(Experiment):
    """The law of u v on slices across its orbits, by walkers that know nothing of it."""

    name = "fig1"
    title = "Orbits of u v, slices across them, and the law of θ = u v there"
    claim = "noise on a slice across the orbits adds a geometric term to the loss: small θ are favoured"
    steps = 2_000
    quick_steps = 800
    published = needed = tuple(LEVELS)
    differences: ClassVar[tuple[Difference, ...]] = (
        Difference(
            "slice",
            "u² = v², as if every orbit met it",
            "none: a drawing",
            "levels beside 0: there every orbit with θ ≠ 0 meets the slice, which has no tip",
        ),
    )

    def draw(self, rng: np.random.Generator, plan: Plan) -> dict[str, Array]:
        """Return where walkers start, (u, v), before they are taken to the slice along their orbits."""
        del plan
        return {"initial": rng.normal(size=(WALKERS, 2))}

    def arms(self, problem: Mapping[str, Array], plan: Plan) -> tuple[Arm, ...]:
        """Return one arm for each slice."""
        del problem
        return tuple(
            Held(name=name, level=level, learning_rate=STEP, looks=(plan.steps,)) for name, level in LEVELS.items()
        )

    def start(self, arm: Arm, problem: Mapping[str, Array]) -> Array:
        """Return all coordinates of the walkers of a seed."""
        return problem["initial"].ravel()

    def views(self, arm: Arm, problem: Mapping[str, Array], states: Array) -> dict[str, Array]:
        """Return some places, the density of θ in bins, and p-values of its law and of that without the term."""
        places = states[-1].reshape(-1, 2)
        theta = places.prod(axis=1)
        law, plain = _law(LEVELS[arm.name]), scipy.stats.norm(1.0, np.sqrt(TEMPERATURE))
        return {
            "places": places[:SHOWN],
            "density": np.histogram(theta, EDGES)[0] / (len(theta) * np.diff(EDGES)),
            "theta": np.array(theta.mean()),
            "p": np.array(scipy.stats.kstest(theta, law.cdf).pvalue),
            "rival": np.array(scipy.stats.kstest(theta, plain.cdf).pvalue),
        }

    def measured(self, arrays: Mapping[str, Array], plan: Plan) -> list[Measured]:
        """Return p-values and means at both levels, and which mean the law has."""
        del plan
        found = []
        for name, level in LEVELS.items():
            found += [
                Measured(f"level {level}: p-value of the law on the slice", arrays[f"{name}.p"]),
                Measured("  of the law without its geometric term", arrays[f"{name}.rival"]),
                Measured(
                    f"  mean of u v; the law has {_law(level).mean():.4f}, without the term 1", arrays[f"{name}.theta"]
                ),
            ]
        return found

    def sentence(self, arrays: Mapping[str, Array], plan: Plan) -> str:
        """Return whether the law with the geometric term is met, and the one without it is not."""
        right, rival = (
            sum(int(np.sum(arrays[f"{name}.{which}"] < REJECTED)) for name in LEVELS) for which in ("p", "rival")
        )
        count = len(LEVELS) * len(arrays["near.p"])
        return (
            f"Held on slices across the orbits, walkers follow exp(−L/T)/sqrt(level² + θ²), which is rejected in "
            f"{right} of {count} runs (p < {REJECTED}), and not exp(−L/T), rejected in {rival}: the geometric term is "
            "there for isotropic noise on a slice. SGD is not held on one, and is not in this figure."
        )

    def figure(self, arrays: Mapping[str, Array], plan: Plan) -> Figure:
        """Draw orbits, slices and walkers, and the law of u v on each slice with bands over seeds."""
        paper = drawing(11.0, 5.2)
        plane, densities = paper.subplots(1, 2)
        draw_orbits(plane, [sign * level for level in LEVELS.values() for sign in (-1.0, 1.0)])
        middles, fine = (EDGES[1:] + EDGES[:-1]) / 2.0, np.linspace(EDGES[0], EDGES[-1], 400)
        for place, (name, level) in enumerate(LEVELS.items()):
            color = colour(1 + 3 * place)
            plane.plot(
                *arrays[f"{name}.places"][0].T, ".", color=color, ms=4, label=f"walkers at level {level}, one seed"
            )
            band(
                densities, middles, arrays[f"{name}.density"], color=color, label=f"walkers at level {level}", style="."
            )
            densities.plot(fine, _law(level).pdf(fine), color=color, lw=1.0, label=f"law at level {level}")
        plain = scipy.stats.norm(1.0, np.sqrt(TEMPERATURE))
        densities.plot(fine, plain.pdf(fine), "--", color="0.5", label="without the geometric term")
        densities.set(xlabel="θ = u v", ylabel="density")
        densities.spines[["top", "right"]].set_visible(False)
        plane.legend(fontsize="x-small", frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)
        densities.legend(fontsize="x-small", frameon=False, loc="upper left")
        return paper


@lru_cache(maxsize=len(LEVELS))
def _law(level: float) -> laws.Density:
    """Return the law of u v on the slice."""
    return laws.density(MODEL, "theta", dynamics=GaugeFixed(level=level), temperature=TEMPERATURE)
