"""The paper's piecewise constant signal from 60 of 200 measurements, its offset free, beside least total variation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...design import differences, sparsity
from ...display import colour
from ..experiments import SIGNAL, Array, Measured, band, basis_pursuit, drawing
from .exhibit import Exhibit, Views, draw_errors, median

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Variation"]

ROWS, NOISE, WANTED = 60, 0.1, 0.0025
DEEPER, SCALE, STOP = 0.01, 1e-3, 0.01
"""The strength of depth 3, which is not convex; where the flow begins, and at which share of its gradient it ends."""

SIZE = len(SIGNAL)


class Variation(Exhibit):
    """Products whose features are differences."""

    name = "tv"
    title = "A signal that is constant in pieces"
    expectation = (
        f"weight decay of depth 2 is least total variation: a mean squared error of {WANTED} or less, as its solver "
        "has; an offset that is penalised costs a factor of 4 and more; depth 3 is better where it does not miss a jump"
    )
    arms: ClassVar[Mapping[str, str]] = {
        "lasso": "least total variation, noise known",
        "decay": "weight decay, depth 2",
        "deeper": "weight decay, depth 3",
        "flow": "gradient flow, depth 2",
        "penalised": "weight decay, offset penalised",
    }

    def settings(self, *, quick: bool) -> str:
        """Return what was set."""
        del quick
        return (
            f"{SIZE} values, {ROWS} Gaussian measurements, noise {NOISE:g}; strengths of depth 2 by cross-validation "
            f"in 5 folds, of depth 3 {DEEPER:g}; the flow begins at {SCALE:g} and ends at {STOP:g} of its gradient"
        )

    def draw(self, rng: np.random.Generator, *, quick: bool) -> Views:
        """Return measurements and labels."""
        measured = rng.standard_normal((ROWS, SIZE)) / np.sqrt(ROWS)
        return {"A": measured, "y": measured @ SIGNAL + NOISE * rng.standard_normal(ROWS)}

    def solve(self, arm: str, problem: Views, done: Mapping[str, Views], *, key: int, quick: bool) -> Views:
        """Return the signal and its mean squared error."""
        A, y = problem["A"], problem["y"]
        if arm == "lasso":
            # In jumps: the first column of the triangle is the offset, which is free.
            signal = np.cumsum(basis_pursuit(A @ np.tri(SIZE), y, NOISE**2, free=(0,)))
        elif arm == "penalised":
            signal = sparsity(np.eye(SIZE) - np.eye(SIZE, k=-1)).fit(A, y).weights
        elif arm == "flow":
            signal = sparsity(differences(SIZE)).fit(A, y, method="gradient-flow", scale=SCALE, strength=STOP).weights
        elif arm == "deeper":
            signal = sparsity(differences(SIZE), depth=3).fit(A, y, strength=DEEPER).weights
        else:
            signal = sparsity(differences(SIZE)).fit(A, y).weights
        return {"signal": signal, "error": np.mean((signal - SIGNAL) ** 2)}

    def measured(self, arrays: Mapping[str, Array]) -> list[Measured]:
        """Return mean squared errors."""
        return [Measured(f"mean squared error, {name}", arrays[f"{arm}.error"]) for arm, name in self.arms.items()]

    def sentence(self, arrays: Mapping[str, Array]) -> str:
        """Return who is better."""
        ours, theirs, deep = (median(arrays, f"{arm}.error") for arm in ("decay", "lasso", "deeper"))
        below, worse = np.mean(arrays["decay.error"] <= WANTED), median(arrays, "penalised.error") / ours
        return (
            f"Weight decay of depth 2 has a mean squared error of {ours:.2g} in the median, {WANTED} or less in "
            f"{100 * below:.0f} % of seeds; least total variation with the noise known {theirs:.2g}, depth 3 "
            f"{deep:.2g}. An offset that is penalised costs a factor of {worse:.2g}."
        )

    def figure(self, arrays: Mapping[str, Array]) -> Figure:
        """Draw signals, and errors of all seeds."""
        paper = drawing(9.5, 4.2)
        signals, errors = paper.subplots(1, 2)
        for place, (arm, name) in enumerate(self.arms.items()):
            if arm in ("lasso", "decay", "penalised"):
                band(signals, np.arange(float(SIZE)), arrays[f"{arm}.signal"], color=colour(place), label=name)
        signals.plot(SIGNAL, color="black", lw=0.8, ls="--", label="truth")
        signals.set(xlabel="place", ylabel="signal")
        draw_errors(errors, arrays, "error", self.arms)
        errors.axvline(WANTED, color="0.5", ls=":", label=f"{WANTED}")
        errors.set(xlabel="mean squared error; a point a seed")
        for ax in (signals, errors):
            ax.legend(fontsize="x-small", frameon=False)
            ax.spines[["top", "right"]].set_visible(False)
        return paper
