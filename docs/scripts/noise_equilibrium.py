"""Draws docs/images/noise_equilibrium.png: seeds of SGD from both sides of the balanced point come to rest elsewhere.

Run `python docs/scripts/noise_equilibrium.py`; it takes some seconds.
"""

from __future__ import annotations

from pathlib import Path

import langevin_ib as lib
import numpy as np
from langevin_ib.studies.validation import CASES
from matplotlib.figure import Figure

PICTURE = Path(__file__).parents[1] / "images" / "noise_equilibrium.png"
SEEDS, LONGEST, STEP = 64, 6.0, 0.01
STARTS = (0.6, -0.4)


def main() -> None:
    """Train, and draw."""
    row = CASES["sgd-neuron"]
    weights = np.array([1.0, 1.0, 1.0, -1.0])
    steps = round(LONGEST / STEP**2)
    at = np.linspace(1, steps, 120).astype(int)
    drawing = Figure(figsize=(7.5, 4.4), layout="constrained")
    ax = drawing.subplots()
    for number, start in enumerate(STARTS):
        initial = np.tile(row.balanced * np.exp(start * weights), (SEEDS, 1))
        run = lib.sample(
            row.system(),
            dynamics=row.dynamics(STEP),
            step_size=STEP,
            steps=steps,
            walkers=SEEDS,
            rng=number,
            initial=initial,
            observe={"shift": lib.Trace(at=at)},
            progress=False,
        )
        low, middle, high = np.quantile(run["shift"].values, [0.25, 0.5, 0.75], axis=0)
        label = "SGD, median and quartiles of 64 seeds" if number == 0 else None
        ax.fill_between(at * STEP**2, low, high, color="C0", alpha=0.25, linewidth=0)
        ax.plot(at * STEP**2, middle, color="C0", label=label)
        ax.axhline(start, color="0.6", linestyle=":", label="gradient flow" if number == 0 else None)
    ax.axhline(row.expected.shift[0], color="black", label="noise equilibrium")
    ax.axhline(0.0, color="C3", linestyle="--", label="balanced point")
    ax.set_xlim(0.0, LONGEST)
    ax.set_xlabel("η² × steps, η = 0.01")
    ax.set_ylabel("λ = log(|w|² / v²) / 4")
    ax.set_title("A linear neuron with noise on its labels, batches of one row", fontsize="medium")
    ax.legend(fontsize="small")
    ax.spines[["top", "right"]].set_visible(False)
    drawing.savefig(PICTURE, dpi=150)


if __name__ == "__main__":
    main()
