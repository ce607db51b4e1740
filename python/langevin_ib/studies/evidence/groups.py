"""Groups of five columns: a vector times a number under weight decay, beside a solver of the group lasso."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...design import group_sparsity, sparsity
from ..experiments import Array, Measured, drawing
from .exhibit import Exhibit, Views, draw_errors, median, relative_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Groups"]

ROWS, GROUPS, SIZE, ACTIVE, NOISE, WANTED = 100, 40, 5, 6, 0.5, 1e-6
QUICK = 0.1
"""The strength of a first look."""

PLACES = np.arange(GROUPS * SIZE).reshape(GROUPS, SIZE).tolist()


class Groups(Exhibit):
    """Regression in which whole groups vanish."""

    name = "groups"
    title = "Groups that vanish as one"
    expectation = (
        f"weight decay is the group lasso: the weights of celer at the same strength, with a duality gap of {WANTED:g} "
        "or less; without groups the error is larger; least squares on the right groups is out of reach"
    )
    arms: ClassVar[Mapping[str, str]] = {
        "decay": "weight decay, vector times number",
        "celer": "group lasso, celer",
        "alone": "weight decay without groups",
        "oracle": "least squares, groups known",
    }
    peers: ClassVar[Mapping[str, str]] = {"celer": "celer"}

    def settings(self, *, quick: bool) -> str:
        """Return what was set."""
        chosen = f"strengths {QUICK:g}" if quick else "strengths by cross-validation in 5 folds"
        return (
            f"{ROWS} rows, {GROUPS} groups of {SIZE} Gaussian columns, {ACTIVE} of them with weights, noise {NOISE:g}; "
            f"{chosen}, celer at that of weight decay"
        )

    def draw(self, rng: np.random.Generator, *, quick: bool) -> Views:
        """Return rows, labels and weights."""
        X, w = rng.standard_normal((ROWS, GROUPS * SIZE)), np.zeros((GROUPS, SIZE))
        w[rng.permutation(GROUPS)[:ACTIVE]] = rng.standard_normal((ACTIVE, SIZE))
        return {"X": X, "y": X @ w.ravel() + NOISE * rng.standard_normal(ROWS), "w": w.ravel()}

    def solve(self, arm: str, problem: Views, done: Mapping[str, Views], *, key: int, quick: bool) -> Views:
        """Return relative errors, of weight decay its gap, of celer how far it is from weight decay."""
        X, y, truth = problem["X"], problem["y"], problem["w"]
        views: Views = {}
        if arm == "celer":
            from celer import GroupLasso  # noqa: PLC0415 - it may not be there

            lam, ours = float(done["decay"]["lam"]), done["decay"]["w"]
            w = GroupLasso(SIZE, alpha=lam, fit_intercept=False, tol=1e-12, max_iter=1_000).fit(X, y).coef_
            views["apart"] = np.abs(w - ours).max() / np.abs(ours).max()
        elif arm == "oracle":
            kept, w = truth != 0.0, np.zeros(len(truth))
            w[kept] = np.linalg.lstsq(X[:, kept], y, rcond=None)[0]
        else:
            recipe = group_sparsity(PLACES) if arm == "decay" else sparsity()
            fit = recipe.fit(X, y, strength=QUICK if quick else "cv")
            w = fit.weights
            views |= {"gap": np.array(fit.gap), "lam": np.array(fit.lam)}
        return {**views, "w": w, "error": relative_error(w, truth)}

    def measured(self, arrays: Mapping[str, Array]) -> list[Measured]:
        """Return errors, gaps, and differences."""
        found = [
            Measured(f"relative error, {name}", arrays[f"{arm}.error"])
            for arm, name in self.present(arrays, "error").items()
        ]
        found.append(Measured("duality gap of weight decay", arrays["decay.gap"]))
        if "celer.apart" in arrays:
            found.append(Measured("largest difference to celer's weights, relative", arrays["celer.apart"]))
        return found

    def sentence(self, arrays: Mapping[str, Array]) -> str:
        """Return whether it is the group lasso."""
        beside = "celer is not there to compare with"
        if "celer.apart" in arrays:
            beside = (
                f"celer has {median(arrays, 'celer.error'):.3g}, and weights that differ by "
                f"{arrays['celer.apart'].max():.1g} at most"
            )
        return (
            f"Weight decay has a relative error of {median(arrays, 'decay.error'):.3g}, its duality gap is "
            f"{arrays['decay.gap'].max():.1g} at most; {beside}. Without groups it is "
            f"{median(arrays, 'alone.error'):.3g}, with the groups known {median(arrays, 'oracle.error'):.3g}."
        )

    def figure(self, arrays: Mapping[str, Array]) -> Figure:
        """Draw errors, and how exact weight decay is."""
        paper = drawing(9.5, 4.2)
        errors, exact = paper.subplots(1, 2)
        draw_errors(errors, arrays, "error", self.present(arrays, "error"))
        errors.set(xlabel="|w - truth| / |truth|; a point a seed")
        for arm, view, name in (("decay", "gap", "duality gap"), ("celer", "apart", "difference to celer, relative")):
            if f"{arm}.{view}" in arrays:
                values = np.maximum(arrays[f"{arm}.{view}"], 1e-17)
                exact.plot(np.arange(len(values)), values, "o", ms=4, label=name)
        exact.axhline(WANTED, color="0.5", ls=":", label=f"{WANTED:g}")
        exact.set(yscale="log", xlabel="seed", ylabel="distance from the minimum")
        exact.legend(fontsize="x-small", frameon=False)
        for ax in (errors, exact):
            ax.spines[["top", "right"]].set_visible(False)
        return paper
