"""Draws the figures of docs/differences.md: measures, minima, groups, and columns.

Run `python docs/scripts/differences.py`; it takes some twenty seconds.
"""

from __future__ import annotations

from pathlib import Path

import langevin_ib as lib
import numpy as np
from langevin_ib.models import matrix_factorization, scalar_product
from matplotlib.figure import Figure

IMAGES = Path(__file__).parents[1] / "images"
T = 0.3


def save(drawing: Figure, name: str) -> None:
    """Write a figure."""
    for ax in drawing.axes:
        ax.spines[["top", "right"]].set_visible(False)
    drawing.savefig(IMAGES / f"differences-{name}.png", dpi=110)


def measures() -> None:
    """Show a run on a slice beside its law and equation (6) read as a density in theta."""
    level = 0.1
    system = {"model": scalar_product(target=1.0), "dynamics": lib.GaugeFixed(level=level), "temperature": T}
    keep = {"theta": lib.Histogram(bins=140, range=(-1.5, 2.5), every=10)}
    run = lib.sample(**system, step_size=0.002, steps=60_000, burn_in=10_000, walkers=4096, rng=1, observe=keep)
    law = lib.density(observable="theta", **system)
    literal = lib.Density.from_log_weight(
        lambda x: -0.25 * np.log(level**2 + x**2) - (x - 1) ** 2 / (2 * T),
        support=(-4.0, 5.0),
        name="(c² + θ²)^(−1/4) exp(−L/T)",
        reference="d theta",
    )
    drawing = Figure(figsize=(6.4, 3.8), layout="constrained")
    ax = lib.plot.density(
        run["theta"], law, ax=drawing.subplots(), rivals={"the factor of dS, read as one of dθ": literal}
    )
    ax.set_title(f"u² − v² = {2 * level:g}, T = {T:g}", fontsize="medium")
    save(drawing, "measure")


def minima() -> None:
    """Show effective losses that have no least value beside laws that have a mean."""
    drawing = Figure(figsize=(6.4, 3.4), layout="constrained")
    left, right = drawing.subplots(1, 2)
    theta = np.linspace(1e-3, 2.0, 1000)
    for number, level in enumerate((0.3, 0.1, 0.01)):
        law = lib.density(scalar_product(target=1.0), "theta", dynamics=lib.GaugeFixed(level=level), temperature=T)
        label = f"level {level:g}"
        left.plot(theta, (theta - 1) ** 2 / 2 + T / 2 * np.log(level**2 + theta**2), f"C{number}", label=label)
        right.plot(theta, law.sf(theta), f"C{number}", label=label)
    left.plot(theta, (theta - 1) ** 2 / 2 + T * np.log(theta), "0.5", ls=":", label="level 0")
    left.set(xlabel="θ", ylabel="effective loss w.r.t. dθ", ylim=(-1.5, 0.6))
    right.set(xlabel="θ", ylabel="probability of more than θ", ylim=(0.0, 1.0))
    left.legend(fontsize="small")
    save(drawing, "minimum")


def groups() -> None:
    """Show that the same loss has another law under another group."""
    drawing = Figure(figsize=(6.4, 3.8), layout="constrained")
    ax = drawing.subplots()
    for number, group in enumerate(("gl", "diagonal")):
        model = matrix_factorization(4, 3, 2, group=group, loss=lambda matrix: (matrix.norm() ** 2) / 2)
        system = {"model": model, "dynamics": lib.GaugeFixed(level=0.0), "temperature": T}
        keep = {"angle": lib.Histogram(bins=40, range=(0.0, np.pi / 4), every=10)}
        run = lib.sample(**system, step_size=0.01, steps=4000, burn_in=1600, walkers=4096, rng=number, observe=keep)
        law, counts = lib.density(observable="angle", **system), run["angle"]
        angles = np.linspace(1e-3, np.pi / 4 - 1e-3, 200)
        ax.plot(angles, law.pdf(angles), f"C{number}", label=f"law, {'GL(2)' if group == 'gl' else 'diagonal group'}")
        middle = (counts.edges[1:] + counts.edges[:-1]) / 2
        ax.plot(middle, counts.density(), f"C{number}.", label="run" if number == 0 else None)
        if group == "gl":
            wrong = lib.rivals(observable="angle", **system)["compact generators"]
            ax.plot(angles, wrong.pdf(angles), "C0--", lw=1, label="det of all generators of GL(2)")
    ax.set(xlabel="atan2(σ₂, σ₁)", ylabel="density w.r.t. the angle")
    ax.legend(fontsize="small")
    save(drawing, "groups")


def columns() -> None:
    """Show the bias of columns above that of singular values, for random balanced columns."""
    rng = np.random.default_rng(0)
    drawing = Figure(figsize=(4.2, 3.8), layout="constrained")
    ax = drawing.subplots()
    u, v = rng.normal(size=(400, 5, 2)), rng.normal(size=(400, 4, 2))
    by_columns = np.log(2 * np.linalg.norm(u, axis=1) * np.linalg.norm(v, axis=1)).sum(axis=-1)
    singular = np.linalg.svd(u @ v.swapaxes(1, 2), compute_uv=False)[:, :2]
    ax.plot(np.log(2 * singular).sum(axis=1), by_columns, ".", alpha=0.5)
    ax.axline((2.0, 2.0), slope=1, color="0.5")
    ax.set(xlabel="Σ log 2σⱼ, singular values", ylabel="Σ log 2|Uⱼ||Vⱼ|, columns")
    save(drawing, "columns")


if __name__ == "__main__":
    measures()
    minima()
    groups()
    columns()
