"""The potential of gradient flow as a function of the weights; or that there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .penalties import NoPotential, Potential

if TYPE_CHECKING:
    from .recipe import Recipe

__all__ = ["NoPotential", "WeightPotential"]


class WeightPotential:
    """Phi(A w), the sum over features; a function of w, shape (..., weights).

    Parameters
    ----------
    recipe : Recipe
        Whose weights.
    each : Potential
        That of a feature.
    """

    def __init__(self, recipe: Recipe, each: Potential) -> None:
        self.recipe, self.each = recipe, each

    def __call__(self, w: Any) -> Any:
        """Return Phi, shape (...)."""
        return self.each.value(self.recipe.features(w)).sum(axis=-1)[()]

    def gradient(self, w: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return its derivative w.r.t. the weights, shape (..., weights)."""
        slope, operator = self.each.slope(self.recipe.features(w)), self.recipe.operator
        return slope if operator is None else np.asarray(slope @ operator.matrix)

    def __repr__(self) -> str:
        return f"<potential of gradient flow, {self.recipe.block.words}, scale {self.each.scale:g}>"
