"""What a fit came to: weights, what they are the estimate of, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..recipe import Recipe

__all__ = ["Fit", "Path"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Path:
    """The fits on the way, from the strongest bias to the wanted one, each begun where the last one ended.

    Attributes
    ----------
    strengths : (k,) array
        As shares of `lambda_max`.
    weights : (k, weights) array
    gaps : (k,) array
        The certificates, see `Fit.gap`; nan where there are none.
    scores : (k,) array or None
        Mean squared errors of rows left out, where the strength was chosen by cross-validation.
    """

    strengths: FloatArray
    weights: FloatArray
    gaps: FloatArray
    scores: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Fit:
    """Weights that a mechanism found for data.

    Attributes
    ----------
    recipe : Recipe
    method : str
        "weight-decay", "gradient-flow", "label-noise" or "langevin".
    estimator : str
        What the weights are: "minimiser" (certified, or of a potential among what fits), "local minimiser" of a
        problem that is not convex, "early stop" of a flow, "posterior mean", or the
        "mean after" so many steps of label noise, over seeds.
    weights : (weights,) array
    features : (features,) array
        A w; exact zeros where the mechanism has them. In the frame "synthesis" of a tall A the z that w is made of.
    offset : float
        The plain intercept; 0 without one.
    strength : float
        As a share of `lambda_max`.
    lambda_max : float
        The least lam for which depth 2 finds no features at all; the unit of strength for other recipes, too.
    lam : float
        The weight decay, strength times `lambda_max`; for a flow the size of the gradient at which it was stopped.
    gap : float
        The duality gap as a share of the loss at zero: the objective is no further above its minimum. nan where the
        problem is not convex, or the estimate no minimiser.
    path : Path
    time : float
        When a flow was stopped: the number of small steps times their size; nan for others.
    uncertainty : (weights,) array or None
        Standard deviations: of the posterior, or of what seeds come to under label noise.
    error : (weights,) array or None
        Standard errors of `weights`, which are means over seeds.
    """

    recipe: Recipe
    method: str
    estimator: str
    weights: FloatArray
    features: FloatArray
    offset: float
    strength: float
    lambda_max: float
    lam: float
    gap: float
    path: Path
    time: float
    uncertainty: FloatArray | None = None
    error: FloatArray | None = None

    @property
    def support(self) -> NDArray[np.intp]:
        """The features that are not zero; of flows, that are above 1e-6 of the largest."""
        size = np.abs(self.features)
        return np.flatnonzero(size > 1e-6 * size.max(initial=0.0))

    def predict(self, X: FloatArray) -> FloatArray:
        """Return X w + offset, shape (n,)."""
        return np.asarray(np.asarray(X, dtype=np.float64) @ self.weights + self.offset)

    def __repr__(self) -> str:
        gap = f", gap {self.gap:.1e}" if np.isfinite(self.gap) else ""
        return (
            f"<Fit by {self.method}, {self.estimator}: {self.support.size} of {self.features.size} features, strength "
            f"{self.strength:.3g} of lambda_max {self.lambda_max:.3g}{gap}>"
        )
