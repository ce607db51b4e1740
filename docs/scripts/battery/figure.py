"""The figure of docs/noise.md: a histogram of the draws against the normal density, out to where no draw is left."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from scipy import special, stats

from .results import Floats

mpl.use("Agg")
from matplotlib import pyplot as plt


def draw(path: Path, edges: Floats, counts: Floats, draws: int) -> None:
    """Draw counts a bin on a logarithmic scale, and below them how many standard errors they are off."""
    # Upper tails as mirrored lower tails, which keep their relative accuracy.
    mass = np.where(edges[1:] <= 0, np.diff(special.ndtr(edges)), -np.diff(special.ndtr(-edges)))
    width = edges[1] - edges[0]
    middle = (edges[1:] + edges[:-1]) / 2
    some, expected = counts > 0, draws * mass
    enough = expected >= 10
    scores = (counts - expected) / np.sqrt(expected * (1 - mass))

    figure, (above, below) = plt.subplots(
        2, 1, figsize=(8, 6.5), sharex=True, height_ratios=(3, 1), layout="constrained"
    )
    x = np.linspace(-7, 7, 1001)
    above.semilogy(x, stats.norm.pdf(x), color="C1", label="normal density")
    error = np.sqrt(counts[some]) / draws / width
    height = counts[some] / draws / width
    above.errorbar(
        middle[some],
        height,
        yerr=[np.minimum(error, 0.9 * height), error],
        fmt=".",
        markersize=3,
        color="C0",
        elinewidth=0.8,
        label=f"{draws:.3g} draws, bins of width {width:g}",
    )
    above.axhline(1 / draws / width, color="0.6", linewidth=0.8, linestyle=":", label="one draw in a bin")
    above.set(ylabel="probability density", ylim=(3e-11, 1), xlim=(-7, 7))
    above.legend(loc="lower center")
    above.set_title("Standard normals as the sampler draws them (float64)")

    below.axhspan(-2, 2, color="0.9")
    below.axhline(0, color="C1", linewidth=1)
    below.plot(middle[enough], scores[enough], ".", markersize=4, color="C0")
    limit = max(4.0, float(np.abs(scores[enough]).max()) + 0.5)
    below.set(xlabel="x / standard deviation", ylabel="(count − expected)\n/ standard error", ylim=(-limit, limit))
    figure.savefig(path, dpi=130)
    plt.close(figure)
