"""All verdicts in one figure, and the picture behind them: orbits of u v, slices across them, the way to balance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...geometry import balance
from ...models import scalar_product
from .row import ALPHA, REJECTION, Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["orbits", "overview"]

LEAST = 1e-40
"""Smaller p-values are drawn here."""


def overview(verdicts: Sequence[Verdict]) -> Figure:
    """Draw the p-values of all rows: what is right has to lie on one side, every rival on the other.

    Parameters
    ----------
    verdicts : sequence of Verdict
        What the rows came to, from top to bottom.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - matplotlib is slow to import and only needed here

    drawing = Figure(figsize=(9.0, 1.4 + 0.32 * len(verdicts)), layout="constrained")
    ax = drawing.subplots()
    for row, verdict in enumerate(verdicts):
        rivals = np.maximum(list(verdict.rival_pvalues.values()), LEAST)
        ax.plot(rivals, np.full(len(rivals), row), "x", color="C3", label="rivals" if row == 0 else None)
        right = max(verdict.pvalue, LEAST)
        ax.plot([right], [row], "o", color="C0", label="right" if row == 0 else None)
    ax.axvline(ALPHA, color="C0", lw=0.8, ls="--")
    ax.axvline(REJECTION, color="C3", lw=0.8, ls="--")
    ax.axvspan(REJECTION, ALPHA, color="0.92", zorder=0)
    ax.set_xscale("log")
    ax.set_xlim(LEAST / 10, 3.0)
    ax.set_yticks(range(len(verdicts)), [verdict.name for verdict in verdicts])
    ax.set_ylim(len(verdicts) - 0.5, -0.5)
    ax.set_xlabel(
        f"p-value (those below {LEAST:g} at {LEAST:g}); right: at least {ALPHA:g}, rivals: below {REJECTION:g}"
    )
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.0 + 1.2 / (len(verdicts) + 4)), ncols=2, frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    return drawing


def orbits() -> Figure:
    """Draw orbits u v = theta, slices (u² - v²) / 2 = level, and where balance takes points along their orbits.

    This is Figure 1 of arXiv 2601.06597, with the slices of other levels, which are orthogonal to the orbits just as
    well.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - matplotlib is slow to import and only needed here

    drawing = Figure(figsize=(6.4, 6.0), layout="constrained")
    ax = drawing.subplots()
    end, points = 2.2, np.linspace(-2.2, 2.2, 401)
    u, v = np.meshgrid(points, points)
    thetas, levels = (-2.0, -1.0, -0.4, 0.4, 1.0, 2.0), (-1.0, -0.5, 0.5, 1.0)
    ax.contour(u, v, u * v, levels=thetas, colors="C0", linewidths=1.0, linestyles="solid")
    ax.contour(u, v, (u**2 - v**2) / 2, levels=levels, colors="0.6", linewidths=0.8, linestyles="dashed")
    ax.plot(points, points, color="C3", lw=1.6)
    ax.plot(points, -points, color="C3", lw=1.6)

    model = scalar_product()
    starts = np.array([[2.0, 0.2], [0.5, 2.0], [-2.0, -0.5], [-0.55, 1.8], [1.9, -0.21]])
    for start, stop in zip(starts, balance(model, starts), strict=True):
        s = np.linspace(0.0, np.log(stop[0] / start[0]), 60)
        ax.plot(start[0] * np.exp(s), start[1] * np.exp(-s), color="black", lw=1.4)
        ax.annotate("", stop, (start[0] * np.exp(s[-8]), start[1] * np.exp(-s[-8])), arrowprops={"arrowstyle": "->"})
        ax.plot(*start, "o", color="black", ms=4)
    for color, style, label in (
        ("C0", "-", "orbits, u v = const"),
        ("C3", "-", "slice of level 0, u² = v²"),
        ("0.6", "--", "slices of other levels"),
        ("black", "-", "balance: along the orbit to level 0"),
    ):
        ax.plot([], [], style, color=color, label=label)
    ax.set(xlim=(-end, end), ylim=(-end, end), xlabel="u", ylabel="v", aspect="equal")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.12), ncols=2, frameon=False, fontsize="small")
    return drawing
