"""DesignedRegressor: fits of recipes as a scikit-learn estimator; needs the extra `sklearn`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..checks import checked_int, one_of
from ..errors import InvalidArgumentError
from .recipe import Recipe
from .recipes import concave, group_sparsity, sparsity
from .shapes import Shape, huber, log_sum, mcp, scad

try:
    from sklearn import base
    from sklearn.utils import validation
except ImportError as error:
    # The class is there to be read and imported; who makes one is told what is missing.
    checks: Any = None
    parents: Any = (object,)
    missing: ImportError | None = error
else:
    checks, parents, missing = validation, (base.RegressorMixin, base.BaseEstimator), None

__all__ = ["DesignedRegressor"]

FloatArray = NDArray[np.float64]

_SHAPES: Mapping[str, Callable[[], Shape]] = {"mcp": mcp, "scad": scad, "log-sum": log_sum, "huber": huber}
PENALTIES = ("l1", "group", *_SHAPES)


class DesignedRegressor(*parents):  # type: ignore[misc]  # scikit-learn may not be there, and has no types
    """Least squares with a bias by parameterisation, as a scikit-learn estimator.

    Parameters
    ----------
    penalty : {"l1", "group", "mcp", "scad", "log-sum", "huber"}
        The bias under weight decay; for `depth` K > 2 "l1" and "group" are |z|^(2/K).
    operator : array or None
        From weights to features, see `sparsity`.
    groups : sequence or None
        For "group", see `group_sparsity`.
    depth : int
        The number of factors.
    method : {"weight-decay", "gradient-flow"}
        As for `Recipe.fit`.
    strength : float or "cv"
        As for `Recipe.fit`.
    cv : int
        The folds of "cv"; no more than there are rows.
    fit_intercept : bool
        Whether there is an intercept, which is plain: no bias is put on it.

    Attributes
    ----------
    coef_ : (n_features,) array
    intercept_ : float
    fit_ : Fit or None
        Everything else; None where no feature is correlated with y, so that all coefficients are zero.
    recipe_ : Recipe
    n_features_in_ : int

    Examples
    --------
    ``DesignedRegressor("mcp", strength=0.1).fit(X, y).coef_``
    """

    def __init__(
        self,
        penalty: str = "l1",
        *,
        operator: Any = None,
        groups: Any = None,
        depth: int = 2,
        method: str = "weight-decay",
        strength: Any = "cv",
        cv: int = 5,
        fit_intercept: bool = True,
    ) -> None:
        if missing is not None:
            raise ImportError(
                "DesignedRegressor is a scikit-learn estimator, and scikit-learn 1.6 or later is not there; install it "
                "by pip install 'langevin-ib[sklearn]', or use recipe.fit(X, y), which needs nothing more"
            ) from missing
        self.penalty = penalty
        self.operator = operator
        self.groups = groups
        self.depth = depth
        self.method = method
        self.strength = strength
        self.cv = cv
        self.fit_intercept = fit_intercept

    def fit(self, X: Any, y: Any) -> Self:
        """Fit the recipe to data, shapes (n_samples, n_features) and (n_samples,)."""
        X, y = checks.validate_data(self, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        folds = min(checked_int("cv", self.cv, minimum=2, maximum=10**9), len(y))
        self.recipe_ = self._recipe()
        centred = X - X.mean(axis=0) if self.fit_intercept else X
        is_blind = (
            self.operator is None and np.abs(centred.T @ y).max() <= 1e-13 * np.abs(centred).max() * np.abs(y).sum()
        )
        self.fit_ = None
        self.coef_: FloatArray = np.zeros(X.shape[1])
        self.intercept_ = float(np.mean(y)) if self.fit_intercept else 0.0
        if not is_blind:
            self.fit_ = self.recipe_.fit(
                X, y, method=self.method, strength=self.strength, intercept=bool(self.fit_intercept), folds=folds
            )
            self.coef_, self.intercept_ = self.fit_.weights, self.fit_.offset
        return self

    def predict(self, X: Any) -> FloatArray:
        """Return X coef_ + intercept_, shape (n_samples,)."""
        checks.check_is_fitted(self)
        X = checks.validate_data(self, X, dtype=np.float64, reset=False)
        return np.asarray(X @ self.coef_ + self.intercept_)

    def _recipe(self) -> Recipe:
        one_of("penalty", self.penalty, PENALTIES)
        if self.penalty == "group":
            if self.groups is None:
                raise InvalidArgumentError("penalty='group' needs groups=, such as [[0, 1], [2, 3, 4]]")
            return group_sparsity(self.groups, operator=self.operator, depth=self.depth)
        if self.penalty == "l1":
            return sparsity(self.operator, depth=self.depth)
        return concave(_SHAPES[self.penalty](), operator=self.operator)
