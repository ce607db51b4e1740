"""All verdicts in one figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...display import colour
from .row import ALPHA, REJECTION, Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["overview"]

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
        ax.plot(rivals, np.full(len(rivals), row), "x", color=colour(3), label="rivals" if row == 0 else None)
        right = max(verdict.pvalue, LEAST)
        ax.plot([right], [row], "o", color=colour(0), label="right" if row == 0 else None)
    ax.axvline(ALPHA, color=colour(0), lw=0.8, ls="--")
    ax.axvline(REJECTION, color=colour(3), lw=0.8, ls="--")
    ax.axvspan(REJECTION, ALPHA, color="0.5", alpha=0.15, lw=0.0, zorder=0)
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
