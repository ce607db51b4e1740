"""Whether noise does the work: the same descent without noise, with label noise, isotropic, and held on a slice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...design import sparsity
from ...display import colour
from ...observe import States
from ...process import SGD, Ambient, GaugeFixed
from ...sampling import sample
from ..experiments import Array, Measured, band, drawing
from .exhibit import Exhibit, Views, median, relative_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Noise"]

ROWS, COLUMNS, SUPPORT = 40, 80, 5
STEPS, RATE, LABELS = 100_000, 0.01, 5.0
SCALES = {"small": 1e-3, "large": 1.0}
HEAT = RATE * LABELS**2 * 2.0 * SUPPORT / (4.0 * ROWS * COLUMNS)
"""The temperature at which isotropic noise has the size of label noise, which is s²|x|²/n, at the balanced truth."""

KINDS = {
    "flow": "no noise",
    "labels": "label noise",
    "slice": "gauge-fixed at the level of the start",
    "isotropic": "isotropic noise",
}


class Noise(Exhibit):
    """Products of two, from a small and from a large scale."""

    name = "noise"
    title = "Does noise do the work?"
    expectation = (
        "from a small scale descent alone finds the signal, and no noise improves on it; from a large scale it does "
        "not, and label noise alone, which acts as a weight decay, does; isotropic noise, whose orbits are unbounded, "
        "is the worst; on the slice of a large level noise has no bias that helps"
    )
    arms: ClassVar[Mapping[str, str]] = {
        f"{scale}-{kind}": f"{called}, from {SCALES[scale]:g}" for scale in SCALES for kind, called in KINDS.items()
    }

    def settings(self, *, quick: bool) -> str:
        """Return what was set."""
        return (
            f"{ROWS} x {COLUMNS} Gaussian measurements without noise of {SUPPORT} weights ±1; u v, "
            f"{STEPS // 100 if quick else STEPS} steps of {RATE:g} in every arm; label noise {LABELS:g}; temperature "
            f"{HEAT:.2g}, so that isotropic noise has the size of label noise at the truth"
        )

    def draw(self, rng: np.random.Generator, *, quick: bool) -> Views:
        """Return measurements with columns of mean square 1, and weights."""
        X, w = rng.standard_normal((ROWS, COLUMNS)), np.zeros(COLUMNS)
        w[rng.permutation(COLUMNS)[:SUPPORT]] = rng.choice([-1.0, 1.0], SUPPORT)
        return {"X": X / np.sqrt(np.mean(X**2, axis=0)), "w": w}

    def solve(self, arm: str, problem: Views, done: Mapping[str, Views], *, key: int, quick: bool) -> Views:
        """Return relative errors along the way."""
        scale, _, kind = arm.partition("-")
        X, truth, recipe, steps = problem["X"], problem["w"], sparsity(), STEPS // 100 if quick else STEPS
        at = np.unique(np.rint(np.geomspace(1, steps, 40)).astype(int)).tolist()
        start = recipe.init(SCALES[scale], COLUMNS)
        heat = {"temperature": HEAT}
        ways: dict[str, dict[str, Any]] = {
            "flow": {"dynamics": SGD()},
            "labels": {"dynamics": SGD(label_noise={"y": LABELS})},
            "slice": {"dynamics": GaugeFixed(level=-(SCALES[scale] ** 2) / 2.0), **heat},
            "isotropic": {"dynamics": Ambient(), **heat},
        }
        run = sample(
            recipe.model((X, X @ truth)),
            step_size=RATE,
            steps=steps,
            walkers=1,
            rng=key,
            initial=start[None],
            observe={"x": States(at=at)},
            progress=False,
            **ways[kind],
        )
        w = recipe.parameterize(run["x"].values[0].astype(np.float64))
        return {"error": relative_error(w, truth), "steps": np.array(at, dtype=float)}

    def measured(self, arrays: Mapping[str, Array]) -> list[Measured]:
        """Return errors at the end."""
        return [
            Measured(f"relative error at the end, {name}", arrays[f"{arm}.error"][:, -1])
            for arm, name in self.arms.items()
        ]

    def sentence(self, arrays: Mapping[str, Array]) -> str:
        """Return whether it does."""
        ends = {arm: median({"e": arrays[f"{arm}.error"][:, -1]}, "e") for arm in self.arms}
        parts = []
        for scale, size in SCALES.items():
            order = sorted(KINDS, key=lambda kind: ends[f"{scale}-{kind}"])
            said = ", ".join(f"{KINDS[kind]} {ends[f'{scale}-{kind}']:.2g}" for kind in order)
            parts.append(f"from {size:g} the errors are {said}")
        small, large = ends["small-flow"], ends["large-labels"]
        helps = "does" if large < 0.5 * ends["large-flow"] else "does not do"
        needs = "needs none" if small <= 1.1 * min(ends[f"small-{kind}"] for kind in KINDS) else "gains by it"
        return f"Label noise {helps} the work where the scale is large, and a small scale {needs}: {'; '.join(parts)}."

    def figure(self, arrays: Mapping[str, Array]) -> Figure:
        """Draw errors along the way, a panel for each scale."""
        paper = drawing(9.5, 4.4)
        panels = paper.subplots(1, 2, sharey=True)
        for ax, (scale, size) in zip(panels, SCALES.items(), strict=True):
            for place, (kind, called) in enumerate(KINDS.items()):
                arm = f"{scale}-{kind}"
                band(ax, arrays[f"{arm}.steps"][0], arrays[f"{arm}.error"], color=colour(place), label=called)
            ax.set(xscale="log", yscale="log", xlabel="step", title=f"all factors but one begin at {size:g}")
            ax.title.set_fontsize("small")
            ax.legend(fontsize="x-small", frameon=False)
            ax.spines[["top", "right"]].set_visible(False)
        panels[0].set(ylabel="|w - truth| / |truth|")
        return paper
