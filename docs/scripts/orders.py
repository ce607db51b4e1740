"""Draws docs/images/orders.png: the stationary bias of E[theta] against the step size, for each scheme.

Run `python docs/scripts/orders.py`; about four minutes on one core. It prints the table of docs/schemes.md.
"""

from __future__ import annotations

from pathlib import Path

import langevin_ib as lib
import matplotlib.pyplot as plt
import numpy as np

TEMPERATURE = 0.2
MODEL, DYNAMICS = lib.models.scalar_product(target=1.0), lib.Ambient(weight_decay=0.5)
EXACT = lib.density(MODEL, "theta", temperature=TEMPERATURE, dynamics=DYNAMICS).mean()

WALKERS, BURN_IN = 4096, 20.0
# Of each scheme: the steps, the time for which each walker is watched, and how it is drawn.
CASES = {
    "euler-maruyama": ((0.01, 0.02, 0.04, 0.08, 0.16), 20_000.0, ("C3", "o", "Euler–Maruyama")),
    "leimkuhler-matthews": ((0.06, 0.08, 0.12, 0.16, 0.2), 500_000.0, ("C0", "s", "Leimkuhler–Matthews")),
    "mala": ((0.05, 0.1, 0.2, 0.4), 100_000.0, ("C2", "^", "MALA")),
}
GUIDES = {1: (0.0711, (0.008, 0.2)), 2: (0.0038, (0.05, 0.25))}
FLOOR = 4e-6


def bias(scheme: str, step_size: float, time: float) -> tuple[float, float]:
    """Return E[theta] less the exact one, and its standard error from the means of independent walkers."""
    run = lib.sample(
        MODEL,
        dynamics=DYNAMICS,
        temperature=TEMPERATURE,
        step_size=step_size,
        steps=round((BURN_IN + time) / step_size),
        burn_in=round(BURN_IN / step_size),
        walkers=WALKERS,
        initial=0.7,
        rng=[2026, round(1 / step_size)],
        scheme=scheme,
        noise="single",
        observe={"theta": lib.Moments()},
        threads=1,
        progress=False,
    )
    return run["theta"].mean() - EXACT, run["theta"].standard_error()


def main() -> None:
    """Sample, print and draw."""
    figure, axes = plt.subplots(figsize=(6.5, 4.6), layout="constrained")
    for scheme, (step_sizes, time, (color, marker, label)) in CASES.items():
        found = np.array([bias(scheme, h, time) for h in step_sizes])
        for h, (value, error) in zip(step_sizes, found, strict=True):
            print(f"{scheme:20} h = {h:<5g} bias = {value * 1e5:8.2f}(±{error * 1e5:.2f})e-5", flush=True)
        size, error = np.abs(found[:, 0]), found[:, 1]
        # What reaches down to 0 is drawn down to the axis.
        below = np.minimum(error, size - FLOOR / 10)
        axes.errorbar(step_sizes, size, (below, error), color=color, marker=marker, ls="none", capsize=3, label=label)
    for order, (factor, ends) in GUIDES.items():
        h = np.array(ends)
        axes.plot(h, factor * h**order, color="0.5", lw=1, ls=("--", ":")[order - 1], zorder=0)
        power = "h" if order == 1 else "h²"
        axes.annotate(f"{factor:g} {power}", (h[-1], factor * h[-1] ** order), (4, 0), textcoords="offset points")
    axes.set(xscale="log", yscale="log", xlim=(0.007, 0.6), ylim=(FLOOR, 0.03))
    axes.set_xlabel("step size h (units of time)")
    axes.set_ylabel("|bias of E[θ]| (units of θ = u v)")
    axes.set_title("Stationary bias: T = 0.2, weight decay 0.5, L = (u v − 1)²/2; bars: 1 standard error", fontsize=9)
    axes.legend(loc="upper left", frameon=False)
    figure.savefig(Path(__file__).parents[1] / "images" / "orders.png", dpi=150)


if __name__ == "__main__":
    main()
