"""A matrix of rank 2 of which 40 % of the entries are seen: flows from a small scale beside the nuclear norm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...design import low_rank
from ...display import colour
from ..experiments import Array, Measured, band, drawing
from .exhibit import Exhibit, Views, draw_errors, median, relative_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LowRank"]

SIZE, SIGMA, SEEN, WANTED = 20, (15.0, 5.0), 160, 0.08
SCALE, LARGE, STOP, STRENGTH = 1e-3, 1.0, 1e-3, 1e-3
"""Where flows begin, the share of the gradient at which they end, and the weight decay as a share of lambda_max."""

ROUNDS = 3_000


class LowRank(Exhibit):
    """Completion of a matrix."""

    name = "lowrank"
    title = "A matrix of rank 2 from 40 % of its entries"
    expectation = (
        f"gradient flow on U Vᵀ from a small scale has an error of {WANTED} or less, weight decay that of the nuclear "
        "norm, which is larger; from a large scale there is no bias; whoever knows the rank is best"
    )
    arms: ClassVar[Mapping[str, str]] = {
        "norm": "least nuclear norm, soft thresholds",
        "decay": "weight decay on U Vᵀ",
        "flow": f"gradient flow from {SCALE:g}",
        "large": f"gradient flow from {LARGE:g}",
        "known": f"gradient flow from {SCALE:g}, rank known",
    }

    def settings(self, *, quick: bool) -> str:
        """Return what was set."""
        del quick
        return (
            f"{SIZE} x {SIZE}, singular values {SIGMA[0]:g} and {SIGMA[1]:g}, {SEEN} entries without noise, U and V of "
            f"{SIZE} columns; weight decay and norm at {STRENGTH:g} of the strength that finds nothing, flows until "
            f"the gradient is {STOP:g} of its first"
        )

    def draw(self, rng: np.random.Generator, *, quick: bool) -> Views:
        """Return the matrix and the places that are seen."""
        left, right = (np.linalg.qr(rng.normal(size=(SIZE, len(SIGMA))))[0] for _ in range(2))
        return {"w": ((left * SIGMA) @ right.T).ravel(), "seen": rng.permutation(SIZE**2)[:SEEN].astype(float)}

    def solve(self, arm: str, problem: Views, done: Mapping[str, Views], *, key: int, quick: bool) -> Views:
        """Return the relative error and the singular values."""
        truth, seen = problem["w"], problem["seen"].astype(int)
        X, y = np.eye(SIZE**2)[seen], truth[seen]
        if arm == "norm":
            w = _thresholded(seen, y, ROUNDS // 10 if quick else ROUNDS)
        elif arm == "decay":
            w = low_rank((SIZE, SIZE), SIZE).fit(X, y, strength=STRENGTH).weights
        else:
            recipe = low_rank((SIZE, SIZE), len(SIGMA) if arm == "known" else SIZE)
            scale = LARGE if arm == "large" else SCALE
            w = recipe.fit(X, y, method="gradient-flow", scale=scale, strength=STOP).weights
        values = np.linalg.svd(np.reshape(w, (SIZE, SIZE)).astype(np.float64), compute_uv=False)
        return {"error": relative_error(w, truth), "sigma": values}

    def measured(self, arrays: Mapping[str, Array]) -> list[Measured]:
        """Return relative errors."""
        return [Measured(f"relative error, {name}", arrays[f"{arm}.error"]) for arm, name in self.arms.items()]

    def sentence(self, arrays: Mapping[str, Array]) -> str:
        """Return who is better."""
        flow, norm, decay, known = (median(arrays, f"{arm}.error") for arm in ("flow", "norm", "decay", "known"))
        share = 100.0 * np.mean(arrays["flow.error"] <= WANTED)
        return (
            f"Gradient flow from {SCALE:g} has a relative error of {flow:.3g}, {WANTED} or less in {share:.0f} % of "
            f"seeds; the nuclear norm {norm:.3g}, weight decay {decay:.3g}, the flow with the rank known {known:.2g}."
        )

    def figure(self, arrays: Mapping[str, Array]) -> Figure:
        """Draw singular values and errors."""
        paper = drawing(9.5, 4.2)
        values, errors = paper.subplots(1, 2)
        for place, (arm, name) in enumerate(self.arms.items()):
            sigma = np.maximum(arrays[f"{arm}.sigma"], 1e-6)
            band(values, np.arange(1.0, SIZE + 1), sigma, color=colour(place), label=name)
        values.plot([1, 2], SIGMA, "kx", label="truth")
        values.set(yscale="log", xlabel="number", ylabel="singular value", xticks=(1, 2, 5, 10, 15, 20))
        values.legend(fontsize="x-small", frameon=False)
        draw_errors(errors, arrays, "error", self.arms)
        errors.axvline(WANTED, color="0.5", ls=":", label=f"{WANTED}")
        errors.legend(fontsize="x-small", frameon=False)
        errors.set(xlabel="|w - truth| / |truth|; a point a seed")
        for ax in (values, errors):
            ax.spines[["top", "right"]].set_visible(False)
        return paper


def _thresholded(seen: np.ndarray, y: Array, rounds: int) -> Array:
    """Return the least |w_seen - y|²/(2 n) + lam |w|_*, by proximal steps (Mazumder, Hastie and Tibshirani, 2010)."""
    w, ends = np.zeros(SIZE**2), np.zeros(SIZE**2)
    ends[seen] = y
    least = STRENGTH * float(np.linalg.norm(ends.reshape(SIZE, SIZE), 2))
    # From the top, so that each solution is near the last one.
    for strength in np.geomspace(1.0, STRENGTH, 8):
        for _ in range(rounds // 8):
            w[seen] = y
            left, values, right = np.linalg.svd(w.reshape(SIZE, SIZE))
            w = ((left * np.maximum(values - least * strength / STRENGTH, 0.0)) @ right).ravel()
    return w
